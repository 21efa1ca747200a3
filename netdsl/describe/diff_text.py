"""What differs between two programs, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..base.text_table import Column, listed, text_table
from ..base.units import plural
from .program_diff import Changed, ChangedNode, NodeFacts, ProgramDiff

#: So many lines of a section are shown, unless all are wanted.
MOST = 24
_INDENT = "  "


def diff_text(diff: ProgramDiff, width: int | None = 100, everything: bool = False) -> str:
    """The verdict on the first line, then a section for each part that differs."""
    lines = listed([("then", diff.names[0]), ("now", diff.names[1])], width=width)
    lines += ["", verdict(diff)]
    most = None if everything else MOST
    for title, section in (("graph", _graph(diff, width)), ("cost", _cost(diff)), ("checkpoint", _tensors(diff)),
                           ("plan", _plan(diff, width)), ("data", _keys(diff.data, width))):
        found = list(section)
        if found:
            lines += ["", title, *_shortened(found, most)]
    return "\n".join(lines) + "\n"


def verdict(diff: ProgramDiff) -> str:
    """One sentence: `The networks are equal but for 14 names; the plan differs.`"""
    others = [name for name, part in (("the plan", diff.plan), ("the data", diff.data)) if part]
    rest = " and ".join(others)
    differ = f"{rest} {'differs' if others == ['the plan'] else 'differ'}" if others else ""
    if not diff.same_graph:
        counts = [plural(len(part), f"node {word}", f"nodes {word}") for word, part in
                  (("added", diff.added), ("removed", diff.removed), ("changed", diff.changed)) if part]
        counts += [f"{plural(len(diff.pairs) - len(diff.changed), 'node')} the same"]
        counts += ["other lists of nodes"] if len(diff.lists) > 1 else [f"another {c.key}" for c in diff.lists]
        return f"The networks differ: {', '.join(counts)}{'; ' + differ if differ else ''}."
    same = f"equal but for {plural(len(diff.renamed), 'name')}" if diff.renamed else "equal"
    if differ:
        return f"The networks are {same}; {differ}."
    return f"The networks are {same}; plan and data are the same." if diff.renamed else "Nothing differs."


def _shortened(lines: Sequence[str], most: int | None) -> list[str]:
    if most is None or len(lines) <= most + 1:
        return list(lines)
    return [*lines[:most], f"{_INDENT}... and {len(lines) - most} more; `--all` lists them"]


# --- the graph ---------------------------------------------------------------------------------------


def _graph(diff: ProgramDiff, width: int | None) -> Iterator[str]:
    """A line for each node: `+` added, `-` removed, `~` changed, `=` under another name; then the lists."""
    rows = [*_facts("+", diff.groups(diff.added)), *_facts("-", diff.groups(diff.removed))]
    room = None if width is None else width - len(_INDENT)
    columns = (Column(cut=1, least=12), Column(cut=2), Column(right=True), Column(right=True))
    yield from (_INDENT + line for line in text_table(columns, rows, room))
    changed = [(f"~ {_both(node)}", _changes(node)) for node in diff.changed]
    yield from listed(changed, len(_INDENT), width)
    names = [(f"= {then}", f"is now {now}") for then, now in diff.renamed
             if not any(node.then == then for node in diff.changed)]
    yield from listed(names, len(_INDENT), width)
    yield from listed([(f"~ {change.key}", f"{change.then or 'none'} -> {change.now or 'none'}")
                       for change in diff.lists], len(_INDENT), width)


def _facts(sign: str, nodes: Sequence[NodeFacts]) -> list[tuple[str, ...]]:
    return [(f"{sign} {node.name}", node.layer, node.output,
             f"{node.parameters:,} parameters" if node.parameters else "") for node in nodes]


def _both(node: ChangedNode) -> str:
    return node.now if node.then == node.now else f"{node.now} (was {node.then})"


def _changes(node: ChangedNode) -> str:
    return ", ".join(f"{change.key} {change.then} -> {change.now}" for change in node.changes)


# --- cost, plan, data ----------------------------------------------------------------------------------


def _cost(diff: ProgramDiff) -> Iterator[str]:
    rows = [(quantity.name, f"{quantity.then:,}", f"{quantity.now:,}", _share(quantity.then, quantity.now))
            for quantity in diff.cost if quantity.then != quantity.now]
    columns = (Column(), Column("then", right=True), Column("now", right=True), Column(right=True))
    if rows:
        yield from (_INDENT + line for line in text_table(columns, rows))


def _share(then: int, now: int) -> str:
    return f"{100 * (now - then) / then:+.1f} %" if then else ""


def _tensors(diff: ProgramDiff) -> Iterator[str]:
    """What is in the way of loading the weights of then."""
    added = sum(change.then is None for change in diff.tensors)
    removed = sum(change.now is None for change in diff.tensors)
    resized = len(diff.tensors) - added - removed
    parts = [f"{plural(count, 'tensor')} {what}" for count, what in (
        (diff.renamed_tensors, "under another name"), (resized, "of another size"), (added, "new"), (removed, "gone"))
        if count]
    if parts:
        yield f"{_INDENT}{', '.join(parts)}"


def _plan(diff: ProgramDiff, width: int | None) -> Iterator[str]:
    for name, there in (("now", [change.then for change in diff.plan]), ("then", [change.now for change in diff.plan])):
        if diff.plan and not any(there):
            yield f"{_INDENT}only {name} has one"
            return
    yield from _keys(diff.plan, width)


def _keys(changes: Sequence[Changed], width: int | None) -> Iterator[str]:
    """`key  then -> now`, or one below the other where that is long."""
    for change in changes:
        then, now = change.then or "(not there)", change.now or "(not there)"
        one_line = f"{_INDENT}{change.key}  {then} -> {now}"
        if ";" not in then + now and (width is None or len(one_line) <= width):
            yield one_line
        else:
            yield f"{_INDENT}{change.key}"
            rows = [(name if not number else "", part) for name, text in (("then", then), ("now", now))
                    for number, part in enumerate(text.split("; "))]
            yield from listed(rows, 2 * len(_INDENT), width)

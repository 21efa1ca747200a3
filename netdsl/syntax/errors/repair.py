"""Small changes of a text that does not parse: which of them lets the rest be read.

A candidate is an edit with a cost. The costs are ranks, not measures: of the edits that read furthest the one with
the lowest cost is what a person would most likely say is missing. `phrases.py` says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...base.diagnostics import Diagnostic
from . import repair_messages as phrases
from .context import ErrorContext
from .replay import CLOSERS, END, OPENERS, Edit, Opening

#: An edit must read at least so many words further than the mistake to be believed.
CONVINCING = 3
_VALUE_STARTS = ("NAME", "NUMBER", "STRING", "true", "false", "(", "{", "if", "array", "NOT")
_OPERATORS = ("SIGN", "TIMES", "**", "COMPARE", "&&", "||", "FLOW", "NOT")
_EXCHANGES = {
    "=": (":=", "=>", "COMPARE"), ":=": ("=", ":"), "COMPARE": ("=",), ":": (",", "=", ".."), ",": (":", ".."),
    "=>": ("=",), "..": (":",), ".": ("..",), ";": (",", ":"), "FLOW": (":",),
}


@dataclass(frozen=True)
class Repair:
    """A change, what it stands for, and how far-fetched it is."""

    edit: Edit
    cost: float
    page: Callable[[ErrorContext, Edit], Diagnostic]


def best(scene: ErrorContext) -> tuple[str, Diagnostic] | None:
    """The name and the page of the most likely mistake; None if no small change reads on."""
    bad, end = scene.bad, len(scene.words)
    tried = [(scene.replay.reach(repair.edit), -repair.cost, repair) for repair in _candidates(scene)]
    good = [entry for entry in tried if entry[0] >= min(bad + CONVINCING, end)]
    if not good:
        return None
    repair = max(good, key=lambda entry: entry[:2])[2]
    return repair.page.__name__, repair.page(scene, repair.edit)


def _candidates(scene: ErrorContext) -> Iterator[Repair]:
    for source in (_separators, _equals, _closers, _openers, _exchanges, _values, _conditionals, _deletions, _others):
        yield from source(scene)


def _dedented(scene: ErrorContext, opening: Opening | None) -> bool:
    """Whether the bad word starts a line that is indented no deeper than the line of an open bracket."""
    if opening is None or not scene.word.first:
        return False
    return scene.replay.indent(scene.bad) <= scene.replay.indent(opening.index)


def _starts_value(scene: ErrorContext, index: int) -> bool:
    return scene.kind(index) in _VALUE_STARTS


def _separators(scene: ErrorContext) -> Iterator[Repair]:
    """`:` and `,` before the bad word, or before the name that was taken for the next member."""
    bad, inside = scene.bad, scene.inside
    if inside is not None and inside.role in ("call", "group", "parameters"):
        named = scene.kind(bad) == "NAME" and scene.kind(bad + 1) == "="
        joined = inside.role != "parameters" and not named and (inside.role == "group" or scene.holds_list(inside))
        joined = joined or scene.kind(bad + 1) == ":="
        far = 4 if _dedented(scene, inside) else 0
        yield Repair(Edit(bad, 0, (":",)), far + (1 if joined else 2), phrases.missing_separator)
        yield Repair(Edit(bad, 0, (",",)), far + (2 if joined else 1), phrases.missing_separator)
    elif _starts_value(scene, bad):
        yield Repair(Edit(bad, 0, (":",)), 3, phrases.missing_separator)
    if inside is not None and inside.role in ("elements", "array"):
        for kind in (":", ".."):
            yield Repair(Edit(bad, 0, (kind,)), 1, phrases.missing_word)
    if scene.start is not None:
        far = 4 if scene.words[scene.start].first else 2
        yield Repair(Edit(scene.start, 0, (":",)), far, phrases.missing_operator)
        yield Repair(Edit(scene.start, 0, ("SIGN",)), far + 1, phrases.missing_operator)
        yield Repair(Edit(scene.start, 0, (".",)), far + 3, phrases.missing_word)
    if _starts_value(scene, bad) and not scene.word.first:
        yield Repair(Edit(bad, 0, ("SIGN",)), 4, phrases.missing_operator)


def _equals(scene: ErrorContext) -> Iterator[Repair]:
    """`=` behind a member's name, a parameter or an option."""
    bad, head = scene.bad, scene.head
    if head is not None:
        begins = head == 0 or scene.words[head].first or scene.kind(head - 1) in (";", "{")
        yield Repair(Edit(bad, 0, ("=",)), 2 if begins else 4, phrases.missing_equals)
        called = scene.kind(head + 1) in OPENERS and (scene.word.first or scene.word.kind == END)
        lone = Edit(bad, 0, ("=", "NAME"))
        yield Repair(lone, (2.9 if called else 4) if begins else 6, phrases.missing_definition)
        if scene.kind(head + 1) in OPENERS:
            yield Repair(Edit(head + 1, 0, ("=",)), 3, phrases.missing_equals)
        return
    if scene.start is not None and scene.inside is not None:
        yield Repair(Edit(scene.inside.index, 0, ("=",)), 3, phrases.missing_equals)
    if scene.inside is not None and scene.kind(bad - 1) == "NAME" and not scene.word.first:
        siblings = [scene.kind(index) for index in scene.replay.siblings(scene.inside.index, bad)]
        yield Repair(Edit(bad, 0, ("=",)), 0.5 if "=" in siblings else 2.5, phrases.missing_equals)


def _closers(scene: ErrorContext) -> Iterator[Repair]:
    """Closing brackets before the bad word, or before an earlier word of the same bracket."""
    bad, replay = scene.bad, scene.replay
    for count in range(1, len(scene.openings) + 1):
        open_ = scene.openings[-count:][::-1]
        kinds = tuple(OPENERS[scene.words[opening.index].kind] for opening in open_)
        plausible = scene.word.kind == END or scene.word.kind in CLOSERS or _dedented(scene, open_[-1])
        yield Repair(Edit(bad, 0, kinds), (2 if plausible else 3) + 2 * (count - 1), phrases.missing_closer)
        if count > 3:
            break
        for distance, index in enumerate(replay.siblings(open_[0].index, bad)):
            if distance > 40:
                break
            starts_line = scene.words[index].first and scene.kind(index) == "NAME"
            default = scene.kind(index) == "=" and open_[0].role == "parameters"
            if default:
                yield Repair(Edit(index, 0, kinds), 2, phrases.missing_closer)
            if scene.kind(index) in (",", ":", ";") or starts_line:
                yield Repair(Edit(index, 0, kinds), 4 + 2 * (count - 1) + distance / 100, phrases.missing_closer)
            if starts_line and scene.kind(index - 1) in (",", ":"):
                yield Repair(Edit(index - 1, 1, kinds), 3 + 2 * (count - 1) + distance / 100, phrases.missing_closer)
    if scene.word.kind in CLOSERS and scene.inside is not None:
        right = OPENERS[scene.words[scene.inside.index].kind]
        if right != scene.word.kind:
            yield Repair(Edit(bad, 1, (right,)), 2.5, phrases.wrong_closer)


def _openers(scene: ErrorContext) -> Iterator[Repair]:
    """An opening bracket before the bad word, or before the value that ends with a bracket too many."""
    bad = scene.bad
    for kind in OPENERS:
        yield Repair(Edit(bad, 0, (kind,)), 3, phrases.missing_opener)
        if scene.head is not None:
            yield Repair(Edit(scene.head, 0, (kind,)), 3.5, phrases.missing_opener)
        if bad and scene.kind(bad - 1) == "NAME":
            yield Repair(Edit(bad - 1, 0, (kind,)), 3.5, phrases.missing_opener)
    lowest = scene.inside.index if scene.inside is not None else None
    for _, index in zip(range(12), scene.replay.siblings(lowest, bad), strict=False):
        if scene.kind(index) == "NAME" and scene.kind(index + 1) == "NAME" and not scene.words[index + 1].first:
            for kind in OPENERS:
                yield Repair(Edit(index + 1, 0, (kind,)), 3.2, phrases.missing_opener)
    if scene.word.kind in CLOSERS:
        kind = CLOSERS[scene.word.kind]
        if lowest is not None:
            yield Repair(Edit(lowest + 1, 0, (kind,)), 2.95, phrases.missing_opener)
        for distance, index in enumerate(scene.replay.siblings(lowest, bad)):
            if distance > 60:
                break
            if scene.kind(index) in (",", ":", "=", "=>", ":=", "then", "else", *_OPERATORS):
                far = (0.3 if scene.kind(index) == ":" else 0) + distance / 200
                yield Repair(Edit(index + 1, 0, (kind,)), 2.6 + far, phrases.missing_opener)
            elif scene.kind(index) == "NAME":
                yield Repair(Edit(index + 1, 0, (kind,)), 2.9 + distance / 200, phrases.missing_opener)


def _exchanges(scene: ErrorContext) -> Iterator[Repair]:
    """Another sign in the place of the bad word or of the one before it."""
    for index, cost in ((scene.bad, 2), (scene.bad - 1, 3.5)):
        if index < 0:
            continue
        for kind in _EXCHANGES.get(scene.kind(index), ()):
            in_list = scene.inside is not None and scene.inside.role in ("call", "group")
            far = 3 if kind in ("=>", "COMPARE") or (kind == ":=" and not in_list) else 0
            yield Repair(Edit(index, 1, (kind,)), cost + far, phrases.exchanged)
        if scene.kind(index) in OPENERS:
            for kind in OPENERS:
                yield Repair(Edit(index, 1, (kind,)), cost + 3, phrases.exchanged)


def _values(scene: ErrorContext) -> Iterator[Repair]:
    """A value or a name that is missing; at the bad word, or before the line that was taken for it."""
    bad, words = scene.bad, scene.words
    if scene.expects_value:
        yield Repair(Edit(bad, 0, ("NAME",)), 1, phrases.missing_value)
        if bad and scene.kind(bad - 1) in (",", ":") and (scene.word.kind in CLOSERS or scene.word.kind == END):
            yield Repair(Edit(bad - 1, 1), 0, phrases.trailing_separator)
    elif scene.word.kind != "=" and scene.replay.can(bad, "NAME"):
        yield Repair(Edit(bad, 0, ("NAME",)), 2, phrases.missing_name)
    elif scene.word.kind == "=":
        begins = scene.word.first or scene.kind(bad - 1) in (";", "{", "(", ",")
        yield Repair(Edit(bad, 0, ("NAME",)), 1 if begins else 4, phrases.missing_name)
    for opening in scene.openings[-2:]:
        if opening.role == "record":
            yield Repair(Edit(opening.index, 0, ("NAME",)), 1.5, phrases.missing_callee)
    if scene.replay.can(bad, "STRING"):
        yield Repair(Edit(bad, 0, ("STRING",)), 1.5, phrases.missing_value)
    for index in range(bad, max(0, bad - 60), -1):
        if words[index].first and scene.kind(index) in ("(", "{") and scene.word.kind == "=":
            yield Repair(Edit(index, 0, ("NAME",)), 1.2, phrases.missing_name)
            break
        if words[index].first and scene.kind(index) == "NAME" and index <= bad and scene.replay.can(index, "NUMBER"):
            yield Repair(Edit(index, 0, ("NAME",)), 1, phrases.missing_value)
            if scene.kind(index - 1) in (":", ","):
                yield Repair(Edit(index - 1, 1), 0.8, phrases.trailing_separator)
            break


def _conditionals(scene: ErrorContext) -> Iterator[Repair]:
    """`if`, `then` and `else` belong together."""
    bad = scene.bad
    yield Repair(Edit(bad, 0, ("then",)), 2, phrases.missing_part)
    yield Repair(Edit(bad, 0, ("else",)), 2, phrases.missing_part)
    yield Repair(Edit(bad, 0, ("else", "NAME")), 2, phrases.missing_part)
    yield Repair(Edit(bad, 0, ("then", "NAME")), 3, phrases.missing_part)
    if scene.head is not None:
        yield Repair(Edit(scene.head, 0, ("then",)), 3, phrases.missing_part)
        yield Repair(Edit(scene.head, 0, ("else",)), 2.5, phrases.missing_part)
        yield Repair(Edit(scene.head, 0, ("else", "NAME")), 2, phrases.missing_part)
    if scene.word.kind in ("then", "else"):
        for index in scene.replay.siblings(scene.inside.index if scene.inside else None, bad):
            if scene.kind(index) in ("=", "=>", ",", "else", "then"):
                yield Repair(Edit(index + 1, 0, ("if",)), 2, phrases.missing_part)
                break
        else:
            if scene.inside is not None:
                yield Repair(Edit(scene.inside.index + 1, 0, ("if",)), 2.2, phrases.missing_part)


def _deletions(scene: ErrorContext) -> Iterator[Repair]:
    """The bad word, or the one before it, is too much."""
    bad = scene.bad
    if scene.word.kind == END:
        return
    same = bad > 0 and scene.words[bad - 1].text == scene.word.text
    if same and scene.word.kind in ("NAME", *OPENERS, *CLOSERS):
        same = not scene.word.first
    cost = 0.2 if same else 3.1 if scene.word.kind in CLOSERS else 4.5
    yield Repair(Edit(bad, 1), cost, phrases.doubled if same else phrases.superfluous)
    if bad:
        sign = scene.kind(bad - 1) in (":", ",", *_OPERATORS)
        yield Repair(Edit(bad - 1, 1), 3.3 if sign else 6, phrases.superfluous)


def _others(scene: ErrorContext) -> Iterator[Repair]:
    """Signs that belong to a single construct."""
    bad = scene.bad
    if scene.word.kind == "STRING":
        yield Repair(Edit(bad, 0, ("include",)), 1, phrases.missing_include)
    yield Repair(Edit(bad, 0, ("=>",)), 3.4, phrases.missing_word)
    yield Repair(Edit(bad, 0, ("..",)), 3, phrases.missing_word)
    yield Repair(Edit(bad, 0, (":=",)), 4, phrases.missing_word)
    yield Repair(Edit(bad, 0, (".",)), 6, phrases.missing_word)
    if scene.head is not None:
        yield Repair(Edit(scene.head, 0, ("=>",)), 4, phrases.missing_word)

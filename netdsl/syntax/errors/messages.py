"""What a repair says: rows for each kind of mistake, of which the first that applies gives the diagnostic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ...base.diagnostics import Diagnostic, Label
from .context import ErrorContext, Template, fill
from .replay import CLOSERS, END, OPENERS, Change, Opening

#: Labels beside the main one, for the word at an index.
Related: TypeAlias = Callable[[ErrorContext, int], tuple[Label, ...]]


@dataclass(frozen=True)
class Message:
    """A row. In its templates `<word>` is the word that the change is made at, `<before>` the one before it and
    `<sign>` what is written there; `ErrorContext.phrase` has the others."""

    title: Template | tuple[Template, ...]  #: a shorter one may follow the full one
    hint: Template
    label: Template = "I expected `<sign>` before this"
    at: Literal["word", "before", "owner", "bad"] = "word"  #: what the page points at
    opened: bool = False  #: whether the open bracket is labelled, and with what the word before is
    behind: str = ""
    related: Related | None = None
    body: Template = ""
    shows: bool = False  #: whether the lines as they should be stand in the body
    fix: bool = False  #: whether the change is what the author meant
    when: Callable[[ErrorContext, int], bool] = lambda context, index: True


def message(kind: str, context: ErrorContext, change: Change) -> Diagnostic:
    """The page of a repair."""
    rows = MESSAGES[kind]
    if callable(rows):
        return rows(context, change)
    return _page(next(row for row in rows if row.when(context, change.index)), context, change)


def _page(row: Message, context: ErrorContext, change: Change) -> Diagnostic:
    index = change.index

    def filled(template: Template) -> str:
        return fill(template, lambda name: context.phrase(name, index, change.insert))

    first, last = {"word": (index, index), "before": (index - 1, index - 1), "bad": (context.bad,) * 2,
                   "owner": (context.owner(index) or 0, index - 1)}[row.at]
    fix = context.edits(change) if row.fix else ()
    code = context.rewritten(fix[0]) if row.shows else ""
    titles = (row.title,) if isinstance(row.title, str) else row.title
    return context.error([filled(title) for title in titles], context.label(first, filled(row.label), last),
                         (*(context.opened_here() if row.opened else ()),
                          *(context.behind(index, row.behind) if row.behind else ()),
                          *(row.related(context, index) if row.related else ())),
                         (filled(row.body) + (":" if code else "."), code) if row.body else (), filled(row.hint), fix)


# --- labels beside the main one -------------------------------------------------------------------------


def _read_as_value(context: ErrorContext, index: int) -> tuple[Label, ...]:
    """What was read in the place of a value that is missing."""
    if index < context.bad:
        same = context.line(index) == context.line(context.bad)
        return (context.label(index, f"this line was read as the value, up to {context.quote(context.bad)}" if same
                              else "this was read as the value"),)
    if context.line(index) == context.line(index - 1) or context.word.kind == END:
        return ()
    return (context.label(index, f"but {context.quote(index)} follows"),)


def _elsewhere(context: ErrorContext, index: int) -> tuple[Label, ...]:
    return () if context.line(index) == context.line(context.bad) else (context.label(index, "perhaps before this"),)


def _its_if(context: ErrorContext, index: int) -> tuple[Label, ...]:
    start = next((i for i in context.replay.siblings(context.lowest, index) if context.kind(i) == "if"), None)
    return () if start is None or context.line(start) == context.line(index) else (context.label(start, "the `if`"),)


# --- brackets that are not closed -----------------------------------------------------------------------


def _missing_closer(context: ErrorContext, change: Change) -> Diagnostic:
    """`(` without `)`."""
    count, closers = len(change.insert), change.insert
    opening = context.openings[-count]
    if context.word.kind == END:
        return _never_closed(context, _suspect(context, opening), count)
    odd = context.replay.odd_pair()
    if odd is not None and odd[0] > opening.index and context.words[odd[1]].first:
        return _closed_late(context, *odd)
    line, mark = context.line(opening.index), context.kind(opening.index)
    name = "" if opening.head is None else f"{context.quote(opening.head)[1:-1]} "
    titles: tuple[str, ...] = (f"the `{name}{mark}` of line {line} is not closed", f"a `{mark}` is not closed")
    if context.word.kind in CLOSERS:
        titles = (f"`{context.word.text}` cannot close the `{mark}` of line {line}", *titles)
    index = context.bad if context.word.kind in CLOSERS else change.index
    related = [context.label(opening.index, "opened here"),
               *(label for label in context.behind(index, "the last thing in it") if label.span.line != line)]
    return context.error(titles, context.label(index, f"I expected `{closers}` before this"), related,
                         hint=f"add `{closers}` {context.where(change.index)}.", fix=context.edits(change))


def _closed_late(context: ErrorContext, opener: int, closer: int) -> Diagnostic:
    """A bracket in the middle of a line that a later line closes: the later line was meant for another one."""
    mark, end, line = context.kind(opener), context.kind(closer), context.line(opener)
    return context.error(f"the `{mark}` of line {line} is not closed",
                         context.label(context.bad, f"a `{end}` is missing before this"),
                         [context.label(opener, "opened here"),
                          context.label(closer, "this should close another bracket")],
                         hint=f"add `{end}` on line {line}.")


def _suspect(context: ErrorContext, opening: Opening) -> Opening:
    """The bracket that is rather the culprit: closed by a line that is indented like another one's."""
    replay, closing = context.replay, OPENERS[context.kind(opening.index)]
    for index in range(opening.index + 1, context.bad):
        opener = replay.partners.get(index, index)
        outside = opening.index < opener < index and replay.indent(index) < replay.indent(opener)
        if outside and context.words[index].first and context.kind(index) == closing:
            return Opening(opener, "call", replay.callee(opener))
    return opening


def _never_closed(context: ErrorContext, opening: Opening, count: int) -> Diagnostic:
    mark, line, margin = context.kind(opening.index), context.line(opening.index), context.replay.indent(opening.index)
    dedent = next((i for i in range(opening.index + 1, context.bad) if context.words[i].first
                   and context.kind(i) not in CLOSERS and context.replay.indent(i) <= margin), None)
    related = [] if dedent is None else [context.label(dedent, "this line is indented as if it were outside")]
    where = "at the end of the file" if dedent is None else f"before line {context.line(dedent)}"
    more = f" (in all {count} brackets are open)" if count > 1 else ""
    fix = [context.insertion(context.bad if dedent is None else dedent, OPENERS[mark])] if count == 1 else []
    return context.error(f"the file ends before the `{mark}` of line {line} is closed",
                         context.label(opening.index, "opened here"), related,
                         hint=f"add `{OPENERS[mark]}` {where}{more}.", fix=fix)


def _closes_nothing(context: ErrorContext, change: Change) -> Diagnostic:
    """`a)`, or a bracket that an earlier line was meant to have."""
    mark, pair = context.words[change.index].text, context.replay.odd_pair()
    label = context.label(change.index, "no open bracket is left for this")
    if pair is None:
        return context.error(f"`{mark}` closes nothing", label, context.opened_here("the bracket that is open here"),
                             hint="remove it, or add the opening bracket that is missing before it.",
                             fix=context.edits(change))
    line, closed = context.line(pair[1]), f"the `{context.kind(pair[0])}` of line {context.line(pair[0])}"
    return context.error(f"`{mark}` closes nothing", label, [context.label(pair[1], f"this closes {closed}")],
                         hint=f"look for a missing `{CLOSERS[mark]}` before line {line} ends, or remove the `{mark}`.")


# --- the rows -------------------------------------------------------------------------------------------


def _is_second_equals(context: ErrorContext, index: int) -> bool:
    return context.word.kind == "=" and index == context.bad and not context.word.first \
        and context.kind(index - 1) not in (";", "{", "(", ",", "")


def _behind_kind(*kinds: str) -> Callable[[ErrorContext, int], bool]:
    return lambda context, index: context.kind(index - 1) in kinds


_MISSING = "a value is missing after this"
_TWO_EQUALS = "a member has one `=`; a comparison is written `==`, and a step of a list is named by `:=`."
_NO_NAME = ("a name is missing before <word>", "a name is missing")
_NAME_HERE = "I expected a name before this"

MESSAGES: Mapping[str, tuple[Message, ...] | Callable[[ErrorContext, Change], Diagnostic]] = {
    # `a b` in a list, `f (a b)`
    "missing_separator": (
        Message(("<word> follows <before> without a `<sign>` between them", "<word> follows without a `<sign>`",
                 "a `<sign>` is missing"), "add `<sign>` <where>.", body="<joined>", shows=True, fix=True,
                opened=True, behind="the previous element ends here"),),
    # `x = a b`
    "missing_operator": (
        Message(("<word> follows <before> with nothing between them", "<word> follows with nothing before it"),
                "add `:` or an operator <where>; a new member needs `<name> = ...`.",
                "I expected `:` or an operator before this", behind="the previous value ends here"),),
    # `labelDim 1000`, `f {a 1}`
    "missing_equals": (
        Message(("`<owner>` has no `=`", "a `=` is missing"), "add `=` <beside>.", behind="behind this",
                body="A member is a name, `=` and a value", shows=True, fix=True,
                when=lambda context, index: context.head is not None),
        Message(("a `=` is missing after <before>", "a `=` is missing"), "add `=` <beside>.", fix=True,
                behind="behind this")),
    # `labelDim`
    "missing_definition": (
        Message(("`<owner>` stands alone, without `=` and a value", "a name stands alone"),
                "write `<owner> = ...`, or join it to the previous value by `:` or an operator.",
                "this begins a new member", at="owner", opened=True),),
    "missing_closer": _missing_closer,
    # `( ... }`
    "wrong_closer": (
        Message("<word> cannot close the `<opener>` of line <opened>", "write `<sign>` for this <word>, or before it.",
                "I expected `<sign>`", fix=True,
                related=lambda context, index: (context.label(context.lowest or 0, "opened here"),)),),
    # `Conv 96, (11:11)}`
    "missing_opener": (
        Message("<bad> closes nothing: a `<sign>` is missing", "add `<sign>` before <word>, or remove the <bad>.",
                "this has no matching bracket", at="bad", fix=True, related=_elsewhere,
                when=lambda context, index: context.word.kind in CLOSERS),
        Message(("a `<sign>` is missing between <before> and <word>", "a `<sign>` is missing"),
                "add `<sign>` <where>.", behind="behind this", fix=True)),
    "closes_nothing": _closes_nothing,
    # `labelDim =`, `a + )`, `f (a, , b)`
    "missing_value": (
        Message("`include` names no file", 'write `include "file.net"`.', "a file name in quotes goes after this",
                "before", when=_behind_kind("include")),
        Message("`<owner>` has no value", "write `<owner> = ...` with a value.", _MISSING, "before",
                related=_read_as_value, when=_behind_kind("=")),
        Message(("nothing stands between <before> and <word>", "a value is missing"),
                "add a value, or remove the sign.", "a value is missing before this", when=_behind_kind(*OPENERS)),
        Message("a value is missing after <before>", "`if` takes a condition, `then` and `else` a value each.",
                "behind this", "before", related=_read_as_value, when=_behind_kind("then", "else", "if")),
        Message("a value is missing after <before>", "add a value after <before>, or remove the <before>.",
                _MISSING, "before", related=_read_as_value, when=lambda context, index:
                index < context.bad or context.words[index].first or context.word.kind == END),
        Message(("nothing stands between <before> and <word>", "a value is missing after <before>"),
                "add a value after <before>, or remove the <before>.", _MISSING, "before", related=_read_as_value)),
    # `= 3`, `record. + 1`, `f {a, }`
    "missing_name": (
        Message("there is a second `=` here", _TWO_EQUALS, "this `=`", opened=True, when=lambda context, index:
                _is_second_equals(context, index) and context.kind(index - 1) == "NAME"),
        Message("this `=` comes after a value, not after a name", _TWO_EQUALS, "this `=`", opened=True,
                when=_is_second_equals),
        Message("the name of a member is missing after `.`", "write `record.name`.", "behind this", "before",
                opened=True, when=_behind_kind(".")),
        Message(_NO_NAME, "parameters are names, as in `f (x, y = 1) = ...`.", _NAME_HERE, opened=True,
                when=lambda context, index: context.role == "parameters"),
        Message(_NO_NAME, "a member is a name, `=` and a value.", _NAME_HERE, opened=True)),
    # `conv1 := {96, (11:11)}`: braces that hold options of nothing
    "missing_callee": (
        Message("there is no layer or function before these braces",
                "write `Layer {...}` for options, `{ name = value }` for a record.", "a name is missing before this",
                related=lambda context, index: context.behind(context.bad, "here a record would go on"),
                body="With a name before them, braces hold options; without one, the members of a record"),),
    # `"lib/residual.net"`
    "missing_include": (
        Message(("<word> stands alone", "a string stands alone"),
                "write `include <name>` for a file, `name = ...` for a value.", "this belongs to no name",
                opened=True, fix=True),),
    # `a : b : )`
    "trailing_separator": (
        Message("nothing follows the <word> at the end of line <line>", "remove the <word>, or add what is missing.",
                "one more element belongs after this", fix=True,
                when=lambda context, index: context.words[index + 1].first or context.kind(index + 1) == END),
        Message("nothing stands between <word> and <after>", "remove the <word>, or add what is missing.",
                "one more element belongs after this", fix=True)),
    "exchanged": (
        Message(("<exchange>", "<word> stands where `<sign>` is needed"), "write `<sign>`.", "I expected `<sign>`",
                opened=True, fix=True),),
    # `if` without `then`, `then` without `else`
    "missing_part": (
        Message("an `if` has no `<sign>`", "every `if` has both: `if condition then a else b`.", related=_its_if),),
    # `else` without `if`
    "missing_if": (
        Message("<bad> has no `if` before it",
                "write `if condition then a else b`; `if` goes before <word>.", "this belongs to an `if`", at="bad",
                fix=True),),
    "superfluous": (
        Message("<word> cannot stand here", "remove <word>, or add what belongs to it.",
                "without this the rest can be read", opened=True, fix=True),),
    # the same word twice
    "doubled": (
        Message("<word> stands here twice", "remove one, or put what is missing between them.", "the second one",
                behind="the first", fix=True),),
}

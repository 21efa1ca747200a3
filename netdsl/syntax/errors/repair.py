"""Small changes of a text that does not parse: which of them lets the rest be read.

A candidate is a change with a cost. The costs are ranks, not measures: of the changes that read furthest the one
with the lowest cost is what a person would most likely say is missing. `repair_messages.py` says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from ...base.diagnostics import Diagnostic
from . import repair_messages as say
from .context import ErrorContext
from .replay import CLOSERS, END, OPENERS, Change, Opening

Message: TypeAlias = Callable[[ErrorContext, Change], Diagnostic]
#: A change, how far-fetched it is, and what says it.
Candidate: TypeAlias = tuple[Change, float, Message]

#: A change must read at least so many words further than the mistake to be believed.
CONVINCING = 3
_VALUE_STARTS = ("NAME", "NUMBER", "STRING", "true", "false", "(", "{", "if", "array", "NOT")
_OPERATORS = ("SIGN", "TIMES", "**", "COMPARE", "&&", "||", "FLOW", "NOT")
#: Signs that are taken for each other.
_EXCHANGES = {
    "=": (":=", "=>", "=="), ":=": ("=", ":"), "COMPARE": ("=",), ":": (",", "=", ".."), ",": (":", ".."),
    "=>": ("=",), "..": (":",), ".": ("..",), ";": (",", ":"), "FLOW": (":",),
}


def best(context: ErrorContext) -> tuple[str, Diagnostic] | None:
    """The name and the diagnostic of the most likely mistake; None if no small change reads on."""
    enough = min(context.bad + CONVINCING, len(context.words))
    tried = [(reached, -cost, change, message) for source in _SOURCES for change, cost, message in source(context)
             if (reached := context.replay.reach(change)) >= enough]
    if not tried:
        return None
    _, _, change, message = max(tried, key=lambda entry: entry[:2])
    return message.__name__, message(context, change)


def _dedented(context: ErrorContext, opening: Opening | None) -> bool:
    """Whether the bad word starts a line that is indented no deeper than the line of an open bracket."""
    return opening is not None and context.word.first and \
        context.replay.indent(context.bad) <= context.replay.indent(opening.index)


def _separators(context: ErrorContext) -> Iterator[Candidate]:
    """`:` and `,` before the bad word, or before the name that was taken for the next member."""
    bad, inside, start = context.bad, context.inside, context.start
    if inside is not None and inside.role in ("call", "group", "parameters"):
        named = context.kind(bad) == "NAME" and context.kind(bad + 1) == "="
        joined = inside.role != "parameters" and not named and (inside.role == "group" or context.holds_list(inside))
        joined = joined or context.kind(bad + 1) == ":="
        far = 4 if _dedented(context, inside) else 0
        yield Change(bad, 0, ":"), far + (1 if joined else 2), say.missing_separator
        yield Change(bad, 0, ","), far + (2 if joined else 1), say.missing_separator
    elif context.kind(bad) in _VALUE_STARTS:
        yield Change(bad, 0, ":"), 3, say.missing_separator
    if start is not None:
        far = 4 if context.words[start].first else 2
        yield Change(start, 0, ":"), far, say.missing_operator
        yield Change(start, 0, "+"), far + 1, say.missing_operator
        yield Change(start, 0, "."), far + 3, say.missing_word
    if context.kind(bad) in _VALUE_STARTS and not context.word.first:
        yield Change(bad, 0, "+"), 4, say.missing_operator


def _equals(context: ErrorContext) -> Iterator[Candidate]:
    """`=` behind a member's name, a parameter or an option."""
    bad, head = context.bad, context.head
    if head is not None:
        begins = head == 0 or context.words[head].first or context.kind(head - 1) in (";", "{")
        yield Change(bad, 0, "="), 2 if begins else 4, say.missing_equals
        called = context.kind(head + 1) in OPENERS and (context.word.first or context.word.kind == END)
        yield Change(bad, 0, "= x"), (2.9 if called else 4) if begins else 6, say.missing_definition
        if context.kind(head + 1) in OPENERS:
            yield Change(head + 1, 0, "="), 3, say.missing_equals
        return
    if context.inside is None:
        return
    if context.start is not None:
        yield Change(context.inside.index, 0, "="), 3, say.missing_equals
    if context.kind(bad - 1) == "NAME" and not context.word.first:
        given = "=" in [context.kind(index) for index in context.siblings]
        yield Change(bad, 0, "="), 0.5 if given else 2.5, say.missing_equals


def _closers(context: ErrorContext) -> Iterator[Candidate]:
    """Closing brackets before the bad word, or before an earlier word of the same bracket."""
    bad, replay = context.bad, context.replay
    for count in range(1, min(len(context.openings), 4) + 1):
        open_ = context.openings[-count:][::-1]
        kinds = "".join(OPENERS[context.kind(opening.index)] for opening in open_)
        far = 2 * (count - 1)
        plausible = context.word.kind == END or context.word.kind in CLOSERS or _dedented(context, open_[-1])
        yield Change(bad, 0, kinds), far + (2 if plausible else 3), say.missing_closer
        if count > 3:
            break
        for distance, index in zip(range(41), replay.siblings(open_[0].index, bad), strict=False):
            starts_line = context.words[index].first and context.kind(index) == "NAME"
            if context.kind(index) == "=" and open_[0].role == "parameters":
                yield Change(index, 0, kinds), 2, say.missing_closer
            if context.kind(index) in (",", ":", ";") or starts_line:
                yield Change(index, 0, kinds), 4 + far + distance / 100, say.missing_closer
            if starts_line and context.kind(index - 1) in (",", ":"):
                yield Change(index - 1, 1, kinds), 3 + far + distance / 100, say.missing_closer
    if context.word.kind in CLOSERS and context.inside is not None:
        right = OPENERS[context.kind(context.inside.index)]
        if right != context.word.kind:
            yield Change(bad, 1, right), 2.5, say.wrong_closer


def _openers(context: ErrorContext) -> Iterator[Candidate]:
    """An opening bracket before the bad word, or before the value that ends with a bracket too many."""
    bad = context.bad
    for kind in OPENERS:
        yield Change(bad, 0, kind), 3, say.missing_opener
        if context.head is not None:
            yield Change(context.head, 0, kind), 3.5, say.missing_opener
        if bad and context.kind(bad - 1) == "NAME":
            yield Change(bad - 1, 0, kind), 3.5, say.missing_opener
    for index in context.siblings[:12]:
        if context.kind(index) == "NAME" and context.kind(index + 1) == "NAME" and not context.words[index + 1].first:
            for kind in OPENERS:
                yield Change(index + 1, 0, kind), 3.2, say.missing_opener
    if context.word.kind not in CLOSERS:
        return
    kind = CLOSERS[context.word.kind]
    if context.lowest is not None:
        yield Change(context.lowest + 1, 0, kind), 2.95, say.missing_opener
    for distance, index in enumerate(context.siblings[:61]):
        if context.kind(index) in (",", ":", "=", "=>", ":=", "then", "else", *_OPERATORS):
            far = (0.3 if context.kind(index) == ":" else 0) + distance / 200
            yield Change(index + 1, 0, kind), 2.6 + far, say.missing_opener
        elif context.kind(index) == "NAME":
            yield Change(index + 1, 0, kind), 2.9 + distance / 200, say.missing_opener


def _exchanges(context: ErrorContext) -> Iterator[Candidate]:
    """Another sign in the place of the bad word or of the one before it."""
    for index, cost in ((context.bad, 2), (context.bad - 1, 3.5)):
        for sign in _EXCHANGES.get(context.kind(index), ()):
            far = 3 if sign in ("=>", "==") or (sign == ":=" and context.role not in ("call", "group")) else 0
            yield Change(index, 1, sign), cost + far, say.exchanged
        for kind in OPENERS if context.kind(index) in OPENERS else ():
            yield Change(index, 1, kind), cost + 3, say.exchanged


def _values(context: ErrorContext) -> Iterator[Candidate]:
    """A value or a name that is missing; at the bad word, or before the line that was taken for it."""
    bad, word = context.bad, context.word
    if context.expects_value:
        yield Change(bad, 0, "x"), 1, say.missing_value
        if context.kind(bad - 1) in (",", ":") and (word.kind in CLOSERS or word.kind == END):
            yield Change(bad - 1, 1), 0, say.trailing_separator
    elif word.kind == "=":
        begins = word.first or context.kind(bad - 1) in (";", "{", "(", ",", "")
        yield Change(bad, 0, "x"), 1 if begins else 4, say.missing_name
    elif context.replay.can(bad, "NAME"):
        yield Change(bad, 0, "x"), 2, say.missing_name
    for opening in context.openings[-2:]:
        if opening.role == "record":
            yield Change(opening.index, 0, "x"), 1.5, say.missing_callee
    if context.replay.can(bad, "STRING"):
        yield Change(bad, 0, "''"), 1.5, say.missing_value
    for index in range(bad, max(0, bad - 60), -1):
        if not context.words[index].first:
            continue
        if context.kind(index) in ("(", "{") and word.kind == "=":
            yield Change(index, 0, "x"), 1.2, say.missing_name
            return
        if context.kind(index) == "NAME" and context.replay.can(index, "NUMBER"):
            yield Change(index, 0, "x"), 1, say.missing_value
            if context.kind(index - 1) in (":", ","):
                yield Change(index - 1, 1), 0.8, say.trailing_separator
            return


def _conditionals(context: ErrorContext) -> Iterator[Candidate]:
    """`if`, `then` and `else` belong together."""
    for part, cost in (("then", 2), ("else", 2), ("else x", 2), ("then x", 3)):
        yield Change(context.bad, 0, part), cost, say.missing_part
    if context.head is not None:
        for part, far in (("then", 3), ("else", 2.5), ("else x", 2)):
            yield Change(context.head, 0, part), far, say.missing_part
    if context.word.kind in ("then", "else"):
        ends = (index for index in context.siblings if context.kind(index) in ("=", "=>", ",", "else", "then"))
        place = next(ends, context.lowest)
        if place is not None:
            yield Change(place + 1, 0, "if"), 2 if place != context.lowest else 2.2, say.missing_part


def _deletions(context: ErrorContext) -> Iterator[Candidate]:
    """The bad word, or the one before it, is too much."""
    bad, word = context.bad, context.word
    if word.kind == END:
        return
    same = bad > 0 and context.words[bad - 1].text == word.text
    if same and word.kind in ("NAME", *OPENERS, *CLOSERS):
        same = not word.first
    cost = 0.2 if same else 3.1 if word.kind in CLOSERS else 4.5
    yield Change(bad, 1), cost, say.doubled if same else say.superfluous
    if bad:
        yield Change(bad - 1, 1), 3.3 if context.kind(bad - 1) in (":", ",", *_OPERATORS) else 6, say.superfluous


def _others(context: ErrorContext) -> Iterator[Candidate]:
    """Signs that belong to a single construct."""
    bad = context.bad
    if context.word.kind == "STRING":
        yield Change(bad, 0, "include"), 1, say.missing_include
    bounds = context.role in ("elements", "array")
    for sign, cost in (("=>", 3.4), ("..", 1 if bounds else 3), (":=", 4), (".", 6), *([(":", 1)] if bounds else [])):
        if sign != ":" or bounds:
            yield Change(bad, 0, sign), cost, say.missing_word
    if context.head is not None:
        yield Change(context.head, 0, "=>"), 4, say.missing_word


_SOURCES = (_separators, _equals, _closers, _openers, _exchanges, _values, _conditionals, _deletions, _others)


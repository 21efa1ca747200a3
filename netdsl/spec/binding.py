"""Positional and named arguments -> an instance of a row, or a diagnostic for every mistake."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.failure import Failure
from ..base.source import Span
from ..base.suggest import suggest
from ..base.units import inflected, plural
from .aliases import cure_of_option, elsewhere, our_option, suggestion_for_value
from .kinds import Applicable, FunctionKind, Kind, LanguageValue, ListOf, Mismatch, Optional, show_value
from .rows import Option, OptionError, S, Spec


@dataclass(frozen=True)
class BoundArgument:
    """What was written for one option: where, and how to get it (lazily).

    `value`, `schedule` and `function` are called by the kind's `wants`; each raises Failure if the
    expression itself is wrong.
    """

    span: Span
    value: Callable[[], Any]
    schedule: Callable[[], Any] | None = None
    function: Callable[[], Any] | None = None
    name_span: Span | None = None  #: where the option's name stands, if it was named

    @staticmethod
    def constant(value: Any, span: Span, name_span: Span | None = None) -> BoundArgument:
        return BoundArgument(span, lambda: value, name_span=name_span)

    def get(self, kind: Kind) -> Any:
        if kind.wants == "schedule" and self.schedule is not None:
            return self.schedule()
        if kind.wants == "function" and self.function is not None:
            return self.function()
        return self.value()


@dataclass(frozen=True)
class Bound:
    """A Spec and where each of its given options stands in the file."""

    spec: Any
    spans: Mapping[str, Span]


def bind(
    cls: type[S],
    positional: Sequence[BoundArgument],
    named: Mapping[str, BoundArgument],
    call: Span,
    *,
    title: str | None = None,
    unknown_code: Code = Code.UNKNOWN_OPTION,
) -> Bound:
    """Positional and named arguments -> an instance of `cls`. Raises Failure with every mistake.

    Codes: `unknown-option` (or `unknown_code`, as blocks say `unknown-key`), `missing-option`,
    `option-type`.
    """
    called = title or cls.name()
    options = cls.options()
    diagnostics: list[Diagnostic] = []
    given: dict[str, BoundArgument] = {}
    order = cls.positional() if positional else ()
    for index, argument in enumerate(positional):
        if index >= len(order):
            diagnostics.append(_too_many(cls, called, positional, order))
            break
        given[order[index]] = argument
    needed = [o.name for o in options if o.required and o.name not in given and o.name not in named]
    known = [o.name for o in options]
    unknown: list[tuple[str, BoundArgument, str]] = []
    meant: set[str] = set()  # required options that an unknown name stands for: one mistake, one diagnostic
    for name, argument in named.items():
        if name in given:
            diagnostics.append(_twice(called, name, argument, given[name]))
        elif name not in known:
            near = our_option(name, needed) or suggest(name, needed) or our_option(name, known) or suggest(name, known)
            meant |= {near} if near else set()
            unknown.append((name, argument, near or ""))
        else:
            given[name] = argument
    if unknown:
        diagnostics.append(_unknown(cls, called, unknown, unknown_code))
    values: dict[str, Any] = {}
    for o in options:
        if o.name in given:
            try:
                values[o.field_name] = o.kind.convert(given[o.name].get(o.kind))
            except Mismatch as mismatch:
                unjoined = _unjoined(cls, called, o, given[o.name])
                diagnostics.append(unjoined or _mistyped(cls, called, o, given[o.name], str(mismatch)))
                if unjoined:
                    break  # the numbers behind it have slipped in the same way
            except Failure as failed:
                diagnostics.extend(failed.diagnostics)
        elif o.required and o.name not in meant:
            diagnostics.append(_missing(cls, called, o, call, unknown_code == "unknown-key", bool(unknown)))
    if diagnostics:
        raise Failure(diagnostics)
    spec = cls(**values)
    try:
        spec.validate()
    except OptionError as wrong:
        where = given[wrong.option].span if wrong.option in given else call
        raise Failure([Diagnostic(Code.OPTION_TYPE, wrong.title, Label(where, ""), hint=wrong.hint,
                                  body=signature_body(cls, called))]) from None
    return Bound(spec, {name: argument.span for name, argument in given.items()})


#: With more options than this a message lists their names only, and nothing where it has a hint.
MANY = 16


def signature_body(cls: type[Spec], called: str | None = None) -> tuple[str, ...]:
    """The options with their defaults, as a block for the body of a message."""
    parts = [o.signature() for o in cls.options()]
    if not parts:
        return (f"{called or cls.name()} takes no options.",)
    if len(parts) > MANY:
        parts = [o.name for o in cls.options()]
    lines, line = [], f"    {called or cls.name()} {{"
    for index, part in enumerate(parts):
        piece = part + ("," if index < len(parts) - 1 else "}")
        if len(line) + len(piece) > 76 and not line.endswith("{"):
            lines.append(line.rstrip())
            line = "        "
        line += piece + " "
    lines.append(line.rstrip())
    noun = "keys" if cls.what == "block" else "options"
    what = f"These are its {noun}" + (":" if len(parts) > MANY else ", with their defaults:")
    return (what, "\n".join(lines))


def _unknown(cls: type[Spec], called: str, unknown: Sequence[tuple[str, BoundArgument, str]], code: Code) -> Diagnostic:
    """One diagnostic for all unknown options; `unknown` holds name, argument and what was most likely meant."""
    noun = "key" if code == "unknown-key" else "option"
    labels = [Label(a.name_span or a.span, f"did you mean `{near}`?" if near else "") for _, a, near in unknown]
    names = [f"`{name}`" for name, _, _ in unknown]
    shown = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    if len(shown) > 40:
        shown = f"{names[0]} and {len(names) - 1} others"
    hints = [cls.unknown_hint(name) or elsewhere(name, cls.what) or _cure_of(name, argument)
             for name, argument, _ in unknown]
    without = [name for name, _, near in unknown if not near]
    body: tuple[str, ...] = ()
    if len(cls.options()) <= MANY:
        body = signature_body(cls, called)
    elif without:
        body = (_nearest(cls, called, without[0], noun),)
    return Diagnostic(code, f"{called} has no {inflected(len(unknown), noun)} {shown}", labels[0], tuple(labels[1:]),
                      body, next((hint for hint in hints if hint), ""))


def _cure_of(name: str, argument: BoundArgument) -> str:
    try:
        return cure_of_option(name, argument.value())
    except Failure:
        return ""


def _nearest(cls: type[Spec], called: str, name: str, noun: str) -> str:
    options = [o.name for o in cls.options()]
    close = difflib.get_close_matches(name, options, 5, 0.3)
    nearest = f"The nearest of its {noun}s: {', '.join(close)}. " if close else ""
    return f"{nearest}`netdsl layers {called}` lists all {len(options)}."


def _missing(cls: type[Spec], called: str, o: Option, call: Span, is_block: bool, listed: bool) -> Diagnostic:
    noun = "key" if is_block else "option"
    every = signature_body(cls, called) if len(cls.options()) <= MANY and not listed else ()
    return Diagnostic(Code.MISSING_OPTION, f"{called} needs its {noun} `{o.name}`",
                      Label(call, f"`{o.name}` is missing here"),
                      body=(f"`{o.name}` is {o.kind.expected}: {o.doc.rstrip('.')}.", *every))


def _mistyped(cls: type[Spec], called: str, o: Option, argument: BoundArgument, expected: str) -> Diagnostic:
    try:
        value = argument.value()
        hint = suggestion_for_value(o.name, value, [other.name for other in cls.options()]) or o.kind.suggestion(value)
        got, hint = f"this is {describe_value(value)}", _as_function(cls, argument, value) or hint
    except Failure:
        got, hint = "", ""
    return Diagnostic(Code.OPTION_TYPE, f"`{o.name}` of {called} takes {expected}"[:160], Label(argument.span, got),
                      body=(f"`{o.name}`: {o.doc.rstrip('.')}.",), hint=hint)


def _as_function(cls: type[Spec], argument: BoundArgument, value: Any) -> str:
    """`DenseLayer {64, ReLU}`: a function given by its position, where only its name would find its option."""
    takes = [o.name for o in cls.options()
             if isinstance(o.kind.item if isinstance(o.kind, Optional) else o.kind, FunctionKind)]
    if argument.name_span is not None or not takes or not isinstance(value, Applicable):
        return ""
    return f"give it by its name: `{takes[0]} = {' '.join(argument.span.text.split())[:40]}`."


def _unjoined(cls: type[Spec], called: str, o: Option, argument: BoundArgument) -> Diagnostic | None:
    """`Input {28, 28, 1}`: numbers of a list that are not joined, and have slipped into the next options."""
    order = cls.positional()
    before = cls.option(order[order.index(o.name) - 1]) if o.name in order[1:] else None
    if argument.name_span is not None or before is None or not isinstance(before.kind, ListOf):
        return None
    value = argument.value()
    if isinstance(value, bool) or not isinstance(value, float):
        return None
    return Diagnostic(Code.OPTION_TYPE, f"the numbers of `{before.name}` are a list, joined by `:`",
                      Label(argument.span, f"read as the next option, `{o.name}`"),
                      body=(f"`{before.name}`: {before.doc.rstrip('.')}.",),
                      hint="write a list as `28:28:1`, in parentheses where more options follow: `(3:3)`.")


def _twice(called: str, name: str, argument: BoundArgument, first: BoundArgument) -> Diagnostic:
    return Diagnostic(Code.UNKNOWN_OPTION, f"`{name}` of {called} is given twice",
                      Label(argument.name_span or argument.span, "given again here"),
                      related=(Label(first.span, "given first here, by its position"),))


def _too_many(cls: type[Spec], called: str, positional: Sequence[BoundArgument], order: Sequence[str]) -> Diagnostic:
    return Diagnostic(Code.UNKNOWN_OPTION, f"{called} takes at most {plural(len(order), 'option')}, "
                      f"here are {len(positional)}",
                      Label(positional[len(order)].span, "this one is too many"), body=signature_body(cls, called))


def describe_value(value: Any) -> str:
    """A value as a message names it: `the number 0.5`, `a string`, ..."""
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {show_value(float(value))}"
    if isinstance(value, str):
        return f"the string {show_value(value)}" if len(value) <= 40 else "a string"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "a record"
    if isinstance(value, Spec):
        return f"{'an' if value.what[0] in 'aeiou' else 'a'} {value.what}, {type(value).name()}"
    return value.description() if isinstance(value, LanguageValue) else f"a {type(value).__name__.lower()}"

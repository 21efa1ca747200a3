"""Positional and named arguments -> an instance of a row, or a page for every mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..diagnostics import Diagnostic, Failure, Label, did_you_mean, suggest
from ..source import Span
from .kinds import Kind, ListOf, Mismatch, show_value
from .rows import Option, OptionError, S, Spec


@dataclass(frozen=True)
class Argument:
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
    def constant(value: Any, span: Span, name_span: Span | None = None) -> Argument:
        return Argument(span, lambda: value, name_span=name_span)

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
    positional: Sequence[Argument],
    named: Mapping[str, Argument],
    call: Span,
    *,
    title: str | None = None,
    unknown_code: str = "unknown-option",
) -> Bound:
    """Positional and named arguments -> an instance of `cls`. Raises Failure with every mistake.

    Codes: `unknown-option` (or `unknown_code`, as blocks say `unknown-key`), `missing-option`,
    `option-type`.
    """
    called = title or cls.name()
    options = cls.options()
    diagnostics: list[Diagnostic] = []
    given: dict[str, Argument] = {}
    order = cls.positional() if positional else ()
    for index, argument in enumerate(positional):
        if index >= len(order):
            diagnostics.append(_too_many(cls, called, positional, order))
            break
        given[order[index]] = argument
    needed = [o.name for o in options if o.required and o.name not in given and o.name not in named]
    meant: set[str] = set()  # required options that an unknown name stands for: one mistake, one page
    for name, argument in named.items():
        if name in given:
            diagnostics.append(_twice(called, name, argument, given[name]))
        elif all(name != o.name for o in options):
            near = suggest(name, needed)
            meant |= {near} if near else set()
            diagnostics.append(_unknown(cls, called, name, argument, unknown_code, near))
        else:
            given[name] = argument
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
            diagnostics.append(_missing(cls, called, o, call, unknown_code == "unknown-key"))
    if diagnostics:
        raise Failure(diagnostics)
    spec = cls(**values)
    try:
        spec.validate()
    except OptionError as wrong:
        where = given[wrong.option].span if wrong.option in given else call
        raise Failure([Diagnostic("option-type", wrong.title, Label(where, ""), hint=wrong.hint,
                                  body=signature_body(cls, called))]) from None
    return Bound(spec, {name: argument.span for name, argument in given.items()})


#: With more options than this a message lists their names only, and nothing where it has a suggestion.
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


def _unknown(cls: type[Spec], called: str, name: str, argument: Argument, code: str, near: str | None) -> Diagnostic:
    label = f"did you mean `{near}`?" if near else did_you_mean(name, [o.name for o in cls.options()])
    noun = "key" if code == "unknown-key" else "option"
    body = () if label and len(cls.options()) > MANY else signature_body(cls, called)
    return Diagnostic(code, f"{called} has no {noun} `{name}`", Label(argument.name_span or argument.span, label),
                      body=body, hint=cls.unknown_hint(name))


def _missing(cls: type[Spec], called: str, o: Option, call: Span, is_block: bool) -> Diagnostic:
    noun = "key" if is_block else "option"
    every = signature_body(cls, called) if len(cls.options()) <= MANY else ()
    return Diagnostic("missing-option", f"{called} needs its {noun} `{o.name}`",
                      Label(call, f"`{o.name}` is missing here"),
                      body=(f"`{o.name}` is {o.kind.expected}: {o.doc.rstrip('.')}.", *every))


def _mistyped(cls: type[Spec], called: str, o: Option, argument: Argument, expected: str) -> Diagnostic:
    try:
        value = argument.value()
        got, cure = f"this is {describe_value(value)}", o.kind.cure(value)
    except Failure:
        got, cure = "", ""
    return Diagnostic("option-type", f"`{o.name}` of {called} takes {expected}"[:160], Label(argument.span, got),
                      body=(f"`{o.name}`: {o.doc.rstrip('.')}.",), hint=cure)


def _unjoined(cls: type[Spec], called: str, o: Option, argument: Argument) -> Diagnostic | None:
    """`Input {28, 28, 1}`: numbers of a list that are not joined, and have slipped into the next options."""
    order = cls.positional()
    before = cls.option(order[order.index(o.name) - 1]) if o.name in order[1:] else None
    if argument.name_span is not None or before is None or not isinstance(before.kind, ListOf):
        return None
    value = argument.value()
    if isinstance(value, bool) or not isinstance(value, float):
        return None
    return Diagnostic("option-type", f"the numbers of `{before.name}` are a list, joined by `:`",
                      Label(argument.span, f"read as the next option, `{o.name}`"),
                      body=(f"`{before.name}`: {before.doc.rstrip('.')}.",),
                      hint="write a list as `28:28:1`, in parentheses where more options follow: `(3:3)`.")


def _twice(called: str, name: str, argument: Argument, first: Argument) -> Diagnostic:
    return Diagnostic("unknown-option", f"`{name}` of {called} is given twice",
                      Label(argument.name_span or argument.span, "given again here"),
                      related=(Label(first.span, "given first here, by its position"),))


def _too_many(cls: type[Spec], called: str, positional: Sequence[Argument], order: Sequence[str]) -> Diagnostic:
    return Diagnostic("unknown-option", f"{called} takes at most {len(order)} options, here are {len(positional)}",
                      Label(positional[len(order)].span, "this one has no place"), body=signature_body(cls, called))


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
    return getattr(value, "description", None) or f"a {type(value).__name__.lower()}"

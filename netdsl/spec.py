"""Specs: what stands behind `Name {options}` in a `.net` file.

A Spec is a frozen dataclass. Its fields are the options: each has a kind (what values it takes), a
default and one sentence. Layers, readers, transforms, optimizers and the training block are tables
of Specs; binding, messages, reference pages and completion are derived from the fields.

The option's name in the file is the field's name in camel case, by rule: `filter_shape` is
`filterShape`. A field may carry `name=` where CNTK's spelling is not derivable (`L2RegWeight`).
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from .diagnostics import Diagnostic, Failure, Label, did_you_mean
from .source import Span

REQUIRED: Any = dataclasses.MISSING
#: Above this many options a message lists their names only.
MANY_OPTIONS = 24


class Mismatch(Exception):
    """A value that an option cannot take; the text says what it takes."""


class OptionError(Exception):
    """Options that contradict each other; raised by `Spec.validate`."""

    def __init__(self, option: str, title: str, hint: str = "") -> None:
        super().__init__(title)
        self.option, self.title, self.hint = option, title, hint


# --- kinds of options ------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """What values an option takes. `convert` makes the Python value or raises Mismatch."""

    #: How the evaluator has to hand the value over: "value", or "schedule" (the expression, read
    #: as a schedule: `0.1*25 : 0.01`), or "function" (a layer or function, unapplied).
    wants: ClassVar[str] = "value"

    @property
    def expected(self) -> str:
        """What to say in `expected ...`."""
        raise NotImplementedError

    def convert(self, value: Any) -> Any:
        raise NotImplementedError

    def show(self, value: Any) -> str:
        """The value in the notation of the file."""
        return show_value(value)


@dataclass(frozen=True)
class Number(Kind):
    """A number, with bounds (`exclusive` bounds are not taken themselves)."""

    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    whole: bool = False

    @property
    def expected(self) -> str:
        text = "a whole number" if self.whole else "a number"
        if self.minimum is not None:
            text += f" {'above' if self.exclusive_minimum else 'at least'} {show_value(self.minimum)}"
        if self.maximum is not None:
            text += " and" * (self.minimum is not None)
            text += f" {'below' if self.exclusive_maximum else 'at most'} {show_value(self.maximum)}"
        return text

    def convert(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise Mismatch(self.expected)
        low, high = self.minimum, self.maximum
        if low is not None and (value < low or (self.exclusive_minimum and value == low)):
            raise Mismatch(self.expected)
        if high is not None and (value > high or (self.exclusive_maximum and value == high)):
            raise Mismatch(self.expected)
        if self.whole:
            if value != int(value) if abs(value) != float("inf") else True:
                raise Mismatch(self.expected)
            return int(value)
        return float(value)


def Integer(minimum: float | None = None, maximum: float | None = None) -> Number:
    """A whole number."""
    return Number(minimum, maximum, whole=True)


@dataclass(frozen=True)
class Flag(Kind):
    """`true` or `false`."""

    @property
    def expected(self) -> str:
        return "true or false"

    def convert(self, value: Any) -> Any:
        if not isinstance(value, bool):
            raise Mismatch(self.expected)
        return value


@dataclass(frozen=True)
class Text(Kind):
    """A string."""

    @property
    def expected(self) -> str:
        return "a string"

    def convert(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise Mismatch(self.expected)
        return value


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few strings; case does not matter, as in CNTK."""

    choices: tuple[str, ...]

    @property
    def expected(self) -> str:
        quoted = [f"'{c}'" for c in self.choices]
        return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]

    def convert(self, value: Any) -> Any:
        if isinstance(value, str):
            for choice in self.choices:
                if choice.casefold() == value.casefold():
                    return choice
        raise Mismatch(self.expected)


@dataclass(frozen=True)
class ListOf(Kind):
    """A list of values of one kind (`a:b:c`); a single value is a list of one. Becomes a tuple."""

    item: Kind
    minimum_length: int = 0

    @property
    def expected(self) -> str:
        one = self.item.expected
        return f"{one}, or several joined by `:`" if self.minimum_length < 2 else f"a list of {one} each"

    def convert(self, value: Any) -> Any:
        values = value if isinstance(value, list | tuple) else [value]
        if len(values) < self.minimum_length:
            raise Mismatch(self.expected)
        return tuple(self.item.convert(v) for v in values)

    def show(self, value: Any) -> str:
        if isinstance(value, tuple):
            joined = ":".join(self.item.show(v) for v in value)
            return joined if len(value) == 1 else f"({joined})"
        return show_value(value)


def Dims(minimum: int = 1) -> ListOf:
    """Extents in the order of the file, width first: `3:3`, `(224:224:3)`, or one number."""
    return ListOf(Integer(minimum), minimum_length=1)


def PerAxis(item: Kind) -> ListOf:
    """One value for all axes, or one for each, width first; a short list repeats its last."""
    return ListOf(item, minimum_length=1)


@dataclass(frozen=True)
class Optional(Kind):
    """A value of a kind, or `None`."""

    item: Kind

    @property
    def wants(self) -> str:  # type: ignore[override]
        return self.item.wants

    @property
    def expected(self) -> str:
        return f"{self.item.expected}, or None"

    def convert(self, value: Any) -> Any:
        return None if value is None or value == [] or value == () else self.item.convert(value)

    def show(self, value: Any) -> str:
        return "None" if value is None else self.item.show(value)


@dataclass(frozen=True)
class Either(Kind):
    """A value of the first kind that takes it."""

    kinds: tuple[Kind, ...]

    @property
    def expected(self) -> str:
        return ", or ".join(kind.expected for kind in self.kinds)

    def convert(self, value: Any) -> Any:
        for kind in self.kinds:
            try:
                return kind.convert(value)
            except Mismatch:
                continue
        raise Mismatch(self.expected)


@dataclass(frozen=True)
class FunctionKind(Kind):
    """A layer or a function of one input, such as `ReLU`; stays unapplied."""

    wants: ClassVar[str] = "function"

    @property
    def expected(self) -> str:
        return "a layer or function, such as ReLU"

    def convert(self, value: Any) -> Any:
        if value is not None and not getattr(value, "is_function", False):
            raise Mismatch(self.expected)
        return value

    def show(self, value: Any) -> str:
        return "Identity" if value is None else str(value)


@dataclass(frozen=True)
class SpecOf(Kind):
    """A use of a row of another table, such as `Adam {}` or `RandomCrop {...}`."""

    what: str  #: "an optimizer", "a transform": what the message says
    base: type[Spec] | None = None

    @property
    def expected(self) -> str:
        return self.what

    def convert(self, value: Any) -> Any:
        wanted = self.base or Spec
        if not isinstance(value, wanted):
            raise Mismatch(self.expected)
        return value

    def show(self, value: Any) -> str:
        return value.show() if isinstance(value, Spec) else show_value(value)


@dataclass(frozen=True)
class ScheduleKind(Kind):
    """A value by epoch: `0.1*25 : 0.01*25 : 0.001`, or a policy such as `Cosine {0.1}`."""

    wants: ClassVar[str] = "schedule"
    item: Kind = Number()

    @property
    def expected(self) -> str:
        return "a schedule such as `0.1*25 : 0.01*25 : 0.001`"

    def convert(self, value: Any) -> Any:
        if not getattr(value, "is_schedule", False):
            raise Mismatch(self.expected)
        return value

    def show(self, value: Any) -> str:
        return str(value)


def show_value(value: Any) -> str:
    """A value in the notation of the file."""
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        quote = "'" if '"' in value else '"'
        return f"{quote}{value.replace('$', '$$')}{quote}"
    if isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            return "Infinity" if value > 0 else "-Infinity"
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.12g}"
    if isinstance(value, list | tuple):
        return "(" + ":".join(show_value(v) for v in value) + ")" if len(value) != 1 else show_value(value[0])
    if isinstance(value, Spec):
        return value.show()
    return str(value)


# --- options and specs -----------------------------------------------------------------------


@dataclass(frozen=True)
class Option:
    """One option of a Spec, as its table page shows it."""

    field_name: str
    name: str
    kind: Kind
    default: Any
    doc: str

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    def signature(self) -> str:
        return self.name if self.required else f"{self.name} = {self.kind.show(self.default)}"


def option(kind: Kind, default: Any = REQUIRED, doc: str = "", *, name: str | None = None) -> Any:
    """Declare an option: a dataclass field with its kind, default (already converted) and sentence."""
    metadata = {"kind": kind, "doc": doc, "name": name}
    if default is REQUIRED:
        return field(metadata=metadata, kw_only=True)
    return field(default=default, metadata=metadata, kw_only=True)


S = TypeVar("S", bound="Spec")


@dataclass(frozen=True)
class Spec:
    """A row of a table with its options, compared by value."""

    #: What one row of the table is called in messages: "layer", "reader", "optimizer".
    what: ClassVar[str] = "row"

    @classmethod
    def name(cls) -> str:
        return cls.__name__

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """All options in order; computed once per class."""
        cached = cls.__dict__.get("_options")
        if cached is None:
            cached = tuple(
                Option(f.name, f.metadata["name"] or camel(f.name), f.metadata["kind"], f.default, f.metadata["doc"])
                for f in dataclasses.fields(cls)
                if "kind" in f.metadata
            )
            cls._options = cached  # type: ignore[attr-defined]
        return cached

    @classmethod
    def option(cls, name: str) -> Option | None:
        return next((o for o in cls.options() if o.name == name), None)

    @classmethod
    def positional(cls) -> tuple[str, ...]:
        """Names of the options in the order in which they may be given without a name."""
        return tuple(o.name for o in cls.options())

    @classmethod
    def documentation(cls) -> str:
        return inspect.cleandoc(cls.__doc__ or "")

    @classmethod
    def summary(cls) -> str:
        """The first paragraph of the documentation, on one line."""
        return " ".join(cls.documentation().split("\n\n")[0].split())

    @classmethod
    def signature(cls) -> str:
        return f"{cls.name()} {{{', '.join(o.signature() for o in cls.options())}}}"

    @classmethod
    def unknown_hint(cls, name: str) -> str:
        """What to do instead of an option that the row once had or another program has; usually empty."""
        return ""

    def validate(self) -> None:
        """Check options against each other; raise OptionError."""

    def show(self) -> str:
        """As a file would write it, with the options that differ from their defaults."""
        parts = []
        for o in type(self).options():
            value = getattr(self, o.field_name)
            if o.required:
                parts.append(o.kind.show(value))
            elif value != o.default:
                parts.append(f"{o.name} = {o.kind.show(value)}")
        return f"{type(self).name()} {{{', '.join(parts)}}}"

    def __str__(self) -> str:
        return self.show()


def camel(snake: str) -> str:
    """`filter_shape` -> `filterShape`."""
    return re.sub(r"_(\w)", lambda m: m.group(1).upper(), snake.rstrip("_"))


# --- binding ---------------------------------------------------------------------------------


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
    known = {o.name: o for o in cls.options()}
    diagnostics: list[Diagnostic] = []
    given: dict[str, Argument] = {}
    order = cls.positional()
    for index, argument in enumerate(positional):
        if index >= len(order):
            diagnostics.append(_too_many(cls, called, positional, order))
            break
        given[order[index]] = argument
    for name, argument in named.items():
        if name in given:
            diagnostics.append(_twice(called, name, argument, given[name]))
        elif name not in known:
            diagnostics.append(_unknown(cls, called, name, argument, unknown_code))
        else:
            given[name] = argument
    values: dict[str, Any] = {}
    for o in cls.options():
        if o.name in given:
            try:
                values[o.field_name] = o.kind.convert(given[o.name].get(o.kind))
            except Mismatch as mismatch:
                diagnostics.append(_mistyped(cls, called, o, given[o.name], str(mismatch)))
            except Failure as failed:
                diagnostics.extend(failed.diagnostics)
        elif o.required:
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
    many = len(cls.options()) > MANY_OPTIONS
    parts = [o.name if many else o.signature() for o in cls.options()]
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


def _unknown(cls: type[Spec], called: str, name: str, argument: Argument, code: str) -> Diagnostic:
    label = did_you_mean(name, [o.name for o in cls.options()])
    noun = "key" if code == "unknown-key" else "option"
    body = () if label and len(cls.options()) > MANY else signature_body(cls, called)
    return Diagnostic(code, f"{called} has no {noun} `{name}`", Label(argument.name_span or argument.span, label),
                      body=body)


def _missing(cls: type[Spec], called: str, o: Option, call: Span, is_block: bool) -> Diagnostic:
    noun = "key" if is_block else "option"
    every = signature_body(cls, called) if len(cls.options()) <= MANY else ()
    return Diagnostic("missing-option", f"{called} needs its {noun} `{o.name}`",
                      Label(call, f"`{o.name}` is missing here"),
                      body=(f"`{o.name}` is {o.kind.expected}: {o.doc.rstrip('.')}.", *every))


def _mistyped(cls: type[Spec], called: str, o: Option, argument: Argument, expected: str) -> Diagnostic:
    try:
        got = f"this is {describe_value(argument.value())}"
    except Failure:
        got = ""
    return Diagnostic("option-type", f"`{o.name}` of {called} takes {expected}"[:160], Label(argument.span, got),
                      body=(f"`{o.name}`: {o.doc.rstrip('.')}.",))


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


def by_name(rows: Iterable[type[S]]) -> dict[str, type[S]]:
    """A table: rows by the name that files use."""
    return {row.name(): row for row in rows}

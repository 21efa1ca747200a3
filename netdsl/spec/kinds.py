"""Kinds of options: what values they take, what a message says of them, how they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from ..base.units import any_of


class Mismatch(Exception):
    """A value that an option cannot take; the text says what it takes."""


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

    def suggestion(self, value: Any) -> str:
        """What to do about a value that it cannot take, if that can be said."""
        return ""


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

    def suggestion(self, value: Any) -> str:
        is_share = self.maximum == 1 and isinstance(value, int | float) and 1 < value <= 100
        return f"it is a share: {show_value(float(value))} % is `{show_value(value / 100)}`." if is_share else ""


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

    def suggestion(self, value: Any) -> str:
        if isinstance(value, str) and value.casefold() in ("true", "false", "yes", "no"):
            return "write it without quotes: `true` or `false`."
        return f"write `{'true' if value else 'false'}`." if value in (0, 1) else ""


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
        return any_of([f"'{c}'" for c in self.choices])

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

    def suggestion(self, value: Any) -> str:
        return self.item.suggestion(value)


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


class LanguageValue:
    """Base of what expressions evaluate to beside numbers and texts: it says in messages what it is."""

    __slots__ = ()

    def description(self) -> str:
        raise NotImplementedError


class Applicable(LanguageValue):
    """Base of the values that can be applied: functions of the file, layers, built-in functions."""

    __slots__ = ()

    def description(self) -> str:
        return "a function"


class ScheduleValue:
    """Base of the values that follow the training: lists of values by epoch, and policies."""

    __slots__ = ()


@dataclass(frozen=True)
class FunctionKind(Kind):
    """A layer or a function of one input, such as `ReLU`; stays unapplied."""

    wants: ClassVar[str] = "function"

    @property
    def expected(self) -> str:
        return "a layer or function, such as ReLU"

    def convert(self, value: Any) -> Any:
        if value is not None and not isinstance(value, Applicable):
            raise Mismatch(self.expected)
        return value

    def show(self, value: Any) -> str:
        return "Identity" if value is None else str(value)

    def suggestion(self, value: Any) -> str:
        return "name it without quotes: `ReLU`, `Tanh`." if isinstance(value, str) else \
            "leave out its input: `ReLU`, not `ReLU (x)`." if not isinstance(value, int | float | list) else ""


@dataclass(frozen=True)
class SpecOf(Kind):
    """A use of a row of another table, such as `Adam {}` or `RandomCrop {...}`."""

    what: str  #: "an optimizer", "a transform": what the message says
    base: type  #: the class of the table's rows

    @property
    def expected(self) -> str:
        return self.what

    def convert(self, value: Any) -> Any:
        if not isinstance(value, self.base):
            raise Mismatch(self.expected)
        return value

    def show(self, value: Any) -> str:
        return show_value(value)

    def suggestion(self, value: Any) -> str:
        """`optimizer = "adam"`: a row's name as a string, in whatever case."""
        if not isinstance(value, str):
            return ""
        rows = {row.name().casefold(): row.name() for row in _rows(self.base)} if self.base else {}
        name = rows.get(value.casefold())
        return f"write `{name} {{}}`, without quotes." if name else \
            "write its name without quotes, and its options in braces."


def _rows(base: Any) -> Iterator[Any]:
    """The rows of a table: all classes below its base."""
    for row in base.__subclasses__():
        yield row
        yield from _rows(row)


@dataclass(frozen=True)
class ScheduleKind(Kind):
    """A value by epoch: `0.1*25 : 0.01*25 : 0.001`, or a policy such as `CosineDecay {0.1}`."""

    wants: ClassVar[str] = "schedule"
    item: Kind = Number()

    @property
    def expected(self) -> str:
        return "a schedule such as `0.1*25 : 0.01*25 : 0.001`"

    def convert(self, value: Any) -> Any:
        if not isinstance(value, ScheduleValue):
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
        return str(int(value)) if abs(value) < 1e15 and value == int(value) else f"{value:.12g}"
    if isinstance(value, list | tuple):
        return "(" + ":".join(show_value(v) for v in value) + ")" if len(value) != 1 else show_value(value[0])
    return str(value)

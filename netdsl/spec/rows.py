"""Options and Specs: the rows of the tables."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar, dataclass_transform

from .kinds import Kind

REQUIRED: Any = dataclasses.MISSING


class OptionError(Exception):
    """Options that contradict each other; raised by `Spec.validate`."""

    def __init__(self, option: str, title: str, hint: str = "") -> None:
        super().__init__(title)
        self.option, self.title, self.hint = option, title, hint


@dataclass(frozen=True)
class Option:
    """One option of a Spec, as its table page shows it."""

    field_name: str
    name: str
    kind: Kind
    default: Any
    doc: str
    drawn: str | None = None  #: words in a drawing, with `{}` for the value; "": left out; None: name and value
    counts_steps: bool = False  #: a position that may differ among the steps of an unrolled loop

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    def signature(self) -> str:
        return self.name if self.required else f"{self.name} = {self.kind.show(self.default)}"


def option(kind: Kind, default: Any = REQUIRED, doc: str = "", *, name: str | None = None, drawn: str | None = None,
           counts_steps: bool = False) -> Any:
    """Declare an option: a dataclass field with its kind, default (already converted) and sentence.

    `drawn` and `counts_steps` are for drawings, see `Option`.
    """
    metadata = {"kind": kind, "doc": doc, "name": name, "drawn": drawn, "counts_steps": counts_steps}
    if default is REQUIRED:
        return field(metadata=metadata, kw_only=True)
    return field(default=default, metadata=metadata, kw_only=True)


@dataclass(frozen=True)
class _Fields:
    """What the methods of a row ask of its fields, gathered once for its class."""

    known: frozenset[str]
    required: frozenset[str]
    defaults: dict[str, Any]
    made: dict[str, Callable[[], Any]]  #: made anew for each instance
    compared: tuple[str, ...]

    @staticmethod
    def of(cls: type[Spec]) -> _Fields:
        fields = dataclasses.fields(cls)
        defaults = {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}
        made = {f.name: f.default_factory for f in fields if f.default_factory is not dataclasses.MISSING}
        names = frozenset(f.name for f in fields)
        return _Fields(names, names - defaults.keys() - made.keys(), defaults, made,
                       tuple(f.name for f in fields if f.compare))


S = TypeVar("S", bound="Spec")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def table_row(cls: type[S]) -> type[S]:
    """Declare a row: a frozen dataclass that takes its methods from Spec.

    `dataclass` writes and compiles six methods for every class. Spec's own, the same for all rows, save 104 ms of the
    882 ms that `netdsl check -q networks/convnet_mnist.net` takes with those (processor time, best of 15, alternated).
    """
    return dataclass(frozen=True, init=False, repr=False, eq=False)(cls)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Spec:
    """A row of a table with its options, compared by value."""

    #: What one row of the table is called in messages: "layer", "reader", "optimizer".
    what: ClassVar[str] = "row"
    #: Uses of the row, for its page.
    examples: ClassVar[tuple[Any, ...]] = ()

    def __init__(self, **values: Any) -> None:
        fields = self._fields()
        if not values.keys() >= fields.required or not values.keys() <= fields.known:
            wrong = sorted(fields.required - values.keys()) or sorted(values.keys() - fields.known)
            raise TypeError(f"{self.name()} was made without, or has no, {', '.join(wrong)}")
        own = self.__dict__  # the class is frozen for everybody else
        own.update(fields.defaults)
        own.update({name: make() for name, make in fields.made.items() if name not in values})
        own.update(values)

    def __repr__(self) -> str:
        shown = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr)
        return f"{type(self).__qualname__}({shown})"

    def _compared(self) -> tuple[Any, ...]:
        return tuple(map(self.__dict__.__getitem__, self._fields().compared))

    @classmethod
    def _fields(cls) -> _Fields:
        found: _Fields | None = cls.__dict__.get("_known_fields")
        if found is None:
            found = _Fields.of(cls)
            cls._known_fields = found  # type: ignore[attr-defined]
        return found

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__ or self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    @classmethod
    def name(cls) -> str:
        return cls.__name__

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """All options in order; computed once per class."""
        cached = cls.__dict__.get("_options")
        if cached is None:
            cached = tuple(
                Option(f.name, f.metadata["name"] or camel(f.name), f.metadata["kind"], f.default, f.metadata["doc"],
                       f.metadata["drawn"], f.metadata["counts_steps"])
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

    def value_of(self, option: Option) -> Any:
        """What the use gives for an option, or its default."""
        return getattr(self, option.field_name)

    def with_options(self: S, **values: Any) -> S:
        """The same use with other values, by field name."""
        return dataclasses.replace(self, **values)

    def validate(self) -> None:
        """Check options against each other; raise OptionError."""

    def show(self) -> str:
        """As a file would write it, with the options that differ from their defaults."""
        parts = []
        for o in type(self).options():
            value = self.value_of(o)
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


def by_name(rows: Iterable[type[S]]) -> dict[str, type[S]]:
    """A table: rows by the name that files use."""
    return {row.name(): row for row in rows}

"""Options and Specs: the rows of the tables."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

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


def by_name(rows: Iterable[type[S]]) -> dict[str, type[S]]:
    """A table: rows by the name that files use."""
    return {row.name(): row for row in rows}

"""The abstract syntax of `.net` files. Every node knows its place; nothing else knows Lark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..base.source import Source, Span


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name where it is defined or selected."""

    text: str
    span: Span


# --- members of records --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Assign:
    """`name = value`"""

    name: Identifier
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function, with its default."""

    name: Identifier
    default: Expression | None
    span: Span


@dataclass(frozen=True, slots=True)
class Define:
    """`name {a, b = 1} (x) = value`; each bracket is one group, applied one after the other."""

    name: Identifier
    groups: tuple[tuple[Parameter, ...], ...]
    value: Expression
    span: Span
    braces: tuple[bool, ...] = ()  #: which groups are written with braces; for the formatter


@dataclass(frozen=True, slots=True)
class AssignElements:
    """`name[index:low..high] = value`"""

    name: Identifier
    index: Identifier
    low: Expression
    high: Expression
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Include:
    """`include "path" { ... }`: the members of another file, in place; the braces hold other values for them."""

    path: str
    span: Span
    changes: Record | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """`a.b = value`: another value for something in an included file.

    On the command line `value` is None: how its text is read depends on what it replaces.
    """

    path: tuple[Identifier, ...]
    value: Expression | None
    span: Span


Member: TypeAlias = Assign | Define | AssignElements | Include | Override


@dataclass(frozen=True, slots=True)
class Module:
    """A whole file: a record without its braces. `comments` are in the order of the text."""

    members: tuple[Member, ...]
    span: Span
    comments: tuple[Span, ...] = ()
    #: other files with members of this one: where in its own text they stand, and the file; for the formatter
    texts: tuple[tuple[int, Source], ...] = ()


# --- expressions -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    value: float
    span: Span


@dataclass(frozen=True, slots=True)
class Interpolation:
    """`$a.b$` inside a string."""

    value: Name | Select
    span: Span


@dataclass(frozen=True, slots=True)
class String:
    """`"$dataDir$/train"`; `$$` is one `$`."""

    parts: tuple[str | Interpolation, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Boolean:
    value: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    operand: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Expression
    right: Expression
    span: Span
    operator_span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """`conv1 := Layer {...}` in a list: an element that names what is made in it."""

    name: Identifier
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class List:
    """`a : b : c`"""

    items: tuple[Expression | Step, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Function:
    """`x => e`, `(x, y) => e`"""

    parameters: tuple[Identifier, ...]
    body: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Conditional:
    condition: Expression
    then: Expression
    otherwise: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Select:
    """`record.name`"""

    value: Expression
    name: Identifier
    span: Span


@dataclass(frozen=True, slots=True)
class Index:
    """`list[i]`"""

    value: Expression
    index: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Argument:
    name: Identifier | None
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """`f (a, b = 1)` or `F {a, b = 1}`"""

    callee: Expression
    arguments: tuple[Argument, ...]
    braces: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Parentheses:
    """Kept for the formatter, and because `(0.1*10)` in a schedule is a product."""

    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Record:
    members: tuple[Member, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Array:
    """`array [low..high] (i => e)`"""

    low: Expression
    high: Expression
    function: Expression
    span: Span


Expression: TypeAlias = (
    Number | String | Boolean | Name | Unary | Binary | List | Function | Conditional | Select | Index | Call
    | Parentheses | Record | Array
)

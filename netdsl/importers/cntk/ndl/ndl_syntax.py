"""What NDL texts are made of. Names differ by case nowhere in NDL; they keep the spelling of the file here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from ....base.source import Span
from ...mapped_text import MappedText


@dataclass(frozen=True, slots=True)
class Word:
    """A name (`h1`, `h1.W`), a number, or any other text without blanks; `quoted` if it stood in `"..."`."""

    text: str
    span: Span
    quoted: bool = False
    mapped: MappedText | None = field(default=None, compare=False, repr=False)  #: with what `$x$` in it came from

    @property
    def key(self) -> str:
        """What names are compared by."""
        return self.text.lower()

    @property
    def number(self) -> float | None:
        """The number that it is, if it is one."""
        try:
            return None if self.quoted else float(self.text)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Option:
    """`name = value` among the arguments of a call."""

    name: Word
    value: Item


@dataclass(frozen=True, slots=True)
class Call:
    """`Function(argument, option = value)`: an operation or a macro."""

    function: Word
    arguments: tuple[Item, ...]
    options: tuple[Option, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Items:
    """`{5, 5, 3}`, `(a:b)`"""

    items: tuple[Item, ...]
    span: Span


Item: TypeAlias = Word | Call | Items


@dataclass(frozen=True, slots=True)
class Statement:
    """`name = value`; without a name in a macro of one expression."""

    name: Word | None
    value: Item
    span: Span


@dataclass(frozen=True, slots=True)
class Macro:
    """`Name(a, b) { ... }`, `Name(a, b) = [ ... ]`, `Name(a, b) = expression`"""

    name: Word
    parameters: tuple[Word, ...]
    body: tuple[Statement, ...]
    span: Span

    @property
    def is_expression(self) -> bool:
        return len(self.body) == 1 and self.body[0].name is None


Member: TypeAlias = Statement | Macro

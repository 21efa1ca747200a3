"""`$x$` of a configuration as names of a `.net` file: which of them are used as names, and their definitions."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...base.source import Source, Span
from ...syntax import ast
from ..building import Builder
from ..mapped_text import MappedText, Piece
from .config_values import read_number

if TYPE_CHECKING:
    from .config_text import Entry

#: What an unknown variable of a path stands for.
HERE = "."
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, eq=False)
class Definition:
    """A key of a section that is used as a variable."""

    name: str  #: as it is written where it is defined
    value: MappedText
    entry: Entry | None  #: None for a variable that nothing defines
    span: Span


@dataclass
class Variables:
    """The variables that a configuration uses. Whoever turns a `$x$` into a name asks here, and so wants it."""

    _definitions: dict[tuple[Source, int], Definition] = field(default_factory=dict)  #: by the place of the key
    _by_use: dict[tuple[Source, int], Definition] = field(default_factory=dict)
    _wanted: dict[str, Definition] = field(default_factory=dict)
    unknown: dict[str, Definition] = field(default_factory=dict)  #: those of paths, which the file does not define

    def definition(self, entry: Entry, value: MappedText) -> Definition:
        """The definition by a key of some section; the same for every use of it."""
        return self._definitions.setdefault(_place(entry), Definition(entry.name, value, entry, entry.span))

    def uses(self, entry: Entry) -> bool:
        """Whether a key is used as a variable."""
        return _place(entry) in self._definitions

    def missing(self, name: str, place: Span) -> Definition:
        """A variable of a path that the file does not define: the current folder, until someone says otherwise."""
        value = MappedText((Piece(HERE, place, True),))
        return self.unknown.setdefault(name.casefold(), Definition(name, value, None, place))

    def use(self, place: Span, definition: Definition) -> None:
        self._by_use[place.source, place.start] = definition

    def name_of(self, piece: Piece, taken: Collection[str] = ()) -> str | None:
        """The name that a `$x$` gets at the top of the `.net` file; None if its value is to be written in its place.

        It has none where it is not a plain value (a number, a string, a list of numbers), where its name is among the
        `taken` ones, which would hide it, or where two sections define it differently.
        """
        definition = self._by_use.get((piece.origin.source, piece.origin.start)) if piece.variable else None
        if definition is None or not _NAME.fullmatch(definition.name) or definition.name in taken:
            return None
        if definition.name in RESERVED or self._wanted.get(definition.name, definition) is not definition:
            return None
        if plain_value(definition.value.text) is None:
            return None
        self._wanted[definition.name] = definition
        return definition.name

    def members(self, taken: Collection[str] = ()) -> list[ast.Assign]:
        """`x = value` for each that is wanted as a name, with those that their values need."""
        done: dict[str, ast.Assign] = {}
        while len(done) < len(self._wanted):
            for name, definition in list(self._wanted.items()):
                if name in done:
                    continue
                if definition.entry is None:  # it stands nowhere in the file: at its top
                    done[name] = Builder(Span.nowhere("")).assign(name, definition.value.text)
                else:
                    done[name] = Builder(definition.span).assign(name, self.expression(definition.value, taken))
        return list(done.values())

    def expression(self, value: MappedText, taken: Collection[str] = ()) -> ast.Expression:
        """A plain value as an expression: `$x$` inside a string is interpolated, one that stands alone is a name."""
        span = value.span(0, len(value.text))
        if len(value.pieces) == 1 and value.pieces[0].variable:
            name = self.name_of(value.pieces[0], taken)
            if name is not None:
                return ast.Name(name, span)
        plain = plain_value(value.text)
        if plain is not None and not isinstance(plain, str):
            return Builder(span).value(plain)
        return self.string(value, taken)

    def string(self, value: MappedText, taken: Collection[str] = ()) -> ast.String:
        """A text as a string, with `$x$` of it as interpolations where they are names of the `.net` file."""
        parts = string_parts(value.pieces, lambda piece: self.name_of(piece, taken))
        return ast.String(tuple(part for part in parts if part != ""), value.span(0, len(value.text)))


def string_parts(pieces: Iterable[Piece], name_of: Callable[[Piece], str | None]) -> list[str | ast.Interpolation]:
    """The text of pieces, with an interpolation for each that replaces a variable and has a name."""
    parts: list[str | ast.Interpolation] = []
    for piece in pieces:
        name = name_of(piece) if piece.variable else None
        if name is not None:
            parts.append(ast.Interpolation(ast.Name(name, piece.origin), piece.origin))
        elif parts and isinstance(parts[-1], str):
            parts[-1] += piece.text
        else:
            parts.append(piece.text)
    return parts


def _place(entry: Entry) -> tuple[Source, int]:
    return entry.span.source, entry.span.start


#: Names that mean something at the top of a `.net` file, or are words of the language.
RESERVED = frozenset(("network", "reader", "SGD", "include", "if", "then", "else", "array", "true", "false"))


def plain_value(text: str) -> bool | float | str | list[float] | None:
    """A value that can stand at the top of a `.net` file: a number, numbers joined by `:`, or else a string.

    None for a section, a list in brackets, or a schedule with `*`.
    """
    text = text.strip()
    number = read_number(text)
    if number is not None:
        return number
    numbers = [read_number(part) for part in text.split(":")]
    if len(numbers) > 1 and all(n is not None for n in numbers):
        return [n for n in numbers if n is not None]
    if text in ("true", "false"):
        return text == "true"
    if text.startswith(("[", "{", "(")) or re.fullmatch(r"(?=.*\d)[\d.:*eE+\s-]+", text):
        return None
    return text

"""What a row of the library's table is: a function of CNTK's core library, and what it becomes in a `.net` file.

The parameters are CNTK's, with their order and defaults; `tag`, `precision` and `imageLayout`, which nearly every
function takes, are left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from ....base.source import Source
from ....syntax import ast
from ....syntax.parser import parse, parse_expression
from ...building import Builder
from ...mapped_text import MappedText
from .bs_parser import Parser
from .bs_tokens import read_words

#: Options that steer memory, devices or the choice of an engine, which netdsl does for itself.
MEANINGLESS = {
    "maxTempMemSizeInSamples": "memory is not limited by hand", "initOnCPUOnly": "parameters start on the CPU always",
    "useCntkEngine": "there is one engine", "precision": "the precision is that of the run",
    "imageLayout": "images are W x H x C always", "sharing": "filters are shared over positions always",
}


@dataclass(frozen=True)
class LibraryRow(ABC):
    """A name of CNTK's library."""

    signature: str  #: `name (a, b, c = default)`; braces where CNTK's own text has them; a name alone for a value
    state: ClassVar[str]  #: for the table in docs/cntk.md: "same", "mended" or "not supported"

    @cached_property
    def definition(self) -> ast.Define | None:
        """The signature as it parses; None for a value."""
        if not self.signature.endswith((")", "}")):
            return None
        name, bracket, rest = self.signature.partition("{" if self.signature.endswith("}") else "(")
        text = f"{name.strip().rpartition('.')[2]} {bracket}{rest} = 0"
        words = read_words(MappedText.whole(Source("CNTK's library", text)), _NoFiles())
        member = Parser(words.words, lambda piece: None).member()
        assert isinstance(member, ast.Define)
        return member

    @property
    def name(self) -> str:
        """With its namespace: `BS.Parameters.BiasParam`."""
        return self.signature.partition(" ")[0]

    @property
    def short_name(self) -> str:
        return self.name.rpartition(".")[2]

    @cached_property
    def parameters(self) -> tuple[ast.Parameter, ...]:
        return self.definition.groups[0] if self.definition is not None else ()

    @cached_property
    def positional(self) -> tuple[str, ...]:
        return tuple(p.name.text for p in self.parameters if p.default is None)

    @cached_property
    def optional(self) -> dict[str, ast.Expression]:
        """Those that are passed by name only, with their defaults."""
        return {p.name.text: p.default for p in self.parameters if p.default is not None}

    @property
    @abstractmethod
    def how(self) -> str:
        """One sentence for docs/cntk.md: what was mended, or why it is not supported."""


class _NoFiles:
    def find(self, path: str, place: object) -> Source:
        raise AssertionError(path)


@dataclass(frozen=True)
class Same(LibraryRow):
    """A row of ours (or a function of the language) of the same meaning."""

    ours: str = ""  #: its name, where it differs
    names: Mapping[str, str] = field(default_factory=dict)  #: CNTK's parameters that have another name with us
    written: Mapping[str, str] = field(default_factory=dict)  #: our options whose default differs, with CNTK's value
    note: str = ""
    unshared: str = ""  #: our row for `sharing = false`

    @property
    def state(self) -> str:  # type: ignore[override]
        return "mended" if self.note or self.written else "same"

    @property
    def our_name(self) -> str:
        return self.ours or self.short_name

    @property
    def how(self) -> str:
        parts = [f"`{self.our_name}`"] if self.our_name != self.short_name else []
        parts += [f"`{name} = {value}` is written out" for name, value in self.written.items()]
        return "; ".join([*parts, self.note] if self.note else parts)

    def our_parameter(self, name: str) -> str:
        return self.names.get(name, name)


@dataclass(frozen=True)
class Composed(LibraryRow):
    """A function that is put into the network once, written in our language."""

    text: str = ""  #: its definition, after those of what it uses
    note: str = ""
    state = "mended"

    @cached_property
    def members(self) -> tuple[ast.Define, ...]:
        return definitions(self.text)

    @property
    def our_name(self) -> str:
        return self.members[-1].name.text

    @property
    def how(self) -> str:
        return self.note or f"written out once, as `{self.our_name}`"


@dataclass(frozen=True)
class Value(LibraryRow):
    """A name that stands for a value."""

    text: str = ""
    state = "mended"

    def expression(self, builder: Builder) -> ast.Expression:
        return at_place(parse_expression(Source("", self.text)), builder)

    @property
    def how(self) -> str:
        return f"`{self.text}`"


@dataclass
class Given:
    """A call of a library function: its arguments by CNTK's names, as they were translated."""

    row: LibraryRow
    call: ast.Call
    arguments: dict[str, ast.Expression]
    builder: Builder
    refuse: Callable[[str, str], None]  #: (what netdsl has not, why)
    note: Callable[[str], None]  #: something of this call has no effect
    define: Callable[[str], None]  #: a function, written in our language, that the call needs

    def __getitem__(self, name: str) -> ast.Expression:
        return self.arguments[name]

    def get(self, name: str) -> ast.Expression | None:
        return self.arguments.get(name)


@dataclass(frozen=True)
class Spelled(LibraryRow):
    """A function that our language says in another way, call by call."""

    write: Callable[[Given], ast.Expression] = lambda given: given.call
    note: str = ""
    ours: str = ""  #: the row of ours that takes the same arguments in the same order, where options are not given
    state = "mended"

    @property
    def how(self) -> str:
        return self.note


@dataclass(frozen=True)
class Missing(LibraryRow):
    """A function that netdsl does not have."""

    what: str = ""  #: "recurrence", as `netdsl has no ...` says it
    why: str = ""
    hint: str = ""
    state = "not supported"

    @property
    def how(self) -> str:
        return self.why


def definitions(text: str) -> tuple[ast.Define, ...]:
    """Functions written in our language."""
    members = parse(Source("the definition of CNTK's function", text)).members
    return tuple(member for member in members if isinstance(member, ast.Define))


def at_place(e: ast.Expression, builder: Builder) -> ast.Expression:
    """A plain value (a number, a string, a call on such) with its places in the original file."""
    match e:
        case ast.Number():
            return builder.value(e.value)
        case ast.Boolean():
            return builder.value(e.value)
        case ast.String():
            return ast.String(e.parts, builder.span)
        case ast.Name():
            return builder.name(e.text)
        case ast.Unary():
            return ast.Unary(e.operator, at_place(e.operand, builder), builder.span)
        case ast.Call():
            arguments = tuple(ast.Argument(None, at_place(a.value, builder), builder.span) for a in e.arguments)
            return ast.Call(at_place(e.callee, builder), arguments, e.braces, builder.span)
    raise AssertionError(e)

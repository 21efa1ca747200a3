"""What a row of the table of darknet's sections is: its keys, what it becomes, the order of its weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.failure import Failure, failure
from ...base.suggest import did_you_mean
from ...syntax import ast
from ..building import Builder
from .cfg_file import CfgSection, Entry

WHOLE, NUMBER, TEXT, WHOLES, NUMBERS = "a whole number", "a number", "a word", "whole numbers", "numbers"


@dataclass(frozen=True)
class Key:
    """A key of a section, with darknet's default."""

    name: str
    kind: str = WHOLE
    default: float | str | None = None  #: None: darknet has none
    least: float | None = None
    meaning: str = ""  #: for the docs, where it is not plain
    effect: bool = True  #: False: accepted with a note, since it means nothing here


#: Keys that every section may have.
COMMON_KEYS = (
    Key("learning_rate", NUMBER, 1.0, 0, "multiplies the learning rate of the section's parameters"),
    Key("stopbackward", WHOLE, 0, meaning="this section and all before it are frozen"),
    Key("onlyforward", effect=False), Key("smooth", NUMBER, effect=False), Key("dontsave", effect=False),
)
#: Keys that change which numbers of a `.weights` file belong to a section: refused unless 0.
LAYOUT_KEYS = ("dontload", "dontloadscales", "numload")


@dataclass(frozen=True)
class Extents:
    """The extents of a section's output, and whether it is a vector here (`[connected]`) or an image of one pixel."""

    width: int
    height: int
    channels: int
    flat: bool = False

    @property
    def size(self) -> int:
        return self.width * self.height * self.channels

    @property
    def dims(self) -> str:
        """As the language writes it, width first."""
        return f"({self.width}:{self.height}:{self.channels})"

    def __str__(self) -> str:
        return f"{self.width} x {self.height} x {self.channels}"


#: From the number of a section to the expression of its output.
Outputs = Callable[[int], ast.Expression]


@dataclass(frozen=True)
class Made:
    """What a section becomes: a layer for the output of the one before, or a value made of several outputs."""

    extents: Extents
    layer: ast.Expression | None = None
    value: Callable[[Outputs], ast.Expression] | None = None
    uses: tuple[int, ...] = ()  #: sections that `value` takes; with neither layer nor value: the one it stands for
    loss: str = ""  #: how it ends a network: a key of `ENDINGS`
    factor: float = 1.0  #: of the loss


@dataclass
class Use:
    """A section in its place: what it gets, and everything before it."""

    section: CfgSection
    row: SectionType
    index: int
    input: Extents
    before: Sequence[Made]
    notes: list[Diagnostic] = field(default_factory=list)
    helpers: set[str] = field(default_factory=set)  #: functions of the written file that are needed

    @property
    def build(self) -> Builder:
        return Builder(self.section.header)

    def parsed(self, text: str) -> ast.Expression:
        return self.build.parsed(text)

    # --- keys ----------------------------------------------------------------------------------

    def entry(self, name: str) -> Entry | None:
        return self.section.entries.get(name)

    def _key(self, name: str) -> Key:
        return next(key for key in (*self.row.keys, *COMMON_KEYS) if key.name == name)

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number, or its default. Raises Failure for one that is too small."""
        entry, key = self.entry(name), self._key(name)
        if entry is None:
            return int(key.default or 0) if default is None else default
        value = entry.whole()
        if key.least is not None and value < key.least:
            raise entry.wrong(f"at least {key.least:g} is needed")
        return value

    def number(self, name: str) -> float:
        entry, key = self.entry(name), self._key(name)
        if entry is None:
            return float(key.default or 0)
        value = entry.number()
        if key.least is not None and value < key.least:
            raise entry.wrong(f"at least {key.least:g} is needed")
        return value

    def text(self, name: str) -> str:
        entry = self.entry(name)
        return str(self._key(name).default or "") if entry is None else entry.value

    def flag(self, name: str) -> bool:
        return self.whole(name) != 0

    def note(self, title: str, label: str, key: str = "") -> None:
        entry = self.entry(key)
        span = entry.span if entry is not None else self.section.header
        self.notes.append(Diagnostic(Code.DOUBTFUL, title, Label(span, label), severity="note"))

    # --- places --------------------------------------------------------------------------------

    def earlier(self, entry: Entry, number: int) -> int:
        """The section that a number of `[route]` or `[shortcut]` means. Raises Failure where there is none."""
        index = number + self.index if number < 0 else number
        if 0 <= index < self.index:
            return index
        raise failure(Code.INDEX, f"[{self.section.name}] names a section that is not before it", entry.value_span,
                      f"{number} means section {index}, and this is section {self.index}",
                      hint="count the sections from 0, without [net]; negative numbers count back from this one.")

    def image(self) -> Extents:
        """The input, which has to be an image."""
        if self.input.size and not self.input.flat:
            return self.input
        return Extents(1, 1, self.input.channels)

    def mismatch(self, title: str, label: str, key: str = "", hint: str = "") -> Failure:
        entry = self.entry(key)
        span = entry.span if entry is not None else self.section.header
        return failure(Code.SHAPE_MISMATCH, title, span, label, hint=hint)

    def positions(self, size: int, pad: int, stride: int) -> tuple[int, int]:
        """How often a window fits into the input along width and height. Raises Failure where it does not."""
        found = [(extent + pad - size) // stride + 1 for extent in (self.input.width, self.input.height)]
        entry = self.entry("size")
        if min(self.input.width, self.input.height) + pad < size:
            raise failure(Code.FILTER_TOO_LARGE, f"a window of {size} does not fit into {self.input}",
                          entry.span if entry is not None else self.section.header,
                          f"the input has {self.input.width} x {self.input.height} pixels" +
                          (f", and {pad} of padding" if pad else ""))
        return found[0], found[1]


class SectionType(ABC):
    """A row of the table: one type of section."""

    names: ClassVar[tuple[str, ...]]  #: as written in brackets; the first is the one to show
    label: ClassVar[str]  #: what its node is called, with a number behind it
    keys: ClassVar[tuple[Key, ...]] = ()
    becomes: ClassVar[str]  #: for the docs: rows of the language
    weights: ClassVar[str] = ""  #: for the docs: what a `.weights` file has of it, in order
    differs: ClassVar[str] = ""  #: for the docs: what is not as in darknet
    example: ClassVar[str] = ""  #: keys of an example, for the docs' table and its test

    @abstractmethod
    def read(self, use: Use) -> Made:
        """What the section becomes. Raises Failure."""


class RefusedSection(SectionType):
    """Base of the types that netdsl has nothing for."""

    what: ClassVar[str]
    becomes = "not supported"

    def read(self, use: Use) -> Made:
        raise failure(Code.NOT_SUPPORTED, f"netdsl has no {self.what}", use.section.header, "this is not supported",
                      hint="the network can be used up to here: put the sections before this one into a file of "
                           "their own.")


def unread_keys(use: Use) -> None:
    """Say which keys mean nothing here, and which nobody knows. Raises Failure for those that cannot be left out."""
    known = {key.name: key for key in (*use.row.keys, *COMMON_KEYS)}
    for name, entry in use.section.entries.items():
        if name in LAYOUT_KEYS:
            if entry.whole():
                raise failure(Code.NOT_SUPPORTED, f"netdsl has no `{name}`", entry.span,
                              "it changes how a `.weights` file is read",
                              hint="remove it, and use a file with the weights of all sections.")
        elif name not in known:
            use.notes.append(unknown_key(entry, list(known)))
        elif known[name].kind in (WHOLE, NUMBER, WHOLES, NUMBERS):
            rest = entry.unread(known[name].kind in (WHOLE, WHOLES))
            if rest:
                use.notes.append(Diagnostic(
                    Code.DOUBTFUL, f"`{rest}` behind the number of `{name}` is not read", Label(entry.value_span),
                    severity="warning", hint="darknet reads a number up to the first other character."))
    for entry in use.section.repeated:
        use.notes.append(Diagnostic(Code.DUPLICATE_NAME, f"`{entry.key}` is given twice", Label(entry.span, "not read"),
                                    (Label(use.section.entries[entry.key].span, "this one counts"),),
                                    severity="warning", hint="remove one of the two."))


def unknown_key(entry: Entry, known: Sequence[str]) -> Diagnostic:
    return Diagnostic(Code.UNKNOWN_KEY, f"nothing reads `{entry.key}`", Label(entry.key_span), severity="warning",
                      hint=did_you_mean(entry.key, known) or "darknet would skip it as well.")

"""Sections of a configuration: keys in any case, values that climb outwards, `$x$` replaced when a value is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...base.codes import Code
from ...base.failure import Failure, failure
from ...base.source import Source, Span
from ...base.suggest import did_you_mean
from ..mapped_text import MappedText, Piece
from .config_text import Entry, closing_bracket, entries, tokens
from .config_values import boolean_of, number_of
from .variables import Variables

#: `$name$`: a letter or `_` first, and no blanks, brackets or signs of operators inside; else the `$` is text.
_VARIABLE = re.compile(r"""\$([A-Za-z_][^,/<>?;':"\[\]{}\\|!@#%^&*()+=~` \t\n$]*)\$""")
#: Keys whose whole value is a place on the disk.
_PLACE = re.compile(r"(dir|directory|path|file|folder|stderr|root)$", re.IGNORECASE)
#: The value that means: as if the key were not there.
_DEFAULT = "default"


@dataclass
class Reading:
    """What all sections of a configuration share while it is read."""

    variables: Variables = field(default_factory=Variables)
    #: the keys being looked up, to see one that needs itself
    open: list[Entry] = field(default_factory=list)
    #: where the keys stand that have been read
    read: set[tuple[Source, int]] = field(default_factory=set)

    #: variables that are defined differently further in: name, use, the nearer definition, the one that counts
    shadowed: list[tuple[str, Span, Span, Span]] = field(default_factory=list)

    def mark(self, entry: Entry) -> None:
        self.read.add((entry.span.source, entry.span.start))

    def has_read(self, entry: Entry) -> bool:
        return (entry.span.source, entry.span.start) in self.read


@dataclass(eq=False)
class Section:
    """`name = [ key = value ... ]`, stored as text. `value` and the readers mark a key as read."""

    name: str
    text: MappedText
    parent: Section | None = None
    reading: Reading = field(default_factory=Reading)
    key: Span | None = None  #: where its name stands

    def __post_init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        for entry in entries(self.text):
            if "$" in entry.name:
                scope = self.parent or self
                entry = Entry(scope.resolved(entry.key, entry.name), entry.value, entry.quoted)
            before = self._entries.get(entry.name.casefold())
            self._entries[entry.name.casefold()] = entry if before is None else _again(before, entry)

    @property
    def span(self) -> Span:
        """Its name, or all of it where it has none."""
        return self.key if self.key is not None else self.text.span(0, len(self.text.text))

    @property
    def path(self) -> str:
        outer = self.parent.path if self.parent is not None else ""
        return f"{outer}.{self.name}" if outer else self.name

    # --- keys ---------------------------------------------------------------------------------------------

    def __contains__(self, key: str) -> bool:
        return key.casefold() in self._entries

    def names(self) -> list[str]:
        """The keys as they are written, in the order of the text."""
        return [entry.name for entry in self._entries.values()]

    def entries(self) -> list[Entry]:
        return list(self._entries.values())

    def key_span(self, key: str) -> Span:
        """Where a key stands, in the section or further out; the section's own place where it stands nowhere."""
        holder = self.holder(key)
        return holder._entries[key.casefold()].span if holder is not None else self.span

    def value_span(self, key: str) -> Span:
        """Where a key's value stands; the key itself where it stands alone."""
        holder = self.holder(key)
        entry = holder._entries[key.casefold()] if holder is not None else None
        if entry is None or entry.value is None or not entry.value.text:
            return self.key_span(key)
        return entry.value.span(0, len(entry.value.text))

    def holder(self, key: str) -> Section | None:
        """The section, from here outwards, that has a key; None if none has, or if the nearest says `default`."""
        at: Section | None = self
        while at is not None:
            entry = at._entries.get(key.casefold())
            if entry is not None:
                self.reading.mark(entry)
                return None if entry.value is not None and entry.value.text == _DEFAULT else at
            at = at.parent
        return None

    def raw(self, key: str) -> MappedText | None:
        """The text of an own key as it is written, `$x$` and all. Does not count as reading it."""
        entry = self._entries.get(key.casefold())
        return entry.value if entry is not None else None

    def own(self, key: str) -> MappedText | None:
        """The value of a key of this section, `$x$` replaced; `true` for a key that stands alone."""
        entry = self._entries.get(key.casefold())
        if entry is None:
            return None
        self.reading.mark(entry)
        if entry.value is None:
            return MappedText((Piece("true", entry.span, True),))
        if entry.value.text == _DEFAULT:
            return None
        if any(entry.span == asked.span for asked in self.reading.open):
            raise _circular(entry, [asked.name for asked in self.reading.open])
        self.reading.open.append(entry)
        try:
            return self.resolved(entry.value, entry.name)
        finally:
            self.reading.open.pop()

    def value(self, key: str) -> MappedText | None:
        """The value of a key of this section, or of the nearest one around it."""
        holder = self.holder(key)
        return holder.own(key) if holder is not None else None

    def nearest(self, key: str) -> Section | None:
        """The section that is the value of a key here or further out, read from here."""
        holder = self.holder(key)
        found = holder.section(key) if holder is not None else None
        if found is None or holder is self:
            return found
        return Section(found.name, found.text, self, self.reading, found.key)

    def entry_span(self, key: str) -> Span:
        """`key = value` of this section, from the one to the other; the key where they are not of one file."""
        return self.key_span(key).to(self.value_span(key)) \
            if self.key_span(key).source is self.value_span(key).source else self.key_span(key)

    # --- readers --------------------------------------------------------------------------------------------

    def string(self, key: str, default: str = "") -> str:
        value = self.value(key)
        return default if value is None else value.text

    def boolean(self, key: str, default: bool = False) -> bool:
        value = self.value(key)
        return default if value is None else boolean_of(value, key)

    def number(self, key: str) -> float | None:
        value = self.value(key)
        return None if value is None else number_of(value, key)

    def items(self, key: str) -> list[MappedText]:
        """The elements of `a:b*2:c`, each as often as it counts; empty where there is no such key."""
        value = self.value(key)
        return [item.value for item in items_of(value) for _ in range(item.count)] if value is not None else []

    def section(self, key: str) -> Section | None:
        """The section that is the value of an own key; None where there is no such key, or it is no section."""
        entry = self._entries.get(key.casefold())
        if entry is None or entry.value is None:
            return None
        text = entry.value if entry.value.text[:1] in ("[", "{", "(") else self.own(key)
        self.reading.mark(entry)
        if text is None or text.text[:1] not in ("[", "{", "("):
            return None
        return Section(entry.name, text, self, self.reading, entry.span)

    def inner(self, text: MappedText, name: str) -> Section:
        """An element of a list, `{ ... }`, as a section inside this one."""
        return Section(name, text, self, self.reading, text.span(0, min(1, len(text.text))))

    # --- variables --------------------------------------------------------------------------------------------

    def resolved(self, text: MappedText, key: str = "") -> MappedText:
        """A text of this section with each `$x$` replaced. Raises Failure for one that nothing defines."""
        if "$" not in text.text:
            return text
        parts, at = [], 0
        for match in _VARIABLE.finditer(text.text):
            parts.append(text.slice(at, match.start()))
            parts.append(self._variable(text, match, key))
            at = match.end()
        return MappedText.join([*parts, text.slice(at, len(text.text))])

    def _variable(self, text: MappedText, match: re.Match[str], key: str) -> MappedText:
        name, place = match[1], text.span(*match.span())
        holder, variables = self._definer(name, place), self.reading.variables
        value = holder.own(name) if holder is not None else None
        if holder is None or value is None:
            if not _in_a_path(text.text, match, key):
                raise self._unknown(name, place)
            definition = variables.missing(name, place)
            value = definition.value
        else:
            definition = variables.definition(holder._entries[name.casefold()], value)
        variables.use(place, definition)
        return MappedText((Piece(value.text, place, True, definition.name),))

    def _definer(self, name: str, place: Span) -> Section | None:
        """The outermost section, up to this one, that defines a variable.

        CNTK replaces the variables of a section's text where it stands, before it looks inside: with `epochSize` at
        the top and in SGD, `maxEpochs = $epochSize$` in SGD means the one at the top.
        """
        defining = [section for section in self.outwards() if name in section]
        if not defining:
            return None
        values = [section.raw(name) for section in defining]
        if len({value.text for value in values if value is not None}) > 1:
            self.reading.shadowed.append((name, place, defining[0].key_span(name), defining[-1].key_span(name)))
        found = defining[-1]
        return found if found.holder(name) is found else None

    def _unknown(self, name: str, place: Span) -> Failure:
        known = [key for section in self.outwards() for key in section.names()]
        return failure(Code.UNKNOWN_NAME, f"nothing defines `{name}`", place, did_you_mean(name, known),
                       hint=f"give it a value in the file, or on the command line: `{name}=...`.")

    def outwards(self) -> Iterator[Section]:
        at: Section | None = self
        while at is not None:
            yield at
            at = at.parent


def _again(before: Entry, entry: Entry) -> Entry:
    """The same key again: `[ ]` is added to what is there, anything else takes its place."""
    old, new = before.value, entry.value
    if old is None or new is None or not old.text or not new.text.startswith("[") or entry.quoted:
        return entry
    gap = MappedText((Piece(" ", entry.span, True),))
    return Entry(before.key, MappedText.join([old, gap, new]))


@dataclass(frozen=True)
class Item:
    """An element of a list, and how often it counts: `0.1*2`."""

    value: MappedText
    repeat: MappedText | None = None  #: the count as it is written
    star: Span | None = None

    @property
    def count(self) -> int:
        return 1 if self.repeat is None else int(self.repeat.text)


def items_of(value: MappedText) -> list[Item]:
    """The elements of a list: `0.1*2:0.05` is 0.1 twice, then 0.05.

    Elements stand between `:` (or a separator of their own behind the bracket, `(;a;b)`), commas and line ends.
    """
    found = []
    for start, end, quoted in tokens(value, ":"):
        text = value.text
        star = text.find("*", start, end)
        repeats = star >= 0 and not quoted and text[star + 1 : end].strip().isdigit()
        if not repeats or closing_bracket(value, start) is not None:
            found.append(Item(_stripped(value, start, end)))
        else:
            found.append(Item(_stripped(value, start, star), _stripped(value, star + 1, end),
                              value.span(star, star + 1)))
    return found


def _stripped(value: MappedText, start: int, end: int) -> MappedText:
    text = value.text
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return value.slice(start, end)


def _in_a_path(text: str, match: re.Match[str], key: str) -> bool:
    """Whether `$x$` is part of a path: beside a slash, or all of a value that is a place on the disk."""
    before, behind = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    alone = match.start() == 0 and match.end() == len(text)
    return before in ("/", "\\") or behind in ("/", "\\") or (alone and _PLACE.search(key) is not None)


def _circular(entry: Entry, chain: Sequence[str]) -> Failure:
    assert entry.value is not None
    folded = [name.casefold() for name in chain]
    route = " -> ".join([*chain[folded.index(entry.name.casefold()):], entry.name])
    label = "case does not count in names of variables" if folded[-1] == entry.name.casefold() else ""
    return failure(Code.CYCLE, f"`{entry.name}` asks for its own value", entry.value.span(0, len(entry.value.text)),
                   label, body=(f"    {route}",),
                   hint=f"write its value here, or on the command line: `{entry.name}=...`.")

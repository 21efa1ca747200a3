"""What the readers of network texts get besides the text: variables, files to include, and where notes go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.failure import failure
from ...base.source import Files, Source, Span
from ...base.suggest import did_you_mean
from ...base.units import first_of, inflect
from ...optimizers.block import TrainingBlock
from ..import_format import not_supported, without_meaning
from .config_keys import SGD_KEYS, TABLES, KeyTable, State
from .config_section import Section
from .config_text import Entry
from .variables import Definition, Variables

#: What overrides are called as a source.
COMMAND_LINE = "command line"


@dataclass
class ConfigContext:
    """One configuration while it is read."""

    files: Files
    top: Section  #: the whole configuration
    action: Section  #: the section that trains
    sources: Sequence[Source] = ()  #: the files of the configuration
    notes: list[Diagnostic] = field(default_factory=list)
    _idle: list[tuple[str, Span, str]] = field(default_factory=list)  #: keys without a meaning: name, place, why
    texts: list[tuple[int, Source]] = field(default_factory=list)  #: other files of the network: `Module.texts`
    text_comments: list[Span] = field(default_factory=list)  #: the comments of those that are written
    comments: list[Span] = field(default_factory=list)  #: those of network texts, in forms that only they have
    left_out: list[Span] = field(default_factory=list)  #: what is not written, and so are the comments in its lines

    @property
    def variables(self) -> Variables:
        return self.top.reading.variables

    def kept(self, comments: Iterable[Span], source: Source) -> tuple[Span, ...]:
        """The comments of a file in their order, without those of lines that are not written."""
        places = [*self.left_out, *(place for _, place, _ in self._idle)]
        return tuple(sorted((c for c in comments if c.source is source and not any(_belongs(c, p) for p in places)),
                            key=lambda comment: comment.start))

    def refuse(self, diagnostic: Diagnostic) -> None:
        """Something that is not supported: `check` warns of it, and a run ends with it."""
        self.notes.append(replace(diagnostic, severity="warning"))

    def report_keys(self, section: Section, table: KeyTable, all_keys: bool = True) -> None:
        """What is to be said of a section's keys that have no meaning, are not supported, or are not known.

        `all_keys`: every key belongs to the table. Else others are variables and sections, and only one that looks
        misspelt is told.
        """
        for entry in section.entries():
            row = table.get(entry.name)
            if self.variables.uses(entry):
                continue  # whatever else it is called, it is used
            if row is None:
                self._unknown(section, entry, table, all_keys)
            elif row.state is State.NO_MEANING:
                self._idle.append((entry.name, entry.span, row.says))
            elif row.state is State.NOT_SUPPORTED:
                value = section.own(entry.name)
                if value is not None and value.text.casefold() not in row.harmless:
                    self.refuse(not_supported(f"form of `{entry.name}` of CNTK", entry.span, row.says))

    def _unknown(self, section: Section, entry: Entry, table: KeyTable, all_keys: bool) -> None:
        if not all_keys and self.top.reading.has_read(entry):
            return
        elsewhere = next((t.title for t in TABLES if t.get(entry.name) is not None and t is not table), "")
        near = did_you_mean(entry.name, table.names)
        if not all_keys and (not near or entry.is_section):
            return
        label = near or (f"it belongs to {elsewhere}" if elsewhere else "nothing reads it")
        self.notes.append(Diagnostic(
            Code.UNKNOWN_KEY, f"`{entry.name}` is no key of {section.name or 'the configuration'}, and is not read",
            Label(entry.span, label), body=("CNTK does not read it either, and says nothing.",),
            hint=TrainingBlock.unknown_hint(entry.name) if table is SGD_KEYS else "", severity="warning"))

    def report_command_line(self) -> None:
        """What the command line sets and nothing reads. Raises Failure for a section that does not exist."""
        known = [*self.top.names(), *(name for table in TABLES for name in table.names)]
        for entry in self.top.entries():
            span, table = entry.span, TABLES[0]
            if span.source.name != COMMAND_LINE or self.top.reading.has_read(entry) or self.variables.uses(entry) or \
                    table.get(entry.name) is not None:
                continue
            near = did_you_mean(entry.name, [name for name in known if name != entry.name])
            if entry.is_section:
                raise failure(Code.OVERRIDE, f"the file has no section `{entry.name}` that is read", span, near)
            self.notes.append(Diagnostic(Code.UNKNOWN_KEY, f"nothing reads `{entry.name}`", Label(span, near),
                                         severity="warning"))

    def closing_notes(self) -> list[Diagnostic]:
        """All notes, with one for everything that has no meaning, and one for variables that nothing defines."""
        notes = list(self.notes)
        by_reason: dict[str, list[str]] = {}
        for name, _, why in self._idle:
            by_reason.setdefault(why, []).append(f"`{name}`")
        body = tuple(f"{', '.join(dict.fromkeys(names))}: {why}." for why, names in by_reason.items())
        for note in without_meaning([(name, span) for name, span, _ in self._idle], "accepted, and not used"):
            notes.append(replace(note, body=body))
        notes += [_undefined(list(self.variables.unknown.values()))] if self.variables.unknown else []
        notes += [_shadowed(*found) for found in dict.fromkeys(self.top.reading.shadowed)]
        return notes

    def find(self, path: str, place: Span) -> Source:
        """The text of a file that a configuration or network text names.

        It is looked for as it is written, beside the file that names it, and beside the configuration.
        Raises Failure (`include-not-found`).
        """
        return find_file(self.files, path, place, [source.name for source in self.sources])


def _undefined(missing: Sequence[Definition]) -> Diagnostic:
    """CNTK's tests give these on the command line."""
    names = [f"`{d.name}`" for d in missing]
    it = "it is" if len(names) == 1 else "they are"
    return Diagnostic(
        Code.NO_EFFECT, f"nothing defines {first_of(names, 5)}, used in {inflect(len(names), 'a path', 'paths')}: "
        f"{it} taken as the current folder", Label(missing[0].span, "used here first"),
        hint=f"give the folder on the command line: `{missing[0].name}=/path`.", severity="note")


def _shadowed(name: str, place: Span, near: Span, far: Span) -> Diagnostic:
    return Diagnostic(Code.NO_EFFECT, f"`${name}$` is the outer `{name}`, not the nearer one",
                      Label(place, "CNTK replaces variables from the outside"),
                      (Label(far, "this one counts"), Label(near, "this one does not")),
                      hint="give one of the two another name.", severity="note")


def _belongs(comment: Span, place: Span) -> bool:
    """Whether a comment stands in a piece of text, or behind it on a line that holds nothing else."""
    if comment.source is not place.source or comment.start < place.start:
        return False
    before = place.source.line(place.line)[: place.column - 1]
    if comment.start < place.end:
        return True
    between = place.source.text[place.end : comment.start]
    return not before.strip() and comment.line == place.end_position[0] and not between.strip(" \t;,\"'")


def find_file(files: Files, path: str, place: Span, beside: Sequence[str] = ()) -> Source:
    """See `ConfigContext.find`; `beside` are files in whose folders it may be."""
    wanted = path.replace("\\", "/")
    folders = ["", os.path.dirname(place.source.name), *(os.path.dirname(name) for name in beside)]
    paths = (wanted, os.path.basename(wanted))  # CNTK drops the folder of a path that leads nowhere
    places = list(dict.fromkeys(os.path.normpath(os.path.join(folder, p)) for p in paths for folder in folders))
    for at in places:
        if files.exists(at):
            try:
                return files.read(at)
            except (OSError, UnicodeDecodeError) as error:
                why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
                raise failure(Code.INCLUDE_NOT_FOUND, f"`{path}` cannot be read: {why}", place) from None
    raise failure(Code.INCLUDE_NOT_FOUND, f"there is no file `{path}`", place,
                  body=(f"I looked for {', '.join(places)}.",),
                  hint="paths count from the current folder, as in CNTK, or from the file that names them.")

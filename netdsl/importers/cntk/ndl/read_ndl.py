"""NDLNetworkBuilder: where its texts stand (in the configuration, in files), and which sections of them count."""

from __future__ import annotations

from dataclasses import dataclass

from ....base.codes import Code
from ....base.diagnostics import Diagnostic
from ....base.failure import failure
from ....base.source import Source, Span
from ....base.suggest import did_you_mean
from ....syntax import ast
from ...mapped_text import MappedText
from ..config_context import ConfigContext
from ..config_section import Section, items_of
from ..config_text import Entry, entries, without_comments
from .ndl_network import network_record
from .ndl_parser import parse_ndl
from .ndl_syntax import Macro, Member


def read_network(context: ConfigContext, key: str) -> tuple[ast.Record, list[Diagnostic]]:
    """The network of the section `NDLNetworkBuilder`, and notes. Raises Failure."""
    holder = context.action.holder(key) or context.action
    section = holder.section(key)
    if section is None:
        raise failure(Code.SYNTAX, f"`{key}` is not a section", context.action.value_span(key),
                      hint=f"write `{key} = [ networkDescription = \"file.ndl\" ]`.")
    texts = macro_files(section, context)
    members = [member for text in texts for member in text.members]
    description = section.value("networkDescription")
    if description is not None and description.text:
        source = context.find(description.text, description.span(0, len(description.text)))
        texts.append(read_text(source, section, section))
        members += texts[-1].members
    else:
        members += _named_sections(section)
    record, notes = network_record(members, section.span, context.variables)
    for text in texts:
        context.texts.append((section.span.end, text.source))
        context.text_comments += text.written_comments(record)
    return record, notes


@dataclass(frozen=True)
class NdlText:
    """A file with parts of a network."""

    source: Source
    members: tuple[Member, ...]  #: of the sections that count
    comments: tuple[Span, ...]
    unread: tuple[Span, ...]  #: sections that do not count

    def written_comments(self, record: ast.Record) -> list[Span]:
        """The comments, but for those of sections and macros that the network does not use."""
        made = {member.name.span for member in record.members if isinstance(member, ast.Define)}
        gone = [(place.start, place.end) for place in self.unread]
        end = 0
        for member in self.members:
            line_end = self.source.text.find("\n", end)
            if isinstance(member, Macro) and member.name.span not in made:
                gone.append((line_end if end else member.span.start, member.span.end))
            end = member.span.end
        return [c for c in self.comments if not any(start <= c.start < end for start, end in gone)]


def macro_files(section: Section, context: ConfigContext) -> list[NdlText]:
    value = section.value("ndlMacros")
    found: list[NdlText] = []
    if value is None:
        return found
    start = 0
    for path in value.text.split("+"):
        if path:
            found.append(read_text(context.find(path, value.span(start, start + len(path))), section))
        start += len(path) + 1
    return found


def _named_sections(section: Section) -> list[Member]:
    """A network that stands in the configuration itself: `load` and `run` name its sections."""
    if section.value("run") is None:
        raise failure(Code.NO_NETWORK, "`NDLNetworkBuilder` does not say where its network is", section.span,
                      hint="it needs `networkDescription = \"file.ndl\"`, or `run = Name` and `Name = [ ... ]`.")
    found: list[Member] = []
    for key in ("load", "run"):
        for name in section.items(key):
            text = section.value(name.text)
            if text is None:
                raise _no_section(name, section.names())
            found += parse_ndl(text)
    return found


def read_text(source: Source, section: Section, overrides: Section | None = None) -> NdlText:
    """An NDL file: the sections that `load` and `run` name, else the whole file.

    `$x$` in it are those of `section`; `load` and `run` of `overrides` come before those of the file.
    """
    text, comments = without_comments(source)
    text = section.resolved(text)
    found = {entry.name.casefold(): entry for entry in entries(text)}
    wanted: list[MappedText] = []
    for key in ("load", "run"):
        value = overrides.value(key) if overrides is not None else None
        entry = found.get(key)
        if value is None and entry is not None:
            value = entry.value
        wanted += [item.value for item in items_of(value)] if value is not None else []
    if not wanted:
        return NdlText(source, parse_ndl(text), tuple(comments), ())
    members: list[Member] = []
    for name in wanted:
        named: Entry | None = found.get(name.text.casefold())
        body = named.value if named is not None else section.value(name.text)
        if body is None:
            raise _no_section(name, [entry.name for entry in found.values()])
        members += parse_ndl(body)
    names = {name.text.casefold() for name in wanted}
    unread = tuple(entry.value.span(0, len(entry.value.text)) for key, entry in found.items()
                   if key not in names and entry.value is not None and entry.value.text[:1] in "[{")
    return NdlText(source, tuple(members), tuple(comments), unread)


def _no_section(name: MappedText, known: list[str]) -> Exception:
    return failure(Code.UNKNOWN_NAME, f"there is no section `{name.text}`", name.span(0, len(name.text)),
                   did_you_mean(name.text, known))

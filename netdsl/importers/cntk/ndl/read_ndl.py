"""NDLNetworkBuilder: where its texts stand (in the configuration, in files), and which sections of them count."""

from __future__ import annotations

from ....base.codes import Code
from ....base.diagnostics import Diagnostic
from ....base.failure import failure
from ....base.source import Source
from ....base.suggest import did_you_mean
from ....syntax import ast
from ...mapped_text import MappedText
from ..config_context import ConfigContext
from ..config_section import Section, items_of
from ..config_text import Entry, entries, without_comments
from .ndl_network import network_record
from .ndl_parser import parse_ndl
from .ndl_syntax import Member


def read_network(context: ConfigContext, key: str) -> tuple[ast.Record, list[Diagnostic]]:
    """The network of the section `NDLNetworkBuilder`, and notes. Raises Failure."""
    holder = context.action.holder(key) or context.action
    section = holder.section(key)
    if section is None:
        raise failure(Code.SYNTAX, f"`{key}` is not a section", context.action.value_span(key),
                      hint=f"write `{key} = [ networkDescription = \"file.ndl\" ]`.")
    members = macro_files(section, context)
    description = section.value("networkDescription")
    if description is not None and description.text:
        source = context.find(description.text, description.span(0, len(description.text)))
        members += members_of_file(source, section, section)
    else:
        members += _named_sections(section)
    return network_record(members, section.span, context.variables)


def macro_files(section: Section, context: ConfigContext) -> list[Member]:
    value = section.value("ndlMacros")
    found: list[Member] = []
    if value is None:
        return found
    start = 0
    for path in value.text.split("+"):
        if path:
            found += members_of_file(context.find(path, value.span(start, start + len(path))), section)
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


def members_of_file(source: Source, section: Section, overrides: Section | None = None) -> list[Member]:
    """The members of an NDL file: of the sections that `load` and `run` name, else of the whole file.

    `$x$` in it are those of `section`; `load` and `run` of `overrides` come before those of the file.
    """
    text = section.resolved(without_comments(source)[0])
    found = {entry.name.casefold(): entry for entry in entries(text)}
    wanted: list[MappedText] = []
    for key in ("load", "run"):
        value = overrides.value(key) if overrides is not None else None
        entry = found.get(key)
        if value is None and entry is not None:
            value = entry.value
        wanted += [item.value for item in items_of(value)] if value is not None else []
    if not wanted:
        return list(parse_ndl(text))
    members: list[Member] = []
    for name in wanted:
        named: Entry | None = found.get(name.text.casefold())
        body = named.value if named is not None else section.value(name.text)
        if body is None:
            raise _no_section(name, [entry.name for entry in found.values()])
        members += parse_ndl(body)
    return members


def _no_section(name: MappedText, known: list[str]) -> Exception:
    return failure(Code.UNKNOWN_NAME, f"there is no section `{name.text}`", name.span(0, len(name.text)),
                   did_you_mean(name.text, known))

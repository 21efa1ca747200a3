"""The row of CNTK's configurations: files and overrides -> sections -> a module."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.failure import failure
from ...base.source import Span
from ...syntax import ast
from ..building import Builder
from ..import_format import Imported, ImportFormat, ImportRequest
from .cntk_actions import Step, leave_out, reader_member, say_what_runs, steps_of, test_nodes, training_step
from .config_context import ConfigContext
from .config_files import joined_files, require_config
from .config_keys import ACTION_KEYS, TOP_KEYS
from .config_section import Section
from .network_builders import BUILDERS
from .train_block import sgd_member

_LOOKS_LIKE = re.compile(r"(?im)^\s*(command\s*=|(BrainScript|NDL|Simple)NetworkBuilder\b|action\s*=\s*\"?train)")
#: An override in our own form: a path with a dot.
_OURS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+=.*", re.DOTALL)

#: What an override in our own form begins with although a configuration may have a section of that name.
_BLOCKS = ("network", "sgd", "reader")


class CNTKConfig(ImportFormat):
    """A configuration of CNTK: sections with actions, one of which trains."""

    name: ClassVar[str] = "cntk"
    title: ClassVar[str] = "a configuration of CNTK"
    suffixes: ClassVar[tuple[str, ...]] = (".cntk", ".config", ".bs")

    joins: ClassVar[bool] = True

    def recognises(self, text: str) -> bool:
        return _LOOKS_LIKE.search(text) is not None

    def read(self, request: ImportRequest) -> Imported:
        require_config(request.source)
        given = [_in_brackets(text, request.source.text) for text in request.overrides]
        ours = tuple(text for text in given if _OURS.fullmatch(text))
        theirs = [text for text in given if text not in ours]
        text, sources, comments = joined_files(request.source, request.files, theirs)
        top = Section("", text)
        steps = steps_of(top)
        chosen = training_step(steps, top)
        context = ConfigContext(request.files, top, chosen.section, sources)
        members = _members(context, steps, chosen)
        whole = sources[0].span(0, len(sources[0].text))
        kept = (*context.kept((*comments, *context.comments), sources[0]), *context.text_comments)
        module = ast.Module(tuple(members), whole, kept, tuple(context.texts))
        return Imported(module, ours, tuple(context.closing_notes()))


def _in_brackets(override: str, text: str) -> str:
    """`Train.SGD.maxEpochs=1` in CNTK's form, if `Train` is a section; others are paths of the `.net` file."""
    path, equals, value = override.partition("=")
    first, *rest = path.split(".")
    if not rest or not _OURS.fullmatch(override) or first.casefold() in _BLOCKS or \
            re.search(rf"^[ \t]*{first}[ \t]*(=\s*)?[\[{{]", text, re.IGNORECASE | re.MULTILINE) is None:
        return override
    return f"{first}=[{'=['.join(rest)}{equals}{value}{']' * len(rest)}"


def _members(context: ConfigContext, steps: Sequence[Step], chosen: Step) -> list[ast.Member]:
    """Variables that are used as names, and the blocks, in the order of the file."""
    network = _network(context, steps)
    blocks: list[ast.Member] = [network]
    blocks += [block for block in (reader_member(context, steps, chosen), sgd_member(context)) if block is not None]
    say_what_runs(context, steps, chosen)
    leave_out(context, steps, chosen)
    context.report_keys(chosen.section, ACTION_KEYS, all_keys=False)
    if chosen.section is not context.top:
        context.report_keys(context.top, TOP_KEYS, all_keys=False)
    context.report_command_line()
    members = [*context.variables.members(), *blocks]
    return sorted(members, key=lambda member: _place(context, member.span))


def _place(context: ConfigContext, span: Span) -> tuple[int, int]:
    """Order of places: nowhere, then by file in the order in which the files are read, then the command line."""
    if not span.source.text:
        return -1, 0  # nowhere
    order = {source: index for index, source in enumerate(context.sources)}
    return order.get(span.source, len(order)), span.start


def _network(context: ConfigContext, steps: Sequence[Step]) -> ast.Assign:
    """`network = { ... }`, by the first builder that the section has, or that stands around it."""
    for builder in BUILDERS:
        if context.action.holder(builder.key) is not None:
            record, notes = builder.read(context, builder.key)
            context.notes += notes
            context.notes += [_not_read(context.action.key_span(other.key), other.key, builder.key)
                              for other in BUILDERS
                              if other is not builder and context.action.raw(other.key) is not None]
            tested = test_nodes(context, steps, record)
            if tested is not None:
                record = replace(record, members=(*record.members, tested))
            return Builder(_network_place(context.action.key_span(builder.key), record)).assign("network", record)
    raise failure(Code.NO_NETWORK, "no section of the configuration describes a network", context.action.span,
                  hint="a section that trains has a `BrainScriptNetworkBuilder = { ... }`.")


def _network_place(key: Span, record: ast.Record) -> Span:
    """The builder's key; the record itself where it begins on a later line, or `network =` would end its line."""
    start = record.span.start
    if key.source is record.span.source and "\n" in key.source.text[key.end : start]:
        return Span(key.source, start, start)
    return key


def _not_read(place: Span, key: str, first: str) -> Diagnostic:
    return Diagnostic(Code.NO_EFFECT, f"`{key}` is not read: the section has a `{first}` as well",
                      Label(place, f"CNTK takes `{first}`, wherever it stands"),
                      hint=f"rename the key of the one that is not wanted, such as `{first}_off`.", severity="note")

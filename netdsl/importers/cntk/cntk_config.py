"""The row of CNTK's configurations: files and overrides -> sections -> a module."""

from __future__ import annotations

import re
from typing import ClassVar

from ...base.codes import Code
from ...base.failure import failure
from ...base.suggest import did_you_mean
from ...syntax import ast
from ..building import Builder
from ..import_format import Imported, ImportFormat, ImportRequest
from .config_context import ConfigContext
from .config_files import joined_files
from .config_section import Section
from .network_builders import BUILDERS

_LOOKS_LIKE = re.compile(r"(?im)^\s*(command\s*=|(BrainScript|NDL|Simple)NetworkBuilder\b|action\s*=\s*\"?train)")
#: An override in our own form: a path with a dot.
_OURS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+=.*", re.DOTALL)
TRAIN = ("train", "trainrnn", "adapt")


class CNTKConfig(ImportFormat):
    """A configuration of CNTK: sections with actions, one of which trains."""

    name: ClassVar[str] = "cntk"
    title: ClassVar[str] = "a configuration of CNTK"
    suffixes: ClassVar[tuple[str, ...]] = (".cntk", ".config", ".bs")

    def recognises(self, text: str) -> bool:
        return _LOOKS_LIKE.search(text) is not None

    def read(self, request: ImportRequest) -> Imported:
        ours = tuple(text for text in request.overrides if _OURS.fullmatch(text))
        theirs = [text for text in request.overrides if text not in ours]
        text, sources, comments = joined_files(request.source, request.files, theirs)
        top = Section("", text)
        action = training_section(top)
        context = ConfigContext(request.files, top, action, sources)
        network = _network(context)
        members: list[ast.Member] = [network]
        members = [*context.variables.members(), *members]
        whole = sources[0].span(0, len(sources[0].text))
        return Imported(ast.Module(tuple(members), whole, tuple(comments)), ours, tuple(context.notes))


def training_section(top: Section) -> Section:
    """The section that trains: the first of `command` whose action is to train; else the only one with a network."""
    for name in top.items("command"):
        section = top.section(name.text)
        if section is None:
            raise failure(Code.UNKNOWN_NAME, f"`command` names `{name.text}`, and there is no such section",
                          name.span(0, len(name.text)), did_you_mean(name.text, top.names()))
        if any(word.text.casefold() in TRAIN for word in section.items("action")):
            return section
    return top


def _network(context: ConfigContext) -> ast.Assign:
    """`network = { ... }`, by the first builder that the section has, or that stands around it."""
    for builder in BUILDERS:
        if context.action.holder(builder.key) is not None:
            record, notes = builder.read(context, builder.key)
            context.notes += notes
            return Builder(context.action.key_span(builder.key)).assign("network", record)
    raise failure(Code.NO_NETWORK, "no section of the configuration describes a network", context.action.span,
                  hint="a section that trains has a `BrainScriptNetworkBuilder = { ... }`.")

"""MEL, CNTK's model edit language: read for what it says. The edits themselves are not done.

An edit loads a saved model, changes the inputs, names and groups of its nodes, adds nodes in NDL, and saves it. netdsl
has the network as text and the weights as tensors with names: the edit is a change of the text, and the weights that
still fit are loaded by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ....base.codes import Code
from ....base.diagnostics import Diagnostic, Label
from ....base.failure import Failure
from ....base.source import Span
from ....base.suggest import did_you_mean
from ....base.units import first_of
from ...import_format import Imported, ImportFormat, ImportRequest
from ...mapped_text import MappedText
from ..config_context import ConfigContext
from ..config_section import Section
from ..config_text import without_comments
from .ndl_parser import parse_ndl
from .ndl_syntax import Call, Item, Member, Statement, Word


@dataclass(frozen=True)
class Command:
    """A row: a command of MEL."""

    name: str
    does: str  #: what a message says of the nodes that it is about; empty for what is about models
    aliases: tuple[str, ...] = ()
    about: tuple[int, ...] = (0,)  #: the arguments that name those nodes


COMMANDS: tuple[Command, ...] = (
    Command("CreateModel", ""), Command("CreateModelWithName", ""), Command("LoadModel", ""),
    Command("LoadModelWithName", ""), Command("LoadNDLSnippet", ""), Command("SaveDefaultModel", ""),
    Command("SaveModel", ""), Command("SetDefaultModel", ""), Command("UnloadModel", ""),
    Command("DumpModel", "", ("Dump",)), Command("DumpNode", ""),
    Command("CopyNode", "copies", ("Copy",)), Command("CopySubTree", "copies"),
    Command("CopyNodeInputs", "changes inputs of", ("CopyInputs",), (1,)),
    Command("SetNodeInput", "changes inputs of", ("SetInput",)),
    Command("SetNodeInputs", "changes inputs of", ("SetInputs",)),
    Command("SetProperty", "changes properties of"), Command("SetPropertyForSubTree", "changes properties of"),
    Command("RemoveNode", "removes", ("Remove", "DeleteNode", "Delete")), Command("Rename", "renames", ("RenameNode",)),
    Command("ReviseParameter", "changes numbers of"),
)
_BY_NAME = {name.lower(): command for command in COMMANDS for name in (command.name, *command.aliases)}
_MAKES = "adds"


def command_of(name: str) -> Command | None:
    return _BY_NAME.get(name.lower())


@dataclass(frozen=True)
class Edits:
    """What a MEL text would do: verb -> the nodes that it would do it to, as they are written."""

    nodes: dict[str, list[str]]
    models: tuple[str, ...]  #: the files that it loads

    @property
    def text(self) -> str:
        """`It adds `a`, and removes `b`.`"""
        parts = [f"{does} {first_of([f'`{node}`' for node in dict.fromkeys(nodes)], 6)}"
                 for does, nodes in self.nodes.items()]
        if not parts:
            return "It changes no node."
        return f"It {parts[0]}." if len(parts) == 1 else f"It {', '.join(parts[:-1])}, and {parts[-1]}."


def read_edits(text: MappedText) -> Edits:
    """What a MEL text would do. Raises Failure for what is no MEL: broken syntax, a command that there is not."""
    nodes: dict[str, list[str]] = {}
    models: list[str] = []
    problems = []
    for statement in parse_ndl(text):
        if not isinstance(statement, Statement):
            continue
        value = statement.value
        command = command_of(value.function.text) if isinstance(value, Call) else None
        if isinstance(value, Call) and command is not None:
            models += _loaded(command, value)
            if command.does:
                nodes.setdefault(command.does, []).extend(_named(value, command.about))
        elif statement.name is not None and isinstance(value, Call):
            nodes.setdefault(_MAKES, []).append(statement.name.text)
        elif isinstance(value, Call):
            problems.append(_unknown(value.function))
    if problems:
        raise Failure(problems)
    return Edits(nodes, tuple(models))


def _loaded(command: Command, call: Call) -> Sequence[str]:
    files = call.arguments[-1:] if command.name in ("LoadModel", "LoadModelWithName") else ()
    return [item.text for item in files if isinstance(item, Word)]


def _named(call: Call, about: Sequence[int]) -> list[str]:
    arguments: Sequence[Item] = call.arguments
    return [arguments[index].span.text for index in about if index < len(arguments)]


def _unknown(name: Word) -> Diagnostic:
    """A call whose result has no name and which is no command."""
    known = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    return Diagnostic(Code.UNKNOWN_NAME, f"MEL has no command `{name.text}`",
                      Label(name.span, did_you_mean(name.text, known)),
                      hint="what adds a node is `name = Function(...)`.")


def edit_page(span: Span, edits: Edits, severity: str) -> Diagnostic:
    """That an edit is not done, what it would do, and what to do instead."""
    loaded = f" of `{edits.models[0]}`" if edits.models else ""
    return Diagnostic(
        Code.NOT_SUPPORTED, "netdsl does not edit saved models (MEL)",
        Label(span, "these edits are not done"), severity=severity,
        body=(edits.text, f"A model{loaded} is read for its weights; the network that they belong to is text."),
        hint="make the same changes in the text of the network. `--weights MODEL` then loads what still fits, by name, "
             "and says what does not.")


def edit_notes(section: Section, context: ConfigContext) -> list[Diagnostic]:
    """The note about a section with `editPath`. Raises Failure where its file is no MEL."""
    path = section.value("editPath")
    if path is None:
        return []
    place = path.span(0, len(path.text))
    try:
        source = context.find(path.text, place)
    except Failure:
        return [edit_page(place, Edits({}, ()), "warning")]
    text = section.resolved(without_comments(source)[0])
    return [edit_page(place, read_edits(text), "warning")]


class MELFile(ImportFormat):
    """A file of edits by itself. It is no network: the page says what it would do."""

    name: ClassVar[str] = "mel"
    title: ClassVar[str] = "edits in CNTK's MEL"
    suffixes: ClassVar[tuple[str, ...]] = (".mel",)

    def recognises(self, text: str) -> bool:
        return False

    def read(self, request: ImportRequest) -> Imported:
        text, _ = without_comments(request.source)
        edits = read_edits(text)
        members: Sequence[Member] = parse_ndl(text)
        first = members[0].span if members else request.source.span(0, 0)
        raise Failure([edit_page(first, edits, "error")])

"""The value of `BrainScriptNetworkBuilder` -> the record of the `network` of a `.net` file."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ....base.codes import Code
from ....base.diagnostics import Diagnostic
from ....base.failure import Failure, failure
from ....base.recursion import run_deep
from ....base.source import Files, Source, Span
from ....syntax import ast
from ...import_format import not_supported, without_meaning
from ...mapped_text import MappedText, Piece
from .bs_flatten import flattened
from .bs_liveness import dead_members
from .bs_parser import NEW, Parser
from .bs_roots import TagFinder, misread_names, with_lists
from .bs_scopes import Scope, names_in
from .bs_tokens import read_words
from .bs_translate import Renamed, Translator
from .library_row import MEANINGLESS


class VariableNames(Protocol):
    """Which `$x$` are names of the `.net` file."""

    def name_of(self, piece: Piece, taken: Collection[str] = ()) -> str | None: ...


class NetworkContext(Protocol):
    """What the configuration around a network text gives."""

    @property
    def variables(self) -> VariableNames: ...

    def find(self, path: str, place: Span) -> Source: ...


@dataclass
class PlainContext:
    """A network text alone: no variables, files beside it."""

    files: Files = field(default_factory=Files)
    folder: str = ""

    @property
    def variables(self) -> VariableNames:
        return self

    def name_of(self, piece: Piece, taken: Collection[str] = ()) -> str | None:
        return None

    def find(self, path: str, place: Span) -> Source:
        import os

        for folder in (self.folder, os.path.dirname(place.source.name)):
            at = os.path.normpath(os.path.join(folder, path))
            if self.files.exists(at):
                return self.files.read(at)
        raise failure(Code.INCLUDE_NOT_FOUND, f"there is no file `{path}` to include", place)


@dataclass(frozen=True)
class NetworkText:
    """A network that was read."""

    record: ast.Record
    notes: list[Diagnostic]
    comments: tuple[Span, ...]  #: those of BrainScript's forms, in the order of the text
    left_out: tuple[Span, ...] = ()  #: members that are not written, so that their comments are not either
    included: tuple[tuple[Span, Source], ...] = ()  #: files that are part of it, each with the place that includes it


def read_network(text: MappedText, context: NetworkContext) -> tuple[ast.Record, list[Diagnostic]]:
    """The network of a text in any of its spellings, and what is to be said about it. Raises Failure."""
    network = read_network_text(text, context)
    return network.record, network.notes


def read_network_text(text: MappedText, context: NetworkContext) -> NetworkText:
    """The same, with the comments of the text.

    The names of nodes are those that a `.net` file with the same text gives. CNTK's own are paths of expressions, with
    the library's inner names in them: `h = DenseLayer {5} (x)` has its weights at `h.arrayOfFunctions[0].W`, `.b`, the
    product of `z = W * x + b` is `z.PlusArgs[0]`, the elements of a list are `path[i]`, a function's call adds nothing,
    and a second object of the same path gets a `_`.
    """
    return run_deep(lambda: _read(text, context))


def _read(text: MappedText, context: NetworkContext) -> NetworkText:
    start = text.text.lstrip()[:1]
    if start not in ("{", "[", "("):
        raise failure(Code.SYNTAX, "the network is neither a record nor an expression", text.span(0, len(text.text)),
                      "this is neither", hint="write `{ ... }`, or an expression in parentheses.")
    words = read_words(text, context)
    taken = {word.text for word in words.words if word.kind == "name"}
    parser = Parser(words.words, lambda piece: context.variables.name_of(piece, taken))
    value = parser.operand()
    parser.finish("the network")
    record = _network_record(value)
    notes: list[Diagnostic] = []
    renamed = misread_names(record.members, notes)
    gone = [m for m in record.members if isinstance(m, ast.Assign) and renamed.get(m.name.text) == ""]
    record = dataclasses.replace(record, members=tuple(m for m in record.members if m not in gone))
    every = record.members
    record = _without_unused(record, words.included)
    comments = [c for c in words.comments if c.source not in words.included or _is_written(c, every, record.members)]
    network = _translated(record, {old: new for old, new in renamed.items() if new}, notes, tuple(comments))
    return dataclasses.replace(network, left_out=(*(m.span for m in gone), *network.left_out),
                               included=tuple((place, source) for source, place in words.included.items()))


def _is_written(comment: Span, members: Sequence[ast.Member], kept: Sequence[ast.Member]) -> bool:
    """Whether a comment of an included file belongs to a member that is written: around it, before it, or behind it."""
    own = [member for member in members if member.span.source is comment.source]
    before = [member for member in own if member.span.end <= comment.start]
    behind = [member for member in own if member.span.end > comment.start]
    if before and before[-1].span.end_position[0] == comment.line:
        return before[-1] in kept
    return bool(behind) and behind[0] in kept


def _translated(record: ast.Record, renamed: dict[str, str], notes: list[Diagnostic], comments: tuple[Span, ...]
                ) -> NetworkText:
    dead = dead_members(record)
    tags = TagFinder(dead)
    tags.find(record)
    while True:
        translator = Translator(renamed, dead)
        try:
            members = translator.members(record.members, None)
            break
        except Renamed as conflict:
            renamed = {**renamed, conflict.name: f"{conflict.name}_"}
    problems = [*tags.problems, *translator.problems]
    if problems:
        raise Failure(problems)
    members = with_lists(members, tags.found, notes, renamed)
    members = (*translator.helpers.values(), *members)
    dropped = translator.arguments.dropped
    why = {MEANINGLESS.get(name, "nothing is printed while the network is read") for name, _ in dropped}
    notes += translator.arguments.warnings
    notes += without_meaning(dropped, why.pop() if len(why) == 1 else "netdsl decides this by itself")
    return NetworkText(dataclasses.replace(record, members=members), notes, comments, tuple(translator.left_out))


def _network_record(value: ast.Expression) -> ast.Record:
    """The record of a network: written as one, made by `new ComputationNetwork`, or selected from another."""
    while True:
        if isinstance(value, ast.Parentheses):
            value = value.value
        elif isinstance(value, ast.Call) and isinstance(value.callee, ast.Name) \
                and value.callee.text == f"{NEW}ComputationNetwork":
            value = value.arguments[0].value
        elif isinstance(value, ast.Select) and (flat := flattened(value)) is not None:
            value = flat
        else:
            break
    if not isinstance(value, ast.Record):
        translator = Translator({})
        translator.value(value, Scope())
        if translator.problems:  # by the name of what is missing, where it is a function of the library
            raise Failure(translator.problems)
        raise Failure([not_supported("networks that are made by such an expression", value.span,
                                     "a record `{ ... }` is wanted here")])
    return value


def _without_unused(record: ast.Record, included: Collection[Source]) -> ast.Record:
    """Functions of included files that nothing uses are left out."""
    members = list(record.members)
    while True:
        used = {name.text for member in members for name in names_in(member)}
        kept = [m for m in members if not (isinstance(m, ast.Define) and m.name.span.source in included
                                           and m.name.text not in used)]
        if len(kept) == len(members):
            return dataclasses.replace(record, members=tuple(members))
        members = kept


__all__ = ["NetworkContext", "NetworkText", "PlainContext", "read_network", "read_network_text"]

"""What a row of the table of formats is: how a file is recognised and how it becomes a module."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.source import Files, Source, Span
from ..base.units import first_of, inflect
from ..syntax import ast


@dataclass(frozen=True)
class ImportRequest:
    """A file of another system, with what the command line says about it."""

    source: Source  #: its text; of a binary file the name alone
    overrides: tuple[str, ...]  #: `NAME=VALUE` texts, in that system's form or in ours
    files: Files  #: where files that it names are read from


@dataclass(frozen=True)
class Imported:
    """What a file of another system says, as a `.net` file would say it."""

    module: ast.Module
    overrides: tuple[str, ...] = ()  #: those that are left to do: the ones in our form
    notes: tuple[Diagnostic, ...] = ()  #: what was mended, and what has no meaning any more; no errors
    #: Whether a name that nothing uses is worth a warning: in other systems every node at the top is made and checked.
    unused_names: bool = False


class ImportFormat(ABC):
    """A row of the table: one kind of file that another system wrote."""

    name: ClassVar[str]  #: "cntk", as in the folder of its reader
    title: ClassVar[str]  #: "a configuration of CNTK"
    suffixes: ClassVar[tuple[str, ...]]  #: in lower case, with the dot
    binary: ClassVar[bool] = False
    joins: ClassVar[bool] = False  #: whether `a.x+b.x` names two files that are read as one

    @abstractmethod
    def recognises(self, text: str) -> bool:
        """Whether a text looks like one, where the name of its file does not say."""

    def begins(self, start: bytes) -> bool:
        """Whether a binary file that begins like this is one, where the name of the file does not say."""
        return False

    @abstractmethod
    def read(self, request: ImportRequest) -> Imported:
        """The file as a module. Raises Failure with every mistake found."""


def without_meaning(places: Iterable[tuple[str, Span]], why: str) -> list[Diagnostic]:
    """One note for all that is accepted and has no effect; none where there is nothing to say."""
    found = list(places)
    if not found:
        return []
    names = [f"`{name}`" for name in dict.fromkeys(name for name, _ in found)]
    return [Diagnostic(Code.NO_EFFECT, f"{first_of(names, 8)} {inflect(len(names), 'has', 'have')} no effect",
                       Label(found[0][1], why), severity="note")]


def not_supported(what: str, span: Span, label: str = "this is not supported", hint: str = "",
                  body: tuple[str, ...] = ()) -> Diagnostic:
    """The page for something that the other system has and netdsl has not; `what` names it."""
    return Diagnostic(Code.NOT_SUPPORTED, f"netdsl has no {what}", Label(span, label), body=body, hint=hint)

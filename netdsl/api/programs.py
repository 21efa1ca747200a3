"""Programs to train, test and draw: from a file, a text or a checked program, on the data that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.diagnostics import Diagnostic
from ..base.source import Source
from ..compiler import CheckResult
from ..data.choose import choose_data, missing_data
from ..describe.expand import resolved_text
from ..ir.program import CheckedProgram, Phase

if TYPE_CHECKING:
    from ..training import SourceSnapshot

#: Whatever stands for a network: its file, a text, or what `load` and `check` make of it.
Network = CheckedProgram | CheckResult | str | Path | Source


@dataclass(frozen=True)
class ReadyProgram:
    """A program with its data, and what is to be said and recorded of it."""

    program: CheckedProgram
    sample: str = ""  #: said where the embedded sample stands in for the data
    warnings: tuple[Diagnostic, ...] = ()
    overrides: tuple[str, ...] = ()

    @property
    def texts(self) -> SourceSnapshot:
        """What the run's folder keeps of the file."""
        from ..training import SourceSnapshot

        return SourceSnapshot(self.program.source.text, resolved_text(self.program), self.overrides)


def ready_program(given: Network, overrides: Sequence[str] = (), *, require_data: bool = False,
                  phases: Sequence[Phase] = tuple(Phase)) -> ReadyProgram:
    """The program on its data, or on its embedded sample where those of the phases are not there. Raises Failure.

    A program that its caller made or changed is taken as it is as long as its data are there.
    """
    if isinstance(given, CheckResult):
        given = given.require()
    if not isinstance(given, CheckedProgram):
        choice = choose_data(given, overrides, require_data=require_data, phases=phases)
        return ReadyProgram(choice.checked.require(), choice.line, choice.checked.diagnostics, tuple(overrides))
    origin = given.origin
    if origin is None or not (overrides or missing_data(given.readers, phases)):
        known = origin.overrides if origin is not None else ()
        return ReadyProgram(given, "", origin.warnings if origin is not None else (), known)
    every = (*origin.overrides, *overrides)
    choice = choose_data(given.source, every, require_data=require_data, phases=phases, files=origin.files)
    return ReadyProgram(choice.checked.require(), choice.line, choice.checked.diagnostics, every)

"""A training as a user starts it: the data that are there, the plan said once everything fits, progress, the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.codes import Code
from ..base.diagnostics import Diagnostic
from ..base.failure import Failure, failure
from ..base.source import Span
from ..base.text_table import wrapped_line
from ..describe.network_text import headline, plan_text
from ..ir.network import totals
from ..ir.program import CheckedProgram
from ..runs.store import Run, locate_run, require_checkpoint
from .programs import Network, ReadyProgram, ready_program

if TYPE_CHECKING:
    from ..training import Reporter, Result, RunOptions

#: The lines of the plan that stand above a training; `netdsl check` shows them all.
HEADING_KEYS = ("length", "minibatch", "rule", "rate")


@dataclass(frozen=True)
class Console:
    """Where the words of a training go."""

    out: Callable[[str], None]  #: results
    warn: Callable[[Sequence[Diagnostic]], None]
    reporter: Callable[[str], Reporter]  #: what shows progress, given the lines that stand above it
    width: Callable[[], int] = lambda: 100


def train_network(given: Network, overrides: Sequence[str], options: RunOptions, console: Console, *,
                  require_data: bool = False) -> Result:
    """Train as the file and the options say, and write the run's report. Raises Failure and Interrupted.

    `options.resume` and `options.weights` may be whatever stands for a checkpoint: a path, a run, a network's name.
    """
    if options.seed is not None and not (isinstance(given, CheckedProgram) and given.origin is None):
        # Part of what is run, so that the run's folder runs again as it was.
        overrides = (*overrides, f"SGD.seed={options.seed}")
    ready = ready_program(given, overrides, require_data=require_data)
    if ready.sample:
        console.out(f"SAMPLE DATA: {ready.sample}")
    if ready.warnings:
        console.warn(ready.warnings)
    options = checked_options(ready.program, options)
    from ..training import train

    options = replace(options, sample=ready.sample, texts=ready.texts)
    return train(ready.program, options, reporter=console.reporter(heading(ready, console.width())))


def checked_options(program: CheckedProgram, options: RunOptions) -> RunOptions:
    """The options with checkpoints as paths. Raises Failure for a plan, checkpoint or device that is not there."""
    if program.plan is None:
        raise no_plan(program)
    options = replace(options, resume=_located(options.resume), weights=_located(options.weights))
    if options.device != "auto":
        from ..training.device import choose_device

        choose_device(options.device)
    return options


def _located(given: str | Path | None) -> Path | None:
    """The checkpoint that is meant by a path, a run or a network's name. Raises Failure where there is none."""
    if given is None:
        return None
    path = locate_run(str(given))
    require_checkpoint(str(path))
    return path


def heading(ready: ReadyProgram, width: int) -> str:
    """What stands above a training: what the network comes to, and the plan in short."""
    program = ready.program
    lines = plan_text(program, width - 4, HEADING_KEYS)
    first = wrapped_line(f"{Path(program.source.name).name}: {headline(program, totals(program.network))}", width)
    return "\n".join([*first, *(f"    {line}" for line in lines)])


def write_run_report(folder: Path, out: Callable[[str], None], err: Callable[[str], None]) -> None:
    """Write a run's report; the run is over and saved, so whatever goes wrong here is only said."""
    from .. import report

    try:
        out(f"report: {report.write_report(Run(folder))}")
    except Failure as failed:
        err(f"the report could not be written: {failed.diagnostics[0].title}")
    except Exception as error:  # a fault in a picture must not make a finished run look failed
        err(f"the report could not be written: {type(error).__name__}: {error}")


def no_plan(program: CheckedProgram) -> Failure:
    """The diagnostic for a file without `SGD`, where a plan is needed."""
    return failure(Code.NO_TRAINING, "the file has no `SGD` block, so there is no training plan",
                   Span.nowhere(program.source.name),
                   hint="add `SGD = { minibatchSize = 64 ; maxEpochs = 10 ; learningRate = 0.1 ; momentum = 0.9 }`.")

"""Several runs of one file with other values, compared: `netdsl sweep`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.atomic_files import write_result
from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span
from ..compiler import load
from ..drawing import Chart, Series, chart_svg, spans_decades
from ..report.curves import curve
from ..runs.side_by_side import telling_values
from ..runs.store import Run, network_name
from ..runs.sweep_plan import SweptRun, combinations
from .training_run import Console, train_network

if TYPE_CHECKING:
    from ..training import RunOptions

#: A chart has so many colours; more lines cannot be told apart.
_MOST_LINES = 6


@dataclass(frozen=True)
class SweepResult:
    """A sweep: its folder, its runs in their order, the value they are ranked by, and those that failed with why."""

    folder: Path
    runs: tuple[tuple[SweptRun, Run], ...]
    ranked_by: str
    failed: dict[int, str] = field(default_factory=dict)

    def value(self, run: Run) -> float | None:
        """What a run came to, in the phase that says most."""
        return telling_values(run)[1].get(self.ranked_by)

    @property
    def ranking(self) -> list[tuple[SweptRun, Run]]:
        """The runs that came to a number, the least first, then the others."""
        return sorted(self.runs, key=lambda pair: math.inf if (value := self.value(pair[1])) is None else value)


def sweep(file: str, overrides: Sequence[str], options: RunOptions, console: Console, *, out: str | Path | None = None,
          require_data: bool = False, say: Callable[[str], None] = lambda text: None) -> SweepResult:
    """Train the file once for each combination of the values that stand between commas in `overrides`.

    `out` is the sweep's folder; None: `runs/NETWORK/sweep-TIME`. In a folder where a sweep was begun, finished runs are
    kept and one that was stopped is resumed. A run that fails (its criterion is no number, say) is told and left out.
    Raises Failure for mistakes in the file or in a value, before the first run; Interrupted after Ctrl-C.
    """
    fixed, planned = combinations(overrides)
    if not planned:
        raise failure(Code.WRONG_ARGUMENTS, "a sweep needs several values of a key", Span.nowhere("command line"),
                      hint="write them with commas between: `SGD.learningRate=0.1,0.03,0.01`.")
    for one in planned:  # a mistake in the last value is told before the first run
        load(file, (*fixed, *one.overrides)).require_network()
    folder = Path(out) if out is not None else \
        Path("runs") / network_name(file) / f"sweep-{datetime.now():%Y-%m-%d-%H%M%S}"
    failed: dict[int, str] = {}
    for one in planned:
        target = folder / one.name
        if Run(target).result is not None:
            say(f"{one.name}: finished before")
            continue
        say(f"{one.name} ({one.number} of {len(planned)})")
        begun = Run(target).checkpoint is not None
        try:
            train_network(file, (*fixed, *one.overrides),
                          replace(options, out=target, resume=target if begun else None), console,
                          require_data=require_data)
        except Failure as problem:
            failed[one.number] = problem.diagnostics[0].title
            say(f"{one.name}: {failed[one.number]}")
    runs = tuple((one, Run(folder / one.name)) for one in planned)
    result = SweepResult(folder, runs, _ranked_by(runs), failed)
    _write(result)
    return result


def _ranked_by(runs: Sequence[tuple[SweptRun, Run]]) -> str:
    """The value that chose the best epochs, else the first that a run has."""
    for _, run in runs:
        values = telling_values(run)[1]
        chosen = str((run.result or {}).get("bestBy") or "")
        if chosen in values:
            return chosen
        if values:
            return next(iter(values))
    return ""


def _write(result: SweepResult) -> None:
    """`sweep.csv` and `sweep.svg` in the sweep's folder."""
    if not result.ranked_by:
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    keys = [override.partition("=")[0] for override in result.runs[0][0].overrides]
    table.writerow([*keys, result.ranked_by, "run"])
    for one, run in result.runs:
        table.writerow([*(o.partition("=")[2] for o in one.overrides), result.value(run), one.name])
    write_result(result.folder / "sweep.csv", text.getvalue())
    write_result(result.folder / "sweep.svg", chart_svg(sweep_chart(result)))


def sweep_chart(result: SweepResult) -> Chart:
    """The ranked value of each run over its epochs; of many runs the best ones."""
    percent = any(result.ranked_by in run.percentages for _, run in result.runs)
    lines = [Series(one.values, points) for one, run in result.ranking[:_MOST_LINES]
             if (points := curve(run, result.ranked_by, percent))]
    more = len(result.runs) - len(lines)
    values = [y for line in lines for _, y in line.points if math.isfinite(y)]
    return Chart(result.ranked_by, "epoch", "%" if percent else "mean over the samples", tuple(lines),
                 f"the best {len(lines)} of {len(result.runs)} runs" if more else "", log=spans_decades(values))

"""The curves of a run: criterion, metrics and rate over the epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from ..drawing import Chart, Point, Series, rate_line, spans_decades
from ..ir.program import CheckedProgram
from ..optimizers.plan import TrainingPlan
from ..runs.store import Run

#: With fewer epochs than this, training is drawn by the means over some minibatches instead of whole epochs.
_FEW_EPOCHS = 4
#: Where the values of a chart differ by more than this factor, most of the curve would lie on a linear axis' floor.
_LOG = 20


def charts(run: Run, percentages: frozenset[str], program: CheckedProgram | None = None) -> list[Chart]:
    """A chart for each recorded value, shares in percent, and one for the rate; none for a run without epochs."""
    names = list(dict.fromkeys(name for line in run.epochs for name in (line.get("train") or {})))
    found = [_chart(run, name, name in percentages) for name in names]
    rates = _rates(run, program.plan if program is not None else None)
    if len({y for _, y in rates}) > 1:
        found.append(Chart("learning rate", "epoch", "rate on the mean gradient", (Series("rate", rates),),
                           log=spans_decades([y for _, y in rates])))
    return [chart for chart in found if any(series.points for series in chart.series)]


def curve(run: Run, name: str, percent: bool) -> tuple[Point, ...]:
    """A value over the epochs: of the validation data where there are some, else of the training."""
    factor = 100.0 if percent else 1.0
    for phase in ("validation", "train"):
        found = [*_points(run, "epoch", lambda line, phase=phase: _value(line, phase, name, factor))]
        if any(math.isfinite(y) for _, y in found):
            return tuple(found)
    return ()


def _chart(run: Run, name: str, percent: bool) -> Chart:
    factor = 100.0 if percent else 1.0
    few = len(run.epochs) < _FEW_EPOCHS
    train = [*_points(run, "minibatches", lambda line: _value(line, "train", name, factor))] if few else []
    train = train or [*_points(run, "epoch", lambda line: _value(line, "train", name, factor))]
    series = [Series("training", tuple(train))]
    validation = [*_points(run, "epoch", lambda line: _value(line, "validation", name, factor))]
    if any(math.isfinite(y) for _, y in validation):
        series.append(Series("validation", tuple(validation)))
    tested = next((line["test"].get(name) for line in reversed(run.records) if line.get("event") == "test"), None)
    note = ""
    if tested is not None:
        note = f"test {factor * tested:.4g}{' %' if percent else ''}"
    evaluated = [point for point in (validation if len(series) > 1 else ()) if math.isfinite(point[1])]
    best = min(evaluated, key=lambda point: point[1]) if len(evaluated) > 1 else None
    highest = max((y for one in series for _, y in one.points if math.isfinite(y)), default=0.0)
    lowest = min((y for one in series for _, y in one.points if math.isfinite(y)), default=0.0)
    return Chart(name, "epoch", "%" if percent else "mean over the samples", tuple(series), note,
                 log=lowest > 0 and highest > _LOG * lowest, best=best)


def _value(line: dict[str, Any], phase: str, name: str, factor: float) -> float | None:
    value = (line.get(phase) or {}).get(name)
    return None if value is None else factor * value


def _points(run: Run, event: str, value: Any) -> Iterator[Point]:
    """(epochs done, value) for each record; a value that is no number is NaN and makes a gap."""
    per_epoch = _steps_per_epoch(run)
    for line in run.records:
        if line.get("event") != event:
            continue
        x = float(line["epoch"]) if event == "epoch" or not per_epoch else line["step"] / per_epoch
        y = value(line)
        if y is not None or event == "epoch":
            yield x, math.nan if y is None else y


def _steps_per_epoch(run: Run) -> float:
    epochs = run.epochs
    return epochs[-1]["step"] / epochs[-1]["epoch"] if epochs else 0.0


# -- the learning rate ------------------------------------------------------------------------------


def _rates(run: Run, plan: TrainingPlan | None) -> tuple[Point, ...]:
    """The rate from the first update on: by the plan where the run kept to it, else by the records."""
    records = [line for line in run.records if line.get("event") in ("minibatches", "epoch") and line.get("rate")
               and line.get("step") and line.get("samples", 1)]
    per_epoch = _steps_per_epoch(run)
    if not records or not per_epoch:
        return ()
    if plan is not None and (rate := _planned_rate(plan, records, per_epoch)) is not None:
        return rate_line(rate, records[-1]["step"] / per_epoch)
    points = [(line["step"] / per_epoch, float(line["rate"])) for line in records]
    points.insert(0, (0.0, points[0][1]))
    held = sum(before[1] == after[1] for before, after in pairwise(points))
    if 2 * held < len(points):
        return tuple(points)  # it changes all the time: slopes
    return tuple(point for before, (x, y) in pairwise(points) for point in ((before[0], y), (x, y)))


def _planned_rate(plan: TrainingPlan, records: Sequence[dict[str, Any]], per_epoch: float
                  ) -> Callable[[float], float] | None:
    """The plan's rate as a function of the epochs done; None if the run's records have other rates."""
    samples = next((line["samples"] / line["step"] for line in reversed(records) if line.get("samples")), 0.0)

    def rate(epoch: float) -> float:
        step = int(epoch * per_epoch + 1e-6)
        return plan.rates_at(int(step * samples), plan.update_size_at(epoch), epoch, step).mean_rate

    for line in records:
        # The last minibatch of an epoch may be smaller, so a record's place is known to within an update.
        near = [rate(max(0.0, (line["step"] + shift) / per_epoch)) for shift in (-2, -1, 0)]
        if not 0.99 * min(near) <= line["rate"] <= 1.01 * max(near):
            return None
    return rate

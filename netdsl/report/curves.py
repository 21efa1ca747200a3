"""The curves of a run: criterion, metrics and rate over the epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ..drawing.charts.chart import Chart, Series
from ..drawing.scene import Point
from ..runs.store import Run

#: With fewer epochs than this, training is drawn by the means over some minibatches instead of whole epochs.
_FEW_EPOCHS = 4
#: Where the values of a chart differ by more than this factor, most of the curve would lie on a linear axis' floor.
_LOG = 20


def charts(run: Run, percentages: frozenset[str]) -> list[Chart]:
    """A chart for each recorded value, shares in percent, and one for the rate; none for a run without epochs."""
    names = list(dict.fromkeys(name for line in run.epochs for name in (line.get("train") or {})))
    found = [_chart(run, name, name in percentages) for name in names]
    rates = tuple(_points(run, "minibatches", lambda line: line.get("rate"))) or \
        tuple(_points(run, "epoch", lambda line: line.get("rate")))
    # A rate holds from one record to the next: steps, not slopes.
    rates = tuple(point for (x, y), before in zip(rates, (rates[:1] + rates)[: len(rates)], strict=True)
                  for point in ((x, before[1]), (x, y)))
    if len({y for _, y in rates}) > 1:
        found.append(Chart("learning rate", "epoch", "rate on the mean gradient", (Series("rate", rates),),
                           log=_spans_decades([y for _, y in rates])))
    return [chart for chart in found if any(series.points for series in chart.series)]


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
    judged = [point for point in (validation if len(series) > 1 else ()) if math.isfinite(point[1])]
    best = min(judged, key=lambda point: point[1]) if len(judged) > 1 else None
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


def _spans_decades(rates: Sequence[float]) -> bool:
    """Steps by tenths want a logarithmic axis; a cosine that ends near 0 does not."""
    most = max(rates)
    return sum(0 < rate < most / 30 for rate in rates) > 0.2 * len(rates)

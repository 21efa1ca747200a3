"""The learning rate of a training plan over its epochs, as a chart."""

from __future__ import annotations

from ...optimizers.plan import TrainingPlan
from ...optimizers.schedules.schedule import TrainingProgress
from ..scene import Point
from ..text_metrics import text_width
from .chart import Chart, Series

#: How many places the schedule is read at; steps inside an epoch finer than this do not show.
_SAMPLES = 1200

#: Words for the units of a rate.
_UNITS = {"mean": "learning rate", "per minibatch": "learning rate per minibatch",
          "per sample": "learning rate per sample"}


def plan_chart(plan: TrainingPlan, title: str) -> Chart:
    """The rate as the file states it; logarithmic if it spans decades. Rates that only a run decides are not in it."""
    points = _points(plan)
    rates = [rate for _, rate in points]
    note = f"{plan.optimizer.show()}, {plan.rate}"
    while text_width(note, 11) > 640:
        note = note[:-4].rstrip() + "..."
    return Chart(f"{title}: learning rate", "epoch", _UNITS[plan.rate_unit],
                 (Series("learning rate", _corners(points)),), note, log=_is_small_for_long(rates))


def _is_small_for_long(rates: list[float]) -> bool:
    """Whether a fifth of the training runs at less than a thirtieth of the highest rate.

    Steps by tenths want a logarithmic axis; a cosine or a line that ends near 0 does not.
    """
    return sum(0 < rate < max(rates) / 30 for rate in rates) > 0.2 * len(rates)


def _points(plan: TrainingPlan) -> list[Point]:
    """The rate from the start to the end; a jump is two points at nearly one place."""
    count = max(_SAMPLES // plan.epochs, 2) * plan.epochs
    return [(number / count * plan.epochs, plan.rate.at(_progress(plan, min(number, count - 1e-6) / count)))
            for number in range(count + 1)]


def _progress(plan: TrainingPlan, part: float) -> TrainingProgress:
    """Progress after a part of the training; updates and samples as far as the file says how many there are."""
    epoch = part * plan.epochs
    samples = int(epoch * (plan.block.epoch_size or 0))
    if plan.block.max_steps is not None:
        return plan.progress(epoch, int(part * plan.block.max_steps), samples)
    return plan.progress(epoch, samples // plan.update_size_at(epoch), samples)


def _corners(points: list[Point]) -> tuple[Point, ...]:
    """The points where the line turns; a jump between two stretches becomes vertical."""
    kept = [points[0]]
    for before, point, after in zip(points, points[1:], points[2:], strict=False):
        if before[1] == point[1] != after[1]:
            kept.append((after[0], point[1]) if _jumps(before, point, after) else point)
        elif not (before[1] == point[1] == after[1]):
            kept.append(point)
    return (*kept, points[-1])


def _jumps(before: Point, point: Point, after: Point) -> bool:
    """A constant that changes by more than a twentieth in one step ends in a jump."""
    return abs(after[1] - point[1]) > 0.05 * max(abs(point[1]), abs(after[1]))

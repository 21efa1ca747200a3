"""The learning rate of a training plan over its epochs, as a chart."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...base.units import clip_while
from ...optimizers.plan import TrainingPlan
from ...optimizers.schedules.schedule import TrainingProgress
from ..scene import Point
from ..text_metrics import text_width
from .chart import Chart, Series
from .ticks import spans_decades

#: How many places the schedule is read at; steps inside an epoch finer than this do not show.
_SAMPLES = 1200

#: Words for the units of a rate.
_UNITS = {"mean": "learning rate", "per minibatch": "learning rate per minibatch",
          "per sample": "learning rate per sample"}


def plan_chart(plan: TrainingPlan, title: str) -> Chart:
    """The rate as the file states it; logarithmic if it spans decades. Rates that only a run decides are not in it."""
    points = rate_points(lambda epoch: plan.rate.at(_progress(plan, epoch)), plan.epochs)
    note = clip_while(lambda text: text_width(text, 11) > 640, f"{plan.optimizer.show()}, {plan.rate}")
    return Chart(f"{title}: learning rate", "epoch", _UNITS[plan.rate_unit],
                 (Series("learning rate", _corners(points)),), note,
                 log=spans_decades([rate for _, rate in points]))


def rate_points(rate: Callable[[float], float], epochs: float) -> list[Point]:
    """(epoch, rate) from the start of training to `epochs`; a jump is two points at nearly one place.

    `rate` takes the epochs done, less than `epochs`. Whole epochs are among the places.
    """
    whole = max(1, math.ceil(epochs))
    count = max(_SAMPLES // whole, 2) * whole
    return [(number / count * epochs, rate(min(number, count - 1e-6) / count * epochs)) for number in range(count + 1)]


def rate_line(rate: Callable[[float], float], epochs: float) -> tuple[Point, ...]:
    """The rate as a line: smooth schedules smooth, constant stretches with upright jumps between them."""
    return _corners(rate_points(rate, epochs))


def _progress(plan: TrainingPlan, epoch: float) -> TrainingProgress:
    """Progress after so many epochs; updates and samples as far as the file says how many there are."""
    samples = int(epoch * (plan.block.epoch_size or 0))
    if plan.block.max_steps is not None:
        return plan.progress(epoch, int(epoch / plan.epochs * plan.block.max_steps), samples)
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

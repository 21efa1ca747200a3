"""The values under the pointer of a chart, as strips that a style sheet shows and hides: no script is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..scene import Point, Rect
from ..text_metrics import text_width
from .chart import Chart, plot_area, series_color
from .ticks import tick_text

#: A chart has at most so many strips; between them values are left out.
_MOST_STRIPS = 160
_SIZE, _PAD = 11.0, 8.0


@dataclass(frozen=True)
class Mark:
    """A point of a series that a strip marks."""

    y: float
    color: str


@dataclass(frozen=True)
class Strip:
    """A vertical strip of a chart, and what is shown while the pointer is on it. Pixels of the chart."""

    left: float
    width: float
    x: float
    marks: tuple[Mark, ...]
    lines: tuple[str, ...]
    box_x: float
    box_width: float


@dataclass(frozen=True)
class HoverLayer:
    """What lies over a chart of a size: strips from left to right that cover its plot area."""

    width: float
    height: float
    top: float
    length: float
    strips: tuple[Strip, ...]


def hover_layer(chart: Chart, width: float, height: float) -> HoverLayer:
    """The strips of a chart drawn in this size."""
    area = plot_area(chart, width, height)
    return HoverLayer(width, height, area.y, area.height, tuple(_strips(chart, area)))


def _strips(chart: Chart, area: Rect) -> list[Strip]:
    across, _ = chart.axes()
    xs = sorted({x for series in chart.series for x, y in series.points if math.isfinite(y)})
    if not xs:
        return []
    if len(xs) > _MOST_STRIPS:
        xs = [xs[round(number * (len(xs) - 1) / (_MOST_STRIPS - 1))] for number in range(_MOST_STRIPS)]
    edges = [-math.inf, *((a + b) / 2 for a, b in pairwise(xs)), math.inf]
    places = [area.x + min(max(across.place(edge), 0.0), 1.0) * area.width if math.isfinite(edge)
              else area.x + (edge > 0) * area.width for edge in edges]
    return [_strip(chart, area, x, (low, high), (left, right))
            for x, (low, high), (left, right) in zip(xs, pairwise(edges), pairwise(places), strict=True)]


def _strip(chart: Chart, area: Rect, x: float, ends: tuple[float, float], sides: tuple[float, float]) -> Strip:
    across, up = chart.axes()
    at = area.x + across.place(x) * area.width
    marks, lines = [], [f"{chart.x_label} {round(x, 2):g}"]
    unit = " %" if chart.y_label == "%" else ""
    for number, series in enumerate(chart.series):
        point = _nearest(series.points, x, ends)
        if point is not None:
            place = min(max(up.place(point[1]), 0.0), 1.0)
            marks.append(Mark(area.y + (1 - place) * area.height, series_color(number)))
            lines.append(f"{series.name} {tick_text(float(f'{point[1]:.4g}'))}{unit}")
    wide = max(text_width(line, _SIZE) for line in lines) + 2 * _PAD
    box_x = at + 10 if at + 10 + wide <= area.x + area.width else at - 10 - wide
    return Strip(sides[0], sides[1] - sides[0], at, tuple(marks), tuple(lines), box_x, wide)


def _nearest(points: Sequence[Point], x: float, ends: tuple[float, float]) -> Point | None:
    """The point of a series closest to a place, within the strip."""
    within = [point for point in points if ends[0] < point[0] <= ends[1] and math.isfinite(point[1])]
    return min(within, key=lambda point: abs(point[0] - x)) if within else None

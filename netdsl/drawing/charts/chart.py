"""Line charts: learning rates, losses and errors over the epochs, as a scene or as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .. import palette
from ..scene import Item, Line, Point, Rect, Scene, Text
from ..text_metrics import text_width
from .ticks import Axis, linear_axis, log_axis, tick_text

#: Colours of series, apart for the common kinds of colour blindness (after Okabe and Ito).
_COLORS = ("#0b63a5", "#c8551b", "#2f7d5b", "#8a3f75", "#8a6d00", "#4f5b69")

_MARGIN, _SMALL = 24.0, 11.0


def series_color(number: int) -> str:
    """The colour of a chart's series, by its place among them."""
    return _COLORS[number % len(_COLORS)]


@dataclass(frozen=True)
class Series:
    """A line of a chart: its name in the legend and its points; a value that is no number makes a gap."""

    name: str
    points: tuple[Point, ...]
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """What a line chart shows. `log` makes the vertical axis logarithmic where all values are above 0."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    note: str = ""
    log: bool = False
    whole_x: bool = True  #: only whole numbers along the horizontal axis
    best: Point | None = None  #: a point to mark, such as the epoch with the least error

    def values(self) -> list[float]:
        return [y for series in self.series for _, y in series.points if math.isfinite(y)]

    def axes(self) -> tuple[Axis, Axis]:
        xs = [x for series in self.series for x, _ in series.points] or [0.0]
        ys = self.values() or [0.0]
        across = linear_axis(min(xs), max(xs), most=10, whole=self.whole_x, tight=True)
        positive = [y for y in ys if y > 0]
        if self.log and positive:
            return across, log_axis(min(positive), max(positive))
        low = 0.0 if 0 <= min(ys) <= 0.5 * max(ys) else min(ys)
        return across, linear_axis(low, max(ys))


def plot_area(chart: Chart, width: float, height: float) -> Rect:
    """Where the lines run in a chart of this size; the axes map to its sides."""
    _, up = chart.axes()
    labels = max(text_width(up.label(tick), _SMALL) for tick in up.ticks)
    left, top = _MARGIN + 20 + labels, 62.0 if chart.note else 48.0
    return Rect(left, top, width - _MARGIN - left, height - 56 - top, None, palette.BORDER)


def line_chart(chart: Chart, width: float = 720.0, height: float = 380.0) -> Scene:
    """The chart as a scene."""
    across, up = chart.axes()
    frame = plot_area(chart, width, height)
    items: list[Item] = [Text(_MARGIN, 28, chart.title, 15, palette.TEXT, bold=True)]
    if chart.note:
        items.append(Text(_MARGIN, 46, chart.note, _SMALL, palette.FAINT))
    items += _grid(chart, across, up, frame)
    for number, series in enumerate(chart.series):
        items += [Line(points, series_color(number), 2.0, dashed=series.dashed)
                  for points in _lines(series, across, up, frame)]
    if chart.best is not None:
        items += _best(chart.best, across, up, frame)
    if len(chart.series) > 1:
        items += _legend(chart, frame)
    names = ", ".join(series.name for series in chart.series)
    return Scene(width, height, chart.title, f"Line chart of {names} over {chart.x_label}. {chart.note}".strip(),
                 tuple(items), palette.BACKGROUND)


def _grid(chart: Chart, across: Axis, up: Axis, frame: Rect) -> Iterator[Item]:
    bottom = frame.y + frame.height
    for tick in up.ticks:
        y = bottom - up.place(tick) * frame.height
        yield Line(((frame.x, y), (frame.x + frame.width, y)), palette.GRID, 1.0)
        yield Text(frame.x - 8, y + 4, up.label(tick), _SMALL, palette.FAINT, anchor="end")
    for tick in across.ticks:
        x = frame.x + across.place(tick) * frame.width
        yield Line(((x, bottom), (x, bottom + 5)), palette.LINE, 1.0)
        yield Text(x, bottom + 18, across.label(tick), _SMALL, palette.FAINT, anchor="middle")
    yield Line(((frame.x, frame.y), (frame.x, bottom), (frame.x + frame.width, bottom)), palette.LINE, 1.0)
    yield Text(frame.x + frame.width / 2, bottom + 40, chart.x_label, 12, palette.TEXT, anchor="middle")
    yield Text(_MARGIN, frame.y + frame.height / 2, chart.y_label, 12, palette.TEXT, anchor="middle", turned=True)


def _lines(series: Series, across: Axis, up: Axis, frame: Rect) -> Iterator[tuple[Point, ...]]:
    """The drawn pieces of a series, without gaps; a single point becomes a short dash."""
    piece: list[Point] = []
    for x, y in (*series.points, (0.0, math.nan)):
        if math.isfinite(y):
            place = min(max(up.place(y), 0.0), 1.0)
            piece.append((frame.x + across.place(x) * frame.width, frame.y + (1 - place) * frame.height))
            continue
        if len(piece) == 1:
            piece = [(piece[0][0] - 3, piece[0][1]), (piece[0][0] + 3, piece[0][1])]
        if piece:
            yield tuple(piece)
        piece = []


def _best(best: Point, across: Axis, up: Axis, frame: Rect) -> Iterator[Item]:
    x = frame.x + across.place(best[0]) * frame.width
    y = frame.y + (1 - up.place(best[1])) * frame.height
    yield Rect(x - 4, y - 4, 8, 8, "#ffffff", palette.TEXT, 1.5, 4, 4)
    text = f"best {tick_text(float(f'{best[1]:.4g}'))}"
    wide = text_width(text, _SMALL)
    left = x + wide + 10 > frame.x + frame.width
    yield Rect(x - 10 - wide if left else x + 6, y - 18, wide + 4, 14, palette.BACKGROUND)
    yield Text(x - 8 if left else x + 8, y - 7, text, _SMALL, palette.TEXT, anchor="end" if left else "start")


def _legend(chart: Chart, frame: Rect) -> Iterator[Item]:
    """Names of the series at the right, level with the title."""
    x = frame.x + frame.width - sum(text_width(s.name, _SMALL) + 44 for s in chart.series) + 14
    for number, series in enumerate(chart.series):
        yield Line(((x, 24), (x + 22, 24)), series_color(number), 2.0, dashed=series.dashed)
        yield Text(x + 28, 28, series.name, _SMALL, palette.TEXT)
        x += text_width(series.name, _SMALL) + 44


# -- for the terminal -------------------------------------------------------------------------------

_MARKS = "*o+x#%"


def text_chart(chart: Chart, width: int = 80, height: int = 16) -> str:
    """The chart in plain ASCII."""
    across, up = chart.axes()
    labels = {round((1 - up.place(tick)) * (height - 1)): up.label(tick) for tick in up.ticks}
    left = max(len(label) for label in labels.values())
    columns = max(width - left - 3, 10)
    grid = [[" "] * columns for _ in range(height)]
    for number, series in enumerate(chart.series):
        for column, row in _cells(series, across, up, columns, height):
            grid[row][column] = _MARKS[number % len(_MARKS)]
    names = "   ".join(f"{_MARKS[n % len(_MARKS)]} {series.name}" for n, series in enumerate(chart.series))
    lines = [chart.title, *([chart.note] if chart.note else []), ""]
    lines += [f"{labels.get(row, ''):>{left}} |{''.join(cells)}".rstrip() for row, cells in enumerate(grid)]
    lines.append(f"{'':>{left}} +{'-' * columns}")
    foot = [" "] * (columns + 12)
    for tick in across.ticks:
        start = round(across.place(tick) * (columns - 1))
        foot[start:start + len(across.label(tick))] = across.label(tick)
    lines.append(f"{'':>{left}}  {''.join(foot)}".rstrip())
    lines.append(f"{'':>{left}}  {chart.x_label}" + (f"      {names}" if len(chart.series) > 1 else ""))
    return "\n".join(lines) + "\n"


def _cells(series: Series, across: Axis, up: Axis, columns: int, height: int) -> Iterator[tuple[int, int]]:
    """The cells of a series: its value at each column, and the rows between one column and the next."""
    points = [(x, y) for x, y in series.points if math.isfinite(y)]
    before: int | None = None
    position = 0
    for column in range(columns):
        x = across.low + (across.high - across.low) * column / (columns - 1)
        while position + 1 < len(points) and points[position + 1][0] <= x:
            position += 1
        if not points or points[0][0] > x + 1e-9:
            continue
        y = _between(points, position, x)
        row = round((1 - min(max(up.place(y), 0.0), 1.0)) * (height - 1))
        step = 1 if before is None or row > before else -1
        for filled in range(row if before is None else before + step if row != before else row, row + step, step):
            yield column, filled
        before = row


def _between(points: Sequence[Point], position: int, x: float) -> float:
    (x0, y0) = points[position]
    if position + 1 == len(points) or points[position + 1][0] <= x0:
        return y0
    (x1, y1) = points[position + 1]
    return y0 + (y1 - y0) * min(max((x - x0) / (x1 - x0), 0.0), 1.0)

"""A picture as plain data: rectangles, lines, texts. Drawings and charts make one; SVG and PNG write it.

The unit is the pixel at 96 dots per inch; y grows downwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle; the radii round its upper and its lower corners."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    stroke: str | None = None
    stroke_width: float = 1.0
    top_radius: float = 0.0
    bottom_radius: float = 0.0
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text; `y` is its baseline."""

    x: float
    y: float
    text: str
    size: float = 12.0
    fill: str = "#1f2933"
    bold: bool = False
    anchor: str = "start"  #: "start", "middle" or "end"
    turned: bool = False  #: reads from bottom to top


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, its corners rounded by `radius`; `arrow` puts a head at its end."""

    points: tuple[Point, ...]
    stroke: str = "#1f2933"
    stroke_width: float = 1.0
    radius: float = 0.0
    dashed: bool = False
    arrow: bool = False


@dataclass(frozen=True, slots=True)
class Cluster:
    """Items with a common tooltip and class (`"box"`, `"group"`, `"edge"`)."""

    items: tuple[Item, ...]
    title: str = ""
    kind: str = ""


Item = Rect | Text | Line | Cluster


@dataclass(frozen=True)
class Scene:
    """A picture: its size, what it shows in words (for screen readers), and its items, drawn in order."""

    width: float
    height: float
    title: str
    description: str
    items: tuple[Item, ...]
    background: str = "#ffffff"

    def flat(self) -> Iterator[Rect | Text | Line]:
        """All items, clusters opened."""
        waiting = list(reversed(self.items))
        while waiting:
            item = waiting.pop()
            if isinstance(item, Cluster):
                waiting.extend(reversed(item.items))
            else:
                yield item


def rounded(points: tuple[Point, ...], radius: float) -> list[tuple[str, tuple[Point, ...]]]:
    """A line with rounded corners as path commands: `M`, `L` (one point), `Q` (control point, end)."""
    commands: list[tuple[str, tuple[Point, ...]]] = [("M", (points[0],))]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        into = min(radius, _distance(before, corner) / 2)
        out = min(radius, _distance(corner, after) / 2)
        reach = min(into, out)
        if reach < 0.5:
            commands.append(("L", (corner,)))
            continue
        commands.append(("L", (_towards(corner, before, reach),)))
        commands.append(("Q", (corner, _towards(corner, after, reach))))
    commands.append(("L", (points[-1],)))
    return commands


def _distance(a: Point, b: Point) -> float:
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def _towards(a: Point, b: Point, length: float) -> Point:
    whole = _distance(a, b)
    return (a[0] + (b[0] - a[0]) * length / whole, a[1] + (b[1] - a[1]) * length / whole)


def arrow_head(points: tuple[Point, ...], length: float = 7.0, half_width: float = 3.5) -> tuple[Point, ...]:
    """The triangle at the end of a line, with its tip on the last point."""
    tip, before = points[-1], next((p for p in reversed(points[:-1]) if p != points[-1]), points[-1])
    span = ((tip[0] - before[0]) ** 2 + (tip[1] - before[1]) ** 2) ** 0.5 or 1.0
    ux, uy = (tip[0] - before[0]) / span, (tip[1] - before[1]) / span
    base = (tip[0] - ux * length, tip[1] - uy * length)
    return (tip, (base[0] - uy * half_width, base[1] + ux * half_width),
            (base[0] + uy * half_width, base[1] - ux * half_width))

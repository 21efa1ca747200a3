"""Long chains in columns: a level that is much longer than wide continues beside itself, as text does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..scene import Point
from .layered import Level, Link

#: A level shorter than this stays in one piece (pixels along).
LONG = 1100.0

_MOST_COLUMNS = 9

#: Every column is filled at least this far; the last may be less, if the whole is of a much better shape for it.
_LEAST_FILL = 0.4

#: Columns that leave more than this of the length are not worth their lines: one frame is most of it.
_MOST_LEFT = 0.75

#: Room between columns for the line that leads from one to the next; above a column, from the height of
#: its turn to the first box; below a column, from the last box's label to the turn.
BETWEEN, HEAD, FOOT = 64.0, 24.0, 18.0


@dataclass(frozen=True)
class Column:
    """Ranks that stand below each other, and how far they move from where one long column has them."""

    first: int
    last: int
    across: float
    along: float


def columns(level: Level, starts: Sequence[float], ends: Sequence[float], wide: float,
            aspect: float) -> list[Column]:
    """How to divide a level; `starts` and `ends` are the extents along of its ranks, `wide` its width,
    `aspect` what the columns together should look like: extent across through extent along.

    Returns one column where the level is short or cannot be cut.
    """
    length = ends[-1] - starts[0] if ends else 0.0
    places = cuts(level)
    whole = [Column(0, len(level.ranks) - 1, 0.0, 0.0)]
    if not places:
        return whole
    best, best_score = whole, _score(wide, length, aspect)
    for count in range(2, _MOST_COLUMNS + 1):
        divided = _divided(level, starts, ends, places, count)
        lengths = [ends[c.last] - starts[c.first] for c in divided]
        if min(lengths[:-1], default=0.0) < _LEAST_FILL * max(lengths) or max(lengths) > _MOST_LEFT * length:
            continue
        score = _score(divided[-1].across + _extent(level, divided[-1])[1], max(lengths), aspect)
        score += 2 * max(0.0, _LEAST_FILL - lengths[-1] / max(lengths))
        if score < best_score:
            best, best_score = divided, score
    return best


def _score(width: float, length: float, aspect: float) -> float:
    return abs(math.log(width / length / aspect))


def cuts(level: Level) -> list[int]:
    """The ranks before which a level can be cut: one value comes in, from one box, and none of a recurrence."""
    back = {bend.rank + below for net in level.nets for bends, _ in net.ways_back for bend in bends for below in (0, 1)}
    return [rank for rank in range(1, len(level.ranks)) if rank not in back
            and len({(link.net, link.upper) for cell in level.ranks[rank - 1] for link in cell.down}) == 1
            and all(cell.kind == "box" for cell in level.ranks[rank - 1])
            and all(cell.kind in ("box", "bend") for cell in level.ranks[rank])]


def _divided(level: Level, starts: Sequence[float], ends: Sequence[float], places: Sequence[int],
             count: int) -> list[Column]:
    """At most `count` columns, cut so that the longest is as short as can be."""
    low, high = 0.0, ends[-1] - starts[0]
    for _ in range(20):
        middle = (low + high) / 2
        if len(_filled(starts, ends, places, middle)) > count:
            low = middle
        else:
            high = middle
    groups = _filled(starts, ends, places, high)
    found: list[Column] = []
    across = 0.0
    top = _first_box(level, starts)
    for low, high in groups:
        left, right = _extent(level, Column(low, high, 0, 0))
        found.append(Column(low, high, across - left, max(HEAD, top) - (starts[low] if low else top)))
        across += right - left + BETWEEN
    return found


def _filled(starts: Sequence[float], ends: Sequence[float], places: Sequence[int],
            capacity: float) -> list[tuple[int, int]]:
    """Fill columns one after the other up to a length, as first and last ranks."""
    groups: list[tuple[int, int]] = []
    first, last = 0, -1
    for end in [*(cut - 1 for cut in places), len(ends) - 1]:
        if last >= first and ends[end] - starts[first] > capacity:
            groups.append((first, last))
            first = last + 1
        last = end
    return [*groups, (first, last)]


def _first_box(level: Level, starts: Sequence[float]) -> float:
    """Where the boxes begin, behind the ports through which values come in."""
    return next(start for start, rank in zip(starts, level.ranks, strict=True) if rank[0].kind == "box")


def _extent(level: Level, column: Column) -> tuple[float, float]:
    cells = [cell for rank in level.ranks[column.first:column.last + 1] for cell in rank]
    return min(cell.across - cell.before for cell in cells), max(cell.across + cell.after for cell in cells)


def divide(level: Level, found: Sequence[Column], leads: Sequence[float]) -> tuple[dict[Link, list[Point]], float]:
    """Move the cells into their columns.

    `leads` is the room along that the labels below each rank take. Returns the lines from each column
    to the next and how far they go along.
    """
    top = min(cell.start for cell in level.ranks[0])
    for column in found:
        for rank in level.ranks[column.first:column.last + 1]:
            for cell in rank:
                cell.across += column.across
                cell.start += column.along
    lines: dict[Link, list[Point]] = {}
    deepest = 0.0
    for column in found[1:]:
        last_rank = level.ranks[column.first - 1]
        between = _extent(level, column)[0] - BETWEEN / 2
        low = max(cell.start + cell.length for cell in last_rank) + leads[column.first - 1] + FOOT
        high = top + HEAD / 4
        for link in (link for cell in last_rank for link in cell.down):
            start, end = link.upper.start + link.upper.length, link.lower.start
            lines[link] = [(link.upper_across, start), (link.upper_across, low), (between, low), (between, high),
                           (link.lower_across, high), (link.lower_across, end)]
        deepest = max(deepest, low)
    return lines, deepest

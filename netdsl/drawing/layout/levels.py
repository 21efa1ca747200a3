"""One level of a diagram with measures: where ranks, gaps and lines lie, and the frame around it all."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from ..scene import Point
from .coordinates import place_across
from .edge_routing import TRACK, LineRun, assign_tracks
from .layered import Cell, Level, Link, Net
from .wrapping import LONG, Column, columns, divide

#: Room below a box before lines may turn, and above a box for the head of an arrow.
_LEAD, _TAIL = 14.0, 16.0

#: How far before its turn a branch leaves the line, which leaves room for a round corner.
_BRANCH = 8.0

#: From the last rank to the frame, and from its sides to the cells.
PAD_END, PAD_SIDE = 14.0, 16.0


@dataclass(frozen=True)
class Piece:
    """A line of a level, in (across, along); it ends at a box or frame, or at the level's border."""

    net: Net
    points: tuple[Point, ...]
    target: str


@dataclass
class Block:
    """A level laid out: extents, and what lies where, relative to its corner."""

    width: float = 0.0  #: across
    length: float = 0.0  #: along
    cells: list[Cell] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    entries: dict[str, float] = field(default_factory=dict)  #: net -> across
    exits: dict[str, float] = field(default_factory=dict)
    divisible: bool = False  #: it is long, and would look better in columns


def lay_out(level: Level, labels: dict[Cell, float], strip: float, *, least: float = 0.0,
            aspect: float | None = None, wrap: bool = False, end: float = PAD_END) -> Block:
    """Lay out a level.

    `labels` is the room along that the label below a box takes; `strip` how far before the level's
    corner the frame begins (room for its title), where lines that enter start; `end` how far behind
    the level lines that leave end; `least` the least length. With an `aspect` (extent across through
    extent along) the block says whether columns of this shape together would be better; `wrap`
    divides it so.
    """
    level.arrange()
    place_across(level.ranks)
    runs = _runs(level)
    length = _place_along(level, labels, runs)
    divided = _divided(level, aspect) if aspect and length > LONG else []
    if wrap and len(divided) > 1:
        length = _wrap(level, labels, runs, divided)
    length = max(length, least)
    for cell in level.cells:
        if cell.kind == "entry":
            cell.start = -strip
        elif cell.kind == "exit":
            cell.start = length + end
    width = max((cell.across + cell.after for rank in level.ranks for cell in rank), default=0.0)
    pieces = [piece for net in level.nets for piece in _pieces(net, runs)]
    highest = max([width, *(x for piece in pieces for x, _ in piece.points)])
    return Block(highest, length, level.cells, pieces,
                 {cell.name: cell.across for cell in level.cells if cell.kind == "entry"},
                 {cell.name: cell.across for cell in level.cells if cell.kind == "exit"}, len(divided) > 1)


@dataclass
class _Runs:
    """The runs of each gap; gap g lies before rank g, and one more after the last."""

    of_link: dict[Link, LineRun]
    gaps: list[list[LineRun]]
    #: net and number of its way back -> its first run, below the source, and its last, above the target
    turns: dict[tuple[Net, int], tuple[LineRun, LineRun]]
    along: dict[LineRun, float] = field(default_factory=dict)
    #: lines from one column to the next, where the level is divided
    turned: dict[Link, list[Point]] = field(default_factory=dict)


def _runs(level: Level) -> _Runs:
    gaps: list[list[LineRun]] = [[] for _ in range(len(level.ranks) + 1)]
    of_link: dict[Link, LineRun] = {}
    for rank in level.ranks:
        for cell in rank:
            shared: dict[Net, LineRun] = {}
            for link in cell.down:
                if link.net not in shared:
                    shared[link.net] = LineRun([link.upper_across])
                    gaps[cell.rank + 1].append(shared[link.net])
                shared[link.net].below.append(link.lower_across)
                of_link[link] = shared[link.net]
    turns = {}
    for net in level.nets:
        for number, (bends, arrival) in enumerate(net.ways_back):
            out = LineRun([net.source.across + net.port, bends[0].across])
            back = LineRun([], [arrival.upper_across, arrival.lower_across])
            gaps[net.source.rank + 1].append(out)
            gaps[bends[-1].rank].append(back)
            turns[net, number] = (out, back)
    return _Runs(of_link, gaps, turns)


def _place_along(level: Level, labels: dict[Cell, float], runs: _Runs) -> float:
    """Give cells their start and runs their place along; returns the length of the level."""
    along = 0.0
    for number, gap in enumerate(runs.gaps):
        above = level.ranks[number - 1] if number else []
        below = level.ranks[number] if number < len(level.ranks) else []
        tracks = assign_tracks(gap)
        lead = max((labels.get(cell, 0.0) for cell in above), default=0.0)
        arrives = any(cell.kind == "box" and (cell.up or cell.returns) for cell in below)
        if any(cell.kind != "entry" for cell in above) and (tracks or any(cell.kind == "box" for cell in below)):
            lead = max(lead, _LEAD)
        for run in gap:
            runs.along[run] = along + lead + (run.track + 0.5) * TRACK
        along += lead + tracks * TRACK + (_TAIL if arrives else 0.0)
        longest = max((cell.length for cell in below), default=0.0)
        for cell in below:
            cell.start = along + _slack(cell, longest - cell.length)
        along += longest
    return along


def _divided(level: Level, aspect: float) -> list[Column]:
    starts = [min(cell.start for cell in rank) for rank in level.ranks]
    ends = [max(cell.start + cell.length for cell in rank) for rank in level.ranks]
    wide = max(cell.across + cell.after for rank in level.ranks for cell in rank)
    return columns(level, starts, ends, wide, aspect)


def _wrap(level: Level, labels: dict[Cell, float], runs: _Runs, found: list[Column]) -> float:
    """Divide a long level into columns; returns its new length."""
    leads = [max((labels.get(cell, 0.0) for cell in rank), default=0.0) for rank in level.ranks]
    runs.turned, deepest = divide(level, found, leads)
    for column in found:
        for number in range(column.first + 1, column.last + 1):
            for run in runs.gaps[number]:
                runs.along[run] += column.along
    for run in runs.gaps[-1]:
        runs.along[run] += found[-1].along
    ends = (cell.start + cell.length + labels.get(cell, 0.0) for rank in level.ranks for cell in rank)
    return max(deepest, *ends)


def _slack(cell: Cell, room: float) -> float:
    """Where a cell stands in a rank of longer ones: near what it is connected with."""
    if cell.kind == "bend" or not (cell.down or cell.returns):
        return 0.0
    return room if not cell.up else room / 2


def _pieces(net: Net, runs: _Runs) -> list[Piece]:
    """The lines of a net: one from its source to the first end, one from each branch to its end."""
    pieces = []
    waiting = _branches([], [link for link in net.source.down if link.net is net], runs)
    while waiting:
        points, link = waiting.pop()
        further = [after for after in link.lower.down if after.net is net] if link.lower.kind == "bend" else []
        if further:
            waiting.extend(_branches(points, further, runs))
        else:
            pieces.append(Piece(net, _without_repeats(points), link.target))
    for number, (bends, arrival) in enumerate(net.ways_back):
        out, back = runs.turns[net, number]
        pieces.append(Piece(net, _without_repeats(_way_back(net, bends, arrival, runs, out, back)), arrival.target))
    return pieces


def _branches(points: list[Point], links: list[Link], runs: _Runs) -> list[tuple[list[Point], Link]]:
    """Continue a line along each of some links: the straightest goes on, the others branch off at its turn."""
    found = []
    links = sorted(links, key=lambda link: abs(link.upper_across - link.lower_across))
    for number, link in enumerate(links):
        piece = _points(link, runs)
        if number and link in runs.turned:
            piece = piece[3:]  # on top of the next column, where the line has arrived already
        elif number and len(piece) == 4:
            piece[0] = (piece[0][0], max(piece[0][1], piece[1][1] - _BRANCH))
        found.append((piece if number else [*points, *piece], link))
    return found


def _points(link: Link, runs: _Runs) -> list[Point]:
    if link in runs.turned:
        return runs.turned[link]
    run = runs.of_link[link]
    start, end = link.upper.start + link.upper.length, link.lower.start
    if run.is_straight or abs(link.upper_across - link.lower_across) < 0.5:
        return [(link.upper_across, start), (link.lower_across, end)]
    along = runs.along[run]
    return [(link.upper_across, start), (link.upper_across, along), (link.lower_across, along),
            (link.lower_across, end)]


def _way_back(net: Net, bends: list[Cell], arrival: Link, runs: _Runs, out: LineRun, back: LineRun) -> list[Point]:
    """From below the source around everything, up to above the target."""
    start = net.source.across + net.port
    points = [(start, net.source.start + net.source.length), (start, runs.along[out])]
    points.append((bends[0].across, runs.along[out]))
    for lower, upper in pairwise(bends):
        link = next(link for link in upper.down if link.lower is lower)
        points.extend(reversed(_points(link, runs)))
    points.append((arrival.upper_across, runs.along[back]))
    points.append((arrival.lower_across, runs.along[back]))
    points.append((arrival.lower_across, arrival.lower.start))
    return points


def _without_repeats(points: list[Point]) -> tuple[Point, ...]:
    """The corners of a line: without points that repeat or lie on the way."""
    kept: list[Point] = []
    for point in points:
        if kept and max(abs(point[0] - kept[-1][0]), abs(point[1] - kept[-1][1])) < 0.01:
            continue
        while len(kept) > 1 and _on_the_way(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    return tuple(kept) if len(kept) > 1 else (kept[0], kept[0])


def _on_the_way(a: Point, b: Point, c: Point) -> bool:
    return any(abs(a[i] - b[i]) < 0.01 and abs(b[i] - c[i]) < 0.01
               and (b[1 - i] - a[1 - i]) * (c[1 - i] - b[1 - i]) >= 0 for i in (0, 1))

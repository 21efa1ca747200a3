"""Layered drawing of one level of a diagram: its ranks, and the order of the cells in each.

After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures"
(1981): ranks by longest path, long connections through dummy cells, order by barycentres.

Directions are abstract: `across` a rank, and `along` the flow. The caller turns them into x and y.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

#: Sweeps of crossing reduction; they stop early when no crossing is left.
_SWEEPS = 8

#: Beside a frame longer than this no source is put: the line to it would be lost at the frame's side.
_LONG_BOX = 300.0

#: Distance between the arrivals on a side of a box.
_ARRIVALS_APART = 18.0


@dataclass(eq=False)
class Cell:
    """Something with a place in a rank: a box or frame, a port of the level's border, or a bend of a line."""

    before: float = 0.0  #: extent across, on either side of its reference
    after: float = 0.0
    length: float = 0.0  #: extent along
    kind: str = "box"  #: "box", "entry" (first rank), "exit" (last rank) or "bend"
    name: str = ""
    spreads: bool = False  #: its arrivals are spread over its side; else their ports are given
    rank: int = 0
    index: int = 0  #: position in its rank
    above: float = 0.0  #: length of the longest way from a start of the level, itself included
    below: float = 0.0  #: the same to an end
    across: float = 0.0  #: of its reference
    start: float = 0.0  #: along
    down: list[Link] = field(default_factory=list)
    up: list[Link] = field(default_factory=list)
    returns: list[Link] = field(default_factory=list)  #: arrivals of recurrences, from a bend beside it


@dataclass(eq=False)
class Link:
    """A piece of a net between neighbouring ranks; ports are offsets across from the cells' references."""

    upper: Cell
    lower: Cell
    net: Net
    upper_port: float = 0.0
    lower_port: float = 0.0
    target: str = ""  #: the box or frame where the piece arrives; empty at a bend

    @property
    def upper_across(self) -> float:
        return self.upper.across + self.upper_port

    @property
    def lower_across(self) -> float:
        return self.lower.across + self.lower_port


@dataclass(frozen=True, eq=False)
class Target:
    """Where a net arrives: the cell, the offset of the way in, and the name of the box or frame."""

    cell: Cell
    port: float
    name: str


@dataclass(eq=False)
class Net:
    """One value of a level: where it comes from and all the cells that take it."""

    source: Cell
    port: float  #: offset across of its way out of the source
    targets: list[Target]
    feedback: bool = False
    name: str = ""
    #: ways back to targets that do not stand below the source: bends from the source's rank up, arrival
    ways_back: list[tuple[list[Cell], Link]] = field(default_factory=list)


@dataclass
class Level:
    """One level of a diagram, to be laid out by itself: a frame's children, or the top."""

    cells: list[Cell]
    nets: list[Net]
    ranks: list[list[Cell]] = field(default_factory=list)
    passing_left: bool = False  #: lines that pass boxes start to the left of them, not to the right

    def arrange(self) -> None:
        """Give every cell its rank and its position there, and make the links."""
        self._assign_ranks()
        for net in self.nets:
            self._connect(net, [t for t in net.targets if t.cell.rank > net.source.rank])
            for target in net.targets:
                if target.cell.rank <= net.source.rank:
                    self._connect_back(net, target)
        self._reduce_crossings()
        for cell in self.cells:
            if cell.spreads and len(cell.up) + len(cell.returns) > 1:
                _spread(cell)

    # -- ranks ----------------------------------------------------------------------------------

    def _assign_ranks(self) -> None:
        """Longest path from the sources; a source without inputs stands just before its first user."""
        order = _topological(self.cells, self.nets)
        place = {cell: position for position, cell in enumerate(order)}
        first = int(any(cell.kind == "entry" for cell in order))
        followers: dict[Cell, list[Cell]] = {cell: [] for cell in order}
        led = set()
        for net in self.nets:
            for target in net.targets:
                if not net.feedback and place[net.source] < place[target.cell]:
                    followers[net.source].append(target.cell)
                    led.add(target.cell)
        for cell in order:
            cell.rank = max(cell.rank, 0 if cell.kind == "entry" else first)
            cell.above += cell.length + 1
            for follower in followers[cell]:
                follower.rank = max(follower.rank, cell.rank + 1)
                follower.above = max(follower.above, cell.above)
        for cell in reversed(order):
            cell.below = cell.length + 1 + max((follower.below for follower in followers[cell]), default=0)
            users = [follower.rank for follower in followers[cell] if follower.kind == "box"]
            if cell.kind == "box" and cell not in led and users:
                cell.rank = max(cell.rank, min(users) - 1)
        last = max((cell.rank for cell in order if cell.kind != "exit"), default=0)
        for cell in order:
            cell.rank = last + 1 if cell.kind == "exit" else cell.rank
        _part_sources(order, led)
        self.ranks = [[] for _ in range(max((cell.rank for cell in order), default=-1) + 1)]
        for cell in self.cells:
            self.ranks[cell.rank].append(cell)

    def _connect(self, net: Net, targets: list[Target]) -> None:
        """Links from rank to rank; the way to targets further down bends through dummy cells."""
        by_rank: dict[int, list[Target]] = {}
        for target in targets:
            by_rank.setdefault(target.cell.rank, []).append(target)
        cell, port, last = net.source, net.port, max(by_rank, default=-1)
        for rank in range(net.source.rank + 1, last + 1):
            for target in by_rank.get(rank, ()):
                _link(Link(cell, target.cell, net, port, target.port, target.name))
            if rank < last:
                bend = self._bend(net, rank)
                _link(Link(cell, bend, net, port))
                cell, port = bend, 0.0

    def _connect_back(self, net: Net, target: Target) -> None:
        """The way back of a recurrence passes all ranks from the source's up to the target's."""
        bends = [self._bend(net, rank) for rank in range(net.source.rank, target.cell.rank - 1, -1)]
        for lower, upper in pairwise(bends):
            _link(Link(upper, lower, net))
        arrival = Link(bends[-1], target.cell, net, 0.0, target.port, target.name)
        target.cell.returns.append(arrival)
        net.ways_back.append((bends, arrival))

    def _bend(self, net: Net, rank: int) -> Cell:
        bend = Cell(kind="bend", name=net.name, rank=rank)
        self.ranks[rank].append(bend)
        return bend

    # -- order in the ranks -----------------------------------------------------------------------

    def _reduce_crossings(self) -> None:
        """Sort ranks by the mean of their neighbours' positions, down and up, as long as it helps."""
        for rank in self.ranks:
            # Lines that pass by start to the right of the boxes, where a skip connection is looked for.
            rank.sort(key=lambda cell: (cell.kind == "bend") != self.passing_left)
            _number(rank)
        best, order = self._crossings(), [list(rank) for rank in self.ranks]
        for sweep in range(_SWEEPS):
            if not best:
                break
            downward = sweep % 2 == 0
            for rank in self.ranks if downward else reversed(self.ranks):
                _sort_by_barycentre(rank, downward)
            crossings = self._crossings()
            if crossings < best:
                best, order = crossings, [list(rank) for rank in self.ranks]
        self.ranks = order
        for rank in order:
            _number(rank)

    def _crossings(self) -> int:
        return sum(_crossings_below(rank) for rank in self.ranks)


def _topological(cells: Sequence[Cell], nets: Sequence[Net]) -> list[Cell]:
    """Cells before their followers; in a cycle (a recurrence, tangled groups) the first cell goes first."""
    followers: dict[Cell, list[Cell]] = {cell: [] for cell in cells}
    waiting = dict.fromkeys(cells, 0)
    for net in nets:
        for target in net.targets:
            if not net.feedback and target.cell is not net.source:
                followers[net.source].append(target.cell)
                waiting[target.cell] += 1
    ready = [cell for cell in reversed(cells) if waiting[cell] == 0]
    order: dict[Cell, None] = {}
    unplaced = iter(cells)
    while len(order) < len(cells):
        cell = ready.pop() if ready else next(cell for cell in unplaced if cell not in order)
        if cell in order:
            continue
        order[cell] = None
        for follower in followers[cell]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                ready.append(follower)
    return list(order)


def _part_sources(cells: Sequence[Cell], led: set[Cell]) -> None:
    """Give sources that would stand beside a long frame a rank of their own below it."""
    def is_source(cell: Cell) -> bool:
        return cell.kind == "box" and cell not in led

    long = {cell.rank for cell in cells if cell.length > _LONG_BOX and not is_source(cell)}
    parted = sorted({cell.rank for cell in cells if is_source(cell) and cell.rank in long})
    for cell in cells:
        stays = cell.rank in long and not is_source(cell)
        cell.rank += bisect_left(parted, cell.rank) if stays else bisect_right(parted, cell.rank)


def _link(link: Link) -> None:
    link.upper.down.append(link)
    link.lower.up.append(link)


def _number(rank: list[Cell]) -> None:
    for index, cell in enumerate(rank):
        cell.index = index


def _position(cell: Cell, port: float) -> float:
    """Position of a port in its rank; several ports of a frame come in order within it."""
    width = cell.before + cell.after
    return cell.index + ((port + cell.before) / width if width else 0.5)


def _sort_by_barycentre(rank: list[Cell], downward: bool) -> None:
    def centre(cell: Cell) -> float:
        if downward and cell.up:
            return sum(_position(link.upper, link.upper_port) for link in cell.up) / len(cell.up)
        if not downward and cell.down:
            return sum(_position(link.lower, link.lower_port) for link in cell.down) / len(cell.down)
        return cell.index + 0.5

    rank.sort(key=centre)
    _number(rank)


def _crossings_below(rank: Sequence[Cell]) -> int:
    """Crossings between a rank and the next; lines of one net do not cross each other."""
    ends = []
    for cell in rank:
        links = sorted((link.upper_port, _position(link.lower, link.lower_port)) for link in cell.down)
        ends.extend(links if len({port for port, _ in links}) > 1 else [(0.0, end) for _, end in links])
    seen: list[float] = []
    crossings = 0
    for _, end in ends:
        crossings += len(seen) - bisect_left(seen, end + 1e-9)
        insort(seen, end)
    return crossings


# -- straight lines ---------------------------------------------------------------------------------


def main_arrival(cell: Cell) -> Link | None:
    """The link from above that should be straight: from the only box, or the longer of two ways, or the only link."""
    return _longest([(link.upper.above, link) for link in cell.up if link.upper.kind != "bend"], cell.up)


def main_departure(cell: Cell, port: float) -> Link | None:
    """The link downwards that should be straight, by the same rules."""
    links = [link for link in cell.down if link.upper_port == port]
    return _longest([(link.lower.below, link) for link in links if link.lower.kind != "bend"], links)


def _longest(boxes: list[tuple[float, Link]], links: list[Link]) -> Link | None:
    if len(boxes) == 1:
        return boxes[0][1]
    if len(boxes) == 2 and boxes[0][0] != boxes[1][0]:
        return max(boxes, key=lambda pair: pair[0])[1]
    return links[0] if len(links) == 1 else None


def _spread(cell: Cell) -> None:
    """Spread the arrivals of a box over its side, in the order of where they come from."""
    arrivals = sorted([*cell.up, *cell.returns], key=lambda link: _position(link.upper, link.upper_port))
    main = main_arrival(cell)
    middle = float(arrivals.index(main)) if main else (len(arrivals) - 1) / 2
    widest = max(middle, len(arrivals) - 1 - middle)
    apart = min(_ARRIVALS_APART, max(cell.before - 8, 4) / widest)
    for position, link in enumerate(arrivals):
        link.lower_port = (position - middle) * apart

"""Places for the boxes, groups and edges of a diagram.

Groups are laid out from the inside out: a finished group is one large box of the level around it,
with ports on its border where values come in and go out. So group frames never overlap, and each
level is a small problem of its own (`layered`, `across`, `routing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ..graph.diagram import Diagram, Edge
from ..scene import Point
from .layered import Cell, Level, Net, Target
from .levels import PAD_END, PAD_SIDE, Block, lay_out
from .u_shape import HEAD, TAIL, Arm, USpine, find_shape, lay_out_u

#: Height of the strip at the top of a group frame that holds its title.
TITLE = 26.0

#: How far the sheets behind a repeated box or group stick out, to the right and below.
SHEETS = 8.0

#: Room that the label of an edge takes below a box, or above the line that leaves it to the right.
_LABEL_HEIGHT = 22.0

#: Shape that long chains are wrapped to, width through height: a slide with a margin for its title.
_SLIDE = 1.5

#: Where a level cannot be divided, a frame with this share of its length is tried.
_MOST_OF = 0.5

_ENTRY, _EXIT = "entry", "exit"


@dataclass(frozen=True)
class Size:
    """Size of a box, and the width of the label where its value leaves it."""

    width: float
    height: float
    label: float = 0.0


@dataclass(frozen=True)
class BoxPlace:
    """A rectangle; x and y are its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


@dataclass(frozen=True)
class RoutedEdge:
    """A line of an edge on one level: from a box or a group's border to a box or a group's border."""

    source: str  #: the box whose value it carries
    target: str  #: the box or group where it ends; empty on the way out of a group
    points: tuple[Point, ...]
    feedback: bool


@dataclass(frozen=True)
class Layout:
    """Where everything is. The upper left corner is (0, 0); the caller adds margins."""

    width: float
    height: float
    boxes: Mapping[str, BoxPlace]
    groups: Mapping[str, BoxPlace]
    titles: Mapping[str, Point]  #: where the title of each group starts (its baseline)
    wires: tuple[RoutedEdge, ...]
    upwards: frozenset[str] = frozenset()  #: boxes through which values flow upwards: the right arm of a U


def place(diagram: Diagram, sizes: Mapping[str, Size], titles: Mapping[str, float], *,
          to_the_right: bool = False, wrap: bool = True) -> Layout:
    """Lay out a diagram.

    `sizes` gives each box its size, `titles` each group the width of its title. Values flow down, or
    to the right; `wrap` continues long chains beside (or below) themselves.
    """
    found = find_shape(diagram) if wrap and not to_the_right else None
    if found is None:
        return _Planner(diagram, sizes, titles, to_the_right, wrap).layout()
    grouped, shape = found
    return _Planner(grouped, sizes, titles, to_the_right, wrap, shape).layout()


@dataclass
class _Plan:
    """A net of a level before its cells exist: who gives it and who takes it, by name."""

    source: str = _ENTRY
    targets: list[str] = field(default_factory=list)
    feedback: bool = False


@dataclass
class _Planner:
    diagram: Diagram
    sizes: Mapping[str, Size]
    titles: Mapping[str, float]
    to_the_right: bool
    wrap: bool
    shape: USpine | None = None  #: of the top level
    blocks: dict[str, Block] = field(default_factory=dict)
    title_at: dict[str, float] = field(default_factory=dict)
    upwards: set[str] = field(default_factory=set)
    shift: dict[str, Point] = field(default_factory=dict)  #: from a frame's corner to its level's, (across, along)

    def layout(self) -> Layout:
        plans = self.plans()
        if self.shape is not None:
            self.upwards = {name for name in (*self.diagram.group, *self.diagram.box)
                            if {name, *self.diagram.around(name)} & set(self.shape.right)}
        members = {"": self.diagram.top, **{group.name: group.members for group in self.diagram.groups}}
        for name in reversed(list(members)):
            self.blocks[name] = self.framed(name, self.lay_out_level(name, members[name], plans.get(name, {})))
        if self.shape is None and (long := self.long_level()):
            for name in long:
                block = self.lay_out_level(name, members[name], plans.get(name, {}), wrap=name == long[0])
                self.blocks[name] = self.framed(name, block)
        return self.assembled(self.blocks[""])

    def long_level(self) -> list[str]:
        """The outermost level that should be divided into columns, and the levels around it."""
        path = [""]
        while not self.blocks[path[0]].divisible:
            frames = [cell for cell in self.blocks[path[0]].cells if cell.name in self.blocks]
            if not self.wrap or not frames:
                return []
            longest = max(frames, key=lambda cell: cell.length)
            if longest.length < _MOST_OF * self.blocks[path[0]].length:
                return []
            path.insert(0, longest.name)
        return path

    # -- nets of the levels -----------------------------------------------------------------------

    def plans(self) -> dict[str, dict[str, _Plan]]:
        """For each level the nets that run in it, by name."""
        plans: dict[str, dict[str, _Plan]] = {}
        for edge in self.diagram.edges:
            name = edge.source + ("<" if edge.feedback else "")
            for level, source, target, is_common in self.levels(edge):
                plan = plans.setdefault(level, {}).setdefault(name, _Plan(source))
                if plan.source == _ENTRY:
                    plan.source = source
                plan.feedback |= edge.feedback and is_common
                if target in self.sizes or target not in plan.targets:
                    plan.targets.append(target)
        return plans

    def levels(self, edge: Edge) -> list[tuple[str, str, str, bool]]:
        """The levels that an edge crosses, as (level, source there, target there, is the common level)."""
        parent = self.diagram.parent
        around_source, around_target = self.path(edge.source), self.path(edge.target)
        common = max(level for level in range(min(len(around_source), len(around_target)))
                     if around_source[:level + 1] == around_target[:level + 1])
        found = []
        item = edge.source
        for _ in range(len(around_source) - 1 - common):
            found.append((parent[item], item, _EXIT, False))
            item = parent[item]
        way_in = [*around_target[common + 1:], edge.target]
        found.append((around_source[common], item, way_in[0], True))
        found.extend((level, _ENTRY, target, False) for level, target in pairwise(way_in))
        return found

    def path(self, name: str) -> list[str]:
        """The groups around a box, from the top (whose name is empty)."""
        path = []
        while name:
            name = self.diagram.parent.get(name, "")
            path.append(name)
        return path[::-1]

    # -- one level --------------------------------------------------------------------------------

    def lay_out_level(self, name: str, members: tuple[str, ...], plans: dict[str, _Plan],
                      wrap: bool = False) -> Block:
        if not name and self.shape is not None:
            return self.lay_out_shape(self.shape, plans)
        fed = {target for plan in plans.values() for target in plan.targets}
        # What has no inputs stands to the right of what has: labels beside the network, not before it.
        cells = {member: self.cell(member) for member in sorted(members, key=lambda member: member not in fed)}
        coming = [net for net, plan in plans.items() if plan.source == _ENTRY]
        entries = {net: Cell(kind="entry", name=net) for net in sorted(coming, key=self.comes_across, reverse=True)}
        exits = {net: Cell(kind="exit", name=net) for net, plan in plans.items() if _EXIT in plan.targets}
        nets = []
        for net, plan in plans.items():
            source = entries[net] if plan.source == _ENTRY else cells[plan.source]
            way_out = self.blocks[plan.source].exits[net] if plan.source in self.blocks else 0.0
            targets = [Target(exits[net], 0.0, "") if target == _EXIT
                       else Target(cells[target], self.way_in(target, net), target) for target in plan.targets]
            nets.append(Net(source, way_out, targets, plan.feedback, net))
        labels = {cells[member]: self.label_length(member) for member in members if member in self.sizes}
        strip, end = self.paddings(name)
        least = self.titles.get(name, 0.0) + PAD_SIDE if self.to_the_right else 0.0
        # In the right arm of a U what comes across from the left passes on the left.
        level = Level([*entries.values(), *cells.values(), *exits.values()], nets, passing_left=name in self.upwards)
        return lay_out(level, labels, strip,
                       least=least, aspect=self.aspect(), wrap=wrap,
                       end=end)

    def lay_out_shape(self, shape: USpine, plans: dict[str, _Plan]) -> Block:
        """The top level as a U."""
        cells = {name: self.cell(name) for name in self.diagram.top}
        nets = {net: Net(cells[plan.source], 0.0, [], name=net) for net, plan in plans.items()}
        arms = {}
        for name, cell in cells.items():
            if name in self.blocks:
                ways_in, ways_out = self.blocks[name].entries, self.blocks[name].exits
            else:
                arriving = [net for net, plan in plans.items() if name in plan.targets]
                first = -(len(arriving) - 1) / 2
                arriving.sort(key=self.comes_across, reverse=True)
                ways_in, ways_out = {net: 18 * (first + number) for number, net in enumerate(arriving)}, {}
            arms[name] = Arm(cell, self.label_length(name) if name in self.sizes else 0.0, ways_in, ways_out)
        return lay_out_u(shape, arms, nets)

    def paddings(self, name: str) -> tuple[float, float]:
        """How far a group's frame begins before its level, and ends behind it; its title is on top."""
        if not name or name in (HEAD, TAIL):
            return 0.0, PAD_END
        end = PAD_END + self.sheets(name)
        return (end, TITLE) if name in self.upwards else (PAD_SIDE if self.to_the_right else TITLE, end)

    def comes_across(self, net: str) -> bool:
        """Whether a value comes from the left arm of the U."""
        box = net.removesuffix("<")
        return self.shape is not None and bool({box, *self.diagram.around(box)} & set(self.shape.left))

    def aspect(self) -> float | None:
        if not self.wrap:
            return None
        return 1 / _SLIDE if self.to_the_right else _SLIDE

    def cell(self, name: str) -> Cell:
        if name in self.blocks:
            block = self.blocks[name]
            return Cell(0.0, block.width, block.length, name=name)
        size, sheets = self.sizes[name], self.sheets(name)
        if self.to_the_right:
            return Cell(size.height / 2, size.height / 2 + sheets, size.width + sheets, name=name, spreads=True)
        label = size.label + 8 if size.label else 0.0
        return Cell(size.width / 2, max(size.width / 2 + sheets, label), size.height + sheets, name=name, spreads=True)

    def sheets(self, name: str) -> float:
        item = self.diagram.box.get(name) or self.diagram.group.get(name)
        return SHEETS if item and item.repeat > 1 else 0.0

    def way_in(self, target: str, net: str) -> float:
        return self.blocks[target].entries[net] if target in self.blocks else 0.0

    def label_length(self, box: str) -> float:
        label = self.sizes[box].label
        return (label + 12 if self.to_the_right else _LABEL_HEIGHT) if label else 0.0

    def framed(self, name: str, block: Block) -> Block:
        """The level with its frame: padding, and a title that no line runs through."""
        if not name:
            return block
        if name in (HEAD, TAIL):
            self.shift[name], self.title_at[name] = (0.0, 0.0), 0.0
            return block
        title = self.titles[name]
        if self.to_the_right:
            across, along = TITLE + 6, PAD_SIDE
            width, length = block.width + across + PAD_SIDE, block.length + PAD_SIDE + PAD_END
            self.title_at[name] = 12.0
        else:
            across, along = PAD_SIDE, TITLE
            on_top = block.exits if name in self.upwards else block.entries
            ports = [port + across for port in on_top.values()]
            left = not ports or min(ports) > 12 + title + 8
            self.title_at[name] = 12.0 if left else max(ports) + 10
            width = max(block.width + 2 * PAD_SIDE, self.title_at[name] + title + 12)
            length = block.length + TITLE + PAD_END
            along = self.paddings(name)[0]
        self.shift[name] = (across, along)
        width, length = width + self.sheets(name), length + self.sheets(name)
        return Block(width, length, block.cells, block.pieces,
                     {net: port + across for net, port in block.entries.items()},
                     {net: port + across for net, port in block.exits.items()}, block.divisible)

    # -- putting it together ------------------------------------------------------------------------

    def assembled(self, top: Block) -> Layout:
        boxes: dict[str, BoxPlace] = {}
        groups: dict[str, BoxPlace] = {}
        titles: dict[str, Point] = {}
        wires: list[RoutedEdge] = []
        waiting = [(top, 0.0, 0.0, 1)]
        while waiting:
            block, across, along, sign = waiting.pop()
            for cell in block.cells:
                if cell.kind != "box":
                    continue
                low = across + cell.across - cell.before
                start = min(along + sign * cell.start, along + sign * (cell.start + cell.length))
                if cell.name not in self.blocks:
                    size = self.sizes[cell.name]
                    boxes[cell.name] = BoxPlace(*self.turned(low, start), size.width, size.height)
                    continue
                inner = self.blocks[cell.name]
                sheets = self.sheets(cell.name)
                groups[cell.name] = BoxPlace(*self.turned(low, start),
                                          *self.turned(inner.width - sheets, inner.length - sheets))
                corner = groups[cell.name]
                titles[cell.name] = (corner.x + self.title_at[cell.name], corner.y + 17)
                turns = block is top and cell.name in self.upwards
                way = -sign if turns else sign
                begin = start if way > 0 else start + cell.length
                waiting.append((inner, low + self.shift[cell.name][0], begin + way * self.shift[cell.name][1], way))
            for piece in block.pieces:
                points = tuple(self.turned(across + x, along + sign * y) for x, y in piece.points)
                name = piece.net.name
                wires.append(RoutedEdge(name.removesuffix("<"), piece.target, points, name.endswith("<")))
        for name in (HEAD, TAIL):
            groups.pop(name, None)
        return Layout(*self.turned(top.width, top.length), boxes, groups, titles, tuple(wires),
                      frozenset(self.upwards & boxes.keys()))

    def turned(self, across: float, along: float) -> Point:
        return (along, across) if self.to_the_right else (across, along)

"""What a drawing of a network shows, as plain data: boxes, the groups around them, the edges between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import heapify, heappop, heappush
from pathlib import PurePath

from ...ir.program import CheckedProgram
from ...layers.short_text import layer_name, option_texts
from ..palette import MARKS
from .builder import Draft, Frame, Leaf, Mark, once, together
from .repeats import collapse_repeats

#: Above this many boxes groups are collapsed, deepest first, unless a depth is asked for.
MANY_BOXES = 200

#: What stands between the first and the last name of repeated parts: `conv2 ... conv4`.
RANGE = " ... "

#: Above this many letters a range leaves out the groups around its first name.
_LONG_RANGE = 30


@dataclass(frozen=True)
class Marks:
    """What a drawing says of nodes besides what they are, and its own line below the title."""

    nodes: Mapping[str, Mark]
    caption: str


@dataclass(frozen=True)
class Folded:
    """A function drawn inside the box of the layer before it."""

    name: str
    layer: str
    options: tuple[str, ...]
    family: str
    parameters: int = 0

    @property
    def text(self) -> str:
        """`ReLU`; `BatchNormalization, 32 parameters`."""
        count = (f"{self.parameters:,} parameters",) if self.parameters else ()
        return ", ".join((self.layer, *self.options, *count))


@dataclass(frozen=True)
class Box:
    """A layer, or a group drawn as one box."""

    name: str  #: path of the node or group; unique in the diagram
    label: str  #: the name within its group
    layer: str  #: `Convolutional`; empty for a group
    family: str
    options: tuple[str, ...]
    shape: str  #: of its output, `55 x 55 x 96`; empty if a group has several
    parameters: int  #: of one repetition; weights owned by another box are not counted
    role: str  #: "layer", "data", "criterion", "metric" or "group"
    folded: tuple[Folded, ...] = ()
    repeat: int = 1
    shares: str = ""  #: the layer whose weights it uses
    place: str = ""  #: `resnet20.net:14`
    nodes: int = 1  #: number of layers it stands for
    is_output: bool = False
    total: int = 0  #: parameters of all repetitions
    varies: bool = False  #: its repetitions differ in shape; the first is shown
    side_by_side: bool = False  #: its repetitions are branches, not steps one after the other
    mark: str = ""  #: a row of `palette.MARKS`


@dataclass(frozen=True)
class Group:
    """A function of the file that is drawn as a frame."""

    name: str
    label: str
    parent: str  #: name of the frame around it; empty at the top
    members: tuple[str, ...]  #: names of boxes and groups, in the order of the file
    parameters: int
    repeat: int = 1
    nodes: int = 1
    total: int = 0
    varies: bool = False
    side_by_side: bool = False


@dataclass(frozen=True)
class Edge:
    """A value on its way; `feedback` marks the way back of a recurrence."""

    source: str
    target: str
    shape: str
    feedback: bool = False


@dataclass(frozen=True)
class Diagram:
    """A drawing before it has places: what is shown, not where."""

    title: str
    boxes: tuple[Box, ...]  #: in the order of the file
    groups: tuple[Group, ...]  #: outer before inner
    edges: tuple[Edge, ...]  #: by target, in the order of its inputs
    parameters: int
    macs: int
    caption: str = ""  #: in place of the summary
    is_marked: bool = False  #: colours say what is marked, not the family

    @cached_property
    def box(self) -> dict[str, Box]:
        return {box.name: box for box in self.boxes}

    @cached_property
    def group(self) -> dict[str, Group]:
        return {group.name: group for group in self.groups}

    @cached_property
    def parent(self) -> dict[str, str]:
        """The group around each box and group; empty at the top."""
        return {member: group.name for group in self.groups for member in group.members}

    def around(self, name: str) -> tuple[str, ...]:
        """The groups around a box or group, the inner ones first."""
        parent = self.parent.get(name, "")
        return (parent, *self.around(parent)) if parent else ()

    @cached_property
    def top(self) -> tuple[str, ...]:
        """Boxes and groups that stand in no group, in the order of the file."""
        order = {box.name: position for position, box in enumerate(self.boxes)}
        names = [name for name in (*self.box, *self.group) if name not in self.parent]
        return tuple(sorted(names, key=lambda name: order[self.first_box(name)]))

    def first_box(self, name: str) -> str:
        while name in self.group:
            name = self.group[name].members[0]
        return name

    @cached_property
    def incoming(self) -> dict[str, list[Edge]]:
        """The edges into each box, in the order of its inputs."""
        found: dict[str, list[Edge]] = {box.name: [] for box in self.boxes}
        for edge in self.edges:
            found[edge.target].append(edge)
        return found

    @cached_property
    def outgoing(self) -> dict[str, list[Edge]]:
        """The edges out of each box."""
        found: dict[str, list[Edge]] = {box.name: [] for box in self.boxes}
        for edge in self.edges:
            found[edge.source].append(edge)
        return found

    @property
    def families(self) -> tuple[str, ...]:
        """The families that appear, in the order of their first box."""
        found = dict.fromkeys(family for box in self.boxes if box.role == "layer"
                              for family in (box.family, *(f.family for f in box.folded)))
        return tuple(found)

    @property
    def summary(self) -> str:
        if self.caption:
            return self.caption
        parts = [f"{self.parameters:,} parameters"] if self.parameters else []
        parts += [f"{self.macs:,} multiply-adds per sample"] if self.macs else []
        return ", ".join(parts)


def build(program: CheckedProgram, depth: int | None = None, collapse: bool = True,
          fold: bool = True, marks: Marks | None = None) -> Diagram:
    """The diagram of a checked program.

    `depth` is how many levels of groups are opened (0: every group is one box; None: all, unless that
    gives more than MANY_BOXES boxes); `collapse` draws equal neighbours of a chain once, with their
    number; `fold` draws activations inside the box of the layer before them, and normalizations inside
    that of the convolution or dense layer before them.
    """
    draft = Draft.of(program, fold=fold, marks=marks.nodes if marks is not None else None)
    draft.dissolve_expressions()
    draft.adopt_parameters()
    if collapse:
        collapse_repeats(draft)
    draft.dissolve_single()
    if depth is not None:
        draft.close_below(depth)
    elif collapse and len(draft.leaves()) > MANY_BOXES:
        collapse_repeats(draft, any_shapes=True)
        draft.dissolve_single()
    if depth is None and len(draft.leaves()) > MANY_BOXES:
        for level in range(draft.depth() - 1, -1, -1):
            draft.close_below(level)
            if len(draft.leaves()) <= MANY_BOXES:
                break
    found = _frozen(draft, program)
    return found if marks is None else replace(found, caption=marks.caption, is_marked=True)


def _frozen(draft: Draft, program: CheckedProgram) -> Diagram:
    leaves = draft.leaves()
    frames = [frame for frame in draft.frames() if frame is not draft.root]
    boxes = tuple(_box(leaf, program) for leaf in sorted(leaves, key=lambda leaf: leaf.order))
    place = {leaf: position for position, leaf in enumerate(_in_flow(leaves))}
    edges = tuple(Edge(wire.source.name, leaf.name, wire.shape, place[wire.source] >= place[leaf])
                  for leaf in sorted(leaves, key=lambda leaf: leaf.order) for wire in leaf.inputs)
    costs = [node.cost for node in program.network]
    return Diagram(PurePath(program.source.name).name, boxes, tuple(_group(frame, draft) for frame in frames), edges,
                   sum(cost.parameters for cost in costs), sum(cost.macs for cost in costs))


def _in_flow(leaves: Sequence[Leaf]) -> list[Leaf]:
    """Leaves behind all that they take values from; in a cycle (of closed groups) the first of the file goes first."""
    waiting = {leaf: {wire.source for wire in leaf.inputs} - {leaf} for leaf in leaves}
    users: dict[Leaf, list[Leaf]] = {}
    for leaf, sources in waiting.items():
        for source in sources:
            users.setdefault(source, []).append(leaf)
    ready = [(leaf.order, number, leaf) for number, leaf in enumerate(leaves) if not waiting[leaf]]
    heapify(ready)
    found: dict[Leaf, None] = {}
    while len(found) < len(leaves):
        leaf = heappop(ready)[2] if ready else min((leaf for leaf in leaves if leaf not in found),
                                                   key=lambda leaf: leaf.order)
        if leaf in found:
            continue
        found[leaf] = None
        for user in users.get(leaf, ()):
            waiting[user].discard(leaf)
            if not waiting[user]:
                heappush(ready, (user.order, len(leaves) + len(found), user))
    return list(found)


def _box(leaf: Leaf, program: CheckedProgram) -> Box:
    folded = tuple(Folded(node.name, layer_name(node.layer), option_texts(node.layer), node.layer.family,
                          node.cost.parameters)
                   for node in leaf.folded)
    layer = layer_name(leaf.node.layer) if leaf.node else ""
    options = (*option_texts(leaf.node.layer), *leaf.constants) if leaf.node else ()
    options = leaf.mark.lines if leaf.mark and leaf.mark.lines else options
    label = _label(_shown(leaf, leaf.name, program), _shown(leaf, leaf.last, program), leaf.parent)
    if leaf.mark:
        label = f"{MARKS[leaf.mark.kind][0]} {label}"
    return Box(leaf.name, label, layer, leaf.family, options, leaf.shape,
               leaf.parameters, leaf.role, folded, leaf.repeat, leaf.shares, leaf.place, leaf.nodes, leaf.is_output,
               leaf.total if leaf.varies else leaf.parameters * (1 if leaf.shares else leaf.repeat), leaf.varies,
               leaf.side_by_side, leaf.mark.kind if leaf.mark else "")


def _shown(leaf: Leaf, name: str, program: CheckedProgram) -> str:
    """The name of a box as people know it: a member, where the box holds the member's last step (`y.plus1` is `y`)."""
    if leaf.node is None:
        return name
    for node in reversed(leaf.folded):
        if leaf.node.name.startswith(f"{node.name}."):
            return name.removesuffix(leaf.node.name[len(node.name):])
    known = program.shown_name(name) if name in program.network else name
    return known if known.rpartition(".")[0] == name.rpartition(".")[0] else name  # not the alias that it has elsewhere


def _group(frame: Frame, draft: Draft) -> Group:
    parent = frame.parent if frame.parent is not draft.root else None
    parameters, nodes = once(frame)
    return Group(frame.name, _label(frame.name, frame.last, frame.parent), parent.name if parent else "",
                 tuple(child.name for child in frame.children), parameters, frame.repeat, nodes,
                 together(frame), frame.varies, frame.side_by_side)


def _label(name: str, last: str, parent: Frame | None) -> str:
    """A name as it is shown inside its group; of the last of several, what differs from the first."""
    scope = parent.scope if parent else ""
    first, last = _within(name.split(RANGE)[0].rstrip("/"), scope), _within(last.rstrip("/"), scope)
    if first == last:
        return first
    last = _within(last, first.rpartition(".")[0])
    if len(first + last) > _LONG_RANGE:
        first = first.rpartition(".")[2]
    return f"{first}{RANGE}{last}"


def _within(name: str, scope: str) -> str:
    if name == scope:
        return name.rpartition(".")[2]
    return name[len(scope) + 1:] if scope and name.startswith(scope + ".") else name


def repeat_text(item: Box | Group) -> str:
    """`x16` for steps one after the other, `3 side by side` for branches; empty for what is there once."""
    if item.repeat == 1:
        return ""
    return f"{item.repeat} side by side" if item.side_by_side else f"x{item.repeat}"


def parameter_text(item: Box | Group) -> str:
    """`1,792 parameters`; `3 x 1,792 parameters` where it is repeated with other weights."""
    if not item.total:
        return ""
    if item.varies:
        return f"{item.total:,} parameters in all"
    times = f"{item.repeat} x " if item.repeat > 1 and item.total == item.repeat * item.parameters else ""
    return f"{times}{item.parameters:,} parameters"

"""What a drawing of a network shows, as plain data: boxes, the groups around them, the edges between."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

from ...ir.network import ShapedNode
from ...ir.program import CheckedProgram
from .builder import Draft, Frame, Leaf, once, together
from .repeats import collapse_repeats

#: Above this many boxes groups are collapsed, deepest first, unless a depth is asked for.
MANY_BOXES = 200

#: What stands between the first and the last name of repeated parts: `conv2 ... conv4`.
RANGE = " ... "

#: Above this many letters a range leaves out the groups around its first name.
_LONG_RANGE = 30


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
        parts = [f"{self.parameters:,} parameters"] if self.parameters else []
        parts += [f"{self.macs:,} multiply-adds per sample"] if self.macs else []
        return ", ".join(parts)


def build(program: CheckedProgram, depth: int | None = None, collapse: bool = True,
          fold: bool = True) -> Diagram:
    """The diagram of a checked program.

    `depth` is how many levels of groups are opened (0: every group is one box; None: all, unless that
    gives more than MANY_BOXES boxes); `collapse` draws equal neighbours of a chain once, with their
    number; `fold` draws activations inside the box of the layer before them, and normalizations inside
    that of the convolution or dense layer before them.
    """
    draft = Draft.of(program, fold=fold)
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
    return _frozen(draft, program)


def _frozen(draft: Draft, program: CheckedProgram) -> Diagram:
    leaves = draft.leaves()
    frames = [frame for frame in draft.frames() if frame is not draft.root]
    boxes = tuple(_box(leaf) for leaf in sorted(leaves, key=lambda leaf: leaf.order))
    edges = tuple(Edge(wire.source.name, leaf.name, wire.shape, wire.source.order >= leaf.order)
                  for leaf in sorted(leaves, key=lambda leaf: leaf.order) for wire in leaf.inputs)
    costs = [node.cost for node in program.network]
    return Diagram(PurePath(program.source.name).name, boxes, tuple(_group(frame, draft) for frame in frames), edges,
                   sum(cost.parameters for cost in costs), sum(cost.macs for cost in costs))


def _box(leaf: Leaf) -> Box:
    folded = tuple(Folded(node.name, layer_name(node), option_texts(node), node.layer.family, node.cost.parameters)
                   for node in leaf.folded)
    layer = layer_name(leaf.node) if leaf.node else ""
    options = (*option_texts(leaf.node), *leaf.constants) if leaf.node else ()
    return Box(leaf.name, _label(leaf.name, leaf.last, leaf.parent), layer, leaf.family, options, leaf.shape,
               leaf.parameters, leaf.role, folded, leaf.repeat, leaf.shares, leaf.place, leaf.nodes, leaf.is_output,
               leaf.total if leaf.varies else leaf.parameters * (1 if leaf.shares else leaf.repeat), leaf.varies)


def _group(frame: Frame, draft: Draft) -> Group:
    parent = frame.parent if frame.parent is not draft.root else None
    parameters, nodes = once(frame)
    return Group(frame.name, _label(frame.name, frame.last, frame.parent), parent.name if parent else "",
                 tuple(child.name for child in frame.children), parameters, frame.repeat, nodes,
                 together(frame), frame.varies)


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


# -- what a box says -----------------------------------------------------------------------------


def layer_name(node: ShapedNode) -> str:
    """`ConvolutionalLayer` is drawn as `Convolutional`: in a drawing everything is a layer."""
    return type(node.layer).name().removesuffix("Layer") or "Layer"


#: Options that say how training starts or how fast statistics move, not what the layer computes; and
#: those that the shapes on the edges show anyway.
_UNSHOWN = frozenset((
    "activation", "axis", "beginAxis", "blendTimeConstant", "dims", "disableRegularization", "dynamicAxis", "endAxis",
    "epsilon", "learningRateMultiplier", "normalizationTimeConstant", "randomSeed", "spatialRank", "tag"))

#: Options that read better in other words than `name value`.
_WORDS = {"numOutputChannels": "{} filters", "outDim": "{} outputs", "filterShape": "{}", "kernelDims": "{}",
          "kernelSize": "{}", "poolKind": "{}", "value": "{}"}


def option_texts(node: ShapedNode) -> tuple[str, ...]:
    """The options worth a place in a drawing: `96 filters`, `11 x 11`, `stride 4`, `pad`, `no bias`."""
    texts = []
    for option in type(node.layer).options():
        value = getattr(node.layer, option.field_name)
        unshown = option.name in _UNSHOWN or option.name.startswith("init")
        if unshown or (not option.required and value == option.default):
            continue
        if text := _option_text(option.name, value):
            texts.append(text)
    return tuple(texts)


def _option_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return _words(name) if value else f"no {_words(name)}"
    if isinstance(value, tuple):
        if not value or not all(isinstance(v, int | float) for v in value):
            return ""
        if all(isinstance(v, bool) for v in value):
            return _option_text(name, value[0]) if len(set(value)) == 1 else ""
        shown = " x ".join(number_text(v) for v in value)
        if name not in _WORDS and len(set(value)) == 1:
            shown = number_text(value[0])
    elif isinstance(value, int | float):
        shown = number_text(value)
    elif isinstance(value, str) and len(value) <= 16:
        shown = value
    else:
        return ""
    text = _WORDS.get(name, f"{_words(name)} {{}}").format(shown)
    return text[:-1] if text in ("1 filters", "1 outputs") else text


def _words(camel: str) -> str:
    """`localResponse` -> `local response`; a single capital at the end stays (`topN`)."""
    return re.sub(r"(?<=[a-z])([A-Z])(?=[a-z])", lambda found: f" {found.group().lower()}", camel)


def number_text(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def parameter_text(item: Box | Group) -> str:
    """`1,792 parameters`; `3 x 1,792 parameters` where it is repeated with other weights."""
    if not item.total:
        return ""
    if item.varies:
        return f"{item.total:,} parameters in all"
    times = f"{item.repeat} x " if item.repeat > 1 and item.total == item.repeat * item.parameters else ""
    return f"{times}{item.parameters:,} parameters"

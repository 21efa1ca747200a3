"""A diagram in the making: the tree of frames and leaves that folding and collapsing work on.

Everything here is changed in place and never leaves `diagram.build`, which freezes it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from ...ir.network import ShapedNode
from ...ir.program import CheckedProgram


@dataclass(frozen=True)
class Mark:
    """What a drawing says of a node besides what it is, such as how it differs from another network."""

    kind: str  #: a row of `palette.MARKS`
    lines: tuple[str, ...] = ()  #: in place of its options


@dataclass(eq=False)
class Wire:
    """An input of a leaf: the leaf that computes it, and its shape."""

    source: Leaf
    shape: str


@dataclass(eq=False)
class Leaf:
    """A node of the network with what is folded into it, or a closed frame."""

    name: str
    order: int  #: place in the order of elaboration
    node: ShapedNode | None
    family: str
    role: str
    shape: str
    parameters: int
    place: str
    last: str  #: name of the last of its repetitions; its own if there is one
    inputs: list[Wire] = field(default_factory=list)
    folded: list[ShapedNode] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    parent: Frame | None = None
    repeat: int = 1
    varies: bool = False  #: its repetitions differ in shape
    side_by_side: bool = False  #: its repetitions take the same inputs, instead of each that of the one before
    total: int = 0  #: parameters of all repetitions, where they differ
    shares: str = ""
    nodes: int = 1
    is_output: bool = False
    mark: Mark | None = None

    def leaves(self) -> Iterator[Leaf]:
        yield self


@dataclass(eq=False)
class Frame:
    """A group of leaves and frames: a function or record of the file. `scope` is its dotted path."""

    name: str
    scope: str
    last: str
    parent: Frame | None
    children: list[Item] = field(default_factory=list)
    repeat: int = 1
    varies: bool = False
    total: int = 0
    side_by_side: bool = False
    #: it holds the expression of a member that is written out (`y = scale .* x + shift`), not a function's use
    is_expression: bool = False

    def leaves(self) -> Iterator[Leaf]:
        waiting: list[Item] = list(reversed(self.children))
        while waiting:
            item = waiting.pop()
            if isinstance(item, Leaf):
                yield item
            else:
                waiting.extend(reversed(item.children))

    @property
    def level(self) -> int:
        """1 for a frame at the top."""
        level, frame = 0, self
        while frame.parent:
            level, frame = level + 1, frame.parent
        return level


Item = Leaf | Frame

#: A group of more parameters than this stays a group when it moves to where they are used (the weights of a cell).
_FEW_PARAMETERS = 4


def once(item: Item) -> tuple[int, int]:
    """Parameters and number of layers of one repetition; shared weights are the same in all of them."""
    if isinstance(item, Leaf):
        return item.parameters + sum(node.cost.parameters for node in item.folded), item.nodes + len(item.folded)
    parameters = nodes = 0
    for child in item.children:
        nodes += once(child)[1] * child.repeat
        parameters += together(child)
    return parameters, nodes


def together(item: Item) -> int:
    """Parameters of all repetitions."""
    if item.varies:
        return item.total
    return once(item)[0] * (1 if isinstance(item, Leaf) and item.shares else item.repeat)


@dataclass(eq=False)
class Draft:
    """The tree of a program's nodes; `root` is the frame around everything."""

    root: Frame

    @staticmethod
    def of(program: CheckedProgram, *, fold: bool, marks: Mapping[str, Mark] | None = None) -> Draft:
        return _Maker(program, fold, marks or {}).draft()

    def leaves(self) -> list[Leaf]:
        return list(self.root.leaves())

    def frames(self) -> list[Frame]:
        """All frames, outer before inner, in the order of the file."""
        found: list[Frame] = []
        waiting = [self.root]
        while waiting:
            frame = waiting.pop()
            found.append(frame)
            waiting.extend(child for child in reversed(frame.children) if isinstance(child, Frame))
        return found

    def depth(self) -> int:
        """How many frames stand around the innermost leaf."""
        return max(frame.level for frame in self.frames())

    def dissolve_expressions(self) -> None:
        """Remove frames that are no more than the expression of a member: what the file calls a group has a function or
        record behind it."""
        for frame in reversed(self.frames()):
            children: list[Item] = []
            for child in frame.children:
                opened = isinstance(child, Frame) and child.repeat == 1 and child.is_expression
                children += child.children if opened and isinstance(child, Frame) else [child]
            for child in children:
                child.parent = frame
            frame.children = children

    def adopt_parameters(self) -> None:
        """Move parameters, which have no inputs, into the one group that uses them, from wherever the file made them.

        A normalization written by hand may make its scale in one scope and use it in another, a recurrent cell all its
        weights.
        """
        users: dict[Leaf, list[Leaf]] = {}
        for leaf in self.leaves():
            for wire in leaf.inputs:
                users.setdefault(wire.source, []).append(leaf)
        items: list[Item] = [frame for frame in self.frames() if len(list(frame.leaves())) > _FEW_PARAMETERS]
        for item in (*items, *self.leaves()):
            leaves = list(item.leaves())
            if item.parent is None or any(leaf.inputs or leaf.role != "layer" or not users.get(leaf)
                                          for leaf in leaves):
                continue
            home = _common_frame([user for leaf in leaves for user in users[leaf]])
            stays = isinstance(item, Leaf) and (item.parent in _around(home) or home in _around(item.parent))
            if home is not self.root and home is not item.parent and not stays:
                item.parent.children.remove(item)
                home.children.insert(0, item)
                item.parent = home
        for frame in reversed(self.frames()):
            frame.children = [child for child in frame.children if isinstance(child, Leaf) or child.children]

    def dissolve_single(self) -> None:
        """Remove frames around a single box or frame: they would only add lines."""
        for frame in reversed(self.frames()):
            frame.children = [dissolved(child) for child in frame.children]
            for child in frame.children:
                child.parent = frame

    def close_below(self, depth: int) -> None:
        """Draw every frame that stands in `depth` others as one box."""
        closed: dict[Leaf, Leaf] = {}
        for frame in self.frames():
            if frame.level == depth:
                frame.children = [_closed(child, closed) if isinstance(child, Frame) else child
                                  for child in frame.children]
        for leaf in self.leaves():
            wires = {(id(closed.get(w.source, w.source)), w.shape): w for w in leaf.inputs} if leaf.role == "group" \
                else dict(enumerate(leaf.inputs))
            leaf.inputs = [Wire(closed.get(w.source, w.source), w.shape) for w in wires.values()]
            if leaf.role == "group":
                leaf.inputs = [wire for wire in leaf.inputs if wire.source is not leaf]


def _around(frame: Frame) -> list[Frame]:
    """The frame and those around it, inner before outer."""
    return [frame, *_around(frame.parent)] if frame.parent else [frame]


def _common_frame(leaves: Sequence[Leaf]) -> Frame:
    """The innermost frame that holds all the leaves."""
    assert leaves[0].parent is not None
    paths = [set(map(id, _around(leaf.parent))) for leaf in leaves if leaf.parent is not None]
    return next(frame for frame in _around(leaves[0].parent) if all(id(frame) in path for path in paths))


def dissolved(item: Item) -> Item:
    """The item, or its only child if it is a frame around one."""
    while isinstance(item, Frame) and len(item.children) == 1:
        child = item.children[0]
        if item.repeat > 1 and child.repeat > 1:
            break
        if item.repeat > 1:
            child.repeat, child.last = item.repeat, item.last + child.name.rstrip("/")[len(item.scope):]
            child.varies, child.total, child.side_by_side = item.varies, item.total, item.side_by_side
        item = child
    return item


def _closed(frame: Frame, closed: dict[Leaf, Leaf]) -> Leaf:
    """A frame as one box; `closed` learns which leaves are inside."""
    inside = list(frame.leaves())
    within = set(inside)
    parameters, nodes = once(frame)
    box = Leaf(frame.name, inside[0].order, None, "group", "group", "", parameters, inside[0].place, frame.last,
               parent=frame.parent, repeat=frame.repeat, varies=frame.varies, side_by_side=frame.side_by_side,
               total=frame.total, nodes=nodes,
               is_output=any(leaf.is_output for leaf in inside), mark=_mark_of(inside))
    box.inputs = [wire for leaf in inside for wire in leaf.inputs if wire.source not in within]
    box.shape = inside[-1].shape
    closed.update((leaf, box) for leaf in inside)
    return box


def _mark_of(leaves: Sequence[Leaf]) -> Mark | None:
    """The mark of a closed frame: that of all inside, or that something inside has one."""
    kinds = {leaf.mark.kind if leaf.mark else "" for leaf in leaves}
    if kinds == {""}:
        return None
    return Mark(kinds.pop() if len(kinds) == 1 else "changed")


class _Maker:
    """Leaves and frames from the nodes of a program."""

    def __init__(self, program: CheckedProgram, fold: bool, marks: Mapping[str, Mark]) -> None:
        self.program, self.fold, self.marks = program, fold, marks
        self.root = Frame("", "", "", None)
        self.frames: dict[str, Frame] = {"": self.root}
        self.leaf_of: dict[str, Leaf] = {}
        self.constants: dict[str, str] = {}
        #: every dotted path around some node
        self.paths = {path for node in program.network for path in _paths(node.name)}
        owners = [node.weights for node in program.network if node.cost.tensors or node.weights != node.name]
        self.shared = {name for name, count in Counter(owners).items() if count > 1}

    def draft(self) -> Draft:
        for order, node in enumerate(self.program.network):
            if not self.folded(node):
                self.add(node, order)
        for leaf in list(self.root.leaves()):
            assert leaf.node is not None
            for use in leaf.node.inputs:
                if use.node in self.constants:
                    leaf.constants.append(self.constants[use.node])
                elif use.node in self.leaf_of:
                    leaf.inputs.append(Wire(self.leaf_of[use.node], str(self.program.network[use.node].shape)))
        return Draft(self.root)

    def add(self, node: ShapedNode, order: int) -> None:
        frame = self.frame(node.name if node.name in self.paths else node.name.rpartition(".")[0])
        place = f"{PurePath(node.span.source.name).name}:{node.span.line}"
        leaf = Leaf(node.name, order, node, node.layer.family, self.role(node), str(node.shape), node.cost.parameters,
                    place, node.name, parent=frame, is_output=node.name in self.program.outputs)
        leaf.mark = self.marks.get(node.name)
        if node.weights in self.shared:
            leaf.shares = node.weights
        self.leaf_of[node.name] = leaf
        frame.children.append(leaf)

    def role(self, node: ShapedNode) -> str:
        """What a node is for: data, layers of the model, and what is computed from criteria and metrics."""
        if node.layer.is_input:
            return "data"
        if node.name in self.program.criteria:
            return "criterion"
        if node.name in self.program.metrics or node.layer.is_metric:
            return "metric"
        givers = [self.leaf_of[use.node] for use in node.inputs if use.node in self.leaf_of]
        of_criteria = node.layer.family == "criterion" or any(leaf.role == "criterion" for leaf in givers)
        return "criterion" if of_criteria else "layer"

    def folded(self, node: ShapedNode) -> bool:
        """Fold the node into its producer if it may be; say whether it was. What has a mark of its own stays a box."""
        if node.name in self.marks:
            return False
        if self.fold and self.is_number(node):
            self.constants[node.name] = f"{node.layer.constant_value:g}"
            return True
        producer = self.leaf_of.get(node.inputs[0].node) if len(node.inputs) == 1 else None
        if self.fold and producer and node.layer.family == "assertion":
            self.leaf_of[node.name] = producer
            return True
        if not (self.fold and producer and self.may_fold(node, producer)):
            return False
        producer.folded.append(node)
        producer.shape = str(node.shape)
        producer.is_output |= node.name in self.program.outputs
        self.leaf_of[node.name] = producer
        return True

    def may_fold(self, node: ShapedNode, producer: Leaf) -> bool:
        """An activation of any layer, or the normalization of a convolution, as its only user."""
        if producer.role != "layer" or self.role(node) != "layer" or producer.family == "source" or producer.mark:
            return False
        if len(self.program.network.users(node.inputs[0].node)) != 1 or node.weights in self.shared:
            return False
        if node.layer.family == "normalization":
            inside = producer.node is not None and producer.node.layer.draws_norm_inside
            return inside and not producer.folded and str(node.shape) == producer.shape
        return node.layer.family == "activation" and not node.cost.tensors

    def is_number(self, node: ShapedNode) -> bool:
        """A constant written in the file, such as the 114 of `features - 114`."""
        return not node.inputs and node.layer.constant_value is not None and node.shape.is_scalar

    def frame(self, path: str) -> Frame:
        """The frame of a path. Where a node has the path as its name (`conv1` of `conv1.activation`, the
        result of a function), it stands inside, and the frame's name ends with `/`."""
        wanted = []
        while path not in self.frames:
            wanted.append(path)
            path = path.rpartition(".")[0]
        frame = self.frames[path]
        for inner in reversed(wanted):
            name = inner + "/" if inner in self.program.network else inner
            made = Frame(name, inner, inner, frame)
            made.is_expression = inner in self.program.network and _is_written_out(self.program.network[inner])
            frame.children.append(made)
            frame = self.frames[inner] = made
        return frame


def _is_written_out(node: ShapedNode) -> bool:
    """Whether the text makes the node in the expression of the member that it is named after (`y = main + x`).

    Looks backwards from the node for the `=` of its statement, over brackets that are closed before it.
    """
    text, depth = node.span.source.text, 0
    for position in range(node.span.start - 1, 0, -1):
        letter = text[position]
        depth = depth + 1 if letter in ")]}" else max(0, depth - 1) if letter in "([{" else depth
        if letter == "=" and not depth and text[position + 1] not in "=>" and text[position - 1] not in "=<>!":
            name = re.search(r"(\w+)\s*:?$", text[:position])
            return name is not None and name.group(1) == node.name.rpartition(".")[2]
    return False


def _paths(name: str) -> Iterator[str]:
    while name := name.rpartition(".")[0]:
        yield name

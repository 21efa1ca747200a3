"""What each output of a network is: classes, shares, numbers or an image. It follows from what it is compared by.

`predict`, `test --details`, the records of a run and its report all go by this.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..ir.network import Network, ShapedNode
from ..ir.program import CheckedProgram
from ..layers.layer import Meaning
from ..readers.arrays import np

#: Above so many classes a confusion matrix is not counted.
MOST_CLASSES = 1000


@dataclass(frozen=True)
class PixelScale:
    """How values of an output become those of the image input that it is compared with: `scale * value + offset`.

    A scale of 0: that is not known.
    """

    input: str
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Output:
    """An output node and what its values are.

    `labels` is the node that it is compared with, if there is one; `axis` is that of the classes, 1 the width; 0: all
    elements of a sample. `scale` says what the values are: `scores`, `probabilities`, `log probabilities`, or `order`
    where only their order means something. `dims` are channels first.
    """

    node: str
    dims: tuple[int, ...]
    of: str = "numbers"  #: classes, shares or numbers
    scale: str = "order"
    axis: int = 0
    labels: str | None = None
    pixels: PixelScale | None = None  #: of an output that is an image

    @property
    def kind(self) -> str:
        """`classes`, `class map`, `shares`, `image` or `numbers`."""
        if self.pixels is not None:
            return "image"
        if self.of == "classes" and self.classes == 1:
            return "numbers"  # one score is no choice
        return "class map" if self.is_map else self.of

    @property
    def is_map(self) -> bool:
        """Whether every position (pixel) has its own classes."""
        return self.of == "classes" and self.classes != math.prod(self.dims)

    @property
    def classes(self) -> int:
        return self.dims[-self.axis] if self.axis else math.prod(self.dims)

    @property
    def torch_axis(self) -> int:
        """The axis of the classes, counted from the last; of flat values it is the last."""
        return -self.axis if self.axis else -1

    def probabilities(self, values: np.ndarray) -> np.ndarray | None:
        """A sample's values as probabilities: of the classes along their axis, or of each element; None if unknown.

        What is a softmax or a sigmoid already is not put through another one.
        """
        values = values.astype(np.float64)
        if not self.axis and self.of == "classes":
            values = values.ravel()
        if self.scale == "log probabilities":
            return np.asarray(np.exp(values))
        if self.scale != "scores":
            return values if self.scale == "probabilities" else None
        if self.of == "shares":
            return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))  # the sigmoid, without overflow
        values = np.exp(values - values.max(axis=self.torch_axis, keepdims=True))
        return np.asarray(values / values.sum(axis=self.torch_axis, keepdims=True))

    def class_numbers(self, values: np.ndarray) -> np.ndarray:
        """The class with the largest value: one, or one for each position (of a map: height x width)."""
        if not self.axis:
            return np.asarray(values.ravel().argmax())
        return np.asarray(values.argmax(axis=self.torch_axis))


def outputs_of(program: CheckedProgram) -> tuple[Output, ...]:
    """Every output node of a program; where the file names none, what its criteria and metrics compare."""
    found = tuple(_comparisons(program))
    names = program.outputs or tuple(dict.fromkeys(c.compared for c in found if c.rank < _BY_DIFFERENCE))
    return tuple(_output(program, name, found) for name in names)


def data_inputs(network: Network[ShapedNode], node: str) -> list[str]:
    """The network's inputs that a node is computed from."""
    above = network.ancestors([node])
    return [other.name for other in network if other.name in above and other.layer.is_input]


# --- what is compared with what -----------------------------------------------------------------------------


#: Which comparison decides, where several look at one output: the least.
_RANKS = {("classes", "criterion"): 0, ("shares", "criterion"): 1, ("classes", "metric"): 2,
          ("numbers", "criterion"): 3, ("shares", "metric"): 4, ("numbers", "metric"): 4}
_BY_DIFFERENCE = 5  #: a difference within a criterion that is made by hand


@dataclass(frozen=True)
class _Comparison:
    rank: int
    compared: str
    labels: str | None
    meaning: Meaning


def _comparisons(program: CheckedProgram) -> Iterator[_Comparison]:
    """What the criteria and metrics compare, in the order in which the file lists them."""
    network = program.network
    owners = {node.weights for node in network if node.cost.parameters}
    trained: set[str] = set()  # what depends on what is learned
    for node in network:
        if node.weights in owners or any(use.node in trained for use in node.inputs):
            trained.add(node.name)
    for role, roots in (("criterion", program.criteria), ("metric", program.metrics)):
        for root in roots:
            above = network.ancestors([root])
            for node in network:
                if node.name in above:
                    yield from _compared_by(network, node, role, trained)
                    yield from _softmax_by_hand(network, node, role, above)


def _compared_by(network: Network[ShapedNode], node: ShapedNode, role: str, trained: set[str]
                 ) -> Iterator[_Comparison]:
    meaning = node.layer.compares_as
    if meaning is None or len(node.inputs) < 2:
        return
    labels, compared = node.inputs[0].node, node.inputs[1].node
    if labels in trained and compared not in trained:  # `z - labels`
        labels, compared = compared, labels
    given = bool(data_inputs(network, labels)) and (labels not in trained or meaning.of == "classes")
    if node.layer.family == "criterion":
        yield _Comparison(_RANKS[meaning.of, role], compared, labels if given else None, meaning)
    elif given:
        yield _Comparison(_BY_DIFFERENCE, compared, labels, meaning)


def _softmax_by_hand(network: Network[ShapedNode], node: ShapedNode, role: str, above: set[str]
                     ) -> Iterator[_Comparison]:
    """A softmax of scores within a criterion, beside labels of their size: `ReduceLogSum (z) - ReduceSum (y .* z)`."""
    gives = node.layer.gives
    if role != "criterion" or gives is None or gives.of != "classes":
        return
    scores = network[node.inputs[0].node]
    labels = [other.name for other in network if other.layer.is_input and other.name in above
              and other.shape.size == scores.shape.size and other.name not in network.ancestors([scores.name])]
    if labels:
        yield _Comparison(_RANKS["classes", role], scores.name, labels[0], Meaning("classes", "scores", gives.axis))


# --- one output -----------------------------------------------------------------------------------------------


def _output(program: CheckedProgram, name: str, comparisons: Sequence[_Comparison]) -> Output:
    network = program.network
    node = network[name]
    own = _Form.of(network, name)
    pairs = [(found, _Form.of(network, found.compared)) for found in comparisons]
    fitting = [(found, form) for found, form in pairs if not own.names.isdisjoint(form.names)]
    if not fitting:  # a softmax is one even where nothing looks at it
        return Output(name, node.shape.dims, own.gives.of, own.gives.scale, own.gives.axis) \
            if own.gives is not None and own.gives.of == "classes" else Output(name, node.shape.dims)
    found, form = min(fitting, key=lambda pair: pair[0].rank)  # of equal ones the first
    # Probabilities of classes are what they are; what a criterion sees past them does not matter.
    of = "classes" if own.gives is not None and own.gives.of == "classes" else found.meaning.of
    axis = own.gives.axis if own.gives is not None and own.gives.of == "classes" else found.meaning.axis
    pixels = _pixels(network, node, found.labels) if of != "classes" else None
    return Output(name, node.shape.dims, of, _scale(own, form, found.meaning), axis, found.labels, pixels)


@dataclass(frozen=True)
class _Form:
    """A node behind which values are only passed on (`node`), and what it makes of its input, if that is known."""

    node: str
    gives: Meaning | None
    names: frozenset[str]  #: the node, and the scores that it makes probabilities of

    @staticmethod
    def of(network: Network[ShapedNode], name: str) -> _Form:
        name = _passed_on(network, name)
        gives = network[name].layer.gives
        if gives is None or gives.scale == "log sum":
            return _Form(name, None, frozenset((name,)))
        return _Form(name, gives, frozenset((name, _passed_on(network, network[name].inputs[0].node))))


def _passed_on(network: Network[ShapedNode], name: str) -> str:
    """The node that made the values of this one."""
    node = network[name]
    while node.layer.passes_on and _extents(network[node.inputs[0].node]) == _extents(node):
        node = network[node.inputs[0].node]
    return node.name


def _extents(node: ShapedNode) -> list[int]:
    return [extent for extent in node.shape.dims if extent != 1]


def _scale(own: _Form, compared: _Form, meaning: Meaning) -> str:
    """What the values of an output are, from what it gives itself and what is compared."""
    if own.gives is not None and (own.gives.of == meaning.of or own.gives.of == "classes"):
        return own.gives.scale
    if own.node == compared.node:
        return meaning.scale
    if compared.gives is not None and compared.gives.of == meaning.of:
        return "scores"  # its softmax or sigmoid is compared
    return "order"


def _pixels(network: Network[ShapedNode], node: ShapedNode, labels: str | None) -> PixelScale | None:
    """How an output becomes a picture, if it has the shape of one and is compared with an image input."""
    dims = node.shape.dims
    inputs = data_inputs(network, labels) if labels is not None else []
    if len(dims) != 3 or dims[0] not in (1, 3) or min(dims[1:]) < 2 or len(inputs) != 1:
        return None
    assert labels is not None
    target = network[inputs[0]]
    if target.shape.dims != dims:
        return None
    scale, offset, at = 1.0, 0.0, network[labels]
    while not at.layer.is_input:
        step = at.layer.scaling
        if step is None or not step[0]:
            return PixelScale(target.name, 0.0)  # made from the image in a way that cannot be undone
        scale, offset = scale / step[0], (offset - step[1]) / step[0]
        at = network[at.inputs[0].node]
    return PixelScale(target.name, scale, offset)

"""What a rule says of an operation of a model, and what rules may ask of the graph around it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ....syntax import ast
from ...building import Builder
from .dictionary_values import Axis
from .model_file import ModelFile, ModelNode, ModelTensor

Expressions = Sequence[ast.Expression]


class Unsupported(Exception):
    """An operation, or a form of one, that has no row here; `what` names it as a page does: "netdsl has no ..."."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True)
class Step:
    """An operation as an expression: of the values `operands`, in the order in which `make` takes them.

    `small` is for arithmetic, which is written inside of what uses it. `tensors` are those that become tensors of a
    layer of its own: uid -> `weight`. `group` is what a root of this kind is: criterion, evaluation or output.
    """

    operands: tuple[str, ...]
    make: Callable[[Expressions], ast.Expression]
    small: bool = False
    group: str = "output"
    tensors: Mapping[str, str] = field(default_factory=dict)
    stem: str = ""  #: what a node without a name is called, with a number: `conv`


@dataclass
class GraphView:
    """A model, as rules look at it."""

    model: ModelFile
    build: Builder

    def node(self, uid: str, operation: str) -> ModelNode | None:
        """The node, if it is of this operation."""
        node = self.model.nodes.get(uid)
        return node if node is not None and node.operation == operation else None

    def alone(self, uid: str) -> bool:
        """Whether exactly one node takes a value."""
        return len(self.model.users.get(uid, ())) == 1

    def own_tensor(self, uid: str) -> ModelTensor | None:
        """A learned tensor that one node alone uses: it can belong to a layer."""
        tensor = self.model.tensors.get(uid)
        return tensor if tensor is not None and tensor.learned and self.alone(uid) else None

    def number(self, uid: str) -> float | None:
        """The value of a constant of one number."""
        tensor = self.model.tensors.get(uid)
        if tensor is None or tensor.learned or tensor.size != 1:
            return None
        return short_number(float(tensor.array().ravel()[0]))

    @cached_property
    def ranks(self) -> dict[str, int]:
        """The number of axes of each value, as far as the operations say; elsewhere that of the largest input."""
        found = {uid: len(value.dims) for uid, value in self.model.inputs.items()}
        # A bias of [n x 1] is a vector; CNTK's old networks have them like that.
        found |= {uid: len(_without_ones(tensor.dims)) for uid, tensor in self.model.tensors.items()}
        for uid, node in self.model.nodes.items():
            ranks = [found.get(taken, 0) for taken in node.inputs]
            found[uid] = max(1, self._rank(node, ranks, max(ranks, default=1)))
        return found

    def _rank(self, node: ModelNode, ranks: list[int], largest: int) -> int:
        match node.operation:
            case "Times":
                outer, matrix = int(node.options.get("outputRank") or 1), self.model.tensors.get(node.inputs[0])
                summed = (len(matrix.dims) if matrix is not None else ranks[0]) - outer
                return outer + max(0, ranks[1] - summed) if len(ranks) == 2 else largest
            case "TransposeTimes":
                return max(1, ranks[-1] - 1)
            case "Convolution":
                return ranks[-1]
            case "BatchNormalization" | "Pooling" | "Unpooling":
                return ranks[0]
            case "Reshape":
                shape, begin, end = reshaped(node)
                return len(shape) + (begin - 1) + (max(0, ranks[0] + 1 - end) if end else 0)
            case "ReduceElements":
                axes = reduced_axes(node)
                if axes is None:
                    return 1
                return ranks[0] - (0 if node.options.get("reductionKeepDimensions", True) else len(axes))
        return largest


#: How tightly an operator binds.
_TIGHT = {"+": 1, "-": 1, "*": 2, ".*": 2, "./": 2}


def operation(build: Builder, left: ast.Expression, operator: str, right: ast.Expression) -> ast.Binary:
    """`left operator right`, with the parentheses that its meaning needs."""
    mine = _TIGHT[operator]

    def bracketed(value: ast.Expression, least: int) -> ast.Expression:
        loose = isinstance(value, ast.Binary) and _TIGHT[value.operator] < least
        signed = isinstance(value, ast.Unary) or (isinstance(value, ast.Number) and value.value < 0)
        return ast.Parentheses(value, build.span) if loose or signed else value

    return build.binary(bracketed(left, mine), operator, bracketed(right, mine + 1))


def _without_ones(dims: tuple[int, ...]) -> tuple[int, ...]:
    while len(dims) > 1 and dims[-1] == 1:
        dims = dims[:-1]
    return dims


# --- options of either format -----------------------------------------------------------------------


def axis_number(value: Any) -> int:
    """An axis counted from 1, the fastest first; the end of all axes is 0. Raises Unsupported for a dynamic one."""
    if isinstance(value, int):
        return value
    if not isinstance(value, Axis):
        raise Unsupported("operation along no axis")
    index, name = value.index, value.name
    if name.startswith("staticAxisIdx"):
        if index < 0:
            raise Unsupported("axes that are counted from the last one")
        return index + 1
    if "EndStaticAxis" in name or index >= 1 << 30:
        return 0
    raise Unsupported(f"operation along the axis `{name}`")


def reduced_axes(node: ModelNode) -> list[int] | None:
    """The axes that a reduction is over, from 1; None for all of a sample."""
    given = node.options.get("axes")
    if given is None:
        given = node.options.get("axisVec") or [node.options.get("axis")]
    found: list[int] = []
    for axis in given:
        if axis == 0 or (isinstance(axis, Axis) and axis.name == "AllStaticAxes"):
            return None
        if (isinstance(axis, int) and axis < 0) or not (isinstance(axis, int) or axis_number(axis)):
            raise Unsupported("reduction over the samples of a minibatch or the steps of a sequence")
        found.append(axis_number(axis))
    return found


def reshaped(node: ModelNode) -> tuple[tuple[int, ...], int, int]:
    """The new extents, the first axis that they replace (from 1) and the one behind the last (0: none)."""
    shape = tuple(max(0, extent) for extent in node.options.get("newShape") or ())
    begin, end = node.options.get("beginAxis"), node.options.get("endAxis")
    return shape, max(1, axis_number(begin) if begin is not None else 1), axis_number(end) if end is not None else 0


def numbers(node: ModelNode, key: str, count: int, usual: int) -> tuple[int, ...]:
    """An option of so many axes: what the file has fewer of repeats its last one."""
    given = [int(value) for value in node.options.get(key) or ()] or [usual]
    return tuple(given[min(k, len(given) - 1)] for k in range(count))


def merged(values: Sequence[Any]) -> Any:
    """One value for all axes, where they agree."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def short_number(value: float) -> float:
    """The shortest decimal number that is the same in 32 bits: 0.3 and not 0.30000001192092896."""
    if not math.isfinite(value) or value == int(value):
        return value
    for digits in range(1, 10):
        short = float(f"{value:.{digits}g}")
        if _bits(short) == _bits(value):
            return short
    return value


def _bits(value: float) -> bytes:
    import struct

    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<d", value)

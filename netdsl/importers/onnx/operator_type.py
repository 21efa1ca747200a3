"""What a row of the table of ONNX's operators is, and what its translation is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ...base.lazy import LazyModule
from .onnx_messages import ModelFile, ModelNode, Unread

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

Array = Any  #: of numpy


class Refused(Exception):
    """Why a node cannot be translated; a page collects those of all nodes."""


class _Batch:
    """Stands in shapes for the number of samples, which netdsl's shapes leave out."""

    def __repr__(self) -> str:
        return "N"


BATCH = _Batch()


@dataclass(frozen=True)
class Value:
    """What a name of the graph stands for: numbers that are known, or an expression of the written file."""

    array: Array = None  #: numbers; may hold BATCH where it is a shape
    name: str = ""  #: of an initializer
    text: str = ""  #: an expression; empty for numbers
    dims: tuple[int, ...] = ()  #: extents without the samples, in ONNX's order
    batched: bool = True  #: whether the samples are its first axis
    pooled: str = ""  #: of the second output of MaxPool: the input and options of the pooling
    column: bool = False  #: a vector for each sample that the file has turned, with the samples last

    @property
    def is_constant(self) -> bool:
        return self.array is not None

    @property
    def rank(self) -> int:
        """The number of axes in ONNX, with the samples."""
        return self.array.ndim if self.is_constant else len(self.dims) + self.batched


class Graph(Protocol):
    """What a row may ask of the translation."""

    opset: int
    model: ModelFile
    single: bool  #: the file fixes the number of samples at 1

    def define(self, name: str, text: str) -> str: ...
    def weight(self, name: str, array: Array) -> None: ...
    def parameter(self, value: Value, dims: Sequence[int]) -> str: ...
    def users(self, output: str) -> list[ModelNode]: ...
    def fuse(self, node: ModelNode, value: Value) -> None: ...
    def constant(self, name: str) -> Array: ...
    def resolved(self, name: str) -> Value | None: ...
    def scaled_source(self, value: Value) -> tuple[Value, float] | None: ...


@dataclass
class OperatorUse:
    """A node with the values of its inputs."""

    graph: Graph
    node: ModelNode
    inputs: Sequence[Value | None]
    name: str  #: what the layer is called in the written file

    # --- attributes and inputs ---------------------------------------------------------------

    def attribute(self, name: str, default: Any = None) -> Any:
        value = self.node.attributes.get(name, default)
        if isinstance(value, Unread):
            raise Refused(f"its attribute `{name}` is of a kind that is not read")
        return value

    def has(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] is not None

    def value(self, index: int) -> Value:
        """An input that has to be there."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise Refused(f"input {index + 1} is missing")
        return value

    def tensor(self, index: int = 0) -> Value:
        """An input that is computed, with a sample for each row of the batch."""
        value = self.value(index)
        if value.is_constant or not value.text or not value.batched or value.column:
            raise Refused(f"input {index + 1} is no tensor of samples")
        return value

    def constant(self, index: int, what: str) -> Array:
        """An input whose numbers are in the file."""
        value = self.value(index)
        if not value.is_constant:
            raise Refused(f"its {what} is computed, not stored")
        return value.array

    def numbers(self, attribute: str, index: int) -> list[Any] | None:
        """Whole numbers that older versions have as an attribute and newer ones as an input; None for neither."""
        if self.attribute(attribute) is not None:
            return [int(number) for number in self.attribute(attribute)]
        if not self.has(index):
            return None
        return list(self.constant(index, attribute).reshape(-1))

    # --- shapes --------------------------------------------------------------------------------

    def axis(self, number: int, rank: int) -> int:
        """An axis of ONNX as one of the written file, from 1: the width first. Raises Refused for the samples'."""
        axis = number + rank if number < 0 else number
        if axis == 0 and rank:
            raise Refused("it works along the axis of the samples")
        if not 0 < axis < rank:
            raise Refused(f"there is no axis {number}")
        return rank - axis

    def define(self, text: str, dims: Sequence[int], suffix: str = "") -> Value:
        """A member of the written network, and the value that it stands for."""
        return Value(text=self.graph.define(self.name + suffix, text), dims=tuple(int(extent) for extent in dims))

    def weight(self, tensor: str, array: Array) -> None:
        """Numbers of a tensor of this layer: `weight`, `bias`."""
        self.graph.weight(f"{self.name}.{tensor}", array)

    def operand(self, index: int, other: Value) -> str:
        """An input as an operand beside another one: a number, a parameter or an expression."""
        value = self.value(index)
        if not value.is_constant:
            if value.column or value.pooled:
                raise Refused(f"input {index + 1} is no tensor of samples")
            if value.batched and other.batched and len(value.dims) != len(other.dims):
                raise Refused(f"its inputs have {value.rank} and {other.rank} axes")
            return value.text
        if value.array.size == 1:
            return number(float(value.array.reshape(-1)[0]))
        dims = list(value.array.shape)
        if len(dims) == len(other.dims) + 1:
            if dims[0] != 1:
                raise Refused("one of its inputs has other numbers for each sample")
            dims = dims[1:]
        if len(dims) > len(other.dims):
            raise Refused(f"its inputs have {value.rank} and {other.rank} axes")
        return self.graph.parameter(value, dims)


def number(value: float) -> str:
    """A number as the language writes it: the shortest that is the same in 32 bits."""
    from ...spec import show_value

    if value != value:
        raise Refused("one of its numbers is NaN")
    if abs(value) == float("inf"):
        return "Infinity" if value > 0 else "-Infinity"
    return show_value(float(str(np.float32(value))))


def extents(dims: Sequence[int]) -> str:
    """Extents as the language writes them, width first: `4:3:2`."""
    return ":".join(str(int(extent)) for extent in reversed(tuple(dims))) or "1"


def listed(values: Sequence[object]) -> str:
    """One value, or `(a:b)`."""
    shown = [str(value) for value in values]
    return shown[0] if len(set(shown)) == 1 else f"({':'.join(shown)})"


Translate = Callable[[OperatorUse], "Value | Sequence[Value]"]
Fold = Callable[[OperatorUse, Sequence[Array]], Array]


@dataclass(frozen=True)
class OperatorType:
    """A row of the table: one operator, and what it becomes."""

    name: str
    becomes: str  #: for the docs
    translate: Translate | None = None
    attributes: tuple[str, ...] = ()
    fold: Fold | None = None  #: the same of numbers that are known
    limits: str = ""  #: for the docs: what of it is refused
    ignored: tuple[str, ...] = field(default=())  #: attributes that mean nothing outside training

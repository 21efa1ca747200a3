"""Elementwise arithmetic of several inputs, with broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import table_row
from .bounds import Bounds, negate, product, total
from .broadcast import aligned, broadcast, infer
from .elementwise import reciprocal
from .layer import Example, Layer, Meaning, Shape
from .quality import Follows

if TYPE_CHECKING:
    import torch


@table_row
class Combination(Layer):
    """Base of the elementwise rows of several inputs: the inputs stretch to one shape.

    An axis of extent 1 stretches; missing last axes of a file's shape count as 1. `combine` gets
    tensors that torch's own broadcasting combines.
    """

    family: ClassVar[str] = "arithmetic"
    is_formula: ClassVar[bool] = True
    inputs: ClassVar[tuple[str, ...]] = ("x", "y")
    #: Title and label of the message for shapes that do not fit.
    title: ClassVar[str] = ""
    clash: ClassVar[str] = "cannot combine {0} and {1} element by element"

    def infer_inputs(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return infer(inputs)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return broadcast(inputs, self.title or f"the inputs of {self.name()} have different shapes", self.clash)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return self.combine(*aligned(tensors, p.inputs))

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


def sides(operator: str) -> str:
    """The title for an operator whose operands do not fit."""
    return f"the two sides of `{operator}` have different shapes"


@table_row
class Plus(Combination):
    """`x + y`, element by element.

    Source: CNTK `Plus`, the operator `+`.
    """

    follows = Follows.RISING
    short = "sum"
    title = sides("+")
    clash = "cannot add {0} and {1}"
    keeps = "nothing"
    examples = (
        Example("Plus", ((16, 16, 32), (16, 16, 32)), (16, 16, 32)),
        Example("Plus", ((16, 16, 32), (1, 1, 32)), (16, 16, 32), "one number for each channel"),
        Example("Plus", ((16, 16, 32), (32, 32, 16)), None),
        Example("Plus", ((16, 16, 32), (32,)), None, "a vector is aligned with the width"),
    )

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] + tensors[1]

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return total(inputs)


@table_row
class Minus(Combination):
    """`x - y`, element by element.

    Source: CNTK `Minus`, the operator `-`.
    """

    follows = Follows.DIFFERENCE
    short = "difference"
    title = sides("-")
    clash = "cannot subtract {1} from {0}"
    keeps = "nothing"
    examples = (
        Example("Minus", ((10,), (10,)), (10,)),
        Example("Minus", ((8, 8, 3), (8, 8)), (8, 8, 3)),
        Example("Minus", ((10,), (9,)), None),
    )

    @property
    def compares_as(self) -> Meaning | None:
        return Meaning()  # as in `ReduceSum (Square (labels - z))`

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] - tensors[1]

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return total([inputs[0], negate(inputs[1])])


@table_row
class ElementTimes(Combination):
    """`x .* y`, element by element.

    Source: CNTK `ElementTimes`, `ColumnElementTimes`, the operator `.*`.
    """

    short = "product"
    aliases = ("ColumnElementTimes",)
    title = sides(".*")
    clash = "cannot multiply {0} and {1} element by element"
    examples = (
        Example("ElementTimes", ((8, 8, 3), (8, 8, 3)), (8, 8, 3)),
        Example("ElementTimes", ((8, 8, 3), (1, 1, 3)), (8, 8, 3), "a weight for each channel"),
        Example("ElementTimes", ((8, 8, 3), (4, 4, 3)), None),
    )

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] * tensors[1]

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return product(inputs[0], inputs[1])


@table_row
class ElementDivide(Combination):
    """`x ./ y`, element by element: `x .* Reciprocal (y)`, so x / 0 is 0.

    Source: CNTK `ElementDivide`.
    """

    short = "quotient"
    divisor = 1
    title = "the dividend and the divisor have different shapes"
    clash = "cannot divide {0} by {1}"
    examples = (Example("ElementDivide", ((8, 8, 3), (1, 1, 3)), (8, 8, 3)),
                Example("ElementDivide", ((4,), (3,)), None))

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] * reciprocal(tensors[1])


@table_row
class Pow(Combination):
    """x to the power y, element by element; NaN for negative x and a y that is not whole.

    Source: CNTK `pow`.
    """

    short = "power"
    title = "the base and the exponent have different shapes"
    examples = (Example("Pow", ((8, 8, 3), (1,)), (8, 8, 3)), Example("Pow", ((4,), (3,)), None))

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] ** tensors[1]


@table_row
class ElementMax(Combination):
    """The larger one of x and y, element by element; of equal ones y has the gradient. NaN stays NaN.

    Source: CNTK `element_max`.
    """

    follows = Follows.RISING
    examples = (Example("ElementMax", ((8, 8, 3), (8, 8, 3)), (8, 8, 3)), Example("ElementMax", ((4,), (3,)), None))

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        x, y = tensors
        return torch.where((x > y) | x.isnan(), x, y)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        first, second = inputs
        if first is None or second is None:
            return None
        return max(first[0], second[0]), max(first[1], second[1])


@table_row
class ElementMin(Combination):
    """The smaller one of x and y, element by element; of equal ones y has the gradient. NaN stays NaN.

    Source: CNTK `element_min`.
    """

    follows = Follows.RISING
    examples = (Example("ElementMin", ((8, 8, 3), (8, 8, 3)), (8, 8, 3)), Example("ElementMin", ((4,), (3,)), None))

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        x, y = tensors
        return torch.where((x < y) | x.isnan(), x, y)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        first, second = inputs
        if first is None or second is None:
            return None
        return min(first[0], second[0]), min(first[1], second[1])


@table_row
class LogPlus(Combination):
    """`log(e^x + e^y)`, element by element, without overflow.

    Source: CNTK `LogPlus`.
    """

    examples = (Example("LogPlus", ((10,), (10,)), (10,)), Example("LogPlus", ((4,), (3,)), None))

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.logaddexp(tensors[0], tensors[1])


@table_row
class Scale(Combination):
    """`factor .* x`, such as a learned gain: one number for the whole sample, or several as `.*` takes them.

    Either of the two may be the factor.

    Source: CNTK `Scale`, which is its `ElementTimes`.
    """

    inputs = ("factor", "x")
    clash = "cannot multiply {0} and {1} element by element"
    examples = (Example("Scale", ((1,), (8, 8, 3)), (8, 8, 3)),
                Example("Scale", ((1, 1), (10,)), (10,), "one number, whatever its shape"),
                Example("Scale", ((1, 1, 3), (8, 8, 3)), (8, 8, 3), "a factor for each channel"),
                Example("Scale", ((8, 8, 3), (1,)), (8, 8, 3), "the factor last"),
                Example("Scale", ((10,), (1, 1)), (10,)),
                Example("Scale", ((3,), (8, 8, 3)), None, "a vector is aligned with the width"))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        numbers = [shape for shape in inputs if shape.size == 1]
        if not numbers:
            return super().shape(inputs)
        return inputs[1] if numbers[0] is inputs[0] else inputs[0]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        shapes, values = list(p.inputs), list(tensors)
        for at in (0, 1):
            if shapes[at].size == 1 and p.output.dims == shapes[1 - at].dims:  # in one axis: none is added to the other
                shapes[at] = Shape((1,), shapes[at].batched)
                values[at] = values[at].reshape(*values[at].shape[:shapes[at].batched], 1)
                break
        return self.combine(*aligned(values, shapes))

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] * tensors[1]

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return product(inputs[0], inputs[1])


@table_row
class Sum(Combination):
    """The sum of any number of inputs, element by element: `Sum (a : b : c)`.

    Source: chains of CNTK's `Plus`; the sum that `Parallel (..., Plus)` makes.
    """

    follows = Follows.RISING
    inputs = ("inputs...",)
    keeps = "nothing"
    clash = "cannot add {0} and {1}"
    examples = (
        Example("Sum", ((8, 8, 3), (8, 8, 3), (8, 8, 3)), (8, 8, 3)),
        Example("Sum", ((8, 8, 3), (8, 8, 3), (8, 8, 4)), None),
    )

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        result = tensors[0]
        for tensor in tensors[1:]:
            result = result + tensor
        return result

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return total(inputs)

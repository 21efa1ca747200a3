"""Matrix products and what is made of them: CNTK's Times with tensors, cosines, Khatri-Rao products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from ..spec import Integer, option, table_row
from .arithmetic import Combination
from .bounds import UNBOUNDED, Bounds
from .broadcast import with_batch
from .layer import SCALAR, Example, Layer, Shape, ShapeError

if TYPE_CHECKING:
    import torch


@table_row
class Product(Layer):
    """Base of the rows of two inputs that are multiplied."""

    family: ClassVar[str] = "linear"
    inputs: ClassVar[tuple[str, ...]] = ("x", "y")


@table_row
class Times(Product):
    """The matrix product `x * y`, for tensors as well.

    The first `outputRank` axes of x are outputs; its other axes have to equal the first axes of y, and
    the sum runs over them. Axes of y that are left over stay: W of 10 x 784 times 784 is 10, W of
    3 x 4 times 4 x 2 is 3 x 2, W of 10 x 8 x 8 x 3 times 8 x 8 x 3 is 10. Either side may vary from
    sample to sample.

    Extents of a parameter x that are 0 are inferred from y. With `inferInputRankToMap = m` x gets all
    axes of y but its last m.

    A matrix x whose columns are as many as the elements of the first axes of y takes these as one vector, the
    width fastest: 9 x 24 times 4 x 3 x 2 is 9.

    Source: CNTK `Times`, the operator `*`.
    """

    short = "product"
    examples = (
        Example("Times", ((10, 784), (784,)), (10,)),
        Example("Times", ((3, 4), (4, 2)), (3, 2)),
        Example("Times {outputRank = 2}", ((3, 2, 4), (4,)), (3, 2)),
        Example("Times", ((10, 8, 8, 3), (8, 8, 3)), (10,)),
        Example("Times", ((9, 24), (4, 3, 2)), (9,), "a matrix over all elements of an image"),
        Example("Times", ((5, 12), (4, 3, 2)), (5, 2)),
        Example("Times {outputRank = 2}", ((3, 2, 12), (4, 3)), None),
        Example("Times", ((3, 4), (5,)), None),
    )

    output_rank: int = option(Integer(1), 1, "How many of the first axes of x are outputs.")
    infer_input_rank_to_map: int = option(
        Integer(-1), -1, "For a parameter x with inferred inputs: how many last axes of y stay; -1 says nothing.")

    def infer_inputs(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, y = inputs
        if x.batched or x.is_complete or x.rank <= self.output_rank:
            return x, y
        given = x.file_dims[self.output_rank:]
        mapped = self.infer_input_rank_to_map
        wanted = y.file_dims[:max(0, y.rank - mapped) if mapped >= 0 else len(given)]
        if len(given) < len(wanted):
            given = (*given, *(given[-1:] if given[-1] == 0 else ()) * (len(wanted) - len(given)))
        if len(given) != len(wanted):
            self._refuse(x, y)
        filled = (have or want for have, want in zip(given, wanted, strict=True))
        return Shape.of(*x.file_dims[:self.output_rank], *filled, batched=x.batched), y

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        x, y = self.infer_inputs(inputs)
        if x.rank < self.output_rank:
            raise ShapeError(f"the left side of `*` needs {self.output_rank} output axes, and is {x}",
                             label=f"this is {x}", input=0)
        outputs = x.file_dims[:self.output_rank]
        return Shape.of(*((*outputs, *y.file_dims[self._summed_axes(x, y):]) or (1,)))

    def _summed_axes(self, x: Shape, y: Shape) -> int:
        """Over how many first axes of y the sum runs; raises ShapeError where x does not fit."""
        summed = x.file_dims[self.output_rank:]
        if y.file_dims[:len(summed)] == summed:
            return len(summed)
        if x.rank == 2 and self.output_rank == 1:
            for axes in range(1, y.rank + 1):
                if math.prod(y.file_dims[:axes]) == summed[0]:
                    return axes
        self._refuse(x, y)

    def _refuse(self, x: Shape, y: Shape) -> NoReturn:
        summed = Shape.of(*x.file_dims[self.output_rank:])
        hint = "the operator `.*` multiplies element by element." if x.dims == y.dims else ""
        raise ShapeError("the two sides of `*` do not fit together",
                         label=f"cannot multiply {x} by {y}: the left side takes {summed}", input=1, hint=hint)

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return output.size * math.prod(inputs[0].file_dims[self.output_rank:])

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        x, y = tensors
        left, right = p.inputs
        inputs = left.rank - self.output_rank
        width, rest = math.prod(left.dims[:inputs]), right.dims[:right.rank - self._summed_axes(left, right)]
        matrix = x.reshape(*x.shape[:left.batched], width, math.prod(left.dims[inputs:]))
        rows = (math.prod(rest),) if rest or left.batched else ()
        result = y.reshape(*y.shape[:right.batched], *rows, width) @ matrix
        lead = result.shape[:1] if left.batched or right.batched else ()
        return result.reshape(*lead, *p.output.dims)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return UNBOUNDED if UNBOUNDED in inputs else None


@table_row
class TransposeTimes(Product):
    """The transpose of the matrix x times y: x of 4 x 3 times 4 is 3.

    A vector x is a column: `TransposeTimes (labels, z)` of two vectors is the one number `sum (labels .* z)`,
    and of a vector of 4 and a matrix of 4 x 2 it is 1 x 2.

    Source: CNTK `TransposeTimes`.
    """

    short = "product"
    examples = (
        Example("TransposeTimes", ((4, 3), (4,)), (3,)),
        Example("TransposeTimes", ((4, 3), (4, 2)), (3, 2)),
        Example("TransposeTimes", ((4,), (4,)), (1,), "the product of two vectors, one number"),
        Example("TransposeTimes", ((4,), (4, 2)), (1, 2)),
        Example("TransposeTimes", ((4, 3), (3,)), None),
    )

    def infer_inputs(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, y = inputs
        if x.batched or x.rank not in (1, 2) or y.rank == 0:
            return x, y
        return Shape.of(x.file_dims[0] or y.file_dims[0], *x.file_dims[1:], batched=False), y

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        x, y = self.infer_inputs(inputs)
        if x.rank not in (1, 2):
            raise ShapeError("the left side of TransposeTimes has to be a matrix or a vector", label=f"this is {x}",
                             input=0)
        if y.file_dims[0] != x.file_dims[0]:
            raise ShapeError("the two sides of TransposeTimes do not fit together", input=1,
                             label=f"cannot multiply the transpose of {x} by {y}")
        return Shape.of(*(x.file_dims[1:] or (1,)), *y.file_dims[1:])

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return output.size * inputs[1].file_dims[0]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        x, y = tensors
        left, right = p.inputs
        columns = y.reshape(*y.shape[:right.batched], math.prod(right.dims[:-1]), y.shape[-1])
        matrix = x if left.rank == 2 else x.unsqueeze(-2)
        result = columns @ matrix.transpose(-1, -2)
        lead = result.shape[:1] if left.batched or right.batched else ()
        return result.reshape(*lead, *p.output.dims)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return UNBOUNDED if UNBOUNDED in inputs else None


@table_row
class DiagTimes(Combination):
    """A diagonal matrix, given as the vector of its diagonal, times y: row i of y times element i.

    Source: CNTK `DiagTimes`.
    """

    family = "linear"
    inputs = ("diagonal", "y")
    examples = (Example("DiagTimes", ((4,), (4, 2)), (4, 2)), Example("DiagTimes", ((4,), (3, 2)), None))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        diagonal, y = self.infer_inputs(inputs)
        if diagonal.dims != y.dims[-1:] and diagonal.file_dims != (*y.file_dims[:1], 1):
            raise ShapeError("the two sides of DiagTimes do not fit together", input=1,
                             label=f"a diagonal of {diagonal} cannot multiply {y}")
        return y

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] * tensors[1]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        diagonal, y = tensors
        lead = diagonal.shape[:p.inputs[0].batched]
        column = diagonal.reshape(*lead, *(1,) * (p.inputs[1].rank - 1), -1)
        return column * y


@table_row
class KhatriRaoProduct(Product):
    """Every element of x times every element of y, as a vector; the index of x is the faster one.

    The elements of a tensor count in their order, the width fastest.

    Source: CNTK `KhatriRaoProduct`, `ColumnwiseCrossProduct`.
    """

    aliases = ("ColumnwiseCrossProduct",)
    examples = (Example("KhatriRaoProduct", ((4,), (3,)), (12,)), Example("KhatriRaoProduct", ((4, 2), (3,)), (24,)))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return Shape((inputs[0].size * inputs[1].size,))

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        x, y = (tensor.flatten(int(shape.batched)) for tensor, shape in zip(tensors, p.inputs, strict=True))
        return (y.unsqueeze(-1) * x.unsqueeze(-2)).flatten(-2)


@table_row
class CosDistance(Product):
    """The cosine of the angle between x and y: 1 for the same direction, 0 if one of them is 0.

    All elements of a sample count, whatever their shape. Where CNTK's gradient is NaN (a vector of
    zeros) it is 0 here.

    Source: CNTK `CosDistance`.
    """

    value_bounds = (-1.0, 1.0)

    inputs = ("x", "y")
    examples = (Example("CosDistance", ((5,), (5,)), (1,)), Example("CosDistance", ((5,), (4,)), None))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        _same_size(self.name(), inputs)
        return SCALAR

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        x, y = (tensor.flatten(int(shape.batched)) for tensor, shape in zip(tensors, p.inputs, strict=True))
        return cosine(x, y)


@table_row
class CosDistanceWithNegativeSamples(Product):
    """The cosine between x and y of the same sample, then between x and the y of other samples.

    Number j (from 1) takes the y that stands `shift + j - 1` samples later in the minibatch, and goes
    on at its beginning.

    Source: CNTK `CosDistanceWithNegativeSamples` (Huang et al. 2013, DSSM).
    """

    value_bounds = (-1.0, 1.0)

    inputs = ("x", "y")
    examples = (Example("CosDistanceWithNegativeSamples {1, 2}", ((5,), (5,)), (3,)),
                Example("CosDistanceWithNegativeSamples {1, 2}", ((5,), (4,)), None))

    num_shifts: int = option(Integer(0), doc="How many samples later the first negative one stands.")
    num_neg_samples: int = option(Integer(1), doc="How many negative samples.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        _same_size(self.name(), inputs)
        return Shape((self.num_neg_samples + 1,))

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        x, y = (tensor.flatten(1) for tensor in with_batch(tensors, p.inputs))
        shifts = [0, *(self.num_shifts + j for j in range(self.num_neg_samples))]
        return torch.cat([cosine(x, y.roll(-shift, 0)) for shift in shifts], -1)


def cosine(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The cosine along the last axis (kept with extent 1); 0, with gradient 0, where a vector is 0."""
    import torch

    squares = (x * x).sum(-1, keepdim=True), (y * y).sum(-1, keepdim=True)
    zero = (squares[0] == 0) | (squares[1] == 0)
    lengths = [torch.where(zero, 1.0, square).sqrt() for square in squares]
    return torch.where(zero, 0.0, (x * y).sum(-1, keepdim=True) / (lengths[0] * lengths[1]))


def _same_size(name: str, inputs: Sequence[Shape]) -> None:
    if inputs[0].size != inputs[1].size:
        raise ShapeError(f"{name} needs two inputs of the same size", input=1,
                         label=f"cannot compare {inputs[0]} and {inputs[1]}")

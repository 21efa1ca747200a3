"""Reductions: one number from all elements of a sample, or from those along some axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.codes import Code
from ..spec import Integer, ListOf, Optional, option, table_row
from .bounds import UNBOUNDED, Bounds
from .layer import SCALAR, Example, Meaning, SampleLayer, Shape, ShapeError
from .quality import Follows

if TYPE_CHECKING:
    import torch


@table_row
class Reduction(SampleLayer):
    """Base: `reduce` reduces some axes of a tensor and keeps them with the extent 1.

    Without an axis the result is one number per sample. CNTK's axis 0 means the same.
    """

    family: ClassVar[str] = "reduction"
    is_formula: ClassVar[bool] = True
    is_reducing: ClassVar[bool] = True
    #: The name of the function in torch.
    function: ClassVar[str] = ""

    axis: tuple[int, ...] | None = option(
        Optional(ListOf(Integer(0))), None, "Axes to reduce, 1 is the first of the file's shape; None means all.",
        drawn="")

    @property
    def reduces_all(self) -> bool:
        return not self.axis or 0 in self.axis

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if self.reduces_all:
            return SCALAR
        assert self.axis is not None
        if max(self.axis) > shape.rank:
            raise ShapeError(f"{self.name()} over axis {max(self.axis)} needs an input with that many axes",
                             label=f"{shape} has {shape.rank}", option="axis")
        return Shape(tuple(1 if shape.rank - i in self.axis else d for i, d in enumerate(shape.dims)))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        if self.reduces_all:
            return self.reduce(x.flatten(1), (1,))
        assert self.axis is not None
        return self.reduce(x, tuple(-axis for axis in sorted(set(self.axis))))

    def reduce(self, x: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
        import torch

        result: torch.Tensor = getattr(torch, self.function)(x, dims, keepdim=True)
        return result


def _examples(name: str) -> tuple[Example, ...]:
    return (
        Example(name, ((8, 8, 3),), (1,)),
        Example(f"{name} {{3}}", ((8, 6, 3),), (8, 6, 1)),
        Example(f"{name} {{2}}", ((10,),), None, "a vector has one axis"),
    )


@table_row
class ReduceSum(Reduction):
    """The sum, for each sample.

    CNTK's SumElements sums over the minibatch as well; as a criterion it is the same, since criteria
    are summed over the samples.

    Source: CNTK `ReduceSum`, `SumElements`, `SumColumnElements`.
    """

    follows = Follows.RISING
    function = "sum"
    aliases = ("SumElements", "SumColumnElements")
    examples = (*_examples("ReduceSum"), Example("ReduceSum {1:2}", ((8, 6, 3),), (1, 1, 3)))

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0] if inputs[0] == UNBOUNDED else None


@table_row
class ReduceMean(Reduction):
    """The mean, for each sample.

    Source: CNTK `ReduceMean`.
    """

    follows = Follows.RISING
    function = "mean"
    examples = (*_examples("ReduceMean"), Example("ReduceMean {1:2}", ((8, 6, 3),), (1, 1, 3)))

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class ReduceLogSum(Reduction):
    """The logarithm of the sum of exponentials, without overflow.

    Source: CNTK `ReduceLogSum`.
    """

    function = "logsumexp"
    examples = _examples("ReduceLogSum")

    @property
    def gives(self) -> Meaning | None:
        return Meaning("classes", "log sum", 0 if self.reduces_all or self.axis is None else self.axis[0])


@table_row
class ReduceProd(Reduction):
    """The product, for each sample.

    Source: CNTK `reduce_prod`.
    """

    examples = _examples("ReduceProd")

    def reduce(self, x: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
        for dim in dims:
            x = x.prod(dim, keepdim=True)
        return x


@table_row
class ReduceMax(Reduction):
    """The largest element; every element that is as large has the whole gradient.

    Source: CNTK `ReduceMax`.
    """

    follows = Follows.RISING
    examples = _examples("ReduceMax")

    def reduce(self, x: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
        return _with_gradient_to_all(x, x.detach().amax(dims, keepdim=True), dims)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class ReduceMin(Reduction):
    """The smallest element; every element that is as small has the whole gradient.

    Source: CNTK `ReduceMin`.
    """

    follows = Follows.RISING
    examples = _examples("ReduceMin")

    def reduce(self, x: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
        return _with_gradient_to_all(x, x.detach().amin(dims, keepdim=True), dims)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


def _with_gradient_to_all(x: torch.Tensor, result: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
    """The result, with a gradient of 1 to every element that equals it (torch shares it out among them)."""
    import torch

    if not x.requires_grad:
        return result
    chosen = (x == result) & x.isfinite()  # the difference of infinities would be NaN
    return result + torch.where(chosen, x - x.detach(), 0.0).sum(dims, keepdim=True)


@table_row
class Position(Reduction):
    """Base of the positions of extreme elements: counted from 0, no gradient.

    Over all elements the position is that in the order of the file's shape, the width fastest.
    """

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if self.axis is not None and len(self.axis) > 1:
            raise ShapeError(f"{self.name()} works along one axis, or over all elements", option="axis",
                             label=f"these are {len(self.axis)}", code=Code.OPTION_TYPE)
        return super().shape(inputs)

    def reduce(self, x: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
        import torch

        found: torch.Tensor = getattr(torch, self.function)(x, dims[0], keepdim=True)
        return found.to(x.dtype)


@table_row
class Argmax(Position):
    """The position of the largest element, from 0; the first one of several.

    Source: CNTK `argmax`.
    """

    function = "argmax"
    examples = _examples("Argmax")


@table_row
class Argmin(Position):
    """The position of the smallest element, from 0; the first one of several.

    Source: CNTK `argmin`.
    """

    function = "argmin"
    examples = _examples("Argmin")

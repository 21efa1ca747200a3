"""Softmax and its relatives: functions over all elements of a sample, or along one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Integer, option, table_row
from .bounds import UNIT
from .layer import Example, Meaning, SampleLayer, Shape, ShapeError
from .torch_form import TorchForm, function

if TYPE_CHECKING:
    import torch


def axis_option(default: int = 0) -> Any:
    return option(Integer(0), default, "The axis, 1 is the first of the file's shape (the width); 0: all elements.",
                  drawn="")


def check_axis(axis: int, shape: Shape, name: str, input: int = 0) -> None:
    """Raise unless the shape has that axis (0 stands for all axes)."""
    if axis > shape.rank:
        raise ShapeError(f"{name} along axis {axis} needs an input of at least {axis} axes",
                         label=f"{shape} has {shape.rank}", option="axis")


@table_row
class Competition(SampleLayer):
    """Base: `along` works along the last axis of what it gets."""

    family: ClassVar[str] = "activation"
    #: What comes out where there is one number only: nothing to compete with.
    of_one: ClassVar[int] = 1

    axis: int = axis_option()

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        check_axis(self.axis, inputs[0], self.name())
        extent = inputs[0].dims[-self.axis] if self.axis else inputs[0].size
        if extent == 1:
            where = f"axis {self.axis} of {inputs[0]} has the extent 1" if self.axis else f"this is {inputs[0]}"
            raise ShapeError(f"{self.name()} of one number is always {self.of_one}", label=where, input=0,
                             hint="for one output use `Sigmoid`, and `BinaryCrossEntropyWithSigmoid` to train it; for "
                                  "two classes give the last layer two outputs.")
        return inputs[0]

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        if self.axis == 0:
            return self.along(x.flatten(1), -1).reshape(x.shape)
        return self.along(x, -self.axis)

    def along(self, x: torch.Tensor, dim: int) -> torch.Tensor:
        raise NotImplementedError

    def torch_function(self) -> str:
        """The name of the function in `torch.nn.functional`, if it has one."""
        return ""

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        name, shape = self.torch_function(), inputs[0]
        if not name or not shape.batched or (self.axis == 0 and shape.rank > 1):
            return None
        dim = shape.rank + 1 - self.axis if self.axis else 1
        module = {"softmax": "nn.Softmax", "log_softmax": "nn.LogSoftmax"}[name]
        return function(f"F.{name}({{0}}, dim={dim})", module, dim=dim)


@table_row
class Softmax(Competition):
    """`exp(x) / sum(exp(x))`: positive numbers with the sum 1, without overflow.

    Without an axis the sum runs over all elements of a sample, as in CNTK, not over the channels.

    Source: CNTK `Softmax`.
    """

    value_bounds = UNIT

    keeps: ClassVar[str] = "output"
    is_softmax: ClassVar[bool] = True
    examples = (
        Example("Softmax", ((10,),), (10,)),
        Example("Softmax {axis = 3}", ((8, 8, 3),), (8, 8, 3), "over the channels of every pixel"),
        Example("Softmax {axis = 2}", ((10,),), None, "a vector has one axis"),
        Example("Softmax", ((1,),), None, "the answer would always be 1"),
    )

    @property
    def gives(self) -> Meaning | None:
        return Meaning("classes", "probabilities", self.axis)

    def along(self, x: torch.Tensor, dim: int) -> torch.Tensor:
        return x.softmax(dim)

    def torch_function(self) -> str:
        return "softmax"


@table_row
class LogSoftmax(Competition):
    """`x - log(sum(exp(x)))`: the logarithm of Softmax, without overflow.

    Source: CNTK `LogSoftmax`.
    """

    value_bounds = (-math.inf, 0.0)

    keeps: ClassVar[str] = "output"
    of_one = 0
    examples = (Example("LogSoftmax", ((10,),), (10,)), Example("LogSoftmax {3}", ((8, 8, 3),), (8, 8, 3)))

    @property
    def gives(self) -> Meaning | None:
        return Meaning("classes", "log probabilities", self.axis)

    def along(self, x: torch.Tensor, dim: int) -> torch.Tensor:
        return x.log_softmax(dim)

    def torch_function(self) -> str:
        return "log_softmax"


@table_row
class Hardmax(Competition):
    """1 at the largest element, 0 elsewhere; of several largest ones the first has the 1. No gradient.

    Source: CNTK `Hardmax`.
    """

    value_bounds = UNIT

    examples = (Example("Hardmax", ((10,),), (10,)), Example("Hardmax {3}", ((8, 8, 3),), (8, 8, 3)))

    @property
    def gives(self) -> Meaning | None:
        return Meaning("classes", "probabilities", self.axis)

    def along(self, x: torch.Tensor, dim: int) -> torch.Tensor:
        import torch

        return torch.zeros_like(x).scatter(dim, x.argmax(dim, keepdim=True), 1.0)

"""Elementwise functions of one input: CNTK's activations and the modern ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Number, option
from .base import Example, Layer, Shape

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Activation(Layer):
    """Base of the elementwise functions: the output has the input's shape."""

    family: ClassVar[str] = "activation"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]


@dataclass(frozen=True)
class ReLU(Activation):
    """max(x, 0), element by element.

    Source: CNTK `ReLU` and `RectifiedLinear`.
    """

    label: ClassVar[str] = "relu"
    aliases: ClassVar[tuple[str, ...]] = ("RectifiedLinear", "Relu")
    examples: ClassVar[tuple[Example, ...]] = (Example("ReLU", ((8, 8, 3),), (8, 8, 3)),)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0].relu()


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """x where it is positive, `slope * x` elsewhere."""

    label: ClassVar[str] = "leakyRelu"
    examples: ClassVar[tuple[Example, ...]] = (Example("LeakyReLU {0.1}", ((10,),), (10,)),)

    slope: float = option(Number(), 0.01, "The slope on the negative side.")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.leaky_relu(tensors[0], self.slope)

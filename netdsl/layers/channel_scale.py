"""A learned factor and a learned number for each channel, by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Flag, Number, OptionError, option, table_row
from .bounds import UNBOUNDED
from .initializers import constant
from .layer import Example, ParameterSpec, SampleLayer, Shape

if TYPE_CHECKING:
    import torch


@table_row
class ChannelLayer(SampleLayer):
    """Base of the layers that do something to each channel: the shape is kept."""

    family: ClassVar[str] = "normalization"
    style: ClassVar[str] = "layer"
    value_bounds = UNBOUNDED

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the shape is kept", output.dims == inputs[0].dims)]


def by_channel(numbers: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Numbers of the channels under a shape that goes with x (N, C, ...)."""
    return numbers.reshape(-1, *[1] * (x.dim() - 2))


@table_row
class ScaleLayer(ChannelLayer):
    """Multiplies each channel by a learned factor; with `bias = true` a learned number is added.

    The channels are the last axis of the file's shape; of a vector every element is one. It is what follows a batch
    normalization without a scale of its own.

    Source: Caffe `Scale`.
    """

    label: ClassVar[str] = "scale"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ScaleLayer {}", ((5, 4, 3),), (5, 4, 3)),
        Example("ScaleLayer {bias = true}", ((5, 4, 3),), (5, 4, 3)),
        Example("ScaleLayer {bias = true, initScale = 2, initBias = 0.5}", ((6,),), (6,), "a factor for each element"),
    )

    init_scale: float = option(Number(), 1.0, "The value at which the factors start.", drawn="")
    bias: bool = option(Flag(), False, "Add a learned number to each channel.")
    init_bias: float = option(Number(), 0.0, "The value at which the bias starts.", drawn="")

    def validate(self) -> None:
        if self.init_bias and not self.bias:
            raise OptionError("initBias", "`initBias` says nothing without `bias = true`")

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        dims = inputs[0].dims[:1]
        weight = {"weight": ParameterSpec(dims, constant(self.init_scale))}
        return weight | {"bias": ParameterSpec(dims, constant(self.init_bias))} if self.bias else weight

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        y = x * by_channel(p.weight, x)
        return y + by_channel(p.bias, x) if self.bias else y


@table_row
class BiasLayer(ChannelLayer):
    """Adds a learned number to each channel.

    Source: Caffe `Bias`.
    """

    label: ClassVar[str] = "bias"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("BiasLayer {}", ((5, 4, 3),), (5, 4, 3)),
        Example("BiasLayer {initBias = 0.5}", ((6,),), (6,)),
    )

    init_bias: float = option(Number(), 0.0, "The value at which the bias starts.", drawn="")

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        return {"bias": ParameterSpec(inputs[0].dims[:1], constant(self.init_bias))}

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        return x + by_channel(p.bias, x)

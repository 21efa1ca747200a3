"""Layers that multiply a value by numbers between 0 and 1 that are made of it: gated units, squeeze and excitation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Choice, Integer, option, table_row
from .bounds import UNBOUNDED
from .initializers import constant, fans, init_option, init_value_scale_option, weight_start
from .layer import Example, ParameterSpec, SampleLayer, Shape, ShapeError

if TYPE_CHECKING:
    import torch

#: gate -> the function of torch.nn.functional that it is
_GATES = {"sigmoid": "sigmoid", "gelu": "gelu", "silu": "silu", "relu": "relu", "none": ""}


@table_row
class GLU(SampleLayer):
    """Gated linear unit: the first half of an axis times a function of the second half, `a .* gate (b)`.

    After a LinearLayer of twice the width. `gate` is what the second half goes through: `sigmoid` is the unit of the
    paper, `gelu` GEGLU, `silu` SwiGLU, `relu` ReGLU, `none` the bilinear unit.

    Source: Dauphin et al. 2016; Shazeer 2020; torch `GLU`, which has the sigmoid.
    """

    family: ClassVar[str] = "activation"
    style: ClassVar[str] = "layer"
    label: ClassVar[str] = "glu"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("GLU {}", ((8, 5),), (4, 5)),
        Example("GLU {'silu'}", ((6,),), (3,), "SwiGLU"),
        Example("GLU {axis = 3}", ((5, 4, 6),), (5, 4, 3), "the channels of an image"),
        Example("GLU {}", ((7,),), None, "7 cannot be halved"),
    )

    gate: str = option(Choice(tuple(_GATES)), "sigmoid", "What the second half goes through.")
    axis: int = option(Integer(1), 1, "The axis that is halved.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        given = inputs[0]
        if self.axis > given.rank:
            raise ShapeError(f"GLU cannot halve axis {self.axis} of {given}", option="axis",
                             label=f"there are {given.rank}")
        extent = given.file_dims[self.axis - 1]
        if extent % 2:
            raise ShapeError(f"GLU cannot halve an axis of {extent}", input=0, label=f"this is {given}")
        dims = list(given.file_dims)
        dims[self.axis - 1] = extent // 2
        return Shape.of(*dims)

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("half of the elements are left", 2 * output.size == inputs[0].size)]

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        value, gate = x.chunk(2, x.ndim - self.axis)
        function = _GATES[self.gate]
        return value * (getattr(torch.nn.functional, function)(gate) if function else gate)


@table_row
class SqueezeExciteLayer(SampleLayer):
    """Multiplies each channel by a number between 0 and 1 that is made of the means of all channels.

        s = Sigmoid (W2 ReLU (W1 mean (x) + b1) + b2) ; y = s .* x

    `W1` makes channels / `reduction` numbers of the means, `W2` a number for each channel of those.

    Source: Hu, Shen and Sun 2017.
    """

    value_bounds = UNBOUNDED

    family: ClassVar[str] = "attention"
    style: ClassVar[str] = "layer"
    label: ClassVar[str] = "squeezeExcite"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("SqueezeExciteLayer {2}", ((6, 5, 8),), (6, 5, 8)),
        Example("SqueezeExciteLayer {}", ((4, 4, 8),), (4, 4, 8), "8 / 16 is less than one: one number between"),
        Example("SqueezeExciteLayer {2}", ((8,),), None, "a vector has no places to take a mean over"),
    )

    reduction: int = option(Integer(1), 16, "How many channels make one number between the two products.")
    init: str = init_option()
    init_value_scale: float = init_value_scale_option()

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0].rank < 2:
            raise ShapeError(f"SqueezeExciteLayer needs places and channels, and gets {inputs[0]}", input=0,
                             label=f"this is {inputs[0]}")
        return inputs[0]

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        channels = inputs[0].dims[0]
        between = self._between(channels)
        return {
            "squeezeWeight": ParameterSpec((between, channels), self._start(between, channels)),
            "squeezeBias": ParameterSpec((between,), constant(0.0)),
            "exciteWeight": ParameterSpec((channels, between), self._start(channels, between)),
            "exciteBias": ParameterSpec((channels,), constant(0.0)),
        }

    def _between(self, channels: int) -> int:
        return max(1, channels // self.reduction)

    def _start(self, outputs: int, given: int) -> Any:
        return weight_start(self.init, self.init_value_scale, fans((outputs, given)))

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        channels = inputs[0].dims[0]
        return 2 * channels * self._between(channels)

    def extra_saved_bytes(self, inputs: Sequence[Shape], output: Shape) -> int:
        channels = inputs[0].dims[0]
        return 2 * channels + self._between(channels)

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the shape is kept", output.dims == inputs[0].dims)]

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        linear = torch.nn.functional.linear
        means = x.flatten(2).mean(2)
        factors = linear(linear(means, p.squeezeWeight, p.squeezeBias).relu(), p.exciteWeight, p.exciteBias).sigmoid()
        return x * factors.reshape(*factors.shape, *[1] * (x.ndim - 2))

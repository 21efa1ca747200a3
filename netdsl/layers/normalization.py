"""Normalization within a sample: over all of it, over groups of channels, over neighbouring channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Flag, Integer, Number, OptionError, option, table_row
from .bounds import UNBOUNDED
from .initializers import constant
from .layer import Example, ParameterSpec, SampleLayer, Shape, ShapeError
from .torch_form import Call, Default, TorchForm

if TYPE_CHECKING:
    import torch


@table_row
class SampleNormalization(SampleLayer):
    """Base of the normalizations within a sample: the shape is kept."""

    family: ClassVar[str] = "normalization"
    style: ClassVar[str] = "layer"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the shape is kept", output.dims == inputs[0].dims)]


def affine_option() -> Any:
    return option(Flag(), True, "Multiply by a learned gain and add a learned bias.")


def check_affine(row: Any) -> None:
    """Raise where gain and bias are left out, and a value is given at which they start."""
    for name, given, start in (("initScale", row.init_scale, 1), ("initBias", row.init_bias, 0)):
        if not row.affine and given != start:
            raise OptionError(name, f"`{name}` says nothing with `affine = false`")


def shape_over_axes(row: Any, rank: int, given: Shape) -> Shape:
    """The shape of what is normalized over so many first axes. Raises ShapeError where there are fewer."""
    if rank > given.rank:
        raise ShapeError(f"{row.name()} cannot normalize over {rank} axes of {given}", option="rank",
                         label=f"there are {given.rank}")
    return given


def _gain_and_bias(shape: Shape, scale: float, bias: float) -> dict[str, ParameterSpec]:
    """A gain and a bias for each channel."""
    dims = shape.dims[:1]
    return {"weight": ParameterSpec(dims, constant(scale)), "bias": ParameterSpec(dims, constant(bias))}


@table_row
class LayerNormalizationLayer(SampleNormalization):
    """Subtracts the mean of all elements of a sample and divides by their standard deviation.

        y = (x - mean) / sqrt (variance + epsilon) * gain + bias

    The variance is the biased one. Gain (`weight`) and bias are one learned number each, as in CNTK; with
    `perElement = true` every element has its own, as in transformers and in torch; `affine = false` leaves them out.

    `rank = n` normalizes over the first n axes alone, and the positions along the others are normalized each by
    itself: `rank = 1` for tokens x positions of a transformer.

    Source: Ba, Kiros and Hinton 2016; CNTK `LayerNormalizationLayer`, which has no epsilon (`epsilon = 0`).
    """

    value_bounds = UNBOUNDED

    label: ClassVar[str] = "layerNorm"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("LayerNormalizationLayer {}", ((10,),), (10,)),
        Example("LayerNormalizationLayer {perElement = true, initScale = 0.5}", ((4, 3, 2),), (4, 3, 2)),
        Example("LayerNormalizationLayer {perElement = true, rank = 1}", ((6, 3),), (6, 3), "each of 3 positions"),
        Example("LayerNormalizationLayer {affine = false}", ((4, 3, 2),), (4, 3, 2)),
        Example("LayerNormalizationLayer {rank = 3}", ((6, 3),), None),
    )

    init_scale: float = option(Number(), 1.0, "The value at which the gain starts.", drawn="")
    init_bias: float = option(Number(), 0.0, "The value at which the bias starts.", drawn="")
    per_element: bool = option(Flag(), False, "Give every element a gain and a bias of its own.")
    epsilon: float = option(Number(0), 1e-5, "Added to the variance.", drawn="")
    affine: bool = affine_option()
    rank: int = option(Integer(0), 0, "Over how many first axes to normalize; 0: over all.")

    def validate(self) -> None:
        check_affine(self)
        if self.per_element and not self.affine:
            raise OptionError("perElement", "`perElement` says nothing with `affine = false`")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return shape_over_axes(self, self.rank, inputs[0])

    def normalized(self, shape: Shape) -> tuple[int, ...]:
        """The extents over which mean and variance are taken, in torch's order."""
        return shape.dims[-self.rank:]  # all of them for 0

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        if not self.affine:
            return {}
        dims = self.normalized(inputs[0]) if self.per_element else (1,)
        return {
            "weight": ParameterSpec(dims, constant(self.init_scale)),
            "bias": ParameterSpec(dims, constant(self.init_bias)),
        }

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        dims = self.normalized(p.inputs[0])
        if self.per_element:
            return torch.nn.functional.layer_norm(x, dims, p.weight, p.bias, self.epsilon)
        y = torch.nn.functional.layer_norm(x, dims, None, None, self.epsilon)
        return y * p.weight + p.bias if self.affine else y

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        if not self.per_element or not inputs[0].batched:
            return None
        extents = self.normalized(inputs[0])
        given = extents[0] if len(extents) == 1 else extents
        return TorchForm(module=Call.of("nn.LayerNorm", ("normalized_shape", given),
                                        eps=Default(self.epsilon, 1e-5)))


@table_row
class RMSNormalizationLayer(SampleNormalization):
    """Divides by the root of the mean square, without subtracting a mean: `x / sqrt (mean (x^2) + epsilon) * gain`.

    By default over the first axis, each position along the others by itself, as transformers use it; `rank = 0` is over
    all axes. The gain (`weight`) is a learned number for each element.

    Source: Zhang and Sennrich 2019; torch `RMSNorm`.
    """

    value_bounds = UNBOUNDED

    label: ClassVar[str] = "rmsNorm"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("RMSNormalizationLayer {}", ((6, 3),), (6, 3), "each of 3 positions"),
        Example("RMSNormalizationLayer {rank = 0, affine = false}", ((4, 3, 2),), (4, 3, 2)),
        Example("RMSNormalizationLayer {rank = 3}", ((6, 3),), None),
    )

    epsilon: float = option(Number(0), 1e-6, "Added to the mean square.", drawn="")
    rank: int = option(Integer(0), 1, "Over how many first axes to normalize; 0: over all.")
    init_scale: float = option(Number(), 1.0, "The value at which the gain starts.", drawn="")
    affine: bool = option(Flag(), True, "Multiply by a learned gain.")

    def validate(self) -> None:
        if not self.affine and self.init_scale != 1:
            raise OptionError("initScale", "`initScale` says nothing with `affine = false`")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return shape_over_axes(self, self.rank, inputs[0])

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        return {"weight": ParameterSpec(inputs[0].dims[-self.rank:], constant(self.init_scale))} if self.affine else {}

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.rms_norm(x, p.inputs[0].dims[-self.rank:], p.weight if self.affine else None,
                                            self.epsilon)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        if not self.affine or not inputs[0].batched:
            return None
        return TorchForm(module=Call.of("nn.RMSNorm", ("normalized_shape", inputs[0].dims[-self.rank:]),
                                        eps=self.epsilon))


@table_row
class GroupNormalizationLayer(SampleNormalization):
    """Subtracts the mean and divides by the standard deviation of each group of channels, within a sample.

    `groups` divides the channels evenly. One group normalizes over the whole sample; as many groups as channels
    are instance normalization (InstanceNormalizationLayer). Gain (`weight`) and bias are learned, one number for
    each channel; `affine = false` leaves them out.

    Source: Wu and He 2018; torch `GroupNorm`.
    """

    value_bounds = UNBOUNDED

    label: ClassVar[str] = "groupNorm"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("GroupNormalizationLayer {2}", ((5, 4, 6),), (5, 4, 6)),
        Example("GroupNormalizationLayer {6}", ((5, 4, 6),), (5, 4, 6), "instance normalization"),
        Example("GroupNormalizationLayer {4}", ((5, 4, 6),), None, "6 channels cannot be divided into 4 groups"),
    )

    groups: int = option(Integer(1), doc="Number of groups that the channels are divided into.")
    init_scale: float = option(Number(), 1.0, "The value at which the gains start.", drawn="")
    init_bias: float = option(Number(), 0.0, "The value at which the biases start.", drawn="")
    epsilon: float = option(Number(0), 1e-5, "Added to the variance.", drawn="")
    affine: bool = affine_option()

    def validate(self) -> None:
        check_affine(self)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        channels = inputs[0].dims[0]
        if channels % self.groups:
            divisors = [d for d in range(1, channels + 1) if channels % d == 0]
            hint = f"{channels} can be divided into {', '.join(map(str, divisors))}." if len(divisors) < 12 else ""
            raise ShapeError(f"{channels} channels cannot be divided into {self.groups} groups", option="groups",
                             label=f"the input is {inputs[0]}", hint=hint)
        return inputs[0]

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        return _gain_and_bias(inputs[0], self.init_scale, self.init_bias) if self.affine else {}

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        gain, bias = (p.weight, p.bias) if self.affine else (None, None)
        return torch.nn.functional.group_norm(x, self.groups, gain, bias, self.epsilon)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return group_form(self.groups, inputs[0].dims[0], self.epsilon, self.affine)


@table_row
class InstanceNormalizationLayer(SampleNormalization):
    """Subtracts the mean and divides by the standard deviation of each channel of each sample.

    `variance = false` subtracts the mean alone. Gain (`weight`) and bias are learned, one number for each channel;
    `affine = false` leaves them out.

    Source: Ulyanov, Vedaldi and Lempitsky 2016; Caffe's `MVN` is `{affine = false}`.
    """

    value_bounds = UNBOUNDED

    label: ClassVar[str] = "instanceNorm"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("InstanceNormalizationLayer {}", ((5, 4, 3),), (5, 4, 3)),
        Example("InstanceNormalizationLayer {variance = false, affine = false}", ((5, 4, 3),), (5, 4, 3)),
        Example("InstanceNormalizationLayer {}", ((6,),), None, "a vector has no positions"),
    )

    init_scale: float = option(Number(), 1.0, "The value at which the gains start.", drawn="")
    init_bias: float = option(Number(), 0.0, "The value at which the biases start.", drawn="")
    epsilon: float = option(Number(0), 1e-5, "Added to the variance.", drawn="")
    affine: bool = affine_option()
    variance: bool = option(Flag(), True, "Divide by the standard deviation.")

    def validate(self) -> None:
        check_affine(self)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0].rank < 2:
            raise ShapeError(f"{self.name()} needs positions and channels, and gets {inputs[0]}", input=0,
                             label=f"this is {inputs[0]}", hint="LayerNormalizationLayer normalizes a vector.")
        return inputs[0]

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        return _gain_and_bias(inputs[0], self.init_scale, self.init_bias) if self.affine else {}

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        if self.variance:
            gain, bias = (p.weight, p.bias) if self.affine else (None, None)
            return torch.nn.functional.group_norm(x, x.shape[1], gain, bias, self.epsilon)
        y = x - x.mean(dim=tuple(range(2, x.dim())), keepdim=True)
        if not self.affine:
            return y
        shape = (-1, *[1] * (x.dim() - 2))
        return y * p.weight.reshape(shape) + p.bias.reshape(shape)  # type: ignore[no-any-return]

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        channels = inputs[0].dims[0]
        return group_form(channels, channels, self.epsilon, self.affine) if self.variance else None


def group_form(groups: int, channels: int, epsilon: float, affine: bool) -> TorchForm:
    return TorchForm(module=Call.of("nn.GroupNorm", ("num_groups", groups), ("num_channels", channels),
                                    eps=Default(epsilon, 1e-5), affine=Default(affine, True)))


@table_row
class LocalResponseNormalizationLayer(SampleNormalization):
    """Divides by a power of the squares of neighbouring channels at the same position, as in AlexNet.

        y[c] = x[c] / (bias + alpha * mean of x[j] ** 2 over the 2 radius + 1 channels j around c) ** beta

    Channels beyond the first and last count as 0. `averageSquares = false` takes the sum of the squares instead of
    the mean. AlexNet's paper prints the sum, with alpha = 0.0001 and bias 2, but its program, like CNTK, Caffe and
    torch, divides by the 2 radius + 1 channels: the default here, so that numbers from those can be copied. Caffe's
    `local_size` is `2 radius + 1`, its `k` and the paper's are `bias`: the paper as programmed is `{radius = 2,
    bias = 2}`, `bvlc_alexnet` and CNTK's AlexNet are `{radius = 2}`. Darknet and neon take the sum.

    Source: Krizhevsky, Sutskever and Hinton 2012, section 3.3.
    """

    label: ClassVar[str] = "norm"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("LocalResponseNormalizationLayer {radius = 2}", ((5, 4, 8),), (5, 4, 8), "CNTK's and Caffe's AlexNet"),
        Example("LocalResponseNormalizationLayer {1, bias = 2, alpha = 1.5, beta = 0.5, averageSquares = false}",
                ((3, 2, 6),), (3, 2, 6)),
        Example("LocalResponseNormalizationLayer {1}", ((6,),), (6,), "a vector is all channels"),
    )

    radius: int = option(Integer(0), doc="Number of neighbours on each side.")
    bias: float = option(Number(0, exclusive_minimum=True), 1.0, "Added before the power is taken; `k` of the paper.")
    alpha: float = option(Number(0), 1e-4, "Weight of the neighbours' squares.")
    beta: float = option(Number(0), 0.75, "The power.")
    average_squares: bool = option(Flag(), True, "Take the mean of the squares, not their sum.")

    def extra_saved_bytes(self, inputs: Sequence[Shape], output: Shape) -> int:
        return 3 * output.size  # the squares, the logarithm and the power of the sums

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        scale = self.alpha / (2 * self.radius + 1) if self.average_squares else self.alpha
        image = x if x.dim() == 4 else x.reshape(x.shape[0], x.shape[1], -1, 1)
        return local_response(image, self.radius, self.bias, scale, self.beta).reshape(x.shape)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        if inputs[0].rank < 2:
            return None
        size = 2 * self.radius + 1
        alpha = self.alpha if self.average_squares else self.alpha * size
        return TorchForm(module=Call.of("nn.LocalResponseNorm", ("size", size), alpha=Default(alpha, 1e-4),
                                        beta=Default(self.beta, 0.75), k=Default(self.bias, 1.0)))


def local_response(x: torch.Tensor, radius: int, bias: float, scale: float, beta: float) -> torch.Tensor:
    """`x / (bias + scale * sum of squares of the channels within `radius`) ** beta` of `(N, C, H, W)`.

    The sum is a 1 x 1 convolution with a banded matrix, and the power goes by exp and log. Measured on two CPU
    cores (torch 2.13), forward and backward of (16, 96, 55, 55): 33 ms in float32, where torch's
    `local_response_norm` takes 89; 17 ms in bfloat16, which torch's does not have.
    """
    import torch

    channel = torch.arange(x.shape[1], device=x.device)
    band = ((channel[:, None] - channel).abs() <= radius).to(x.dtype) * scale
    offset = torch.full((x.shape[1],), bias, dtype=x.dtype, device=x.device)
    denominator = torch.nn.functional.conv2d(x * x, band[:, :, None, None], offset)
    return x * denominator.log_().mul_(-beta).exp_()

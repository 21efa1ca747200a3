"""Transposed convolutions: up-sampling that undoes the sizes of a convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.codes import Code
from ..spec import Dims, Flag, FunctionKind, Integer, Optional, option, table_row
from .bounds import UNBOUNDED
from .convolution import divide_channels, groups_option, validate_groups
from .given_filters import infer_filters, map_dims_option, number_of_filters, number_of_maps
from .initializers import KINDS, constant, fans, init_bias_option, init_option, init_value_scale_option, weight_start
from .layer import Activated, Example, Layer, ParameterSpec, Shape, ShapeError, expect_rank
from .torch_form import Call, Default, TorchForm, alike
from .windows import (
    Sliding,
    Window,
    by_axes,
    convolution_axes,
    dilation_option,
    kernel_option,
    lower_pad_option,
    pad_option,
    padded,
    show_extents,
    stride_option,
    upper_pad_option,
)

if TYPE_CHECKING:
    import torch

_OUTPUT_SHAPE = ("Extents of the output, width first, with or without the channels; None: the smallest that "
                 "the convolution takes to the input's.")


@table_row
class ConvolutionTransposeLayer(Activated):
    """Transposed convolution ("deconvolution") with learned filters: each input pixel adds a filter to the output.

    It is the exact transpose of the convolution that makes the input's extents from the output's, with the
    same filter, stride and padding. Along an axis the output has `(size - 1) * stride + 1` pixels with
    `pad = true`, `(size - 1) * stride + extent - lowerPad - upperPad` otherwise, or what `outputShape` says
    (several sizes lead to the same input where stride is above 1).

    `pad`, `stride` and the others are given for the axes of the filter; a further value for the channels,
    which CNTK needs (`pad = (true:true:false)`), is allowed. The number of input channels is known from the
    input; where `numInputChannels` is given, it has to agree. The weights are `[inputs, outputs / groups,
    ...filter]`. As in CNTK they start small (`initValueScale` 0.001), and for `init` the fan-out is the
    filter's width and the fan-in all else; `init = 'bilinear'` starts as an interpolation.

    `groups` divides input and output channels into that many transposed convolutions of their own; as many
    groups as channels up-sample each channel alone, as Caffe's FCN does.

    Source: CNTK `ConvolutionTransposeLayer`, whose scalar `pad = true` fails; here it means the filter's axes.
    `groups` is Caffe's and PyTorch's.
    """

    value_bounds = UNBOUNDED

    family: ClassVar[str] = "convolution"
    draws_norm_inside: ClassVar[bool] = True
    label: ClassVar[str] = "convolutionTranspose"
    style: ClassVar[str] = "layer"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ConvolutionTransposeLayer {3, (3:3), 2, stride = 2, pad = true}", ((4, 5, 2),), (7, 9, 3)),
        Example("ConvolutionTransposeLayer {3, (4:4), stride = 2, pad = true, outputShape = (8:8)}", ((4, 4, 2),),
                (8, 8, 3)),
        Example("ConvolutionTransposeLayer {2, (5:3), stride = (3:1), bias = false}", ((4, 3, 2),), (14, 5, 2)),
        Example("ConvolutionTransposeLayer {3, (3:3), 2, stride = 2, lowerPad = 1, upperPad = 1}", ((5, 4, 2),),
                (9, 7, 3)),
        Example("ConvolutionTransposeLayer {3, 3, 2, stride = 2}", ((5, 2),), (11, 3), "over one axis"),
        Example("ConvolutionTransposeLayer {6, (3:3), stride = 2, groups = 2}", ((3, 2, 4),), (7, 5, 6)),
        Example("ConvolutionTransposeLayer {3, (4:4), stride = 2, groups = 3, bias = false, init = 'bilinear', "
                "initValueScale = 1}", ((3, 2, 3),), (8, 6, 3), "up-samples each channel alone"),
        Example("ConvolutionTransposeLayer {4, (3:3), groups = 2}", ((3, 2, 3),), None,
                "3 channels cannot be divided into 2 groups"),
        Example("ConvolutionTransposeLayer {3, (3:3), 2, stride = 2, pad = true, outputShape = (9:9)}", ((4, 4, 2),),
                None, "no such convolution makes 4 x 4 from 9 x 9"),
    )

    num_output_channels: int = option(Integer(1), doc="Number of output channels.", drawn="{} filters")
    filter_shape: tuple[int, ...] = kernel_option()
    num_input_channels: int | None = option(Optional(Integer(1)), None, "Number of input channels; None takes it from "
                                            "the input.")
    bias: bool = option(Flag(), True, "Add a learned number to each output channel.")
    activation: Any = option(FunctionKind(), None, "Function applied to the output.", drawn="")
    init: str = init_option(kinds=tuple(kind for kind in KINDS if kind != "fixedValue"))
    init_value_scale: float = init_value_scale_option(0.001)
    init_bias: float = init_bias_option()
    stride: tuple[int, ...] = stride_option()
    pad: tuple[bool, ...] = pad_option()
    lower_pad: tuple[int, ...] = lower_pad_option()
    upper_pad: tuple[int, ...] = upper_pad_option()
    output_shape: tuple[int, ...] | None = option(Optional(Dims()), None, _OUTPUT_SHAPE)
    dilation: tuple[int, ...] = dilation_option()
    groups: int = groups_option()

    def validate(self) -> None:
        validate_groups(self.num_output_channels, self.groups)

    def windows(self, shape: Shape) -> tuple[Window, ...]:
        convolution_axes(self.name(), self.filter_shape, shape, "filterShape")
        sliding = Sliding(self.name(), self.filter_shape, self.stride, self.pad, self.lower_pad, self.upper_pad,
                          self.dilation, channels=self.num_output_channels)
        return transposed_windows(sliding, shape, self.output_shape, self.num_output_channels)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        windows = self.windows(inputs[0])
        channels = inputs[0].dims[0]
        if self.num_input_channels not in (None, channels):
            raise ShapeError(f"{self.name()} is made for {self.num_input_channels} input channels, and gets {channels}",
                             option="numInputChannels", label=f"the input is {inputs[0]}",
                             hint="`numInputChannels` may be left out.")
        divide_channels(inputs[0], self.num_output_channels, self.groups)
        return Shape((self.num_output_channels, *(w.size for w in windows)))

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        channels = inputs[0].dims[0]
        kernel = tuple(reversed(self.filter_shape))
        outputs = self.num_output_channels // self.groups
        fan = fans((*self.filter_shape, outputs, channels))
        weight = ParameterSpec((channels, outputs, *kernel),
                           weight_start(self.init, self.init_value_scale, fan, kernel))
        bias = ParameterSpec((self.num_output_channels,), constant(self.init_bias))
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return inputs[0].size * self.num_output_channels // self.groups * math.prod(self.filter_shape)

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return transposed_laws(self.windows(inputs[0]), inputs[0])

    def prepare(self, inputs: Sequence[Shape], output: Shape) -> dict[str, Any]:
        return prepare_transposed(self.windows(inputs[0]))

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return convolve_transposed(tensors[0], p.weight, p.bias if self.bias else None, p.prepared, self.groups)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        windows = self.windows(inputs[0])
        prepared = prepare_transposed(windows)
        if prepared["crop"]:
            return None
        return TorchForm(module=Call.of(
            f"nn.ConvTranspose{len(windows)}d", ("in_channels", inputs[0].dims[0]), ("out_channels", output.dims[0]),
            kernel_size=alike([w.kernel for w in windows]), stride=Default(alike(prepared["stride"]), 1),
            padding=Default(alike(prepared["padding"]), 0),
            output_padding=Default(alike(prepared["output_padding"]), 0), groups=Default(self.groups, 1),
            bias=Default(self.bias, True), dilation=Default(alike(prepared["dilation"]), 1)))


@table_row
class ConvolutionTranspose(Layer):
    """Transposed convolution with filters that are given: `ConvolutionTranspose (W, x, kernelDims)`.

    `W` is a parameter or constant `[kernelDims x outputs x inputs]`. Sizes are those of
    ConvolutionTransposeLayer, but `autoPadding` is on unless it is turned off. `kernelDims` may name the outputs as a
    further extent; where it does not, `W` tells. `mapDims` is the number of channels of `x`, since it belongs to
    the convolution that this one is the transpose of; it may be left out.

    Source: CNTK `ConvolutionTranspose`.
    """

    family: ClassVar[str] = "convolution"
    draws_norm_inside: ClassVar[bool] = True
    label: ClassVar[str] = "convolutionTranspose"
    inputs: ClassVar[tuple[str, ...]] = ("W", "x")
    parameter_inputs: ClassVar[tuple[str, ...]] = ("W",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ConvolutionTranspose (W, x, (3:3), stride = 2)", ((3, 3, 4, 2), (5, 4, 2)), (9, 7, 4)),
        Example("ConvolutionTranspose (W, x, (2:2:4), mapDims = 2, stride = 2, autoPadding = false)",
                ((2, 2, 4, 2), (5, 4, 2)), (10, 8, 4)),
        Example("ConvolutionTranspose (W, x, (3:3:4), mapDims = 4)", ((3, 3, 4, 2), (5, 4, 2)), None,
                "the input has 2 channels; 4 is the number of outputs"),
        Example("ConvolutionTranspose (W, x, (3:3))", ((3, 3, 4, 2), (5, 4, 3)), None, "filters for 2 channels, not 3"),
    )

    kernel_dims: tuple[int, ...] = kernel_option("Extents of the filters, width first.")
    map_dims: tuple[int, ...] = map_dims_option("Number of input channels; 0 takes it from `x`.")
    stride: tuple[int, ...] = stride_option()
    auto_padding: tuple[bool, ...] = pad_option(True)
    lower_pad: tuple[int, ...] = lower_pad_option()
    upper_pad: tuple[int, ...] = upper_pad_option()
    output_shape: tuple[int, ...] | None = option(Optional(Dims()), None, _OUTPUT_SHAPE)
    dilation: tuple[int, ...] = dilation_option()

    def spatial(self, inputs: Sequence[Shape]) -> tuple[int, ...]:
        """The extents of the filters without the channels."""
        kernel = self.kernel_dims
        if len(kernel) == inputs[1].rank and inputs[1].rank > 1:
            kernel = kernel[:-1]
        convolution_axes(self.name(), kernel, inputs[1], "kernelDims", input=1)
        return kernel

    def stated_outputs(self, inputs: Sequence[Shape]) -> int:
        """The number of outputs that `kernelDims` names, or 0."""
        return self.kernel_dims[-1] if len(self.kernel_dims) == inputs[1].rank > 1 else 0

    def infer_inputs(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return infer_filters(inputs, (*self.spatial(inputs), self.stated_outputs(inputs), inputs[1].dims[0]))

    def outputs(self, inputs: Sequence[Shape]) -> int:
        channels = inputs[1].dims[0]
        if number_of_maps(self.name(), self.map_dims, inputs[1].rank) not in (0, channels):
            raise ShapeError(f"`mapDims` of {self.name()} is the number of input channels", option="mapDims",
                             label=f"the input is {inputs[1]}, with {channels}",
                             hint=f"write {channels}, or leave it out; the number of outputs stands in `kernelDims` "
                                  "and in `W`.")
        return number_of_filters(self.name(), inputs, self.spatial(inputs), self.stated_outputs(inputs),
                                 outputs_last=False)

    def windows(self, inputs: Sequence[Shape]) -> tuple[Window, ...]:
        sliding = Sliding(self.name(), self.spatial(inputs), self.stride, self.auto_padding, self.lower_pad,
                          self.upper_pad, self.dilation, kernel_option="kernelDims", pad_option="autoPadding",
                          channels=self.outputs(inputs))
        return transposed_windows(sliding, inputs[1], self.output_shape, self.outputs(inputs))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return Shape((self.outputs(inputs), *(w.size for w in self.windows(inputs))))

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return inputs[1].size * output.dims[0] * math.prod(self.spatial(inputs))

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return transposed_laws(self.windows(inputs), inputs[1])

    def prepare(self, inputs: Sequence[Shape], output: Shape) -> dict[str, Any]:
        dims = (inputs[1].dims[0], output.dims[0], *reversed(self.spatial(inputs)))
        return {**prepare_transposed(self.windows(inputs)), "weight": dims}

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        weight, x = tensors
        return convolve_transposed(x, weight.reshape(p.prepared["weight"]), None, p.prepared)


@table_row
class BilinearUpsamplingLayer(Layer):
    """Up-sampling by linear interpolation with a fixed kernel, each channel alone.

    Along both axes the output has `(size - 1) * stride + kernelSize` pixels; `kernelSize = 2 * stride` for an
    even and `2 * stride - 1` for an odd stride interpolates. The kernel is not learned.

    Source: CNTK `BilinearUpsamplingLayer`.
    """

    family: ClassVar[str] = "convolution"
    draws_norm_inside: ClassVar[bool] = True
    label: ClassVar[str] = "upsampling"
    style: ClassVar[str] = "layer"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("BilinearUpsamplingLayer {2, 4, 2}", ((4, 3, 2),), (10, 8, 2)),
        Example("BilinearUpsamplingLayer {1, 3, 2}", ((3, 4, 1),), (7, 9, 1)),
        Example("BilinearUpsamplingLayer {3, 4, 2}", ((4, 3, 2),), None, "2 channels, not 3"),
    )

    num_channels: int = option(Integer(1), doc="Number of channels of input and output.")
    kernel_size: int = option(Integer(1), doc="Extent of the kernel along both axes.", drawn="{}")
    stride: int = option(Integer(1), doc="Factor of the up-sampling.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        expect_rank(inputs[0], 3, self.name(), "an image W x H x C")
        if inputs[0].dims[0] != self.num_channels:
            raise ShapeError(f"{self.name()} is made for {self.num_channels} channels, and gets {inputs[0].dims[0]}",
                             option="numChannels", label=f"the input is {inputs[0]}")
        return Shape((self.num_channels, *((d - 1) * self.stride + self.kernel_size for d in inputs[0].dims[1:])))

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        kernel = (self.kernel_size, self.kernel_size)
        start = weight_start("bilinear", 1.0, (1, 1), kernel)
        return {"weight": ParameterSpec((self.num_channels, 1, *kernel), start, learned=False)}

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return inputs[0].size * self.kernel_size**2

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.conv_transpose2d(tensors[0], p.weight, None, self.stride, groups=self.num_channels)


# --- what the rows share ---------------------------------------------------------------------


def transposed_windows(sliding: Sliding, shape: Shape, output_shape: tuple[int, ...] | None,
                       channels: int) -> tuple[Window, ...]:
    """The windows of the convolution whose transpose this is: `size` is the output's, `count` the input's."""
    if output_shape is not None and len(output_shape) not in (sliding.axes, sliding.axes + 1):
        raise ShapeError(f"`outputShape` of {sliding.layer} needs {sliding.axes} extents", option="outputShape",
                         label=f"this has {len(output_shape)}", code=Code.OPTION_TYPE)
    if output_shape is not None and output_shape[sliding.axes :] not in ((), (channels,)):
        raise ShapeError(f"`outputShape` says {output_shape[-1]} channels, and {sliding.layer} makes {channels}",
                         option="outputShape", label=f"{channels} channels are made")
    counts = shape.file_dims[: sliding.axes]
    sizes = output_shape[: sliding.axes] if output_shape is not None else [
        _output_size(sliding, axis, count) for axis, count in enumerate(counts)]
    if min(sizes) < 1:
        raise ShapeError(f"the output of {sliding.layer} would have no pixels", option="lowerPad",
                         label="the padding takes all of it", body=(f"The input is {shape}.",))
    windows = sliding.windows(tuple(reversed(list(sizes))))
    if tuple(w.count for w in windows) != shape.dims[1:]:
        made = show_extents([w.count for w in reversed(windows)])
        raise ShapeError(f"{sliding.layer} cannot make {show_extents(sizes)} from {shape}", option="outputShape",
                         label=f"a convolution makes {made} from it, not {show_extents(counts)}",
                         hint=f"without `outputShape` it makes "
                              f"{show_extents([_output_size(sliding, a, c) for a, c in enumerate(counts)])}.")
    return windows


def _output_size(sliding: Sliding, axis: int, count: int) -> int:
    kernel, stride, pad, lower, upper, dilation = sliding.at(axis)
    return (count - 1) * stride + 1 + (0 if pad else (kernel - 1) * dilation - lower - upper)


def transposed_laws(windows: Sequence[Window], x: Shape) -> list[tuple[str, bool]]:
    return [("the convolution with these options makes the input's extents from the output's",
             tuple(w.count for w in windows) == x.dims[1:])]


def prepare_transposed(windows: Sequence[Window]) -> dict[str, Any]:
    """torch's own cropping where it gives this output, else a crop of the full result.

    The full result has `(count - 1) * stride + extent` pixels; the output is its pixels from `lower` on.
    """
    surplus = [w.size - ((w.count - 1) * w.stride + w.extent - 2 * w.lower) for w in windows]
    direct = all(w.lower >= 0 and 0 <= s < max(w.stride, w.dilation) for w, s in zip(windows, surplus, strict=True))
    crop = [amount for w in reversed(windows) for amount in (-w.lower, -w.upper)]
    return {
        "stride": tuple(w.stride for w in windows),
        "dilation": tuple(w.dilation for w in windows),
        "padding": tuple(w.lower for w in windows) if direct else (0,) * len(windows),
        "output_padding": tuple(surplus) if direct else (0,) * len(windows),
        "crop": [] if direct else crop,
    }


def convolve_transposed(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None,
                        prepared: dict[str, Any], groups: int = 1) -> torch.Tensor:
    """torch's transposed convolution of a tensor with or without a batch axis."""
    axes, crop = len(prepared["stride"]), prepared["crop"]
    y: torch.Tensor = by_axes("conv_transpose", axes)(
        x, weight, None if crop else bias, prepared["stride"], prepared["padding"], prepared["output_padding"],
        groups, prepared["dilation"])
    if not crop:
        return y
    # Pixels that no filter reaches hold the bias as well, so it is added after the crop.
    y = padded(y, crop)
    return y if bias is None else y + bias.reshape(-1, *[1] * axes)

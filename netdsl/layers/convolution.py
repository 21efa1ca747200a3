"""Convolutions over one to three axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Flag, FunctionKind, Integer, OptionError, option, table_row
from .bounds import UNBOUNDED
from .given_filters import (
    infer_filters,
    map_dims_option,
    moves_over_channels,
    number_of_filters,
    number_of_maps,
    refuse_padded_channels,
    spatial_kernel,
    with_one_channel,
)
from .initializers import constant, fans, init_bias_option, init_option, init_value_scale_option, weight_start
from .layer import Activated, Example, Layer, ParameterSpec, Shape, ShapeError
from .torch_form import Call, Default, TorchForm, alike, padded_input, padding_call
from .windows import (
    Sliding,
    Window,
    by_axes,
    convolution_axes,
    dilation_option,
    drop_rest_option,
    explicit_padding,
    kernel_option,
    lower_pad_option,
    pad_option,
    padded,
    stride_option,
    upper_pad_option,
)

if TYPE_CHECKING:
    import torch


def groups_option() -> Any:
    return option(Integer(1), 1, "Number of groups that channels and filters are divided into.")


def validate_groups(filters: int, groups: int) -> None:
    if filters % groups:
        raise OptionError("groups", f"{filters} filters cannot be divided into {groups} groups",
                          f"`groups` has to divide the number of filters, {filters}, and the number of input channels.")


def divide_channels(x: Shape, filters: int, groups: int) -> None:
    """Raise unless the input's channels can be divided into so many groups."""
    channels = x.dims[0]
    if channels % groups:
        raise ShapeError(f"{channels} input channels cannot be divided into {groups} groups", option="groups",
                         label=f"the input is {x}",
                         hint=f"`groups` has to divide {channels} and the number of filters, {filters}.")


@table_row
class ConvolutionalLayer(Activated):
    """Convolution with learned filters over one, two or three axes.

    The input is `W x H x C` (or `W x C`, `W x H x D x C`); every filter covers `filterShape` pixels of all
    channels, or of its group's channels:

        y[o, q] = bias[o] + sum over c, j of weight[o, c, j] * x[c, q * stride + j * dilation - lower]

    Without padding the output has `floor((size - extent) / stride) + 1` positions along an axis, where
    `extent = (filter - 1) * dilation + 1`; pixels that are left over at the end are dropped. `pad = true`
    gives `floor((size - 1) / stride) + 1`: the same size at stride 1. It divides the padding by CNTK's
    rule: with an even filter, the odd pixel of padding stands at the end; with a 3 x 3 filter, stride 2
    and an even size it stands at the start (1, 0), where TensorFlow's "same" puts it at the end.
    `lowerPad` and `upperPad` give the padding in pixels instead; every pixel has then to be reached, unless
    `dropRest` is set.

    `groups` divides input and output channels into that many convolutions of their own; as many groups
    as input channels make it depthwise. The weights are `[outputs, inputs / groups, ...filter]` with
    fanIn `filter * inputs / groups` and fanOut `filter * outputs`. `activation` is applied to the output
    as a step of its own.

    Source: CNTK `ConvolutionalLayer`; `groups` from cuda-convnet and Caffe (AlexNet's two towers).
    """

    value_bounds = UNBOUNDED

    family: ClassVar[str] = "convolution"
    draws_norm_inside: ClassVar[bool] = True
    label: ClassVar[str] = "convolution"
    style: ClassVar[str] = "layer"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ConvolutionalLayer {96, (11:11), stride = 4}", ((227, 227, 3),), (55, 55, 96),
                "the first layer of AlexNet"),
        Example("ConvolutionalLayer {16, (5:5), pad = true}", ((28, 28, 1),), (28, 28, 16), "keeps the size"),
        Example("ConvolutionalLayer {8, (3:3), pad = true, stride = 2, bias = false}", ((32, 32, 4),), (16, 16, 8)),
        Example("ConvolutionalLayer {6, (3:3), pad = true, groups = 2}", ((7, 6, 4),), (7, 6, 6)),
        Example("ConvolutionalLayer {4, (3:3), pad = true, groups = 4}", ((9, 9, 4),), (9, 9, 4), "depthwise"),
        Example("ConvolutionalLayer {3, (3:3), lowerPad = (2:1), upperPad = (0:1), dilation = (2:1)}", ((8, 9, 2),),
                (6, 9, 3)),
        Example("ConvolutionalLayer {3, 5, stride = 2}", ((12, 2),), (4, 3), "over one axis"),
        Example("ConvolutionalLayer {2, (3:3:2), pad = (true:true:false)}", ((5, 6, 4, 2),), (5, 6, 3, 2),
                "over three axes"),
        Example("ConvolutionalLayer {64, (3:3), pad = true}", ((2, 2, 32),), None,
                "a filter may not be larger than its input"),
        Example("ConvolutionalLayer {64, (3:3), groups = 2}", ((8, 8, 3),), None,
                "3 channels cannot be divided into 2 groups"),
    )

    num_output_channels: int = option(Integer(1), doc="Number of filters, which is the number of output channels.",
                                      drawn="{} filters")
    filter_shape: tuple[int, ...] = kernel_option()
    bias: bool = option(Flag(), True, "Add a learned number to each output channel.")
    activation: Any = option(FunctionKind(), None, "Function applied to the output.", drawn="")
    init: str = init_option()
    init_value_scale: float = init_value_scale_option()
    init_bias: float = init_bias_option()
    stride: tuple[int, ...] = stride_option()
    pad: tuple[bool, ...] = pad_option()
    lower_pad: tuple[int, ...] = lower_pad_option()
    upper_pad: tuple[int, ...] = upper_pad_option()
    dilation: tuple[int, ...] = dilation_option()
    groups: int = groups_option()
    drop_rest: bool = drop_rest_option()

    def validate(self) -> None:
        validate_groups(self.num_output_channels, self.groups)

    def windows(self, shape: Shape) -> tuple[Window, ...]:
        convolution_axes(self.name(), self.filter_shape, shape, "filterShape")
        return Sliding(self.name(), self.filter_shape, self.stride, self.pad, self.lower_pad, self.upper_pad,
                       self.dilation, channels=shape.dims[0], drop_rest=self.drop_rest).windows(shape.dims[1:])

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        windows = self.windows(inputs[0])
        divide_channels(inputs[0], self.num_output_channels, self.groups)
        return Shape((self.num_output_channels, *(w.count for w in windows)))

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        channels = inputs[0].dims[0] // self.groups
        fan = fans((*self.filter_shape, channels, self.num_output_channels), len(self.filter_shape), -1)
        weight = ParameterSpec((self.num_output_channels, channels, *reversed(self.filter_shape)),
                           weight_start(self.init, self.init_value_scale, fan))
        bias = ParameterSpec((self.num_output_channels,), constant(self.init_bias))
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return output.size * inputs[0].dims[0] // self.groups * math.prod(self.filter_shape)

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("numOutputChannels is the last extent", output.file_dims[-1] == self.num_output_channels),
                *window_laws(self.windows(inputs[0]), all(self.pad))]

    def prepare(self, inputs: Sequence[Shape], output: Shape) -> dict[str, Any]:
        return prepare_convolution(self.windows(inputs[0]))

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return convolve(tensors[0], p.weight, p.bias if self.bias else None, p.prepared, self.groups)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return convolution_form(self.windows(inputs[0]), inputs[0].dims[0], output.dims[0], self.bias, self.groups)


@table_row
class Convolution(Layer):
    """Convolution with filters that are given: `Convolution (W, x, kernelDims)`.

    `W` is a parameter or constant `[kernelDims x inputs x outputs]`, `x` an input `[W x H x inputs]` (one to
    three axes and the channels); the output is `[W' x H' x outputs]`, without bias. `kernelDims` may name
    the channels as a further extent, and `stride` and `autoPadding` have a value for them then. `mapDims` states
    the number of outputs; where it is 0, `W` tells. Sizes and padding are those of ConvolutionalLayer, but
    `autoPadding` is on unless it is turned off.

    `W` may also be a matrix `[outputs x (kernelDims * inputs)]`, the form of CNTK's older files. As in CNTK
    only the order of its numbers counts: down its columns, they are the filters one after the other, each
    with the width fastest, then the height and the channels.

    Where `kernelDims` has as many extents as `x` has axes and the last is smaller than the number of
    channels, the filters move over the channels as well, and the channels of the output are the positions
    there for each of the `outputs`, one after the other. The channels are padded for a single output only.

    Source: CNTK `Convolution`.
    """

    family: ClassVar[str] = "convolution"
    draws_norm_inside: ClassVar[bool] = True
    label: ClassVar[str] = "convolution"
    inputs: ClassVar[tuple[str, ...]] = ("W", "x")
    parameter_inputs: ClassVar[tuple[str, ...]] = ("W",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Convolution (W, x, (3:3), stride = 2)", ((3, 3, 2, 4), (8, 7, 2)), (4, 4, 4)),
        Example("Convolution (W, x, (3:3:2), mapDims = 4, autoPadding = false)", ((3, 3, 2, 4), (8, 7, 2)), (6, 5, 4)),
        Example("Convolution (W, x, (3:3:2), mapDims = (1:1:4), stride = (2:2:2), autoPadding = (true:true:false))",
                ((4, 18), (8, 7, 2)), (4, 4, 4), "a matrix of weights, values for the channels: CNTK's older files"),
        Example("Convolution (W, x, (1:1:5), mapDims = 1)", ((1, 1, 5, 1), (4, 4, 8, 1)), (4, 4, 8, 1),
                "a sum along the third axis, as CNTK's AlexNet makes its normalization"),
        Example("Convolution (W, x, (3:3:2), mapDims = 3, autoPadding = (true:true:false))", ((3, 3, 2, 3), (4, 3, 5)),
                (4, 3, 12), "filters that move over the channels: 4 positions for each of 3 filters"),
        Example("Convolution (W, x, (3:3), mapDims = 4)", ((3, 3, 2, 4), (8, 7, 3)), None,
                "filters for 2 channels on an input of 3"),
        Example("Convolution (W, x, (3:3:2), mapDims = 3)", ((3, 3, 2, 3), (4, 3, 5)), None,
                "padding over the channels, as CNTK refuses it"),
        Example("Convolution (W, x, (3:3), mapDims = (2:1:4))", ((3, 3, 2, 4), (8, 7, 2)), None),
    )

    kernel_dims: tuple[int, ...] = kernel_option("Extents of the filters, width first.")
    map_dims: tuple[int, ...] = map_dims_option("Number of output channels; 0 takes it from `W`.")
    stride: tuple[int, ...] = stride_option()
    auto_padding: tuple[bool, ...] = pad_option(True)
    lower_pad: tuple[int, ...] = lower_pad_option()
    upper_pad: tuple[int, ...] = upper_pad_option()
    dilation: tuple[int, ...] = dilation_option()

    def seen(self, inputs: Sequence[Shape]) -> tuple[Shape, Shape]:
        """`W`, and `x` with a channel of its own where the filters move over its channels."""
        return inputs[0], with_one_channel(self.kernel_dims, inputs[1])

    def maps(self, inputs: Sequence[Shape]) -> int:
        """The number of outputs that the options name, or 0."""
        return number_of_maps(self.name(), self.map_dims, inputs[1].rank)

    def spatial(self, inputs: Sequence[Shape]) -> tuple[int, ...]:
        """The extents of the filters without the channels. Raises ShapeError where they do not fit `x`."""
        return spatial_kernel(self.name(), self.kernel_dims, self.seen(inputs)[1])

    def infer_inputs(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        kernel, maps, channels = self.spatial(inputs), self.maps(inputs), self.seen(inputs)[1].dims[0]
        return infer_filters(inputs, (*kernel, channels, maps), (maps, math.prod(kernel) * channels))

    def windows(self, inputs: Sequence[Shape]) -> tuple[Window, ...]:
        x = self.seen(inputs)[1]
        if moves_over_channels(self.kernel_dims, inputs[1]) and self.maps(inputs) != 1:
            refuse_padded_channels(self.name(), self.kernel_dims, self.auto_padding, inputs[1])
        return Sliding(self.name(), self.spatial(inputs), self.stride, self.auto_padding, self.lower_pad,
                       self.upper_pad, self.dilation, kernel_option="kernelDims", pad_option="autoPadding",
                       channels=x.dims[0]).windows(x.dims[1:])

    def filters(self, inputs: Sequence[Shape]) -> int:
        return number_of_filters(self.name(), self.seen(inputs), self.spatial(inputs), self.maps(inputs),
                                 outputs_last=True)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        counts = [w.count for w in self.windows(inputs)]
        maps = self.filters(inputs)
        over_channels = moves_over_channels(self.kernel_dims, inputs[1])
        return Shape((maps * counts[0], *counts[1:]) if over_channels else (maps, *counts))

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return output.size * self.seen(inputs)[1].dims[0] * math.prod(self.spatial(inputs))

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return window_laws(self.windows(inputs), all(self.auto_padding))

    def prepare(self, inputs: Sequence[Shape], output: Shape) -> dict[str, Any]:
        channels = self.seen(inputs)[1].dims[0]
        dims = (self.filters(inputs), channels, *reversed(self.spatial(inputs)))
        return {**prepare_convolution(self.windows(inputs)), "weight": dims,
                "over_channels": moves_over_channels(self.kernel_dims, inputs[1])}

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        weight, x = tensors
        weight = weight.reshape(p.prepared["weight"])
        if not p.prepared["over_channels"]:
            return convolve(x, weight, None, p.prepared, 1)
        lead = x.shape[:p.inputs[1].batched]
        y = convolve(x.unsqueeze(len(lead)), weight, None, p.prepared, 1)
        return y.reshape(*lead, *p.output.dims)


# --- what the rows share ---------------------------------------------------------------------


def window_laws(windows: Sequence[Window], padded_automatically: bool) -> list[tuple[str, bool]]:
    """Statements about the extents of a convolution's or pooling's output."""
    plain = all(w.lower == 0 and w.upper <= 0 for w in windows)
    dense = all(w.stride == 1 for w in windows)
    return [
        ("automatic padding and stride 1 keep the size",
         not (padded_automatically and dense) or all(w.count == w.size for w in windows)),
        ("without padding stride 1 takes a filter less one from the size",
         not (plain and dense) or all(w.count == w.size - w.extent + 1 for w in windows)),
        ("every position has a pixel", not padded_automatically or not any(w.has_empty for w in windows)),
    ]


def prepare_convolution(windows: Sequence[Window]) -> dict[str, Any]:
    """What `convolve` needs: torch's symmetric padding where it serves, explicit padding elsewhere."""
    return {
        "stride": tuple(w.stride for w in windows),
        "dilation": tuple(w.dilation for w in windows),
        "padding": tuple(w.lower if w.is_symmetric else 0 for w in windows),
        "explicit": explicit_padding(windows, keep_symmetric=True),
    }


def convolution_form(windows: Sequence[Window], inputs: int, outputs: int, bias: bool, groups: int) -> TorchForm:
    """`nn.Conv2d`, with explicit padding before it where torch's own does not serve."""
    prepared = prepare_convolution(windows)
    padding = alike(prepared["padding"])
    module = Call.of(f"nn.Conv{len(windows)}d", ("in_channels", inputs), ("out_channels", outputs),
                     kernel_size=alike([w.kernel for w in windows]), stride=Default(alike(prepared["stride"]), 1),
                     padding=Default(padding, 0), dilation=Default(alike(prepared["dilation"]), 1),
                     groups=Default(groups, 1), bias=Default(bias, True))
    pads = prepared["explicit"]
    before = (padding_call(pads),) if any(pads) else ()
    return TorchForm(f"{{self}}({padded_input(pads)})", module, before)


def convolve(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, prepared: dict[str, Any],
             groups: int) -> torch.Tensor:
    """torch's convolution of a tensor with or without a batch axis."""
    x = padded(x, prepared["explicit"])
    return by_axes("conv", len(prepared["stride"]))(  # type: ignore[no-any-return]
        x, weight, bias, prepared["stride"], prepared["padding"], prepared["dilation"], groups)

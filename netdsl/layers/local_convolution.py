"""Convolution whose filters are others at every position."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.codes import Code
from ..spec import Integer, option, table_row
from .given_filters import spatial_kernel
from .layer import Example, Layer, Shape, ShapeError
from .windows import (
    Sliding,
    Window,
    explicit_padding,
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


@table_row
class LocalConvolution(Layer):
    """Convolution with filters of its own for every position: `LocalConvolution (W, x, kernelDims, mapDims = n)`.

    Each of the `mapDims` outputs at each position has its own filter, so `W` is a matrix `[(positions * mapDims) x
    (kernelDims * inputs)]`, or a tensor with as many numbers in the same order. As in CNTK the order counts, not the
    matrix: filters one after the other, first along the width of the output, then its height, then its channels; each
    with its width fastest, then its height and the input's channels. Sizes and padding are those of Convolution.

    Source: CNTK `Convolution (..., sharing = false)`; called "locally connected" in cuda-convnet and Keras.
    """

    family: ClassVar[str] = "convolution"
    label: ClassVar[str] = "convolution"
    inputs: ClassVar[tuple[str, ...]] = ("W", "x")
    parameter_inputs: ClassVar[tuple[str, ...]] = ("W",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("LocalConvolution (W, x, (3:3), mapDims = 4)", ((4 * 8 * 7, 3 * 3 * 2), (8, 7, 2)), (8, 7, 4)),
        Example("LocalConvolution (W, x, (3:3:2), mapDims = 4, stride = (2:2:2), autoPadding = false)",
                ((4 * 3 * 3, 3 * 3 * 2), (8, 7, 2)), (3, 3, 4)),
        Example("LocalConvolution (W, x, (3:3), mapDims = 4)", ((4, 3 * 3 * 2), (8, 7, 2)), None,
                "a filter for each of 4 outputs, and not for each position"),
    )

    kernel_dims: tuple[int, ...] = kernel_option("Extents of the filters, width first.")
    map_dims: int = option(Integer(1), doc="Number of output channels.", drawn="{} filters")
    stride: tuple[int, ...] = stride_option()
    auto_padding: tuple[bool, ...] = pad_option(True)
    lower_pad: tuple[int, ...] = lower_pad_option()
    upper_pad: tuple[int, ...] = upper_pad_option()

    def spatial(self, inputs: Sequence[Shape]) -> tuple[int, ...]:
        """The extents of the filters without the channels. Raises ShapeError where they do not fit `x`."""
        return spatial_kernel(self.name(), self.kernel_dims, inputs[1])

    def windows(self, inputs: Sequence[Shape]) -> tuple[Window, ...]:
        return Sliding(self.name(), self.spatial(inputs), self.stride, self.auto_padding, self.lower_pad,
                       self.upper_pad, (1,), kernel_option="kernelDims", pad_option="autoPadding",
                       channels=inputs[1].dims[0]).windows(inputs[1].dims[1:])

    def _matrix(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        """Rows and columns of `W`: a row for each output, a column for each number under a filter."""
        positions = math.prod(window.count for window in self.windows(inputs))
        return positions * self.map_dims, math.prod(self.spatial(inputs)) * inputs[1].dims[0]

    def infer_inputs(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        weight = inputs[0]
        if weight.rank != 2 or all(weight.file_dims):
            return tuple(inputs)
        known = tuple(given or extent for given, extent in zip(weight.file_dims, self._matrix(inputs), strict=True))
        return Shape.of(*known, batched=weight.batched), *inputs[1:]

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        weight, wanted = inputs[0], self._matrix(inputs)
        if weight.batched:
            raise ShapeError(f"the filters of {self.name()} have to be a parameter or a constant", input=0,
                             code=Code.WRONG_INPUTS, label="this has a value for every sample")
        if weight.size != math.prod(wanted) or (weight.rank == 2 and weight.file_dims != wanted):
            counts = [window.count for window in self.windows(inputs)]
            raise ShapeError(f"filters of {weight} do not fit an input of {inputs[1]}", input=0,
                             label=f"{show_extents(wanted)} is needed",
                             body=(f"There are {show_extents(counts)} positions with {self.map_dims} filters each.",))
        return Shape((self.map_dims, *(window.count for window in self.windows(inputs))))

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return output.size * self._matrix(inputs)[1]

    def prepare(self, inputs: Sequence[Shape], output: Shape) -> dict[str, Any]:
        windows, columns = self.windows(inputs), self._matrix(inputs)[1]
        return {"pads": explicit_padding(windows, keep_symmetric=False),
                "steps": tuple((window.kernel, window.stride, window.count) for window in windows),
                "filters": (self.map_dims, math.prod(window.count for window in windows), columns)}

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        weight, x = tensors
        lead = x.shape[:p.inputs[1].batched]
        patches = padded(x, p.prepared["pads"])
        axes, steps = len(p.prepared["steps"]), p.prepared["steps"]
        for axis, (kernel, stride, count) in enumerate(steps):
            at = len(lead) + 1 + axis
            patches = patches.unfold(at, kernel, stride).narrow(at, 0, count)
        # (lead, channels, positions..., kernel...) -> (lead, positions, channels and kernel)
        patches = patches.flatten(len(lead) + 1 + axes).flatten(len(lead) + 1, len(lead) + axes)
        patches = patches.transpose(-3, -2).flatten(-2)
        filters = weight.reshape(p.prepared["filters"])
        return torch.einsum("...pk,mpk->...mp", patches, filters).reshape(*lead, *p.output.dims)

"""Max unpooling: values put back where a max pooling took them from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.codes import Code
from ..spec import table_row
from .layer import Example, Layer, Shape, ShapeError
from .pooling import over_last_axes, pooling_windows
from .torch_form import TorchForm, alike
from .windows import (
    Sliding,
    Window,
    by_axes,
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


@table_row
class Unpooling(Layer):
    """Base of the unpoolings: `unpoolInput` holds the values, `poolInput` decides the places."""

    family: ClassVar[str] = "pooling"
    label: ClassVar[str] = "unpool"
    inputs: ClassVar[tuple[str, ...]] = ("unpoolInput", "poolInput")

    def sliding(self) -> Sliding:
        raise NotImplementedError

    def windows(self, inputs: Sequence[Shape]) -> tuple[Window, ...]:
        return pooling_windows(self.sliding(), inputs[1])

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        values, places = inputs
        windows = self.windows(inputs)
        pooled = Shape((*places.dims[: -len(windows)], *(w.count for w in windows)))
        if values.dims != pooled.dims:
            raise ShapeError(f"{self.name()} needs values of {pooled}, and gets {values}", input=0,
                             label=f"this is {values}",
                             body=(f"Max pooling of the second input, {places}, with these options makes {pooled}.",))
        if values.batched != places.batched:
            raise ShapeError(f"only one input of {self.name()} has samples", input=0, code=Code.WRONG_INPUTS,
                             label="both have to change from sample to sample")
        return Shape(places.dims)

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the output is as large as what was pooled", output.dims == inputs[1].dims)]

    def prepare(self, inputs: Sequence[Shape], output: Shape) -> dict[str, Any]:
        windows = self.windows(inputs)
        return {"kernel": tuple(w.kernel for w in windows), "stride": tuple(w.stride for w in windows),
                "explicit": explicit_padding(windows, keep_symmetric=False)}

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        values, places = tensors
        if not p.inputs[1].batched:
            return _unpool(values[None], places[None], p.prepared)[0]
        return _unpool(values, places, p.prepared)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        prepared = self.prepare(inputs, output)
        axes = len(prepared["kernel"])
        if inputs[1].rank != axes + 1 or axes != 2 or not inputs[1].batched:
            return None
        pads = prepared["explicit"]
        given = [alike(prepared["kernel"]), alike(prepared["stride"]), *([tuple(pads)] if any(pads) else [])]
        return TorchForm(f"max_unpool2d({{0}}, {{1}}, {', '.join(map(str, given))})", helpers=("max_unpool2d",))


@table_row
class MaxUnpoolingLayer(Unpooling):
    """Puts each value where the max pooling of another input found the largest, and 0 elsewhere.

    Applied to two inputs, `f (unpoolInput, poolInput)`. The options are those of the MaxPoolingLayer to undo. Of
    equal largest values the first is taken; where windows overlap on one place, the last window's value
    stays. A value's gradient is the output's at its place, and 0 for a value that was overwritten.

    Source: CNTK `MaxUnpoolingLayer` (whose gradient is not the true one; this one is).
    """

    style: ClassVar[str] = "layer"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("MaxUnpoolingLayer {(2:2), stride = 2}", ((3, 2, 2), (6, 4, 2)), (6, 4, 2)),
        Example("MaxUnpoolingLayer {(3:3), stride = 2, pad = true}", ((4, 4, 2), (8, 7, 2)), (8, 7, 2)),
        Example("MaxUnpoolingLayer {(2:2), stride = 2}", ((3, 3, 2), (6, 4, 2)), None, "the pooling makes 3 x 2 x 2"),
    )

    filter_shape: tuple[int, ...] = kernel_option("Extents of the window, width first.")
    stride: tuple[int, ...] = stride_option()
    pad: tuple[bool, ...] = pad_option()
    lower_pad: tuple[int, ...] = lower_pad_option()
    upper_pad: tuple[int, ...] = upper_pad_option()

    def sliding(self) -> Sliding:
        return Sliding(self.name(), self.filter_shape, self.stride, self.pad, self.lower_pad, self.upper_pad,
                       thing="window")


@table_row
class MaxUnpooling(Unpooling):
    """Puts each value where a max pooling found the largest: `MaxUnpooling (unpoolInput, poolInput, kernelDims)`.

    What MaxUnpoolingLayer does, as a function of its inputs; `autoPadding` is on unless it is turned off.

    Source: CNTK `MaxUnpooling`.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example("MaxUnpooling (u, x, (2:2), stride = 2)", ((3, 2, 2), (6, 4, 2)), (6, 4, 2)),
        Example("MaxUnpooling (u, x, 2, stride = 2, autoPadding = false)", ((3, 2), (7, 2)), (7, 2), "over one axis"),
    )

    kernel_dims: tuple[int, ...] = kernel_option("Extents of the window, width first.")
    stride: tuple[int, ...] = stride_option()
    auto_padding: tuple[bool, ...] = pad_option(True)
    lower_pad: tuple[int, ...] = lower_pad_option()
    upper_pad: tuple[int, ...] = upper_pad_option()

    def sliding(self) -> Sliding:
        return Sliding(self.name(), self.kernel_dims, self.stride, self.auto_padding, self.lower_pad, self.upper_pad,
                       kernel_option="kernelDims", pad_option="autoPadding", thing="window")


def _unpool(values: torch.Tensor, places: torch.Tensor, prepared: dict[str, Any]) -> torch.Tensor:
    """`values` and `places` with a batch axis; the result has the shape of `places`."""
    import torch

    axes = len(prepared["kernel"])
    pool = by_axes("max_pool", axes)

    def owners(images: torch.Tensor) -> torch.Tensor:
        """For each pixel the number of the window whose value it gets, or -1."""
        images = padded(images, prepared["explicit"], float("-inf"))
        _, chosen = pool(images, prepared["kernel"], prepared["stride"], return_indices=True)
        chosen = chosen.flatten(2)
        numbers = torch.arange(chosen.shape[2], device=chosen.device).expand_as(chosen)
        empty = torch.full(images.shape, -1, device=chosen.device).flatten(2)
        owner = empty.scatter_reduce(2, chosen, numbers, "amax").reshape(images.shape)
        return padded(owner, [-amount for amount in prepared["explicit"]], -1)

    owner = over_last_axes(places.detach(), axes, owners)
    lead = values.dim() - axes
    found = values.flatten(lead).gather(lead, owner.flatten(lead).clamp(min=0)).reshape(owner.shape)
    return torch.where(owner >= 0, found, torch.zeros((), dtype=found.dtype, device=found.device))

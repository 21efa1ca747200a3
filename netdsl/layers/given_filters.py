"""Filters that are a node of the network: how `W` of Convolution and ConvolutionTranspose fits the input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..base.codes import Code
from ..spec import Dims, option
from .layer import Shape, ShapeError
from .windows import convolution_axes, show_extents


def map_dims_option(doc: str) -> Any:
    return option(Dims(0), (0,), f"{doc} One number, or 1 for each axis of the image before it.",
                  drawn="")


def number_of_maps(layer: str, map_dims: tuple[int, ...], rank: int) -> int:
    """The number in `mapDims`, which may stand behind a 1 for each axis of the image: `(1:1:16)`."""
    if len(map_dims) not in (1, rank) or any(extent != 1 for extent in map_dims[:-1]):
        raise ShapeError(f"`mapDims` of {layer} is one number", option="mapDims", code=Code.OPTION_TYPE,
                         label=f"this is {show_extents(map_dims)}",
                         hint=f"write the number of channels alone, or {':'.join([*['1'] * (rank - 1), 'maps'])}.")
    return map_dims[-1]


def moves_over_channels(kernel: tuple[int, ...], x: Shape) -> bool:
    """Whether `kernelDims` has an extent for the channels that is smaller than they are: the filters move over them."""
    return len(kernel) == x.rank and kernel[-1] < x.dims[0]


def with_one_channel(kernel: tuple[int, ...], x: Shape) -> Shape:
    """The input as the filters see it: where they move over the channels, these are an axis of the image."""
    return Shape((1, *x.dims), x.batched) if moves_over_channels(kernel, x) else x


def refuse_padded_channels(layer: str, kernel: tuple[int, ...], padding: tuple[bool, ...], x: Shape) -> None:
    """Raise where filters that move over the channels would be padded there; it is most likely a wrong number."""
    if not padding[min(len(kernel), len(padding)) - 1]:
        return
    extents = show_extents(kernel)
    raise ShapeError(f"filters over {kernel[-1]} channels do not fit an input of {x}", option="kernelDims",
                     label=f"{kernel[-1]} channels here, and {x.dims[0]} there",
                     hint=f"to have filters of {extents} move over the channels, write `autoPadding = "
                          f"({':'.join(['true'] * (len(kernel) - 1))}:false)`.")


def spatial_kernel(layer: str, kernel: tuple[int, ...], x: Shape) -> tuple[int, ...]:
    """`kernelDims` without the channels, which CNTK's files may name as its last extent."""
    channels = x.dims[0]
    if len(kernel) == x.rank and x.rank > 1:
        if kernel[-1] != channels:
            raise ShapeError(f"filters over {kernel[-1]} channels do not fit an input of {x}", option="kernelDims",
                             label=f"{kernel[-1]} channels here, and {channels} there")
        kernel = kernel[:-1]
    convolution_axes(layer, kernel, x, "kernelDims", input=1)
    return kernel


def number_of_filters(layer: str, inputs: Sequence[Shape], kernel: tuple[int, ...], maps: int,
                      outputs_last: bool) -> int:
    """The number of output channels of filters `W` for `x`; raises ShapeError where they do not fit.

    `outputs_last`: `W` is `[kernel x inputs x outputs]`, else (transposed) `[kernel x outputs x inputs]`. For an
    input of one channel the axis of the inputs may be left out, and an axis of one output as well. A matrix
    `[outputs x (kernel * inputs)]` is CNTK's older form.
    """
    weight, x = inputs
    channels, rank = x.dims[0], len(kernel)
    if weight.batched:
        raise ShapeError(
            f"the filters of {layer} have to be a parameter or a constant",
            input=0,
            code=Code.WRONG_INPUTS,
            label="this has a value for every sample",
        )
    written = weight.file_dims
    columns = math.prod(kernel) * channels
    is_matrix = outputs_last and weight.rank == 2 and written[1] == columns and maps in (0, written[0])
    found = maps or (written[-1 if outputs_last else -2] if weight.rank == rank + 2 else written[-1])
    full = (*kernel, channels, found) if outputs_last else (*kernel, found, channels)
    allowed = {full} | ({(*kernel, found)} if channels == 1 else set()) | ({full[:-1]} if full[-1] == 1 else set())
    if written in allowed:
        return found
    if is_matrix:
        return written[0]
    order = " x ".join(("width", "height", "depth")[:rank])
    ends = "inputs x outputs" if outputs_last else "outputs x inputs"
    raise ShapeError(f"filters of {weight} do not fit an input of {x}", input=0,
                     label=f"{show_extents(full)} is needed", body=(f"{layer} takes filters {order} x {ends}.",))


def infer_filters(inputs: Sequence[Shape], axes: tuple[int, ...], matrix: tuple[int, int] | None = None,
                  ) -> tuple[Shape, ...]:
    """The inputs with the extents of `W` filled in that it leaves open; `axes` is what it should be, as a tensor or
    as a `matrix`.
    """
    weight = inputs[0]
    wanted: tuple[int, ...] | None = axes if weight.rank == len(axes) else None
    if wanted is None and weight.rank == 2:
        wanted = matrix
    if wanted is None:
        return tuple(inputs)
    known = tuple(given or extent for given, extent in zip(weight.file_dims, wanted, strict=True))
    return Shape.of(*known, batched=weight.batched), *inputs[1:]

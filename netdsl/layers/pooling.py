"""Pooling: the largest or the mean value of windows that move over the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.codes import Code
from ..spec import Choice, Flag, Integer, OptionError, option, table_row
from .bounds import Bounds, hull
from .convolution import window_laws
from .layer import Example, SampleLayer, Shape, ShapeError
from .pooling_form import global_form, pooling_form
from .torch_form import TorchForm
from .windows import (
    MAXIMUM_AXES,
    Sliding,
    Window,
    by_axes,
    drop_rest_option,
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

_CEIL = "Round the number of positions up, so that a last window may hang over the end."
_INCLUDE_OVERHANG = ("With `includePad`: what hangs over the end of the padded input counts as well; false: it is left "
                     "out of the divisor.")
_INCLUDE_PAD = "Divide by the size of the window everywhere, not by the number of its real pixels."


@table_row
class WindowPooling(SampleLayer):
    """Base of the poolings with a window. The window covers the first axes of the file's order."""

    family: ClassVar[str] = "pooling"

    def sliding(self) -> Sliding:
        raise NotImplementedError

    def is_max(self) -> bool:
        raise NotImplementedError

    def counts_padding(self) -> bool:
        return False

    def counts_overhang(self) -> bool:
        return True

    def windows(self, shape: Shape) -> tuple[Window, ...]:
        return pooling_windows(self.sliding(), shape, padding_is_a_value=self.counts_padding())

    def extra_saved_bytes(self, inputs: Sequence[Shape], output: Shape) -> int:
        return 2 * output.size if self.is_max() else 0  # the place of each maximum, as a 64-bit number

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        windows = self.windows(inputs[0])
        return Shape((*inputs[0].dims[: -len(windows)], *(w.count for w in windows)))

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        sliding, windows = self.sliding(), self.windows(inputs[0])
        return [("axes beside the window keep their extents",
                 output.file_dims[sliding.axes :] == inputs[0].file_dims[sliding.axes :]),
                *([] if sliding.ceil else window_laws(windows, all(sliding.pad)))]

    def prepare(self, inputs: Sequence[Shape], output: Shape) -> dict[str, Any]:
        prepared = prepare_pooling(self.windows(inputs[0]), self.is_max(), self.counts_padding())
        if self.is_max() or not self.counts_padding() or self.counts_overhang():
            return prepared
        ends = cut_ends(self.sliding(), prepared["windows"])
        return {**prepared, "ends": ends} if ends else prepared

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        pool = pool_maximum if self.is_max() else pool_mean
        return over_last_axes(x, len(p.prepared["kernel"]), lambda images: pool(images, p.prepared))

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return pooling_form(inputs[0], self.prepare(inputs, output), self.is_max())

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return hull([inputs[0], (0.0, 0.0)])  # a mean may count padding


@table_row
class MaxPoolingLayer(WindowPooling):
    """The largest value under a window that moves over the input.

    The window covers the first axes (`(3:3)`: width and height); the others are kept. The stride is 1 unless
    it is given, as in CNTK. Without padding the output has `floor((size - filter) / stride) + 1` positions
    along an axis, with `ceilOutDim` the same rounded up; `pad = true` gives `floor((size - 1) / stride) + 1`.
    Padding and what hangs over the end never win, and a window that would begin after the last pixel is
    left out. Where padding is given, every pixel has to be reached, unless `dropRest` is set. The gradient goes to
    the first of equal largest values.

    Source: CNTK `MaxPoolingLayer`; AlexNet's overlapping pooling is `{(3:3), stride = 2}`.
    """

    label: ClassVar[str] = "pool"
    style: ClassVar[str] = "layer"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("MaxPoolingLayer {(3:3), stride = 2}", ((55, 55, 96),), (27, 27, 96)),
        Example("MaxPoolingLayer {(2:2)}", ((6, 5, 2),), (5, 4, 2), "stride 1"),
        Example("MaxPoolingLayer {(3:3), stride = 2, pad = true}", ((8, 7, 2),), (4, 4, 2)),
        Example("MaxPoolingLayer {(2:2), stride = 2, ceilOutDim = true}", ((7, 5, 2),), (4, 3, 2)),
        Example("MaxPoolingLayer {(4:2), stride = (3:1), lowerPad = (1:0), upperPad = (3:1)}", ((8, 7, 2),), (3, 7, 2)),
        Example("MaxPoolingLayer {3, stride = 2, pad = true}", ((9, 2),), (5, 2), "over one axis"),
        Example("MaxPoolingLayer {(2:2:2), stride = 2}", ((4, 5, 6, 2),), (2, 2, 3, 2), "over three axes"),
        Example("MaxPoolingLayer {(2:2), stride = 2}", ((4, 6),), (2, 3), "an image without an axis of channels"),
        Example("MaxPoolingLayer {(3:3), pad = true}", ((2, 2, 8),), None, "a window may not be larger than its input"),
    )

    filter_shape: tuple[int, ...] = kernel_option("Extents of the window, width first.")
    stride: tuple[int, ...] = stride_option()
    pad: tuple[bool, ...] = pad_option()
    lower_pad: tuple[int, ...] = lower_pad_option()
    upper_pad: tuple[int, ...] = upper_pad_option()
    ceil_out_dim: bool = option(Flag(), False, _CEIL)
    drop_rest: bool = drop_rest_option()

    def sliding(self) -> Sliding:
        return Sliding(self.name(), self.filter_shape, self.stride, self.pad, self.lower_pad, self.upper_pad,
                       ceil=self.ceil_out_dim, thing="window", drop_rest=self.drop_rest)

    def is_max(self) -> bool:
        return True


@table_row
class AveragePoolingLayer(WindowPooling):
    """The mean of the values under a window that moves over the input.

    Sizes are those of MaxPoolingLayer. The mean is over the real pixels under the window; with `includePad`
    padding and what hangs over the end count as zeros, and the divisor is always the window's size. With
    `includeOverhang = false` beside it, the divisor is the part of the window inside the padded input: Caffe's rule,
    and PyTorch's `count_include_pad`.

    Source: CNTK `AveragePoolingLayer`.
    """

    label: ClassVar[str] = "pool"
    style: ClassVar[str] = "layer"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("AveragePoolingLayer {(8:8)}", ((8, 8, 64),), (1, 1, 64)),
        Example("AveragePoolingLayer {(3:3), stride = 2, pad = true}", ((8, 7, 2),), (4, 4, 2)),
        Example("AveragePoolingLayer {(3:2), stride = 2, ceilOutDim = true, includePad = true}", ((8, 7, 2),),
                (4, 4, 2)),
        Example("AveragePoolingLayer {(4:4), stride = 3, pad = true}", ((9, 7, 2),), (3, 3, 2)),
        Example("AveragePoolingLayer {(3:3), stride = 2, lowerPad = 1, upperPad = 1, ceilOutDim = true, "
                "includePad = true, includeOverhang = false}", ((8, 6, 2),), (5, 4, 2), "Caffe's pooling"),
        Example("AveragePoolingLayer {3, stride = 2}", ((9, 2),), (4, 2), "over one axis"),
        Example("AveragePoolingLayer {(2:2), lowerPad = 2}", ((5, 5, 1),), None, "a window with nothing but padding"),
    )

    filter_shape: tuple[int, ...] = kernel_option("Extents of the window, width first.")
    stride: tuple[int, ...] = stride_option()
    pad: tuple[bool, ...] = pad_option()
    lower_pad: tuple[int, ...] = lower_pad_option()
    upper_pad: tuple[int, ...] = upper_pad_option()
    ceil_out_dim: bool = option(Flag(), False, _CEIL)
    include_pad: bool = option(Flag(), False, _INCLUDE_PAD)
    include_overhang: bool = option(Flag(), True, _INCLUDE_OVERHANG)
    drop_rest: bool = drop_rest_option()

    def validate(self) -> None:
        if not self.include_overhang and not self.include_pad:
            raise OptionError("includeOverhang", "`includeOverhang` says nothing without `includePad = true`")

    def sliding(self) -> Sliding:
        return Sliding(self.name(), self.filter_shape, self.stride, self.pad, self.lower_pad, self.upper_pad,
                       ceil=self.ceil_out_dim, thing="window", drop_rest=self.drop_rest)

    def is_max(self) -> bool:
        return False

    def counts_padding(self) -> bool:
        return self.include_pad

    def counts_overhang(self) -> bool:
        return self.include_overhang


@table_row
class Pooling(WindowPooling):
    """The largest or the mean value under a moving window: `Pooling (input, 'max', kernelDims)`.

    What MaxPoolingLayer and AveragePoolingLayer do, as a function of its input; `autoPadding` is on unless it
    is turned off.

    Source: CNTK `Pooling`.
    """

    label: ClassVar[str] = "pool"
    inputs: ClassVar[tuple[str, ...]] = ("input",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Pooling (x, 'max', (2:2), stride = 2)", ((8, 7, 3),), (4, 4, 3)),
        Example("Pooling (x, 'average', (3:3), autoPadding = false)", ((8, 7, 3),), (6, 5, 3)),
        Example("Pooling (x, 'max', (2:2:1), stride = (2:2:1))", ((8, 7, 3),), (4, 4, 3), "over three axes"),
        Example("Pooling (x, 'max', (9:9))", ((8, 7, 3),), None),
    )

    pool_kind: str = option(Choice(("max", "average")), doc="What is taken of each window.", drawn="{}")
    kernel_dims: tuple[int, ...] = kernel_option("Extents of the window, width first.")
    stride: tuple[int, ...] = stride_option()
    auto_padding: tuple[bool, ...] = pad_option(True)
    lower_pad: tuple[int, ...] = lower_pad_option()
    upper_pad: tuple[int, ...] = upper_pad_option()
    ceil_out_dim: bool = option(Flag(), False, _CEIL)
    include_pad: bool = option(Flag(), False, _INCLUDE_PAD)

    def sliding(self) -> Sliding:
        return Sliding(self.name(), self.kernel_dims, self.stride, self.auto_padding, self.lower_pad, self.upper_pad,
                       ceil=self.ceil_out_dim, kernel_option="kernelDims", pad_option="autoPadding", thing="window")

    def is_max(self) -> bool:
        return self.pool_kind == "max"

    def counts_padding(self) -> bool:
        return self.include_pad and not self.is_max()


@table_row
class OldPooling(WindowPooling):
    """Base of CNTK's older functions of pooling, over width and height without padding."""

    label: ClassVar[str] = "pool"
    inputs: ClassVar[tuple[str, ...]] = ("input",)

    window_width: int
    window_height: int
    horizontal_subsample: int
    vertical_subsample: int

    def sliding(self) -> Sliding:
        return Sliding(self.name(), (self.window_width, self.window_height),
                       (self.horizontal_subsample, self.vertical_subsample), (False,), (0,), (0,),
                       kernel_option="windowWidth", thing="window")


def _window_width() -> Any:
    return option(Integer(1), doc="Width of the window.", drawn="{} wide")


def _window_height() -> Any:
    return option(Integer(1), doc="Height of the window.", drawn="{} high")


def _subsample(direction: str) -> Any:
    return option(Integer(1), doc=f"Pixels from one position to the next, {direction}.")


@table_row
class MaxPooling(OldPooling):
    """The largest value under a window, with its extents and steps as four numbers, without padding.

    MaxPoolingLayer does the same and more.

    Source: CNTK `MaxPooling (x, windowWidth, windowHeight, horizontalSubsample, verticalSubsample)`.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example("MaxPooling (x, 2, 2, 2, 2)", ((8, 7, 3),), (4, 3, 3)),
        Example("MaxPooling (x, 9, 2, 1, 1)", ((8, 7, 3),), None),
    )

    window_width: int = _window_width()
    window_height: int = _window_height()
    horizontal_subsample: int = _subsample("across")
    vertical_subsample: int = _subsample("down")

    def is_max(self) -> bool:
        return True


@table_row
class AveragePooling(OldPooling):
    """The mean of the values under a window, with its extents and steps as four numbers, without padding.

    AveragePoolingLayer does the same and more.

    Source: CNTK `AveragePooling (x, windowWidth, windowHeight, horizontalSubsample, verticalSubsample)`.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example("AveragePooling (x, 4, 3, 2, 1)", ((8, 7, 3),), (3, 5, 3)),
    )

    window_width: int = _window_width()
    window_height: int = _window_height()
    horizontal_subsample: int = _subsample("across")
    vertical_subsample: int = _subsample("down")

    def is_max(self) -> bool:
        return False


@table_row
class GlobalPooling(SampleLayer):
    """Base of the poolings over all pixels: `W x H x C` becomes `1 x 1 x C`."""

    family: ClassVar[str] = "pooling"
    label: ClassVar[str] = "globalPool"
    style: ClassVar[str] = "layer"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0].rank < 2:
            raise ShapeError(f"{self.name()} needs pixels and channels, and gets {inputs[0]}", input=0,
                             label=f"this is {inputs[0]}", hint="the input has to be W x H x C, or W x C.")
        return Shape((inputs[0].dims[0], *[1] * (inputs[0].rank - 1)))

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("one number is left of each channel", output.size == inputs[0].dims[0])]

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class GlobalMaxPoolingLayer(GlobalPooling):
    """The largest value of each channel: `W x H x C` becomes `1 x 1 x C`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example("GlobalMaxPoolingLayer {}", ((7, 5, 4),), (1, 1, 4)),
        Example("GlobalMaxPoolingLayer {}", ((7, 4),), (1, 4), "over one axis"),
        Example("GlobalMaxPoolingLayer {}", ((10,),), None, "a vector has no pixels"),
    )

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        # Not amax: it would divide the gradient among equal largest values; max sends it to the first.
        return x.flatten(2).max(dim=2).values.reshape(x.shape[0], *p.output.dims)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return global_form("Max", inputs[0])


@table_row
class GlobalAveragePoolingLayer(GlobalPooling):
    """The mean of each channel: `W x H x C` becomes `1 x 1 x C`.

    Source: Network in Network (Lin et al. 2013); the head of ResNet.
    """

    keeps: ClassVar[str] = "nothing"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("GlobalAveragePoolingLayer {}", ((7, 5, 4),), (1, 1, 4)),
        Example("GlobalAveragePoolingLayer {}", ((3, 2, 5, 4),), (1, 1, 1, 4), "over three axes"),
        Example("GlobalAveragePoolingLayer {}", ((10,),), None, "a vector has no pixels"),
    )

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=tuple(range(2, x.dim())), keepdim=True)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return global_form("Avg", inputs[0])


# --- what the rows share ---------------------------------------------------------------------


def pooling_windows(sliding: Sliding, shape: Shape, padding_is_a_value: bool = False) -> tuple[Window, ...]:
    """The windows of a pooling, in torch's order; raises ShapeError where one has no real pixel."""
    if sliding.axes > MAXIMUM_AXES:
        raise ShapeError(f"{sliding.layer} goes over at most {MAXIMUM_AXES} axes, and not {sliding.axes}",
                         option=sliding.kernel_option, label=f"this has {sliding.axes} extents", code=Code.OPTION_TYPE)
    if shape.rank < sliding.axes:
        raise ShapeError(f"a window of {show_extents(sliding.kernel)} needs an input with {sliding.axes} axes",
                         input=0, label=f"this is {shape}")
    windows = sliding.windows(shape.dims[shape.rank - sliding.axes :])
    if not padding_is_a_value and any(w.has_empty for w in windows):
        raise ShapeError(f"a window of {sliding.layer} would hold nothing but padding",
                         option="lowerPad" if any(w.lower >= w.extent for w in windows) else "upperPad",
                         label=f"the window is only {show_extents(sliding.kernel)}",
                         hint="pad by less than the window's extent.")
    return windows


def prepare_pooling(windows: Sequence[Window], is_max: bool, counts_padding: bool) -> dict[str, Any]:
    """How torch is asked for these windows: by its own padding where that serves, else by explicit padding."""
    prepared: dict[str, Any] = {
        "kernel": tuple(w.kernel for w in windows), "stride": tuple(w.stride for w in windows),
        "padding": tuple(w.lower for w in windows), "ceil": False, "explicit": [], "counts_padding": counts_padding,
        "windows": tuple(windows),
    }
    half = all(0 <= w.lower <= w.kernel // 2 for w in windows)
    if half and all(w.is_symmetric for w in windows):
        return prepared
    # Rounded up, torch divides a mean by less than the window's size; that is another rule than includePad.
    if half and not counts_padding and all(_torch_count_up(w) == w.count for w in windows):
        return {**prepared, "ceil": True}
    return {**prepared, "padding": (0,) * len(windows), "explicit": explicit_padding(windows, keep_symmetric=False)}


def _torch_count_up(window: Window) -> int:
    """Positions that torch makes with `ceil_mode` and `lower` pixels of padding on both sides."""
    count = -(-(window.size + 2 * window.lower - window.extent) // window.stride) + 1
    return count - 1 if (count - 1) * window.stride >= window.size + window.lower else count


def over_last_axes(x: torch.Tensor, axes: int, function: Any) -> torch.Tensor:
    """Apply a function of `(N, C, ...)` tensors to the last axes; whatever stands before them is `C`."""
    if x.dim() == axes + 2:
        return function(x)  # type: ignore[no-any-return]
    y = function(x.reshape(x.shape[0], -1, *x.shape[x.dim() - axes :]))
    return y.reshape(*x.shape[: x.dim() - axes], *y.shape[2:])  # type: ignore[no-any-return]


def pool_maximum(x: torch.Tensor, prepared: dict[str, Any]) -> torch.Tensor:
    x = padded(x, prepared["explicit"], float("-inf"))
    return by_axes("max_pool", len(prepared["kernel"]))(  # type: ignore[no-any-return]
        x, prepared["kernel"], prepared["stride"], prepared["padding"], 1, prepared["ceil"])


def pool_mean(x: torch.Tensor, prepared: dict[str, Any]) -> torch.Tensor:
    """Means of `(N, C, ...)`; padding counts as pixels of value 0 only if it is to be counted."""
    pool = by_axes("avg_pool", len(prepared["kernel"]))
    y: torch.Tensor = pool(padded(x, prepared["explicit"]), prepared["kernel"], prepared["stride"],
                           prepared["padding"], prepared["ceil"], prepared["counts_padding"])
    windows = prepared["windows"]
    if "ends" in prepared:
        return y * _window_size_by_pixels(x, windows, [-w.lower for w in windows], prepared["ends"])
    if not prepared["explicit"] or prepared["counts_padding"]:
        return y
    return y * _window_size_by_pixels(x, windows, [0] * len(windows), [w.size for w in windows])


def cut_ends(sliding: Sliding, windows: Sequence[Window]) -> list[int]:
    """Where the padded input ends along each axis, if a window hangs over it; none if no window does."""
    ends = []
    for axis, w in enumerate(reversed(windows)):
        _, _, automatic, _, upper, _ = sliding.at(axis)
        ends.append(w.size + (max(0, w.upper) if automatic else upper))
    ends.reverse()
    hangs = any((w.count - 1) * w.stride - w.lower + w.kernel > end for w, end in zip(windows, ends, strict=True))
    return ends if hangs else []


def _window_size_by_pixels(x: torch.Tensor, windows: Sequence[Window], starts: Sequence[int], ends: Sequence[int],
                           ) -> torch.Tensor:
    """The window's size divided by the number of its pixels between `starts` and `ends`, for each position."""
    import torch

    factor = torch.ones((), dtype=x.dtype, device=x.device)
    for w, first, end in zip(windows, starts, ends, strict=True):
        start = torch.arange(w.count, device=x.device) * w.stride - w.lower
        pixels = (start + w.kernel).clamp(max=end) - start.clamp(min=first)
        factor = factor[..., None] * (w.kernel / pixels).to(x.dtype)
    return factor

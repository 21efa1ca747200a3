"""Filters and windows that move over an input: CNTK's arithmetic of padding and positions.

Along one axis a filter of `kernel` pixels, spread by `dilation`, stands at `count` positions, `stride`
pixels apart; the first begins `lower` pixels before the input. With automatic padding

    count = floor((size - 1) / stride) + 1
    lower = (extent - 1) / 2 - (size - ((count - 1) * stride + 1)) / 2      (divisions cut towards 0)

and else `count = floor((size + lowerPad + upperPad - extent) / stride) + 1`. Both `ceil` instead of
`floor` with `ceilOutDim`; a window that would begin after the last pixel is then left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base.codes import Code
from ..spec import Dims, Flag, Integer, PerAxis, option
from .layer import Shape, ShapeError

if TYPE_CHECKING:
    import torch

AXIS_NAMES = ("width", "height", "depth")
#: torch has convolutions and poolings over one, two and three axes.
MAXIMUM_AXES = 3


@dataclass(frozen=True)
class Window:
    """The positions of a filter along one axis."""

    size: int  #: extent of the input
    kernel: int
    stride: int
    dilation: int
    lower: int  #: padding in front; negative where that many pixels are passed over
    count: int  #: positions, which is the extent of the output

    @property
    def extent(self) -> int:
        """Pixels from the first to the last one under the filter."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def upper(self) -> int:
        """Padding behind that the last position needs; negative where that many pixels are not reached."""
        return (self.count - 1) * self.stride + self.extent - self.size - self.lower

    @property
    def is_symmetric(self) -> bool:
        """`lower` pixels on both sides give the same positions."""
        return self.lower >= 0 and (self.size + 2 * self.lower - self.extent) // self.stride + 1 == self.count

    @property
    def has_empty(self) -> bool:
        """Some position has only padding under it."""
        return self.lower >= self.extent or (self.count - 1) * self.stride - self.lower >= self.size


@dataclass(frozen=True)
class Sliding:
    """The options of a filter's movement, in the order of the file, and the rules that they follow."""

    layer: str  #: name of the row, for messages
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[bool, ...]
    lower_pad: tuple[int, ...]
    upper_pad: tuple[int, ...]
    dilation: tuple[int, ...] = (1,)
    ceil: bool = False
    kernel_option: str = "filterShape"
    pad_option: str = "pad"
    thing: str = "filter"
    drop_rest: bool = False  #: pixels at the end may be left out although padding is given
    channels: int = 0  #: how many channels each filter covers; 0: it leaves them alone

    @property
    def axes(self) -> int:
        return len(self.kernel)

    def windows(self, sizes: Sequence[int]) -> tuple[Window, ...]:
        """The positions along each axis, in torch's order, for an input of these extents (torch's order too).

        Raises ShapeError where the filter does not fit or the options contradict each other.
        """
        shown = tuple(reversed(sizes))
        return tuple(reversed([self._window(axis, shown) for axis in range(self.axes)]))

    def at(self, axis: int) -> tuple[int, int, bool, int, int, int]:
        """Kernel, stride, pad, lower and upper padding, dilation of an axis (0 is the width)."""
        lower = self._value("lowerPad", self.lower_pad, axis, 0)
        upper = self._value("upperPad", self.upper_pad, axis, 0)
        pad = self._value(self.pad_option, self.pad, axis, False)
        if pad and (lower or upper):
            name = "lowerPad" if lower else "upperPad"
            raise ShapeError(f"{self.layer} takes `{self.pad_option} = true` or `{name}`, not both", option=name,
                             code=Code.OPTION_TYPE,
                             label=f"the {_axis_name(axis)} is padded automatically already")
        return (self.kernel[axis], self._stride(axis), pad, lower, upper,
                self._value("dilation", self.dilation, axis, 1))

    def _stride(self, axis: int) -> int:
        """A further value is one for the channels: a filter that covers all of them has one position there."""
        surplus = self.stride[self.axes :]
        if self.channels and len(surplus) == 1:
            return self.stride[axis]
        return int(self._value("stride", self.stride, axis, 1))

    def _value(self, name: str, values: tuple[Any, ...], axis: int, neutral: Any) -> Any:
        """The value of an axis; the last one repeats. CNTK's files may add a neutral one for the channels."""
        surplus = values[self.axes :]
        if len(surplus) > 1 or (surplus and surplus[0] != neutral and not self._is_idle(name)):
            raise ShapeError(f"`{name}` has more values than the {self.thing} has axes", option=name,
                             code=Code.OPTION_TYPE,
                             label=f"{len(values)} values, and `{self.kernel_option}` has {self.axes}")
        return values[min(axis, len(values) - 1)]

    def _is_idle(self, name: str) -> bool:
        """Automatic padding of the channels pads nothing where the stride leaves one position (CNTK's rule)."""
        return name == self.pad_option and self.stride[self.axes :] >= (max(1, self.channels),)

    def _window(self, axis: int, shown: tuple[int, ...]) -> Window:
        kernel, stride, pad, lower, upper, dilation = self.at(axis)
        size = shown[axis]
        extent = (kernel - 1) * dilation + 1
        # CNTK asks for a kernel no larger than the input even where padding would make room for it.
        if (kernel > size) if pad else (extent > size + lower + upper):
            raise self._too_large(axis, shown, kernel if pad else extent)
        if pad:
            return self._automatic(size, kernel, stride, dilation)
        count = _divide(size + lower + upper - extent, stride, self.ceil) + 1
        if self.ceil and (count - 1) * stride >= size + lower:
            count -= 1
        if (lower or upper) and not self.drop_rest and (count - 1) * stride + extent < size + lower:
            raise self._not_filled(axis, size + lower - (count - 1) * stride - extent)
        return Window(size, kernel, stride, dilation, lower, count)

    def _automatic(self, size: int, kernel: int, stride: int, dilation: int) -> Window:
        count = _divide(size - 1, stride, self.ceil) + 1
        while True:
            surplus = size - ((count - 1) * stride + 1)
            lower = (kernel - 1) * dilation // 2 - int(surplus / 2)
            window = Window(size, kernel, stride, dilation, lower, count)
            if (count - 1) * stride - lower < size:
                return window
            count -= 1

    def _too_large(self, axis: int, shown: tuple[int, ...], extent: int) -> ShapeError:
        kernel, _, pad, lower, upper, dilation = self.at(axis)
        size = shown[axis]
        body = []
        if pad:
            body.append(f"`{self.pad_option} = true` pads the input, but the {self.thing} itself may not be larger "
                        "than the input (as in CNTK).")
        elif dilation > 1:
            body.append(f"With dilation {dilation}, a {self.thing} of {kernel} spans {extent}.")
        padded = f" with its padding of {lower} and {upper}" if lower or upper else ""
        largest = size if pad else (size + lower + upper - 1) // dilation + 1
        return ShapeError(
            f"a {self.thing} of {show_extents(self.kernel)} does not fit on an input of {show_extents(shown)}",
            code=Code.FILTER_TOO_LARGE, option=self.kernel_option, body=tuple(body),
            label=f"{extent} along the {_axis_name(axis)}, and the input has {size + lower + upper}{padded}",
            hint=f"use a {self.thing} of at most {largest} along the {_axis_name(axis)}, or keep the input larger: "
                 "one pooling layer or stride less before it.")

    def _not_filled(self, axis: int, missing: int) -> ShapeError:
        pixels = "the last pixel" if missing == 1 else f"the last {missing} pixels"
        return ShapeError(
            f"the padded {self.thing} does not reach {pixels} of the {_axis_name(axis)}",
            option="upperPad" if any(self.upper_pad) else "lowerPad",
            label=f"with stride {self._stride(axis)} it stops {missing} short",
            body=("Where padding is asked for, pixels of the input itself may not be left out (as in CNTK). "
                  "Without any padding they are.",),
            hint=f"raise `upperPad` by {missing}, use `{self.pad_option} = true`, or write `dropRest = true` as other "
                 "programs have it.")


def _divide(a: int, b: int, up: bool) -> int:
    return -(-a // b) if up else a // b


def _axis_name(axis: int) -> str:
    return AXIS_NAMES[axis] if axis < len(AXIS_NAMES) else f"axis {axis + 1}"


def show_extents(extents: Sequence[int]) -> str:
    """Extents in the order of the file, as messages write them: `11 x 11`."""
    return " x ".join(map(str, extents))


def convolution_axes(layer: str, kernel: tuple[int, ...], shape: Shape, option: str, input: int = 0) -> None:
    """Raise unless a filter over these axes fits an input with one more axis, the channels."""
    if len(kernel) > MAXIMUM_AXES:
        raise ShapeError(f"{layer} goes over at most {MAXIMUM_AXES} axes, and not {len(kernel)}", option=option,
                         label=f"this has {len(kernel)} extents", code=Code.OPTION_TYPE)
    if shape.rank == len(kernel) + 1:
        return
    wanted = " x ".join(("W", "H", "D")[: len(kernel)]) + " x C"
    hint = ""
    if shape.rank == len(kernel) > 1 and kernel[-1] in (1, shape.file_dims[-1]):
        # `(5:5:1)`: the channels written into the filter, as other programs store their weights.
        raise ShapeError(f"a filter of {show_extents(kernel)} does not go over an input of {shape}", option=option,
                         label="the last extent is no axis of the image",
                         body=("Every filter goes over all channels; they do not belong in its shape.",),
                         hint=f"write `({':'.join(map(str, kernel[:-1]))})`.")
    if shape.rank == len(kernel):
        hint = f"an image without channels has one channel: {show_extents((*shape.file_dims, 1))}."
    elif shape.rank > 1:
        hint = f"a filter for {shape} has {shape.rank - 1} extents, not {len(kernel)}."
    raise ShapeError(f"a filter of {show_extents(kernel)} does not go over an input of {shape}", input=input,
                     label=f"{wanted} is needed", body=(f"{layer} goes over the first axes, and adds up the last, the "
                                                        "channels.",), hint=hint)


# --- options that the rows share -------------------------------------------------------------


def kernel_option(doc: str = "Extents of the filter, width first.") -> Any:
    return option(Dims(), doc=doc, drawn="{}")


def stride_option() -> Any:
    return option(PerAxis(Integer(1)), (1,), "Pixels from one position to the next, one value or one for each axis.")


def pad_option(default: bool = False) -> Any:
    return option(PerAxis(Flag()), (default,), "Pad automatically: at stride 1 the output is as large as the input. "
                  "One value or one for each axis.")


def lower_pad_option() -> Any:
    return option(PerAxis(Integer(0)), (0,), "Pixels of padding at the start of each axis, where it is not padded "
                  "automatically.")


def upper_pad_option() -> Any:
    return option(PerAxis(Integer(0)), (0,), "Pixels of padding at the end of each axis, where it is not padded "
                  "automatically.")


def dilation_option() -> Any:
    return option(PerAxis(Integer(1)), (1,), "Distance of neighbouring filter elements; 1 is a dense filter.")


def drop_rest_option() -> Any:
    return option(Flag(), False, "Leave out pixels at the end that no further position reaches also where padding is "
                  "given, as PyTorch, Caffe and ONNX do; CNTK takes that for a mistake.", drawn="")


# --- lowering --------------------------------------------------------------------------------


def explicit_padding(windows: Sequence[Window], keep_symmetric: bool) -> list[int]:
    """Arguments for `torch.nn.functional.pad` (last axis first), negative where pixels are cut off.

    With `keep_symmetric`, axes that torch's own symmetric padding serves get none.
    """
    pads: list[int] = []
    for window in reversed(windows):
        pads += [0, 0] if keep_symmetric and window.is_symmetric else [window.lower, window.upper]
    return pads


def padded(x: torch.Tensor, pads: Sequence[int], value: float = 0.0) -> torch.Tensor:
    """`x` with padding, unchanged where there is none."""
    import torch

    return torch.nn.functional.pad(x, list(pads), value=value) if any(pads) else x


def by_axes(name: str, axes: int) -> Any:
    """torch's function for that many axes: `by_axes("conv", 2)` is `conv2d`."""
    import torch

    return getattr(torch.nn.functional, f"{name}{axes}d")

"""Maps brought to another size by interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..base.codes import Code
from ..spec import Choice, Dims, Flag, OptionError, option, table_row
from .layer import Example, SampleLayer, Shape, ShapeError

if TYPE_CHECKING:
    import torch

#: torch's name of a mode, by the number of axes.
_MODES = {"nearest": ("nearest",) * 3, "nearestCentre": ("nearest-exact",) * 3,
          "linear": ("linear", "bilinear", "trilinear"), "cubic": ("", "bicubic", "")}


@table_row
class Interpolate(SampleLayer):
    """Maps brought to any size: `Interpolate {(64:48)}`. Upsample does it by whole factors.

    A pixel of the output is taken at the place in the input that its centre has; with `alignCorners` the centres of
    the corner pixels lie on each other instead. `nearest` takes the pixel at `floor (place * input / output)`, as
    torch does, and `nearestCentre` the one whose centre is nearest.

    Axes: all but the channels (the last of the file's shape).

    Source: torch `interpolate`; ONNX `Resize`; the `Interp` of Caffe's forks (`alignCorners = true`).
    """

    family = "shape"
    examples = (
        Example("Interpolate {(8:6)}", ((4, 4, 3),), (8, 6, 3)),
        Example('Interpolate {(5:3), mode = "linear", alignCorners = true}', ((8, 6, 2),), (5, 3, 2)),
        Example('Interpolate {(7:9), mode = "cubic"}', ((4, 5, 2),), (7, 9, 2)),
        Example('Interpolate {9, mode = "nearestCentre"}', ((4, 2),), (9, 2), "over one axis"),
        Example("Interpolate {(8:6)}", ((10,),), None, "a vector has no map"),
        Example('Interpolate {9, mode = "cubic"}', ((4, 2),), None, "cubic interpolation is for images"),
    )

    size: tuple[int, ...] = option(Dims(), doc="Extents of the output, width first.", drawn="{}")
    mode: str = option(Choice(tuple(_MODES)), "nearest", "How values between pixels are found.")
    align_corners: bool = option(Flag(), False, "The corner pixels of input and output lie on each other.")

    def validate(self) -> None:
        if self.align_corners and self.mode.startswith("nearest"):
            raise OptionError("alignCorners", f"`alignCorners` says nothing with the mode \"{self.mode}\"")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        axes = len(self.size)
        if axes > 3 or shape.rank != axes + 1:
            raise ShapeError(f"Interpolate to {axes} extents needs a map of {axes} axes and its channels",
                             option="size", label=f"the input is {shape}")
        if not _MODES[self.mode][axes - 1]:
            raise ShapeError("cubic interpolation is for images, with a width and a height", option="mode",
                             label=f"the input is {shape}", code=Code.OPTION_TYPE)
        return Shape((shape.dims[0], *reversed(self.size)))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        aligned = None if self.mode.startswith("nearest") else self.align_corners
        return torch.nn.functional.interpolate(x, size=p.output.dims[1:], align_corners=aligned,
                                               mode=_MODES[self.mode][len(self.size) - 1])

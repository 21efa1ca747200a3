"""Rows that change the extents of maps without learning: padding, cropping, up-sampling, shuffling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Choice, Integer, Number, Optional, PerAxis, option, table_row
from .bounds import Bounds
from .layer import Example, Layer, SampleLayer, Shape, ShapeError

if TYPE_CHECKING:
    import torch


@table_row
class Resampling(SampleLayer):
    """Base of rows on maps: the last axis of the file's shape holds the channels."""

    family: ClassVar[str] = "shape"


@table_row
class Padding(Resampling):
    """Elements added around the input: a constant, its mirror image, or its border repeated.

    `lowerPad` and `upperPad` give the numbers before and after, width first; as in a convolution a
    short list repeats its last for the axes of the map. Channels get none unless they are named as
    well. `reflect` does not repeat the border itself.

    Source: CNTK `pad`; Keras `ZeroPadding2D`.
    """

    examples = (
        Example("Padding {1, 1}", ((8, 8, 3),), (10, 10, 3)),
        Example('Padding {(3:0), (3:0), mode = "reflect"}', ((8, 8, 3),), (14, 8, 3), "the width alone"),
        Example("Padding {2}", ((10,),), (12,)),
        Example('Padding {8, mode = "reflect"}', ((8, 8, 3),), None, "a mirror image has 7 more"),
    )

    lower_pad: tuple[int, ...] = option(PerAxis(Integer(0)), (0,), "Elements before, width first.")
    upper_pad: tuple[int, ...] = option(PerAxis(Integer(0)), (0,), "Elements after, width first.")
    mode: str = option(Choice(("constant", "reflect", "replicate")), "constant", "What the new elements are.")
    value: float = option(Number(), 0.0, "The constant.", drawn="{}")

    def pads(self, shape: Shape) -> list[tuple[int, int]]:
        """Elements before and after for each axis of the file's shape."""
        lower, upper = (_each_axis(pad, shape.rank) for pad in (self.lower_pad, self.upper_pad))
        return list(zip(lower, upper, strict=True))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        for name, pad in (("lowerPad", self.lower_pad), ("upperPad", self.upper_pad)):
            if len(pad) > shape.rank:
                raise ShapeError(f"Padding has numbers for {len(pad)} axes, and its input is {shape}",
                                 label=f"{shape} has {shape.rank}", option=name)
            for n, extent in zip(_each_axis(pad, shape.rank), shape.file_dims, strict=True):
                if self.mode == "reflect" and n >= extent:
                    raise ShapeError(f"a mirror image cannot add {n} to an axis of {extent}",
                                     label=f"at most {extent - 1} here", option=name)
        return Shape.of(*(d + before + after for d, (before, after) in zip(shape.file_dims, self.pads(shape),
                                                                            strict=True)))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        pads = self.pads(p.inputs[0])
        if self.mode == "constant":
            return torch.nn.functional.pad(x, [n for pair in pads for n in pair], value=self.value)
        for axis, (before, after) in enumerate(pads, 1):
            if before or after:
                last = x.shape[-axis] - 1
                source = torch.arange(-before, last + 1 + after, device=x.device)
                inside = last - (last - source.abs()).abs() if self.mode == "reflect" else source.clamp(0, last)
                x = x.index_select(-axis, inside)
        return x


@table_row
class Crop(Layer):
    """The part of `x` that has the width and height of `reference`, from its middle unless offsets say else.

    Source: CNTK and Caffe `Crop` (fully convolutional networks).
    """

    family = "shape"
    inputs = ("x", "reference")
    keeps = "nothing"
    examples = (
        Example("Crop", ((10, 10, 3), (8, 6, 21)), (8, 6, 3)),
        Example("Crop {0, 4}", ((10, 10, 3), (8, 6, 21)), (8, 6, 3)),
        Example("Crop", ((8, 8, 3), (10, 10, 3)), None, "the reference is larger"),
    )

    offset_x: int | None = option(Optional(Integer(0)), None, "The first column; None for the middle.")
    offset_y: int | None = option(Optional(Integer(0)), None, "The first row; None for the middle.")

    def offsets(self, shape: Shape, reference: Shape) -> tuple[int, int]:
        """The first column and the first row."""
        first = []
        for axis, (given, name) in enumerate(((self.offset_x, "offsetX"), (self.offset_y, "offsetY")), 1):
            have, wanted = shape.dims[-axis], reference.dims[-axis]
            start = (have - wanted) // 2 if given is None else given
            if start < 0 or start + wanted > have:
                raise ShapeError(f"Crop cannot take {reference} out of {shape}", input=None if given else 0,
                                 option=name if given else None,
                                 label=f"{wanted} from {start} on are not inside {have}")
            first.append(start)
        return first[0], first[1]

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        for position, shape in enumerate(inputs):
            if shape.rank < 2:
                raise ShapeError(f"Crop needs maps, and gets {shape}", label=f"this is {shape}", input=position)
        self.offsets(*inputs)
        return Shape((*inputs[0].dims[:-2], *inputs[1].dims[-2:]))

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        column, row = self.offsets(*p.inputs)
        height, width = p.output.dims[-2:]
        return tensors[0].narrow(-2, row, height).narrow(-1, column, width)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class Upsample(Resampling):
    """Maps enlarged by whole factors: every element repeated, or interpolated linearly between centres.

    Axes: all but the channels (the last of the file's shape).

    Source: darknet `upsample`, Keras `UpSampling2D`.
    """

    examples = (
        Example("Upsample {2}", ((4, 4, 3),), (8, 8, 3)),
        Example('Upsample {(3:2), mode = "linear"}', ((4, 4, 3),), (12, 8, 3)),
        Example("Upsample {2}", ((10,),), None, "a vector has no map"),
    )

    factor: tuple[int, ...] = option(PerAxis(Integer(1)), doc="One factor for all axes of the map, or width first.")
    mode: str = option(Choice(("nearest", "linear")), "nearest", "Repeat elements, or interpolate.")

    def factors(self, shape: Shape) -> tuple[int, ...]:
        """A factor for each axis of the map, in torch's order."""
        return tuple(reversed([*self.factor, *(self.factor[-1],) * (shape.rank - 1)][:shape.rank - 1]))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if not 2 <= shape.rank <= 4 or len(self.factor) > shape.rank - 1:
            raise ShapeError(f"Upsample needs maps of 1 to 3 axes and their channels, and gets {shape}",
                             label=f"{len(self.factor)} factors here", option="factor")
        channels, *extents = shape.dims
        return Shape((channels, *(d * f for d, f in zip(extents, self.factors(shape), strict=True))))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        if self.mode == "nearest":
            return torch.nn.functional.interpolate(x, size=p.output.dims[1:], mode="nearest")
        kind = ("linear", "bilinear", "trilinear")[p.output.rank - 2]
        return torch.nn.functional.interpolate(x, size=p.output.dims[1:], mode=kind, align_corners=False)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class ChannelShuffle(Resampling):
    """The channels of `groups` groups interleaved: first of each group, second of each group, ...

    Source: Zhang et al. 2018 (ShuffleNet).
    """

    examples = (Example("ChannelShuffle {2}", ((8, 8, 6),), (8, 8, 6)),
                Example("ChannelShuffle {4}", ((8, 8, 6),), None, "6 channels are not 4 groups"))

    groups: int = option(Integer(1), doc="How many groups the channels form.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        channels = inputs[0].dims[0]
        if channels % self.groups:
            raise ShapeError(f"ChannelShuffle cannot divide {channels} channels into {self.groups} groups",
                             label=f"{channels} is not a multiple of this", option="groups")
        return inputs[0]

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        grouped = x.reshape(x.shape[0], self.groups, -1, *x.shape[2:])
        return grouped.transpose(1, 2).reshape(x.shape)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class DepthToSpace(Resampling):
    """Blocks of channels laid out as blocks of pixels: W x H x (b b C) becomes (b W) x (b H) x C.

    Channel `(row * b + column) * C + c` goes to the place (column, row) of the block of channel c.

    Source: CNTK `depth_to_space`; TensorFlow's order (torch's PixelShuffle counts C outermost).
    """

    examples = (Example("DepthToSpace {2}", ((4, 4, 12),), (8, 8, 3)),
                Example("DepthToSpace {2}", ((4, 4, 6),), None, "6 channels are not a multiple of 4"))

    block_size: int = option(Integer(1), doc="Width and height of a block.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        _need_map(self, inputs[0])
        channels, height, width = inputs[0].dims
        if channels % self.block_size ** 2:
            raise ShapeError(f"DepthToSpace cannot divide {channels} channels into blocks of {self.block_size ** 2}",
                             label=f"{channels} is not a multiple of its square", option="blockSize")
        return Shape((channels // self.block_size ** 2, height * self.block_size, width * self.block_size))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        b, (channels, height, width) = self.block_size, p.inputs[0].dims
        blocks = x.reshape(-1, b, b, channels // b ** 2, height, width)
        return blocks.permute(0, 3, 4, 1, 5, 2).reshape(-1, *p.output.dims)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class SpaceToDepth(Resampling):
    """Blocks of pixels as channels, the inverse of DepthToSpace: W x H x C becomes W/b x H/b x (b b C).

    Source: CNTK `space_to_depth`; darknet `reorg`.
    """

    examples = (Example("SpaceToDepth {2}", ((8, 8, 3),), (4, 4, 12)),
                Example("SpaceToDepth {3}", ((8, 8, 3),), None, "8 is not a multiple of 3"))

    block_size: int = option(Integer(1), doc="Width and height of a block.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        _need_map(self, inputs[0])
        channels, height, width = inputs[0].dims
        if height % self.block_size or width % self.block_size:
            raise ShapeError(f"SpaceToDepth cannot divide {inputs[0]} into blocks of {self.block_size}",
                             label=f"{width} x {height} is not a multiple of this", option="blockSize")
        return Shape((channels * self.block_size ** 2, height // self.block_size, width // self.block_size))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        b, (channels, height, width) = self.block_size, p.inputs[0].dims
        blocks = x.reshape(-1, channels, height // b, b, width // b, b)
        return blocks.permute(0, 3, 5, 1, 2, 4).reshape(-1, *p.output.dims)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


def _each_axis(pad: tuple[int, ...], rank: int) -> list[int]:
    """A number for each axis: the last one given holds for the rest of the map, channels get 0."""
    repeated = [*pad, *(pad[-1],) * (max(1, rank - 1) - len(pad))]
    return [*repeated, *(0,) * (rank - len(repeated))]


def _need_map(row: Layer, shape: Shape) -> None:
    if shape.rank != 3:
        raise ShapeError(f"{row.name()} needs an image, and gets {shape}", label=f"this is {shape}", input=0)

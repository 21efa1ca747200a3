"""Rows that move elements and compute nothing: reshapes, transpositions, slices, splices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import REQUIRED, Dims, Integer, ListOf, OptionError, option, table_row
from .bounds import Bounds, hull
from .broadcast import joined, padded, with_batch, with_rank
from .layer import Example, Layer, SampleLayer, Shape, ShapeError
from .quality import Follows
from .torch_form import TorchForm

if TYPE_CHECKING:
    import torch


@table_row
class Reshaping(SampleLayer):
    """Base of the rows that keep the order of the elements; the axis 1 is the fastest."""

    family: ClassVar[str] = "shape"
    keeps: ClassVar[str] = "nothing"
    passes_on: ClassVar[bool] = True
    follows: ClassVar[Follows] = Follows.RISING
    #: The option that holds the new extents.
    extents: ClassVar[str] = "dims"

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.shape[0], *p.output.dims)

    def replace(self, shape: Shape, dims: Sequence[int], first: int, last: int) -> Shape:
        """The shape with the axes `first` to `last` (exclusive, from 0) replaced; one 0 is inferred."""
        file_dims = shape.file_dims
        have, given = math.prod(file_dims[first:last]), math.prod(d for d in dims if d)
        if dims.count(0) > 1:
            raise ShapeError(f"{self.name()} can infer one extent, and two are 0", label="more than one 0",
                             option=self.extents)
        if (have % given if 0 in dims else have != given):
            wanted = Shape.of(*dims)
            raise ShapeError(f"{self.name()} cannot make {wanted} of {Shape.of(*file_dims[first:last])}",
                             label=f"{have} elements do not fit into {given}" + " times a whole number" * (0 in dims),
                             option=self.extents)
        return Shape.of(*file_dims[:first], *(d or have // given for d in dims), *file_dims[last:])

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


def _axis_option(doc: str, default: Any = REQUIRED) -> Any:
    return option(Integer(1), default, f"{doc}, 1 is the first of the file's shape (the width).", drawn="")


def _need_axis(row: Layer, axis: int, shape: Shape, name: str = "axis") -> None:
    if axis > shape.rank:
        raise ShapeError(f"{row.name()} needs an axis {axis}, and its input is {shape}",
                         label=f"{shape} has {shape.rank} ax{'e' if shape.rank != 1 else 'i'}s", option=name)


@table_row
class Reshape(Reshaping):
    """The same elements under another shape, in the same order (the width is the fastest axis).

    One extent may be 0: it is inferred. `beginAxis` and `endAxis` (exclusive) restrict the change to
    some axes; with both the same, new axes are inserted there.

    Source: CNTK `NewReshape`, `Reshape`.
    """

    aliases = ("NewReshape",)
    examples = (
        Example("Reshape {24}", ((4, 3, 2),), (24,)),
        Example("Reshape {6:0}", ((4, 3, 2),), (6, 4)),
        Example("Reshape {12, beginAxis = 1, endAxis = 3}", ((4, 3, 2),), (12, 2)),
        Example("Reshape {1, beginAxis = 2, endAxis = 2}", ((4, 3, 2),), (4, 1, 3, 2), "inserts an axis"),
        Example("Reshape {5:5}", ((4, 3, 2),), None, "24 elements are not 25"),
    )

    dims: tuple[int, ...] = option(Dims(0), doc="The new extents, width first; one 0 is inferred.", drawn="")
    begin_axis: int = option(Integer(0), 0, "The first axis that is replaced; 0 means the first one.", drawn="")
    end_axis: int = option(Integer(0), 0, "The axis before which replacing ends; 0 means to the end.", drawn="")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        first, last = (self.begin_axis or 1) - 1, (self.end_axis or shape.rank + 1) - 1
        if last > shape.rank or first > last:
            raise ShapeError(f"Reshape cannot replace the axes {first + 1} to {last} of {shape}",
                             label=f"{shape} has the axes 1 to {shape.rank}",
                             option="endAxis" if self.end_axis else "beginAxis")
        return self.replace(shape, self.dims, first, last)


@table_row
class ReshapeDimension(Reshaping):
    """One axis replaced by several, in the same order of elements; one 0 is inferred.

    Source: CNTK `ReshapeDimension (x, axis, tensorShape)`.
    """

    extents = "tensorShape"
    examples = (Example("ReshapeDimension {1, 2:0}", ((6, 3),), (2, 3, 3)),)

    axis: int = _axis_option("The axis to replace")
    dims: tuple[int, ...] = option(Dims(0), doc="The new extents, width first; one 0 is inferred.", name="tensorShape",
                                   drawn="")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        _need_axis(self, self.axis, inputs[0])
        return self.replace(inputs[0], self.dims, self.axis - 1, self.axis)


@table_row
class SplitDimension(Reshaping):
    """One axis of extent n replaced by two, of n / N and N.

    Source: CNTK `SplitDimension (x, axis, N)`.
    """

    examples = (Example("SplitDimension {1, 2}", ((6, 3),), (3, 2, 3)),
                Example("SplitDimension {1, 4}", ((6, 3),), None, "6 is not a multiple of 4"))

    axis: int = _axis_option("The axis to split")
    parts: int = option(Integer(1), doc="The extent of the second of the two new axes.", name="N")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        _need_axis(self, self.axis, inputs[0])
        have = inputs[0].file_dims[self.axis - 1]
        if have % self.parts:
            raise ShapeError(f"SplitDimension cannot divide an axis of {have} by {self.parts}",
                             label=f"{have} is not a multiple of this", option="N")
        return self.replace(inputs[0], (0, self.parts), self.axis - 1, self.axis)


@table_row
class FlattenDimensions(Reshaping):
    """`num` neighbouring axes as one, from `axis` on.

    CNTK counts axes from 1 and lets 0 stand for the first one, but not for the end: `FlattenDimensions (x, 0, 3)`
    makes one of the axes before the third, of two.

    Source: CNTK `FlattenDimensions (x, axis, num)`.
    """

    examples = (Example("FlattenDimensions {1, 2}", ((4, 3, 2),), (12, 2)),
                Example("FlattenDimensions {0, 3}", ((4, 3, 2),), (12, 2), "the first two axes, as CNTK counts"),
                Example("FlattenDimensions {2, 3}", ((4, 3, 2),), None))

    axis: int = option(Integer(0), doc="The first of the axes, 1 is the first of the file's shape (the width); 0: see "
                       "above.", drawn="")
    num: int = option(Integer(1), doc="How many axes become one.")

    def validate(self) -> None:
        if self.axis == 0 and self.num == 1:
            raise OptionError("num", "FlattenDimensions from axis 0 needs a `num` of at least 2",
                              "from axis 0 it counts one axis more than it flattens; write 1 for the first axis.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        end = self.axis + self.num - 1
        _need_axis(self, end, inputs[0], "num")
        return self.replace(inputs[0], (0,), max(0, self.axis - 1), end)


@table_row
class Flatten(Reshaping):
    """All elements of a sample as a vector, the width fastest. Dense layers do this by themselves."""

    examples = (Example("Flatten", ((4, 3, 2),), (24,)),)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return Shape((inputs[0].size,))


@table_row
class TransposeDimensions(SampleLayer):
    """Two axes exchanged; an axis beyond the shape counts as one of extent 1.

    Source: CNTK `TransposeDimensions`, and `Transpose` for the first two axes.
    """

    family = "shape"
    aliases = ("Transpose",)
    examples = (
        Example("TransposeDimensions {1, 3}", ((4, 3, 2),), (2, 3, 4)),
        Example("TransposeDimensions", ((4, 3),), (3, 4)),
        Example("TransposeDimensions", ((4,),), (1, 4)),
    )

    axis1: int = _axis_option("One axis", default=1)
    axis2: int = _axis_option("The other axis", default=2)

    def _rank(self, shape: Shape) -> int:
        return max(shape.rank, self.axis1, self.axis2)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if self._rank(shape) > shape.rank + 1:
            _need_axis(self, self._rank(shape), shape, "axis2" if self.axis2 > self.axis1 else "axis1")
        dims = list(padded(shape, self._rank(shape)))
        dims[-self.axis1], dims[-self.axis2] = dims[-self.axis2], dims[-self.axis1]
        return Shape(tuple(dims))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        (shape,) = p.inputs
        return with_rank(x, Shape(shape.dims), self._rank(shape)).transpose(-self.axis1, -self.axis2)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class TransposeAxes(SampleLayer):
    """All axes in another order: axis k of the result is axis `permutation[k]` of the input.

    Source: CNTK `transpose (x, perm)`.
    """

    family = "shape"
    examples = (
        Example("TransposeAxes {3:1:2}", ((4, 3, 2),), (2, 4, 3)),
        Example("TransposeAxes {2:1}", ((4, 3, 2),), None, "one axis is not named"),
    )

    permutation: tuple[int, ...] = option(ListOf(Integer(1), minimum_length=1), doc="Every axis once, as `2:1:3`.")

    def validate(self) -> None:
        if sorted(self.permutation) != list(range(1, len(self.permutation) + 1)):
            raise OptionError("permutation", "a permutation names every axis from 1 on exactly once")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        if len(self.permutation) != shape.rank:
            raise ShapeError(f"the permutation has {len(self.permutation)} axes, and the input is {shape}",
                             label=f"{shape} has {shape.rank}", option="permutation")
        return Shape.of(*(shape.file_dims[axis - 1] for axis in self.permutation))

    def prepare(self, inputs: Sequence[Shape], output: Shape) -> dict[str, Any]:
        rank = inputs[0].rank
        return {"dims": (0, *(rank + 1 - axis for axis in reversed(self.permutation)))}

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        return x.permute(p.prepared["dims"])

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class Slice(SampleLayer):
    """The elements from `beginIndex` to `endIndex` (exclusive) along an axis, counted from 0.

    Negative positions count from the end; an `endIndex` of 0 means to the end.

    Source: CNTK `Slice`, with its order of arguments.
    """

    family = "shape"
    keeps = "nothing"
    call = ("beginIndex", "endIndex", "x", "axis")
    examples = (
        Example("Slice {1, 3}", ((4, 3, 2),), (2, 3, 2)),
        Example("Slice {-2, 0}", ((4, 3, 2),), (2, 3, 2), "the last two"),
        Example("Slice {0, 2, axis = 3}", ((8, 8, 6),), (8, 8, 2), "the first two channels"),
        Example("Slice {0, 5}", ((4, 3, 2),), None, "the axis has 4 elements"),
    )

    begin_index: int = option(Integer(), doc="The first element, from 0; negative from the end.", counts_steps=True)
    end_index: int = option(Integer(), doc="The element after the last one; negative from the end, 0 for all.",
                            counts_steps=True)
    axis: int = _axis_option("The axis", default=1)

    def bounds(self, shape: Shape) -> tuple[int, int]:
        """First element and number of elements."""
        _need_axis(self, self.axis, shape)
        have = shape.file_dims[self.axis - 1]
        first = self.begin_index + have * (self.begin_index < 0)
        last = self.end_index + have * (self.end_index <= 0)
        if not 0 <= first < last <= have:
            wrong = "beginIndex" if not 0 <= first < have else "endIndex"
            raise ShapeError(f"Slice from {self.begin_index} to {self.end_index} is not inside an axis of {have}",
                             label=f"axis {self.axis} of {shape} has the elements 0 to {have - 1}", option=wrong)
        return first, last - first

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        dims = list(inputs[0].dims)
        dims[-self.axis] = self.bounds(inputs[0])[1]
        return Shape(tuple(dims))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        return x.narrow(-self.axis, *self.bounds(p.inputs[0]))

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class RowSlice(SampleLayer):
    """`numRows` elements from `beginIndex` on along the first axis.

    Source: CNTK `RowSlice (beginIndex, numRows, x)`.
    """

    family = "shape"
    keeps = "nothing"
    call = ("beginIndex", "numRows", "x")
    examples = (Example("RowSlice {1, 2}", ((6,),), (2,)), Example("RowSlice {5, 2}", ((6,),), None))

    begin_index: int = option(Integer(0), doc="The first element, from 0.")
    num_rows: int = option(Integer(1), doc="How many elements.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        *rest, have = inputs[0].dims
        if self.begin_index + self.num_rows > have:
            raise ShapeError(f"RowSlice of {self.num_rows} from {self.begin_index} is not inside an axis of {have}",
                             label=f"the first axis of {inputs[0]} has {have}", option="numRows")
        return Shape((*rest, self.num_rows))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        return x.narrow(-1, self.begin_index, self.num_rows)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class Splice(Layer):
    """Inputs joined along an axis: `Splice (a : b, axis = 3)` puts channels together.

    All other extents have to be equal, or 1: these are stretched, their values repeated. An axis beyond the
    shapes stacks the inputs.

    Source: CNTK `Splice`, `RowStack`; Caffe and Keras `Concat`.
    """

    family = "shape"
    aliases = ("RowStack",)
    inputs = ("inputs...",)
    examples = (
        Example("Splice {axis = 3}", ((8, 8, 2), (8, 8, 3)), (8, 8, 5)),
        Example("Splice", ((2,), (3,), (1,)), (6,)),
        Example("Splice {axis = 2}", ((3,), (3,)), (3, 2), "stacks"),
        Example("Splice {axis = 3}", ((3,), (3,)), (3, 1, 2), "stacks as channels"),
        Example("Splice {axis = 3}", ((6, 4, 2), (1, 1, 3)), (6, 4, 5), "extents of 1 are stretched"),
        Example("Splice", ((1, 3), (2, 1)), (3, 3), "on either side"),
        Example("Splice {axis = 3}", ((8, 8, 2), (4, 4, 2)), None),
    )

    axis: int = _axis_option("The axis along which to join", default=1)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        rank = max(self.axis, *(shape.rank for shape in inputs))
        ranked = [list(padded(shape, rank)) for shape in inputs]
        total = sum(dims[-self.axis] for dims in ranked)
        together = Shape(tuple(self._beside(ranked[0])))
        for position, dims in enumerate(ranked[1:], 1):
            stretched = joined(together, Shape(tuple(self._beside(dims))))
            if stretched is None:
                raise ShapeError(f"Splice along axis {self.axis} needs its other extents equal",
                                 label=f"cannot join {inputs[0]} and {inputs[position]}", input=position)
            together = stretched
        return Shape(tuple(self._beside(together.dims, total)))

    def _beside(self, dims: Sequence[int], extent: int = 1) -> list[int]:
        """The extents, with another one along the axis of joining."""
        changed = list(dims)
        changed[-self.axis] = extent
        return changed

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        if self._as_they_are(p.inputs, p.output):
            return torch.cat(tensors, dim=-self.axis)
        rank = p.output.rank
        ranked = [with_rank(tensor, shape, rank) for tensor, shape in zip(tensors, p.inputs, strict=True)]
        tensors = tuple(tensor.expand(*tensor.shape[:-rank], *self._beside(p.output.dims, tensor.shape[-self.axis]))
                        for tensor in with_batch(ranked, p.inputs))
        return torch.cat(tensors, dim=-self.axis)

    def _as_they_are(self, inputs: Sequence[Shape], output: Shape) -> bool:
        """Whether the inputs can be joined without another shape first."""
        return all(shape.batched and shape.rank == output.rank and
                   self._beside(shape.dims) == self._beside(output.dims) for shape in inputs)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        if not self._as_they_are(inputs, output):
            return None
        joined = ", ".join(f"{{{k}}}" for k in range(len(inputs)))
        return TorchForm(f"torch.cat(({joined}{',' if len(inputs) == 1 else ''}), dim={output.rank + 1 - self.axis})")

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return hull(inputs)

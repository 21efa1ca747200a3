"""Rows for layers that join, cut and turn blobs, and that sum over axes of one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar

from ...base.codes import Code
from ...syntax import ast
from .known_fields import ENGINE, Known, choice, flag, number, whole
from .known_fields import message as known_message
from .layer_row import Extents, LayerRow, Translation, shown


class Concat(LayerRow):
    types, message = ("Concat",), "concat_param"
    fields: ClassVar[Mapping[str, Known]] = {"axis": whole(1), "concat_dim": whole()}
    inputs = (1, 1000)
    becomes = "Splice"

    def along(self, use: Translation) -> int:
        return use.axis("concat_dim" if use.values["concat_dim"] is not None else "axis")

    def shapes(self, use: Translation) -> Sequence[Extents]:
        at = self.along(use) - 1
        joined = list(use.shape)
        for (name, span), shape in list(zip(use.layer.bottoms, use.bottoms, strict=True))[1:]:
            if len(shape) != len(joined) or any(
                    extent != joined[i] for i, extent in enumerate(shape) if i != at):
                use.problems.add(Code.SHAPE_MISMATCH, f"`{name}` cannot be joined with the others", span,
                                 f"this is {shown(shape)}, and `{use.layer.bottoms[0][0]}` is {shown(use.shape)}",
                                 body=("Shapes are channels x height x width; only the joined axis may differ.",))
                continue
            joined[at] += shape[at]
        return [tuple(joined)]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        if len(inputs) == 1:
            return [use.build.call("Pass", inputs[0])]
        axis = use.file_axis(self.along(use))
        return [use.build.call("Splice", use.spread(inputs), **({} if axis == 1 else {"axis": axis}))]


class Slice(LayerRow):
    types, message = ("Slice",), "slice_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "axis": whole(1), "slice_point": whole(repeated=True), "slice_dim": whole()}
    tops = (1, 1000)
    becomes = "Slice, once for each top"

    def cuts(self, use: Translation) -> tuple[int, list[int]]:
        """The axis, and where the pieces begin and end along it."""
        axis = use.axis("slice_dim" if use.values["slice_dim"] is not None else "axis")
        size, points, pieces = use.shape[axis - 1], use.values["slice_point"], len(use.layer.tops)
        if not points:
            if size % pieces:
                use.refuse(Code.SHAPE_MISMATCH, f"{size} cannot be cut into {pieces} equal pieces", "axis",
                           label=f"`{use.layer.bottoms[0][0]}` is {shown(use.shape)}", hint="say where: `slice_point`.")
            points = [size // pieces * index for index in range(1, pieces)]
        cuts = [0, *points, size]
        if len(points) != pieces - 1 or any(a >= b for a, b in pairwise(cuts)):
            use.refuse(Code.OPTION_TYPE, f"these `slice_point` do not cut {size} into {pieces} pieces", "slice_point",
                       label="there is one less than tops, each larger than the one before")
        return axis, cuts

    def shapes(self, use: Translation) -> Sequence[Extents]:
        axis, cuts = self.cuts(use)
        return [(*use.shape[:axis - 1], b - a, *use.shape[axis:]) for a, b in pairwise(cuts)]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        axis, cuts = self.cuts(use)
        where: dict[str, object] = {} if use.file_axis(axis) == 1 else {"axis": use.file_axis(axis)}
        return [use.build.call("Slice", a, b, inputs[0], **where) for a, b in pairwise(cuts)]


class Split(LayerRow):
    types = ("Split",)
    tops = (1, 1000)
    becomes = "nothing: a value may be read as often as one likes"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        return [use.shape] * len(use.layer.tops)

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        return [use.build.call("Pass", inputs[0]) for _ in use.layer.tops]


class Silence(LayerRow):
    types = ("Silence",)
    inputs, tops = (1, 1000), (0, 0)
    role = "nothing"
    becomes = "nothing: a value need not be read"


class Flatten(LayerRow):
    types, message = ("Flatten",), "flatten_param"
    fields: ClassVar[Mapping[str, Known]] = {"axis": whole(1), "end_axis": whole(-1)}
    becomes = "Flatten; of some axes FlattenDimensions"

    def ends(self, use: Translation) -> tuple[int, int]:
        first, last = use.axis(), use.axis("end_axis")
        if first > last:
            use.refuse(Code.OPTION_TYPE, "`axis` is behind `end_axis`", "axis", "end_axis")
        return first, last

    def shapes(self, use: Translation) -> Sequence[Extents]:
        first, last = self.ends(use)
        return [(*use.shape[:first - 1], math.prod(use.shape[first - 1:last]), *use.shape[last:])]

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        first, last = self.ends(use)
        if (first, last) == (1, len(use.shape)):
            return [("", use.build.name("Flatten"))]
        return [("", use.build.make("FlattenDimensions", use.file_axis(last), last - first + 1))]


class Reshape(LayerRow):
    types, message = ("Reshape",), "reshape_param"
    fields: ClassVar[Mapping[str, Known]] = {"shape": known_message(), "axis": whole(0), "num_axes": whole(-1)}
    becomes = "Reshape"
    remark = "only where samples stay samples"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        # The axis of samples counts as one that is not known (-2); `dim: 0` takes it over.
        old: list[int] = [-2, *use.shape]
        axis, covered = use.axis(beyond=True), use.values["num_axes"]
        end = len(old) if covered == -1 else axis + covered
        if not 0 <= axis <= end <= len(old):
            use.refuse(Code.OPTION_TYPE, f"`axis` and `num_axes` reach beyond the {len(old)} axes of the blob", "axis",
                       "num_axes")
        dims = use.dims_in(use.values["shape"], least=-1)
        new = [*old[:axis], *self._filled(use, dims, old, axis, end), *old[end:]]
        if new[:1] != [-2] or -2 in new[1:]:
            use.unsupported("Reshape that moves numbers from one sample to another", "shape",
                            label="its first extent is not that of the samples")
        if math.prod(new[1:]) != math.prod(use.shape):
            use.refuse(Code.SHAPE_MISMATCH, f"{shown(use.shape)} cannot become {shown(tuple(new[1:]))}", "shape",
                       label=f"{math.prod(use.shape)} numbers, not {math.prod(new[1:])}")
        return [tuple(new[1:])]

    def _filled(self, use: Translation, dims: list[int], old: list[int], axis: int, end: int) -> list[int]:
        """The given extents: 0 takes the old one over, -1 is what is left; a batch stands for the samples."""
        found = []
        for index, dim in enumerate(dims):
            place = axis + index
            if dim == 0 and place >= len(old):
                use.refuse(Code.OPTION_TYPE, "`dim: 0` takes over an axis that the blob does not have", "shape")
            takes = dim == 0 or (place == 0 and dim > 0 and dim == use.batch)
            found.append(old[place] if takes else dim)
        if found.count(-1) > 1:
            use.refuse(Code.OPTION_TYPE, "more than one `dim: -1`", "shape", label="only one can be inferred")
        if -1 in found:
            replaced = old[axis:end]
            rest = math.prod(extent for extent in found if extent > 0)
            if (-2 in replaced) != (-2 in found):  # the inferred extent is that of the samples
                inferred = -2 if rest == math.prod(extent for extent in replaced if extent > 0) else -1
            else:
                whole_size = math.prod(extent for extent in replaced if extent > 0)
                inferred = whole_size // rest if rest and whole_size % rest == 0 else -1
            if inferred == -1:
                use.unsupported("Reshape that moves numbers from one sample to another", "shape",
                                label=f"the blob is {shown(use.shape)}")
            found[found.index(-1)] = inferred
        return found

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        return [("", use.build.make("Reshape", use.dims(self.shapes(use)[0])))]


class Permute(LayerRow):
    types, message = ("Permute",), "permute_param"
    fields: ClassVar[Mapping[str, Known]] = {"order": whole(repeated=True)}
    becomes = "TransposeAxes"
    remark = "of the SSD fork"

    def order(self, use: Translation) -> list[int]:
        order = list(use.values["order"])
        order += [axis for axis in range(len(use.shape) + 1) if axis not in order]
        if sorted(order) != list(range(len(use.shape) + 1)):
            use.refuse(Code.OPTION_TYPE, "`order` does not name every axis once", "order")
        if order[0] != 0:
            use.unsupported("Permute that moves the axis of the samples", "order")
        return order[1:]

    def shapes(self, use: Translation) -> Sequence[Extents]:
        return [tuple(use.shape[axis - 1] for axis in self.order(use))]

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        axes = [use.file_axis(axis) for axis in reversed(self.order(use))]
        return [("", use.build.make("TransposeAxes", use.spread([use.build.value(axis) for axis in axes])))]


class Crop(LayerRow):
    types, message = ("Crop",), "crop_param"
    fields: ClassVar[Mapping[str, Known]] = {"axis": whole(2), "offset": whole(repeated=True)}
    inputs = (2, 2)
    becomes = "Crop; over other axes Slice"

    def cuts(self, use: Translation) -> list[tuple[int, int, int]]:
        """Axis, offset and extent of each axis that is cut."""
        axis, offsets = use.axis(), use.values["offset"]
        axes = list(range(axis, len(use.shape) + 1))
        if len(use.bottoms[1]) != len(use.shape):
            use.refuse(Code.SHAPE_MISMATCH, "the blob and its reference have different numbers of axes", "axis",
                       label=f"{shown(use.shape)} and {shown(use.bottoms[1])}")
        offsets = offsets * len(axes) if len(offsets) == 1 else offsets or [0] * len(axes)
        if len(offsets) != len(axes):
            use.refuse(Code.OPTION_TYPE, f"{len(offsets)} offsets for {len(axes)} axes", "offset")
        cuts = [(a, offset, use.bottoms[1][a - 1]) for a, offset in zip(axes, offsets, strict=True)]
        for a, offset, extent in cuts:
            if offset < 0 or offset + extent > use.shape[a - 1]:
                use.refuse(Code.SHAPE_MISMATCH, f"a part of {extent} from {offset} on does not lie within "
                           f"{use.shape[a - 1]}", "offset", "axis", label=f"the blob is {shown(use.shape)}")
        return cuts

    def shapes(self, use: Translation) -> Sequence[Extents]:
        new = list(use.shape)
        for axis, _, extent in self.cuts(use):
            new[axis - 1] = extent
        return [tuple(new)]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        cuts = self.cuts(use)
        if len(use.shape) == 3 and [axis for axis, _, _ in cuts] == [2, 3]:
            return [use.build.call("Crop", *inputs, offsetX=cuts[1][1], offsetY=cuts[0][1])]
        value = inputs[0]
        for axis, offset, extent in cuts:
            value = use.build.call("Slice", offset, offset + extent, value, axis=use.file_axis(axis))
        return [value]


class Tile(LayerRow):
    types, message = ("Tile",), "tile_param"
    fields: ClassVar[Mapping[str, Known]] = {"axis": whole(1), "tiles": whole(1)}
    becomes = "Tile"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        axis = use.axis()
        if use.values["tiles"] < 1:
            use.refuse(Code.OPTION_TYPE, "`tiles` is at least 1", "tiles")
        return [(*use.shape[:axis - 1], use.shape[axis - 1] * use.values["tiles"], *use.shape[axis:])]

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        axis = use.file_axis(use.axis())
        return [("", use.build.make("Tile", [*[1] * (axis - 1), use.values["tiles"]]))]


class Softmax(LayerRow):
    types, message = ("Softmax",), "softmax_param"
    fields: ClassVar[Mapping[str, Known]] = {"axis": whole(1), "engine": ENGINE}
    becomes = "Softmax"

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        axis = use.axis()
        if len(use.shape) == 1:
            return [("", use.build.name("Softmax"))]
        return [("", use.build.make("Softmax", axis=use.file_axis(axis)))]


class ArgMax(LayerRow):
    types, message = ("ArgMax",), "argmax_param"
    fields: ClassVar[Mapping[str, Known]] = {"out_max_val": flag(False), "top_k": whole(1), "axis": whole()}
    becomes = "Argmax; with `out_max_val` ReduceMax"
    remark = "`top_k` of 1 only"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        if use.values["top_k"] != 1:
            use.unsupported("ArgMax with `top_k` above 1", "top_k")
        if use.values["axis"] is None:
            if use.values["out_max_val"]:
                use.unsupported("ArgMax that gives both the place and the value", "out_max_val",
                                hint="with `axis` it gives the value alone.")
            return [(1, 1)]
        axis = use.axis()
        return [(*use.shape[:axis - 1], 1, *use.shape[axis:])]

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        if use.values["axis"] is None:
            return [("", use.build.name("Argmax"))]
        row = "ReduceMax" if use.values["out_max_val"] else "Argmax"
        return [("", use.build.make(row, use.file_axis(use.axis())))]


class Reduction(LayerRow):
    types, message = ("Reduction",), "reduction_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "operation": choice("SUM", "ASUM", "SUMSQ", "MEAN", default="SUM"), "axis": whole(0), "coeff": number(1.0)}
    becomes = "ReduceSum or ReduceMean of x, Abs (x) or Square (x)"

    def first(self, use: Translation) -> int:
        """The first axis that is reduced, without that of the samples."""
        if use.values["axis"] in (0, -len(use.shape) - 1):
            return 1
        return use.axis()

    def shapes(self, use: Translation) -> Sequence[Extents]:
        return [use.shape[:self.first(use) - 1]]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        build, operation, first = use.build, use.values["operation"], self.first(use)
        inner = {"ASUM": "Abs", "SUMSQ": "Square"}.get(operation)
        value = build.call(inner, inputs[0]) if inner else inputs[0]
        axes = [build.value(axis) for axis in range(1, len(use.shape) - first + 2)]
        row = "ReduceMean" if operation == "MEAN" else "ReduceSum"
        if first == 1:
            value = build.call(row, value)
        else:
            value = build.call(build.make(row, use.spread(axes)), value)
            value = build.call(build.make("Reshape", use.dims(self.shapes(use)[0])), value)
        return [use.scaled(use.values["coeff"], value)]


class Parameter(LayerRow):
    types, message = ("Parameter",), "parameter_param"
    fields: ClassVar[Mapping[str, Known]] = {"shape": known_message()}
    inputs = (0, 0)
    tensors = ("value",)
    becomes = "ParameterTensor"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        dims = tuple(use.dims_in(use.values["shape"]))
        if not dims:
            use.refuse(Code.MISSING_OPTION, "the parameter has no `shape`", "shape")
        return [dims]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        return [use.build.make("ParameterTensor", use.dims(self.shapes(use)[0]))]


class Interp(LayerRow):
    types, message = ("Interp",), "interp_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "height": whole(0), "width": whole(0), "zoom_factor": whole(0), "shrink_factor": whole(0), "pad_beg": whole(0),
        "pad_end": whole(0)}
    inputs = (1, 2)
    becomes = "Interpolate"
    remark = "of DeepLab's fork, without padding and shrinking"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        values = use.values
        if len(use.shape) != 3:
            use.refuse(Code.SHAPE_MISMATCH, f"Interp needs an image, and gets {shown(use.shape)}")
        for name in ("shrink_factor", "pad_beg", "pad_end"):
            if values[name] not in (0, 1) or (values[name] and name != "shrink_factor"):
                use.unsupported(f"Interp with `{name}`", name)
        if len(use.bottoms) == 2:
            return [(use.shape[0], *use.bottoms[1][1:])]
        if values["height"] and values["width"]:
            return [(use.shape[0], values["height"], values["width"])]
        if values["zoom_factor"] < 1:
            use.refuse(Code.MISSING_OPTION, "Interp needs `height` and `width`, or `zoom_factor`", "height", "width")
        zoom = values["zoom_factor"]
        return [(use.shape[0], *(extent + (extent - 1) * (zoom - 1) for extent in use.shape[1:]))]

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]] | None:
        if len(use.bottoms) == 2:
            return None
        return [("", self._made(use))]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        return [use.build.call(self._made(use), inputs[0])]

    def _made(self, use: Translation) -> ast.Expression:
        _, height, width = self.shapes(use)[0]
        return use.build.make("Interpolate", [width, height], mode="linear", alignCorners=True)

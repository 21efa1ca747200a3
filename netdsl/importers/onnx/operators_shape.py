"""Rows of ONNX's operators that reshape, cut, join, reduce and resize, and those of shapes themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from ...base.lazy import LazyModule
from .known_numbers import fold_expand, fold_gather, fold_reshape, fold_slice, fold_squeeze, fold_unsqueeze
from .operator_type import BATCH, OperatorType, OperatorUse, Refused, Value, extents, number

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

_FAR = 1 << 31


# --- reshaping ---------------------------------------------------------------------------------------


def _reshaped(use: OperatorUse, x: Value, dims: Sequence[int]) -> Value:
    """`x` under other extents; nothing is written where they are the same."""
    if tuple(dims) == x.dims:
        return x
    return use.define(f"Flatten ({x.text})" if len(dims) == 1 else f"Reshape ({x.text}, ({extents(dims)}))", dims)


def _reshape(use: OperatorUse) -> Value:
    x = use.tensor()
    stored = use.attribute("shape")
    target = list(stored) if stored is not None else list(use.constant(1, "shape").reshape(-1))
    size = prod(x.dims)
    keeps_zero = not use.attribute("allowzero", 0)
    same = (BATCH, *x.dims)
    wanted: list[Any] = [BATCH if extent is BATCH else
                         same[index] if extent == 0 and keeps_zero and index < len(same) else int(extent)
                         for index, extent in enumerate(target)]
    if not wanted:
        raise Refused("its shape is empty")
    if any(extent is BATCH for extent in wanted[1:]):
        raise Refused("it moves the axis of the samples")
    rest: list[int] = list(wanted[1:])
    unknown = sum(extent == -1 for extent in rest)
    known = prod(extent for extent in rest if extent != -1)
    first = wanted[0]
    is_batch = first is BATCH or (first == -1 and known == size) or (first == 1 and use.graph.single and (
        (unknown == 1 and known and size % known == 0) or (not unknown and known == size)))
    if not is_batch or unknown > 1 or not known or size % known or (not unknown and known != size):
        shown = [extent if extent is BATCH else int(extent) for extent in target]
        raise Refused(f"it makes {shown} of samples of {list(x.dims)}")
    return _reshaped(use, x, [size // known if extent == -1 else extent for extent in rest])


def _flatten(use: OperatorUse) -> Value:
    x = use.tensor()
    axis = int(use.attribute("axis", 1))
    axis += x.rank if axis < 0 else 0
    if axis != 1:
        raise Refused("it joins the samples with other axes")
    return _reshaped(use, x, [prod(x.dims)])


def _axes_of(use: OperatorUse, rank: int) -> list[int] | None:
    axes = use.numbers("axes", 1)
    return None if axes is None else sorted(axis + rank if axis < 0 else axis for axis in axes)


def _squeeze(use: OperatorUse) -> Value:
    x = use.tensor()
    axes = _axes_of(use, x.rank)
    if axes is None:
        axes = [index + 1 for index, extent in enumerate(x.dims) if extent == 1]
    if 0 in axes and use.graph.single and len(axes) == 1:
        raise Refused("it drops the axis of the samples")
    if any(axis < 1 or axis > len(x.dims) or x.dims[axis - 1] != 1 for axis in axes):
        raise Refused(f"it drops the axes {axes} of {list(x.dims)}")
    return _reshaped(use, x, [extent for index, extent in enumerate(x.dims, 1) if index not in axes] or [1])


def _unsqueeze(use: OperatorUse) -> Value:
    x = use.tensor()
    axes = use.numbers("axes", 1) or []
    rank = x.rank + len(axes)
    places = sorted(axis + rank if axis < 0 else axis for axis in axes)
    if not places or places[0] < 1 or places[-1] >= rank:
        raise Refused("it adds an axis before the samples")
    dims = list(x.dims)
    for place in places:
        dims.insert(place - 1, 1)
    return _reshaped(use, x, dims)


def _transpose(use: OperatorUse) -> Value:
    x = use.tensor()
    order = [int(axis) for axis in use.attribute("perm") or reversed(range(x.rank))]
    if sorted(order) != list(range(x.rank)):
        raise Refused(f"its perm is {order}")
    if order == list(range(x.rank)):
        return x
    if order == [1, 0]:
        return Value(text=x.text, dims=x.dims, column=True)
    if order[0] != 0:
        raise Refused("it moves the axis of the samples")
    dims = [x.dims[axis - 1] for axis in order[1:]]
    permutation = ":".join(str(x.rank - order[x.rank - k]) for k in range(1, x.rank))
    return use.define(f"TransposeAxes ({x.text}, ({permutation}))", dims)


# --- cutting and joining -----------------------------------------------------------------------------


def _concat(use: OperatorUse) -> Value:
    tensors = [use.tensor(index) for index in range(len(use.inputs))]
    axis = use.axis(int(use.attribute("axis", 1)), tensors[0].rank)
    place = tensors[0].rank - 1 - axis
    others = {(*t.dims[:place], *t.dims[place + 1:]) for t in tensors}
    if len(others) != 1 or len({len(t.dims) for t in tensors}) != 1:
        raise Refused(f"its inputs are {[list(t.dims) for t in tensors]}")
    dims = list(tensors[0].dims)
    dims[place] = sum(t.dims[place] for t in tensors)
    if len(tensors) == 1:
        return tensors[0]
    return use.define(f"Splice (({' : '.join(t.text for t in tensors)}), axis = {axis})", dims)


def _cut(use: OperatorUse, x: Value, place: int, begin: int, end: int, suffix: str = "") -> Value:
    """Elements of an axis (`place` counts in `dims`), as a value of its own."""
    dims = list(x.dims)
    if (begin, end) == (0, dims[place]):
        return x
    if not 0 <= begin < end <= dims[place]:
        raise Refused(f"it cuts {begin} to {end} out of {dims[place]}")
    dims[place] = end - begin
    return use.define(f"Slice ({begin}, {end}, {x.text}, axis = {len(x.dims) - place})", dims, suffix)


def _slice(use: OperatorUse) -> Value:
    x = use.tensor()
    starts, ends = use.numbers("starts", 1) or [], use.numbers("ends", 2) or []
    axes = use.numbers("axes", 3)
    steps = use.numbers("steps", 4) or [1] * len(starts)
    axes = list(range(len(starts))) if axes is None else axes
    if len({len(starts), len(ends), len(axes), len(steps)}) != 1:
        raise Refused("its starts, ends, axes and steps are of different number")
    value = x
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if any(item is BATCH for item in (start, end)):
            raise Refused("it cuts by the number of samples")
        axis = axis + x.rank if axis < 0 else axis
        if axis == 0 and start == 0 and step == 1 and (end >= _FAR - 1 or (use.graph.single and end >= 1)):
            continue
        if step != 1:
            raise Refused(f"it takes elements in steps of {step}")
        place = x.rank - 1 - use.axis(axis, x.rank)
        extent = x.dims[place]
        begin, stop = (min(max(number + extent if number < 0 else number, 0), extent) for number in (start, end))
        value = _cut(use, value, place, begin, stop)
    return value


def _split(use: OperatorUse) -> Sequence[Value]:
    x = use.tensor()
    place = x.rank - 1 - use.axis(int(use.attribute("axis", 0)), x.rank)
    sizes = use.numbers("split", 1)
    if sizes is None:
        count = int(use.attribute("num_outputs", len(use.node.outputs)))
        each = -(-x.dims[place] // count)
        sizes = [min(each, x.dims[place] - each * index) for index in range(count)]
    if sum(sizes) != x.dims[place] or min(sizes) < 1:
        raise Refused(f"its parts {sizes} are not the {x.dims[place]} elements")
    found, begin = [], 0
    for index, size in enumerate(sizes, 1):
        found.append(_cut(use, x, place, begin, begin + size, f"_{index}"))
        begin += size
    return found


def _gather(use: OperatorUse) -> Value:
    if use.value(0).is_constant:
        raise Refused("it looks up rows by computed numbers")
    x, indices = use.tensor(), use.constant(1, "indices")
    place = x.rank - 1 - use.axis(int(use.attribute("axis", 0)), x.rank)
    places = [int(i) + x.dims[place] if i < 0 else int(i) for i in indices.reshape(-1)]
    if indices.ndim > 1 or len(places) > 4096 or any(not 0 <= i < x.dims[place] for i in places):
        raise Refused("its indices are no list within the axis")
    if indices.ndim == 0:
        one = _cut(use, x, place, places[0], places[0] + 1)
        return _reshaped(use, one, [*one.dims[:place], *one.dims[place + 1:]] or [1])
    runs: list[list[int]] = []
    for i in places:
        if runs and runs[-1][1] == i:
            runs[-1][1] = i + 1
        else:
            runs.append([i, i + 1])
    parts = [_cut(use, x, place, begin, end, f"_{count}" if len(runs) > 1 else "")
             for count, (begin, end) in enumerate(runs, 1)]
    if len(parts) == 1:
        return parts[0]
    dims = list(x.dims)
    dims[place] = len(places)
    return use.define(f"Splice (({' : '.join(part.text for part in parts)}), axis = {len(x.dims) - place})", dims)


def _pad(use: OperatorUse) -> Value:
    x = use.tensor()
    pads = use.numbers("pads", 1) or []
    if use.has(3) or len(pads) != 2 * x.rank:
        axes = [int(axis) % x.rank for axis in use.constant(3, "axes").reshape(-1)] if use.has(3) else []
        if len(pads) != 2 * len(axes):
            raise Refused(f"its pads are {pads}")
        full = [0] * (2 * x.rank)
        for index, axis in enumerate(axes):
            full[axis], full[x.rank + axis] = pads[index], pads[len(axes) + index]
        pads = full
    if pads[0] or pads[x.rank] or min(pads) < 0:
        raise Refused("it pads the samples, or cuts off" if min(pads) < 0 else "it pads the samples")
    lower, upper = pads[1:x.rank], pads[x.rank + 1:]
    mode = use.attribute("mode", "constant")
    if mode not in ("constant", "reflect", "edge"):
        raise Refused(f"its mode is `{mode}`")
    if not any(pads):
        return x
    fill = float(use.constant(2, "value").reshape(-1)[0]) if use.has(2) else float(use.attribute("value", 0.0))
    options = f"lowerPad = ({extents(lower)}), upperPad = ({extents(upper)})"
    options += f', mode = "{"replicate" if mode == "edge" else mode}"' if mode != "constant" else ""
    options += f", value = {number(fill)}" if mode == "constant" and fill else ""
    return use.define(f"Padding {{{options}}} ({x.text})",
                      [a + n + b for a, n, b in zip(lower, x.dims, upper, strict=True)])


def _expand(use: OperatorUse) -> Value:
    x = use.tensor()
    target = list(use.constant(1, "shape").reshape(-1))
    rest = target[1:] if len(target) == x.rank else target
    rest = [1] * (len(x.dims) - len(rest)) + rest
    if len(rest) != len(x.dims) or any(e is BATCH or (e not in (1, n) and n != 1) for e, n in zip(rest, x.dims,
                                                                                                 strict=True)):
        raise Refused(f"it expands {list(x.dims)} to {target}")
    dims = [max(int(e), n) for e, n in zip(rest, x.dims, strict=True)]
    if tuple(dims) == x.dims:
        return x
    return use.define(f"{x.text} + ConstantTensor {{0, ({extents(dims)})}}", dims)


# --- softmax and reductions ----------------------------------------------------------------------------


def _competition(row: str) -> Callable[[OperatorUse], Value]:
    def translate(use: OperatorUse) -> Value:
        """Before opset 13 all axes from `axis` on are one; since then it is that axis alone."""
        x = use.tensor()
        if use.graph.opset >= 13:
            axis = use.axis(int(use.attribute("axis", -1)), x.rank)
            over_all = prod(x.dims) == x.dims[x.rank - 1 - axis]
            return use.define(f"{row} ({x.text})" if over_all else f"{row} ({x.text}, axis = {axis})", x.dims)
        first = int(use.attribute("axis", 1))
        first += x.rank if first < 0 else 0
        inner = prod(x.dims[max(first, 1) - 1:])
        if first < 1 or (prod(x.dims) != inner and x.dims[first - 1] != inner):
            raise Refused("it takes several axes together, but not all")
        return use.define(f"{row} ({x.text})" if prod(x.dims) == inner else
                          f"{row} ({x.text}, axis = {x.rank - first})", x.dims)
    return translate


def _reduction(row: str, before: str = "", behind: str = "") -> Callable[[OperatorUse], Value]:
    def translate(use: OperatorUse) -> Value:
        x = use.tensor()
        axes = _axes_of(use, x.rank)
        if axes is None or not axes:
            if use.attribute("noop_with_empty_axes", 0):
                return x
            axes = list(range(x.rank))
        if 0 in axes and use.graph.single:
            axes = [axis for axis in axes if axis]
        numbers = [use.axis(axis, x.rank) for axis in axes]
        keeps = bool(use.attribute("keepdims", 1))
        kept = [1 if index in axes else extent for index, extent in enumerate(x.dims, 1)]
        inner = f"{before} ({x.text})" if before else x.text
        whole = row == "ReduceMean" and len(x.dims) > 1 and axes == list(range(2, x.rank))
        if whole and not before and not behind:
            text = f"GlobalAveragePoolingLayer {{}} ({inner})"
        else:
            shown = ":".join(map(str, sorted(numbers)))
            text = f"{row} ({inner}, axis = ({shown}))" if len(numbers) > 1 else f"{row} ({inner}, axis = {shown})"
        text = f"{behind} ({text})" if behind else text
        if keeps or not axes:
            return use.define(text, kept)
        dims = [extent for index, extent in enumerate(x.dims, 1) if index not in axes] or [1]
        changed = f"Flatten ({text})" if len(dims) == 1 else f"Reshape ({text}, ({extents(dims)}))"
        return use.define(changed, dims)
    return translate


def _position(row: str) -> Callable[[OperatorUse], Value]:
    def translate(use: OperatorUse) -> Value:
        x = use.tensor()
        if use.attribute("select_last_index", 0):
            raise Refused("it takes the last of equal elements")
        axis = use.axis(int(use.attribute("axis", 0)), x.rank)
        place = x.rank - 1 - axis
        text = f"{row} ({x.text}, axis = {axis})"
        if use.attribute("keepdims", 1):
            return use.define(text, [1 if index == place else extent for index, extent in enumerate(x.dims)])
        dims = [extent for index, extent in enumerate(x.dims) if index != place] or [1]
        return use.define(f"Reshape ({text}, ({extents(dims)}))", dims)
    return translate


# --- resizing ------------------------------------------------------------------------------------------


def _resize(use: OperatorUse) -> Value:
    """Whole factors: elements repeated, or interpolated between centres."""
    x = use.tensor()
    old = use.node.kind == "Upsample" or use.graph.opset < 11
    scales: list[float] | None = None
    if use.attribute("scales") is not None:
        scales = [float(scale) for scale in use.attribute("scales")]
    else:
        index = 1 if old else 2
        stored = use.constant(index, "scales").reshape(-1) if use.has(index) else []
        scales = [float(scale) for scale in stored] if len(stored) else None
    if scales is None:
        sizes = list(use.constant(3, "sizes").reshape(-1))
        scales = [1.0] + [float(size) / extent for size, extent in zip(sizes[1:], x.dims, strict=True)]
    factors = [int(scale) for scale in scales[2:]]
    if len(scales) != x.rank or scales[:2] != [1, 1] or [float(f) for f in factors] != scales[2:] or min(factors) < 1:
        raise Refused(f"its scales are {scales}, and only whole factors of the map are read")
    mode, place = use.attribute("mode", "nearest"), use.attribute("coordinate_transformation_mode", "half_pixel")
    rounding = use.attribute("nearest_mode", "round_prefer_floor")
    if mode == "nearest":
        repeats = old or (place == "asymmetric" and rounding == "floor") or (
            place in ("half_pixel", "pytorch_half_pixel") and rounding in ("round_prefer_floor", "round_prefer_ceil"))
        if not repeats:
            raise Refused(f"its nearest element is chosen by `{place}` and `{rounding}`")
    elif mode != "linear" or old or place not in ("half_pixel", "pytorch_half_pixel"):
        raise Refused(f"it interpolates by `{mode}` and `{place if not old else 'asymmetric'}`")
    shown = str(factors[0]) if len(set(factors)) == 1 else f"({extents(factors)})"
    kind = ', mode = "linear"' if mode == "linear" else ""
    return use.define(f"Upsample ({x.text}, {shown}{kind})",
                      (x.dims[0], *(n * f for n, f in zip(x.dims[1:], factors, strict=True))))


def _depth_to_space(use: OperatorUse) -> Value:
    x, block = use.tensor(), int(use.attribute("blocksize", 1))
    if len(x.dims) != 3 or block < 1 or x.dims[0] % (block * block):
        raise Refused(f"its blocks of {block} do not divide {list(x.dims)}")
    c, h, w = x.dims[0] // (block * block), x.dims[1], x.dims[2]
    if use.attribute("mode", "DCR") == "DCR":
        return use.define(f"DepthToSpace ({x.text}, {block})", (c, h * block, w * block))
    text = f"Reshape (TransposeAxes (Reshape ({x.text}, ({w}:{h}:{block}:{block}:{c})), (3:1:4:2:5)), " \
           f"({w * block}:{h * block}:{c}))"
    return use.define(text, (c, h * block, w * block))


def _space_to_depth(use: OperatorUse) -> Value:
    x, block = use.tensor(), int(use.attribute("blocksize", 1))
    if len(x.dims) != 3 or block < 1 or x.dims[1] % block or x.dims[2] % block:
        raise Refused(f"its blocks of {block} do not divide {list(x.dims)}")
    return use.define(f"SpaceToDepth ({x.text}, {block})",
                      (x.dims[0] * block * block, x.dims[1] // block, x.dims[2] // block))


_REDUCE = ("axes", "keepdims", "noop_with_empty_axes")
SHAPES: tuple[OperatorType, ...] = (
    OperatorType("Reshape", "`Reshape`, `Flatten`", _reshape, ("allowzero", "shape"), fold=fold_reshape,
                 limits="shapes that mix samples"),
    OperatorType("Flatten", "`Flatten`", _flatten, ("axis",), limits="`axis` other than 1"),
    OperatorType("Squeeze", "`Reshape`", _squeeze, ("axes",), fold=fold_squeeze),
    OperatorType("Unsqueeze", "`Reshape`", _unsqueeze, ("axes",), fold=fold_unsqueeze),
    OperatorType("Transpose", "`TransposeAxes`", _transpose, ("perm",), limits="moving the samples",
                 fold=lambda use, arrays: np.transpose(arrays[0], use.attribute("perm"))),
    OperatorType("Concat", "`Splice`", _concat, ("axis",),
                 fold=lambda use, arrays: np.concatenate(arrays, int(use.attribute("axis", 0))),
                 limits="stored numbers beside computed ones"),
    OperatorType("Split", "a `Slice` for each output", _split, ("axis", "split", "num_outputs")),
    OperatorType("Slice", "`Slice`", _slice, ("axes", "ends", "starts"), fold=fold_slice,
                 limits="`steps` other than 1"),
    OperatorType("Gather", "`Slice`, `Splice` of several", _gather, ("axis",), fold=fold_gather,
                 limits="computed indices"),
    OperatorType("Pad", "`Padding`", _pad, ("mode", "pads", "value"), limits="the mode `wrap`, negative pads"),
    OperatorType("Expand", "adding zeros of that shape", _expand, fold=fold_expand),
    *(OperatorType(name, f"`{name}`", _competition(name), ("axis",),
                   limits="before opset 13: several axes together, but not all")
      for name in ("Softmax", "LogSoftmax", "Hardmax")),
    *(OperatorType(name, f"`{row}`" + (f" of `{before}`" if before else ""), _reduction(row, before, behind), _REDUCE)
      for name, row, before, behind in (
          ("ReduceMean", "ReduceMean", "", ""), ("ReduceSum", "ReduceSum", "", ""), ("ReduceMax", "ReduceMax", "", ""),
          ("ReduceMin", "ReduceMin", "", ""), ("ReduceProd", "ReduceProd", "", ""),
          ("ReduceLogSumExp", "ReduceLogSum", "", ""), ("ReduceL1", "ReduceSum", "Abs", ""),
          ("ReduceL2", "ReduceSum", "Square", "Sqrt"), ("ReduceSumSquare", "ReduceSum", "Square", ""),
          ("ReduceLogSum", "ReduceSum", "", "Log"))),
    *(OperatorType(name, f"`{row}`", _position(row), ("axis", "keepdims", "select_last_index"))
      for name, row in (("ArgMax", "Argmax"), ("ArgMin", "Argmin"))),
    *(OperatorType(name, "`Upsample`", _resize,
                   ("coordinate_transformation_mode", "mode", "nearest_mode", "scales"),
                   ignored=("cubic_coeff_a", "exclude_outside", "extrapolation_value", "antialias",
                            "keep_aspect_ratio_policy", "axes"),
                   limits="factors that are not whole, `align_corners`, cubic") for name in ("Resize", "Upsample")),
    OperatorType("DepthToSpace", "`DepthToSpace`; mode CRD with transposed axes", _depth_to_space,
                 ("blocksize", "mode")),
    OperatorType("SpaceToDepth", "`SpaceToDepth`", _space_to_depth, ("blocksize",)),
)

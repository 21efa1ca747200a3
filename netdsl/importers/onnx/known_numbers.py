"""Rows of ONNX's operators whose results are numbers that are known, and how others compute with such numbers.

Exporters compute shapes in the graph: `Shape`, `Gather`, `Concat` and `Unsqueeze` make the target of a `Reshape`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from ...base.lazy import LazyModule
from .operator_type import BATCH, OperatorType, OperatorUse, Refused, Value
from .stored_tensors import LARGEST_CONSTANT, array_of

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")


def _shape(use: OperatorUse) -> Value:
    x = use.value(0)
    full = list(x.array.shape) if x.is_constant else [*([1] if use.graph.single else [BATCH]), *x.dims]
    begin, end = int(use.attribute("start", 0)), use.attribute("end")
    return Value(np.array(full, dtype=object)[begin: None if end is None else int(end)])


def _size(use: OperatorUse) -> Value:
    if not use.graph.single:
        raise Refused("it counts the samples")
    return Value(np.array(prod(use.tensor().dims)))


def _constant(use: OperatorUse, arrays: Sequence[Any]) -> Any:
    for key in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if key in use.node.attributes:
            value = use.attribute(key)
            if key == "value":
                return array_of(value, use.graph.model.path)
            return np.array(value, "float32" if "float" in key else "int64")
    raise Refused("it holds no numbers")


def _filled(use: OperatorUse, arrays: Sequence[Any]) -> Any:
    dims = [int(extent) for extent in arrays[0].reshape(-1)]
    if prod(dims) > LARGEST_CONSTANT:
        raise Refused("its constant is too large")
    value = use.attribute("value")
    fill = array_of(value, use.graph.model.path).reshape(-1)[0] if value is not None else np.float32(0)
    return np.full(dims, fill)


def fold_slice(use: OperatorUse, arrays: Sequence[Any]) -> Any:
    array = arrays[0]
    starts, ends = use.numbers("starts", 1) or [], use.numbers("ends", 2) or []
    axes = use.numbers("axes", 3) or list(range(len(starts)))
    steps = use.numbers("steps", 4) or [1] * len(starts)
    cut = [slice(None)] * array.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        stop = None if step < 0 and end < -array.shape[axis] else end
        cut[axis] = slice(start, stop, step)
    return array[tuple(cut)]


def fold_unsqueeze(use: OperatorUse, arrays: Sequence[Any]) -> Any:
    return np.expand_dims(arrays[0], tuple(use.numbers("axes", 1) or ()))


def fold_squeeze(use: OperatorUse, arrays: Sequence[Any]) -> Any:
    axes = use.numbers("axes", 1)
    return np.squeeze(arrays[0], tuple(axes) if axes is not None else None)


def fold_reshape(use: OperatorUse, arrays: Sequence[Any]) -> Any:
    target = use.attribute("shape") or [int(extent) for extent in arrays[1].reshape(-1)]
    return arrays[0].reshape([arrays[0].shape[i] if extent == 0 else extent for i, extent in enumerate(target)])


def fold_gather(use: OperatorUse, arrays: Sequence[Any]) -> Any:
    return np.take(arrays[0], arrays[1].astype("int64"), axis=int(use.attribute("axis", 0)))


def fold_expand(use: OperatorUse, arrays: Sequence[Any]) -> Any:
    dims = [int(extent) for extent in arrays[1].reshape(-1)]
    if prod(dims) > LARGEST_CONSTANT:
        raise Refused("its constant is too large")
    return np.broadcast_to(arrays[0], np.broadcast_shapes(arrays[0].shape, tuple(dims)))


def fold_range(use: OperatorUse, arrays: Sequence[Any]) -> Any:
    start, stop, step = (array.reshape(-1)[0] for array in arrays)
    if not step or (stop - start) / step > LARGEST_CONSTANT:
        raise Refused("its constant is too large")
    return np.arange(start, stop, step)


KNOWN: tuple[OperatorType, ...] = (
    OperatorType("Constant", "a number, or `ParameterTensor` that is not learned", None,
                 ("value", "value_float", "value_int", "value_floats", "value_ints"), fold=_constant),
    OperatorType("Shape", "numbers", _shape, ("start", "end"),
                 fold=lambda use, arrays: np.array(arrays[0].shape, "int64")),
    OperatorType("Size", "a number", _size, fold=lambda use, arrays: np.array(arrays[0].size)),
    OperatorType("ConstantOfShape", "numbers", None, ("value",), fold=_filled),
    OperatorType("Range", "numbers", None, fold=fold_range),
)

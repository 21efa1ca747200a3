"""Rows of ONNX's operators that become layers with weights, or windows that move over maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...base.lazy import LazyModule
from .onnx_messages import ModelNode
from .operator_type import OperatorType, OperatorUse, Refused, Value, listed, number

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

_WINDOW = ("auto_pad", "dilations", "kernel_shape", "pads", "strides")


@dataclass(frozen=True)
class Window:
    """How a kernel moves over the axes of a map, in ONNX's order of axes."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    lower: tuple[int, ...]
    upper: tuple[int, ...]
    sizes: tuple[int, ...]
    ceil: bool = False

    def counts(self) -> list[int]:
        """Positions along each axis. Raises Refused where there are none."""
        found = []
        for k, s, d, low, high, n in zip(self.kernel, self.strides, self.dilations, self.lower, self.upper, self.sizes,
                                         strict=True):
            room = n + low + high - ((k - 1) * d + 1)
            if room < 0:
                raise Refused(f"its window of {k} is larger than the input of {n}")
            count = (-(-room // s) if self.ceil else room // s) + 1
            found.append(count - 1 if self.ceil and (count - 1) * s >= n + low else count)
        return found

    def is_automatic(self) -> bool:
        """Whether netdsl's `pad = true` says the same."""
        if self.ceil or not any((*self.lower, *self.upper)):
            return False
        for k, s, d, low, n, count in zip(self.kernel, self.strides, self.dilations, self.lower, self.sizes,
                                          self.counts(), strict=True):
            surplus = (n - 1) % s
            if k > n or count != (n - 1) // s + 1 or low != (k - 1) * d // 2 - surplus // 2:
                return False
        return True

    def options(self) -> str:
        """`(3:3), stride = 2, pad = true`, as the layers of the language take it."""
        text = _axes(self.kernel, always=True)
        text += f", stride = {_axes(self.strides)}" if any(s != 1 for s in self.strides) else ""
        if self.is_automatic():
            text += ", pad = true"
        else:
            text += f", lowerPad = {_axes(self.lower)}" if any(self.lower) else ""
            text += f", upperPad = {_axes(self.upper)}" if any(self.upper) else ""
            text += ", dropRest = true" if self.leaves_rest() else ""
        return text + (f", dilation = {_axes(self.dilations)}" if any(d != 1 for d in self.dilations) else "")

    def leaves_rest(self) -> bool:
        """Whether pixels at the end are not reached although there is padding."""
        axes = zip(self.kernel, self.strides, self.dilations, self.lower, self.upper, self.sizes, self.counts(),
                   strict=True)
        return any((low or high) and (count - 1) * s + (k - 1) * d + 1 < n + low
                   for k, s, d, low, high, n, count in axes)


def _axes(values: Sequence[int], always: bool = False) -> str:
    shown = tuple(reversed(tuple(values)))
    return f"({':'.join(map(str, shown))})" if always and len(shown) > 1 else listed(shown)


def window(use: OperatorUse, kernel: Sequence[int], sizes: Sequence[int]) -> Window:
    """The window of a node over maps of these extents."""
    rank = len(sizes)
    if len(kernel) != rank or not 1 <= rank <= 3:
        raise Refused(f"its window has {len(kernel)} axes over a map of {rank}")
    strides, dilations = (_per_axis(use, name, rank, 1) for name in ("strides", "dilations"))
    pads = tuple(int(pad) for pad in use.attribute("pads") or (0,) * (2 * rank))
    if len(pads) != 2 * rank or min(pads) < 0:
        raise Refused(f"its pads are {list(pads)}")
    lower, upper = pads[:rank], pads[rank:]
    automatic = use.attribute("auto_pad", "NOTSET")
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        needed = [max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
                  for n, s, k, d in zip(sizes, strides, kernel, dilations, strict=True)]
        half = [total // 2 for total in needed]
        rest = [total - part for total, part in zip(needed, half, strict=True)]
        lower, upper = (tuple(half), tuple(rest)) if automatic == "SAME_UPPER" else (tuple(rest), tuple(half))
    elif automatic not in ("NOTSET", "VALID", ""):
        raise Refused(f"its auto_pad is `{automatic}`")
    elif automatic == "VALID":
        lower = upper = (0,) * rank
    return Window(tuple(kernel), strides, dilations, lower, upper, tuple(sizes), bool(use.attribute("ceil_mode", 0)))


def _per_axis(use: OperatorUse, name: str, rank: int, default: int) -> tuple[int, ...]:
    values = tuple(int(value) for value in use.attribute(name) or (default,) * rank)
    if len(values) != rank or min(values) < 1:
        raise Refused(f"its {name} are {list(values)}")
    return values


# --- convolutions ------------------------------------------------------------------------------------


def _filters(use: OperatorUse, x: Value) -> Any:
    weight = use.constant(1, "filter")
    if weight.ndim != x.rank or weight.ndim < 3 or weight.dtype.kind != "f":
        raise Refused(f"its filter has {weight.ndim} axes, and its input {x.rank}")
    return weight


@dataclass(frozen=True)
class Bias:
    """Numbers that are added to each output, and the addition behind the node that they come from, if any."""

    array: Any = None
    addition: ModelNode | None = None

    def finish(self, use: OperatorUse, value: Value) -> Value:
        """Keep the numbers; where an addition was swallowed, its output is the layer's."""
        if self.array is not None:
            use.graph.weight(f"{value.text}.bias", np.ascontiguousarray(self.array, "float32"))
        if self.addition is not None:
            use.graph.fuse(self.addition, value)
        return value


def _bias(use: OperatorUse, outputs: int) -> Bias:
    """A bias from the third input, or from an addition behind it that nothing else shares."""
    if use.has(2):
        bias = use.constant(2, "bias")
        if bias.shape != (outputs,):
            raise Refused(f"its bias has the shape {list(bias.shape)}")
        return Bias(bias)
    followers = use.graph.users(use.node.outputs[0])
    if len(followers) != 1 or followers[0].kind != "Add" or followers[0].domain:
        return Bias()
    other = [name for name in followers[0].inputs if name != use.node.outputs[0]]
    array = use.graph.constant(other[0]) if len(other) == 1 else None
    axes = 0 if use.node.kind == "MatMul" else use.value(0).rank - 2
    fits = array is not None and array.dtype.kind == "f" and array.size == outputs and array.ndim > axes and \
        array.shape[array.ndim - 1 - axes] == outputs
    return Bias(array.reshape(-1), followers[0]) if array is not None and fits else Bias()


def _conv(use: OperatorUse) -> Value:
    x = use.tensor()
    weight = _filters(use, x)
    groups = int(use.attribute("group", 1))
    kernel = weight.shape[2:]
    given = tuple(use.attribute("kernel_shape") or kernel)
    if given != kernel:
        raise Refused(f"its kernel_shape {list(given)} is not its filter's")
    if groups < 1 or weight.shape[1] * groups != x.dims[0] or weight.shape[0] % groups:
        raise Refused(f"its filter {list(weight.shape)} does not fit {x.dims[0]} channels in {groups} groups")
    moved = window(use, kernel, x.dims[1:])
    bias = _bias(use, weight.shape[0])
    options = f"{weight.shape[0]}, {moved.options()}" + (f", groups = {groups}" if groups > 1 else "") + \
        ("" if bias.array is not None else ", bias = false")
    value = use.define(f"ConvolutionalLayer {{{options}}} ({x.text})", (weight.shape[0], *moved.counts()))
    use.graph.weight(f"{value.text}.weight", weight)
    return bias.finish(use, value)


def _conv_transpose(use: OperatorUse) -> Value:
    x = use.tensor()
    weight = _filters(use, x)
    groups, kernel = int(use.attribute("group", 1)), weight.shape[2:]
    rank = len(kernel)
    strides, dilations = (_per_axis(use, name, rank, 1) for name in ("strides", "dilations"))
    extra = tuple(use.attribute("output_padding") or (0,) * rank)
    pads = tuple(use.attribute("pads") or (0,) * (2 * rank))
    if weight.shape[0] != x.dims[0] or use.attribute("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise Refused("its padding is automatic" if weight.shape[0] == x.dims[0] else "its filter does not fit")
    smallest = [(n - 1) * s + (k - 1) * d + 1 - pads[i] - pads[rank + i]
                for i, (n, s, k, d) in enumerate(zip(x.dims[1:], strides, kernel, dilations, strict=True))]
    sizes = [size + more for size, more in zip(smallest, extra, strict=True)]
    wanted = use.attribute("output_shape")
    if wanted and list(wanted)[-rank:] != sizes:
        raise Refused("its output_shape decides about the padding")
    if min(sizes) < 1:
        raise Refused("nothing is left of its output")
    outputs = weight.shape[1] * groups
    bias = _bias(use, outputs)
    text = f"{outputs}, {_axes(kernel, always=True)}"
    text += f", stride = {_axes(strides)}" if any(s != 1 for s in strides) else ""
    text += f", lowerPad = {_axes(pads[:rank])}" if any(pads[:rank]) else ""
    text += f", upperPad = {_axes(pads[rank:])}" if any(pads[rank:]) else ""
    text += f", outputShape = {_axes(sizes, always=True)}" if any(extra) else ""
    text += f", dilation = {_axes(dilations)}" if any(d != 1 for d in dilations) else ""
    text += f", groups = {groups}" if groups > 1 else ""
    text += "" if bias.array is not None else ", bias = false"
    value = use.define(f"ConvolutionTransposeLayer {{{text}}} ({x.text})", (outputs, *sizes))
    use.graph.weight(f"{value.text}.weight", weight)
    return bias.finish(use, value)


# --- products ----------------------------------------------------------------------------------------


def _linear(use: OperatorUse, x: Value, weight: Any, bias: Bias) -> Value:
    """`weight` is [outputs, inputs], over the last axis of x in ONNX."""
    if weight.ndim != 2 or weight.shape[1] != x.dims[-1]:
        raise Refused(f"its matrix {list(weight.shape)} does not fit {x.dims[-1]} inputs")
    kept = len(x.dims) - 1
    options = f"{weight.shape[0]}" + ("" if bias.array is not None else ", bias = false") + \
        (f", mapRank = {kept}" if kept else "")
    value = use.define(f"LinearLayer {{{options}}} ({x.text})", (*x.dims[:-1], weight.shape[0]))
    use.graph.weight(f"{value.text}.weight", np.ascontiguousarray(weight))
    return bias.finish(use, value)


def _gemm(use: OperatorUse) -> Value:
    x = use.tensor()
    matrix = use.constant(1, "matrix").astype("float32", copy=False)
    if matrix.ndim != 2:
        raise Refused(f"its matrix has {matrix.ndim} axes")
    if len(x.dims) != 1 or use.attribute("transA", 0):
        raise Refused("its first input is no vector for each sample")
    weight = matrix if use.attribute("transB", 0) else matrix.T
    alpha, beta = float(use.attribute("alpha", 1.0)), float(use.attribute("beta", 1.0))
    bias = Bias(np.broadcast_to(use.constant(2, "bias"), (1, weight.shape[0])).reshape(-1) * np.float32(beta)) \
        if use.has(2) else Bias()
    return _linear(use, x, weight if alpha == 1 else weight * np.float32(alpha), bias)


def _matmul(use: OperatorUse) -> Value:
    left, right = use.value(0), use.value(1)
    if right.is_constant and not left.is_constant:
        matrix = right.array
        if matrix.ndim != 2:
            raise Refused(f"its second input has {matrix.ndim} axes")
        return _linear(use, use.tensor(0), matrix.T, _bias(use, matrix.shape[1]))
    if left.is_constant or right.is_constant:
        raise Refused("its first input is stored, and its second computed")
    if right.column:  # the product of two vectors of one sample
        return use.define(f"TransposeTimes ({right.text}, {use.tensor(0).text})", (1,))
    a, b = use.tensor(0), use.tensor(1)
    if len(a.dims) != 2 or len(b.dims) != 2 or a.dims[1] != b.dims[0]:
        raise Refused(f"it multiplies {list(a.dims)} and {list(b.dims)} for each sample")
    return use.define(f"Times ({b.text}, {a.text})", (a.dims[0], b.dims[1]))


# --- normalization -----------------------------------------------------------------------------------


def _epsilon(use: OperatorUse) -> str:
    """`, epsilon = ...` where it is not the 1e-5 that ONNX and netdsl take by themselves."""
    text = number(use.attribute("epsilon", 1e-5))
    return "" if text == number(1e-5) else f", epsilon = {text}"


def _batch_norm(use: OperatorUse) -> Value:
    x = use.tensor()
    if use.attribute("training_mode", 0) or not use.attribute("spatial", 1):
        raise Refused("it is in training mode" if use.attribute("spatial", 1) else "it is not spatial")
    numbers = [use.constant(index, "statistics").astype("float32") for index in range(1, 5)]
    if any(array.shape != (x.dims[0],) for array in numbers):
        raise Refused(f"its statistics are not of {x.dims[0]} channels")
    rank = len(x.dims) - 1
    options = (f", spatialRank = {rank}" if rank else "") + _epsilon(use)
    value = use.define(f"BatchNormalizationLayer {{{options[2:]}}} ({x.text})", x.dims)
    for name, array in zip(("weight", "bias", "running_mean", "running_variance"), numbers, strict=True):
        use.graph.weight(f"{value.text}.{name}", array)
    use.graph.weight(f"{value.text}.running_count", np.ones(1, "float32"))
    return value


def _instance_norm(use: OperatorUse) -> Value:
    x = use.tensor()
    scale, bias = use.constant(1, "scale"), use.constant(2, "bias")
    value = use.define(f"GroupNormalizationLayer {{{x.dims[0]}{_epsilon(use)}}} ({x.text})", x.dims)
    use.graph.weight(f"{value.text}.weight", scale)
    use.graph.weight(f"{value.text}.bias", bias)
    return value


def _layer_norm(use: OperatorUse) -> Value:
    x = use.tensor()
    axis = int(use.attribute("axis", -1))
    first = axis + x.rank if axis < 0 else axis
    rank = x.rank - first
    if first < 1 or (rank > 1 and rank != len(x.dims)):
        raise Refused("it normalizes over several axes, but not over all")
    inner = x.dims[len(x.dims) - rank:]
    scale = use.constant(1, "scale").astype("float32")
    bias = use.constant(2, "bias").astype("float32") if use.has(2) else np.zeros_like(scale)
    options = "perElement = true" + _epsilon(use) + (f", rank = {rank}" if rank != len(x.dims) else "")
    value = use.define(f"LayerNormalizationLayer {{{options}}} ({x.text})", x.dims)
    use.graph.weight(f"{value.text}.weight", np.broadcast_to(scale, inner).copy())
    use.graph.weight(f"{value.text}.bias", np.broadcast_to(bias, inner).copy())
    return value


def _lrn(use: OperatorUse) -> Value:
    x, size = use.tensor(), int(use.attribute("size", 0))
    if size % 2 == 0:
        raise Refused(f"its window has {size} channels, an even number")
    options = [str(size // 2)] + [f"{name} = {number(use.attribute(name, default))}" for name, default in (
        ("bias", 1.0), ("alpha", 1e-4), ("beta", 0.75))]
    return use.define(f"LocalResponseNormalizationLayer {{{', '.join(options)}}} ({x.text})", x.dims)


def _mean_variance(use: OperatorUse) -> Value:
    x = use.tensor()
    axes = sorted(axis % x.rank for axis in use.attribute("axes", (0, 2, 3)))
    if axes != list(range(0 if use.graph.single and 0 in axes else 1, x.rank)):
        raise Refused("it normalizes over the samples, or over some axes only")
    return use.define(f"LayerNormalizationLayer {{epsilon = 1e-18, affine = false}} ({x.text})", x.dims)


# --- pooling -----------------------------------------------------------------------------------------


def _pool(row: str) -> Any:
    def translate(use: OperatorUse) -> Value | Sequence[Value]:
        x = use.tensor()
        moved = window(use, tuple(use.attribute("kernel_shape") or ()), x.dims[1:])
        if any(d != 1 for d in moved.dilations):
            raise Refused("its window has gaps (dilations)")
        options = moved.options() + (", ceilOutDim = true" if moved.ceil else "")
        if row == "AveragePoolingLayer" and use.attribute("count_include_pad", 0):
            options += ", includePad = true" + (", includeOverhang = false" if moved.ceil else "")
        value = use.define(f"{row} {{{options}}} ({x.text})", (x.dims[0], *moved.counts()))
        if len(use.node.outputs) < 2 or not use.node.outputs[1]:
            return value
        return [value, Value(text=x.text, dims=x.dims, pooled=options)]
    return translate


def _unpool(use: OperatorUse) -> Value:
    x, where = use.tensor(), use.value(1)
    if not where.pooled:
        raise Refused("its places do not come from a MaxPool of the graph")
    return use.define(f"MaxUnpoolingLayer {{{where.pooled}}} ({x.text}, {where.text})", where.dims)


def _global(row: str) -> Any:
    def translate(use: OperatorUse) -> Value:
        x = use.tensor()
        if len(x.dims) < 2:
            raise Refused("its input has no pixels")
        return use.define(f"{row} {{}} ({x.text})", (x.dims[0], *(1 for _ in x.dims[1:])))
    return translate


def _prelu(use: OperatorUse) -> Value:
    x = use.tensor()
    slope = use.constant(1, "slope").astype("float32")
    if slope.size == 1:
        value = use.define(f"PReLU {{perChannel = false}} ({x.text})", x.dims)
    elif slope.size == x.dims[0] and slope.ndim >= len(x.dims) and slope.shape[-len(x.dims)] == x.dims[0]:
        value = use.define(f"PReLU ({x.text})", x.dims)
    else:
        raise Refused(f"its slopes have the shape {list(slope.shape)}")
    use.graph.weight(f"{value.text}.slope", slope.reshape(-1))
    return value


LAYERS: tuple[OperatorType, ...] = (
    OperatorType("Conv", "`ConvolutionalLayer`; an addition of one number for each channel behind it is its bias",
                 _conv, (*_WINDOW, "group"), limits="filters that are computed; more than three axes"),
    OperatorType("ConvTranspose", "`ConvolutionTransposeLayer`", _conv_transpose,
                 (*_WINDOW, "group", "output_padding", "output_shape"), limits="automatic padding"),
    OperatorType("Gemm", "`LinearLayer`", _gemm, ("alpha", "beta", "transA", "transB"), limits="`transA`"),
    OperatorType("MatMul", "`LinearLayer`, with the addition behind it as its bias; of two computed inputs `Times`",
                 _matmul, fold=lambda use, arrays: np.matmul(arrays[0], arrays[1]),
                 limits="more than two axes for each sample"),
    OperatorType("BatchNormalization", "`BatchNormalizationLayer`", _batch_norm,
                 ("epsilon", "training_mode", "spatial"), ignored=("momentum",), limits="training mode"),
    OperatorType("InstanceNormalization", "`GroupNormalizationLayer` with a group for each channel", _instance_norm,
                 ("epsilon",)),
    OperatorType("LayerNormalization", "`LayerNormalizationLayer {perElement = true}`", _layer_norm,
                 ("axis", "epsilon"), ignored=("stash_type",), limits="over several axes, but not all"),
    OperatorType("MeanVarianceNormalization", "`LayerNormalizationLayer {affine = false}`", _mean_variance, ("axes",),
                 limits="over the samples"),
    OperatorType("LRN", "`LocalResponseNormalizationLayer`", _lrn, ("alpha", "beta", "bias", "size"),
                 limits="an even `size`"),
    OperatorType("MaxPool", "`MaxPoolingLayer`", _pool("MaxPoolingLayer"), (*_WINDOW, "ceil_mode"),
                 ignored=("storage_order",), limits="`dilations`"),
    OperatorType("AveragePool", "`AveragePoolingLayer`", _pool("AveragePoolingLayer"),
                 (*_WINDOW, "ceil_mode", "count_include_pad"), limits="`dilations`"),
    OperatorType("MaxUnpool", "`MaxUnpoolingLayer`", _unpool, _WINDOW, limits="places of another graph"),
    OperatorType("GlobalAveragePool", "`GlobalAveragePoolingLayer`", _global("GlobalAveragePoolingLayer")),
    OperatorType("GlobalMaxPool", "`GlobalMaxPoolingLayer`", _global("GlobalMaxPoolingLayer")),
    OperatorType("PRelu", "`PReLU`", _prelu, limits="slopes that differ by position"),
)

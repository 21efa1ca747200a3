"""Rules for the operations of a model that have weights or windows: layers, where the tensors are theirs alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .model_file import ModelNode, ModelTensor
from .model_steps import GraphView, Step, Unsupported, merged, numbers, operation, short_number

_STATISTICS = ("weight", "bias", "running_mean", "running_variance", "running_count")


def plus(view: GraphView, node: ModelNode) -> Step:
    """A sum; or a layer with its bias, where one operand is the layer's product and the other the bias."""
    for product_uid, bias_uid in (node.inputs, node.inputs[::-1]):
        product, bias = view.model.nodes.get(product_uid), view.own_tensor(bias_uid)
        if product is not None and bias is not None and view.alone(product_uid):
            layer = _LAYERS.get(product.operation)
            found = layer(view, product, bias) if layer is not None else None
            if found is not None:
                return found

    return Step(node.inputs, lambda v: operation(view.build, v[0], "+", v[1]), small=True, stem="sum")


# --- dense ---------------------------------------------------------------------------------------------


def _linear(view: GraphView, node: ModelNode, bias: ModelTensor | None) -> Step | None:
    """A LinearLayer over all axes of its input, where the matrix has as many."""
    weight_uid, data = node.inputs
    weight, outer = view.own_tensor(weight_uid), int(node.options.get("outputRank") or 1)
    if weight is None or data in view.model.tensors or outer >= len(weight.dims):
        return None
    outputs = weight.dims[:outer]
    if len(weight.dims) - outer != view.ranks.get(data, 1) or (bias is not None and bias.dims not in (
            outputs, (*outputs, 1))):
        return None
    options: dict[str, Any] = {} if bias is not None else {"bias": False}
    tensors = {weight.uid: "weight", **({bias.uid: "bias"} if bias is not None else {})}
    layer = view.build.make("LinearLayer", view.build.value(outputs), **options)
    return Step((data,), lambda v: view.build.call(layer, *v), tensors=tensors, stem="dense")


def times(view: GraphView, node: ModelNode) -> Step:
    found = _linear(view, node, None)
    if found is not None:
        return found
    outer = int(node.options.get("outputRank") or 1)
    if outer == 1:
        return Step(node.inputs, lambda v: operation(view.build, v[0], "*", v[1]), stem="product")
    return Step(node.inputs, lambda v: view.build.call("Times", *v, outputRank=outer), stem="product")


def transpose_times(view: GraphView, node: ModelNode) -> Step:
    return Step(node.inputs, lambda v: view.build.call("TransposeTimes", *v), stem="product")


# --- convolutions and pooling ---------------------------------------------------------------------------


def _require_channels_last(node: ModelNode) -> None:
    if node.options.get("imageLayout") == 0:
        raise Unsupported("image with the channels before width and height (`imageLayout = \"HWC\"`)")


def _window_options(view: GraphView, node: ModelNode, axes: int) -> dict[str, Any]:
    """Stride, padding and dilation of so many axes, without what is usual for a layer."""
    given: dict[str, Any] = {"stride": merged(numbers(node, "strides", axes, 1))}
    pads = tuple(bool(value) for value in numbers(node, "autoPadding", axes, 0))
    given["pad"] = merged(pads)
    for key, option in (("lowerPad", "lowerPad"), ("upperPad", "upperPad"), ("dilation", "dilation")):
        given[option] = merged(numbers(node, key, axes, 1 if key == "dilation" else 0))
    usual = {"stride": 1, "pad": False, "lowerPad": 0, "upperPad": 0, "dilation": 1}
    return {name: view.build.value(value) for name, value in given.items() if value != usual[name]}


def _convolution_layer(view: GraphView, node: ModelNode, bias: ModelTensor | None) -> Step | None:
    weight = view.own_tensor(node.inputs[0])
    if weight is None or node.options.get("sequential"):
        return None
    _require_channels_last(node)
    _require_shared(node)
    kernel = tuple(int(extent) for extent in node.options.get("kernelShape") or ())
    old = len(weight.dims) == 2 and len(kernel) > 1 and (bool(node.options.get("convolution2D")) or len(kernel) > 2)
    axes = len(weight.dims) - 2 if not old else 2 if node.options.get("convolution2D") else len(kernel) - 1
    if axes < 1 or (not old and kernel[axes:axes + 1] not in ((), (weight.dims[axes],), (1,))):
        return None
    transposed = bool(node.options.get("transpose"))
    maps = weight.dims[0] if old else weight.dims[-2] if transposed else weight.dims[-1]
    if bias is not None and (bias.size != maps or [extent for extent in bias.dims if extent != 1] not in ([maps], [])):
        return None
    options = _window_options(view, node, axes)
    groups = int(node.options.get("groups") or 1)
    if groups != 1:
        options["groups"] = groups
    extents = tuple(extent for extent in (node.options.get("outputShape") or ())[:axes] if extent)
    if transposed and extents:
        options["outputShape"] = view.build.value(extents)
    if bias is None:
        options["bias"] = False
    row = "ConvolutionTransposeLayer" if transposed else "ConvolutionalLayer"
    tensors = {weight.uid: "weight", **({bias.uid: "bias"} if bias is not None else {})}
    layer = view.build.make(row, maps, view.build.value(kernel[:axes]), **options)
    return Step((node.inputs[1],), lambda v: view.build.call(layer, *v), tensors=tensors,
                stem="up" if transposed else "conv")


def _require_shared(node: ModelNode) -> None:
    if not all(node.options.get("sharing") or (True,)):
        raise Unsupported("convolution with other filters at every place (`sharing = false`)")


def convolution(view: GraphView, node: ModelNode) -> Step:
    found = _convolution_layer(view, node, None)
    if found is not None:
        return found
    _require_channels_last(node)
    _require_shared(node)
    kernel = tuple(int(extent) for extent in node.options.get("kernelShape") or ())
    weight = view.model.tensors.get(node.inputs[0])
    axes = max(1, len(weight.dims) - 2 if weight is not None and len(weight.dims) > 2 else len(kernel) - 1)
    options = _window_options(view, node, axes)
    # The function pads unless it is told not to.
    options["autoPadding"] = options.pop("pad", view.build.value(False))
    if node.options.get("transpose"):
        raise Unsupported("transposed convolution whose filters are shared or computed")
    return Step(node.inputs, lambda v: view.build.call("Convolution", *v, view.build.value(kernel[:axes]), **options),
                stem="conv")


def _window(node: ModelNode, *keys: str) -> tuple[int, ...]:
    kernel = next((tuple(int(extent) for extent in node.options[key]) for key in keys if node.options.get(key)), ())
    while len(kernel) > 2 and kernel[-1] == 1:
        kernel = kernel[:-1]  # the axis of the channels
    if not kernel:
        raise Unsupported("pooling over all positions without their extents")
    return kernel


def pooling(view: GraphView, node: ModelNode) -> Step:
    _require_channels_last(node)
    kernel = _window(node, "poolingWindowShape", "kernelShape")
    options = _window_options(view, node, len(kernel))
    options.pop("dilation", None)
    if node.options.get("ceilOutDim"):
        options["ceilOutDim"] = True
    average = node.operation == "AveragePooling" or (node.operation == "Pooling" and
                                                     node.options.get("poolingType") == 1)
    if average and node.options.get("includePad"):
        options["includePad"] = True
    layer = view.build.make("AveragePoolingLayer" if average else "MaxPoolingLayer", view.build.value(kernel),
                            **options)
    return Step(node.inputs, lambda v: view.build.call(layer, *v), stem="pool")


def unpooling(view: GraphView, node: ModelNode) -> Step:
    kernel = _window(node, "unpoolingWindowShape", "kernelShape")
    options = _window_options(view, node, len(kernel))
    options.pop("dilation", None)
    layer = view.build.make("MaxUnpoolingLayer", view.build.value(kernel), **options)
    return Step(node.inputs, lambda v: view.build.call(layer, *v), stem="unpool")


# --- batch normalization -----------------------------------------------------------------------------------


def batch_normalization(view: GraphView, node: ModelNode) -> Step:
    data, *statistics = node.inputs
    rank = view.ranks.get(data, 1)
    options: dict[str, Any] = {}
    constant = float(node.options.get("normalizationTimeConstant") or 0)
    epsilon, blend = (short_number(float(node.options.get(key) or 0)) for key in ("epsilon", "blendTimeConstant"))
    if epsilon != 1e-5:
        options["epsilon"] = epsilon
    if blend:
        options["blendTimeConstant"] = blend
    own = [view.own_tensor(uid) for uid in statistics[:2]]
    fixed = [uid for uid in statistics[2:] if uid in view.model.tensors and view.alone(uid)]
    spatial = bool(node.options.get("spatial"))
    if len(statistics) == 5 and all(own) and len(fixed) == 3:
        if spatial and rank > 1:
            options["spatialRank"] = rank - 1
        if constant != 5000:
            options["normalizationTimeConstant"] = constant
        layer = view.build.make("BatchNormalizationLayer", **options)
        return Step((data,), lambda v: view.build.call(layer, *v),
                    tensors=dict(zip(statistics, _STATISTICS, strict=True)), stem="norm")
    options |= {"spatial": spatial, "normalizationTimeConstant": constant}
    return Step(node.inputs, lambda v: view.build.call("BatchNormalization", *v, **options), stem="norm")


_LAYERS: dict[str, Callable[[GraphView, ModelNode, ModelTensor | None], Step | None]] = {
    "Times": _linear, "Convolution": _convolution_layer}

LAYER_RULES: dict[str, Callable[[GraphView, ModelNode], Step]] = {
    "Plus": plus, "Times": times, "TransposeTimes": transpose_times, "Convolution": convolution, "Pooling": pooling,
    "MaxPooling": pooling, "AveragePooling": pooling, "Unpooling": unpooling,
    "BatchNormalization": batch_normalization}

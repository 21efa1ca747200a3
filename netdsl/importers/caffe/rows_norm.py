"""Rows for normalizations, scales and biases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ...syntax import ast
from .known_fields import ENGINE, Known, flag, number, whole
from .known_fields import message as known_message
from .layer_row import Extents, LayerRow, Translation
from .legal_names import legal_name
from .start_values import bias_options, filler_of


class BatchNorm(LayerRow):
    """Mean and variance of each channel, nothing learned; the blobs are sums that the third divides."""

    types, message = ("BatchNorm",), "batch_norm_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "use_global_stats": flag(), "moving_average_fraction": number(0.999), "eps": number(1e-5), "engine": ENGINE}
    tensors = ("running_mean", "running_variance")
    blobs_read = 3
    becomes = "BatchNormalizationLayer {affine = false}"

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        options: dict[str, object] = {"spatialRank": len(use.shape) - 1} if len(use.shape) > 1 else {}
        options |= {"affine": False, "biasCorrection": True}
        if use.trains and use.values["use_global_stats"]:
            use.warn("training normalizes by the minibatch here, also with `use_global_stats: true`",
                     "use_global_stats", label="Caffe keeps the statistics of the file",
                     hint=f"to keep them, freeze the layer: `SGD.freeze = \"*{legal_name(use.layer.name)}\"`.")
        if use.trains and use.batch and 0 < use.values["moving_average_fraction"] < 1:
            constant = -use.batch / math.log(use.values["moving_average_fraction"])
            options["normalizationTimeConstant"] = round(constant)
        if use.values["eps"] != 1e-5:
            options["epsilon"] = use.values["eps"]
        return [("", use.build.make("BatchNormalizationLayer", **options))]

    def blob_count(self, use: Translation) -> int:
        return 0  # nothing of it is learned

    def arrays(self, blobs: Sequence[Any], given: Mapping[str, Any]) -> dict[str, Any]:
        found = super().arrays(blobs[:2], given)
        if len(blobs) > 2:
            factor = float(blobs[2].reshape(-1)[0])
            found = {name: blob * (0.0 if factor == 0 else 1 / factor) for name, blob in found.items()}
        return found


class Scale(LayerRow):
    """A learned factor (and a bias) for some axes; or a blob multiplied by another one."""

    types, message = ("Scale",), "scale_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "axis": whole(1), "num_axes": whole(1), "filler": known_message(), "bias_term": flag(False),
        "bias_filler": known_message()}
    inputs = (1, 2)
    tensors = ("weight", "bias")
    becomes = "ScaleLayer; of two blobs x .* y"

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]] | None:
        if len(use.bottoms) > 1:
            return None
        check_channels(use)
        options: dict[str, object] = {}
        start = filler_of(use, "filler", {"value": 1.0}) if "filler" in use.values else {"type": "constant", "value": 1}
        if start["type"] != "constant":
            use.warn(f"netdsl has no factors that start by `{start['type']}`", "filler", label="they start at 1 here")
        elif start["value"] != 1:
            options["initScale"] = start["value"]
        if use.values["bias_term"]:
            options |= {"bias": True, **bias_options(use)}
        return [("", use.build.make("ScaleLayer", **options))]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        if use.values["bias_term"]:
            use.unsupported("Scale of two blobs with a bias", "bias_term")
        return [use.build.binary(inputs[0], ".*", aligned(use, inputs[1]))]


class Bias(LayerRow):
    """A learned number added along some axes; or the sum of two blobs."""

    types, message = ("Bias",), "bias_param"
    fields: ClassVar[Mapping[str, Known]] = {"axis": whole(1), "num_axes": whole(1), "filler": known_message()}
    inputs = (1, 2)
    tensors = ("bias",)
    becomes = "BiasLayer; of two blobs x + y"

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]] | None:
        if len(use.bottoms) > 1:
            return None
        check_channels(use)
        return [("", use.build.make("BiasLayer", **bias_options(use, "filler")))]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        return [use.build.binary(inputs[0], "+", aligned(use, inputs[1]))]


def check_channels(use: Translation) -> None:
    """A factor for each channel is what the rows have."""
    if use.axis() != 1 or use.values["num_axes"] != 1:
        use.unsupported(f"{use.layer.type} over other axes than the channels", "axis", "num_axes",
                        hint="`axis: 1 num_axes: 1`, a number for each channel, is supported.")


def aligned(use: Translation, other: ast.Expression) -> ast.Expression:
    """The second blob under a shape whose axes stand where the layer says."""
    first, shape = use.values["axis"], use.bottoms[1]
    # Axis 0 means that the second blob has samples as well: it does here in any case.
    at = 0 if first == 0 else use.axis() - 1
    if use.shape[at:at + len(shape)] != shape:
        use.unsupported(f"{use.layer.type} of blobs that do not fit", "axis")
    extents: Extents = (*(1,) * at, *shape, *(1,) * (len(use.shape) - at - len(shape)))
    return other if extents == shape else use.build.call(use.build.make("Reshape", use.dims(extents)), other)


class MVN(LayerRow):
    """Mean 0 and, unless told, variance 1, over each channel or over all of a sample."""

    types, message = ("MVN",), "mvn_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "normalize_variance": flag(True), "across_channels": flag(False), "eps": number(1e-9)}
    becomes = "(x - ReduceMean (x)) / (eps + Sqrt (ReduceMean (Square (x - ReduceMean (x)))))"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        build, rank = use.build, len(use.shape)
        axes = range(1, rank + 1 if use.values["across_channels"] else rank)
        mean = build.make("ReduceMean", use.spread([build.value(axis) for axis in axes]))
        centred = build.binary(inputs[0], "-", build.call(mean, inputs[0]))
        if not use.values["normalize_variance"]:
            return [centred]
        deviation = build.call("Sqrt", build.call(mean, build.call("Square", centred)))
        below = use.shifted(use.values["eps"], deviation)
        return [build.binary(ast.Parentheses(centred, build.span), "/", ast.Parentheses(below, build.span))]

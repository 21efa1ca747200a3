"""Rows for losses and metrics: a criterion of the language is a number for each sample, of which the mean is taken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from ...base.codes import Code
from ...syntax import ast
from .known_fields import ENGINE, Known, choice, flag, read_fields, whole
from .layer_row import Extents, LayerRow, Translation, shown

LOSS: dict[str, Known] = {
    "ignore_label": whole(), "normalization": choice("FULL", "VALID", "BATCH_SIZE", "NONE", default="VALID"),
    "normalize": flag()}


class Loss(LayerRow):
    inputs, tops = (2, 2), (0, 2)
    role = "loss"
    #: What `normalization` is where the file says nothing.
    default: ClassVar[str] = "VALID"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        if len(use.layer.tops) > 1:
            return [(), use.shape]
        return [()]

    def divided(self, use: Translation, loss: ast.Expression, positions: int) -> ast.Expression:
        """A loss summed over the positions of a sample, divided as `loss_param` says."""
        values = read_fields(use.layer.parameter("loss_param"), LOSS, "`loss_param`", use.layer.span, use.problems)
        normalization = self.default
        if "normalization" in values:
            normalization = values["normalization"]
        elif "normalize" in values:
            normalization = "VALID" if values["normalize"] else "BATCH_SIZE"
        if normalization == "NONE":
            use.values = values
            use.unsupported("loss that is not divided by anything (`normalization: NONE`)", "normalization")
        if values["ignore_label"] is not None:
            use.values = values
            use.unsupported("loss with `ignore_label`", "ignore_label")
        if positions == 1 or normalization == "BATCH_SIZE":
            return loss
        return use.build.binary(loss, "/", use.build.value(positions))


class SoftmaxWithLoss(Loss):
    types, message = ("SoftmaxWithLoss", "SoftmaxLoss"), "softmax_param"
    fields: ClassVar[Mapping[str, Known]] = {"axis": whole(1), "engine": ENGINE}
    becomes = "CrossEntropyWithSoftmax, divided by the number of positions"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        axis, classes = use.axis(), {}
        positions = math.prod(use.shape) // use.shape[axis - 1]
        if math.prod(use.bottoms[1]) != positions:
            use.refuse(Code.SHAPE_MISMATCH, f"{math.prod(use.bottoms[1])} labels for {positions} positions",
                       label=f"the scores are {shown(use.shape)}, the labels {shown(use.bottoms[1])}")
        if positions > 1:
            classes = {"axis": use.file_axis(axis)}
        loss = use.build.call("CrossEntropyWithSoftmax", inputs[1], inputs[0], **classes)
        found = [self.divided(use, loss, positions)]
        if len(use.layer.tops) > 1:
            row = use.build.make("Softmax", axis=use.file_axis(axis)) if len(use.shape) > 1 else "Softmax"
            found.append(use.build.call(row, inputs[0]))
        return found


class EuclideanLoss(Loss):
    types = ("EuclideanLoss",)
    becomes = "0.5 * SquareError"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        if math.prod(use.bottoms[0]) != math.prod(use.bottoms[1]):
            use.refuse(Code.SHAPE_MISMATCH, "the two blobs have different numbers of elements",
                       label=f"{shown(use.shape)} and {shown(use.bottoms[1])}")
        return [use.scaled(0.5, use.build.call("SquareError", inputs[1], inputs[0]))]


class SigmoidCrossEntropyLoss(Loss):
    types = ("SigmoidCrossEntropyLoss",)
    becomes = "BinaryCrossEntropyWithSigmoid"
    default = "BATCH_SIZE"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        loss = use.build.call("BinaryCrossEntropyWithSigmoid", inputs[1], inputs[0])
        return [self.divided(use, loss, math.prod(use.shape))]


class MultinomialLogisticLoss(Loss):
    types = ("MultinomialLogisticLoss",)
    becomes = "CrossEntropy"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        return [use.build.call("CrossEntropy", inputs[1], inputs[0])]


class Accuracy(LayerRow):
    types, message = ("Accuracy",), "accuracy_param"
    fields: ClassVar[Mapping[str, Known]] = {"top_k": whole(1), "axis": whole(1), "ignore_label": whole()}
    inputs, tops = (2, 2), (0, 2)
    role = "metric"
    becomes = "Accuracy"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        axis = use.axis()
        if len(use.layer.tops) > 1:
            use.unsupported("second top of Accuracy (one number for each class)",
                            hint="write Recall {class = n} for the classes of interest.")
        if use.values["top_k"] > use.shape[axis - 1]:
            use.refuse(Code.OPTION_TYPE, f"`top_k` is {use.values['top_k']}", "top_k",
                       label=f"there are {use.shape[axis - 1]} classes")
        return [()]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        axis, options = use.axis(), dict[str, object]()
        if use.values["ignore_label"] is not None:
            use.unsupported("Accuracy with `ignore_label`", "ignore_label")
        if use.values["top_k"] != 1:
            options["topN"] = use.values["top_k"]
        if math.prod(use.shape) != use.shape[axis - 1]:
            options["axis"] = use.file_axis(axis)
        return [use.build.call("Accuracy", inputs[1], inputs[0], **options)]



"""Rows for losses and metrics: a criterion of the language is a number for each sample, of which the mean is taken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from ...base.codes import Code
from ...syntax import ast
from .known_fields import ENGINE, Known, choice, flag, number, read_fields, whole
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

    def normalized(self, use: Translation, row: str, inputs: Sequence[ast.Expression], positions: int,
                   **options: object) -> ast.Expression:
        """A criterion whose value for a sample is a sum over positions, divided as `loss_param` says."""
        values = read_fields(use.layer.parameter("loss_param"), LOSS, "`loss_param`", use.layer.span, use.problems)
        normalization, ignored = self.default, values["ignore_label"]
        if "normalization" in values:
            normalization = values["normalization"]
        elif "normalize" in values:
            normalization = "VALID" if values["normalize"] else "BATCH_SIZE"
        if normalization == "NONE":
            use.values = values
            use.unsupported("loss that is not divided by anything (`normalization: NONE`)", "normalization")
        if ignored is not None and ignored >= 0:
            options["ignoreLabel"] = ignored
        mean = normalization == "VALID" and (positions > 1 or "ignoreLabel" in options)
        if mean:
            options["reduction"] = "mean"
        loss = use.build.call(row, inputs[1], inputs[0], **options)
        divides = normalization == "FULL" and positions > 1
        return use.build.binary(loss, "/", use.build.value(positions)) if divides else loss

    def check_labels(self, use: Translation, positions: int) -> None:
        if math.prod(use.bottoms[1]) != positions:
            use.refuse(Code.SHAPE_MISMATCH, f"{math.prod(use.bottoms[1])} labels for {positions} positions",
                       label=f"the scores are {shown(use.shape)}, the labels {shown(use.bottoms[1])}")

    def check_sizes(self, use: Translation) -> None:
        if math.prod(use.bottoms[0]) != math.prod(use.bottoms[1]):
            use.refuse(Code.SHAPE_MISMATCH, "the two blobs have different numbers of elements",
                       label=f"{shown(use.shape)} and {shown(use.bottoms[1])}")


class SoftmaxWithLoss(Loss):
    types, message = ("SoftmaxWithLoss", "SoftmaxLoss"), "softmax_param"
    fields: ClassVar[Mapping[str, Known]] = {"axis": whole(1), "engine": ENGINE}
    becomes = "CrossEntropyWithSoftmax"
    remark = "`normalization: NONE` is not supported"

    def classes(self, use: Translation) -> int | None:
        return use.shape[use.axis() - 1]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        axis, options = use.axis(), dict[str, object]()
        positions = math.prod(use.shape) // use.shape[axis - 1]
        self.check_labels(use, positions)
        if positions > 1:
            options["axis"] = use.file_axis(axis)
        found = [self.normalized(use, "CrossEntropyWithSoftmax", inputs, positions, **options)]
        if len(use.layer.tops) > 1:
            row = use.build.make("Softmax", axis=use.file_axis(axis)) if len(use.shape) > 1 else "Softmax"
            found.append(use.build.call(row, inputs[0]))
        return found


class EuclideanLoss(Loss):
    types = ("EuclideanLoss",)
    becomes = "0.5 * SquareError"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        self.check_sizes(use)
        return [use.scaled(0.5, use.build.call("SquareError", inputs[1], inputs[0]))]


class SigmoidCrossEntropyLoss(Loss):
    types = ("SigmoidCrossEntropyLoss",)
    becomes = "BinaryCrossEntropyWithSigmoid"
    default = "BATCH_SIZE"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        self.check_sizes(use)
        return [self.normalized(use, "BinaryCrossEntropyWithSigmoid", inputs, math.prod(use.shape))]


class HingeLoss(Loss):
    types, message = ("HingeLoss",), "hinge_loss_param"
    fields: ClassVar[Mapping[str, Known]] = {"norm": Known("choice", "L1", choices=("", "L1", "L2"))}
    becomes = "HingeLoss"

    def classes(self, use: Translation) -> int | None:
        return use.shape[0] if use.shape else None

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        self.check_labels(use, 1)
        options: dict[str, object] = {"squared": True} if use.values["norm"] == "L2" else {}
        return [use.build.call("HingeLoss", inputs[1], inputs[0], **options)]


class ContrastiveLoss(Loss):
    types, message = ("ContrastiveLoss",), "contrastive_loss_param"
    fields: ClassVar[Mapping[str, Known]] = {"margin": number(1.0), "legacy_version": flag(False)}
    inputs, target = (3, 3), 2
    becomes = "ContrastiveLoss"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        self.check_sizes(use)
        options: dict[str, object] = {"margin": use.values["margin"]} if use.values["margin"] != 1 else {}
        if use.values["legacy_version"]:
            options["squaredDistance"] = True
        return [use.build.call("ContrastiveLoss", inputs[2], inputs[0], inputs[1], **options)]


class SmoothL1Loss(Loss):
    types, message = ("SmoothL1Loss",), "smooth_l1_loss_param"
    fields: ClassVar[Mapping[str, Known]] = {"sigma": number(1.0)}
    becomes = "SmoothL1Error"
    remark = "of Fast R-CNN's fork, without the weights that its third and fourth bottom are"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        self.check_sizes(use)
        beta = 1 / use.values["sigma"] ** 2 if use.values["sigma"] else 1.0
        options: dict[str, object] = {"beta": beta} if beta != 1 else {}
        return [use.build.call("SmoothL1Error", inputs[1], inputs[0], **options)]


class MultinomialLogisticLoss(Loss):
    types = ("MultinomialLogisticLoss",)
    becomes = "CrossEntropy"

    def classes(self, use: Translation) -> int | None:
        return use.shape[0] if use.shape else None

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        self.check_labels(use, math.prod(use.shape) // use.shape[0])
        return [use.build.call("CrossEntropy", inputs[1], inputs[0])]


class Accuracy(LayerRow):
    types, message = ("Accuracy",), "accuracy_param"
    fields: ClassVar[Mapping[str, Known]] = {"top_k": whole(1), "axis": whole(1), "ignore_label": whole()}
    inputs, tops = (2, 2), (0, 2)
    role = "metric"
    becomes = "Accuracy"

    def classes(self, use: Translation) -> int | None:
        return use.shape[use.axis() - 1]

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
        if use.values["top_k"] != 1:
            options["topN"] = use.values["top_k"]
        if use.values["ignore_label"] is not None:
            options["ignoreLabel"] = use.values["ignore_label"]
        if math.prod(use.shape) != use.shape[axis - 1]:
            options["axis"] = use.file_axis(axis)
        return [use.build.call("Accuracy", inputs[1], inputs[0], **options)]



"""Accuracy, and metrics for several labels at once: shares of right and wrong answers, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Number, Optional, option, table_row
from .bounds import UNIT, Bounds, within
from .criteria import ClassificationError, Criterion, counting_type
from .layer import Example, Layer
from .quality import Quality

if TYPE_CHECKING:
    import torch


@table_row
class Accuracy(ClassificationError):
    """1 if the class of the labels is among the `topN` largest of z, else 0: `1 - ClassificationError (labels, z)`.

    One score is compared with a threshold, with labels of 0 and 1. With an axis the result is the share of the
    positions that are right, among those that have a class.
    """

    short = "accuracy"
    aliases: ClassVar[tuple[str, ...]] = ()
    better: ClassVar[Quality] = Quality.LARGER
    examples = (
        Example("Accuracy", ((10,), (10,)), (1,)),
        Example("Accuracy {topN = 5}", ((1,), (10,)), (1,), "the label is the number of the class"),
        Example("Accuracy {axis = 3}", ((4, 3, 5), (4, 3, 5)), (1,), "the share of right pixels"),
        Example("Accuracy", ((1,), (1,)), (1,), "one score: is it above 0 where the label is 1?"),
        Example("Accuracy {topN = 5}", ((3,), (3,)), None, "there are 3 classes"),
    )

    def short_name(self) -> str:
        return self.short if self.top_n == 1 else f"top{self.top_n}Accuracy"

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return 1 - super().each(p, *tensors)


@table_row
class LabelMetric(Criterion):
    """Base of the metrics over several labels, each of them a yes (1) or a no (0) of its own."""

    is_metric: ClassVar[bool] = True
    percent: ClassVar[bool] = True
    keeps: ClassVar[str] = "nothing"

    threshold: float | None = option(
        Optional(Number()), None, "Above it an output says yes. None: 0.5 where z is a probability (between 0 and 1, "
                                  "as after a Sigmoid), else 0.")

    def for_bounds(self, inputs: Sequence[Bounds | None]) -> Layer:
        return replace(self, threshold=0.5) if self.threshold is None and within(inputs[1], UNIT) else self

    def wrong(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Which labels of each sample are wrong, (N, labels); NaN is always wrong."""
        labels, z = (tensor.flatten(1) for tensor in tensors)
        return ((z > (self.threshold or 0.0)) != (labels > 0.5)) | z.isnan()


def _examples(name: str) -> tuple[Example, ...]:
    return (Example(name, ((10,), (10,)), (1,)), Example(f"{name} {{threshold = 0.5}}", ((3,), (3,)), (1,)),
            Example(name, ((10,), (12,)), None))


@table_row
class HammingLoss(LabelMetric):
    """The share of the labels that are wrong, each label a yes or no of its own."""

    examples = _examples("HammingLoss")

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return self.wrong(tensors).to(counting_type(tensors[1])).mean(1, keepdim=True)


@table_row
class SubsetAccuracy(LabelMetric):
    """1 if all labels of a sample are right, else 0, each label a yes or no of its own."""

    aliases: ClassVar[tuple[str, ...]] = ("ExactMatch",)
    better: ClassVar[Quality] = Quality.LARGER
    examples = _examples("SubsetAccuracy")

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return (~self.wrong(tensors).any(1, keepdim=True)).to(counting_type(tensors[1]))

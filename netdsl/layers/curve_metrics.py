"""Metrics of how well scores order the samples: areas under curves over every threshold, exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.classes import NO_CLASS
from ..spec import Choice, Flag, Integer, Optional, option, table_row
from .accumulation import Accumulation, Rows
from .class_labels import class_numbers
from .layer import SCALAR, Example, Shape, ShapeError
from .quality import Quality
from .set_metrics import SetMetric, check_class

if TYPE_CHECKING:
    import torch


@table_row
class OverThresholds(SetMetric):
    """Base: keeps a label and a score for each sample, and class by class where there are several outputs.

    Of several outputs the softmax is compared, each class against the others; with `multiLabel` each output is a
    yes or no of its own, and its score is taken as it is.
    """

    better: ClassVar[Quality] = Quality.LARGER

    multi_label: bool = option(Flag(), False, "Whether each output is a yes or no of its own.")
    average: str = option(Choice(("macro", "weighted", "micro")), "macro",
                          "`macro`: the mean over the classes; `weighted`: by their number of samples; `micro`: of all "
                          "classes together. Of two classes, class 1 is looked at.")
    of_class: int | None = option(Optional(Integer(0)), None, "The number of the one class to look at.", name="class")

    @property
    def softmax_axis(self) -> int | None:
        return None if self.multi_label else 0

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        labels, z = inputs
        if labels.size != z.size and (labels.size != 1 or self.multi_label):
            raise ShapeError(f"the two inputs of {self.name()} have different shapes", input=1,
                             label=f"cannot compare {labels} and {z}")
        classes = max(2, z.size) if not self.multi_label else z.size
        check_class(self.name(), self.of_class, classes)
        return SCALAR

    def accumulation(self, inputs: Sequence[Shape]) -> Accumulation:
        z = inputs[1]
        return Rows(z.size + (z.size if self.multi_label else 1))

    def added(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        """(N, labels and scores): the scores last; one number of a class as the label, or one for each output."""
        import torch

        labels, z = (tensor.flatten(1).to(torch.promote_types(tensor.dtype, torch.float32)) for tensor in tensors)
        if z.shape[1] > 1 and not self.multi_label:
            labels = class_numbers(labels, z.shape[1], -1)
            z = z.softmax(1)
        return torch.cat((labels.to(z.dtype), z), 1)

    def result(self, added: torch.Tensor) -> float:
        import torch

        own = added.shape[1] // 2 if self.multi_label or added.shape[1] == 2 else 1
        added = added[(added[:, :own] != NO_CLASS).all(1)]
        if own == 1:
            added = added[added[:, 0] >= 0]  # those that have a class
        labels, scores = added[:, :own], added[:, own:].double()
        if scores.shape[1] > 1 and not self.multi_label:
            wanted = labels == torch.arange(scores.shape[1], device=scores.device)
        else:
            wanted = labels > 0.5
        if scores.shape[1] == 1:
            yes = self.of_class != 0 or self.multi_label
            return self.area(wanted[:, 0] == yes, scores[:, 0] if yes else -scores[:, 0])
        one = 1 if self.of_class is None and scores.shape[1] == 2 and not self.multi_label else self.of_class
        if one is not None:
            return self.area(wanted[:, one], scores[:, one])
        if self.average == "micro":
            return self.area(wanted.flatten(), scores.flatten())
        each = [self.area(wanted[:, k], scores[:, k]) for k in range(scores.shape[1])]
        areas = torch.tensor(each, dtype=torch.float64)
        weight = wanted.sum(0).double().cpu() if self.average == "weighted" else torch.ones_like(areas)
        weight = torch.where(areas.isnan(), 0.0, weight)  # a class that no sample has, or every sample
        return ((areas.nan_to_num() * weight).sum() / weight.sum()).item()

    def area(self, wanted: torch.Tensor, score: torch.Tensor) -> float:
        """Of one class: which samples are of it, and how much each looks like it; NaN where that is not defined."""
        raise NotImplementedError


def hits(wanted: torch.Tensor, score: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How many of the class, and how many of the others, have each score (float64), from the highest score down."""
    import torch

    values, place = torch.unique(score, return_inverse=True)
    none = torch.zeros(len(values), dtype=torch.float64, device=score.device)
    of_class = none.scatter_add(0, place, wanted.double())
    return of_class.flip(0), none.scatter_add(0, place, (~wanted).double()).flip(0)


def _examples(name: str) -> tuple[Example, ...]:
    return (Example(name, ((1,), (1,)), (1,), "yes or no"), Example(name, ((1,), (10,)), (1,), "the label is the "
            "number of the class"), Example(f"{name} {{multiLabel = true, average = 'micro'}}", ((10,), (10,)), (1,)),
            Example(f"{name} {{class = 2}}", ((3,), (3,)), (1,)), Example(f"{name} {{class = 3}}", ((3,), (3,)), None),
            Example(name, ((10,), (12,)), None))


@table_row
class AUC(OverThresholds):
    """The area under the ROC curve: how often a sample of the class has a higher score than one of another.

    Over the whole data set and exact, equal scores counted half, as scikit-learn's `roc_auc_score` with `ovr`. Not
    defined where all samples are of one class. Every sample's label and scores are kept in memory until the end.
    """

    aliases: ClassVar[tuple[str, ...]] = ("ROCAUC",)
    examples = _examples("AUC")

    def area(self, wanted: torch.Tensor, score: torch.Tensor) -> float:
        of_class, others = hits(wanted, score)
        below = others.sum() - others.cumsum(0)
        pairs = of_class.sum() * others.sum()
        return ((of_class * (below + others / 2)).sum() / pairs).item() if pairs else float("nan")


@table_row
class AveragePrecision(OverThresholds):
    """The mean precision at the scores of the samples of the class: the area under the precision-recall curve.

    Over the whole data set and exact, as scikit-learn's `average_precision_score`. Not defined where no sample is
    of the class. Every sample's label and scores are kept in memory until the end.
    """

    examples = _examples("AveragePrecision")

    def area(self, wanted: torch.Tensor, score: torch.Tensor) -> float:
        of_class, others = hits(wanted, score)
        found = of_class.cumsum(0)
        precision = found / (found + others.cumsum(0))
        return ((of_class * precision).sum() / of_class.sum()).item() if of_class.sum() else float("nan")

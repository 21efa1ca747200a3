"""Metrics of a whole data set: what minibatches add is summed or kept, and one number is made of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Choice, Flag, Integer, Number, Optional, option, table_row
from .accumulation import Accumulation, Sums
from .broadcast import with_batch
from .class_labels import class_numbers, has_class
from .criteria import Thresholded
from .layer import Example, Layer, Meaning, Shape, ShapeError
from .quality import Quality

if TYPE_CHECKING:
    import torch


@table_row
class SetMetric(Layer):
    """Base: `added` gets tensors with a batch axis and gives what they add."""

    family: ClassVar[str] = "criterion"
    inputs: ClassVar[tuple[str, ...]] = ("labels", "z")
    is_metric: ClassVar[bool] = True
    is_set_metric: ClassVar[bool] = True
    keeps: ClassVar[str] = "nothing"

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        given = with_batch(tensors, p.inputs) if any(shape.batched for shape in p.inputs) else \
            [tensor[None] for tensor in tensors]
        return self.added(p, *(tensor.detach() for tensor in given))

    def added(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        """What a minibatch adds, as `accumulation` says."""
        raise NotImplementedError


def ratio(above: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
    """above / below, 0 where below is 0."""
    import torch

    return torch.where(below == 0, 0.0, above / torch.where(below == 0, 1.0, below))


def check_class(name: str, of_class: int | None, classes: int) -> None:
    """Raise unless there is such a class."""
    if of_class is not None and of_class >= classes:
        raise ShapeError(f"{name} cannot look at class {of_class}: the last one is {classes - 1}",
                         label=f"there are {classes}, numbered from 0", option="class")


# --- answers that are right or wrong -------------------------------------------------------------------


@table_row
class Decisions(SetMetric, Thresholded):
    """Base of the metrics that count decisions, by class: right ones, all of the class, all that should be.

    With one output the classes are no (0) and yes (1): yes is a score above the threshold. With several outputs
    the largest is the answer; with `multiLabel` each is a yes or no of its own. Positions without a class are left
    out.
    """

    better: ClassVar[Quality] = Quality.LARGER
    percent: ClassVar[bool] = True

    multi_label: bool = option(Flag(), False, "Whether each output is a yes or no of its own.")
    threshold: float | None = option(
        Optional(Number()), None, "What a yes is above, for one output or `multiLabel`. None: 0.5 where z is a "
                                  "probability (between 0 and 1, as after a Sigmoid), else 0.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        result = super().shape(inputs)
        if self.multi_label and inputs[0].size != inputs[1].size:
            raise ShapeError(f"{self.name()} needs a label for each output", input=0,
                             label=f"cannot compare {inputs[0]} and {inputs[1]}")
        return result

    @property
    def compares_as(self) -> Meaning | None:
        return Meaning("shares") if self.multi_label else super().compares_as

    def counted(self, z: Shape) -> int:
        """How many classes are counted."""
        return max(2, self.classes(z)) if not self.multi_label else self.classes(z)

    def accumulation(self, inputs: Sequence[Shape]) -> Accumulation:
        return Sums(4 * self.counted(inputs[1]))

    def added(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        """(4 x classes): right answers, answers, labels, and all decisions."""
        import torch

        given, z, dim = self.arranged(p, *tensors)
        count = z.shape[dim]
        if self.multi_label:
            wanted, found = given > 0.5, z > self.limit
            pairs = [t.movedim(dim, 0).flatten(1) for t in (wanted & found, found, wanted, torch.ones_like(found))]
            return torch.stack([t.sum(1, dtype=torch.float64) for t in pairs]).flatten()
        answer = z.argmax(dim, keepdim=True) if count > 1 else (z > self.limit).long()
        return count_classes(class_numbers(given, count, dim).flatten(), answer.flatten(),
                             has_class(given, count, dim).flatten(), self.counted(p.inputs[1])).flatten()

    def result(self, added: torch.Tensor) -> float:
        # A label that is none of the classes spoils every number, also of classes that it does not touch.
        return float("nan") if added.isnan().any() else self.number(added.reshape(4, -1)).item()

    def number(self, counts: torch.Tensor) -> torch.Tensor:
        """From (4, classes): right answers, answers, labels, all decisions."""
        raise NotImplementedError


def count_classes(target: torch.Tensor, answer: torch.Tensor, counts: torch.Tensor, classes: int) -> torch.Tensor:
    """(4, classes) from numbers of classes: right answers, answers, labels, and all positions, of those that count.
    A label that is none of the classes makes NaN.
    """
    import torch

    inside = (target >= 0) & (target < classes)
    counted = torch.where(counts & ~inside, torch.nan, counts.to(torch.float64))
    target = target.clamp(0, classes - 1)
    none = torch.zeros(classes, dtype=torch.float64, device=target.device)
    return torch.stack((none.scatter_add(0, target, counted * (target == answer)),
                        none.scatter_add(0, answer, counted), none.scatter_add(0, target, counted),
                        counted.sum().expand(classes)))


@table_row
class OfClasses(Decisions):
    """Base of the metrics that each class has by itself, and that are averaged over the classes."""

    average: str | None = option(
        Optional(Choice(("macro", "micro", "weighted"))), None,
        "`macro`: the mean over the classes that occur; `weighted`: by how often they do; `micro`: of all decisions "
        "together. None: class 1 of two, `macro` of several.")
    of_class: int | None = option(Optional(Integer(0)), None, "The number of the one class to look at.", name="class")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        result = super().shape(inputs)
        check_class(self.name(), self.of_class, self.counted(inputs[1]))
        return result

    def number(self, counts: torch.Tensor) -> torch.Tensor:
        one = self.of_class
        if one is None and self.average is None and not self.multi_label and counts.shape[1] == 2:
            one = 1
        if one is not None:
            return self.value(counts[:, one])
        if self.average == "micro":
            return self.value(counts.sum(1))
        _, answers, labels, _ = counts
        weight = labels if self.average == "weighted" else ((answers + labels) > 0).to(labels.dtype)
        return ratio((self.value(counts) * weight).sum(), weight.sum())

    def value(self, counts: torch.Tensor) -> torch.Tensor:
        """From (4, ...): right answers, answers, labels, all decisions."""
        raise NotImplementedError


def _examples(name: str) -> tuple[Example, ...]:
    return (Example(name, ((1,), (1,)), (1,), "yes or no"), Example(name, ((10,), (10,)), (1,)),
            Example(f"{name} {{average = 'micro'}}", ((1,), (10,)), (1,), "the label is the number of the class"),
            Example(f"{name} {{axis = 3, class = 2}}", ((4, 3, 5), (4, 3, 5)), (1,), "one class of the pixels"),
            Example(f"{name} {{multiLabel = true, threshold = 0.5}}", ((10,), (10,)), (1,)),
            Example(f"{name} {{class = 10}}", ((10,), (10,)), None), Example(name, ((10,), (12,)), None))


@table_row
class Precision(OfClasses):
    """The share of the answers of a class that are right; 0 where there are none.

    Over the whole data set, as scikit-learn's `precision_score`.
    """

    examples = _examples("Precision")

    def value(self, counts: torch.Tensor) -> torch.Tensor:
        return ratio(counts[0], counts[1])


@table_row
class Recall(OfClasses):
    """The share of the samples of a class that are found; 0 where there are none.

    Over the whole data set, as scikit-learn's `recall_score`.
    """

    examples = _examples("Recall")

    def value(self, counts: torch.Tensor) -> torch.Tensor:
        return ratio(counts[0], counts[2])


@table_row
class F1(OfClasses):
    """The harmonic mean of Precision and Recall, `2 right / (answers + samples)`; 0 where there are none.

    Over the whole data set, as scikit-learn's `f1_score`.
    """

    examples = _examples("F1")

    def value(self, counts: torch.Tensor) -> torch.Tensor:
        return ratio(2 * counts[0], counts[1] + counts[2])


@table_row
class MeanIoU(OfClasses):
    """The intersection over union of a class, `right / (answers + positions - right)`: as a mean over the classes
    that occur.

    Over the whole data set, as PASCAL VOC has it (Everingham et al. 2010); IntersectionOverUnionError is the mean
    over the samples.
    """

    examples = _examples("MeanIoU")

    average: str | None = option(
        Optional(Choice(("macro", "micro", "weighted"))), "macro",
        "`macro`: the mean over the classes that occur; `weighted`: by how often they do; `micro`: of all positions "
        "together.")

    def value(self, counts: torch.Tensor) -> torch.Tensor:
        return ratio(counts[0], counts[1] + counts[2] - counts[0])


# --- counts of decisions ---------------------------------------------------------------------------------


@table_row
class CountOfDecisions(Decisions):
    """Base of the numbers of right and wrong decisions about one class: class 1 where no other is named."""

    percent: ClassVar[bool] = False
    #: Which of the four: right, false alarms, missed, others.
    part: ClassVar[str] = ""

    of_class: int = option(Integer(0), 1, "The number of the class that is meant by positive.", name="class")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        result = super().shape(inputs)
        check_class(self.name(), self.of_class, self.counted(inputs[1]))
        return result

    def number(self, counts: torch.Tensor) -> torch.Tensor:
        right, answers, labels, every = counts[:, self.of_class]
        parts: dict[str, torch.Tensor] = {"right": right, "false alarms": answers - right, "missed": labels - right,
                                          "others": every - answers - labels + right}
        return parts[self.part]


def _counts(name: str) -> tuple[Example, ...]:
    return (Example(name, ((1,), (1,)), (1,)), Example(f"{name} {{class = 3}}", ((1,), (10,)), (1,)),
            Example(f"{name} {{class = 10}}", ((10,), (10,)), None))


@table_row
class TruePositives(CountOfDecisions):
    """How many samples of the class are predicted as it (true positives)."""

    part = "right"
    examples = _counts("TruePositives")


@table_row
class FalsePositives(CountOfDecisions):
    """How many samples of other classes are predicted as the class (false positives)."""

    better: ClassVar[Quality] = Quality.SMALLER
    part = "false alarms"
    examples = _counts("FalsePositives")


@table_row
class FalseNegatives(CountOfDecisions):
    """How many samples of the class are predicted as another one (false negatives)."""

    better: ClassVar[Quality] = Quality.SMALLER
    part = "missed"
    examples = _counts("FalseNegatives")


@table_row
class TrueNegatives(CountOfDecisions):
    """How many samples of other classes are not predicted as the class (true negatives)."""

    part = "others"
    examples = _counts("TrueNegatives")

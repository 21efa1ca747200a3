"""Criteria, which training makes small, and metrics, which reports show: one number per sample.

A criterion is a tensor (N, 1). The trainer sums over the samples; what reports show is the sum divided
by their number. Labels come first, as in CNTK. They may be distributions (one-hot or soft) or, with
the extent 1 where the prediction has several classes, the number of the class. Positions without a
class (`class_labels.py`) are left out of value, gradient and divisor.

Criteria that compare numbers are in `value_criteria.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.classes import NO_CLASS
from ..spec import Choice, Integer, ListOf, Number, Optional, option, table_row
from .bounds import UNIT, Bounds, within
from .broadcast import padded, with_batch, with_rank
from .class_labels import has_class, one_hot, shares, without_label
from .elementwise import logarithm
from .layer import SCALAR, Example, Layer, Meaning, ParameterSpec, Shape, ShapeError
from .quality import Quality
from .softmax import axis_option, check_axis
from .sources import GivenStart

if TYPE_CHECKING:
    import torch


@table_row
class Criterion(Layer):
    """Base: `each` gets tensors with a batch axis and gives (N, 1)."""

    family: ClassVar[str] = "criterion"
    inputs: ClassVar[tuple[str, ...]] = ("labels", "z")
    better: ClassVar[Quality] = Quality.SMALLER

    @property
    def compares_as(self) -> Meaning | None:
        return Meaning("shares", self.compares) if self.compares else Meaning()

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        same_elements(self.name(), *inputs)
        return SCALAR

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        if any(shape.batched for shape in p.inputs):
            return self.each(p, *with_batch(tensors, p.inputs))
        return self.each(p, *(tensor[None] for tensor in tensors))[0]

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


def same_elements(name: str, labels: Shape, z: Shape) -> None:
    """Raise unless both have the same extents, but for axes of extent 1."""
    if [d for d in labels.dims if d != 1] != [d for d in z.dims if d != 1]:
        raise _differ(name, labels, z)


def _differ(name: str, labels: Shape, z: Shape) -> ShapeError:
    hint = ""
    if z.size > labels.size > 1:
        hint = f"the last layer has to have as many outputs as there are labels, {labels.size}."
    return ShapeError(f"the two inputs of {name} have different shapes", input=1, hint=hint,
                      label=f"cannot compare {labels} and {z}")


def ignore_label_option() -> Any:
    return option(Optional(Integer(0)), None, "Positions with this number as their label are left out as if they had "
                  "no class; it need not be one of the classes. PyTorch's `ignore_index`.", drawn="")


def reduction_option() -> Any:
    return option(Choice(("sum", "mean")), "sum", "What becomes of the positions: the sum over each sample, or the "
                  "mean over all that have a class in the minibatch, as PyTorch and Caffe (VALID) take it.", drawn="")


def over_positions(values: torch.Tensor, known: torch.Tensor, reduction: str) -> torch.Tensor:
    """(N, ...) -> (N, 1): what each position adds, of which those that are `known` have a class.

    For the mean each sample has its sum times N / (known positions of the minibatch): the mean of that over the
    samples is the mean over the positions.
    """
    sums = total(values)
    return sums if reduction == "sum" else sums * (len(sums) / known.sum().clamp(min=1)).to(sums.dtype)


def total(values: torch.Tensor) -> torch.Tensor:
    """(N, ...) -> (N, 1): the sum over each sample."""
    return values.flatten(1).sum(1, keepdim=True)


# --- classes ---------------------------------------------------------------------------------------

_FOR_ONE_SCORE = "for one output and labels of 0 and 1 use `BinaryCrossEntropyWithSigmoid`; for two classes give " \
                 "the last layer two outputs."


@table_row
class OverClasses(Criterion):
    """Base of criteria over classes: all elements of a sample (axis 0), or those along an axis.

    With an axis every position (a pixel of a map of classes) has its own classes.
    """

    axis: int = axis_option()
    #: What to write instead where there is one number and no choice; empty where one number is an answer.
    for_one: ClassVar[str] = ""

    @property
    def ignored(self) -> int | None:
        """The class whose positions are left out, in rows that let a file say it."""
        return None

    @property
    def compares_as(self) -> Meaning | None:
        return Meaning("classes", self.compares or "order", self.axis)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        labels, z = inputs
        check_axis(self.axis, z, self.name(), 1)
        if self.classes(z) == 1 and self.for_one:
            raise ShapeError(f"{self.name()} of one number has no classes to choose from", input=1,
                             label=f"this is {z}" + f", and axis {self.axis} has the extent 1" * bool(self.axis),
                             hint=self.for_one)
        if self.axis == 0:
            if labels.size != 1:
                same_elements(self.name(), labels, z)
            return SCALAR
        wanted, classes = list(z.dims), list(z.dims)
        classes[-self.axis] = 1
        if labels.rank > z.rank or list(padded(labels, z.rank)) not in (wanted, classes):
            raise _differ(self.name(), labels, z)
        return SCALAR

    def classes(self, z: Shape) -> int:
        return z.dims[-self.axis] if self.axis else z.size

    def class_numbers(self, inputs: Sequence[Shape]) -> int | None:
        labels, z = inputs
        own = labels.size if not self.axis else padded(labels, z.rank)[-self.axis]
        return self.classes(z) if own == 1 < self.classes(z) else None

    def largest_label(self, inputs: Sequence[Shape]) -> int | None:
        count = self.class_numbers(inputs)
        return None if count is None else max(count - 1, self.ignored or 0)

    def arranged(self, p: Any, labels: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Labels and prediction of one rank, and torch's axis of the classes."""
        if self.axis == 0:
            given, scores, dim = labels.flatten(1), z.flatten(1), -1
        else:
            given, scores, dim = with_rank(labels, Shape(p.inputs[0].dims), p.inputs[1].rank), z, -self.axis
        return without_label(given, scores.shape[dim], dim, self.ignored), scores, dim


@table_row
class CrossEntropyWithSoftmax(OverClasses):
    """`-sum (labels .* LogSoftmax (z))`; the gradient with respect to z is softmax - labels.

    Labels may be soft. Without an axis the softmax runs over all elements of a sample; with an axis
    the result is the sum over all positions. `labelSmoothing = e` takes (1 - e) labels + e / classes
    instead of the labels (Szegedy et al. 2016). `classWeights` multiplies the terms of the classes.
    Positions without a class (255 in a mask) add nothing, nor do those with `ignoreLabel`. `reduction = "mean"`
    divides by the number of positions that have a class.

    Where labels do not sum to 1, CNTK's gradient is not that of its value; here it is.

    Source: CNTK `CrossEntropyWithSoftmax`.
    """

    short = "ce"
    examples = (
        Example("CrossEntropyWithSoftmax", ((10,), (10,)), (1,)),
        Example("CrossEntropyWithSoftmax", ((1,), (10,)), (1,), "the label is the number of the class"),
        Example("CrossEntropyWithSoftmax {axis = 3}", ((4, 3, 5), (4, 3, 5)), (1,), "classes of pixels"),
        Example('CrossEntropyWithSoftmax {axis = 3, ignoreLabel = 255, reduction = "mean"}',
                ((4, 3, 1), (4, 3, 5)), (1,)),
        Example("CrossEntropyWithSoftmax {labelSmoothing = 0.1}", ((10,), (1, 1, 10)), (1,)),
        Example("CrossEntropyWithSoftmax", ((10,), (12,)), None),
        Example("CrossEntropyWithSoftmax", ((1,), (1,)), None, "one output: use BinaryCrossEntropyWithSigmoid"),
    )
    for_one = _FOR_ONE_SCORE
    compares = "scores"
    for_the_other = "CrossEntropy"

    label_smoothing: float = option(Number(0, 1, exclusive_maximum=True), 0.0,
                                    "The part of the probability that is spread over all classes.")
    class_weights: tuple[float, ...] | None = option(
        Optional(ListOf(Number(0))), None, "A factor for each class, for classes of unequal size.")
    ignore_label: int | None = ignore_label_option()
    reduction: str = reduction_option()

    @property
    def ignored(self) -> int | None:
        return self.ignore_label

    @property
    def softmax_axis(self) -> int | None:
        return self.axis

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        result = super().shape(inputs)
        if self.class_weights is not None and len(self.class_weights) != self.classes(inputs[1]):
            raise ShapeError(f"there are {self.classes(inputs[1])} classes and {len(self.class_weights)} weights",
                             label="one weight for each class", option="classWeights")
        return result

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        if self.class_weights is None:
            return {}
        start = GivenStart(rows=tuple((weight,) for weight in self.class_weights))
        return {"class_weights": ParameterSpec((len(self.class_weights),), start, learned=False, saved=False)}

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        given, z, dim = self.arranged(p, *tensors)
        labels = shares(given, z.shape[dim], dim, z.dtype)
        if self.label_smoothing:
            # By the sum of the labels, which is 1, and 0 where a position has no class.
            share = self.label_smoothing / z.shape[dim]
            labels = labels * (1 - self.label_smoothing) + labels.sum(dim, keepdim=True) * share
        if self.class_weights is not None:
            labels = labels * p.class_weights.reshape(-1, *(1,) * (-1 - dim))
        # In bf16 the gradient at a class that is all but certain would be off by 2**-9 (torch's autocast sees to it
        # on CUDA only).
        each = -(labels * z.log_softmax(dim, dtype=torch.promote_types(z.dtype, torch.float32)))
        return over_positions(each, has_class(given, z.shape[dim], dim), self.reduction)


@table_row
class CrossEntropy(OverClasses):
    """`-sum (labels .* Log (p))` for probabilities p, as they are; Log as in the row Log.

    After a Softmax use CrossEntropyWithSoftmax on what goes into it: that is exact for small p.

    Source: CNTK `CrossEntropy`.
    """

    short = "ce"
    inputs = ("labels", "p")
    examples = (Example("CrossEntropy", ((10,), (10,)), (1,)), Example("CrossEntropy", ((10,), (12,)), None))
    for_one = "for one probability use `BinaryCrossEntropy`, or `BinaryCrossEntropyWithSigmoid` on what goes into " \
              "its Sigmoid; for two classes two outputs."
    compares = "probabilities"
    for_the_other = "CrossEntropyWithSoftmax"

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        given, probabilities, dim = self.arranged(p, *tensors)
        return total(-(shares(given, probabilities.shape[dim], dim, probabilities.dtype) * logarithm(probabilities)))


@table_row
class Thresholded(OverClasses):
    """Base of the rows over classes that compare a single score with a threshold: labels of 0 and 1, one output.

    Where z has one element (along the axis) the answer is class 1 above the threshold, else class 0, and a
    label above 0.5 is class 1.
    """

    threshold: float | None = option(
        Optional(Number()), None, "Where z has one element: above it the answer is class 1. None: 0.5 where z is a "
                                  "probability (between 0 and 1, as after a Sigmoid), else 0.")

    def for_bounds(self, inputs: Sequence[Bounds | None]) -> Layer:
        return replace(self, threshold=0.5) if self.threshold is None and within(inputs[1], UNIT) else self

    def largest_label(self, inputs: Sequence[Shape]) -> int | None:
        return 1 if self.classes(inputs[1]) == 1 else super().largest_label(inputs)

    @property
    def limit(self) -> float:
        return self.threshold or 0.0


@table_row
class ClassMetric(Thresholded):
    """Base of the metrics over classes: a share between 0 and 1, without a gradient."""

    is_metric: ClassVar[bool] = True
    percent: ClassVar[bool] = True
    keeps: ClassVar[str] = "nothing"

    @property
    def is_weighted(self) -> bool:
        """By the positions that have a class: each of them counts the same, whatever sample it is in."""
        return True

    def sample_weights(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        given, z, dim = self.arranged(p, *with_batch(tensors, p.inputs))
        return total(has_class(given, z.shape[dim], dim).to(counting_type(z)))


@table_row
class ClassificationError(ClassMetric):
    """1 unless the class of the labels is among the `topN` largest of z, else 0.

    The class is the largest of the labels. Of equal ones the first counts as larger. With an axis the
    result is the share of positions that are wrong, among those that have a class. NaN is always wrong.

    One score is compared with a threshold: with labels of 0 and 1, `ClassificationError (labels, z)` of
    one output is 1 where z and the label are on different sides.

    Over several samples every position counts the same: samples with more pixels that have a class weigh
    more.

    Source: CNTK `ClassificationError`, `ErrorPrediction`.
    """

    short = "errs"
    aliases: ClassVar[tuple[str, ...]] = ("ErrorPrediction",)
    examples = (
        Example("ClassificationError", ((10,), (10,)), (1,)),
        Example("ClassificationError {topN = 5}", ((1,), (10,)), (1,), "the label is the number of the class"),
        Example("ClassificationError {axis = 3}", ((4, 3, 5), (4, 3, 5)), (1,), "the share of wrong pixels"),
        Example("ClassificationError", ((1,), (1,)), (1,), "one score: is it above 0 where the label is 1?"),
        Example("ClassificationError {topN = 5}", ((3,), (3,)), None, "there are 3 classes"),
    )

    # In front of the axis, as in CNTK's call.
    call = ("labels", "z", "topN", "axis")

    top_n: int = option(Integer(1), 1, "How many of the largest count as an answer.", name="topN")
    ignore_label: int | None = ignore_label_option()

    @property
    def ignored(self) -> int | None:
        return self.ignore_label

    def short_name(self) -> str:
        return self.short if self.top_n == 1 else f"top{self.top_n}Errs"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        result = super().shape(inputs)
        if self.top_n > self.classes(inputs[1]):
            raise ShapeError(f"ClassificationError cannot take the best {self.top_n} of "
                             f"{self.classes(inputs[1])} classes", label="more than there are", option="topN")
        return result

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        given, z, dim = self.arranged(p, *tensors)
        known = has_class(given, z.shape[dim], dim)
        wrong = self._wrong(given, z, dim) * known
        return total(wrong) / total(known.to(wrong.dtype)).clamp(min=1)

    def _wrong(self, given: torch.Tensor, z: torch.Tensor, dim: int) -> torch.Tensor:
        """1 at the positions that are wrong, `dim` kept; NaN where the label is no class number."""
        import torch

        dtype, count = counting_type(z), z.shape[dim]
        if count == 1:
            return (((z > self.limit) != (given > 0.5)) | z.isnan()).to(dtype)
        number = given if given.shape[dim] != count else given.argmax(dim, keepdim=True)
        inside = (number >= 0) & (number < count)
        target = torch.where(inside, number, 0).long()
        score = z.gather(dim, target)
        place = torch.arange(count, device=z.device).reshape(-1, *(1,) * (-1 - dim))
        before = ~(z <= score) | ((z == score) & (place < target))
        wrong = (before.sum(dim, keepdim=True) >= self.top_n).to(dtype)
        return torch.where(inside | (number == NO_CLASS), wrong, torch.nan)


@table_row
class IntersectionOverUnionError(ClassMetric):
    """1 - the mean, over the classes that occur, of (positions with both) / (positions with either).

    Compares the largest labels with the largest of z at every position along the axis that has a class;
    the mean runs over the classes that the labels or the prediction of a sample have there. Over several
    samples it is the mean of the samples that have a position with a class.

    One score along the axis is compared with a threshold, with labels of 0 and 1.

    Source: Everingham et al. 2010 (PASCAL VOC, there over the whole set).
    """

    short = "iouErrs"
    examples = (Example("IntersectionOverUnionError {3}", ((4, 3, 5), (4, 3, 5)), (1,)),
                Example("IntersectionOverUnionError {3}", ((4, 3, 1), (4, 3, 1)), (1,), "two classes, one score"),
                Example("IntersectionOverUnionError {3}", ((4, 3, 5), (4, 3, 2)), None))

    def sample_weights(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return super().sample_weights(p, *tensors).clamp(max=1)

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        given, z, dim = self.arranged(p, *tensors)
        known = has_class(given, z.shape[dim], dim)
        ones = [(t * known).movedim(dim, 1).reshape(len(t), t.shape[dim], -1) for t in self._answers(given, z, dim)]
        both, either = (ones[0] * ones[1]).sum(2), torch.maximum(ones[0], ones[1]).sum(2)
        occurs = (either > 0).to(ones[0].dtype)
        mean = (both / either.clamp(min=1) * occurs).sum(1, keepdim=True) / occurs.sum(1, keepdim=True).clamp(min=1)
        return torch.where(known.flatten(1).any(1, keepdim=True), 1 - mean, 0.0)

    def _answers(self, given: torch.Tensor, z: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A 1 at the class of the labels and at the answer of z, for every class along `dim`."""
        dtype, count = counting_type(z), z.shape[dim]
        if count == 1:
            return one_hot((given > 0.5).long(), 2, dim, dtype), one_hot((z > self.limit).long(), 2, dim, dtype)
        number = given if given.shape[dim] != count else given.argmax(dim, keepdim=True)
        return one_hot(number, count, dim, dtype), one_hot(z.argmax(dim, keepdim=True), count, dim, dtype)


def counting_type(z: torch.Tensor) -> torch.dtype:
    """A type that counts positions exactly: float32 at least."""
    import torch

    return torch.promote_types(z.dtype, torch.float32)

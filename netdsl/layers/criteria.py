"""Criteria, which training makes small, and metrics, which reports show: one number per sample.

A criterion is a tensor (N, 1). The trainer sums over the samples; what reports show is the sum divided
by their number. Labels come first, as in CNTK. They may be distributions (one-hot or soft) or, with
the extent 1 where the prediction has several classes, the number of the class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Integer, ListOf, Number, Optional, option, table_row
from .broadcast import padded, with_batch, with_rank
from .elementwise import logarithm
from .layer import SCALAR, Example, Layer, ParameterSpec, Shape, ShapeError
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


def total(values: torch.Tensor) -> torch.Tensor:
    """(N, ...) -> (N, 1): the sum over each sample."""
    return values.flatten(1).sum(1, keepdim=True)


# --- classes ---------------------------------------------------------------------------------------


@table_row
class OverClasses(Criterion):
    """Base of criteria over classes: all elements of a sample (axis 0), or those along an axis.

    With an axis every position (a pixel of a map of classes) has its own classes.
    """

    axis: int = axis_option()

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        labels, z = inputs
        check_axis(self.axis, z, self.name(), 1)
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

    def arranged(self, p: Any, labels: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Labels and prediction of one rank, and torch's axis of the classes."""
        if self.axis == 0:
            return labels.flatten(1), z.flatten(1), -1
        return with_rank(labels, Shape(p.inputs[0].dims), p.inputs[1].rank), z, -self.axis


def distribution(labels: torch.Tensor, z: torch.Tensor, dim: int) -> torch.Tensor:
    """Labels as numbers for every class: numbers of classes become 1 at the class and 0 elsewhere."""
    import torch

    if labels.shape[dim] == z.shape[dim]:
        return labels
    return torch.zeros_like(z).scatter(dim, labels.long(), 1.0)


@table_row
class CrossEntropyWithSoftmax(OverClasses):
    """`-sum (labels .* LogSoftmax (z))`; the gradient with respect to z is softmax - labels.

    Labels may be soft. Without an axis the softmax runs over all elements of a sample; with an axis
    the result is the sum over all positions. `labelSmoothing = e` takes (1 - e) labels + e / classes
    instead of the labels (Szegedy et al. 2016). `classWeights` multiplies the terms of the classes.

    Where labels do not sum to 1, CNTK's gradient is not that of its value; here it is.

    Source: CNTK `CrossEntropyWithSoftmax`.
    """

    short = "ce"
    examples = (
        Example("CrossEntropyWithSoftmax", ((10,), (10,)), (1,)),
        Example("CrossEntropyWithSoftmax", ((1,), (10,)), (1,), "the label is the number of the class"),
        Example("CrossEntropyWithSoftmax {axis = 3}", ((4, 3, 5), (4, 3, 5)), (1,), "classes of pixels"),
        Example("CrossEntropyWithSoftmax {labelSmoothing = 0.1}", ((10,), (1, 1, 10)), (1,)),
        Example("CrossEntropyWithSoftmax", ((10,), (12,)), None),
    )

    label_smoothing: float = option(Number(0, 1, exclusive_maximum=True), 0.0, "The share that goes to all classes.")
    class_weights: tuple[float, ...] | None = option(
        Optional(ListOf(Number(0))), None, "A factor for each class, for classes of unequal size.")

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
        labels = distribution(given, z, dim)
        if self.label_smoothing:
            labels = labels * (1 - self.label_smoothing) + self.label_smoothing / z.shape[dim]
        if self.class_weights is not None:
            labels = labels * p.class_weights.reshape(-1, *(1,) * (-1 - dim))
        # In bf16 the gradient at a class that is all but certain would be off by 2**-9 (torch's autocast sees to it
        # on CUDA only).
        return total(-(labels * z.log_softmax(dim, dtype=torch.promote_types(z.dtype, torch.float32))))


@table_row
class CrossEntropy(OverClasses):
    """`-sum (labels .* Log (p))` for probabilities p, as they are; Log as in the row Log.

    After a Softmax use CrossEntropyWithSoftmax on what goes into it: that is exact for small p.

    Source: CNTK `CrossEntropy`.
    """

    short = "ce"
    inputs = ("labels", "p")
    examples = (Example("CrossEntropy", ((10,), (10,)), (1,)), Example("CrossEntropy", ((10,), (12,)), None))

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        given, probabilities, dim = self.arranged(p, *tensors)
        return total(-(distribution(given, probabilities, dim) * logarithm(probabilities)))


@table_row
class ClassMetric(OverClasses):
    """Base of the metrics over classes: a share between 0 and 1, without a gradient."""

    is_metric: ClassVar[bool] = True
    percent: ClassVar[bool] = True
    keeps: ClassVar[str] = "nothing"


@table_row
class ClassificationError(ClassMetric):
    """1 unless the class of the labels is among the `topN` largest of z, else 0.

    The class is the largest of the labels. Of equal ones the first counts as larger. With an axis the
    result is the share of positions that are wrong. NaN is always wrong.

    Source: CNTK `ClassificationError`, `ErrorPrediction`.
    """

    short = "errs"
    aliases = ("ErrorPrediction",)
    examples = (
        Example("ClassificationError", ((10,), (10,)), (1,)),
        Example("ClassificationError {topN = 5}", ((1,), (10,)), (1,), "the label is the number of the class"),
        Example("ClassificationError {axis = 3}", ((4, 3, 5), (4, 3, 5)), (1,), "the share of wrong pixels"),
        Example("ClassificationError {topN = 5}", ((3,), (3,)), None, "there are 3 classes"),
    )

    # In front of the axis, as in CNTK's call.
    call = ("labels", "z", "topN", "axis")

    top_n: int = option(Integer(1), 1, "How many of the largest count as an answer.", name="topN")

    def short_name(self) -> str:
        return self.short if self.top_n == 1 else f"top{self.top_n}Errs"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        result = super().shape(inputs)
        if self.top_n > self.classes(inputs[1]):
            raise ShapeError(f"ClassificationError cannot take the best {self.top_n} of "
                             f"{self.classes(inputs[1])} classes", label="more than there are", option="topN")
        return result

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        given, z, dim = self.arranged(p, *tensors)
        several = given.shape[dim] == z.shape[dim]
        target = given.argmax(dim, keepdim=True) if several else given.long()
        score = z.gather(dim, target)
        place = torch.arange(z.shape[dim], device=z.device).reshape(-1, *(1,) * (-1 - dim))
        before = ~(z <= score) | ((z == score) & (place < target))
        wrong = before.sum(dim, keepdim=True) >= self.top_n
        return wrong.to(z.dtype).flatten(1).mean(1, keepdim=True)


@table_row
class IntersectionOverUnionError(ClassMetric):
    """1 - the mean, over the classes that occur, of (positions with both) / (positions with either).

    Compares the largest labels with the largest of z at every position along the axis; the mean runs
    over the classes that the labels or the prediction of a sample have.

    Source: Everingham et al. 2010 (PASCAL VOC, there over the whole set).
    """

    short = "iouErrs"
    examples = (Example("IntersectionOverUnionError {3}", ((4, 3, 5), (4, 3, 5)), (1,)),
                Example("IntersectionOverUnionError {3}", ((4, 3, 5), (4, 3, 2)), None))

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        given, z, dim = self.arranged(p, *tensors)
        labels = distribution(given, z, dim)
        ones = [torch.zeros_like(z).scatter(dim, t.argmax(dim, keepdim=True), 1.0).movedim(dim, 1)
                .reshape(z.shape[0], z.shape[dim], -1) for t in (labels, z)]
        both, either = (ones[0] * ones[1]).sum(2), torch.maximum(ones[0], ones[1]).sum(2)
        occurs = (either > 0).to(z.dtype)
        shares = both / either.clamp(min=1)
        return 1 - (shares * occurs).sum(1, keepdim=True) / occurs.sum(1, keepdim=True)


# --- numbers ---------------------------------------------------------------------------------------


def _numbers(name: str) -> tuple[Example, ...]:
    return (Example(name, ((10,), (10,)), (1,)), Example(name, ((2, 2, 3), (2, 2, 3)), (1,)),
            Example(name, ((10,), (12,)), None))


@table_row
class SquareError(Criterion):
    """`sum ((labels - z)^2)` over the elements: not halved, not divided by their number.

    Source: CNTK `SquareError`.
    """

    short = "se"
    examples = _numbers("SquareError")

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        difference = tensors[0].flatten(1) - tensors[1].flatten(1)
        return total(difference * difference)


@table_row
class AbsoluteError(Criterion):
    """`sum (|labels - z|)` over the elements; the gradient is 0 where they are equal."""

    short = "ae"
    examples = _numbers("AbsoluteError")

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return total((tensors[0].flatten(1) - tensors[1].flatten(1)).abs())


@table_row
class BinaryCrossEntropy(Criterion):
    """`-sum (labels .* Log (p) + (1 - labels) .* Log (1 - p))` for probabilities p; labels may be soft.

    After a Sigmoid use BinaryCrossEntropyWithSigmoid on what goes into it.

    Source: CNTK `binary_cross_entropy`.
    """

    short = "bce"
    inputs = ("labels", "p")
    examples = _numbers("BinaryCrossEntropy")

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        labels, probabilities = (tensor.flatten(1) for tensor in tensors)
        return total(-(labels * logarithm(probabilities) + (1 - labels) * logarithm(1 - probabilities)))


@table_row
class BinaryCrossEntropyWithSigmoid(Criterion):
    """BinaryCrossEntropy of `Sigmoid (z)`, computed from z without loss of digits.

    Source: Caffe `SigmoidCrossEntropyLoss`.
    """

    short = "bce"
    examples = _numbers("BinaryCrossEntropyWithSigmoid")

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        labels, z = (tensor.flatten(1) for tensor in tensors)
        return total(torch.nn.functional.binary_cross_entropy_with_logits(z, labels, reduction="none"))


@table_row
class Logistic(Criterion):
    """`-sum (Log (labels .* p + (1 - labels) .* (1 - p)))` for probabilities p.

    For labels 0 and 1 that is BinaryCrossEntropy; for soft labels it is not.

    Source: CNTK `Logistic`.
    """

    short = "logistic"
    inputs = ("labels", "p")
    examples = _numbers("Logistic")

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        labels, probabilities = (tensor.flatten(1) for tensor in tensors)
        return total(-logarithm(labels * probabilities + (1 - labels) * (1 - probabilities)))


@table_row
class WeightedLogistic(Criterion):
    """Logistic with a weight for each sample, or for each element.

    CNTK divides the value by the mean weight of the minibatch, and not the gradient; here both are
    what the formula says.

    Source: CNTK `WeightedLogistic`.
    """

    short = "logistic"
    inputs = ("labels", "p", "weight")
    examples = (Example("WeightedLogistic", ((4,), (4,), (1,)), (1,)),
                Example("WeightedLogistic", ((4,), (4,), (3,)), None))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        labels, probabilities, weight = inputs
        same_elements(self.name(), labels, probabilities)
        if weight.size not in (1, labels.size):
            raise ShapeError("the weight of WeightedLogistic fits neither the sample nor its elements", input=2,
                             label=f"this is {weight}, and the labels are {labels}")
        return SCALAR

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        labels, probabilities, weight = (tensor.flatten(1) for tensor in tensors)
        return total(-weight * logarithm(labels * probabilities + (1 - labels) * (1 - probabilities)))

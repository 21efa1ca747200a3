"""Criteria that compare numbers: distances, and binary cross-entropies, where each number is a label of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..base.classes import NO_CLASS
from ..spec import Integer, Number, option, table_row
from .class_labels import has_class, without_label
from .criteria import Criterion, ignore_label_option, over_positions, reduction_option, same_elements, total
from .elementwise import logarithm
from .layer import SCALAR, Example, Shape, ShapeError
from .softmax import check_axis

if TYPE_CHECKING:
    import torch


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
class SmoothL1Error(Criterion):
    """The square error near 0 and the absolute error beyond, summed over the elements.

    With d = |labels - z|: `d^2 / (2 beta)` below `beta`, `d - beta / 2` from there on. Fast R-CNN's sigma is
    `beta = 1 / sigma^2`.

    Source: Girshick 2015; torch `SmoothL1Loss`, which takes the mean.
    """

    short = "smoothL1"
    examples = (*_numbers("SmoothL1Error"), Example("SmoothL1Error {beta = 0.5}", ((4,), (4,)), (1,)))

    beta: float = option(Number(0, exclusive_minimum=True), 1.0, "From this difference on the error is linear.")

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        labels, z = (tensor.flatten(1) for tensor in tensors)
        return total(torch.nn.functional.smooth_l1_loss(z, labels, reduction="none", beta=self.beta))


# --- labels of yes and no -----------------------------------------------------------------------------


@table_row
class Binary(Criterion):
    """Base of criteria over labels between 0 and 1, each of which stands alone; `loss` is that of each element.

    Labels that are missing (`NO_CLASS`: the pixels of a mask that have no class) add nothing.
    """

    axis: int = option(Integer(0), 0, "The axis of the classes, where the labels are a mask: a position that has none "
                                      "of them is left out. 0: every number is a label of its own.", drawn="")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        check_axis(self.axis, inputs[0], self.name())
        return super().shape(inputs)

    def largest_label(self, inputs: Sequence[Shape]) -> int | None:
        return max(1, self.ignored or 0)

    @property
    def ignored(self) -> int | None:
        """The label that is left out, in rows that let a file say it."""
        return None

    @property
    def reduced(self) -> str:
        """What becomes of the elements, in rows that let a file say it: `sum` or `mean`."""
        return "sum"

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        known = without_label(tensors[0], 1, -1, self.ignored) != NO_CLASS
        if self.axis:
            known = known & has_class(tensors[0], tensors[0].shape[-self.axis], -self.axis)
        labels = torch.where(known, tensors[0], 0).flatten(1)
        losses = torch.where(known.flatten(1), self.loss(labels, *(t.flatten(1) for t in tensors[1:])), 0)
        return over_positions(losses, known, self.reduced)

    def loss(self, labels: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        """(N, elements): what each label adds."""
        raise NotImplementedError


def _numbers_and_masks(name: str) -> tuple[Example, ...]:
    return (*_numbers(name), Example(f"{name} {{axis = 3}}", ((4, 3, 5), (4, 3, 5)), (1,),
                                     "pixels without a class are left out"))


@table_row
class BinaryCrossEntropy(Binary):
    """`-sum (labels .* Log (p) + (1 - labels) .* Log (1 - p))` for probabilities p; labels may be soft.

    After a Sigmoid use BinaryCrossEntropyWithSigmoid on what goes into it.

    Source: CNTK `binary_cross_entropy`.
    """

    compares = "probabilities"
    for_the_other = "BinaryCrossEntropyWithSigmoid"
    short = "bce"
    inputs = ("labels", "p")
    examples = _numbers_and_masks("BinaryCrossEntropy")

    def loss(self, labels: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        (p,) = others
        return -(labels * logarithm(p) + (1 - labels) * logarithm(1 - p))


@table_row
class BinaryCrossEntropyWithSigmoid(Binary):
    """BinaryCrossEntropy of `Sigmoid (z)`, computed from z without loss of digits.

    Source: Caffe `SigmoidCrossEntropyLoss`.
    """

    compares = "scores"
    for_the_other = "BinaryCrossEntropy"
    short = "bce"
    examples = (*_numbers_and_masks("BinaryCrossEntropyWithSigmoid"),
                Example('BinaryCrossEntropyWithSigmoid {ignoreLabel = 2, reduction = "mean"}', ((10,), (10,)), (1,)))

    ignore_label: int | None = ignore_label_option()
    reduction: str = reduction_option()

    @property
    def ignored(self) -> int | None:
        return self.ignore_label

    @property
    def reduced(self) -> str:
        return self.reduction

    def loss(self, labels: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.binary_cross_entropy_with_logits(others[0], labels, reduction="none")


@table_row
class Logistic(Binary):
    """`-sum (Log (labels .* p + (1 - labels) .* (1 - p)))` for probabilities p.

    For labels 0 and 1 that is BinaryCrossEntropy; for soft labels it is not.

    Source: CNTK `Logistic`.
    """

    compares = "probabilities"
    for_the_other = "BinaryCrossEntropyWithSigmoid"
    short = "logistic"
    inputs = ("labels", "p")
    examples = _numbers_and_masks("Logistic")

    def loss(self, labels: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        (p,) = others
        return -logarithm(labels * p + (1 - labels) * (1 - p))


@table_row
class WeightedLogistic(Binary):
    """Logistic with a weight for each sample, or for each element.

    CNTK divides the value by the mean weight of the minibatch, and not the gradient; here both are
    what the formula says.

    Source: CNTK `WeightedLogistic`.
    """

    compares = "probabilities"
    short = "logistic"
    inputs = ("labels", "p", "weight")
    examples = (Example("WeightedLogistic", ((4,), (4,), (1,)), (1,)),
                Example("WeightedLogistic", ((4,), (4,), (3,)), None))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        labels, probabilities, weight = inputs
        check_axis(self.axis, labels, self.name())
        same_elements(self.name(), labels, probabilities)
        if weight.size not in (1, labels.size):
            raise ShapeError("the weight of WeightedLogistic fits neither the sample nor its elements", input=2,
                             label=f"this is {weight}, and the labels are {labels}")
        return SCALAR

    def loss(self, labels: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        p, weight = others
        return -weight * logarithm(labels * p + (1 - labels) * (1 - p))

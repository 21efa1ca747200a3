"""Errors of numbers by the names of the field: means over samples and elements, and those of the whole data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import table_row
from .accumulation import Accumulation, Sums
from .criteria import Criterion, same_elements
from .layer import SCALAR, Example, Shape
from .quality import Quality
from .set_metrics import SetMetric

if TYPE_CHECKING:
    import torch


def _examples(name: str) -> tuple[Example, ...]:
    return (Example(name, ((10,), (10,)), (1,)), Example(name, ((2, 2, 3), (2, 2, 3)), (1,)),
            Example(name, ((10,), (12,)), None))


@table_row
class MeanSquaredError(Criterion):
    """`mean ((labels - z)^2)` over the elements, and over the samples: SquareError by the number of elements."""

    aliases = ("MSE",)
    examples = _examples("MeanSquaredError")

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        difference = tensors[0].flatten(1) - tensors[1].flatten(1)
        return (difference * difference).mean(1, keepdim=True)


@table_row
class MeanAbsoluteError(Criterion):
    """`mean (|labels - z|)` over the elements, and over the samples."""

    aliases = ("MAE",)
    examples = _examples("MeanAbsoluteError")

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return (tensors[0].flatten(1) - tensors[1].flatten(1)).abs().mean(1, keepdim=True)


@table_row
class OfNumbers(SetMetric):
    """Base of the errors of numbers that belong to the whole data set."""

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        same_elements(self.name(), *inputs)
        return SCALAR


@table_row
class RootMeanSquaredError(OfNumbers):
    """The root of the mean of `(labels - z)^2` over all samples and elements of the data set.

    The mean of the samples' own roots would be smaller; this is scikit-learn's `root_mean_squared_error` of one
    target.
    """

    aliases: ClassVar[tuple[str, ...]] = ("RMSE",)
    better: ClassVar[Quality] = Quality.SMALLER
    examples = _examples("RootMeanSquaredError")

    def accumulation(self, inputs: Sequence[Shape]) -> Accumulation:
        return Sums(2)

    def added(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        difference = tensors[0].flatten().double() - tensors[1].flatten().double()
        # A number is filled in on the device; a copy from the host could not be captured.
        return torch.stack(((difference * difference).sum(), difference.new_full((), difference.numel())))

    def result(self, added: torch.Tensor) -> float:
        return (added[0] / added[1]).sqrt().item()


@table_row
class R2(OfNumbers):
    """The coefficient of determination: 1 - (the sum of squared errors) / (that of always answering the mean).

    1 is perfect, 0 is as good as the mean of the labels. Over the whole data set, as scikit-learn's `r2_score`: of
    several elements the mean of each one's. Where all labels are equal it is 1 if there is no error, else 0.
    """

    aliases: ClassVar[tuple[str, ...]] = ("R2Score",)
    better: ClassVar[Quality] = Quality.LARGER
    examples = _examples("R2")

    def accumulation(self, inputs: Sequence[Shape]) -> Accumulation:
        return Sums(3 * inputs[0].size + 1)

    def added(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        """Squared errors, labels and squared labels by element (squares of float32 are exact in float64); samples."""
        import torch

        labels, z = (tensor.flatten(1).double() for tensor in tensors)
        sums = [((labels - z) ** 2).sum(0), labels.sum(0), (labels * labels).sum(0)]
        return torch.cat((*sums, labels.new_full((1,), len(labels))))

    def result(self, added: torch.Tensor) -> float:
        import torch

        errors, labels, squares = added[:-1].reshape(3, -1)
        around_mean = squares - labels * labels / added[-1]
        constant = around_mean <= 1e-13 * squares  # no more than what rounding leaves
        share = errors / torch.where(constant, 1.0, around_mean)
        return (1 - torch.where(constant, (errors > 0).double(), share)).mean().item()

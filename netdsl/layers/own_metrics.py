"""Metrics of one's own: a formula that says which way it is better, and a ratio that belongs to the whole data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Choice, Optional, option, table_row
from .accumulation import Accumulation, Sums
from .layer import SCALAR, Example, Layer, Shape, ShapeError
from .quality import Quality
from .set_metrics import SetMetric, ratio

if TYPE_CHECKING:
    import torch

_SIDES = Choice((Quality.SMALLER.value, Quality.LARGER.value))


@table_row
class Metric(Layer):
    """x, and which way it is better: `Metric {better = "larger"} (ReduceSum (labels .* Softmax (z)))`.

    x is one number for each sample, and the metric is its mean over the data set. For a formula of which nobody
    else can say whether it has to rise or to fall.
    """

    family: ClassVar[str] = "criterion"
    is_metric: ClassVar[bool] = True
    keeps: ClassVar[str] = "nothing"
    examples = (Example("Metric {better = 'larger'}", ((1,),), (1,)),
                Example("Metric {better = 'smaller'}", ((1, 1, 1),), (1,)),
                Example("Metric {better = 'smaller'}", ((10,),), None))

    which: str = option(_SIDES, doc="Whether `smaller` or `larger` values are better.", name="better")

    def quality(self, inputs: Sequence[Quality]) -> Quality:
        return Quality(self.which)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0].size != 1:
            raise ShapeError("Metric takes one number for each sample", label=f"this is {inputs[0]}", input=0,
                             hint="ReduceMean or ReduceSum makes one number of many.")
        return SCALAR

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        (x,) = tensors
        return x.detach().reshape(-1, 1) if p.inputs[0].batched else x.detach().reshape(1)


@table_row
class RatioOfSums(SetMetric):
    """The sum of the numerator over the data set, divided by the sum of the denominator; 0 where that is 0.

    Sums over all samples and all elements: what to write for a metric of one's own that belongs to the data set
    and not to a sample. Precision by hand is `RatioOfSums {better = "larger"} (labels .* found, found)`.
    """

    inputs: ClassVar[tuple[str, ...]] = ("numerator", "denominator")
    examples = (Example("RatioOfSums", ((1,), (1,)), (1,)),
                Example("RatioOfSums {better = 'smaller'}", ((8, 8, 3), (1,)), (1,)))

    which: str | None = option(Optional(_SIDES), None, "Whether `smaller` or `larger` values are better.",
                               name="better")

    def quality(self, inputs: Sequence[Quality]) -> Quality:
        return Quality(self.which or "unknown")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return SCALAR

    def accumulation(self, inputs: Sequence[Shape]) -> Accumulation:
        return Sums(2)

    def added(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.stack([tensor.sum(dtype=torch.float64) for tensor in tensors])

    def result(self, added: torch.Tensor) -> float:
        return ratio(added[0], added[1]).item()

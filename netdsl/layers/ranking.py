"""Criteria of learning to rank: they compare the samples of a minibatch that answer the same query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import table_row
from .criteria import Criterion
from .layer import SCALAR, Example, Shape, ShapeError
from .quality import Quality

if TYPE_CHECKING:
    import torch


@table_row
class Ranking(Criterion):
    """Base of the rows over queries: three numbers per sample, every sample of a query gets the query's result.

    All samples of a query have to be in one minibatch. The value of a data set is the mean over its queries.
    """

    inputs: ClassVar[tuple[str, ...]] = ("gain", "prediction", "queryId")
    can_be_blended = False

    group_input: ClassVar[int | None] = 2

    @property
    def is_weighted(self) -> bool:
        return True

    def sample_weights(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        """Every query counts alike, however many samples it has."""
        import torch

        query = tensors[2].flatten()
        return 1 / (query[:, None] == query[None, :]).sum(1, keepdim=True).to(torch.float64)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        for position, shape in enumerate(inputs):
            if shape.size != 1:
                raise ShapeError(f"{self.name()} needs one number per sample", label=f"this is {shape}",
                                 input=position)
        return SCALAR

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        gain, prediction, query = (tensor.flatten() for tensor in tensors)
        value: torch.Tensor = self.over_queries(gain, prediction, query[:, None] == query[None, :])
        return value.reshape(-1, 1)

    def over_queries(self, gain: torch.Tensor, prediction: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
        """A number for each sample; `same` (N, N) says which samples belong to one query."""
        raise NotImplementedError


def places(score: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """The place of every sample within its query by descending score, from 0; the first of equal ones leads."""
    import torch

    other, own = score[None, :], score[:, None]
    order = torch.arange(len(score), device=score.device)
    ahead = (other > own) | ((other == own) & (order[None, :] < order[:, None]))
    return (ahead & same).sum(1)


@table_row
class LambdaRank(Ranking):
    """(1 - the NDCG of the query) in percent; its gradient is that of LambdaRank with sigma 1.

    NDCG is sum (gain / ln (place + 2)) over the places that z gives, divided by the best such sum. The
    gradient pushes every pair of samples of a query apart by 1 / (1 + e^(z_i - z_j)) times the change
    of NDCG if the two changed places. A minibatch holds whole queries; the value of a data set is the mean over
    its queries.

    Source: CNTK `LambdaRank`; Burges et al. 2006.
    """

    short = "lambdaRank"
    examples = (Example("LambdaRank", ((1,), (1,), (1,)), (1,)), Example("LambdaRank", ((1,), (4,), (1,)), None))

    def over_queries(self, gain: torch.Tensor, prediction: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
        import torch

        z = prediction.detach()
        members = same.to(z.dtype)
        discount = 1 / (places(z, same) + 2).to(z.dtype).log()
        best = members @ (gain / (places(gain, same) + 2).to(z.dtype).log())
        best = torch.where(best == 0, 1.0, best)
        value = 100 * (1 - (members @ (gain * discount)) / best)
        change = ((gain[:, None] - gain[None, :]) * (discount[None, :] - discount[:, None])).abs() / best[:, None]
        pushes = torch.sigmoid(z[None, :] - z[:, None]) * change * (same & (gain[:, None] > gain[None, :]))
        slope = pushes.sum(0) - pushes.sum(1)
        return value + slope * (prediction - z)


@table_row
class NDCG1Eval(Ranking):
    """The gain of the sample that z puts first, divided by the largest gain of its query, in percent.

    A minibatch holds whole queries; the value of a data set is the mean over its queries.

    Source: CNTK `NDCG1Eval`.
    """

    short = "ndcg"
    is_metric = True
    better = Quality.LARGER
    keeps = "nothing"
    examples = (Example("NDCG1Eval", ((1,), (1,), (1,)), (1,)), Example("NDCG1Eval", ((1,), (4,), (1,)), None))

    def over_queries(self, gain: torch.Tensor, prediction: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
        import torch

        members = same.to(gain.dtype)
        first = members @ (gain * (places(prediction, same) == 0))
        largest = torch.where(same, gain[None, :], -torch.inf).amax(1)
        share = first / torch.where(largest == 0, 1.0, largest)
        return 100 * share

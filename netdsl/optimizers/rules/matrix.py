"""Rules that look at a weight as a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...spec import Flag, Integer, Number, option, table_row
from ..optimizer import DecaysItself, Optimizer, StepRates
from .adam import AdamW, decay_apart

if TYPE_CHECKING:
    import torch

    from ..optimizer import ParamGroup, Tensors

#: Coefficients of the quintic iteration that drives singular values towards 1 (Jordan 2024).
_QUINTIC = (3.4445, -4.7750, 2.0315)


@table_row
class Muon(DecaysItself):
    """Momentum made orthogonal for weights of two and more axes; AdamW for all others (biases, scales).

        v = m * v + g        o = orthogonal (g + m * v), or of v without `nesterov`
        w = w - r * (sqrt (max (1, rows / columns)) * o + weightDecay * w)

    A filter is a matrix of output channels by all else. `orthogonal` is a few steps of Newton and
    Schulz's iteration, which bring all singular values near 1. The rate for the others is
    `vectorRate` times r. Source: Jordan et al. 2024.
    """

    examples: ClassVar[tuple[str, ...]] = ("Muon {}", "Muon {weightDecay = 0.01, vectorRate = 0.01}")

    momentum: float = option(Number(0, 1, exclusive_maximum=True), 0.95, "Momentum of the matrices.")
    nesterov: bool = option(Flag(), True, "Look ahead along the velocity.")
    iterations: int = option(Integer(1), 5, "Steps of the iteration.")
    weight_decay: float = option(Number(0), 0.0, "Weight decay, times the rate.")
    vector_rate: float = option(Number(0), 0.1, "Multiplies the rate of all that is no matrix.")

    def with_nesterov(self) -> Optimizer:
        return self.with_options(nesterov=True)

    @property
    def vectors(self) -> AdamW:
        """The rule of all that is no matrix."""
        return AdamW(beta1=0.9, beta2=0.95, weight_decay=self.weight_decay)

    def kind(self, dims: Sequence[int]) -> str:
        return "matrix" if sum(extent > 1 for extent in dims) > 1 else "vector"

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        return ("velocity",) if self.kind(dims) == "matrix" else self.vectors.slots(dims, has_momentum)

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        slower = StepRates(rates.rate * self.vector_rate, samples=rates.samples)
        return (rates.rate, *self.vectors.coefficients(slower, counters))

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        import torch

        if group.kind == "vector":
            self.vectors.update(group, c[1:])
            return
        velocities = group.state["velocity"]
        torch._foreach_mul_(velocities, self.momentum)
        torch._foreach_add_(velocities, group.gradients)
        directions: Tensors = velocities
        if self.nesterov:
            directions = torch._foreach_add(group.gradients, velocities, alpha=self.momentum)
        decay_apart(group, self.weight_decay, c[0])
        for parameter, direction in zip(group.parameters, directions, strict=True):
            matrix = direction.reshape(direction.shape[0], -1)
            stretch = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
            step = orthogonal(matrix, self.iterations).reshape(parameter.shape)
            parameter.sub_(step * (c[0] * stretch))


def orthogonal(matrix: torch.Tensor, iterations: int = 5) -> torch.Tensor:
    """A matrix with the same singular vectors and singular values near 1; in bf16 on CUDA."""
    import torch

    a, b, c = _QUINTIC
    x = matrix.to(torch.bfloat16) if matrix.is_cuda else matrix
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: torch.Tensor = (x.T if tall else x).to(matrix.dtype)
    return result

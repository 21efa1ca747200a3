"""Rules that divide by the size of the gradients so far: Adagrad, RMSProp, Adadelta, and CNTK's forms of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...spec import Flag, Number, option, table_row
from ..optimizer import Optimizer, StepRates, unit_gain

if TYPE_CHECKING:
    import torch

    from ..optimizer import ParamGroup, Tensors

_POSITIVE = Number(0, exclusive_minimum=True)


def _gathered(group: ParamGroup, slot: str, steps: Tensors, momentum: torch.Tensor) -> Tensors:
    """slot = momentum * slot + steps, where momentum is kept; else the steps as they are."""
    import torch

    if slot not in group.state:
        return steps
    torch._foreach_mul_(group.state[slot], momentum)
    torch._foreach_add_(group.state[slot], steps)
    return group.state[slot]


def _apply(group: ParamGroup, directions: Tensors, multipliers: Tensors, rate: torch.Tensor,
           averaged: bool) -> None:
    """w = w - rate * direction, divided by the mean multiplier of each parameter if `averaged`."""
    import torch

    if averaged:
        directions = torch._foreach_div(directions, [m.mean() for m in multipliers])
    torch._foreach_sub_(group.parameters, torch._foreach_mul(directions, rate))


@table_row
class Adagrad(Optimizer):
    """Steps divided by the root of all squared gradients so far.

        a = a + g^2        w = w - r / A * g / sqrt (a + epsilon)

    A is the mean of 1 / sqrt (a + epsilon) over the parameter with `averageMultiplier`, so that the
    mean step is r * g; else 1. `epsilonInside = false` divides by sqrt (a) + epsilon, as torch and Caffe
    do. Source: Duchi et al. 2011; CNTK's `adagrad`, which has A.
    """

    examples: ClassVar[tuple[str, ...]] = ("Adagrad {}", "Adagrad {averageMultiplier = true}")

    average_multiplier: bool = option(Flag(), False, "Divide by the mean multiplier, as CNTK's block does.")
    epsilon: float = option(_POSITIVE, 1e-16, "Added below the root.")
    epsilon_inside: bool = option(Flag(), True, "Epsilon is added below the root; false: to the root.")

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        return ("squares",)

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        return (rates.rate,)

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        import torch

        squares = group.state["squares"]
        torch._foreach_addcmul_(squares, group.gradients, group.gradients)
        if self.epsilon_inside:
            multipliers = torch._foreach_add(squares, self.epsilon)
            torch._foreach_rsqrt_(multipliers)
        else:
            multipliers = torch._foreach_sqrt(squares)
            torch._foreach_add_(multipliers, self.epsilon)
            torch._foreach_reciprocal_(multipliers)
        _apply(group, torch._foreach_mul(group.gradients, multipliers), multipliers, c[0], self.average_multiplier)


@table_row
class RMSProp(Optimizer):
    """Gradients divided by the root of their running mean square.

        v = decay * v + (1 - decay) * g^2
        d = g / (sqrt (v) + epsilon)            b = m * b + d        w = w - r * b

    m is the momentum of the block. `centered` takes v - a^2 for v, a being the running mean of g;
    `epsilonInside` divides by sqrt (v + epsilon). The defaults are torch's and Caffe's; the papers of
    Inception and MobileNet have `{decay = 0.9, epsilon = 1, epsilonInside = true}` with momentum 0.9.
    Source: Tieleman and Hinton 2012.
    """

    examples: ClassVar[tuple[str, ...]] = ("RMSProp {}", "RMSProp {0.9, centered = true}")
    uses_momentum: ClassVar[bool] = True

    decay: float = option(Number(0, 1, exclusive_maximum=True), 0.99, "Memory of the mean square.")
    epsilon: float = option(_POSITIVE, 1e-8, "Keeps the divisor from 0.")
    centered: bool = option(Flag(), False, "Divide by the deviation from the running mean.")
    epsilon_inside: bool = option(Flag(), False, "Epsilon is added below the root, as in TensorFlow.")

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        return ("squares", *(("mean",) if self.centered else ()), *(("velocity",) if has_momentum else ()))

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        return (rates.rate, rates.momentum)

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        import torch

        rate, momentum = c
        gradients, squares = group.gradients, group.state["squares"]
        torch._foreach_mul_(squares, self.decay)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - self.decay)
        sizes: Tensors = squares
        if self.centered:
            mean = group.state["mean"]
            torch._foreach_lerp_(mean, gradients, 1 - self.decay)
            sizes = torch._foreach_addcmul(squares, mean, mean, value=-1)
        divisors = torch._foreach_sqrt(torch._foreach_add(sizes, self.epsilon) if self.epsilon_inside else sizes)
        if not self.epsilon_inside:
            torch._foreach_add_(divisors, self.epsilon)
        steps: Tensors = torch._foreach_div(gradients, divisors)
        steps = _gathered(group, "velocity", steps, momentum)
        torch._foreach_sub_(group.parameters, torch._foreach_mul(steps, rate))


@table_row
class CNTKRMSProp(Optimizer):
    """Steps divided by the root mean square, with a factor that grows while the sign of the gradient stays.

        a = gamma * a + (1 - gamma) * g^2
        s = min (s * increase, maximum) if the sign of g is the last one's, else max (s * decrease, minimum)
        w = w - r / A * s * g / sqrt (a + 1e-6)

    In the first step a is g^2 and s is 0.02. A is the mean of s / sqrt (a + 1e-6) with
    `averageMultiplier`, else 1. Source: CNTK's `gradUpdateType = 'rmsProp'` (RMSProp with Rprop's steps).
    """

    examples: ClassVar[tuple[str, ...]] = ("CNTKRMSProp {}", "CNTKRMSProp {0.95}")

    gamma: float = option(Number(0, 1), 0.99, "Memory of the mean square.")
    increase: float = option(_POSITIVE, 1.2, "Factor where the sign repeats.")
    decrease: float = option(_POSITIVE, 0.75, "Factor where the sign changes.")
    maximum: float = option(_POSITIVE, 10.0, "Largest factor s.")
    minimum: float = option(_POSITIVE, 0.1, "Smallest factor s.")
    average_multiplier: bool = option(Flag(), True, "Divide by the mean multiplier.")

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        return ("squares", "factor", "sign")

    def start(self, slot: str) -> float:
        return 0.02 if slot == "factor" else 0.0

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        # The first gradient's square is the start of the memory.
        keep = 0.0 if counters["step"] == 1 else self.gamma
        return rates.rate, keep, 1 - keep

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        import torch

        rate, keep, weight = c
        gradients, squares, factors, signs = (group.gradients, group.state["squares"], group.state["factor"],
                                              group.state["sign"])
        torch._foreach_mul_(squares, keep)
        torch._foreach_add_(squares, torch._foreach_mul(torch._foreach_mul(gradients, gradients), weight))
        for gradient, factor, sign in zip(gradients, factors, signs, strict=True):
            now = gradient.sign()
            grown = (factor * self.increase).clamp_(max=self.maximum)
            shrunk = (factor * self.decrease).clamp_(min=self.minimum)
            factor.copy_(torch.where(now * sign > 0, grown, shrunk))
            sign.copy_(now)
        multipliers = torch._foreach_add(squares, 1e-6)
        torch._foreach_rsqrt_(multipliers)
        torch._foreach_mul_(multipliers, factors)
        _apply(group, torch._foreach_mul(gradients, multipliers), multipliers, rate, self.average_multiplier)


@table_row
class FSAdagrad(Optimizer):
    """Gradients scaled by their root mean square over the last samples, then momentum.

        b = exp (-n / varianceTimeConstant), n samples in the minibatch
        c = b * c + (1 - b) * n            v = b * v + (1 - b) * g^2
        g = g * min (10, target * sqrt (c) / sqrt (v))
        a = m * a + u * g                  w = w - r * a

    m is the momentum of the block, u = 1 - m with `unitGain`, else 1. Source: CNTK's `fsAdagrad`.
    """

    examples: ClassVar[tuple[str, ...]] = ("FSAdagrad {}",)
    uses_momentum: ClassVar[bool] = True
    counters: ClassVar[dict[str, float]] = {"samples": 0.0}

    variance_time_constant: float = option(_POSITIVE, 720000.0, "Memory of the variance, in samples.")
    target: float = option(_POSITIVE, 1.0, "Scales the step.")
    unit_gain: bool = option(Flag(), True, "Weigh each gradient with 1 - momentum.")

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        return ("squares", "mean") if has_momentum else ("squares",)

    def keep(self, samples: int) -> float:
        """Memory of the variance over a minibatch."""
        return math.exp(-samples / self.variance_time_constant)

    def advance(self, counters: dict[str, float], rates: StepRates) -> None:
        keep = self.keep(rates.samples)
        counters["samples"] = keep * counters["samples"] + (1 - keep) * rates.samples

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        keep, momentum = self.keep(rates.samples), rates.momentum
        return (keep, 1 - keep, self.target * math.sqrt(counters["samples"]), momentum,
                unit_gain(self.unit_gain, momentum), rates.rate)

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        import torch

        keep, weight, target, momentum, gain, rate = c
        gradients, squares = group.gradients, group.state["squares"]
        torch._foreach_mul_(squares, keep)
        torch._foreach_add_(squares, torch._foreach_mul(torch._foreach_mul(gradients, gradients), weight))
        multipliers = torch._foreach_mul(torch._foreach_rsqrt(squares), target)
        # Where no gradient was ever seen, the root is infinite and so limited to 10.
        torch._foreach_clamp_max_(multipliers, 10.0)
        steps: Tensors = torch._foreach_mul(gradients, multipliers)
        torch._foreach_mul_(steps, gain)
        steps = _gathered(group, "mean", steps, momentum)
        torch._foreach_sub_(group.parameters, torch._foreach_mul(steps, rate))


@table_row
class Adadelta(Optimizer):
    """Steps in the units of the parameter: root mean square of the steps over that of the gradients.

        v = rho * v + (1 - rho) * g^2
        d = sqrt (D + epsilon) / sqrt (v + epsilon) * g
        D = rho * D + (1 - rho) * d^2        w = w - r * d

    The rate is usually 1. Source: Zeiler 2012; CNTK's `adadelta`.
    """

    examples: ClassVar[tuple[str, ...]] = ("Adadelta {}",)

    rho: float = option(Number(0, 1), 0.95, "Memory of both mean squares.")
    epsilon: float = option(_POSITIVE, 1e-6, "Added below the roots.")

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        return ("squares", "steps")

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        return (rates.rate,)

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        import torch

        gradients, squares, steps = group.gradients, group.state["squares"], group.state["steps"]
        torch._foreach_mul_(squares, self.rho)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - self.rho)
        delta = torch._foreach_sqrt(torch._foreach_add(steps, self.epsilon))
        torch._foreach_div_(delta, torch._foreach_sqrt(torch._foreach_add(squares, self.epsilon)))
        torch._foreach_mul_(delta, gradients)
        torch._foreach_mul_(steps, self.rho)
        torch._foreach_addcmul_(steps, delta, delta, value=1 - self.rho)
        torch._foreach_sub_(group.parameters, torch._foreach_mul(delta, c[0]))

"""Adam and its relatives: steps scaled by the gradient's own size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...spec import Flag, Integer, Number, option, table_row
from ..optimizer import DecaysItself, Optimizer, StepRates, unit_gain

if TYPE_CHECKING:
    import torch

    from ..optimizer import ParamGroup


_BETA = Number(0, 1, exclusive_maximum=True)


@table_row
class Adam(Optimizer):
    """Adaptive moments.

    g is the gradient, t the number of the step, r the rate:

        a = beta1 * a + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        w = w - r * (a / (1 - beta1^t)) / (sqrt (v / (1 - beta2^t)) + epsilon)

    With `correctedEpsilon = false` epsilon is added to sqrt (v) itself, and with `unitGain = false` the
    gradient enters a with weight 1: CNTK's forms. The steps do not depend on the gradient's scale, so a
    rate in CNTK's units means the rate per sample. Source: Kingma and Ba 2014.
    """

    examples: ClassVar[tuple[str, ...]] = ("Adam {}", "Adam {beta2 = 0.99}")

    beta1: float = option(_BETA, 0.9, "Memory of the mean.")
    beta2: float = option(_BETA, 0.999, "Memory of the mean square.")
    epsilon: float = option(Number(0), 1e-8, "Added to the root.")
    unit_gain: bool = option(Flag(), True, "Weigh each gradient with 1 - beta1; false: with 1.")
    corrected_epsilon: bool = option(Flag(), True, "Epsilon is added to the corrected root.")
    reference_size: int = option(Integer(0), 0, "The betas hold for a minibatch of so many samples, and n samples "
                                                "count as beta^(n / size); 0: for a minibatch of any size.")

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        return ("mean", "square")

    def betas(self, rates: StepRates) -> tuple[float, float]:
        """Both memories for this minibatch."""
        power = rates.samples / self.reference_size if self.reference_size else 1.0
        return float(self.beta1**power), float(self.beta2**power)

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        beta1, beta2 = self.betas(rates)
        step = counters["step"]
        root = math.sqrt(1 - beta2**step)
        epsilon = self.epsilon * root if self.corrected_epsilon else self.epsilon
        corrected = rates.rate * root / (1 - beta1**step)
        return beta1, unit_gain(self.unit_gain, beta1), beta2, 1 - beta2, corrected, epsilon, rates.rate, step

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        import torch

        beta1, gain1, beta2, gain2, rate, epsilon, *_ = c
        gradients, mean, square = group.gradients, group.state["mean"], group.state["square"]
        torch._foreach_mul_(mean, beta1)
        torch._foreach_add_(mean, torch._foreach_mul(gradients, gain1))
        torch._foreach_mul_(gradients, gradients)
        torch._foreach_mul_(gradients, gain2)
        torch._foreach_mul_(square, beta2)
        torch._foreach_add_(square, gradients)
        root = torch._foreach_sqrt(square)
        torch._foreach_add_(root, epsilon)
        step = torch._foreach_div(mean, root)
        torch._foreach_mul_(step, rate)
        torch._foreach_sub_(group.parameters, step)

    def fused(self, group: ParamGroup, numbers: Sequence[float], scale: float, l2: float) -> bool:
        return self._fused(group, numbers, scale, scale * l2, "_fused_adam_")

    def _fused(self, group: ParamGroup, numbers: Sequence[float], scale: float, decay: float, kernel: str) -> bool:
        import torch

        if not self.unit_gain or not self.corrected_epsilon:
            return False
        beta1, _, beta2, _, _, _, rate, step = numbers
        count = torch.tensor(step)
        # The kernel divides gradients by `grad_scale`, as for loss scaling.
        inverse = torch.tensor(1 / scale) if scale != 1 else None
        getattr(torch, kernel)(
            group.parameters, group.gradients, group.state["mean"], group.state["square"], [],
            [count] * len(group.parameters), lr=rate, beta1=beta1, beta2=beta2, weight_decay=decay,
            eps=self.epsilon, amsgrad=False, maximize=False, grad_scale=inverse)
        return True

    def sentence(self, momentum: str) -> str:
        cntk = "" if self.corrected_epsilon and self.unit_gain else ", in CNTK's form"
        return f"{type(self).name()}, beta1 {self.beta1:g}, beta2 {self.beta2:g}{cntk}"


@table_row
class AdamW(DecaysItself, Adam):
    """Adam with weight decay apart from the gradient: w = w - r * weightDecay * w before Adam's step.

    Source: Loshchilov and Hutter 2017.
    """

    examples: ClassVar[tuple[str, ...]] = ("AdamW {}", "AdamW {weightDecay = 0.05}")

    weight_decay: float = option(Number(0), 0.01, "Weight decay, times the rate.")

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        decay_apart(group, self.weight_decay, c[6])
        super().update(group, c)

    def fused(self, group: ParamGroup, numbers: Sequence[float], scale: float, l2: float) -> bool:
        # The kernel knows one decay; it is needed for the one apart.
        return not l2 and self._fused(group, numbers, scale, self.weight_decay * group.decay, "_fused_adamw_")


def decay_apart(group: ParamGroup, weight_decay: float, rate: torch.Tensor) -> None:
    """w = w - rate * weightDecay * w, with the group's multiplier."""
    import torch

    if weight_decay * group.decay:
        torch._foreach_mul_(group.parameters, 1 - rate * (weight_decay * group.decay))


@table_row
class Adamax(Adam):
    """Adam with the largest gradient in place of the mean square.

        a = beta1 * a + (1 - beta1) * g
        v = max (beta2 * v, |g|)
        w = w - r / (1 - beta1^t) * a / (v + epsilon)

    Source: Kingma and Ba 2014, section 7; CNTK's `adamax`.
    """

    examples: ClassVar[tuple[str, ...]] = ("Adamax {}",)

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        return ("mean", "largest")

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        beta1, beta2 = self.betas(rates)
        return beta1, unit_gain(self.unit_gain, beta1), beta2, rates.rate / (1 - beta1 ** counters["step"])

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        import torch

        beta1, gain1, beta2, rate = c
        mean, largest = group.state["mean"], group.state["largest"]
        torch._foreach_mul_(mean, beta1)
        torch._foreach_add_(mean, torch._foreach_mul(group.gradients, gain1))
        torch._foreach_mul_(largest, beta2)
        torch._foreach_maximum_(largest, torch._foreach_abs(group.gradients))
        step = torch._foreach_div(mean, torch._foreach_add(largest, self.epsilon))
        torch._foreach_mul_(step, rate)
        torch._foreach_sub_(group.parameters, step)

    def fused(self, group: ParamGroup, numbers: Sequence[float], scale: float, l2: float) -> bool:
        return False


@table_row
class Lion(DecaysItself):
    """The sign of a momentum, with weight decay apart.

        w = w - r * (sign (beta1 * a + (1 - beta1) * g) + weightDecay * w)
        a = beta2 * a + (1 - beta2) * g

    Its rates are three to ten times smaller than AdamW's. Source: Chen et al. 2023.
    """

    examples: ClassVar[tuple[str, ...]] = ("Lion {weightDecay = 0.1}",)

    beta1: float = option(_BETA, 0.9, "Weight of the memory in the step.")
    beta2: float = option(_BETA, 0.99, "Memory.")
    weight_decay: float = option(Number(0), 0.0, "Weight decay, times the rate.")

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        return ("mean",)

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        return (rates.rate,)

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        import torch

        mean = group.state["mean"]
        decay_apart(group, self.weight_decay, c[0])
        step = torch._foreach_lerp(mean, group.gradients, 1 - self.beta1)
        torch._foreach_sign_(step)
        torch._foreach_mul_(step, c[0])
        torch._foreach_sub_(group.parameters, step)
        torch._foreach_lerp_(mean, group.gradients, 1 - self.beta2)

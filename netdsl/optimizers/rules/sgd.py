"""Stochastic gradient descent with momentum, in all the forms that papers and programs mean by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...spec import Flag, Number, option, table_row
from ..optimizer import DecaysItself, Optimizer, StepRates, unit_gain

if TYPE_CHECKING:
    import torch

    from ..optimizer import ParamGroup, Tensors


@table_row
class MomentumSGD(Optimizer):
    """Stochastic gradient descent with the momentum of the block; the default.

    g is the mean gradient, m the momentum, r the rate, u = 1 - m with `unitGain`, else 1:

        rateInside:   v = m * v + u * r * g        w = w - v
        otherwise:    v = m * v + u * g            w = w - r * v
        nesterov:     w = w - (m * v + u * r * g), with the new v

    The two places of the rate agree until the rate changes: inside, old gradients keep the rate they
    came with (Krizhevsky 2012, cuda-convnet, Caffe, Keras, CNTK); outside, they take the new one
    (torch, darknet). With `unitGain` each gradient counts r in total whatever the momentum is, so a
    rate of 0.1 with momentum 0.9 is a classical rate of 0.01 (CNTK).
    """

    examples: ClassVar[tuple[str, ...]] = ("MomentumSGD {}", "MomentumSGD {nesterov = true, rateInside = false}")
    uses_momentum: ClassVar[bool] = True
    linear: ClassVar[bool] = True

    nesterov: bool = option(Flag(), False, "Look ahead along the velocity (Nesterov).")
    unit_gain: bool = option(Flag(), False, "Weigh each gradient with 1 - momentum, as CNTK.")
    rate_inside: bool = option(Flag(), True, "The rate is inside the velocity; false: outside, as in torch.")

    def with_nesterov(self) -> Optimizer:
        return self.with_options(nesterov=True)

    def gradient_weight(self, momentum: float) -> float:
        return unit_gain(self.unit_gain, momentum)

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        return ("velocity",) if has_momentum else ()

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        gain, rate = self.gradient_weight(rates.momentum), rates.mean_rate
        return (rates.momentum, gain * rate, 1.0) if self.rate_inside else (rates.momentum, gain, rate)

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        import torch

        momentum, gain, rate = c
        gradients: Tensors = group.gradients
        torch._foreach_mul_(gradients, gain)
        if "velocity" in group.state:
            velocities = group.state["velocity"]
            torch._foreach_mul_(velocities, momentum)
            torch._foreach_add_(velocities, gradients)
            if self.nesterov:
                ahead = torch._foreach_mul(velocities, momentum)
                torch._foreach_add_(gradients, ahead)
            else:
                gradients = velocities
        if not self.rate_inside:
            gradients = torch._foreach_mul(gradients, rate)
        torch._foreach_sub_(group.parameters, gradients)

    def fused(self, group: ParamGroup, numbers: Sequence[float], scale: float, l2: float) -> bool:
        import torch

        momentum, gain, rate = numbers
        gain *= scale
        velocities = group.state.get("velocity", [])
        if gain == 0 or (velocities and momentum == 0):
            return False  # the kernel divides by the gain, and without momentum keeps no velocity
        # It divides gradients by `grad_scale`, as for loss scaling: the place for the gain.
        inverse = torch.tensor(1 / gain) if gain != 1 else None
        torch._fused_sgd_(group.parameters, group.gradients, velocities, weight_decay=gain * l2,
                          momentum=momentum if velocities else 0.0, lr=rate, dampening=0.0,
                          nesterov=self.nesterov and bool(velocities), maximize=False, is_first_step=False,
                          grad_scale=inverse)
        return True

    def sentence(self, momentum: str) -> str:
        name = "SGD, Nesterov" if self.nesterov else "SGD"
        if not momentum:
            return "SGD without momentum"
        gain = " (unit gain, as CNTK)" if self.unit_gain else ""
        place = "" if self.rate_inside else ", the rate outside the velocity"
        return f"{name}, {momentum}{gain}{place}"


@table_row
class LARS(DecaysItself):
    """SGD with momentum and a rate of its own for each parameter, for very large minibatches.

        local = trust * |w| / (|g| + decay * |w|)      (1 where |w| or |g| is 0)
        v = m * v + r * local * (g + decay * w)        w = w - v

    g is the mean gradient, |.| the 2-norm of one parameter. Parameters that are not decayed (biases
    with `biasDecayMultiplier = 0`) take part with local = 1. Source: You, Gitman and Ginsburg 2017.
    """

    examples: ClassVar[tuple[str, ...]] = ("LARS {weightDecay = 0.0005}",)
    uses_momentum: ClassVar[bool] = True

    trust: float = option(Number(0, exclusive_minimum=True), 0.001, "How much of the parameter's norm a step may be.")
    weight_decay: float = option(Number(0), 0.0, "Weight decay, inside the local rate.")

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        return ("velocity",)

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        return (rates.momentum, rates.rate)

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        import torch

        momentum, rate = c
        decay = self.weight_decay * group.decay
        torch._foreach_mul_(group.state["velocity"], momentum)
        for w, g, v in zip(group.parameters, group.gradients, group.state["velocity"], strict=True):
            if group.decay:
                w_norm, g_norm = w.norm(), g.norm()
                local = self.trust * w_norm / (g_norm + decay * w_norm)
                g = (g + decay * w) * torch.where((w_norm > 0) & (g_norm > 0), local, torch.ones_like(local))
            v.add_(g * rate)
            w.sub_(v)

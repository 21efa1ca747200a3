"""What every row of the optimizer table is: options, and the rule by which parameters change.

Convention of gradients: whoever calls the rule backpropagates the MEAN of the criterion over the
minibatch. CNTK's rules are written for the sum; `StepRates.scale` (the number of samples) turns the
one into the other where the two differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ..spec import Spec, table_row

if TYPE_CHECKING:
    import torch

    #: What torch's functions on many tensors at once take.
    Tensors = list[torch.Tensor] | tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class StepRates:
    """What the plan says for one update; numbers on the host, new for every minibatch."""

    rate: float  #: multiplies the gradient that the rule sees
    momentum: float = 0.0  #: for this minibatch
    samples: int = 1  #: samples in this minibatch
    scale: float = 1.0  #: turns the mean gradient into the rule's: 1, or `samples` where the rule wants the sum
    noise: float = 0.0  #: standard deviation of the noise added to the parameters after the update

    @property
    def mean_rate(self) -> float:
        """The rate on the mean gradient."""
        return self.rate * self.scale


@dataclass(frozen=True)
class TrainedParameter:
    """One parameter and what is said of it; the tensor is changed in place."""

    name: str
    tensor: torch.Tensor
    rate: float = 1.0  #: multiplies the learning rate; 0: frozen
    decay: float = 1.0  #: multiplies weight decay, L1 and L2
    regularized: bool = True  #: False: no weight decay, L1 and L2 at all


@dataclass(frozen=True)
class Regularization:
    """Penalties and clipping, applied to the mean gradient before the rule (L1: to the parameters after it)."""

    l2: float = 0.0  #: gradient += l2 * parameter
    l1: float = 0.0  #: parameters move towards 0 by rate * l1 after the update, and stop there
    clip_value: float | None = None  #: every number of the gradient to within +-clip_value
    clip_tensor_norm: float | None = None  #: each parameter's gradient to at most this 2-norm
    clip_norm: float | None = None  #: all gradients together to at most this 2-norm


@dataclass(frozen=True)
class RuleSettings:
    """What the plan tells a rule once, when it is built."""

    regularization: Regularization = field(default_factory=Regularization)
    has_momentum: bool = True  #: False: the momentum is 0 throughout, so no velocity is kept
    sums: bool = False  #: the rates are for the gradient's sum over the minibatch (CNTK's units)
    has_noise: bool = False
    seed: int = 0


@dataclass
class ParamGroup:
    """Parameters that one update treats alike: same multipliers, kind, device and dtype."""

    rate: float
    decay: float  #: multiplies all penalties; 0 where the parameters are not regularized
    kind: str
    names: list[str] = field(default_factory=list)
    parameters: list[torch.Tensor] = field(default_factory=list)
    #: slot -> one tensor per parameter
    state: dict[str, list[torch.Tensor]] = field(default_factory=dict)
    #: the gradients of the step under way; a rule may overwrite them
    gradients: list[torch.Tensor] = field(default_factory=list)


@table_row
class Optimizer(Spec):
    """A row of the optimizer table.

    A row states its options as fields and implements `slots`, `coefficients` and `update`. Penalties,
    clipping, multipliers by parameter, saving and loading are the same for all and live in `update.py`.
    """

    what: ClassVar[str] = "optimizer"
    examples: ClassVar[tuple[str, ...]] = ()
    #: The rule takes the momentum keys of the block (`momentum`, `momentumPerMB`, ...).
    uses_momentum: ClassVar[bool] = False
    #: Scaling gradient and rate against each other changes nothing: no separate pass for the sum.
    linear: ClassVar[bool] = False
    #: Numbers that the rule counts on the host, with their start; `step` is always there.
    counters: ClassVar[dict[str, float]] = {}

    def slots(self, dims: Sequence[int], has_momentum: bool) -> tuple[str, ...]:
        """Names of the tensors kept for a parameter with these extents, each of the parameter's size."""
        raise NotImplementedError

    def kind(self, dims: Sequence[int]) -> str:
        """Parameters of different kinds are handed to `update` apart (Muon: `matrix` and `vector`)."""
        return ""

    def advance(self, counters: dict[str, float], rates: StepRates) -> None:
        """Bring the row's own counters to the step that is about to be made."""

    def coefficients(self, rates: StepRates, counters: dict[str, float]) -> tuple[float, ...]:
        """The numbers that `update` needs for this step; always equally many. Pure, on the host."""
        raise NotImplementedError

    def update(self, group: ParamGroup, c: Sequence[torch.Tensor]) -> None:
        """Change the parameters of a group in place, with the coefficients as 0-dim tensors.

        `group.gradients` may be overwritten. Nothing here may read a tensor's value on the host.
        """
        raise NotImplementedError

    def fused(self, group: ParamGroup, numbers: Sequence[float], scale: float, l2: float) -> bool:
        """The update by one of torch's fused kernels, if one says exactly the same; else False, with nothing done.

        `numbers` are the coefficients, the gradient is `scale * (gradient + l2 * parameter)`.
        """
        return False

    def start(self, slot: str) -> float:
        """What a slot is filled with before the first step."""
        return 0.0

    def sentence(self, momentum: str) -> str:
        """The rule in one line, in classical terms; `momentum` is how the plan states it, or empty."""
        return f"{self.show()}, {momentum or 'no momentum'}" if self.uses_momentum else self.show()

    def with_nesterov(self) -> Optimizer | None:
        """The rule looking ahead along its velocity; None where there is no such form."""
        return None

    def with_decay(self, decay: float) -> Optimizer | None:
        """The rule with a weight decay that it applies itself; None where that is a penalty on the gradient."""
        return None

    @property
    def own_decay(self) -> float:
        """The weight decay that the rule applies itself, apart from the gradient."""
        return 0.0

    @property
    def states_decay(self) -> bool:
        """Whether the use says another weight decay than the row's default."""
        return False

    def gradient_weight(self, momentum: float) -> float:
        """Of `linear` rules: with what the velocity takes each gradient in."""
        return 1.0

    def state_size(self, has_momentum: bool) -> int:
        """Numbers kept for each number of a large parameter (a matrix or filter)."""
        return len(self.slots((2, 2), has_momentum))


class DecaysItself(Optimizer):
    """Base of rules with the option `weightDecay`."""

    weight_decay: float

    def with_decay(self, decay: float) -> Optimizer:
        return self.with_options(weight_decay=decay)

    @property
    def own_decay(self) -> float:
        return self.weight_decay

    @property
    def states_decay(self) -> bool:
        option = self.option("weightDecay")
        return option is not None and self.weight_decay != option.default


def unit_gain(is_unit_gain: bool, momentum: float) -> float:
    """Weight of the gradient in a momentum buffer."""
    return 1.0 - momentum if is_unit_gain else 1.0


__all__ = ["DecaysItself", "Optimizer", "ParamGroup", "Regularization", "RuleSettings", "StepRates", "TrainedParameter",
           "unit_gain"]

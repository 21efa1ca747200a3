"""The training plan: what an `SGD` block means, resolved to one rule and its rates for every minibatch."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Edit, Label
from ..base.source import NOWHERE, Span
from ..base.suggest import did_you_mean, suggest
from .block import AutoAdjust, EarlyStopping, Multiplier, TrainingBlock
from .control import Control
from .optimizer import Optimizer, Regularization, RuleSettings, StepRates, TrainedParameter
from .schedules.policies import Plateau, Warmup
from .schedules.schedule import PiecewiseConstant, Policy, Schedule, TrainingProgress
from .update import UpdateRule
from .weight_average import WeightAverage

if TYPE_CHECKING:
    import torch

#: Units of a learning rate and of a momentum, by the key that gives them.
RATE_KEYS = {"learningRatesPerMB": "per minibatch", "learningRatesPerSample": "per sample", "learningRate": "mean"}
MOMENTUM_KEYS = {"momentumPerMB": "per minibatch", "momentumPerSample": "per sample",
                 "momentumAsTimeConstant": "time constant", "momentum": "per update"}


@dataclass(frozen=True)
class TrainingPlan:
    """The plan as the trainer follows it. Made by `resolve.plan_of`; every number of a step is a pure function.

    Epochs are counted from 0 here, with a fraction inside the epoch; what users see counts from 1.
    """

    block: TrainingBlock
    optimizer: Optimizer
    rate: Schedule
    rate_unit: str = "mean"  #: a value of RATE_KEYS
    momentum: Schedule | None = None  #: None: the rule has no momentum, or it is 0
    momentum_unit: str = "per update"  #: a value of MOMENTUM_KEYS
    regularization: Regularization = field(default_factory=Regularization)
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False)

    # -- numbers by progress ----------------------------------------------------------------------

    @property
    def epochs(self) -> int:
        return self.block.max_epochs

    @property
    def minibatch_size(self) -> int:
        """Samples in a minibatch of the first epoch."""
        return self.minibatch_size_at(0)

    @property
    def highest_rate(self) -> float:
        """The largest of the rates with which epochs begin, in the unit of the file."""
        return max(self.rate.at(self.progress(epoch)) for epoch in range(self.epochs))

    def minibatch_size_at(self, epoch: float) -> int:
        """Samples in a minibatch, as the file states it."""
        return int(self.block.minibatch_size.at(self.progress(epoch)))

    def update_size_at(self, epoch: float) -> int:
        """Samples between two updates: `accumulate` minibatches."""
        return self.minibatch_size_at(epoch) * self.block.accumulate

    @property
    def pieces(self) -> int:
        """In how many pieces the samples of one update are computed, their gradients added up."""
        return self.block.accumulate * self.block.num_subminibatches

    def progress(self, epoch: float, step: int = 0, samples: int = 0) -> TrainingProgress:
        return TrainingProgress(epoch, step, samples, self.block.max_epochs, self.block.max_steps)

    def rates_at(self, samples_seen: int, samples_in_minibatch: int, epoch: float, step: int, *,
                 factor: float = 1.0) -> StepRates:
        """The rates of the update that follows, for a mean gradient over `samples_in_minibatch` samples.

        `epoch` counts from 0, with the fraction of the epoch's samples seen; `step` counts updates
        done; `factor` is what the `Control` has made of the rate so far.
        """
        progress = self.progress(epoch, step, samples_seen)
        size, value = self.update_size_at(epoch), self.rate.at(progress) * factor
        noise = self.block.gaussian_noise.at(progress) if self.block.gaussian_noise is not None else 0.0
        momentum = self._momentum_at(progress, size, samples_in_minibatch)
        if self.rate_unit == "mean":
            return StepRates(value, momentum, samples_in_minibatch, 1.0, noise)
        per_sample = value / size if self.rate_unit == "per minibatch" else value
        return StepRates(per_sample, momentum, samples_in_minibatch, float(samples_in_minibatch), noise)

    def _momentum_at(self, progress: TrainingProgress, size: int, samples: int) -> float:
        if self.momentum is None:
            return 0.0
        value = self.momentum.at(progress)
        if self.momentum_unit == "per minibatch":
            return value if samples == size else float(value ** (samples / size))
        if self.momentum_unit == "per sample":
            return float(value**samples)
        if self.momentum_unit == "time constant":
            return math.exp(-samples / value) if value > 0 else 0.0
        return value

    def settings_at(self, epoch: float, step: int = 0, samples: int = 0) -> dict[str, float]:
        """What the plan says to layers (`Layer.from_plan`), by the key of the block: `dropoutRate`, ..."""
        progress = self.progress(epoch, step, samples)
        given = {"dropoutRate": self.block.dropout_rate,
                 "batchNormalizationTimeConstant": self.block.batch_normalization_time_constant}
        return {name: schedule.at(progress) for name, schedule in given.items() if schedule is not None}

    def ends_before(self, epoch: int, factor: float = 1.0) -> bool:
        """True if training is over before this epoch: all done, or the rate is below the minimum.

        The least rate (`minLearningRatePerSample`) is for CNTK's lists and for rates that `Control` lowers; a
        policy that begins or ends at 0 does so on purpose, and classical rates have no floor unless the file
        gives one.
        """
        if epoch >= self.epochs:
            return True
        classical = self.rate_unit == "mean" and "minLearningRatePerSample" not in self.spans
        if factor == 1 and (classical or isinstance(self.rate, Policy)):
            return False
        value = self.rate.at(self.progress(epoch)) * factor
        per_sample = value if self.rate_unit == "per sample" else value / self.update_size_at(epoch)
        return per_sample < self.block.min_learning_rate_per_sample

    # -- the rule ---------------------------------------------------------------------------------

    @property
    def has_momentum(self) -> bool:
        return self.momentum is not None

    def group(self, name: str, tensor: torch.Tensor, *, rate: float = 1.0, regularized: bool = True,
              is_normalization: bool = False) -> TrainedParameter:
        """What the plan says of one parameter; `rate` and `regularized` are what its layer says of it.

        A name that ends in `.bias` is a bias. A frozen parameter has the rate 0.
        """
        rate, decay = self.multipliers_of(name, rate)
        if is_normalization and self.block.no_penalty_in_normalization:
            regularized = False
        return TrainedParameter(name, tensor, rate, decay, regularized)

    def multipliers_of(self, name: str, rate: float = 1.0) -> tuple[float, float]:
        """By what a parameter's rate and weight decay are multiplied; `rate` is what its layer says.

        A rate of 0: the parameter is frozen.
        """
        decay = 1.0
        if name.endswith(".bias"):
            rate, decay = rate * self.block.bias_rate_multiplier, self.block.bias_decay_multiplier
        for row in reversed(self.block.multipliers):
            if fits(name, row.pattern):
                rate, decay = rate * row.rate, decay * row.decay
                break
        return (0.0 if any(fits(name, pattern) for pattern in self.block.freeze) else rate), decay

    def build(self, groups: Sequence[TrainedParameter]) -> UpdateRule:
        """The rule at work on these parameters; those with rate 0 are left alone."""
        settings = RuleSettings(self.regularization, self.has_momentum, self.rate_unit != "mean",
                                self.block.gaussian_noise is not None, self.block.seed)
        return UpdateRule(self.optimizer, groups, settings)

    def average(self, named: Mapping[str, torch.Tensor]) -> WeightAverage | None:
        """The average of the parameters, where the file wants one."""
        return WeightAverage(named, self.block.ema) if self.block.ema else None

    def control(self) -> Control:
        """What changes the rate, rolls back or stops after an epoch; does nothing if the file wants none."""
        plateau = self.rate
        while isinstance(plateau, Warmup):
            plateau = plateau.schedule
        adjust = self.block.auto_adjust
        if adjust is not None and adjust.auto_adjust == "none":
            adjust = None
        listed = self.rate.length if adjust is not None and isinstance(self.rate, PiecewiseConstant) else 0
        return Control(plateau if isinstance(plateau, Plateau) else None, adjust, self.block.early_stopping, listed)

    def check_names(self, learned: Iterable[str], moved: Iterable[str] = ()) -> list[Diagnostic]:
        """`unknown-name` diagnostics for patterns of `freeze` and `multipliers` that fit no parameter.

        `moved` are the running statistics, which `freeze` may name as well.
        """
        known = [*learned]
        kept = [*known, *moved]
        wanted = [("freeze", pattern, kept) for pattern in self.block.freeze]
        wanted += [("multipliers", row.pattern, known) for row in self.block.multipliers]
        return [self._fits_nothing(key, pattern, names) for key, pattern, names in wanted
                if not any(fits(name, pattern) for name in names)]

    def _fits_nothing(self, key: str, pattern: str, names: Sequence[str]) -> Diagnostic:
        parts = {part for name in names for part in (name, name.rpartition(".")[0], *name.split("."))} - {""}
        span, near = self.spans.get(key, NOWHERE), suggest(pattern, parts)
        at = span.text.find(pattern)
        edit = Edit(span.source.span(span.start + at, span.start + at + len(pattern)), near or "")
        return Diagnostic(Code.UNKNOWN_NAME, f"no parameter matches `{pattern}` of `{key}`",
                          Label(span, did_you_mean(pattern, parts)),
                          body=("A pattern is the name of a parameter or of a layer, with or without what stands "
                                "before a dot, and may hold `*` and `?`.",),
                          hint="`netdsl check` prints the names of the layers.",
                          fix=(edit,) if near and at >= 0 else ())

    def state_bytes(self, parameters: int) -> int:
        """Memory of the optimizer's state and of the average of the weights, for so many float parameters."""
        return 4 * parameters * (self.optimizer.state_size(self.has_momentum) + bool(self.block.ema))

    @property
    def keys(self) -> dict[str, str]:
        """What the block says otherwise than by default, in the notation of the file."""
        return {o.name: o.kind.show(self.block.value_of(o)) for o in self.block.options()
                if o.required or self.block.value_of(o) != o.default}


def fits(name: str, pattern: str) -> bool:
    """Whether a pattern is a run of whole dotted parts of a name: `conv1` fits `model.conv1.weight`."""
    return fnmatch.fnmatchcase(f".{name}.", f"*.{pattern}.*")


__all__ = [
    "AutoAdjust",
    "EarlyStopping",
    "Multiplier",
    "PiecewiseConstant",
    "StepRates",
    "TrainingBlock",
    "TrainingPlan",
    "fits",
]

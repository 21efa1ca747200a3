"""The schedule rows: values that fall (or rise) by a formula. Caffe's, cuda-convnet's and today's."""

from __future__ import annotations

import math
from typing import ClassVar

from ...base.units import plural
from ...spec import Flag, Integer, ListOf, Number, Optional, OptionError, ScheduleKind, option, show_value, table_row
from .schedule import CountedPolicy, Policy, Schedule, TrainingProgress, unit_option

_VALUE = Number(0)
_POSITIVE = Number(0, exclusive_minimum=True)


@table_row
class StepDecay(CountedPolicy):
    """value * factor ^ floor(x / every): a drop by the same factor at equal distances.

    Source: Caffe's lr_policy `step` (gamma is `factor`, stepsize is `every` with `unit = 'steps'`).
    """

    examples: ClassVar[tuple[str, ...]] = ("StepDecay {0.01, every = 20}",
                                           "StepDecay {0.01, every = 100000, unit = 'steps'}")

    value: float = option(_VALUE, doc="The value at the start.")
    every: float = option(_POSITIVE, doc="Distance between two drops.")
    factor: float = option(_VALUE, 0.1, "What each drop multiplies the value with.")
    unit: str = unit_option()

    def at(self, progress: TrainingProgress) -> float:
        return self.value * self.factor ** math.floor(progress.along(self.unit) / self.every)


@table_row
class MultiStepDecay(CountedPolicy):
    """value * factor ^ (number of drops already passed): drops at stated places.

    `factors` gives each drop a factor of its own.

    Source: Caffe's lr_policy `multistep`; darknet's policy `steps`.
    """

    examples: ClassVar[tuple[str, ...]] = ("MultiStepDecay {0.1, at = 30:60:80}",
                                           "MultiStepDecay {0.1, at = 100:400, factors = 10:0.1, unit = 'steps'}")

    value: float = option(_VALUE, doc="The value at the start.")
    drops: tuple[float, ...] = option(ListOf(Number(0), 1), doc="Where the value drops, in order.", name="at")
    factor: float = option(_VALUE, 0.1, "What each drop multiplies the value with.")
    factors: tuple[float, ...] = option(ListOf(_VALUE), (), "A factor for each drop, in place of `factor`.")
    unit: str = unit_option()

    def validate(self) -> None:
        if self.factors and len(self.factors) != len(self.drops):
            raise OptionError("factors", f"MultiStepDecay has {plural(len(self.drops), 'drop')}, and "
                              f"{plural(len(self.factors), 'factor')}", "write a factor for each drop.")
        if list(self.drops) != sorted(self.drops):
            raise OptionError("at", "the drops of MultiStepDecay have to be in order",
                              "write them from small to large.")

    def at(self, progress: TrainingProgress) -> float:
        passed = sum(drop <= progress.along(self.unit) for drop in self.drops)
        return self.value * (math.prod(self.factors[:passed]) if self.factors else self.factor ** passed)


@table_row
class ExponentialDecay(CountedPolicy):
    """value * factor ^ x: the same factor for each epoch (or step, or the whole training).

    Source: Caffe's lr_policy `exp`; cuda-convnet's `exp` with `unit = 'training'`.
    """

    examples: ClassVar[tuple[str, ...]] = ("ExponentialDecay {0.01, 0.95}",
                                           "ExponentialDecay {0.01, 0.004, unit = 'training'}")

    value: float = option(_VALUE, doc="The value at the start.")
    factor: float = option(_POSITIVE, doc="What one unit multiplies the value with.")
    unit: str = unit_option()

    def at(self, progress: TrainingProgress) -> float:
        return float(self.value * self.factor ** progress.along(self.unit))


@table_row
class InverseDecay(CountedPolicy):
    """value * (1 + gamma * x) ^ -power.

    Source: Caffe's lr_policy `inv`.
    """

    examples: ClassVar[tuple[str, ...]] = ("InverseDecay {0.01, gamma = 0.0001, power = 0.75, unit = 'steps'}",)

    value: float = option(_VALUE, doc="The value at the start.")
    gamma: float = option(_VALUE, doc="How fast it falls.")
    power: float = option(_VALUE, 1.0, "The exponent.")
    unit: str = unit_option()

    def at(self, progress: TrainingProgress) -> float:
        return float(self.value * (1 + self.gamma * progress.along(self.unit)) ** -self.power)


@table_row
class PolynomialDecay(CountedPolicy):
    """end + (value - end) * (1 - x / over) ^ power, and `end` from then on.

    Source: Caffe's lr_policy `poly` (end = 0, over = max_iter).
    """

    examples: ClassVar[tuple[str, ...]] = ("PolynomialDecay {0.01, power = 4}",)

    value: float = option(_VALUE, doc="The value at the start.")
    power: float = option(_POSITIVE, 1.0, "The exponent; 1 is a straight line.")
    end: float = option(_VALUE, 0.0, "The value at the end.")
    over: float | None = option(Optional(_POSITIVE), None, "Where the end is reached; None: with the end of training.")
    unit: str = unit_option()

    def at(self, progress: TrainingProgress) -> float:
        left = 1 - _part(self.over, self.unit, progress)
        return float(self.end + (self.value - self.end) * left**self.power)


@table_row
class SigmoidDecay(CountedPolicy):
    """value / (1 + exp (-gamma * (x - middle))): with a negative gamma a soft drop around `middle`.

    Source: Caffe's lr_policy `sigmoid`.
    """

    examples: ClassVar[tuple[str, ...]] = ("SigmoidDecay {0.01, gamma = -0.5, middle = 20}",)

    value: float = option(_VALUE, doc="The value far before the middle, where gamma is negative.")
    gamma: float = option(Number(), doc="How steep; negative falls, positive rises.")
    middle: float = option(_VALUE, doc="Where half the value is reached.")
    unit: str = unit_option()

    def at(self, progress: TrainingProgress) -> float:
        exponent = -self.gamma * (progress.along(self.unit) - self.middle)
        return self.value / (1 + math.exp(exponent)) if exponent < 700 else 0.0


@table_row
class Linear(CountedPolicy):
    """A straight line from one value to another, which holds from then on.

    Source: cuda-convnet's `linear`, by progress.
    """

    examples: ClassVar[tuple[str, ...]] = ("Linear {0.1, 0}", "Linear {0.85, 0.95, over = 5}")

    from_: float = option(_VALUE, doc="The value at the start.")
    to: float = option(_VALUE, doc="The value at the end.")
    over: float | None = option(Optional(_POSITIVE), None, "Where the end is reached; None: with the end of training.")
    unit: str = unit_option()

    def at(self, progress: TrainingProgress) -> float:
        part = _part(self.over, self.unit, progress)
        return self.from_ * (1 - part) + self.to * part


@table_row
class CosineDecay(CountedPolicy):
    """end + (value - end) * (1 + cos (pi * x / over)) / 2, and `end` from then on.

    Source: Loshchilov and Hutter 2016, without restarts.
    """

    examples: ClassVar[tuple[str, ...]] = ("CosineDecay {0.1}", "CosineDecay {0.1, end = 0.001, over = 80}")

    value: float = option(_VALUE, doc="The value at the start.")
    end: float = option(_VALUE, 0.0, "The value at the end.")
    over: float | None = option(Optional(_POSITIVE), None, "Where the end is reached; None: with the end of training.")
    unit: str = unit_option()

    def at(self, progress: TrainingProgress) -> float:
        return _cosine(self.value, self.end, _part(self.over, self.unit, progress))


@table_row
class CosineRestarts(CountedPolicy):
    """Cosines one after the other, each from `value` to `end`, each `growth` times as long as the one before.

    Source: SGDR, Loshchilov and Hutter 2016.
    """

    examples: ClassVar[tuple[str, ...]] = ("CosineRestarts {0.1, period = 10, growth = 2}",)

    value: float = option(_VALUE, doc="The value after each restart.")
    period: float = option(_POSITIVE, doc="Length of the first cosine.")
    growth: float = option(Number(1), 1.0, "What each cosine is longer than the one before.")
    end: float = option(_VALUE, 0.0, "The value before each restart.")
    unit: str = unit_option()

    def at(self, progress: TrainingProgress) -> float:
        position, length = progress.along(self.unit), self.period
        if self.growth == 1:
            position = math.fmod(position, length)
        while position >= length:
            position, length = position - length, length * self.growth
        return _cosine(self.value, self.end, position / length)


@table_row
class OneCycle(Policy):
    """One rise from `start` to the peak, then one fall to `end`, over the whole training.

    Source: Smith 2017; `linear = true` is the triangle of the fast CIFAR-10 recipes.
    """

    examples: ClassVar[tuple[str, ...]] = ("OneCycle {0.4}", "OneCycle {2, rise = 0.2, start = 0.4, linear = true}")

    value: float = option(_VALUE, doc="The peak.")
    rise: float = option(Number(0, 1, exclusive_maximum=True), 0.3, "The part of the training in which it rises.")
    start: float | None = option(Optional(_VALUE), None, "The value at the start; None: the peak / 25.")
    end: float = option(_VALUE, 0.0, "The value at the end.")
    linear: bool = option(Flag(), False, "Straight lines; false: cosines.")

    def at(self, progress: TrainingProgress) -> float:
        done = progress.fraction
        start = self.value / 25 if self.start is None else self.start
        bend = _line if self.linear else _cosine
        if done < self.rise:
            return bend(start, self.value, done / self.rise)
        return bend(self.value, self.end, (done - self.rise) / (1 - self.rise))


@table_row
class DiscreteExponential(Policy):
    """Falls to value / factor in `steps` equal stretches of the training, each lower by the same ratio.

    Stretch i of n (from 0) has value * factor ^ (-i / (n - 1)). Source: cuda-convnet's `dexp`, where
    factor is called tgtFactor and steps numSteps.
    """

    examples: ClassVar[tuple[str, ...]] = ("DiscreteExponential {0.01, factor = 250, steps = 4}",)

    value: float = option(_VALUE, doc="The value at the start.")
    factor: float = option(_POSITIVE, doc="What the last value is smaller by.")
    steps: int = option(Integer(2), doc="Number of different values.")

    def at(self, progress: TrainingProgress) -> float:
        index = min(int(progress.fraction * self.steps), self.steps - 1)
        return float(self.value * self.factor ** (-index / (self.steps - 1)))


@table_row
class Warmup(CountedPolicy):
    """Another schedule, multiplied at first by a curve from `from` to 1.

    x counts `unit`; at x below `epochs` (which are steps or samples where `unit` says so) the schedule is multiplied by

        from + (1 - from) * (x / epochs) ^ power

    With `peak` that number is multiplied instead of the schedule's value.

    Source: Goyal et al. 2017 (gradual warm-up); darknet's `burn_in` (`power = 4`, `peak` the learning rate, in steps).
    The other schedule is not shifted.
    """

    examples: ClassVar[tuple[str, ...]] = ("Warmup {CosineDecay {0.4}, epochs = 5}",
                                           "Warmup {0.1*30 : 0.01, epochs = 2, from = 0.1}",
                                           "Warmup {0.001, epochs = 1000, power = 4, unit = 'steps'}")

    schedule: Schedule = option(ScheduleKind(_VALUE), doc="The schedule to begin gently.")
    epochs: float = option(_POSITIVE, doc="Length of the warm-up, in what `unit` counts.")
    from_: float = option(Number(0, 1), 0.0, "The part of the value with which training begins.")
    power: float = option(_POSITIVE, 1.0, "The exponent; 1 is a straight line.")
    peak: float | None = option(Optional(_VALUE), None, "What is multiplied; None: the schedule's value at the moment.")
    unit: str = unit_option()

    def at(self, progress: TrainingProgress) -> float:
        part = progress.along(self.unit) / self.epochs
        if part >= 1:
            return self.schedule.at(progress)
        value = self.schedule.at(progress) if self.peak is None else self.peak
        return float(value * (self.from_ + (1 - self.from_) * part ** self.power))

    @property
    def counts_in(self) -> str:
        return self.schedule.counts_in if self.unit == "epochs" else self.unit

    @property
    def warm_epochs(self) -> int:
        return int(self.epochs) if self.unit == "epochs" else 0


@table_row
class Plateau(Policy):
    """The value, multiplied by `factor` whenever the criterion has not improved for `patience` epochs.

    The criterion is that of the validation data where there are any, else of training. An epoch
    improves if the criterion is below the best so far by more than `threshold` of its size. This is
    how AlexNet's authors lowered the rate by hand: by 10 when the validation error stalled.
    """

    examples: ClassVar[tuple[str, ...]] = ("Plateau {0.01, patience = 5}",
                                           "Plateau {0.01, factor = 0.5, rollBack = true}")

    value: float = option(_VALUE, doc="The value at the start.")
    factor: float = option(Number(0, 1, exclusive_maximum=True), 0.1, "What each reduction multiplies the value with.")
    patience: int = option(Integer(1), 5, "Epochs without improvement before a reduction.")
    threshold: float = option(Number(0, 1), 1e-4, "The relative improvement that counts.")
    cooldown: int = option(Integer(0), 0, "Epochs after a reduction that are not counted.")
    minimum: float = option(_VALUE, 0.0, "The value is not reduced below this.")
    roll_back: bool = option(Flag(), False, "Continue after a reduction from the best epoch's parameters.")

    def at(self, progress: TrainingProgress) -> float:
        return self.value

    def sentence(self, max_epochs: int) -> str:
        patience = plural(self.patience, "epoch")
        back = ", from the best epoch's parameters" if self.roll_back else ""
        return (f"{show_value(self.value)}, times {show_value(self.factor)} when the criterion has not improved for "
                f"{patience}{back}")


def _part(over: float | None, unit: str, progress: TrainingProgress) -> float:
    return progress.fraction if over is None else min(max(progress.along(unit) / over, 0.0), 1.0)


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


def _line(start: float, end: float, part: float) -> float:
    return start * (1 - part) + end * part


ROWS: tuple[type[Policy], ...] = (
    StepDecay, MultiStepDecay, ExponentialDecay, InverseDecay, PolynomialDecay, SigmoidDecay, Linear, CosineDecay,
    CosineRestarts, OneCycle, DiscreteExponential, Warmup, Plateau,
)

"""The `SGD` block as options, and the training plan that it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..spec import Integer, Number, ScheduleKind, Spec, option
from .schedule import Schedule


@dataclass(frozen=True)
class TrainingBlock(Spec):
    """The `SGD` block: how the network is trained."""

    what: ClassVar[str] = "block"

    minibatch_size: int = option(Integer(1), 256, "Samples between two updates.")
    max_epochs: int = option(Integer(1), doc="Number of epochs.")
    learning_rates_per_mb: Schedule | None = option(ScheduleKind(), None, "CNTK's rate.", name="learningRatesPerMB")
    dropout_rate: Schedule | None = option(ScheduleKind(Number(0, 1)), None, "Rate of every Dropout.")


@dataclass(frozen=True)
class TrainingPlan:
    """The plan as the trainer follows it."""

    block: TrainingBlock

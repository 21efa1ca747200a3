"""Schedules: a value by epoch, as data, read from `0.1*25 : 0.01*25 : 0.001` or from a policy row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..source import NOWHERE, Span
from ..spec import Spec, show_value


@dataclass(frozen=True)
class Stretch:
    """A value and for how many epochs it holds (None: until the end); `span` is where it stands."""

    value: float
    epochs: int | None
    span: Span = NOWHERE


@dataclass(frozen=True)
class Schedule:
    """A value as a function of progress: what `ScheduleKind` options hold."""

    is_schedule: ClassVar[bool] = True

    def at(self, epoch: float) -> float:
        """The value at an epoch, counted from 0 and with a fraction inside the epoch."""
        raise NotImplementedError


@dataclass(frozen=True)
class Steps(Schedule):
    """CNTK's lists: each value holds for its epochs, the last one for ever."""

    stretches: tuple[Stretch, ...]

    def at(self, epoch: float) -> float:
        end = 0
        for stretch in self.stretches:
            end += stretch.epochs if stretch.epochs is not None else 1 << 60
            if epoch < end:
                return stretch.value
        return self.stretches[-1].value

    def __str__(self) -> str:
        parts = [show_value(s.value) + (f"*{s.epochs}" if s.epochs not in (None, 1) else "") for s in self.stretches]
        return ":".join(parts)


def constant(value: float) -> Steps:
    """A schedule with one value."""
    return Steps((Stretch(value, None),))


@dataclass(frozen=True)
class Policy(Spec, Schedule):
    """Base of the schedule rows (Cosine, Poly, ...): a Spec that is a Schedule."""

    what: ClassVar[str] = "schedule"
    is_schedule: ClassVar[bool] = True

    def __str__(self) -> str:
        return self.show()

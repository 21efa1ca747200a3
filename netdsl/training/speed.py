"""How fast this machine trains a program: a few real updates, with real reading, in a folder that is thrown away."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace

from ..ir.network import totals
from ..ir.program import CheckedProgram, Phase, Readers
from ..optimizers.schedules.schedule import constant
from .loop import train
from .progress import ProgressUpdate, Reporter
from .run_options import Limits, RunOptions
from .run_plan import required_plan

#: Updates before the clock starts: threads start, memory is taken, and convolutions choose their way.
_WARM_UP = 2
_UPDATES = 40
#: Multiply-adds of a measured minibatch; with more, fewer samples are taken, so that it ends in seconds.
_MOST_MACS = 4_000_000_000


@dataclass(frozen=True)
class Speed:
    """What was measured."""

    samples_per_second: float
    updates: int  #: that the number is of
    minibatch: int
    seconds: float

    def epoch_seconds(self, training: int, validation: int = 0) -> float:
        """For an epoch over so many samples; a sample that is only evaluated is taken as half the work."""
        return (training + validation / 2) / self.samples_per_second


def measure_speed(program: CheckedProgram, seconds: float = 6.0, device: str = "auto") -> Speed | None:
    """Train for about so many seconds; None where that is not enough for two updates. Raises Failure."""
    plan = required_plan(program)
    size = max(1, min(plan.minibatch_size, _MOST_MACS // max(1, totals(program.network).macs)))
    block = replace(plan.block, minibatch_size=constant(size), validation=0.0, early_stopping=None)
    alone = replace(program, plan=replace(plan, block=block),
                    readers=Readers({Phase.TRAIN: program.readers[Phase.TRAIN]}))
    marks = _Marks()
    with tempfile.TemporaryDirectory(prefix="netdsl-speed-") as folder:
        limits = Limits(epochs=1, minibatches=_UPDATES, seconds=seconds)
        train(alone, RunOptions(device=device, out=f"{folder}/run", limits=limits, test=False), reporter=marks)
    times = marks.times[min(_WARM_UP, max(0, len(marks.times) - 2)):]
    if len(times) < 2:
        return None
    spent = times[-1] - times[0]
    return Speed((len(times) - 1) * size / max(spent, 1e-9), len(times) - 1, size, spent)


class _Marks(Reporter):
    """When each update was done."""

    interval = 0.0

    def __init__(self) -> None:
        self.times: list[float] = []

    def show(self, update: ProgressUpdate) -> None:
        if update.phase == "epoch":
            self.times.append(time.perf_counter())

"""Notices that the criterion is no number any more, and finds the layer where that began.

On the CPU every step is looked at before its update, so the weights that led there are at hand. On a GPU
looking would stop the device at every step: there the sums are looked at now and then, and what
happened is found by going back to a copy of the state and repeating the steps eagerly, one by one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping

from ..base.failure import Failure
from ..optimizers.optimizer import StepRates
from .data.loader import LoadedBatch, free_memory
from .failures import diverged, first_bad
from .job import Job
from .step import NonFinite

#: Seconds between two copies of the state; so much work at most is repeated to find the place.
COPY_SECONDS = 10.0


class NanGuard:
    """Keeps a recent good state where the steps are not looked at one by one."""

    def __init__(self, job: Job, looks_at_every_step: bool) -> None:
        self.job, self.looks_at_every_step = job, looks_at_every_step
        self.restore: Callable[[], None] | None = None
        self.copied = -math.inf

    def good(self, values: Mapping[str, float]) -> bool:
        """Whether the means of the epoch so far are numbers; if so, and it is time, copies the state."""
        if not all(math.isfinite(values[name]) for name in self.job.program.criteria):
            return False
        ended = self.job.state.position.taken >= self.job.sampling.epoch_length
        if time.monotonic() - self.copied > COPY_SECONDS and not ended:
            self.copy()
        return True

    def copy(self) -> None:
        """Keep the state as it is: at the start of an epoch, and now and then inside a long one."""
        job = self.job
        if not self.looks_at_every_step and (self.restore or free_memory(job.device) > 3 * job.state.bytes()):
            self.restore, self.copied = job.state.keep(), time.monotonic()

    def failure_for(self, error: NonFinite, rates: StepRates) -> Failure:
        """The diagnostic for a step that was looked at before its update."""
        job = self.job
        culprit = first_bad(job.state.executable, error.inputs, job.step.precision)
        at = job.state.position
        return diverged(job.program, culprit, error.value, rates.mean_rate, at.step, at.epoch + 1)

    def search(self, batches: Callable[[], Iterator[LoadedBatch]], repeat: Callable[[LoadedBatch, StepRates], None],
               rates: Callable[[int], StepRates]) -> Failure:
        """Repeat the steps since the last copy until one of them is not finite."""
        if self.restore is not None:
            self.restore()
        last = rates(1)
        for batch in batches():
            last = rates(batch.minibatch.count)
            try:
                repeat(batch, last)
            except NonFinite as error:
                return self.failure_for(error, last)
        at = self.job.state.position
        return diverged(self.job.program, None, math.nan, last.mean_rate, at.step, at.epoch + 1)

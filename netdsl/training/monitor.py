"""What an epoch has come to so far: looked at for numbers that are none, recorded, and shown."""

from __future__ import annotations

import math

from ..base.failure import Failure
from ..optimizers.optimizer import StepRates
from ..runs.writer import RunWriter
from .best_metric import BestMetric
from .clock import Clock
from .evaluation.evaluate import shown
from .job import Job
from .nan_guard import NanGuard
from .progress import ProgressUpdate, Stopwatch
from .step import NonFinite
from .updates import Updates


class Monitor:
    """Looks at the running metrics. `lost` says why the epoch under way is lost, where AutoAdjust goes back."""

    def __init__(self, job: Job, run: RunWriter, clock: Clock, updates: Updates, ranking: BestMetric,
                 looks_at_every_step: bool) -> None:
        self._job, self._run, self._clock, self._updates, self._ranking = job, run, clock, updates, ranking
        self._guard = NanGuard(job, looks_at_every_step)
        self.lost: Failure | None = None
        steps = job.sampling.steps(0, job.plan.update_size_at(0))
        self._record_first = job.plan.block.first_mbs_to_show_result
        self._record_every = job.plan.block.num_mbs_to_show_result or max(10, steps // 20)

    def begin_epoch(self) -> None:
        """Keep the state to go back to, where steps are not looked at one by one."""
        self._guard.copy()

    def after_update(self, watch: Stopwatch) -> None:
        """A line of the record and of the progress, each when it is due."""
        at = self._job.state.position
        if at.step % self._record_every == 0 or at.step - at.epoch_step <= self._record_first:
            self._record_minibatches()
        if watch.due():
            self._show_progress(watch)

    def look(self) -> dict[str, float]:
        """What the epoch so far came to, by node, without what takes long.

        Raises Failure `diverged` where the criteria are not finite.
        """
        values = self._job.state.totals.quick_results()
        if not self._job.options.nan_continue and not self._guard.good(values):
            updates = self._updates
            self.lose_epoch(self._guard.search(updates.minibatches, updates.repeat, updates.rates))
        return values

    def epoch_values(self) -> dict[str, float]:
        """What the whole epoch came to, by node; NaN where it is lost."""
        if self.lost is None:
            self.look()
        totals = self._job.state.totals
        return dict.fromkeys(totals.names, math.nan) if self.lost is not None else totals.results()

    def diverged_at(self, error: NonFinite, rates: StepRates) -> None:
        """A step that was looked at has a criterion that is no number."""
        self.lose_epoch(self._guard.failure_for(error, rates))

    def lose_epoch(self, why: Failure) -> None:
        """End training, unless AutoAdjust may go back to the best epoch: then only this epoch. Raises Failure."""
        adjust = self._job.state.control.adjust
        if adjust is None or not adjust.load_best_model or self._job.state.position.fallback is None:
            raise why
        self.lost = why

    def _record_minibatches(self) -> None:
        """A line of the record: means over the minibatches since the last one."""
        self.look()
        at, totals = self._job.state.position, self._job.state.totals
        means = totals.results(at.marked_sums, at.marked_samples)
        at.marked_sums, at.marked_samples = totals.sums.tolist(), totals.samples
        self._run.record("minibatches", epoch=at.epoch + 1, step=at.step, samples=at.samples,
                         train=shown(self._job.program, means)[0], rate=at.rate)

    def _show_progress(self, watch: Stopwatch) -> None:
        """Tell the reporter where the epoch stands."""
        job, at = self._job, self._job.state.position
        values, percent = shown(job.program, self.look())
        steps = job.sampling.steps(at.epoch, job.plan.update_size_at(at.epoch))
        done, steps = at.step - at.epoch_step, min(steps, job.options.limits.minibatches or steps)
        epochs = self._clock.epochs
        left = min((epochs - at.epoch) * steps - done, self._clock.steps_left())
        per_step = watch.samples / max(1, watch.steps) / watch.speed
        job.reporter.show(ProgressUpdate("epoch", at.epoch + 1, epochs, done, steps, values, percent, at.rate,
                                         watch.speed, job.loader.waited / watch.seconds, left * per_step,
                                         self._ranking.name))

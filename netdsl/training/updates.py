"""The updates of an epoch: which minibatches, at which rates, and how the step is run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice

from ..ir.program import Phase
from ..optimizers.optimizer import StepRates
from .clock import Clock
from .data.loader import LoadedBatch
from .data.mixing import MIX
from .data.opening import data_errors
from .device import seed_step, synchronize
from .job import Job
from .step import StepInput
from .strategies import Captured, Eager, candidates, choose


class Updates:
    """Hands minibatches to the step and counts what was done. `note` is told what the user should know."""

    def __init__(self, job: Job, clock: Clock, note: Callable[[str], None], looks_at_every_step: bool) -> None:
        self._job, self._clock, self._note = job, clock, note
        self._looks_at_every_step = looks_at_every_step
        self._strategy: Eager | None = None
        self._settings: dict[str, float] = {}

    def begin_epoch(self) -> None:
        """Hand the epoch's settings (`dropoutRate`) to the layers, and put them in training mode."""
        job, at = self._job, self._job.state.position
        settings = job.plan.settings_at(float(at.epoch), at.epoch_step, at.samples - at.taken)
        if settings != self._settings:
            job.state.executable.configure(settings)
            self._settings = settings
            if self._strategy is not None:
                self._strategy.forget()
        job.state.executable.module.train()

    def minibatches(self) -> Iterator[LoadedBatch]:
        """The minibatches of the epoch that are not done yet."""
        job, at = self._job, self._job.state.position
        limit = self._clock.steps_left()
        if job.options.limits.minibatches is not None:
            limit = min(limit, job.options.limits.minibatches - (at.step - at.epoch_step))
        minibatches = job.sampling.minibatches(at.epoch, job.plan.update_size_at(at.epoch), at.taken)
        job.loader.waited = 0.0
        with data_errors(job.program, Phase.TRAIN):
            yield from job.loader.load(islice(minibatches, None if math.isinf(limit) else max(0, int(limit))))

    def rates(self, samples: int) -> StepRates:
        """What the plan says for the next update, of so many samples."""
        job, at = self._job, self._job.state.position
        epoch = at.epoch + at.taken / job.sampling.epoch_length
        return job.plan.rates_at(at.samples, samples, epoch, at.step, factor=job.state.control.factor)

    def run(self, batch: LoadedBatch, rates: StepRates) -> None:
        """One update. Raises NonFinite where the criterion is not a number and every step is looked at."""
        work = self._step_input(batch)
        if self._strategy is None:
            self._strategy = self._choose_strategy(work, rates)
        self._run(self._strategy, work, rates)
        if isinstance(self._strategy, Captured) and self._strategy.refusal:
            self._note(f"the step runs eagerly from here on: {self._strategy.refusal}")
            self._strategy = Eager(self._job.step)

    def repeat(self, batch: LoadedBatch, rates: StepRates) -> None:
        """One update, looked at before its weights change: the search for the first bad step. Raises NonFinite."""
        self._run(Eager(self._job.step, check=True), self._step_input(batch), rates)

    def _run(self, strategy: Eager, work: StepInput, rates: StepRates) -> None:
        """One update by this strategy, and everything that counts it."""
        job, at = self._job, self._job.state.position
        seed_step(job.seed, at.step, job.device)
        strategy.run(work, rates)
        if job.state.average is not None:
            job.state.average.update()
        # What records show: the last minibatch of an epoch may be smaller, and with it CNTK's rates.
        job.state.advance(work.samples, self.rates(job.plan.update_size_at(at.epoch)))

    def _step_input(self, batch: LoadedBatch) -> StepInput:
        raw = dict(batch.raw)
        if self._job.mixing.wanted:
            raw[MIX] = self._job.mixing.draw(self._job.state.position.step).to(self._job.device)
        return StepInput(raw, batch.minibatch.count)

    def _choose_strategy(self, work: StepInput, rates: StepRates) -> Eager:
        """The fastest way to run the step here, by a short trial where there is a choice."""
        job = self._job
        steps = (job.plan.epochs - job.state.position.epoch) * job.sampling.steps(0, job.plan.update_size_at(0))
        look = self._looks_at_every_step and not job.options.nan_continue
        strategy, trial = choose(candidates(job.step, int(min(steps, self._clock.steps_left())), look), work, rates,
                                 job.state.keep, lambda: synchronize(job.device))
        if trial is not None:
            self._note(trial.sentence())
        return strategy

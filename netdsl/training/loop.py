"""Training, top to bottom: epochs of updates, then validation, decision, checkpoint, record; a test at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

from ..base.diagnostics import Failure
from ..base.units import plural
from ..checks.groups import group_input
from ..ir.program import CheckedProgram, Phase
from ..optimizers.optimizer import StepRates
from ..runs import checkpoint
from ..runs import writer as record
from ..runs.store import SOURCE
from ..runs.writer import RunWriter, SourceSnapshot
from ..spec import camel
from .best_metric import BestMetric
from .data.group_numbers import groups_text
from .data.loader import LoadedBatch, skipped_samples_note
from .data.mixing import MIX
from .data.opening import data_errors
from .device import choose_device, describe_device, seed_step, synchronize, torch_settings
from .evaluation.evaluate import EvalResult, Evaluator, criterion_name, percentages, ranked_names, shown
from .failures import translate_torch_errors
from .interrupt import InterruptHandler, InterruptRequested
from .nan_guard import NanGuard
from .progress import BrokenPipeGuard, EpochRecord, ProgressUpdate, Reporter, Stopwatch, epoch_parts, value_parts
from .result import result_record, saved_checkpoints, stop_reason
from .run_options import LEARNED, Interrupted, Result, RunOptions
from .setup import Job, make_evaluator, prepare_job, required_plan
from .step import NonFinite, StepInput
from .strategies import Captured, Eager, candidates, choose


def train(program: CheckedProgram, options: RunOptions | None = None, *, reporter: Reporter | None = None,
          **more: Any) -> Result:
    """Train a checked program as its plan says, and test it.

    `more` are fields of RunOptions (`device="cpu"`, `out="runs/mine"`, ...). Raises Failure for
    everything that a user can mend, and Interrupted after Ctrl-C, SIGTERM or SIGHUP, with all of it saved.
    """
    options = replace(options or RunOptions(), **more)
    plan, device = required_plan(program), choose_device(options.device)
    with translate_torch_errors(program, plan, device), ExitStack() as stack:
        job = stack.enter_context(prepare_job(program, options, reporter or Reporter()))
        stack.enter_context(torch_settings(job.device, job.plan.block.deterministic))
        run = stack.enter_context(RunWriter(job.folder))
        job.reporter = BrokenPipeGuard(job.reporter, run.log)
        stopper = stack.enter_context(InterruptHandler())
        return Training(job, run, stopper).fit()


class Training:
    """One run of a job. `fit` is the loop; the other methods are its steps, in the order in which it takes them."""

    def __init__(self, job: Job, run: RunWriter, stopper: InterruptHandler) -> None:
        self.job, self.run, self.stopper = job, run, stopper
        self.state, self.plan = job.state, job.plan
        self.started = self.saved = time.perf_counter()
        self.before = job.state.position.seconds  #: of the parts of the run that were done before
        self.strategy: Eager | None = None
        self.settings: dict[str, float] = {}
        self.lost: Failure | None = None  #: why this epoch is lost, where AutoAdjust goes back to the best one
        at = job.state.position
        known = at.best_by if at.best_by in ranked_names(job.program) else None
        self.ranking = BestMetric(job.program, job.options.best or known, job.validation is not None)
        if at.best_by != self.ranking.name:
            at.best, at.best_by = None, self.ranking.name
        self.watch = NanGuard(job, self.looks_at_every_step)
        self.train_values: dict[str, float] = {}
        self.validation_values: dict[str, float] | None = None
        self.first: float | None = None  #: the criterion of the first epoch, for --overfit

    @property
    def looks_at_every_step(self) -> bool:
        """On the CPU a look costs nothing; a GPU would stop for it."""
        return self.job.device.type == "cpu"

    def fit(self) -> Result:
        """The whole training, from wherever the state stands."""
        self.open()
        while not self.over():
            self.begin_epoch()
            watch = Stopwatch(self.job.reporter.interval)
            for delivery in self.deliveries():
                rates = self.rates(delivery.minibatch.count)
                self.update(delivery, rates)
                watch.count(delivery.minibatch.count)
                at = self.state.position
                if at.step % self.mark_every == 0 or at.step - at.epoch_step <= self.mark_first:
                    self.mark()
                if watch.due():
                    self.glimpse(watch)
                if time.perf_counter() - self.saved > 60 * self.job.options.save_minutes:
                    self.save(f"step-{self.state.position.step:08d}")
                self.leave_if_asked()
                if self.lost is not None or self.out_of_time():
                    break
            self.close_epoch(watch)
        result = self.close(self.test())
        if self.lost is not None:  # the test came to no number; everything is saved
            raise self.lost
        return result

    # -- before the first step ----------------------------------------------------------------------

    def open(self) -> None:
        """The run's folder: the file as it is, the machine; or, resumed, the records up to here."""
        job, at = self.job, self.state.position
        job.reporter.begin()
        job.keeper.prepare()
        if job.options.resume is not None:
            epochs = [line for line in record.read_records(record.run_of(Path(job.options.resume)))
                      if line["event"] == "epoch" and line["step"] <= at.step]
            if epochs:
                self.train_values, self.validation_values = epochs[-1]["train"], epochs[-1]["validation"]
        if job.options.resume is not None and (job.folder / SOURCE).exists():
            self.run.forget_after(at.step)
            job.keeper.drop_after(at.step)
            self.say(f"resumed after {at.step:,} updates, in epoch {at.epoch + 1}")
        else:
            texts = job.options.texts or SourceSnapshot(job.program.source.text)
            self.run.describe(texts, {**record.environment(job.device, job.seed), "sample": job.options.sample,
                                      "network": job.facts["name"]})
        if job.keeper.leads_to("best") != at.best_name:
            at.best_name = at.fallback = None  # resumed into another folder
        for told in (skipped_samples_note(job.skipped, "training"), *job.notes):
            if told:
                self.say(told)
        steps = job.sampling.steps(0, self.plan.update_size_at(0))
        if job.options.limits.overfit is not None:
            self.say(f"overfit: {job.sampling.count} samples again and again, at the plan's highest rate, without its "
                     "dropout, mixing and average, until the criterion is near 0")
        if job.sampling.groups is not None:
            chosen = job.sampling.groups[job.sampling.order(0)]
            self.say(groups_text(group_input(job.program, self.state.totals.names) or "", chosen,
                                 self.plan.update_size_at(0)))
        self.mark_first = self.plan.block.first_mbs_to_show_result
        self.mark_every = self.plan.block.num_mbs_to_show_result or max(10, steps // 20)
        length = f"{plural(self.epochs, 'epoch')} of {plural(steps, 'update')}"
        self.say(f"training on {describe_device(job.device)}: {job.sampling.count:,} samples, {length}, "
                 f"{self.ranking.sentence}; everything goes to {job.folder}")

    def say(self, text: str) -> None:
        self.job.reporter.note(text)
        self.run.log(text)

    # -- an epoch -------------------------------------------------------------------------------------

    def over(self) -> bool:
        """Whether the plan, a limit, or the control has ended training."""
        at, limits = self.state.position, self.job.options.limits
        return bool(at.ended) or self.plan.ends_before(at.epoch, self.state.control.factor) \
            or (limits.epochs is not None and at.epoch >= limits.epochs) \
            or self.steps_left() <= 0 or self.out_of_time()

    @property
    def epochs(self) -> int:
        """How many epochs it will be, for people."""
        return min(self.plan.epochs, self.job.options.limits.epochs or self.plan.epochs)

    def steps_left(self) -> float:
        wanted = [limit for limit in (self.plan.block.max_steps, self.job.options.limits.steps) if limit is not None]
        return min(wanted, default=math.inf) - self.state.position.step

    @property
    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.started

    def out_of_time(self) -> bool:
        seconds = self.job.options.limits.seconds
        return seconds is not None and time.perf_counter() - self.started > seconds

    def begin_epoch(self) -> None:
        """Hand the epoch's settings (`dropoutRate`) to the layers."""
        at = self.state.position
        settings = self.plan.settings_at(float(at.epoch), at.epoch_step, at.samples - at.taken)
        if settings != self.settings:
            self.state.executable.configure(settings)
            self.settings = settings
            if self.strategy is not None:
                self.strategy.forget()
        self.state.executable.module.train()
        self.watch.copy()

    def deliveries(self) -> Iterator[LoadedBatch]:
        """The minibatches of the epoch that are not done yet."""
        job, at = self.job, self.state.position
        limit = self.steps_left()
        if job.options.limits.minibatches is not None:
            limit = min(limit, job.options.limits.minibatches - (at.step - at.epoch_step))
        size = self.plan.update_size_at(at.epoch)
        minibatches = job.sampling.minibatches(at.epoch, size, at.taken)
        job.feed.waited = 0.0
        with data_errors(job.program, Phase.TRAIN):
            yield from job.feed.deliver(islice(minibatches, None if math.isinf(limit) else max(0, int(limit))))

    def rates(self, samples: int) -> StepRates:
        """What the plan says for the next update."""
        at = self.state.position
        epoch = at.epoch + at.taken / self.job.sampling.epoch_length
        return self.plan.rates_at(at.samples, samples, epoch, at.step, factor=self.state.control.factor)

    def update(self, delivery: LoadedBatch, rates: StepRates) -> None:
        """One update."""
        work = self.work(delivery)
        if self.strategy is None:
            self.strategy = self.choose_strategy(work, rates)
        try:
            self.make(self.strategy, work, rates)
        except NonFinite as error:
            self.diverged(self.watch.page(error, rates))
        if isinstance(self.strategy, Captured) and self.strategy.refusal:
            self.say(f"the step runs eagerly from here on: {self.strategy.refusal}")
            self.strategy = Eager(self.job.step)

    def make(self, strategy: Eager, work: StepInput, rates: StepRates) -> None:
        """One update by this strategy, and everything that counts it."""
        at = self.state.position
        seed_step(self.job.seed, at.step, self.job.device)
        strategy.run(work, rates)
        if self.state.average is not None:
            self.state.average.update()
        # What records show: the last minibatch of an epoch may be smaller, and with it CNTK's rates.
        self.state.advance(work.samples, self.rates(self.plan.update_size_at(at.epoch)))

    def work(self, delivery: LoadedBatch) -> StepInput:
        raw = dict(delivery.raw)
        if self.job.mixing.wanted:
            raw[MIX] = self.job.mixing.draw(self.state.position.step).to(self.job.device)
        return StepInput(raw, delivery.minibatch.count)

    def choose_strategy(self, work: StepInput, rates: StepRates) -> Eager:
        """The fastest way to run the step here, by a short trial where there is a choice."""
        job = self.job
        steps = (self.plan.epochs - self.state.position.epoch) * job.sampling.steps(0, self.plan.update_size_at(0))
        look = self.looks_at_every_step and not job.options.nan_continue
        strategy, trial = choose(candidates(job.step, int(min(steps, self.steps_left())), look), work, rates,
                                 self.state.keep, lambda: synchronize(job.device))
        if trial is not None:
            self.say(trial.sentence())
        return strategy

    # -- looking on -------------------------------------------------------------------------------------

    def look(self) -> dict[str, float]:
        """What the epoch so far came to, by node, without what takes long. Raises Failure `diverged` where the
        criteria are not finite.
        """
        values = self.state.totals.quick_results()
        if self.job.options.nan_continue or self.watch.good(values):
            return values
        self.diverged(self.watch.search(self.deliveries, self.repeat, self.rates))
        return values

    def epoch_values(self) -> dict[str, float]:
        """What the whole epoch came to, by node."""
        self.look()
        return self.state.totals.results()

    def diverged(self, page: Failure) -> None:
        """End training, unless AutoAdjust may go back to the best epoch: then only this epoch."""
        adjust = self.state.control.adjust
        if adjust is None or not adjust.load_best_model or self.state.position.fallback is None:
            raise page
        self.lost = page

    def repeat(self, delivery: LoadedBatch, rates: StepRates) -> None:
        self.make(Eager(self.job.step, check=True), self.work(delivery), rates)

    def mark(self) -> None:
        """A line of the record: means over the minibatches since the last one."""
        self.look()
        at, totals = self.state.position, self.state.totals
        means = totals.results(at.marked_sums, at.marked_samples)
        at.marked_sums, at.marked_samples = totals.sums.tolist(), totals.samples
        self.run.record("minibatches", epoch=at.epoch + 1, step=at.step, samples=at.samples,
                        train=shown(self.job.program, means)[0], rate=at.rate)

    def glimpse(self, watch: Stopwatch) -> None:
        """Tell the reporter where the epoch stands."""
        at, job = self.state.position, self.job
        values, percent = shown(job.program, self.look())
        steps = job.sampling.steps(at.epoch, self.plan.update_size_at(at.epoch))
        done, steps = at.step - at.epoch_step, min(steps, job.options.limits.minibatches or steps)
        left = min((self.epochs - at.epoch) * steps - done, self.steps_left())
        per_step = watch.samples / max(1, watch.steps) / watch.speed
        job.reporter.glimpse(ProgressUpdate("epoch", at.epoch + 1, self.epochs, done, steps, values, percent, at.rate,
                                     watch.speed, job.feed.waited / watch.seconds, left * per_step,
                                     self.ranking.name))

    def leave_if_asked(self) -> None:
        """After a signal: save, and leave."""
        if self.stopper.signal is not None:
            path = self.save(f"step-{self.state.position.step:08d}")
            self.say(f"stopped after {self.state.position.step:,} updates; go on with --resume {self.job.folder}")
            raise Interrupted(self.stopper.signal, path)

    # -- the end of an epoch ----------------------------------------------------------------------------

    def close_epoch(self, watch: Stopwatch) -> None:
        """Validate, decide, save, record."""
        job, at = self.job, self.state.position
        train = dict.fromkeys(self.state.totals.names, math.nan) if self.lost is not None else self.epoch_values()
        seconds, speed, waiting = watch.seconds, watch.speed, job.feed.waited / watch.seconds
        validation = self.validate() if self.lost is None else None
        judged = train if validation is None or not self.state.control.wants_validation else validation
        decision = self.state.control.after_epoch(self.ranking.criterion(judged), self.ranking.metric_to_lower(judged))
        if self.lost is not None and not decision.roll_back:
            raise self.lost
        better = self.ranking.better(validation or train, at.best)
        best, at.best = better is not None, at.best if better is None else better
        finished = self.lost is not None or job.options.limits.minibatches is not None \
            or at.taken >= job.sampling.epoch_length
        name = f"epoch-{at.epoch + 1:04d}" if finished else f"step-{at.step:08d}"
        at.best_name = name if best else at.best_name
        at.ended = "early stopping" if decision.stop else ""
        values, percent = shown(job.program, train)
        line = EpochRecord(at.epoch + 1, at.step, at.samples, values,
                           shown(job.program, validation)[0] if validation is not None else None,
                           at.rate, at.momentum, seconds, speed, waiting, best, self.ranking.label)
        if decision.roll_back and at.fallback is not None:
            self.state.restore_weights(checkpoint.read(job.keeper.folder / at.fallback))
        elif decision.improved:
            at.fallback = name
        if finished:
            self.state.begin_epoch(at.epoch + 1)
        self.save(name, best)
        self.run.record("epoch", **{camel(key): value for key, value in asdict(line).items()})
        self.run.table()
        self.run.log(" | ".join(epoch_parts(line, self.epochs, percent)))
        job.reporter.epoch(line, self.epochs, percent)
        if decision.reason:
            self.say(decision.reason)
        self.train_values, self.validation_values, self.lost = values, line.validation, None
        if job.options.limits.overfit is not None:
            self.first = self.ranking.criterion(train) if self.first is None else self.first
            at.ended = "learned by heart" if self.ranking.criterion(train) <= LEARNED * self.first else ""

    def validate(self) -> dict[str, float] | None:
        """What the validation data say of the weights (the averaged ones, where there are such), by node."""
        if self.job.validation is None:
            return None
        found, page = self.judged_by(self.job.validation)
        if page is not None:
            self.save(f"step-{self.state.position.step:08d}")  # training itself was fine
            self.diverged(page)
        return found.values

    def judged_by(self, judge: Evaluator) -> tuple[EvalResult, Failure | None]:
        """Judge the averaged weights, where there are such, else the trained ones; the page if it is no number."""
        held_out = judge.phase is Phase.VALIDATION and Phase.VALIDATION not in self.job.program.readers
        phase = Phase.TRAIN if held_out else judge.phase
        average = self.state.average
        with data_errors(self.job.program, phase):
            if average is not None:
                average.exchange()
            try:
                found = judge.run(self.job.reporter, self.job.options.limits.minibatches, self.stopper.check)
                return found, None if self.job.options.nan_continue else judge.page(found)
            except InterruptRequested:
                pass
            finally:
                if average is not None:
                    average.exchange()
        self.leave_if_asked()
        raise AssertionError("the stopper asked without a signal")

    def save(self, name: str, best: bool = False) -> Path:
        """Write a checkpoint; `last` leads to it."""
        synchronize(self.job.device)
        self.state.position.seconds = self.seconds
        path = self.job.keeper.save(name, self.state.snapshot(self.job.facts), best, self.state.position.fallback)
        self.saved = time.perf_counter()
        self.run.lead()
        return path

    # -- the end ------------------------------------------------------------------------------------------

    def test(self) -> EvalResult | None:
        """The test data on the final weights; on the best ones where early stopping went past them."""
        job, at = self.job, self.state.position
        if Phase.TEST not in job.program.readers or not job.options.test or job.options.limits.overfit is not None:
            return None
        if self.plan.block.early_stopping is not None and at.best_name is not None:
            self.state.restore_weights(checkpoint.read(job.keeper.folder / at.best_name))
        with ExitStack() as stack:
            found, self.lost = self.judged_by(
                make_evaluator(
                    job.program,
                    self.state.executable,
                    job.step.precision,
                    Phase.TEST,
                    self.plan,
                    job.options,
                    stack,
                    detail=True,
                )
            )
        if found.skipped:
            self.say(skipped_samples_note(found.skipped, "test"))
        values, percent = shown(job.program, found.values)
        self.run.record("test", step=at.step, test=values)
        self.run.log(" | ".join(["test", *value_parts(values, percent)]))
        job.reporter.end("test", values, percent)
        return found

    def close(self, test: EvalResult | None) -> Result:
        """The result, for the caller and for the run's folder."""
        job, at = self.job, self.state.position
        stopped = stop_reason(self.plan, job.options.limits, at, self.state.control.factor, self.out_of_time())
        most = job.options.limits.steps
        if not stopped and most is not None and at.step < most:
            self.say(f"the plan ended after {at.step:,} updates, before --max-steps {most}")
        if job.keeper.leads_to("last") is None:
            self.save(f"epoch-{at.epoch:04d}")
        result = Result(job.folder, at.epoch, at.step, at.samples, self.train_values, self.validation_values,
                        shown(job.program, test.values)[0] if test is not None else None,
                        *saved_checkpoints(job.keeper), self.seconds, stopped, self.ranking.label,
                        criterion_name(job.program), percentages(job.program, self.state.totals.names))
        self.run.result(result_record(result, job))
        if test is not None:
            self.run.details(test.details())
        return result

"""Training, top to bottom: epochs of updates, then validation, decision, checkpoint, record; a test at the end."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..base.units import plural
from ..checks.groups import group_input
from ..ir.program import CheckedProgram
from ..runs import checkpoint, writer
from ..runs.store import SOURCE, read_records, saved_state
from ..runs.writer import RunWriter, SourceSnapshot
from ..spec import camel
from .best_metric import BestMetric
from .clock import Clock
from .data.group_numbers import groups_text
from .data.loader import LoadedBatch, skipped_samples_note
from .device import choose_device, describe_device, torch_settings
from .evaluation.during_training import TrainingEvaluation
from .evaluation.evaluate import EvalResult, criterion_name, percentages, ranked_names, shown
from .failures import translate_torch_errors
from .interrupt import InterruptHandler
from .job import Job, prepare_job
from .monitor import Monitor
from .progress import BrokenPipeGuard, EpochRecord, Reporter, Stopwatch, epoch_parts, value_parts
from .result import result_record, saved_checkpoints, stop_reason
from .run_options import LEARNED, Result, RunOptions
from .run_plan import required_plan
from .saving import RECORDS, Saver
from .step import NonFinite
from .updates import Updates


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
        self.job, self.run, self.state = job, run, job.state
        self.ranking = choose_ranking(job)
        self.clock = Clock(job)
        self.saver = Saver(job, run, self.clock, stopper)
        looks = looks_at_every_step(job)
        self.updates = Updates(job, self.clock, self.note, looks)
        self.monitor = Monitor(job, run, self.clock, self.updates, self.ranking, looks)
        self.evaluation = TrainingEvaluation(job, stopper, self.saver)
        self.train_values: dict[str, float] = {}
        self.validation_values: dict[str, float] | None = None
        self.first: float | None = None  #: the criterion of the first epoch, for --overfit

    def fit(self) -> Result:
        """The whole training, from wherever the state stands."""
        self.open_run()
        while not self.clock.over():
            self.updates.begin_epoch()
            self.monitor.begin_epoch()
            watch = Stopwatch(self.job.reporter.interval)
            for batch in self.updates.minibatches():
                self.update(batch)
                watch.count(batch.minibatch.count)
                self.monitor.after_update(watch)
                self.saver.save_if_due()
                self.saver.leave_if_asked()
                if self.monitor.lost is not None or self.clock.out_of_time():
                    break
            self.close_epoch(watch)
        test, problem = self.evaluation.test()
        result = self.close_run(test)
        if problem is not None:  # the test came to no number; everything is saved
            raise problem
        return result

    # -- before the first step ----------------------------------------------------------------------

    def open_run(self) -> None:
        """The run's folder: the file as it is, the machine; or, resumed, the records up to here."""
        job, at = self.job, self.state.position
        job.reporter.begin()
        job.checkpoints.prepare()
        if job.options.resume is not None:
            self.resume_run(checkpoint.find(Path(job.options.resume)))
        if job.options.resume is None or not (job.folder / SOURCE).exists():
            texts = job.options.texts or SourceSnapshot(job.program.source.text)
            self.run.describe(texts, {**writer.environment(job.device, job.seed), "sample": job.options.sample,
                                      "network": job.facts["name"]})
        if job.checkpoints.target("best") != at.best_name:
            at.best_name = at.fallback = None  # resumed into another folder
        for text in opening_notes(job):
            self.note(text)
        steps = job.sampling.steps(0, job.plan.update_size_at(0))
        length = f"{plural(self.clock.epochs, 'epoch')} of {plural(steps, 'update')}"
        self.note(f"training on {describe_device(job.device)}: {job.sampling.count:,} samples, {length}, "
                  f"{self.ranking.sentence}; everything goes to {job.folder}")

    def resume_run(self, begun: Path) -> None:
        """Records and checkpoints as they were at this checkpoint; of a run in another folder, its values."""
        job, at, mark = self.job, self.state.position, saved_state(begun).get(RECORDS) or {}
        before = [line for line in read_records(writer.run_of(begun)) if line.get("step", 0) <= at.step]
        epochs = [line for line in (*before, mark.get("pending") or {}) if line.get("event") == "epoch"]
        if epochs:
            self.train_values, self.validation_values = epochs[-1]["train"], epochs[-1]["validation"]
        if (job.folder / SOURCE).exists():
            self.run.go_back(mark, at.step)
            job.checkpoints.go_back(at.step, begun.name, at.best_name, at.fallback)
            self.note(f"resumed after {at.step:,} updates, in epoch {at.epoch + 1}")

    def note(self, text: str) -> None:
        """Say something on the console and in the run's log."""
        self.job.reporter.note(text)
        self.run.log(text)

    # -- an update ------------------------------------------------------------------------------------

    def update(self, batch: LoadedBatch) -> None:
        """One update at the plan's rates, unless the criterion is not a number."""
        rates = self.updates.rates(batch.minibatch.count)
        try:
            self.updates.run(batch, rates)
        except NonFinite as error:
            self.monitor.diverged_at(error, rates)

    # -- the end of an epoch ----------------------------------------------------------------------------

    def close_epoch(self, watch: Stopwatch) -> None:
        """Validate, decide, save, record."""
        job, at, monitor = self.job, self.state.position, self.monitor
        train = monitor.epoch_values()
        seconds, speed, waiting = watch.seconds, watch.speed, job.loader.waited / watch.seconds
        validation = self.validate() if monitor.lost is None else None
        evaluated = train if validation is None or not self.state.control.wants_validation else validation
        decision = self.state.control.after_epoch(self.ranking.criterion(evaluated), self.ranking.to_lower(evaluated))
        if monitor.lost is not None and not decision.roll_back:
            raise monitor.lost
        better = self.ranking.better(validation or train, at.best)
        best, at.best = better is not None, at.best if better is None else better
        finished = monitor.lost is not None or job.options.limits.minibatches is not None \
            or at.taken >= job.sampling.epoch_length
        name = f"epoch-{at.epoch + 1:04d}" if finished else f"step-{at.step:08d}"
        at.best_name = name if best else at.best_name
        at.ended = "early stopping" if decision.stop else ""
        values, percent = shown(job.program, train)
        line = EpochRecord(at.epoch + 1, at.step, at.samples, values,
                           shown(job.program, validation)[0] if validation is not None else None,
                           at.rate, at.momentum, seconds, speed, waiting, best, self.ranking.label)
        if decision.roll_back and at.fallback is not None:
            self.state.restore_weights(checkpoint.read(job.checkpoints.folder / at.fallback))
        elif decision.improved:
            at.fallback = name
        if finished:
            self.state.begin_epoch(at.epoch + 1)
        self.saver.save(name, best, record_of(line))
        self.record_epoch(line, percent)
        if decision.reason:
            self.note(decision.reason)
        self.train_values, self.validation_values, monitor.lost = values, line.validation, None
        if job.options.limits.overfit is not None:
            self.first = self.ranking.criterion(train) if self.first is None else self.first
            at.ended = "memorised" if self.ranking.criterion(train) <= LEARNED * self.first else ""

    def validate(self) -> dict[str, float] | None:
        """What the validation data say of the weights, by node; None without such data."""
        values, problem = self.evaluation.validate()
        if problem is not None:
            self.monitor.lose_epoch(problem)
        return values

    def record_epoch(self, line: EpochRecord, percent: frozenset[str]) -> None:
        """The line of an epoch: in the records, in the log, on the console."""
        self.run.record(**record_of(line))
        self.run.table()
        self.run.log(" | ".join(epoch_parts(line, self.clock.epochs, percent)))
        self.job.reporter.epoch(line, self.clock.epochs, percent)

    # -- the end ------------------------------------------------------------------------------------------

    def close_run(self, test: EvalResult | None) -> Result:
        """The result, for the caller and for the run's folder."""
        job, at = self.job, self.state.position
        if test is not None:
            self.record_test(test)
        stopped = stop_reason(job.plan, job.options.limits, at, self.state.control.factor, self.clock.out_of_time())
        most = job.options.limits.steps
        if not stopped and most is not None and at.step < most:
            self.note(f"the plan ended after {at.step:,} updates, before --max-steps {most}")
        if job.checkpoints.target("last") is None:
            self.saver.save(f"epoch-{at.epoch:04d}")
        result = Result(job.folder, at.epoch, at.step, at.samples, self.train_values, self.validation_values,
                        shown(job.program, test.values)[0] if test is not None else None,
                        *saved_checkpoints(job.checkpoints), self.clock.seconds, stopped, self.ranking.label,
                        criterion_name(job.program), percentages(job.program, self.state.totals.names))
        self.run.result(result_record(result, job))
        if test is not None:
            self.run.details(test.details())
        return result

    def record_test(self, test: EvalResult) -> None:
        """What the test came to: in the records, in the log, on the console."""
        if test.skipped:
            self.note(skipped_samples_note(test.skipped, "test"))
        values, percent = shown(self.job.program, test.values)
        self.run.record("test", step=self.state.position.step, test=values)
        self.run.log(" | ".join(["test", *value_parts(values, percent)]))
        self.job.reporter.end("test", values, percent)


def record_of(line: EpochRecord) -> dict[str, Any]:
    """The line of an epoch as `metrics.jsonl` has it."""
    return {"event": "epoch", **{camel(key): value for key, value in asdict(line).items()}}


def looks_at_every_step(job: Job) -> bool:
    """Whether each step's criterion is read before its update: on the CPU that costs nothing; a GPU would stop."""
    return job.device.type == "cpu"


def choose_ranking(job: Job) -> BestMetric:
    """What the best epoch is chosen by; a best value that was chosen by something else is forgotten."""
    at = job.state.position
    known = at.best_by if at.best_by in ranked_names(job.program) else None
    ranking = BestMetric(job.program, job.options.best or known, job.validation is not None)
    if at.best_by != ranking.name:
        at.best, at.best_by = None, ranking.name
    return ranking


def opening_notes(job: Job) -> list[str]:
    """What is said of the data and the start before training."""
    notes = [skipped_samples_note(job.skipped, "training"), *job.notes]
    if job.options.limits.overfit is not None:
        notes.append(f"overfit: {job.sampling.count} samples again and again, at the plan's highest rate, without its "
                     "dropout, mixing and average, until the criterion is near 0")
    if job.sampling.groups is not None:
        chosen = job.sampling.groups[job.sampling.order(0)]
        notes.append(groups_text(group_input(job.program, job.state.totals.names) or "", chosen,
                                 job.plan.update_size_at(0)))
    return [note for note in notes if note]

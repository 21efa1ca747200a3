"""Validation and test of a training: on the averaged weights, where there are such, else the trained ones."""

from __future__ import annotations

from contextlib import ExitStack

from ...base.failure import Failure
from ...ir.program import Phase
from ...runs import checkpoint
from ..data.opening import data_errors
from ..interrupt import InterruptHandler, InterruptRequested
from ..job import Job
from ..saving import Saver
from .evaluate import EvalResult, Evaluator
from .evaluators import make_evaluator


class TrainingEvaluation:
    """Evaluates the job's network between epochs and at the end. A signal in between saves and leaves."""

    def __init__(self, job: Job, stopper: InterruptHandler, saver: Saver) -> None:
        self._job, self._stopper, self._saver = job, stopper, saver

    def validate(self) -> tuple[dict[str, float] | None, Failure | None]:
        """What the validation data say, by node; None without such data. The failure where it is not a number."""
        if self._job.validation is None:
            return None, None
        found, problem = self._evaluate(self._job.validation)
        if problem is not None:
            self._saver.save_step()  # training itself was fine
        return found.values, problem

    def test(self) -> tuple[EvalResult | None, Failure | None]:
        """The test data on the final weights; on the best ones where early stopping went past them.

        The best are known by validation data only: `netdsl test` takes the same checkpoint.
        """
        job, at = self._job, self._job.state.position
        if Phase.TEST not in job.program.readers or not job.options.test or job.options.limits.overfit is not None:
            return None, None
        if job.plan.block.early_stopping is not None and job.validation is not None and at.best_name is not None:
            job.state.restore_weights(checkpoint.read(job.checkpoints.folder / at.best_name))
        with ExitStack() as stack:
            return self._evaluate(make_evaluator(job.program, job.state.executable, job.step.precision, Phase.TEST,
                                                 job.plan, job.options, stack, detail=True))

    def _evaluate(self, evaluator: Evaluator) -> tuple[EvalResult, Failure | None]:
        job, average = self._job, self._job.state.average
        held_out = evaluator.phase is Phase.VALIDATION and Phase.VALIDATION not in job.program.readers
        with data_errors(job.program, Phase.TRAIN if held_out else evaluator.phase):
            if average is not None:
                average.exchange()
            try:
                found = evaluator.run(job.reporter, job.options.limits.minibatches, self._stopper.check)
                return found, None if job.options.nan_continue else evaluator.failure_for(found)
            except InterruptRequested:
                pass
            finally:
                if average is not None:
                    average.exchange()
        self._saver.leave_if_asked()
        raise AssertionError("the stopper asked without a signal")

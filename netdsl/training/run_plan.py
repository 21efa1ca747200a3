"""The plan of one run: the file's, with what the command line changes; every reason why there is none."""

from __future__ import annotations

from dataclasses import replace

from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span
from ..base.suggest import did_you_mean
from ..ir.program import CheckedProgram, Phase
from ..optimizers.plan import TrainingPlan
from ..optimizers.schedules.schedule import constant
from .evaluation.evaluate import ranked_names
from .run_options import OVERFIT_UPDATES


def required_plan(program: CheckedProgram) -> TrainingPlan:
    """The plan of a program that can be trained. Raises Failure."""
    where = Span.nowhere(program.source.name)
    if program.plan is None:
        raise failure(Code.NO_TRAINING, "the file has no `SGD` block, so it does not say how to train", where,
                      hint="add one: `SGD = { maxEpochs = 10 ; learningRate = 0.01 }`.")
    if Phase.TRAIN not in program.readers:
        raise no_data_failure(program, Phase.TRAIN)
    if not program.criteria:
        raise failure(Code.NO_CRITERION, "the network has no criterion, so it cannot be trained", where,
                      hint="name what to minimize: `criterionNodes = CrossEntropyWithSoftmax (labels, z)`.")
    return program.plan


def no_data_failure(program: CheckedProgram, phase: Phase) -> Failure:
    """The diagnostic for a phase that the file has no reader for."""
    there = list(program.readers)
    title = f"the file has no {'training' if phase is Phase.TRAIN else phase} data"
    if not there:
        return failure(Code.NO_TRAINING, title, Span.nowhere(program.source.name), "there is no `reader` in this file",
                       hint="add a reader: `reader = { train = ... ; test = ... }`.")
    held_out = program.plan is not None and program.plan.block.validation and Phase.VALIDATION not in there
    phases = [*there, Phase.VALIDATION] if held_out else there
    others = "" if phase is Phase.TRAIN else f", or use other data: --phase {' or --phase '.join(phases)}"
    return failure(Code.NO_TRAINING, title, program.readers.spans.get(there[0], Span.nowhere(program.source.name)),
                   f"the reader has data for {' and '.join(f'`{name}`' for name in there)} only",
                   hint=f"add `{phase} = ...` beside it{others}.")


def check_best(program: CheckedProgram, name: str | None) -> None:
    """Raise Failure if the metric that is to choose the best checkpoint is none of the network's."""
    known = ranked_names(program)
    if name is not None and name not in known:
        raise failure(Code.UNKNOWN_NAME, f"there is no criterion or metric called `{name}`",
                      program.spans.get("criterionNodes") or Span.nowhere(program.source.name),
                      body=(f"There are {', '.join(f'`{other}`' for other in known)}.",), hint=did_you_mean(name, known)
                      or "name one of them; `evaluationNodes` lists what is measured beside the criterion.")


def with_seed(plan: TrainingPlan, seed: int | None) -> TrainingPlan:
    return plan if seed is None else replace(plan, block=replace(plan.block, seed=seed))


def overfit_plan(plan: TrainingPlan, minibatches: int) -> TrainingPlan:
    """The plan to overfit a few minibatches: constant maximal rate, no regularisation."""
    block = replace(plan.block, max_epochs=max(plan.epochs, -(-OVERFIT_UPDATES // minibatches)), max_steps=None,
                    dropout_rate=constant(0), mixup=0.0, cutmix=0.0, ema=0.0, early_stopping=None, auto_adjust=None)
    return replace(plan, rate=constant(plan.highest_rate), block=block)

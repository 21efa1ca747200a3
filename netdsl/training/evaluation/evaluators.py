"""Evaluators made for the data of a phase."""

from __future__ import annotations

from contextlib import ExitStack

from ...base.failure import Failure
from ...checks.multi_view import multi_view_diagnostic
from ...ir.program import CheckedProgram, Phase
from ...lower import Executable, lower
from ...optimizers.plan import TrainingPlan
from ..build import averaged_roots
from ..data.opening import data_errors, make_loader, open_dataset
from ..data.sample_choice import part_of, read_groups
from ..data.sampling import Sampling
from ..evaluation.details import Details
from ..evaluation.evaluate import Evaluator
from ..run_options import RunOptions
from ..step import Precision


def make_validator(
    program: CheckedProgram,
    executable: Executable,
    precision: Precision,
    plan: TrainingPlan,
    options: RunOptions,
    stack: ExitStack,
) -> Evaluator | None:
    """The evaluator run after each epoch: the validation reader, or the part of the training data that is held out."""
    if options.limits.overfit is not None or (Phase.VALIDATION not in program.readers and not plan.block.validation):
        return None
    return make_evaluator(program, executable, precision, Phase.VALIDATION, plan, options, stack)


def make_evaluator(
    program: CheckedProgram,
    executable: Executable,
    precision: Precision,
    phase: Phase,
    plan: TrainingPlan | None,
    options: RunOptions,
    stack: ExitStack,
    detail: bool = False,
) -> Evaluator:
    """An evaluator on the data of a phase: its reader's, or the part of the training data that is held out for it."""
    reader = phase
    if phase is Phase.VALIDATION and Phase.VALIDATION not in program.readers:
        reader = Phase.TRAIN
    dataset = open_dataset(program, reader, False)  # without the random transforms of training
    stack.callback(dataset.close)
    loader = make_loader(program, reader, dataset, precision.device, options, 0, stack)
    counts = count_views(program, reader)
    diagnostic = multi_view_diagnostic(program, reader, counts)
    if diagnostic is not None:
        raise Failure([diagnostic])
    with data_errors(program, reader):
        groups = read_groups(program, executable.roots, dataset)
    part = part_of(program, plan, phase, dataset, groups) if reader is Phase.TRAIN else None
    size = max(1, (plan.minibatch_size if plan is not None else 64) // max(counts.values(), default=1))
    evaluated = program.evaluated(phase)
    roots = dict.fromkeys((*executable.roots, *evaluated, *(Details.roots(program) if detail else ())))
    if len(roots) > len(executable.roots):
        with precision.device:
            executable = lower(program.network, roots, share=executable, averaged=averaged_roots(program, evaluated))
    sampling = Sampling(dataset.count if part is None else len(part), 0, shuffle=False, chosen=part,
                        groups=groups)
    return Evaluator(program, executable, loader, sampling, size, precision, phase, counts, detail,
                     dataset.skipped)


def count_views(program: CheckedProgram, phase: Phase) -> dict[str, int]:
    """Inputs that the reader delivers as several views of each sample."""
    reader = program.readers[phase]
    with data_errors(program, phase):
        return {stream.name: stream.views for stream in reader.describe().streams if stream.views > 1}

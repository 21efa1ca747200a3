"""Which samples are trained on and which are held out, and what belongs together among them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import numpy as np

from ...base.codes import Code
from ...base.diagnostics import failure
from ...checks.groups import group_input
from ...ir.program import CheckedProgram, Phase
from ...optimizers.plan import TrainingPlan
from ...readers.reader import Dataset
from ..run_options import RunOptions
from .group_numbers import group_numbers
from .sampling import Sampling, split


def read_groups(program: CheckedProgram, roots: Iterable[str], dataset: Dataset) -> np.ndarray | None:
    """The number of each sample's group, where what is computed needs groups whole. Raises DataError."""
    name = group_input(program, roots)
    return None if name is None else group_numbers(dataset, name)


def make_sampling(program: CheckedProgram, plan: TrainingPlan, options: RunOptions, dataset: Dataset) -> Sampling:
    """The order of the training samples; those held out for validation are left out. Raises DataError, Failure."""
    seed, groups = plan.block.seed, read_groups(program, (*program.criteria, *program.metrics), dataset)
    if options.limits.overfit is not None:
        first = islice(Sampling(dataset.count, seed, groups=groups).minibatches(0, plan.update_size_at(0)),
                       options.limits.overfit)
        few = np.concatenate([minibatch.indices for minibatch in first])
        return Sampling(len(few), seed, shuffle=False, chosen=few, groups=groups)
    part = part_of(plan, Phase.TRAIN, dataset.count, groups)
    count, size = dataset.count if part is None else len(part), plan.block.epoch_size
    if groups is not None and size % count:
        raise failure(Code.CONFLICTING_KEYS, "an epoch of whole sweeps is needed: `epochSize` would tear groups apart",
                      plan.spans.get("epochSize", program.source.span(0, 0)), f"a sweep has {count:,} samples",
                      body=(f"`{group_input(program, program.criteria + program.metrics)}` says which samples belong "
                            "together.",), hint="leave `epochSize` out, or write 0: all of the data.")
    return Sampling(count, seed, size, chosen=part, groups=groups)


def part_of(plan: TrainingPlan | None, phase: Phase, count: int, groups: np.ndarray | None) -> np.ndarray | None:
    """Which of the training data are for training, or held out for validation; None: all of them."""
    if plan is None or not plan.block.validation or count < 2:
        return None
    training, held_out = split(count, plan.block.validation, plan.block.seed, groups)
    return held_out if phase is Phase.VALIDATION else training

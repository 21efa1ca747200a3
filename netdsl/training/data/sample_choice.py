"""Which samples are trained on and which are held out, and in what order they come; what belongs together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from ...base.codes import Code
from ...base.failure import Failure, failure
from ...base.source import Span
from ...base.units import any_of
from ...checks.groups import group_input
from ...ir.program import CheckedProgram, Phase
from ...optimizers.plan import TrainingPlan
from ...readers.reader import Dataset
from ..run_options import RunOptions
from .by_class import Balance
from .group_numbers import group_numbers
from .sampling import Sampling, split

BY_CLASS = "by class"


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
    part = part_of(program, plan, Phase.TRAIN, dataset, groups)
    count, size = dataset.count if part is None else len(part), plan.block.epoch_size
    if groups is not None and size % count:
        raise failure(Code.CONFLICTING_KEYS, "`epochSize` would split groups: an epoch has to be all of the data",
                      plan.spans.get("epochSize", Span.nowhere(program.source.name)),
                      f"the data have {count:,} samples",
                      body=(f"`{group_input(program, program.criteria + program.metrics)}` says which samples belong "
                            "together.",), hint="leave `epochSize` out, or write 0: all of the data.")
    reader = program.readers.get(Phase.TRAIN)
    by_class = part is not None and groups is None and plan.block.stratify \
        and known_classes(program, dataset) is not None
    return Sampling(count, seed, size, shuffle=reader is None or reader.randomize, chosen=part, groups=groups,
                    balance=_balance(program, plan, dataset, part), split=BY_CLASS if by_class else "")


def part_of(program: CheckedProgram, plan: TrainingPlan | None, phase: Phase, dataset: Dataset,
            groups: np.ndarray | None = None) -> np.ndarray | None:
    """Which of the training data are for training, or held out for validation; None: all of them. Raises Failure."""
    if plan is None or not plan.block.validation or dataset.count < 2:
        return None
    block = plan.block
    classes = known_classes(program, dataset) if block.stratify and groups is None else None
    training, held_out = split(dataset.count, block.validation, block.seed, classes, block.fold, groups)
    if not len(held_out):
        raise _no_part(program, plan, dataset.count, groups)
    return held_out if phase is Phase.VALIDATION else training


def _no_part(program: CheckedProgram, plan: TrainingPlan, count: int, groups: np.ndarray | None) -> Failure:
    """The diagnostic for a part that has no samples: there is no such part, or the data are one group."""
    block, nowhere = plan.block, Span.nowhere(program.source.name)
    if groups is not None and len(np.unique(groups)) == 1:
        name = group_input(program, program.criteria + program.metrics)
        return failure(Code.READER_SHAPE, "all training data are one group, so no part of them can be set aside",
                       plan.spans.get("validation", nowhere), "whole groups are set aside",
                       body=(f"`{name}` says which samples belong together, and has one and the same value in all "
                             f"{count:,} samples.",),
                       hint=f"look at `{name}` in the data; or name data of their own for this, `validation = ...` in "
                            "the reader, and leave `validation` out here.")
    parts = -(-count // max(1, round(count * block.validation)))
    filled = [str(k) for k in range(parts) if len(split(count, block.validation, block.seed, None, k, groups)[1])]
    return failure(Code.OPTION_TYPE, f"there is no part {block.fold} of the training data to set aside",
                   plan.spans.get("fold", nowhere), "`fold` counts from 0",
                   body=(f"`validation = {block.validation:g}` makes {len(filled)} parts of {count:,} samples.",),
                   hint=f"`fold` is {any_of(filled) if len(filled) < parts else f'0 to {parts - 1}'}.")


def known_classes(program: CheckedProgram, dataset: Dataset, name: str = "") -> np.ndarray | None:
    """The class of each sample for this input, or for the first one that a criterion compares and has classes."""
    compared = [use.node for node in (*program.criteria, *program.metrics) for use in program.network[node].inputs]
    for data in (name,) if name else dict.fromkeys([*(n for n in compared if n in program.inputs), *program.inputs]):
        found = dataset.classes(data)
        if found is not None:
            return found
    return None


def _balance(program: CheckedProgram, plan: TrainingPlan, dataset: Dataset, part: np.ndarray | None
             ) -> Balance | None:
    wanted = plan.block.balance_classes
    if not wanted:
        return None
    classes = known_classes(program, dataset, wanted if isinstance(wanted, str) else "")
    if classes is None:
        what = f"the input `{wanted}` has" if isinstance(wanted, str) else "the training data have"
        raise failure(Code.READER_SHAPE, f"{what} no classes that are known, so they cannot be balanced",
                      plan.spans.get("balanceClasses", Span.nowhere(program.source.name)), "is set here",
                      hint="balancing needs one class for each sample; for numbers and masks leave it out.")
    return Balance(classes if part is None else classes[part], plan.block.seed)


def with_saved_split(plan: TrainingPlan, state: dict[str, Any], resumed: bool) -> TrainingPlan:
    """The plan that sets aside what the run of a checkpoint did: before there was `stratify`, at random.

    A file that says `stratify` itself is taken at its word when a run is `resumed`, and compared with the checkpoint.
    """
    data = state.get("identity", {}).get("data")
    if data is None or "split" in data or (resumed and "stratify" in plan.spans):
        return plan
    return replace(plan, block=replace(plan.block, stratify=False))

"""A training, set up: everything that the loop reads, with every mistake found before the first step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from ..base.atomic_files import probe
from ..ir.program import CheckedProgram, Phase
from ..optimizers.plan import TrainingPlan
from ..readers.reader import DataError
from ..runs import checkpoint, writer
from ..runs.checkpoint import CheckpointManager
from ..runs.store import network_name, saved_state
from .build import build, trained_state
from .by_data import frozen_note, memory_note, set_memory
from .data.loader import Loader
from .data.mixing import Mixing
from .data.opening import data_errors, make_loader, open_dataset, read_ahead
from .data.sample_choice import make_sampling, with_saved_split
from .data.sampling import Sampling
from .device import choose_device
from .evaluation.evaluate import Evaluator
from .evaluation.evaluators import make_validator
from .precompute import with_statistics
from .progress import Reporter
from .resume import facts, identify, resume, with_resumed_classes
from .run_options import RunOptions
from .run_plan import check_best, overfit_plan, required_plan, with_seed
from .start import class_change_note, compute_statistics, load_initial_weights
from .state import State
from .step import TrainingStep, choose_precision, slow_precision_note


@dataclass
class Job:
    """A training, set up. The loop reads it and changes `state` alone."""

    program: CheckedProgram
    plan: TrainingPlan
    options: RunOptions
    reporter: Reporter
    device: torch.device
    seed: int
    state: State
    step: TrainingStep
    loader: Loader
    sampling: Sampling
    mixing: Mixing
    validation: Evaluator | None
    folder: Path
    checkpoints: CheckpointManager
    facts: dict[str, Any]  #: what checkpoints say of the run beside its state
    skipped: tuple[DataError, ...]  #: bad samples of the training data that are skipped
    notes: tuple[str, ...] = ()  #: what to tell before the first update: of start weights, statistics, classes


@contextmanager
def prepare_job(program: CheckedProgram, options: RunOptions, reporter: Reporter) -> Iterator[Job]:
    """Set a training up; readers and threads are closed afterwards. Raises Failure."""
    program = with_resumed_classes(program, options)
    plan = with_seed(required_plan(program), options.seed)
    if options.resume is not None:
        plan = with_saved_split(plan, saved_state(checkpoint.find(Path(options.resume))), resumed=True)
    if options.limits.overfit is not None:
        plan = overfit_plan(plan, options.limits.overfit)
    check_best(program, options.best)
    seed, device = plan.block.seed, choose_device(options.device)
    executable = build(program, (*program.criteria, *program.metrics), device, seed)
    executable = with_statistics(program, executable, device, seed)
    with ExitStack() as stack:
        state = trained_state(plan, executable, device)
        begun_with = load_initial_weights(program, plan, state, options)
        dataset = open_dataset(program, Phase.TRAIN, options.limits.overfit is None)
        stack.callback(dataset.close)
        read_ahead(program, options, device, reporter)
        with data_errors(program, Phase.TRAIN):
            sampling = make_sampling(program, plan, options, dataset)
        state.totals.reserve(sampling.epoch_length)
        memory = set_memory(plan, state.executable, options, sampling)
        loader = make_loader(program, Phase.TRAIN, dataset, device, options, seed, stack)
        precomputed = compute_statistics(program, plan, state, options, loader, sampling)
        precision = choose_precision(plan.block.precision, device)
        step = TrainingStep(executable, program.criteria, state.rule, precision, loader.expand, state.totals,
                            -(-plan.update_size_at(0) // plan.pieces) if plan.pieces > 1 else 0)
        identity = identify(program, plan, sampling)
        resume(program, state, options, identity)
        folder = writer.choose_folder(network_name(program.source.name), as_path(options.out),
                                      as_path(options.resume), datetime.now())
        stack.callback(writer.discard_if_empty, folder)
        probe(folder / "checkpoints", 2 * state.bytes())
        validation = make_validator(program, executable, precision, plan, options, stack)
        mixing = Mixing(plan.block.mixup, plan.block.cutmix, seed)
        keep = 0 if plan.block.keep_check_point_files else plan.block.keep_checkpoints
        manager = CheckpointManager(folder / "checkpoints", keep)
        notes = (begun_with, precomputed, class_change_note(options, dataset.class_names),
                 frozen_note(program, plan, options), memory_note(program, plan, memory),
                 slow_precision_note(precision))
        yield Job(program, plan, options, reporter, device, seed, state, step, loader, sampling, mixing, validation,
                  folder, manager, facts(program, options, plan, identity, dataset, memory), dataset.skipped, notes)


def as_path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)

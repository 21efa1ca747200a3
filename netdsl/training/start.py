"""How a new run starts: given weights, statistics of the training data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..ir.program import CheckedProgram, Phase
from ..optimizers.plan import TrainingPlan
from ..runs import checkpoint
from ..runs.store import saved_state
from .build import restart_average, tensor_spans
from .data.loader import Loader
from .data.opening import data_errors
from .data.sampling import Sampling
from .precompute import precompute
from .run_options import RunOptions
from .state import State


def load_initial_weights(program: CheckedProgram, plan: TrainingPlan, state: State, options: RunOptions) -> str:
    """Start from given weights, where the file or the command line names some; what was loaded, in words."""
    source = options.weights or plan.block.load_weights
    if not source or options.resume is not None:
        return ""
    path = checkpoint.find(Path(source))
    spans = tensor_spans(state.executable)
    wanted = state.executable.tensors()
    found = checkpoint.read_weights(path, wanted, state.executable.network, options.weight_map)
    report = checkpoint.load(wanted, found, spans, path, options.allow_missing)
    restart_average(plan, state)
    return f"weights from {path}: {report.words(list(wanted))}"


def compute_statistics(program: CheckedProgram, plan: TrainingPlan, state: State, options: RunOptions, loader: Loader,
                       sampling: Sampling) -> str:
    """`Mean` and its like, where a run begins that has them; what to tell of it. A resumed run has them already."""
    if options.resume is not None:
        return ""
    most = options.limits.minibatches
    samples = sampling if most is None else sampling.subsample(most * plan.minibatch_size)
    with data_errors(program, Phase.TRAIN):
        told = precompute(program, state.executable, loader, samples, plan.minibatch_size)
    if told:
        restart_average(plan, state)
    return told


def class_change_note(options: RunOptions, now: Sequence[str]) -> str:
    """What to tell where given weights were trained with other classes, or with the same in another order."""
    if options.weights is None or options.resume is not None:
        return ""
    then = saved_state(checkpoint.find(Path(options.weights))).get("classNames", ())
    place = next((k for k, names in enumerate(zip(then, now, strict=False)) if names[0] != names[1]), None)
    if place is None:
        return ""
    return f"the weights were trained with other classes: class {place} was {then[place]} and is {now[place]} here"

"""A trained network at work: `test` by the whole test set, `predict` on samples without labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import nn

from ...checks.class_ids import apply_checkpoint_classes
from ...checks.outputs import outputs_of
from ...ir.program import CheckedProgram, Phase
from ...layers.layer import Shape
from ...lower import Executable, NetworkModule
from ...passes.share_fit import share_fit
from ...readers.reader import DataError, Dataset
from ...runs import checkpoint
from ...runs.store import saved_state
from ..build import build, tensor_spans
from ..data.loader import open_loader
from ..data.opening import data_errors, default_workers
from ..data.sample_choice import read_groups, with_saved_split
from ..data.sampling import Sampling
from ..device import choose_device, synchronize, torch_settings
from ..evaluation.evaluators import make_evaluator
from ..progress import Reporter
from ..run_options import RunOptions
from ..run_plan import no_data_failure
from ..step import choose_precision, network_inputs
from .evaluate import EvalResult, eval_mode, shown
from .view_average import ViewAverage


def evaluate(
    program: CheckedProgram,
    weights: str | Path,
    *,
    phase: str = Phase.TEST,
    reporter: Reporter | None = None,
    options: RunOptions | None = None,
) -> EvalResult:
    """Evaluate a checkpoint (a run's folder, a checkpoint's, or a safetensors file) by a whole data set.

    `phase` says by which reader: `test`, `validation` or `train`. Values are by shown name. Raises
    Failure.
    """
    options, reporter, phase = options or RunOptions(), reporter or Reporter(), Phase(phase)
    program = as_trained(program, weights, phase)
    held_out = phase is Phase.VALIDATION and program.plan is not None and program.plan.block.validation
    if phase not in program.readers and not (held_out and Phase.TRAIN in program.readers):
        raise no_data_failure(program, phase)
    device = choose_device(options.device)
    with ExitStack() as stack:
        executable = load_trained(program, program.evaluated(phase), weights, device, options)
        precision = choose_precision(program.plan.block.precision if program.plan is not None else "float", device)
        stack.enter_context(torch_settings(device, False))
        by = make_evaluator(program, executable, precision, phase, program.plan, options, stack, detail=True)
        with data_errors(program, phase):
            found = by.run(reporter, options.limits.minibatches)
            problem = by.failure_for(found)
        synchronize(device)
    if problem is not None:
        raise problem
    values, percent = shown(program, found.values)
    reporter.end(phase, values, percent)
    return replace(found, values=values, percentages=percent)


def as_trained(program: CheckedProgram, weights: str | Path, phase: Phase) -> CheckedProgram:
    """The program with the classes of the run that a checkpoint is of, and its seed, which chose what is held out.

    Raises Failure where the data of the phase have other classes.
    """
    state = saved_state(checkpoint.find(Path(weights)))
    program = apply_checkpoint_classes(share_fit(program, state.get("fit")), state.get("classNames", ()), phase)
    seed = state.get("seed")
    if program.plan is None or not isinstance(seed, int):
        return program
    plan = with_saved_split(program.plan, state, resumed=False)
    return replace(program, plan=replace(plan, block=replace(plan.block, seed=seed)))


@dataclass(frozen=True)
class Prediction:
    """What the network says of one sample: its outputs by shown name, in torch's order of axes."""

    name: str
    outputs: dict[str, np.ndarray]


def predict(program: CheckedProgram, weights: str | Path, dataset: Dataset, *, outputs: Sequence[str] = (),
            options: RunOptions | None = None, minibatch_size: int = 64) -> Iterator[Prediction]:
    """The outputs (the file's `outputNodes`, or these nodes) for every sample of a data set, in its order.

    `weights` are as for `test`. Only the inputs that the outputs depend on have to be in the data. Several
    views of a sample are averaged. Raises Failure.
    """
    options = options or RunOptions()
    device = choose_device(options.device)
    nodes = tuple(program.aliases.get(name, name) for name in outputs) or \
        tuple(output.node for output in outputs_of(program))
    executable = load_trained(program, nodes, weights, device, options)
    precision = choose_precision(program.plan.block.precision if program.plan is not None else "float", device)
    with eval_mode(executable), precision.context():
        yield from predictions_by(program, executable, nodes, dataset, device, minibatch_size, options.workers)


class Computes(Protocol):
    """What computes outputs: the network itself, or another form of it."""

    @property
    def inputs(self) -> Mapping[str, Shape]: ...

    def __call__(self, tensors: Mapping[str, torch.Tensor], /) -> Mapping[str, torch.Tensor]: ...


def predictions_by(program: CheckedProgram, network: Computes, nodes: Sequence[str], dataset: Dataset,
                   device: torch.device, minibatch_size: int, workers: int | None = None) -> Iterator[Prediction]:
    """What `network` gives at `nodes` for every sample of a data set, in its order. Raises Failure."""
    loader = open_loader(dataset, device, 0, workers or default_workers(device))
    try:
        with data_errors(program, Phase.TEST):
            groups = read_groups(program, nodes, dataset)
        sampling = Sampling(dataset.count, 0, shuffle=False, groups=groups)
        held: dict[int, Prediction] = {}  # what comes before its turn, since its group is whole in a minibatch
        following = 0
        with torch.inference_mode(), data_errors(program, Phase.TEST):
            for batch in loader.load(sampling.minibatches(0, minibatch_size)):
                values = _outputs(program, network, loader.expand(batch.raw))
                arrays = {program.shown_name(name): value.float().cpu().numpy() for name, value in values.items()}
                for row, index in enumerate(batch.minibatch.indices):
                    name = batch.names[row] if batch.names else f"sample {index}"
                    held[int(index)] = Prediction(name, {key: array[row] for key, array in arrays.items()})
                while following in held:
                    yield held.pop(following)
                    following += 1
    finally:
        loader.close()


def _outputs(program: CheckedProgram, executable: Computes, delivered: dict[str, torch.Tensor]
             ) -> Mapping[str, torch.Tensor]:
    """One forward pass; where an input has an axis of views after the batch's, the mean over the views."""
    missing = [name for name in executable.inputs if name not in delivered]
    if missing:
        raise DataError(f"the outputs need the input `{missing[0]}`, which the data do not have")
    for name, shape in executable.inputs.items():
        _check_extents(name, shape, delivered[name])
    views = {name: tensor.shape[1] for name, tensor in delivered.items()
             if name in executable.inputs and tensor.dim() == executable.inputs[name].rank + 2}
    if views:
        return ViewAverage(program, executable)(delivered, views)
    inputs = network_inputs(executable.inputs, delivered)
    return executable(inputs)


def _check_extents(name: str, shape: Shape, delivered: torch.Tensor) -> None:
    """Raise DataError where the data have other numbers for an input than the network takes."""
    extents = tuple(delivered.shape[1:])
    several = extents[1:] if len(extents) == shape.rank + 1 else extents  # views of each sample
    if delivered.dtype != torch.int64 and shape.size not in (math.prod(extents), math.prod(several)):
        raise DataError(f"the data have {Shape(extents)} for `{name}`, and the network takes {shape}",
                        hint="give the data the shape that the network was trained with.")


def load_trained(program: CheckedProgram, roots: tuple[str, ...], weights: str | Path, device: torch.device,
            options: RunOptions | None = None) -> Executable:
    """The network with the weights of a checkpoint. Raises Failure `checkpoint-mismatch` unless all fit.

    The checkpoint may hold more than the roots need: a part of its network is a part of its weights.
    """
    executable = build(program, roots, device, program.plan.block.seed if program.plan is not None else 0)
    _load(executable, weights, options or RunOptions())
    return executable


def load_into(module: nn.Module, weights: str | Path, options: RunOptions | None = None) -> nn.Module:
    """Put the weights of a checkpoint into a module that `netdsl.compile` made. Raises Failure, and TypeError."""
    if not isinstance(module, NetworkModule):
        raise TypeError(f"load_weights takes what netdsl.compile returns, not {type(module).__name__}")
    _load(module.executable, weights, options or RunOptions())
    return module


def _load(executable: Executable, weights: str | Path, options: RunOptions) -> None:
    path = checkpoint.find(Path(weights))
    wanted = executable.tensors()
    owners = {node.weights for node in executable.network}
    found = checkpoint.read_weights(path, wanted, executable.network, options.weight_map)
    # What belongs to a part of the network that these roots do not need is left in the file.
    for name in [name for name in found if name not in wanted and name.rpartition(".")[0] in owners]:
        del found[name]
    report = checkpoint.load(wanted, found, tensor_spans(executable), path, options.allow_missing)
    if report.how:
        options.tell(f"weights from {path}: {report.words(list(wanted))}")


__all__ = ["Prediction", "evaluate", "load_trained", "predict"]

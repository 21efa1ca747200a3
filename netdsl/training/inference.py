"""A trained network at work: `judge` by the whole test set, `predict` on samples without labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ..lower import Executable, argument_name
from ..readers.base import DataError, Dataset
from . import checkpoint
from .evaluate import Judgement, judging, shown
from .loading import feed_for
from .machine import choose_device, synchronize, tuned
from .options import RunOptions
from .progress import Reporter
from .sampling import Sampling
from .setup import Checked, build, data_errors, default_workers, judge_by, no_data, tensor_spans
from .step import choose_precision, network_inputs


def judge(program: Checked, weights: str | Path, *, phase: str = "test", reporter: Reporter | None = None,
          options: RunOptions | None = None) -> Judgement:
    """Judge a checkpoint (a run's folder, a checkpoint's, or a safetensors file) by a whole data set.

    `phase` says by which reader: `test`, `validation` or `train`. Values are by shown name. Raises
    Failure.
    """
    options, reporter = options or RunOptions(), reporter or Reporter()
    if getattr(program.readers, phase) is None:
        raise no_data(program, phase)
    device = choose_device(options.device)
    with ExitStack() as stack:
        executable = trained(program, (*program.criteria, *program.metrics), weights, device, options.allow_missing)
        precision = choose_precision(program.plan.block.precision if program.plan is not None else "float", device)
        stack.enter_context(tuned(device, False))
        by = judge_by(program, executable, precision, phase, program.plan, options, stack, detail=True)
        with data_errors(program, phase):
            found = by.run(reporter, options.limits.minibatches)
        synchronize(device)
    values, percent = shown(program, found.values)
    reporter.end(phase, values, percent)
    return replace(found, values=values)


@dataclass(frozen=True)
class Prediction:
    """What the network says of one sample: its outputs by shown name, in torch's order of axes."""

    name: str
    outputs: dict[str, np.ndarray]

    def top(self, output: str, count: int = 5) -> list[tuple[int, float]]:
        """The classes with the highest softmax of an output, with it as their share."""
        scores = self.outputs[output].astype(np.float64).ravel()
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        return [(int(index), float(shares[index])) for index in np.argsort(-shares, kind="stable")[:count]]


def predict(program: Checked, weights: str | Path, dataset: Dataset, *, outputs: Sequence[str] = (),
            options: RunOptions | None = None, minibatch_size: int = 64) -> Iterator[Prediction]:
    """The outputs (the file's `outputNodes`, or these nodes) for every sample of a data set, in its order.

    Only the inputs that the outputs depend on have to be in the data. Several views of a sample are
    averaged. Raises Failure.
    """
    options = options or RunOptions()
    device = choose_device(options.device)
    nodes = tuple(program.aliases.get(name, name) for name in outputs) or program.outputs
    executable = trained(program, nodes, weights, device, options.allow_missing)
    precision = choose_precision(program.plan.block.precision if program.plan is not None else "float", device)
    feed = feed_for(dataset, device, 0, options.workers or default_workers(device))
    try:
        sampling = Sampling(dataset.count, 0, shuffle=False)
        with judging(executable), torch.inference_mode(), data_errors(program, "test"):
            for delivery in feed.deliver(sampling.minibatches(0, minibatch_size)):
                with precision.context():
                    values = _outputs(executable, feed.expand(delivery.raw))
                arrays = {program.shown_name(name): value.float().cpu().numpy() for name, value in values.items()}
                for row, index in enumerate(delivery.minibatch.indices):
                    name = delivery.names[row] if delivery.names else f"sample {index}"
                    yield Prediction(name, {key: array[row] for key, array in arrays.items()})
    finally:
        feed.close()


def _outputs(executable: Executable, delivered: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """One forward pass; where an input has an axis of views behind the batch's, the mean over the views."""
    missing = [name for name in executable.inputs if name not in delivered]
    if missing:
        raise DataError(f"the outputs need the input `{missing[0]}`, which the data do not have")
    views = {name: tensor.shape[1] for name, tensor in delivered.items()
             if name in executable.inputs and tensor.dim() == executable.inputs[name].rank + 2}
    count = max(views.values(), default=1)
    spread = {name: tensor.flatten(0, 1) if name in views else tensor.repeat_interleave(count, 0)
              for name, tensor in delivered.items() if name in executable.inputs}
    inputs = network_inputs(executable.inputs, spread if views else delivered)
    values = executable.module(**{argument_name(name): tensor for name, tensor in inputs.items()})
    if not views:
        return values  # type: ignore[no-any-return]
    return {name: value.float().unflatten(0, (-1, count)).mean(1) for name, value in values.items()}


def trained(program: Checked, roots: tuple[str, ...], weights: str | Path, device: torch.device,
            allow_missing: Sequence[str] = ()) -> Executable:
    """The network with the weights of a checkpoint. Raises Failure `checkpoint-mismatch` unless all fit.

    The checkpoint may hold more than the roots need: a part of its network is a part of its weights.
    """
    executable = build(program, roots, device, program.plan.block.seed if program.plan is not None else 0)
    path = checkpoint.find(Path(weights))
    found = checkpoint.read_weights(path)
    known = _owned(program, found)
    checkpoint.load(executable.tensors(), {name: t for name, t in found.items() if name in executable.tensors()
                                           or name not in known}, tensor_spans(executable), path,
                    allow_missing)
    return executable


def _owned(program: Checked, found: dict[str, torch.Tensor]) -> set[str]:
    """Names of saved tensors whose owner is somewhere in the network, if not below these roots."""
    owners = {node.weights for node in program.network}
    return {name for name in found if name.rpartition(".")[0] in owners}


__all__ = ["Prediction", "judge", "predict", "trained"]

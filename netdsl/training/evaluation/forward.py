"""One forward pass on given data, for files that cannot be trained."""

from __future__ import annotations

import torch

from ...ir.program import CheckedProgram, Phase
from ...layers.layer import Shape
from ..build import build
from ..data.loader import open_loader
from ..data.opening import open_dataset
from ..data.sampling import Sampling
from ..device import choose_device
from ..run_options import RunOptions
from ..step import network_inputs
from .evaluate import eval_mode


def outputs_on(program: CheckedProgram, options: RunOptions, count: int = 2) -> dict[str, Shape]:
    """Compute the outputs of the first samples of the test data; what shape each has, by shown name.

    Raises Failure, and ValueError where an output is not finite.
    """
    device = choose_device(options.device)
    roots = program.outputs or program.metrics or (list(program.network)[-1].name,)
    executable = build(program, roots, device, 0)
    dataset = open_dataset(program, Phase.TEST, False)
    loader = open_loader(dataset, device, 0, 1)
    try:
        batch = next(iter(loader.load(Sampling(dataset.count, 0, shuffle=False).minibatches(0, count))))
        inputs = network_inputs(executable.inputs, loader.expand(batch.raw))
        with eval_mode(executable), torch.inference_mode():
            values = executable(inputs)
    finally:
        loader.close()
    for name, value in values.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ValueError(f"the output `{program.shown_name(name)}` is not finite")
    return {program.shown_name(name): program.network[name].shape for name in values}

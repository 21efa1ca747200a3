"""Statistics of the training data (`Mean`, `InvStdDev`): gathered in one pass before the first update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from ..base.units import plural
from ..ir.network import ShapedNode
from ..ir.program import CheckedProgram
from ..layers.statistics import Moments, Precomputed
from ..lower import Executable, LayerModule, lower
from .data.loader import Loader
from .data.sampling import Sampling
from .evaluation.evaluate import eval_mode
from .step import network_inputs


def with_statistics(program: CheckedProgram, executable: Executable, device: torch.device, seed: int
                    ) -> Executable:
    """The executable with the tensors of those statistics, too, that only the outputs need: they are trained as well.

    `z - LogPrior (labels)` is an output, and no criterion.
    """
    nodes = program.network.ancestors(program.outputs)
    beside = [node.name for node in program.network
              if node.name in nodes and node.layer.is_statistic and node.weights not in executable.layers]
    if not beside:
        return executable
    with device:
        found = lower(program.network, beside)
    found.initialize(seed)
    return replace(executable, layers={**executable.layers, **found.layers})


def precompute(program: CheckedProgram, executable: Executable, loader: Loader, sampling: Sampling, size: int
               ) -> str:
    """Compute the statistics that have not been computed yet, from every training sample; what to tell of it.

    A statistic of values that depend on another one waits for it, and takes a pass of its own.
    """
    waiting = _uncomputed(program, executable)
    told = f"{', '.join(dict.fromkeys(node.layer.name() for node in waiting))} computed from " \
           f"{plural(sampling.count, 'training sample')}" if waiting else ""
    in_order = replace(sampling, shuffle=False, epoch_size=0, balance=None)
    while waiting:
        names = {node.name for node in waiting}
        ready = [node for node in waiting
                 if not names & (program.network.ancestors(use.node for use in node.inputs))]
        _gather(program, executable, ready, loader, in_order, size)
        waiting = [node for node in waiting if node not in ready]
    return told


def _uncomputed(program: CheckedProgram, executable: Executable) -> list[ShapedNode]:
    """The uses whose tensors are still as they started; weights that training begins with may bring theirs."""
    return [node for node in program.network
            if node.layer.precomputed and node.name == node.weights and node.name in executable.layers
            and not executable.tensors()[f"{node.name}.count"].item()]


def _gather(program: CheckedProgram, executable: Executable, nodes: Sequence[ShapedNode], loader: Loader,
            sampling: Sampling, size: int) -> None:
    """One pass over the data: the tensors of some uses from all values of their inputs."""
    source = {node.name: node.inputs[0].node for node in nodes}
    run = lower(program.network, dict.fromkeys(source.values()), share=executable)
    moments = {name: Moments() for name in source}
    with eval_mode(run), torch.no_grad():
        for batch in loader.load(sampling.minibatches(0, size)):
            inputs = network_inputs(run.inputs, loader.expand(batch.raw))
            values = run(inputs)
            for name, found in moments.items():
                found.add(values[source[name]])
        for name, found in moments.items():
            _store(executable.layers[name], found)


def _store(module: LayerModule, found: Moments) -> None:
    layer = module.layer
    assert isinstance(layer, Precomputed)
    for name, tensor in {**layer.compute(found), "count": torch.tensor([float(found.count)])}.items():
        getattr(module, name).copy_(tensor)

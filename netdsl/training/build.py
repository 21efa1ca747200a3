"""The network on its device with its update rule: what is trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from ..base.failure import Failure
from ..checks.frozen import frozen_layers, moved_tensors, nothing_trained
from ..ir.program import CheckedProgram, Phase
from ..lower import Executable, lower
from ..optimizers.plan import TrainingPlan
from .running_metrics import RunningMetrics
from .state import State


def build(program: CheckedProgram, roots: tuple[str, ...], device: torch.device, seed: int) -> Executable:
    """The network on its device, weights at their start, filters laid out channels last."""
    with device:
        executable = lower(program.network, roots, averaged=averaged_roots(program, roots))
    executable.initialize(seed)
    # What `module.to (memory_format = ...)` does, which fails on filters over three axes.
    executable.module._apply(_channels_last)  # type: ignore[no-untyped-call]
    return executable


def _channels_last(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def averaged_roots(program: CheckedProgram, roots: Iterable[str]) -> list[str]:
    """Which roots are means over the samples of a data set."""
    evaluated = program.evaluated(Phase.TEST)
    return [name for name in roots if name in evaluated]


def trained_state(plan: TrainingPlan, executable: Executable, device: torch.device) -> State:
    """The rule at work on what is trained. Raises Failure for patterns that fit nothing, or if nothing is."""
    learned, network = executable.parameters(), executable.network
    problems = plan.check_names(learned, moved_tensors(network, executable.layers))
    if problems:
        raise Failure(problems)
    groups = []
    for name, (tensor, parameter) in learned.items():
        layer = executable.layers[name.rpartition(".")[0]].layer
        groups.append(plan.group(name, tensor, rate=parameter.rate, regularized=parameter.regularized,
                                 is_normalization=layer.family == "normalization"))
        tensor.requires_grad_(groups[-1].rate != 0)
    if not any(group.rate for group in groups):
        raise Failure([nothing_trained(network[executable.roots[0]], plan)])
    executable.freeze(name for name in frozen_layers(network, plan) if name in executable.layers)
    rule = plan.build(groups)
    averaged = {name: tensor for name, tensor in executable.tensors().items() if tensor.is_floating_point()}
    return State(
        executable, rule, plan.average(averaged), plan.control(), RunningMetrics(executable, executable.roots, device)
    )


def restart_average(plan: TrainingPlan, state: State) -> None:
    """Begin the average of the weights from what they are now."""
    if state.average is not None:
        state.average = plan.average(dict(zip(state.average.names, state.average.parameters, strict=True)))


def tensor_spans(executable: Executable) -> dict[str, Any]:
    """Where the layer of each tensor stands in the file."""
    return {name: layer.span for name in executable.tensors()
            if (layer := executable.layers[name.rpartition(".")[0]]).span is not None}

"""What `freeze` and multipliers of 0 freeze: learned tensors, and the running statistics of whole layers."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.units import plural
from ..ir.network import Network, ShapedNode
from ..ir.program import CheckedProgram
from ..layers.layer import ParameterSpec
from ..optimizers.plan import TrainingPlan, fits


def check_frozen(program: CheckedProgram) -> Iterator[Diagnostic]:
    """Patterns of the plan that fit nothing, and a plan that leaves nothing to be trained."""
    plan = program.plan
    if plan is None or not program.criteria:
        return
    wanted = program.network.needed((*program.criteria, *program.metrics))
    learned = learned_tensors(program.network, wanted)
    problems = plan.check_names(learned, moved_tensors(program.network, wanted))
    yield from problems
    if not problems and not any(plan.multipliers_of(name, rate)[0] for name, rate in learned.items()):
        yield nothing_trained(program.network[program.criteria[0]], plan)


def nothing_trained(criterion: ShapedNode, plan: TrainingPlan) -> Diagnostic:
    """The diagnostic for a network without a parameter that a gradient changes."""
    return Diagnostic(Code.NO_CRITERION, "no part of the network is trained",
                      Label(plan.spans.get("freeze", criterion.span)),
                      body=("It has no parameters, or all of them are frozen.",),
                      hint="look at `freeze`, `multipliers` and `learningRateMultiplier`.")


def learned_tensors(network: Network[ShapedNode], among: Container[str]) -> dict[str, float]:
    """Names of the tensors that gradients may change, and by what their layers multiply the rate."""
    return {f"{node.weights}.{own}": parameter.rate for node in _owners(network) if node.name in among
            for own, parameter in _owned(network, node).items() if parameter.learned}


def moved_tensors(network: Network[ShapedNode], among: Container[str]) -> list[str]:
    """Names of the tensors that training moves without gradients: running statistics."""
    return [name for node in _owners(network) if node.name in among for name in _moved(network, node)]


def frozen_layers(network: Network[ShapedNode], plan: TrainingPlan) -> list[str]:
    """The layers with running statistics that stay as they are, by `weights` name.

    Those whose statistics, or whose learned tensors all, the plan freezes. `learningRateMultiplier = 0` of a
    parameter freezes that alone: BatchNormalization (...) is given its running statistics so.
    """
    return [node.weights for node in _owners(network) if _is_frozen(network, node, plan)]


def _is_frozen(network: Network[ShapedNode], node: ShapedNode, plan: TrainingPlan) -> bool:
    if not node.layer.moved and not node.layer.moved_inputs:
        return False
    if any(not plan.multipliers_of(name)[0] for name in (node.weights, *_moved(network, node))):
        return True
    sources = [network[use.node] for use, name in zip(node.inputs, node.layer.inputs, strict=False)
               if name in node.layer.parameter_inputs]
    learned = [name for owner in (node, *sources) for name in _learned(network, owner)]
    return bool(learned) and not any(plan.multipliers_of(name)[0] for name in learned)


def frozen_text(network: Network[ShapedNode], plan: TrainingPlan) -> Mapping[str, str]:
    """For each pattern of `freeze`, what it freezes, in words."""
    held = set(frozen_layers(network, plan))
    found = {}
    for pattern in plan.block.freeze:
        tensors = {node.weights: (*_learned(network, node), *_moved(network, node)) for node in _owners(network)}
        fitting = {name: sum(fits(tensor, pattern) for tensor in own) for name, own in tensors.items()}
        layers = [name for name, count in fitting.items() if count]
        whole = all(fitting[name] == len(tensors[name]) for name in layers)
        what = plural(len(layers), "layer") if whole else plural(sum(fitting.values()), "tensor")
        found[pattern] = what + (", with their running statistics" if held & set(layers) else "")
    return found


def _owners(network: Network[ShapedNode]) -> list[ShapedNode]:
    """The uses that own what they are made with; others share it."""
    return [node for node in network if node.name == node.weights]


def _learned(network: Network[ShapedNode], node: ShapedNode) -> list[str]:
    return [f"{node.weights}.{own}" for own, parameter in _owned(network, node).items() if parameter.learned]


def _owned(network: Network[ShapedNode], node: ShapedNode) -> Mapping[str, ParameterSpec]:
    return node.layer.parameters([network[use.node].shape for use in node.inputs])


def _moved(network: Network[ShapedNode], node: ShapedNode) -> list[str]:
    """The full names of the tensors that a use moves in training."""
    names = [f"{node.weights}.{own}" for own in _owned(network, node) if own in node.layer.moved]
    for given, use in zip(node.layer.inputs, node.inputs, strict=False):
        if given in node.layer.moved_inputs:
            source = network[use.node]
            names += [f"{source.weights}.{own}" for own in _owned(network, source)]
    return names

"""The tensors of a network with the graph around them, as the readers of weight files want them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..importers.weight_format import NetworkTensors, NetworkUse
from ..ir.network import Network, ShapedNode

if TYPE_CHECKING:
    import torch


def network_tensors(tensors: Mapping[str, torch.Tensor], network: Network[ShapedNode] | None) -> NetworkTensors:
    """The shapes of tensors by full name; with a network also which node has which, and what it takes.

    A network's are all of its tensors, those of parts that are not computed too: a file of weights has them.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if network is None:
        return NetworkTensors(shapes)
    owned: dict[str, tuple[str, ...]] = {}
    ordered: dict[str, tuple[int, ...]] = {}
    for node in network:
        if node.weights not in owned:
            specs = node.layer.parameters([network[use.node].shape for use in node.inputs])
            found = {f"{node.weights}.{own}": spec.dims for own, spec in specs.items() if spec.saved}
            owned[node.weights] = tuple(found)
            ordered |= found
    uses = tuple(_use(node, owned[node.weights]) for node in network)
    return NetworkTensors({**ordered, **shapes}, uses)


def _use(node: ShapedNode, tensors: tuple[str, ...]) -> NetworkUse:
    taken = tuple(use.node for use in node.inputs)
    size = node.shape.size if node.layer.is_input else 0
    return NetworkUse(node.name, tensors, taken, size, node.layer.family, bool(tensors) and not taken)

"""The tensors of a network with the graph around them, as the readers of weight files want them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..importers.weight_format import NetworkTensors, NetworkUse
from ..ir.network import Network, ShapedNode

if TYPE_CHECKING:
    import torch


def network_tensors(tensors: Mapping[str, torch.Tensor], network: Network[ShapedNode] | None) -> NetworkTensors:
    """The shapes of tensors by full name; with a network also which node has which, and what it takes."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if network is None:
        return NetworkTensors(shapes)
    owned: dict[str, list[str]] = {}
    for name in shapes:
        owned.setdefault(name.rpartition(".")[0], []).append(name)
    return NetworkTensors(shapes, tuple(_use(node, tuple(owned.get(node.weights, ()))) for node in network))


def _use(node: ShapedNode, tensors: tuple[str, ...]) -> NetworkUse:
    taken = tuple(use.node for use in node.inputs)
    size = node.shape.size if node.layer.is_input else 0
    return NetworkUse(node.name, tensors, taken, size, is_source=bool(tensors) and not taken)

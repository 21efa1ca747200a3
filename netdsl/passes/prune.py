"""Drop the nodes that no special list needs."""

from __future__ import annotations

from ..ir.network import Network, Node


def prune(network: Network[Node], roots: tuple[str, ...]) -> Network[Node]:
    """The part of a network that its roots are computed from, in the same order."""
    alive = network.ancestors(roots)
    return Network(node for node in network if node.name in alive)

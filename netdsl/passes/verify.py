"""What holds after every pass; a violation is a bug of ours."""

from __future__ import annotations

from ..ir.network import Network, Node, ShapedNode
from ..layers.layer import Shape


def verify(network: Network[Node]) -> None:
    """Inputs exist and come before their users; every shaped node's rule gives its shape."""
    seen: set[str] = set()
    shapes: dict[str, Shape] = {}
    for node in network:
        for use in node.inputs:
            assert use.node in seen, f"{node.name} takes {use.node}, which does not come before it"
        if isinstance(node, ShapedNode):
            rule = node.layer.shape([shapes[use.node] for use in node.inputs])
            assert rule.dims == node.shape.dims, f"{node.name}: rule and shape differ"
            shapes[node.name] = node.shape
        seen.add(node.name)

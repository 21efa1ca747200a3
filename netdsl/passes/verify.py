"""What holds between passes; a violation is a bug of ours."""

from __future__ import annotations

from ..ir.network import Network, Node, ShapedNode


def verify(network: Network[Node]) -> None:
    """Inputs exist and come before their users; every shaped node's rule gives its shape."""
    seen: dict[str, Node] = {}
    for node in network:
        for use in node.inputs:
            assert use.node in seen, f"{node.name} takes {use.node}, which does not come before it"
        if isinstance(node, ShapedNode):
            inputs = [seen[use.node].shape for use in node.inputs]  # type: ignore[attr-defined]
            assert node.layer.shape(inputs).dims == node.shape.dims, f"{node.name}: rule and shape differ"
        seen[node.name] = node

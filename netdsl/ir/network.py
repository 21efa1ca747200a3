"""The graph of a network: uses of layers, held in a networkx multigraph. The only file that imports it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from ..base.source import Span
from ..layers.bounds import Bounds
from ..layers.layer import Cost, Layer, Shape

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True, slots=True)
class Use:
    """An input of a node, and where the file says so."""

    node: str
    span: Span


@dataclass(frozen=True, kw_only=True)
class Node:
    """A use of a layer.

    `name` is its path in the file (`model.conv1`); `weights` names the owner of its parameters
    (nodes with equal `weights` share them); `trace` holds the uses that led here, innermost first.
    """

    name: str
    layer: Layer
    inputs: tuple[Use, ...]
    weights: str
    span: Span
    trace: tuple[Span, ...] = ()
    option_spans: tuple[tuple[str, Span], ...] = ()

    def option_span(self, option: str) -> Span:
        """Where an option stands in the file; the whole use if it was not given."""
        return dict(self.option_spans).get(option, self.span)


@dataclass(frozen=True, kw_only=True)
class ShapedNode(Node):
    """A node whose shape is known and whose cost is counted (shared weights count at their first use).

    `layer` is the row with what the bounds of its inputs decide (`Layer.for_bounds`).
    """

    shape: Shape
    cost: Cost
    bounds: Bounds | None = None  #: between which numbers the values lie, where the layers say


N = TypeVar("N", bound=Node, covariant=True)


class Network(Generic[N]):
    """Nodes in the order of elaboration, which is topological. Immutable; a pass makes a new one."""

    def __init__(self, nodes: Iterable[N]) -> None:
        self._nodes: dict[str, N] = {node.name: node for node in nodes}

    def __iter__(self) -> Iterator[N]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def __getitem__(self, name: str) -> N:
        return self._nodes[name]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._nodes)

    @cached_property
    def _users(self) -> dict[str, list[str]]:
        users: dict[str, list[str]] = {name: [] for name in self._nodes}
        for node in self:
            for use in node.inputs:
                if use.node in users and (not users[use.node] or users[use.node][-1] != node.name):
                    users[use.node].append(node.name)
        return users

    def users(self, name: str) -> list[N]:
        """The nodes that take this one as an input."""
        return [self._nodes[user] for user in self._users[name]]

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """The named nodes and everything they are computed from."""
        return self._above(names, lambda node: True)

    def needed(self, names: Iterable[str]) -> set[str]:
        """The named nodes and what they are computed from for each minibatch: not what statistics are taken of."""
        return self._above(names, lambda node: not node.layer.is_statistic)

    def _above(self, names: Iterable[str], through: Callable[[Node], bool]) -> set[str]:
        found: set[str] = set()
        waiting = [name for name in names if name in self._nodes]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                node = self._nodes[name]
                if through(node):
                    waiting.extend(use.node for use in node.inputs if use.node in self._nodes)
        return found

    @cached_property
    def graph(self) -> networkx.MultiDiGraph:
        """The networkx form, frozen: payload under `node`, edge key = position of the input."""
        import networkx

        graph = networkx.MultiDiGraph()
        graph.add_nodes_from((node.name, {"node": node}) for node in self)
        for node in self:
            for position, use in enumerate(node.inputs):
                graph.add_edge(use.node, node.name, key=position)
        return networkx.freeze(graph)


@dataclass(frozen=True)
class NetworkTotals:
    """What a network costs; per sample, learned tensors counted once."""

    parameters: int
    parameter_tensors: int
    macs: int
    neurons: int
    activations: int
    buffers: int

    @property
    def flops(self) -> int:
        """1 multiply-add = 2 floating-point operations."""
        return 2 * self.macs


def totals(nodes: Iterable[ShapedNode]) -> NetworkTotals:
    costs = [node.cost for node in nodes]
    return NetworkTotals(*(sum(getattr(cost, name) for cost in costs)
                    for name in ("parameters", "tensors", "macs", "neurons", "activations", "buffers")))


__all__ = ["Network", "NetworkTotals", "Node", "ShapedNode", "Use", "field", "totals"]

"""Which nodes of two networks are the same: by their names, else by their place in the graph and what they do.

A place is what a node takes (its inputs are matched) or what takes it (its users are). Matching begins at what is
certain and goes from node to node along the edges: first between nodes that are equal with all that follows them, then
between equal layers, then between layers of one kind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence

from ..ir.network import Network, ShapedNode
from ..ir.program import SPECIAL, CheckedProgram

#: What a node of one side is on the side of now, as far as it is known.
_Known = Callable[[str], str | None]
#: How much of a node has to be equal: layer, options and shape; layer and options; the layer.
LEVELS = 3


def matched_nodes(then: CheckedProgram, now: CheckedProgram, names: bool = True) -> dict[str, str]:
    """Nodes of `then` -> the nodes of `now` that they are. With `names`, equal names of one layer are equal nodes."""
    matching = _Matching(then, now)
    if names:
        matching.add_equal_names()
    matching.add_equal_parts()
    matching.add_ends()
    for level in range(LEVELS):
        matching.spread(level)
    matching.spread_by_single_edges()
    if names:
        matching.add_equal_names(any_layer=True)
    matching.add_replaced()
    return matching.found


class _Matching:
    def __init__(self, then: CheckedProgram, now: CheckedProgram) -> None:
        self._programs = then, now
        self._a, self._b = _Side(then.network), _Side(now.network)
        self.found: dict[str, str] = {}
        self._taken: set[str] = set()

    def _add(self, a: str, b: str) -> bool:
        if a in self.found or b in self._taken:
            return False
        self.found[a] = b
        self._taken.add(b)
        return True

    # --- beginnings ------------------------------------------------------------------------------

    def add_equal_names(self, any_layer: bool = False) -> None:
        for name, node in self._a.nodes.items():
            other = self._b.nodes.get(name)
            if other is not None and (any_layer or type(other.layer) is type(node.layer)):
                self._add(name, name)

    def add_equal_parts(self) -> None:
        """Nodes that are equal together with everything before and behind them, in the order of the file."""
        self._pair(self._a.by_surroundings(self.found), self._b.by_surroundings(self._taken))

    def add_ends(self) -> None:
        """Inputs of one shape, and the nodes of the special lists, in their order."""
        self._pair(_grouped((node.name, (type(node.layer).name(), node.shape.dims)) for node in self._a.network
                            if node.layer.is_input and node.name not in self.found),
                   _grouped((node.name, (type(node.layer).name(), node.shape.dims)) for node in self._b.network
                            if node.layer.is_input and node.name not in self._taken))
        self._pair(*(_grouped((name, (kind, type(program.network[name].layer).name())) for kind in SPECIAL
                              for name in program.special.get(kind, ()) if name not in taken)
                     for program, taken in zip(self._programs, (self.found, self._taken), strict=True)))

    def _pair(self, ours: Mapping[Hashable, Sequence[str]], theirs: Mapping[Hashable, Sequence[str]]) -> list[str]:
        """Match what has equal keys, in order; the nodes of `then` that were."""
        new = []
        for key, names in ours.items():
            for a, b in zip(names, theirs.get(key, ()), strict=False):
                if self._add(a, b):
                    new.append(a)
        return new

    # --- along the edges ---------------------------------------------------------------------------

    def spread(self, level: int) -> None:
        """From all that is matched to nodes whose inputs, or whose users, are all matched."""
        waiting = deque(self.found)
        while waiting:
            a = waiting.popleft()
            b = self.found[a]
            waiting += self._pair(_grouped(self._users(self._a, a, level, self.found.get)),
                                  _grouped(self._users(self._b, b, level, self._own)))
            waiting += self._pair(_grouped(self._givers(self._a, a, level, self.found.get)),
                                  _grouped(self._givers(self._b, b, level, self._own)))

    def _own(self, name: str) -> str | None:
        return name if name in self._taken else None

    def _free(self, side: _Side, name: str) -> bool:
        return name not in (self.found if side is self._a else self._taken)

    def _users(self, side: _Side, name: str, level: int, known: _Known) -> Iterator[tuple[str, Hashable]]:
        for user in dict.fromkeys(user for user, _ in side.users[name]):
            if self._free(side, user):
                inputs = tuple(known(use.node) for use in side.nodes[user].inputs)
                if None not in inputs:
                    yield user, (side.sign(user, level), inputs)

    def _givers(self, side: _Side, name: str, level: int, known: _Known) -> Iterator[tuple[str, Hashable]]:
        for use in side.nodes[name].inputs:
            if self._free(side, use.node):
                users = [(known(user), position) for user, position in side.users[use.node]]
                if all(user is not None for user, _ in users):
                    yield use.node, (side.sign(use.node, level), tuple(sorted(users, key=str)))

    def spread_by_single_edges(self) -> None:
        """Where something was put in between: a node of the same kind at the same input of a matched node."""
        for level in range(LEVELS):
            waiting = deque(self.found)
            while waiting:
                a = waiting.popleft()
                b = self.found[a]
                new = self._pair(*(_grouped((use.node, (side.sign(use.node, level), position))
                                            for position, use in enumerate(side.nodes[name].inputs)
                                            if self._free(side, use.node))
                                   for side, name in ((self._a, a), (self._b, b))))
                new += self._pair(*(_grouped((user, (side.sign(user, level), position))
                                             for user, position in side.users[name] if self._free(side, user))
                                    for side, name in ((self._a, a), (self._b, b))))
                waiting += new

    def add_replaced(self) -> None:
        """A node of another layer between the same nodes stands in the place of the old one."""
        ours = _grouped((name, self._place(self._a, name, self.found.get)) for name in self._a.nodes
                        if self._free(self._a, name))
        theirs = _grouped((name, self._place(self._b, name, self._own)) for name in self._b.nodes
                          if self._free(self._b, name))
        self._pair({key: names for key, names in ours.items() if key is not None and len(names) == 1}, theirs)

    @staticmethod
    def _place(side: _Side, name: str, known: _Known) -> Hashable:
        """What it takes and what takes it, where all of that is matched and there is some of both."""
        inputs = tuple(known(use.node) for use in side.nodes[name].inputs)
        users = tuple((known(user), position) for user, position in side.users[name])
        whole = inputs and users and None not in inputs and all(user is not None for user, _ in users)
        return (inputs, tuple(sorted(users, key=str))) if whole else None


class _Side:
    """A network with what the matching asks of it."""

    def __init__(self, network: Network[ShapedNode]) -> None:
        self.network = network
        self.nodes = {node.name: node for node in network}
        self.users: dict[str, list[tuple[str, int]]] = {name: [] for name in self.nodes}
        for node in network:
            for position, use in enumerate(node.inputs):
                if use.node in self.users:
                    self.users[use.node].append((node.name, position))
        self._signs = {name: (type(node.layer).name(), node.layer.show(), node.shape.dims)
                       for name, node in self.nodes.items()}

    def sign(self, name: str, level: int) -> Hashable:
        kind, shown, dims = self._signs[name]
        return ((kind, shown, dims), (kind, shown), kind)[level]

    def by_surroundings(self, taken: Container[str]) -> dict[Hashable, list[str]]:
        """Nodes by a number that is equal for equal nodes among equal nodes, as far as edges lead."""
        above: dict[str, int] = {}
        for name, node in self.nodes.items():
            above[name] = hash((self._signs[name], tuple(above.get(use.node, 0) for use in node.inputs)))
        whole: dict[str, int] = {}
        for name in reversed(self.nodes):
            whole[name] = hash((above[name], tuple(sorted((whole[user], at) for user, at in self.users[name]))))
        return _grouped((name, number) for name, number in whole.items() if name not in taken)


def _grouped(pairs: Iterable[tuple[str, Hashable]]) -> dict[Hashable, list[str]]:
    """Names by their keys, in order."""
    found: dict[Hashable, list[str]] = {}
    for name, key in pairs:
        found.setdefault(key, []).append(name)
    return found

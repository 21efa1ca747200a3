"""The groups of a network that can be modules of their own: by the names of the file, where the graph allows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .leaves import Leaf, identifier


@dataclass
class Step:
    """A leaf or a group inside a group: the values it takes and the one it gives, by node name."""

    name: str
    item: Leaf | Group
    inputs: tuple[str, ...]
    value: str


@dataclass
class Group:
    """Steps in an order in which they can be computed. `path` is the group's name in the file."""

    path: str
    steps: list[Step]
    inputs: tuple[str, ...]
    value: str

    def leaves(self) -> Iterable[Leaf]:
        for step in self.steps:
            if isinstance(step.item, Group):
                yield from step.item.leaves()
            else:
                yield step.item


def grouped(leaves: Sequence[Leaf], source: Callable[[str], str], inputs: Sequence[str], roots: Sequence[str]) -> Group:
    """The whole network as a group of groups."""
    return _Grouping(leaves, source, inputs, roots).root()


class _Grouping:
    def __init__(self, leaves: Sequence[Leaf], source: Callable[[str], str], inputs: Sequence[str],
                 roots: Sequence[str]) -> None:
        self.inputs, self.roots = tuple(inputs), [source(name) for name in roots]
        self.taken = {leaf.node.name: () if leaf.node.layer.is_statistic else
                      tuple(source(use.node) for use in leaf.node.inputs) for leaf in leaves}
        self.order = {leaf.node.name: place for place, leaf in enumerate(leaves)}
        self.paths = _paths(leaves)
        self.leaves = leaves
        self.sharers: dict[str, set[str]] = {}
        for leaf in leaves:
            self.sharers.setdefault(leaf.owner, set()).add(leaf.node.name)
        self.users: dict[str, set[str]] = {}
        for name, taken in self.taken.items():
            for value in taken:
                self.users.setdefault(value, set()).add(name)
        self.above = self._ancestors()

    def root(self) -> Group:
        steps = self._steps((), list(self.leaves))
        steps = _without_a_single_wrapper(steps)
        return Group("", self._sorted(_distinct(steps)), self.inputs, self.roots[0])

    def _ancestors(self) -> dict[str, int]:
        """For each leaf the leaves it is computed from, as bits."""
        found: dict[str, int] = {}
        for name in self.order:
            bits = 1 << self.order[name]
            for value in self.taken[name]:
                bits |= found.get(value, 0)
            found[name] = bits
        return found

    def _steps(self, path: tuple[str, ...], leaves: Sequence[Leaf]) -> list[Step]:
        """The steps of a group; groups inside that cannot be modules give theirs to it."""
        steps: list[Step] = []
        by_child: dict[str, list[Leaf]] = {}
        for leaf in leaves:
            by_child.setdefault(self.paths[leaf.node.name][len(path)], []).append(leaf)
        for child, inside in by_child.items():
            if len(inside) == 1:
                name = inside[0].node.name
                steps.append(Step("_".join(self.paths[name][len(path):]), inside[0], self.taken[name], name))
                continue
            within = self._steps((*path, child), inside)
            interface = self._interface(inside)
            if interface is None or not self._is_module(inside) or len(within) < 2:
                steps += [Step(f"{child}_{step.name}", step.item, step.inputs, step.value) for step in within]
                continue
            taken, value = interface
            group = Group(".".join((*path, child)), self._sorted(_distinct(within)), taken, value)
            steps.append(Step(child, group, taken, value))
        return steps

    def _is_module(self, leaves: Sequence[Leaf]) -> bool:
        """Something to hold, and nothing held that others use as well."""
        own = {leaf.node.name for leaf in leaves}
        shared = any(leaf.owner not in own or not self.sharers[leaf.owner] <= own
                     for leaf in leaves if leaf.holds_tensors)
        return not shared and any(leaf.holds_tensors for leaf in leaves)

    def _interface(self, leaves: Sequence[Leaf]) -> tuple[tuple[str, ...], str] | None:
        """What goes in and the one value that comes out; None where there are several, or a way out and in again."""
        own = {leaf.node.name for leaf in leaves}
        out = [name for name in self.order if name in own and
               (name in self.roots or not self.users.get(name, set()) <= own)]
        taken = tuple(dict.fromkeys(value for name in self.order if name in own for value in self.taken[name]
                                    if value not in own))
        bits = sum(1 << self.order[name] for name in own)
        returns = any(self.above.get(value, 0) & bits for value in taken)
        return None if len(out) != 1 or returns or not taken else (taken, out[0])

    def _sorted(self, steps: Sequence[Step]) -> list[Step]:
        """In an order in which everything is computed before it is used, as near to the file's as that allows."""
        waiting, done, found = list(steps), set[str](), []
        made = {step.value for step in steps}
        while waiting:
            step = next(step for step in waiting if all(v in done or v not in made for v in step.inputs))
            waiting.remove(step)
            done.add(step.value)
            found.append(step)
        return found


def _paths(leaves: Sequence[Leaf]) -> dict[str, tuple[str, ...]]:
    """Names in parts. A node that others are named after (`middle` of `middle.up1`) stands inside its group;
    an activation stands beside its layer.
    """
    names = {leaf.node.name for leaf in leaves}
    short: dict[str, str] = {}
    for name in names:
        owner, _, last = name.rpartition(".")
        short[name] = f"{owner}_{last}" if last == "activation" and owner in names else name
    prefixes = {".".join(parts[:k]) for name in short.values() for parts in [name.split(".")]
                for k in range(1, len(parts))}
    found = {}
    for leaf in leaves:
        name = short[leaf.node.name]
        parts = name.split(".")
        found[leaf.node.name] = (*parts, leaf.node.layer.short_name() or leaf.node.layer.step_label()) \
            if name in prefixes else tuple(parts)
    return found


def _without_a_single_wrapper(steps: Sequence[Step]) -> list[Step]:
    """`model` that holds all there is to hold gives its parts to the network itself."""
    holders = [step for step in steps if isinstance(step.item, Group) or step.item.holds_tensors]
    if len(holders) != 1 or not isinstance(holders[0].item, Group):
        return list(steps)
    inside = holders[0].item
    return [part for step in steps for part in (inside.steps if step is holders[0] else [step])]


def _distinct(steps: Sequence[Step]) -> list[Step]:
    """Steps with names for Python, each another one."""
    taken: set[str] = set()
    found = []
    for step in steps:
        wanted = identifier(step.name)
        name = next(name for k in range(1, len(steps) + 2)
                    if (name := wanted if k == 1 else f"{wanted}_{k}") not in taken)
        taken.add(name)
        found.append(Step(name, step.item, step.inputs, step.value))
    return found


__all__ = ["Group", "Step", "grouped"]

"""What differs between two networks, in one drawing: the network of now, with what it no longer has in its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath

from ..base.source import Source
from ..drawing import Mark, Marks, draw
from ..ir.network import Network, ShapedNode, Use
from ..ir.program import CheckedProgram
from .diff_text import verdict
from .program_diff import ProgramDiff


def diff_picture(then: CheckedProgram, now: CheckedProgram, diff: ProgramDiff, form: str = "svg",
                 direction: str = "tb", depth: int | None = None, width: int = 100) -> str | bytes:
    """Both networks as one drawing in one of the formats; what is added, removed or changed has its colour and sign."""
    union = _Union(then, now, diff)
    names = [PurePath(name).name for name in diff.names]
    both = replace(now, network=Network(union.nodes()), source=Source(" -> ".join(names), ""))
    return draw(both, form, direction=direction, depth=depth, width=width, marks=Marks(union.marks(), verdict(diff)))


class _Union:
    """The nodes of now and those that only then had; `called` gives the latter names that now does not have."""

    def __init__(self, then: CheckedProgram, now: CheckedProgram, diff: ProgramDiff) -> None:
        self._then, self._now, self._diff = then, now, diff
        gone = [node.name for node in diff.removed]
        self._called = {**diff.pairs, **{name: f"{name}_then" if name in now.network else name for name in gone}}
        self._gone = [self._moved(then.network[name]) for name in gone]

    def _moved(self, node: ShapedNode) -> ShapedNode:
        """A node of then, under its name and with its inputs in the drawing."""
        inputs = tuple(Use(self._called[use.node], use.span) for use in node.inputs)
        return replace(node, name=self._called[node.name], inputs=inputs,
                       weights=self._called.get(node.weights, node.weights))

    def nodes(self) -> list[ShapedNode]:
        """Each behind its inputs. From what is gone lines lead on to where it led, where that makes no loop."""
        nodes = {node.name: node for node in (*self._now.network, *self._gone)}
        gone = {node.name for node in self._gone}
        for a, b in self._diff.pairs.items():
            for use in self._then.network[a].inputs:
                source = self._called[use.node]
                if source in gone and b not in _above(nodes, source):
                    nodes[b] = replace(nodes[b], inputs=(*nodes[b].inputs, Use(source, use.span)))
        return list(_in_order(nodes))

    def marks(self) -> dict[str, Mark]:
        changed = {node.now: Mark("changed", tuple(
            f"{change.key} {change.then} -> {change.now}" for change in node.changes if change.key != "inputs"))
            for node in self._diff.changed}
        return {**{node.name: Mark("added") for node in self._diff.added},
                **{self._called[node.name]: Mark("removed") for node in self._diff.removed}, **changed}


def _above(nodes: dict[str, ShapedNode], name: str) -> set[str]:
    """A node and everything it is computed from."""
    found, waiting = set(), [name]
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting += [use.node for use in nodes[at].inputs]
    return found


def _in_order(nodes: dict[str, ShapedNode]) -> Iterator[ShapedNode]:
    done: set[str] = set()
    for start in nodes:
        waiting = [start]
        while waiting:
            name = waiting[-1]
            missing = [use.node for use in nodes[name].inputs if use.node not in done]
            if name in done or not missing:
                waiting.pop()
                if name not in done:
                    done.add(name)
                    yield nodes[name]
            else:
                waiting += missing

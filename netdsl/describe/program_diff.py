"""What differs between two checked programs, as plain data: graph, cost, tensors, plan, data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.memory_estimate import estimate_memory
from ..ir.network import ShapedNode, totals
from ..ir.program import SPECIAL, CheckedProgram, Phase
from ..layers.layer import Layer
from ..layers.short_text import layer_name, option_texts
from ..optimizers.plan_text import plan_lines
from ..spec import Spec
from .matched_nodes import matched_nodes


@dataclass(frozen=True)
class Changed:
    """A key and what it is on each side; None where one has no such key."""

    key: str
    then: str | None
    now: str | None


@dataclass(frozen=True)
class NodeFacts:
    """A node in a few words, or (`nodes` > 1) all nodes of a group."""

    name: str
    layer: str
    output: str
    parameters: int
    nodes: int = 1

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "layer": self.layer, "output": self.output, "parameters": self.parameters}

    @staticmethod
    def of(node: ShapedNode) -> NodeFacts:
        words = (layer_name(node.layer), ", ".join(option_texts(node.layer)))
        return NodeFacts(node.name, " ".join(word for word in words if word), str(node.shape), node.cost.parameters)


@dataclass(frozen=True)
class ChangedNode:
    """A node that is in both, under one name or two, and what of it differs."""

    then: str
    now: str
    changes: tuple[Changed, ...]


@dataclass(frozen=True)
class Quantity:
    """A number of the network on each side."""

    name: str
    then: int
    now: int


@dataclass(frozen=True)
class ProgramDiff:
    """Everything that differs. `pairs` are the nodes that both have: the name then -> the name now."""

    names: tuple[str, str]  #: of the two files
    pairs: Mapping[str, str]
    added: tuple[NodeFacts, ...]
    removed: tuple[NodeFacts, ...]
    changed: tuple[ChangedNode, ...]
    lists: tuple[Changed, ...]  #: special lists
    cost: tuple[Quantity, ...]
    tensors: tuple[Changed, ...]  #: those of checkpoints, by their names now: the shape then and now
    renamed_tensors: int  #: that a checkpoint of then has under another name
    plan: tuple[Changed, ...]
    data: tuple[Changed, ...]

    @property
    def renamed(self) -> tuple[tuple[str, str], ...]:
        return tuple((then, now) for then, now in self.pairs.items() if then != now)

    @property
    def same_graph(self) -> bool:
        """Whether the networks are equal but for names."""
        return not (self.added or self.removed or self.changed or self.lists)

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs but names."""
        return self.same_graph and not (self.plan or self.data)

    def groups(self, nodes: Sequence[NodeFacts]) -> list[NodeFacts]:
        """Nodes that were added, or removed, by the outermost groups (`block3`) that came or went with them."""
        staying = self.pairs.values() if nodes is self.added else self.pairs.keys()
        taken = {prefix for name in staying for prefix in _prefixes(name)}
        found: dict[str, list[NodeFacts]] = {}
        for node in nodes:
            group = next((prefix for prefix in _prefixes(node.name) if prefix not in taken), node.name)
            found.setdefault(group, []).append(node)
        return [inner[0] if len(inner) == 1 else NodeFacts(
            group, f"{len(inner)} nodes", inner[-1].output, sum(node.parameters for node in inner), len(inner))
            for group, inner in found.items()]

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"then": self.names[0], "now": self.names[1], "equal": self.is_equal,
                                 "sameGraph": self.same_graph}
        graph = {"added": [node.to_json() for node in self.added],
                 "removed": [node.to_json() for node in self.removed],
                 "changed": [dataclasses.asdict(node) for node in self.changed],
                 "renamed": [{"then": then, "now": now} for then, now in self.renamed],
                 "same": len(self.pairs) - len(self.changed),
                 "lists": [dataclasses.asdict(change) for change in self.lists]}
        cost = {quantity.name: {"then": quantity.then, "now": quantity.now} for quantity in self.cost}
        parts = {name: [dataclasses.asdict(change) for change in changes] for name, changes in
                 (("tensors", self.tensors), ("plan", self.plan), ("data", self.data))}
        return {**found, "graph": graph, "cost": cost, **parts}


def _prefixes(name: str) -> list[str]:
    """The groups around a node, the outermost first, then its own name."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def compare(then: CheckedProgram, now: CheckedProgram, names: tuple[str, str] | None = None) -> ProgramDiff:
    """What differs between two programs. Nodes are matched by their names, else by their place and layer.

    Where names lead astray (two files that number other layers alike), and places alone find equal networks, places
    count.
    """
    named = names or (then.source.name, now.source.name)
    found = _compared(then, now, matched_nodes(then, now), named)
    if found.same_graph:
        return found
    by_place = _compared(then, now, matched_nodes(then, now, names=False), named)
    return by_place if by_place.same_graph else found


def _compared(then: CheckedProgram, now: CheckedProgram, pairs: Mapping[str, str],
              names: tuple[str, str]) -> ProgramDiff:
    kept = set(pairs.values())
    changed = (ChangedNode(a, b, tuple(_node_changes(then, now, a, b, pairs))) for a, b in pairs.items())
    return ProgramDiff(
        names, pairs,
        tuple(NodeFacts.of(node) for node in now.network if node.name not in kept),
        tuple(NodeFacts.of(node) for node in then.network if node.name not in pairs),
        tuple(node for node in changed if node.changes),
        tuple(_list_changes(then, now, pairs)), tuple(_quantities(then, now)),
        tuple(_by_key(_tensors(then, pairs), _tensors(now))),
        sum(pairs.get(name.rpartition(".")[0], "") not in ("", name.rpartition(".")[0]) for name in _tensors(then)),
        tuple(_by_key(_plan(then), _plan(now))), tuple(_data_changes(then, now)))


# --- nodes -------------------------------------------------------------------------------------------


def _node_changes(then: CheckedProgram, now: CheckedProgram, a: str, b: str,
                  pairs: Mapping[str, str]) -> Iterator[Changed]:
    old, new = then.network[a], now.network[b]
    resized = old.shape != new.shape
    if type(old.layer) is not type(new.layer):
        yield Changed("layer", old.layer.show(), new.layer.show())
    else:
        yield from _option_changes(old.layer, new.layer, resized)
    if resized:
        yield Changed("output", str(old.shape), str(new.shape))
    before = [pairs.get(use.node, f"{use.node} (removed)") for use in old.inputs]
    after = [use.node for use in new.inputs]
    if before != after and _sources(then, old, pairs) != _sources(now, new, {name: name for name in pairs.values()}):
        yield Changed("inputs", ", ".join(before), ", ".join(after))
    if pairs.get(old.weights, old.weights) != new.weights:
        yield Changed("weights of", old.weights, new.weights)
    if old.cost.parameters != new.cost.parameters:
        yield Changed("parameters", f"{old.cost.parameters:,}", f"{new.cost.parameters:,}")


def _sources(program: CheckedProgram, node: ShapedNode, kept: Mapping[str, str]) -> list[str]:
    """The matched nodes that the inputs come from: what was only put in between, or taken out, is passed over."""
    found = []
    for use in node.inputs:
        name, seen = use.node, set[str]()
        while name not in kept and program.network[name].inputs and name not in seen:
            seen.add(name)
            givers = [giver.node for giver in program.network[name].inputs]
            computed = [giver for giver in givers if giver in kept or program.network[giver].inputs]
            name = next((giver for giver in computed if not _is_parameter(program.network[giver])), givers[0])
        found.append(kept.get(name, name))
    return found


def _is_parameter(node: ShapedNode) -> bool:
    return not node.inputs and not node.layer.is_input


def _option_changes(old: Layer, new: Layer, resized: bool) -> Iterator[Changed]:
    """Options that differ; of an input or parameter that has another shape not its extents, which say the same."""
    for option in type(old).options():
        before, after = old.value_of(option), new.value_of(option)
        extents = resized and (isinstance(before, tuple) or option.name.endswith("Dim")) and not old.inputs
        if before != after and not extents:
            yield Changed(option.name, option.kind.show(before), option.kind.show(after))


def _list_changes(then: CheckedProgram, now: CheckedProgram, pairs: Mapping[str, str]) -> Iterator[Changed]:
    for kind in SPECIAL:
        old, new = then.special.get(kind, ()), now.special.get(kind, ())
        if [pairs.get(name, name) for name in old] != list(new):
            yield Changed(kind, " : ".join(old) or None, " : ".join(new) or None)


# --- cost, tensors, plan, data -------------------------------------------------------------------------


def _quantities(then: CheckedProgram, now: CheckedProgram) -> Iterator[Quantity]:
    old, new = totals(then.network), totals(now.network)
    for name, read in _COUNTED.items():
        yield Quantity(name, read(old), read(new))
    memory = estimate_memory(then), estimate_memory(now)
    yield Quantity("bytes of activations for one sample", *(m.activation_bytes for m in memory))
    if then.plan is not None and now.plan is not None:
        yield Quantity("bytes to train", *(m.training_bytes for m in memory))


_COUNTED: dict[str, Callable[[Any], int]] = {
    "parameters": lambda t: t.parameters, "parameter tensors": lambda t: t.parameter_tensors,
    "multiply-adds": lambda t: t.macs,
}


def _tensors(program: CheckedProgram, called: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name of each tensor of a checkpoint (under what its node is `called`) -> its shape, width first."""
    found = {}
    for node in program.network:
        if node.weights == node.name:
            shapes = [program.network[use.node].shape for use in node.inputs]
            for name, parameter in node.layer.parameters(shapes).items():
                if parameter.saved:
                    owner = node.name if called is None else called.get(node.name, f"{node.name} (removed)")
                    found[f"{owner}.{name}"] = " x ".join(str(extent) for extent in reversed(parameter.dims))
    return found


def _plan(program: CheckedProgram) -> dict[str, str]:
    """The plan by its subjects, in plain words: what two ways of writing one plan have in common."""
    found: dict[str, list[str]] = {}
    for subject, text in plan_lines(program.plan) if program.plan is not None else ():
        found.setdefault(subject, []).append(text)
    return {subject: "; ".join(texts) for subject, texts in found.items()}


def _data_changes(then: CheckedProgram, now: CheckedProgram) -> Iterator[Changed]:
    """Of each phase another reader, or the options of one reader that differ: `train.file`."""
    for phase in Phase:
        old, new = then.readers.get(phase), now.readers.get(phase)
        if old is not None and new is not None and type(old) is type(new):
            yield from _by_key(dict(_options(phase.value, old)), dict(_options(phase.value, new)))
        elif old is not None or new is not None:
            yield Changed(phase.value, old.show() if old else None, new.show() if new else None)


def _options(path: str, row: Spec) -> Iterator[tuple[str, str]]:
    for option in type(row).options():
        value = row.value_of(option)
        if option.required or value != option.default:
            yield f"{path}.{option.name}", option.kind.show(value)


def _by_key(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Changed]:
    for key in dict.fromkeys((*then, *now)):
        if then.get(key) != now.get(key):
            yield Changed(key, then.get(key), now.get(key))


__all__: Sequence[str] = ["Changed", "ChangedNode", "NodeFacts", "ProgramDiff", "Quantity", "compare"]

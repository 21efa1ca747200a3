"""The tensors of a model file and those of a network, each with its place in the graph, for matching them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...place_matching import Place
from ...weight_format import NetworkUse
from .model_file import ModelFile, ModelTensor

#: Inputs of an operation that are tensors of it, in the order of a layer here: what else an operation takes is data.
STATISTICS = "BatchNormalization"


@dataclass
class _Front:
    """Where values come from: for each value the tensors and inputs that it was made from last."""

    places: dict[str, Place]
    fronts: dict[str, tuple[str, ...]]

    def of(self, values: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for value in values for name in self.fronts.get(value, ())))

    def apply(self, value: str, data: Sequence[str], tensors: Sequence[tuple[str, int]]) -> None:
        """A value that is made from data and tensors: each tensor comes behind the data, and behind the one before."""
        front = self.of(data)
        for name, size in tensors:
            if name in self.places:  # shared weights: a place of their own only at the first use
                front = (*front, name)
            else:
                self.places[name] = Place(name, size, front)
                front = (name,)
        self.fronts[value] = tuple(dict.fromkeys(front))


def places_of_network(uses: Sequence[NetworkUse], shapes: Mapping[str, tuple[int, ...]]) -> list[Place]:
    """The places of a network's tensors, in its order, with those of its inputs."""
    front = _Front({}, {})
    sources: dict[str, tuple[str, ...]] = {}
    for use in uses:
        if use.size:
            front.places[use.name] = Place(use.name, ("input", use.size), ())
            front.fronts[use.name] = (use.name,)
        elif use.is_source:
            sources[use.name] = use.tensors
        else:
            tensors = [name for taken in use.inputs for name in sources.get(taken, ())] + list(use.tensors)
            front.apply(use.name, [taken for taken in use.inputs if taken not in sources],
                        [(name, _size(shapes[name])) for name in tensors if name in shapes])
    return list(front.places.values())


def places_of_model(model: ModelFile, fixed: bool) -> list[Place]:
    """The places of a model's tensors and inputs; `fixed` counts constants that belong to no layer as well."""
    front = _Front({}, {})
    for value in model.inputs.values():
        size = 1
        for extent in value.dims:
            size *= extent
        front.places[value.uid] = Place(value.uid, ("input", size), ())
        front.fronts[value.uid] = (value.uid,)
    for node in model.nodes.values():
        tensors = [model.tensors[uid] for uid in node.inputs if uid in model.tensors]
        own = model.tensors.get(f"{node.uid}.value")  # a statistic of the training data
        counted = [t for t in tensors if fixed or t.learned or node.operation == STATISTICS] + ([own] if own else [])
        front.apply(node.uid, [uid for uid in node.inputs if uid not in model.tensors],
                    [(t.uid, t.size) for t in counted])
    return list(front.places.values())


def counted_tensors(model: ModelFile) -> dict[str, ModelTensor]:
    """Tensors that a network has to have: what is learned, and the statistics of layers; not the constants."""
    found = {}
    for uid, tensor in model.tensors.items():
        users = [model.nodes[user] for user in model.users.get(uid, ())]
        if tensor.learned or uid.endswith(".value") or any(user.operation == STATISTICS for user in users):
            found[uid] = tensor
    return found


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for extent in shape:
        size *= extent
    return size

"""The tensors of a model file and those of a network, each with its place in the graph, for matching them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from ...place_matching import Place
from ...weight_format import NetworkUse
from .model_file import ModelFile, ModelNode, ModelTensor
from .model_forms import layer_forms

#: The operation whose constants are tensors of a layer here, too.
STATISTICS = "BatchNormalization"
#: Operations without tensors that tell branches apart.
_POOLING = frozenset(("Pooling", "MaxPooling", "AveragePooling", "Unpooling"))


@dataclass
class _Front:
    """Where values come from: for each value the places that it was made from last.

    With `marks` poolings are places, and so is each value that is joined with others, by its number: without
    them two branches that differ in nothing else would look alike.
    """

    marks: bool
    places: dict[str, Place] = field(default_factory=dict)
    fronts: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def begin(self, name: str, size: int) -> None:
        """An input of the graph."""
        self.add(name, ("input", size), ())
        self.fronts[name] = (name,)

    def add(self, name: str, kind: Hashable, before: tuple[str, ...]) -> tuple[str, ...]:
        self.places[name] = Place(name, kind, before)
        return (name,)

    def apply(self, value: str, data: Sequence[str], tensors: Sequence[tuple[str, Hashable]], pools: bool,
              joins: bool) -> None:
        """A value that is made from data and tensors: each tensor comes behind the data, and behind the one before."""
        parts = [self.fronts.get(name, ()) for name in data]
        if joins and self.marks:
            parts = [self.add(f"{value}#{number}", ("joined", number), part) for number, part in enumerate(parts)]
        front = tuple(dict.fromkeys(name for part in parts for name in part))
        if pools and self.marks:
            front = self.add(f"{value}#", "pooling", front)
        for name, kind in tensors:
            # Shared weights: a place of their own only at the first use.
            front = (*front, name) if name in self.places else self.add(name, kind, front)
        self.fronts[value] = tuple(dict.fromkeys(front))


def places_of_network(uses: Sequence[NetworkUse], shapes: Mapping[str, tuple[int, ...]], marks: bool) -> list[Place]:
    """The places of a network's tensors, in its order, with those of its inputs."""
    front = _Front(marks)
    sources: dict[str, tuple[str, ...]] = {}
    for use in uses:
        if use.size:
            front.begin(use.name, use.size)
        elif use.is_source:
            sources[use.name] = use.tensors
        else:
            tensors = [name for taken in use.inputs for name in sources.get(taken, ())] + list(use.tensors)
            data = [taken for taken in use.inputs if taken not in sources]
            front.apply(use.name, data, [(name, _kind(shapes[name], use.family == "convolution"))
                                         for name in tensors if name in shapes],
                        pools=use.family == "pooling", joins=use.family == "shape" and len(data) > 1)
    return list(front.places.values())


def places_of_model(model: ModelFile, fixed: bool, marks: bool) -> list[Place]:
    """The places of a model's tensors and inputs; `fixed` counts constants that belong to no layer as well."""
    front = _Front(marks)
    for value in model.inputs.values():
        front.begin(value.uid, math.prod(value.dims))
    for node in model.nodes.values():
        tensors = [model.tensors[uid] for uid in node.inputs if uid in model.tensors]
        own = model.tensors.get(f"{node.uid}.value")  # a statistic of the training data
        counted = [t for t in tensors if fixed or t.learned or node.operation == STATISTICS] + ([own] if own else [])
        data = [uid for uid in node.inputs if uid not in model.tensors]
        front.apply(node.uid, data, [(t.uid, _model_kind(t, node)) for t in counted],
                    pools=node.operation in _POOLING, joins=node.operation == "Splice" and len(data) > 1)
    return list(front.places.values())


def _kind(shape: tuple[int, ...], filters: bool) -> Hashable:
    """What tells a tensor from others: how many numbers it has; filters have extents, which are of another order."""
    return shape if filters and len(shape) > 2 else math.prod(shape)


def _model_kind(tensor: ModelTensor, node: ModelNode) -> Hashable:
    if node.operation != "Convolution":
        return tensor.size
    form = next(layer_forms(tensor, node), None)
    return _kind(tensor.array().shape if form is None else form.shape, True)


def counted_tensors(model: ModelFile) -> dict[str, ModelTensor]:
    """Tensors that a network has to have: what is learned, and the statistics of layers; not the constants."""
    found = {}
    for uid, tensor in model.tensors.items():
        users = [model.nodes[user] for user in model.users.get(uid, ())]
        if tensor.learned or uid.endswith(".value") or any(user.operation == STATISTICS for user in users):
            found[uid] = tensor
    return found

"""What a model file of CNTK holds, of either format: a graph of operations with their options and tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...byte_reader import BadBytes

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ModelTensor:
    """Numbers that a model stores: a parameter, or a constant such as a running mean.

    `dims` are CNTK's, the fastest axis first. `array ()` turns them round, as CNTK's Python does: a matrix that
    CNTK calls `[out x in]` is an array of (in, out), filters `[w x h x in x out]` are (out, in, h, w).
    """

    uid: str
    path: str  #: its name with the names of the layers around it: `h.W`
    dims: tuple[int, ...]
    values: np.ndarray[Any, Any] | None  #: in the order of the file; None where the file has none
    kind: str  #: "float32"
    learned: bool
    at: int = 0  #: the byte where it begins

    @property
    def size(self) -> int:
        return math.prod(self.dims)

    def array(self) -> np.ndarray[Any, Any]:
        if self.values is None:
            raise BadBytes(self.at, f"`{self.path}` has no numbers")
        return self.values.reshape(tuple(reversed(self.dims)))


@dataclass(frozen=True)
class ModelInput:
    """A value that a sample brings. `axes` names its dynamic axes, without the batch: a sequence has one."""

    uid: str
    name: str
    dims: tuple[int, ...]
    axes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelNode:
    """An operation. `inputs` are uids of nodes, tensors and inputs; `layer` is the block that it is the result of."""

    uid: str
    name: str
    operation: str
    inputs: tuple[str, ...]
    options: Mapping[str, Any]
    at: int = 0
    layer: str = ""  #: what the block is called that it ends: `Dense`, `ClassificationError`


@dataclass(frozen=True)
class ModelFile:
    """A model, with its nodes in the order in which they are computed."""

    format: str  #: "v1" or "v2"
    version: int
    nodes: Mapping[str, ModelNode]
    tensors: Mapping[str, ModelTensor]
    inputs: Mapping[str, ModelInput]
    groups: Mapping[str, tuple[str, ...]]  #: uids by group: feature, label, criterion, evaluation, output

    @cached_property
    def users(self) -> dict[str, list[str]]:
        """Nodes that take a value, by its uid."""
        found: dict[str, list[str]] = {}
        for node in self.nodes.values():
            for uid in dict.fromkeys(node.inputs):
                found.setdefault(uid, []).append(node.uid)
        return found


@dataclass
class GraphParts:
    """A model as far as it is read. `finished` puts the nodes in order and refuses what is not there or circular."""

    format: str
    version: int
    nodes: dict[str, ModelNode] = field(default_factory=dict)
    tensors: dict[str, ModelTensor] = field(default_factory=dict)
    inputs: dict[str, ModelInput] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def finished(self) -> ModelFile:
        for node in self.nodes.values():
            for uid in node.inputs:
                if uid not in self.nodes and uid not in self.tensors and uid not in self.inputs:
                    raise BadBytes(node.at, f"`{node.uid}` takes `{uid}`, which the file does not have")
        ordered = {uid: self.nodes[uid] for uid in self._in_order()}
        return ModelFile(self.format, self.version, ordered, self.tensors, self.inputs, self.groups)

    def _in_order(self) -> Iterator[str]:
        """Nodes, each behind what it takes. A loop that no node delays cannot be computed: BadBytes."""
        done: set[str] = set()
        for start in self.nodes:
            waiting, open_nodes = [(start, False)], set[str]()
            while waiting:
                uid, left = waiting.pop()
                if left:
                    open_nodes.discard(uid)
                    done.add(uid)
                    yield uid
                    continue
                if uid in done or uid not in self.nodes:
                    continue
                if uid in open_nodes:
                    if self._delayed(open_nodes):
                        continue  # a recurrence: refused by name where the graph is used, its weights can be read
                    raise BadBytes(self.nodes[uid].at, f"`{uid}` needs itself to be computed")
                open_nodes.add(uid)
                waiting.append((uid, True))
                waiting += [(taken, False) for taken in reversed(self.nodes[uid].inputs)]

    def _delayed(self, uids: set[str]) -> bool:
        return any(self.nodes[uid].operation in ("PastValue", "FutureValue") for uid in uids)

"""The row of Caffe's weight files: blobs under a network's names, layer by layer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ...base.lazy import LazyModule
from ..weight_format import FoundArrays, StoredTensor, Wanted, WeightFormat
from .layer_rows import LAYER_TYPES
from .legal_names import legal_names
from .stored_blobs import WHAT, StoredLayer, read_layers

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

#: What a batch normalization's count of samples is where statistics are loaded: those of a long training.
_MANY_SAMPLES = 1e6


class CaffeModel(WeightFormat):
    """`.caffemodel`: a layer's blobs go to the layer of its name, as in Caffe; layers without blobs do not count."""

    name: ClassVar[str] = "caffe"
    title: ClassVar[str] = WHAT
    suffixes: ClassVar[tuple[str, ...]] = (".caffemodel",)

    def tensors(self, path: Path) -> list[StoredTensor]:
        return [StoredTensor(f"{layer.name}[{place}]", blob.shape, "float64" if blob.is_double else "float32")
                for layer in read_layers(path) for place, blob in enumerate(layer.blobs)]

    def arrays(self, path: Path) -> dict[str, np.ndarray[Any, Any]]:
        return {f"{layer.name}[{place}]": blob.array()
                for layer in read_layers(path) for place, blob in enumerate(layer.blobs)}

    def parts(self, path: Path) -> list[tuple[str, str, str]]:
        return [(layer.name, layer.type, "") for layer in read_layers(path)]

    def read(self, path: Path, wanted: Wanted) -> FoundArrays:
        layers = {layer.name: layer for layer in read_layers(path) if layer.blobs}
        found = FoundArrays()
        owners = owners_of(wanted)
        left: list[str] = []
        for name, legal in legal_names(layers).items():
            owner = owners.get(legal, owners.get(name))
            if owner is None:
                left.append(name)
                continue
            shapes = {full.rpartition(".")[2]: shape for full, shape in wanted.items() if full.startswith(f"{owner}.")}
            for own, (place, array) in arrays_of(layers[name], shapes).items():
                full = f"{owner}.{own}"
                found[full] = fitted(array, wanted.get(full))
                found.how[full] = f"{name}[{place}]", "by the names of layers"
            count = f"{owner}.running_count"
            if count in wanted and f"{owner}.running_mean" in found:
                found[count] = np.full(1, _MANY_SAMPLES, np.float32)
        # Layers that share weights are saved with a copy each; the network has the numbers once.
        found.left_out = tuple(name for name in left if not any(
            is_copy(layers[name], layers[other]) for other in layers if other not in left))
        return found


def is_copy(layer: StoredLayer, other: StoredLayer) -> bool:
    """Whether two layers hold the same numbers."""
    return len(layer.blobs) == len(other.blobs) and all(
        one.shape == two.shape and np.array_equal(one.array(), two.array())
        for one, two in zip(layer.blobs, other.blobs, strict=True))


def owners_of(wanted: Wanted) -> dict[str, str]:
    """Last part of a layer's name in the network -> the whole; not where two layers end alike."""
    found: dict[str, set[str]] = {}
    for full in wanted:
        owner = full.rpartition(".")[0]
        found.setdefault(owner.rpartition(".")[2], set()).add(owner)
        found.setdefault(owner, set()).add(owner)
    return {name: next(iter(owners)) for name, owners in found.items() if len(owners) == 1}


def arrays_of(layer: StoredLayer, wanted: Wanted) -> dict[str, tuple[int, np.ndarray[Any, Any]]]:
    """A layer's blobs by the names that its tensors have here, each with its place among the blobs."""
    blobs = [blob.array() for blob in layer.blobs]
    row = LAYER_TYPES.get(layer.type)
    if row is None or not row.tensors:  # a fork's layer: by place, so that the report can name them
        return {f"blob{place}": (place, blob) for place, blob in enumerate(blobs)}
    known = row.arrays(blobs, {**layer.options, "wanted": wanted})
    places = {own: place for place, own in enumerate(row.tensors)}
    found = {own: (places[own], array) for own, array in known.items()}
    extra = range(row.blobs_read or len(row.tensors), len(blobs))
    return found | {f"blob{place}": (place, blobs[place]) for place in extra}


def fitted(array: np.ndarray[Any, Any], shape: tuple[int, ...] | None) -> np.ndarray[Any, Any]:
    """Under the network's shape, where it has as many numbers and the same extents but for those of 1."""
    if shape is not None and math.prod(shape) == array.size and _plain(array.shape) == _plain(shape):
        return np.ascontiguousarray(array.reshape(shape))
    while array.ndim > max(1, len(shape or ())) and array.shape[0] == 1:
        array = array[0]
    return np.ascontiguousarray(array)


def _plain(shape: tuple[int, ...]) -> list[int]:
    return [extent for extent in shape if extent != 1]

"""neon's weights, `.p` and `.prm`: pickles of dictionaries and arrays, read without running anything in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ...base.array_pickle import NUMBERS, PickledArray, unpickled
from ...base.lazy import LazyModule
from ..byte_reader import bytes_of, read_failure
from ..weight_format import StoredTensor, Wanted, WeightFormat
from .in_order import arrays_in_order

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

_WHAT = "weights of neon"
#: What a layer's parameters are called, in the order of a layer here.
_OWN = ("W", "gamma", "beta", "gmean", "gvar")


class NeonWeights(WeightFormat):
    """What neon's `model.save_params` wrote, of both of its layouts."""

    name: ClassVar[str] = "neon"
    title: ClassVar[str] = _WHAT
    suffixes: ClassVar[tuple[str, ...]] = (".p", ".prm")

    def tensors(self, path: Path) -> list[StoredTensor]:
        return [StoredTensor(name, array.shape, array.dtype.name) for name, array in self.arrays(path).items()]

    def arrays(self, path: Path) -> dict[str, np.ndarray[Any, Any]]:
        data = bytes_of(path, _WHAT)
        try:
            content = unpickled(data, "latin1")
            return dict(_layers(content))
        except Exception as error:  # a pickle can be wrong in any way
            raise read_failure(path, _WHAT, str(error) or type(error).__name__,
                               "a pickle can run code when it is opened, so nothing but the arrays of neon's own "
                               "layout is read.") from None

    def read(self, path: Path, wanted: Wanted) -> dict[str, np.ndarray[Any, Any]]:
        found = self.arrays(path)
        ours = {name: shape for name, shape in wanted.items() if not name.endswith(".running_count")}
        result = arrays_in_order(found, ours, path)
        for name, shape in ours.items():
            array = found[result.how[name][0]]
            if len(shape) == 4 and array.ndim == 2:  # filters as [channels * height * width x maps]
                result[name] = np.ascontiguousarray(array.T).reshape(shape)
        for name, shape in wanted.items():
            if name not in ours:  # neon counts no samples; the statistics are there, so there were some
                result[name], result.how[name] = np.ones(shape, "f4"), ("1", "in order")
        return result


def _layers(content: Any) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """The arrays of each layer, in the order of the network."""
    if not isinstance(content, Mapping):
        raise ValueError("it holds no dictionary")
    listed = content.get("layer_params_states")
    layers = listed if listed is not None else content["model"]["config"]["layers"]
    for place, (layer, name) in enumerate(_flat(layers), 1):
        parameters = layer.get("params")
        if isinstance(parameters, PickledArray):
            parameters = {"W": parameters}
        if not isinstance(parameters, Mapping):
            continue
        for own in _OWN:
            block = parameters.get(own)
            if isinstance(block, PickledArray):
                yield f"{name or f'layer{place}'}.{own}", block.array(NUMBERS)


def _flat(layers: Any) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The layers within containers, each with its name."""
    waiting = list(reversed(layers))
    while waiting:
        layer = waiting.pop()
        if not isinstance(layer, Mapping):
            raise ValueError("a layer is no dictionary")
        given = layer.get("config")
        config: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        inner = config.get("layers")
        if isinstance(inner, list):
            waiting += reversed(inner)
        else:
            yield layer, str(config.get("name") or "")

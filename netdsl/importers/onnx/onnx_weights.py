"""The row of the table of weight files for ONNX models: the same translation, for its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...base.lazy import LazyModule
from ..weight_format import StoredTensor, Wanted, WeightFormat
from .onnx_messages import read_model
from .stored_tensors import KINDS
from .translation import translate_file

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")


class OnnxWeights(WeightFormat):
    """The initializers of a model, under the names of the imported network."""

    name = "onnx"
    title = "weights of an ONNX model"
    suffixes = (".onnx",)

    def read(self, path: Path, wanted: Wanted) -> dict[str, np.ndarray[Any, Any]]:
        return {name: np.array(array, "float32", order="C") for name, array in translate_file(path).weights.items()}

    def tensors(self, path: Path) -> list[StoredTensor]:
        return [StoredTensor(tensor.name, tensor.dims, np.dtype(KINDS.get(tensor.kind, "V2")).name)
                for tensor in read_model(path).tensors.values()]

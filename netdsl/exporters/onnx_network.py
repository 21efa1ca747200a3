"""An ONNX model that runs: tensors by input name -> tensors by node name, as an Executable does it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..base.codes import Code
from ..base.failure import failure
from ..base.source import Span
from ..layers.layer import Shape
from ..layers.sources import as_numbers
from .export_format import require_modules


class OnnxNetwork:
    """A session of onnxruntime as a network. `names`: the model's outputs -> nodes of the network."""

    def __init__(self, session: Any, names: Mapping[str, str], inputs: Mapping[str, Shape]) -> None:
        self.session = session
        self.names, self.inputs = dict(names), dict(inputs)

    def __call__(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        given = {name: _array(tensors[name], shape) for name, shape in self.inputs.items()}
        arrays = self.session.run(list(self.names), given)
        return {node: torch.from_numpy(array) for node, array in zip(self.names.values(), arrays, strict=True)}


def _array(tensor: torch.Tensor, shape: Shape) -> np.ndarray:
    """What the model takes: float32 of the input's shape; class numbers as shares of the classes."""
    return np.ascontiguousarray(as_numbers(tensor.cpu(), shape, torch.float32).float().numpy())


def open_session(model: Path | bytes) -> Any:
    """A model in a file or in memory, opened by onnxruntime. Raises Failure."""
    require_modules(("onnxruntime",), "to compute an ONNX model", "onnxruntime")
    import onnxruntime

    given = str(model) if isinstance(model, Path) else model
    name = str(model) if isinstance(model, Path) else "model"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base
        said = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise failure(Code.NO_FILE, "onnxruntime cannot open this model", Span.nowhere(name),
                      body=(f"It says: {said}",),
                      hint="check that the file is a whole ONNX model, and that onnxruntime is not older than its "
                           "operators (the opset).") from error

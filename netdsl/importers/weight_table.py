"""The table of weight files: a row for each kind that is read besides our own checkpoints and safetensors."""

from __future__ import annotations

from pathlib import Path

from .arrays.neon_weights import NeonWeights
from .arrays.numpy_weights import NumPyArchive
from .arrays.torch_weights import TorchStateDict
from .caffe.caffe_weights import CaffeModel
from .cntk.models.model_weights import CNTKModel
from .darknet.darknet_weights import DarknetWeights
from .onnx.onnx_weights import OnnxWeights
from .weight_format import WeightFormat

WEIGHT_FORMATS: tuple[WeightFormat, ...] = (
    CNTKModel(),
    CaffeModel(),
    DarknetWeights(),
    OnnxWeights(),
    NeonWeights(),
    NumPyArchive(),
    TorchStateDict(),
)

#: How much of a file is looked at to see what it is.
_START = 1 << 10


def weight_format_of(path: Path) -> WeightFormat | None:
    """The row that reads a file, by the end of its name, else by how it begins; None for our own files."""
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return None
    by_name = next((row for row in WEIGHT_FORMATS if suffix in row.suffixes), None)
    return by_name if by_name is not None or not path.is_file() else _by_content(path)


def _by_content(path: Path) -> WeightFormat | None:
    try:
        with path.open("rb") as file:
            start = file.read(_START)
    except OSError:
        return None
    return next((row for row in WEIGHT_FORMATS if row.recognises(start)), None)

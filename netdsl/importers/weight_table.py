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

#: Files of weights that are not read, by the end of their name, and what to do with them.
_CONVERTED = {
    **dict.fromkeys((".h5", ".hdf5", ".keras"), "netdsl does not read HDF5. Where Keras runs, save the arrays: "
                    "`numpy.savez ('weights.npz', **{w.path: w.numpy () for w in model.weights})`, and name them with "
                    "--map."),
    **dict.fromkeys((".pkl", ".pickle", ".ckpt", ".bin", ".joblib"), "files of this kind can run code when they are "
                    "opened, so they never are: save the tensors as safetensors where you trust the file."),
    ".onnx": "an ONNX model is a network: `netdsl import` writes it with its weights.",
}

#: How much of a file is looked at to see what it is.
_START = 1 << 10


def weight_format_of(path: Path) -> WeightFormat | None:
    """The row that reads a file, by the end of its name, else by how it begins; None for our own files."""
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return None
    by_name = next((row for row in WEIGHT_FORMATS if suffix in row.suffixes), None)
    return by_name if by_name is not None or not path.is_file() else _by_content(path)


def other_weights_hint(path: Path) -> str:
    """What to do with a file of weights that no row reads."""
    endings = [suffix for row in WEIGHT_FORMATS for suffix in row.suffixes]
    return _CONVERTED.get(path.suffix.lower()) or \
        f"name a run's folder, a checkpoint, or a file that ends in .safetensors, {', '.join(endings)}."


def _by_content(path: Path) -> WeightFormat | None:
    try:
        with path.open("rb") as file:
            start = file.read(_START)
    except OSError:
        return None
    return next((row for row in WEIGHT_FORMATS if row.recognises(start)), None)

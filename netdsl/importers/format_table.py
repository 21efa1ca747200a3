"""The table of formats: a row for each kind of file that is read besides `.net`."""

from __future__ import annotations

from pathlib import Path, PurePath

from .caffe.caffe_format import CaffeNet
from .cntk.cntk_config import CNTKConfig
from .cntk.models.model_network import CNTKModelGraph
from .cntk.ndl.mel import MELFile
from .cntk.ndl.ndl_file import NDLFile
from .darknet.darknet_format import Darknet
from .import_format import ImportFormat
from .onnx.onnx_format import OnnxModel
from .weight_table import WEIGHT_FORMATS

FORMATS: tuple[ImportFormat, ...] = (
    CNTKConfig(),
    NDLFile(),
    MELFile(),
    CaffeNet(),
    Darknet(),
    CNTKModelGraph(),
    OnnxModel(),
)


def format_of(name: str, text: str) -> ImportFormat | None:
    """The row that reads a file, by the end of its name, else by its text; None for a `.net` file."""
    suffix = PurePath(name).suffix.lower()
    if suffix == ".net":
        return None
    by_name = next((row for row in FORMATS if suffix in row.suffixes), None)
    if by_name is None and not text:
        return _by_start(name)
    return by_name or next((row for row in FORMATS if not row.binary and row.recognises(text)), None)


def is_binary(name: str) -> bool:
    """Whether a file has no text to read, by the end of its name, else by how it begins."""
    suffix = PurePath(name).suffix.lower()
    return suffix != ".net" and (any(row.binary and suffix in row.suffixes for row in FORMATS)
                                 or _by_start(name) is not None)


def _by_start(name: str) -> ImportFormat | None:
    """The row of a binary file whose name says nothing."""
    try:
        with Path(name).open("rb") as file:
            start = file.read(1 << 10)
    except OSError:
        return None
    return next((row for row in FORMATS if row.binary and row.begins(start)), None)


def parts_of(name: str) -> tuple[str, ...]:
    """The files that a name such as `a.cntk+b.cntk` means together, where its format reads several as one."""
    suffix = PurePath(name).suffix.lower()
    several = "+" in name and any(row.joins and suffix in row.suffixes for row in FORMATS)
    return tuple(name.split("+")) if several else ()


#: How files begin that are no text, and what they are.
_MAGIC = ((b"BM", "a picture (BMP)"), (b"\x89PNG", "a picture (PNG)"), (b"\xff\xd8", "a picture (JPEG)"),
          (b"GIF8", "a picture (GIF)"), (b"\x1f\x8b", "packed (gzip)"), (b"PK\x03\x04", "a zip archive"),
          (b"B\0C\0N\0", "a model of CNTK, with weights"), (b"\xff\xfe", "UTF-16 text"), (b"\xfe\xff", "UTF-16 text"))


def kind_of(path: str) -> str:
    """What a file is that is no text, by its first bytes: "a picture (BMP)"; empty where they do not say."""
    with open(path, "rb") as stream:
        head = stream.read(8)
    row = next((row for row in WEIGHT_FORMATS if PurePath(path).suffix.lower() in row.suffixes), None)
    return row.title if row is not None else \
        next((what for magic, what in _MAGIC if head.startswith(magic)), "")

"""The numbers of an ONNX file's tensors, from the file or from files beside it."""

from __future__ import annotations

from math import prod
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ...base.lazy import LazyModule
from ..byte_reader import BadBytes
from .onnx_messages import StoredTensorInfo, unreadable

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

#: onnx's number of a type -> numpy's name of it.
KINDS = {1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8", 12: "<u4",
         13: "<u8"}
_BFLOAT16 = 16
#: Numbers that a constant may be computed with; larger ones are weights.
LARGEST_CONSTANT = 1 << 26


def array_of(tensor: StoredTensorInfo, path: Path) -> np.ndarray[Any, Any]:
    """A tensor's numbers in its shape. Raises Failure where they are not there."""
    if tensor.kind not in KINDS and tensor.kind != _BFLOAT16:
        raise unreadable(path, f"the tensor `{tensor.name}` is of kind {tensor.kind}, which are no numbers",
                         "only tensors of numbers can be read.")
    size = prod(tensor.dims)
    try:
        numbers = _numbers(tensor, size, path)
    except BadBytes as error:
        raise unreadable(path, str(error)) from None
    if len(numbers) != size:
        raise unreadable(path, f"the tensor `{tensor.name}` of {size:,} numbers has {len(numbers):,}")
    return numbers.reshape(tensor.dims)


def _numbers(tensor: StoredTensorInfo, size: int, path: Path) -> np.ndarray[Any, Any]:
    kind = KINDS.get(tensor.kind, "<u2")
    if tensor.external:
        return _typed(_beside(tensor, size * np.dtype(kind).itemsize, path), tensor, path)
    if tensor.raw is not None:
        return _typed(tensor.raw, tensor, path)
    parts = []
    for part in tensor.packed:
        if part.number in (4, 10):
            parts.append(part.floats_of("<f4" if part.number == 4 else "<f8", "numbers"))
        else:
            values = [value - (1 << 64) if value >= 1 << 63 else value for value in part.numbers_of("numbers", size)]
            parts.append(np.array(values, "<i8"))
    joined = np.concatenate(parts) if parts else np.zeros(0, kind)
    if tensor.kind in (10, _BFLOAT16) and joined.dtype.kind == "i":  # the bits of halves, as whole numbers
        return _typed(memoryview(joined.astype("<u2").tobytes()), tensor, path)
    return joined.astype(kind)


def _typed(raw: memoryview, tensor: StoredTensorInfo, path: Path) -> np.ndarray[Any, Any]:
    kind = np.dtype(KINDS.get(tensor.kind, "<u2"))
    if len(raw) % kind.itemsize:
        raise unreadable(path, f"the tensor `{tensor.name}` has {len(raw):,} bytes, no multiple of {kind.itemsize}")
    numbers = np.frombuffer(raw, kind)
    if tensor.kind == _BFLOAT16:
        return (numbers.astype("<u4") << 16).view("<f4")
    return numbers


def _beside(tensor: StoredTensorInfo, size: int, path: Path) -> memoryview:
    """The bytes that a file beside the model holds; the file has to lie in the model's folder or below."""
    place = PurePosixPath(tensor.external.get("location", "").replace("\\", "/"))
    if not place.parts or place.is_absolute() or ".." in place.parts or ":" in place.parts[0]:
        raise unreadable(path, f"the tensor `{tensor.name}` is said to be in `{place}`, outside the model's folder",
                         "put the file with the weights beside the model.")
    try:
        offset = int(tensor.external.get("offset") or 0)
        length = int(tensor.external.get("length") or size)
        if offset < 0 or length < 0 or length > size:
            raise ValueError
    except ValueError:
        raise unreadable(path, f"the place of the tensor `{tensor.name}` is {dict(tensor.external)}") from None
    try:
        with (path.parent / place).open("rb") as file:
            file.seek(offset)
            return memoryview(file.read(length))
    except OSError as error:
        raise unreadable(path, f"the weights in `{place}`: {error.strerror or error}",
                         f"put `{place}` beside the model.") from None

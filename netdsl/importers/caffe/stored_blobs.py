"""Binary files of Caffe: nets with their weights (`.caffemodel`) and single blobs (`.binaryproto`).

A net is a message with the layers in field 100 (today's), 2 (the older form), and in the first form one more level
down. A blob has its numbers in field 5 (float) or 8 (double) and its extents in field 7, in older files in 1 to 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...base.lazy import LazyModule
from ..byte_reader import BadBytes, ByteReader, bytes_of, read_failure
from ..wire_format import VARINT, Field, fields, varint
from .old_layers import FIRST_FORM_TYPES, SECOND_FORM_TYPES

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

WHAT = "weights of Caffe"
_NUMBERED = dict(SECOND_FORM_TYPES.values())
#: Field of a layer that holds an InnerProduct's options, and in these the one for a transposed matrix.
_INNER_PRODUCT, _TRANSPOSE = 117, 6


@dataclass(frozen=True)
class StoredBlob:
    """Numbers and extents, as the file has them."""

    shape: tuple[int, ...]
    numbers: Any  #: a numpy array of one axis
    is_double: bool = False

    def array(self) -> np.ndarray[Any, Any]:
        return self.numbers.astype(np.float32).reshape(self.shape)  # type: ignore[no-any-return]


@dataclass
class StoredLayer:
    """A layer of a binary net, as far as its weights are concerned."""

    name: str = ""
    type: str = ""
    blobs: list[StoredBlob] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def read_layers(path: Path) -> list[StoredLayer]:
    """The layers of a `.caffemodel`, in its order. Raises Failure."""
    data = bytes_of(path, WHAT)
    try:
        return layers_of_bytes(data)
    except BadBytes as error:
        raise read_failure(path, WHAT, str(error)) from None


def read_blob(path: Path) -> StoredBlob:
    """A single blob: a `.binaryproto`. Raises Failure."""
    data = bytes_of(path, "a blob of Caffe")
    try:
        return _blob(ByteReader(memoryview(data)), "")
    except BadBytes as error:
        raise read_failure(path, "a blob of Caffe", str(error)) from None


def layers_of_bytes(data: bytes) -> list[StoredLayer]:
    """The layers of a net in protobuf's binary form. Raises BadBytes."""
    found: list[StoredLayer] = []
    for each in fields(ByteReader(memoryview(data)), "the net"):
        if each.number == 100:
            found.append(_layer(each.message("a layer")))
        elif each.number == 2:
            found.append(_old_layer(each.message("a layer")))
        elif each.number == 1:
            each.text_of("the name of the net")
    if not found:
        raise BadBytes(0, "there is no layer in it")
    return found


def _layer(reader: ByteReader) -> StoredLayer:
    layer = StoredLayer()
    for each in fields(reader, "a layer"):
        if each.number == 1:
            layer.name = each.text_of("the name of a layer")
        elif each.number == 2:
            layer.type = each.text_of("the type of a layer")
        elif each.number == 7:
            layer.blobs.append(_blob(each.message("a blob"), layer.name))
        elif each.number == _INNER_PRODUCT:
            for option in fields(each.message("the options of a layer"), "the options of a layer"):
                if option.number == _TRANSPOSE:
                    layer.options["transpose"] = bool(option.number_of("`transpose`"))
    return layer


def _old_layer(reader: ByteReader) -> StoredLayer:
    """A layer of the older form, or a connection of the first."""
    layer = StoredLayer()
    for each in fields(reader, "a layer"):
        if each.number == 4:
            layer.name = each.text_of("the name of a layer")
        elif each.number == 5:
            code = each.number_of("the type of a layer")
            layer.type = _NUMBERED.get(code, f"type {code}")
        elif each.number == 6:
            layer.blobs.append(_blob(each.message("a blob"), layer.name))
        elif each.number == 1:
            _first_form(each.message("a layer"), layer)
    return layer


def _first_form(reader: ByteReader, layer: StoredLayer) -> None:
    for each in fields(reader, "a layer"):
        if each.number == 1:
            layer.name = each.text_of("the name of a layer")
        elif each.number == 2:
            kind = each.text_of("the type of a layer")
            layer.type = FIRST_FORM_TYPES.get(kind, kind)
        elif each.number == 50:
            layer.blobs.append(_blob(each.message("a blob"), layer.name))


def _blob(reader: ByteReader, owner: str) -> StoredBlob:
    what = f"a blob of `{owner}`" if owner else "a blob"
    start, old, shape = reader.at, dict[int, int](), list[int]()
    floats: list[Any] = []
    doubles: list[Any] = []
    for each in fields(reader, what):
        if each.number in (1, 2, 3, 4) and each.kind == VARINT:
            old[each.number] = each.signed_of(f"an extent of {what}")
        elif each.number == 7:
            shape += _dims(each, what)
        elif each.number == 5:
            floats.append(each.floats_of("<f4", f"the numbers of {what}"))
        elif each.number == 8:
            doubles.append(each.floats_of("<f8", f"the numbers of {what}"))
    parts = doubles or floats
    numbers = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if not shape:
        shape = [old.get(number, 0) for number in (1, 2, 3, 4)] if old else [len(numbers)]
    if any(extent < 0 for extent in shape) or math.prod(shape) != len(numbers):
        extents = " x ".join(map(str, shape))
        raise BadBytes(start, f"{what} should have {extents} numbers, and has {len(numbers):,}")
    return StoredBlob(tuple(shape), numbers, bool(doubles))


def _dims(each: Field, what: str) -> list[int]:
    """The extents in a BlobShape, together in one field or each in its own."""
    found: list[int] = []
    for dim in fields(each.message(f"the extents of {what}"), f"the extents of {what}"):
        if dim.number != 1:
            continue
        if dim.kind == VARINT:
            found.append(dim.signed_of(f"an extent of {what}"))
            continue
        inner = dim.message(f"the extents of {what}")
        while inner.left:
            value = varint(inner, f"an extent of {what}")
            found.append(value - (1 << 64) if value >= 1 << 63 else value)
            if len(found) > 64:
                raise BadBytes(dim.at, f"{what} has more than 64 axes")
    return found

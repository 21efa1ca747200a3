"""A small writer of CNTK 2's model files, for tests: dictionaries as protocol buffers, after CNTK.proto."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netdsl.importers.cntk.models.dictionary_format import OPERATIONS

_KINDS = {"float32": 1, "float64": 2, "float16": 4}


class Shape(tuple[int, ...]):
    """Extents in CNTK's order."""


class Axis(tuple[int, str]):
    """A static axis from 0, or a dynamic one."""

    @staticmethod
    def static(index: int) -> Axis:
        return Axis((index, f"staticAxisIdx={index}"))


def varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def _shape(dims: Sequence[int]) -> bytes:
    return message(1, b"".join(map(varint, dims))) if dims else b""


def _array(array: np.ndarray, outside: list[bytes] | None) -> bytes:
    kind = _KINDS[array.dtype.name]
    head = whole(1, kind) + message(3, _shape(tuple(reversed(array.shape))))
    if outside is not None:
        outside.append(array.tobytes())
        return head
    plain = array.astype("<f4") if kind == 4 else array
    return head + message(5 if kind == 2 else 4, message(1, plain.tobytes()))


def value(item: Any, outside: list[bytes] | None) -> bytes:
    """A DictionaryValue."""
    if isinstance(item, bool):
        kind, content = 1, whole(3, item)
    elif isinstance(item, int):
        kind, content = 3, whole(5, item)
    elif isinstance(item, float):
        kind, content = 5, varint(7 << 3 | 1) + struct.pack("<d", item)
    elif isinstance(item, str):
        kind, content = 6, message(8, item.encode())
    elif isinstance(item, Shape):
        kind, content = 7, message(9, _shape(item))
    elif isinstance(item, Axis):
        kind, content = 8, message(10, whole(1, item[0]) + message(2, item[1].encode()))
    elif isinstance(item, np.ndarray):
        kind, content = 11, message(13, _array(item, outside))
    elif isinstance(item, Mapping):
        kind, content = 10, message(12, dictionary(item, outside))
    else:
        kind, content = 9, message(11, b"".join(message(1, value(part, outside)) for part in item))
    return whole(1, 2) + whole(2, kind) + content


def dictionary(entries: Mapping[str, Any], outside: list[bytes] | None = None) -> bytes:
    return whole(1, 2) + b"".join(message(2, message(1, key.encode()) + message(2, value(item, outside)))
                                  for key, item in entries.items())


def file_of(entries: Mapping[str, Any], split: bool = False) -> bytes:
    """A file; `split` puts the arrays behind the dictionary, as CNTK does above 2 GB."""
    if not split:
        return dictionary(entries)
    outside: list[bytes] = []
    body = dictionary(entries, outside)
    return b"ktnc" + struct.pack("<I", len(body)) + body + b"".join(outside)


def variable(uid: str, kind: int, dims: Sequence[int], array: np.ndarray | None = None, name: str = "",
             axes: Sequence[str] = ("defaultBatchAxis",)) -> dict[str, Any]:
    """An input (0), a parameter (2), a constant (3) or a placeholder (4)."""
    entry: dict[str, Any] = {"uid": uid, "kind": kind, "shape": Shape(dims), "name": name, "type": "Variable",
                             "dynamic_axis": [Axis((2147483647, axis)) for axis in axes]}
    return entry | ({"value": array} if array is not None else {})


def function(uid: str, operation: str, inputs: Sequence[str], name: str = "", **attributes: Any) -> dict[str, Any]:
    return {"uid": uid, "op": OPERATIONS.index(operation), "type": "PrimitiveFunction", "version": 24, "name": name,
            "inputs": list(inputs), "attributes": attributes}


def model(variables: Sequence[dict[str, Any]], functions: Sequence[dict[str, Any]], root: str) -> dict[str, Any]:
    return {"type": "CompositeFunction", "version": 3, "root": root, "uid": "CompositeFunction1", "name": "",
            "inputs": list(variables), "primitive_functions": list(functions)}

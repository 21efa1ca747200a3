"""The values of a v2 model file: dictionaries, lists, numbers, texts, shapes and arrays, as protocol buffers.

The messages are those of CNTK's public CNTK.proto. A file whose arrays take more than 2 GB begins with a
mark and the length of the dictionary, and has the arrays' bytes behind it, in turn.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ....base.lazy import LazyModule
from ...byte_reader import BadBytes, ByteReader
from ...wire_format import FIXED32, FIXED64, Field, fields

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

#: What a file begins with whose arrays stand behind the dictionary.
SPLIT = b"ktnc"
#: Dictionaries within each other; CNTK's own files have about ten.
DEEPEST = 60
#: Axes of a shape.
MOST_AXES = 64

#: CNTK's number of a type of elements -> numpy's, and how many bytes one takes where arrays stand behind.
_KINDS = {1: "<f4", 2: "<f8", 4: "<f2", 5: "<i1", 6: "<i2"}


@dataclass(frozen=True)
class Axis:
    """A static axis, by its number, or a dynamic one, by its name."""

    index: int
    name: str


@dataclass
class Array:
    """Numbers with their extents, CNTK's order; `values` are in the order of the file, None until they are found."""

    at: int
    kind: str
    dims: tuple[int, ...]
    values: np.ndarray[Any, Any] | None


class DictionaryReader:
    """Reads one file: what it has met of arrays has to be known for those that stand behind the dictionary."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._outside: list[Array] = []

    def read(self) -> dict[str, Any]:
        reader = ByteReader(self._data)
        if bytes(self._data[:4]) == SPLIT:
            reader.take(4, "the mark")
            length = reader.uint32("the length of the dictionary")
            body = ByteReader(self._data, reader.at, reader.at + length)
            reader.take(length, "the dictionary")
            found = self._dictionary(body, 0)
            for array in self._outside:
                size = np.dtype(array.kind).itemsize * math.prod(array.dims)
                array.values = np.frombuffer(reader.take(size, "an array"), array.kind)
            return found
        found = self._dictionary(reader, 0)
        if self._outside:
            array = self._outside[0]
            raise BadBytes(array.at, f"an array of {math.prod(array.dims):,} numbers has another number of them")
        return found

    def _dictionary(self, reader: ByteReader, depth: int) -> dict[str, Any]:
        if depth > DEEPEST:
            raise BadBytes(reader.at, f"dictionaries stand within each other more than {DEEPEST} deep")
        found: dict[str, Any] = {"#at": reader.at}
        for field in fields(reader, "a dictionary"):
            if field.number != 2:
                continue
            key, value = "", None
            for part in fields(field.message("an entry of a dictionary"), "an entry of a dictionary"):
                if part.number == 1:
                    key = part.text_of("the key of an entry")
                elif part.number == 2:
                    value = self._value(part.message(f"`{key}`"), depth + 1)
            found[key] = value
        return found

    def _value(self, reader: ByteReader, depth: int) -> Any:
        if depth > DEEPEST:
            raise BadBytes(reader.at, f"values stand within each other more than {DEEPEST} deep")
        kind, found = 0, None
        for field in fields(reader, "a value"):
            if field.number == 2:
                kind = field.number_of("the type of a value")
            elif field.number > 2:
                found = self._content(field, depth)
        # Protocol buffers leave out what is 0: then only the type says what it is.
        return {1: False, 2: 0, 3: 0, 4: 0.0, 5: 0.0, 6: "", 7: (), 9: []}.get(kind) if found is None else found

    def _content(self, field: Field, depth: int) -> Any:
        match field.number:
            case 3:
                return bool(field.number_of("a truth value"))
            case 4:
                return field.signed_of("a number")
            case 5:
                return field.number_of("a size")
            case 6:
                field.require(FIXED32, "a number")
                return struct.unpack("<f", field.content.take(4, "a number"))[0]
            case 7:
                field.require(FIXED64, "a number")
                return struct.unpack("<d", field.content.take(8, "a number"))[0]
            case 8:
                return field.text_of("a text")
            case 9:
                return _shape(field)
            case 10:
                return _axis(field)
            case 11:
                return [self._value(item.message("an item of a list"), depth + 1)
                        for item in fields(field.message("a list"), "a list") if item.number == 1]
            case 12:
                return self._dictionary(field.message("a dictionary"), depth + 1)
            case 13:
                return self._array(field)
        return None

    def _array(self, outer: Field) -> Array:
        kind, sparse, dims = 0, 0, tuple[int, ...]()
        parts: list[np.ndarray[Any, Any]] = []
        for field in fields(outer.message("an array"), "an array"):
            if field.number == 1:
                kind = field.number_of("the type of an array")
            elif field.number == 2:
                sparse = field.number_of("the storage of an array")
            elif field.number == 3:
                dims = _shape(field)
            elif field.number in (4, 5, 6, 7):
                parts += _numbers(field)
        if kind not in _KINDS:
            raise BadBytes(outer.at, f"an array has elements of type {kind}, which there is not")
        if sparse:
            raise BadBytes(outer.at, "an array is stored as a sparse matrix, which is not supported")
        values = np.concatenate(parts).astype(_KINDS[kind], copy=False) if parts else np.zeros(0, _KINDS[kind])
        array = Array(outer.at, _KINDS[kind], dims, values)
        if values.size != math.prod(dims):
            array.values = None
            self._outside.append(array)
        return array


def _numbers(outer: Field) -> list[np.ndarray[Any, Any]]:
    found: list[np.ndarray[Any, Any]] = []
    for field in fields(outer.message("the numbers of an array"), "the numbers of an array"):
        if field.number != 1:
            continue
        if outer.number in (4, 5):
            found.append(field.floats_of("<f4" if outer.number == 4 else "<f8", "the numbers of an array"))
        elif outer.number == 6:
            found.append(np.frombuffer(field.bytes_of("the numbers of an array"), "<i1"))
        else:
            zigzag = np.array(field.numbers_of("the numbers of an array", most=1 << 24), dtype=np.uint64)
            found.append((zigzag >> np.uint64(1)).astype(np.int64) * np.where(zigzag & np.uint64(1), -1, 1)
                         - (zigzag & np.uint64(1)).astype(np.int64))
    return found


def _shape(outer: Field) -> tuple[int, ...]:
    dims: list[int] = []
    for field in fields(outer.message("a shape"), "a shape"):
        if field.number == 1:
            dims += [value - (1 << 64) if value >> 63 else value  # a negative one is yet to be inferred
                     for value in field.numbers_of("the extents of a shape", MOST_AXES)]
        if len(dims) > MOST_AXES:
            raise BadBytes(outer.at, f"a shape has more than {MOST_AXES} axes")
    return tuple(dims)


def _axis(outer: Field) -> Axis:
    index, name = 0, ""
    for field in fields(outer.message("an axis"), "an axis"):
        if field.number == 1:
            index = field.signed_of("the number of an axis")
        elif field.number == 2:
            name = field.text_of("the name of an axis")
    return Axis(index, name)

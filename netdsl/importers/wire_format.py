"""Protocol buffers' wire format: fields of a message, one after the other, each with its number and its kind.

Own code, so that nothing is imported; every length is compared with what is left of the message around it.
Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..base.lazy import LazyModule
from .byte_reader import BadBytes, ByteReader

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_KINDS = {VARINT: "a whole number", FIXED64: "eight bytes", BYTES: "bytes with a length", FIXED32: "four bytes"}


class Field:
    """One field of a message: its number, its kind, and where its content is."""

    __slots__ = ("at", "content", "kind", "number", "value")

    def __init__(self, number: int, kind: int, at: int, value: int, content: ByteReader) -> None:
        self.number, self.kind, self.at = number, kind, at
        self.value = value  #: of a whole number
        self.content = content  #: of everything else

    def require(self, kind: int, what: str) -> None:
        if self.kind != kind:
            raise BadBytes(self.at, f"{what} should be {_KINDS[kind]}, and is {_KINDS[self.kind]}")

    def number_of(self, what: str) -> int:
        self.require(VARINT, what)
        return self.value

    def signed_of(self, what: str) -> int:
        """A number of 64 bits with its sign."""
        value = self.number_of(what)
        return value - (1 << 64) if value >= 1 << 63 else value

    def message(self, what: str) -> ByteReader:
        self.require(BYTES, what)
        return ByteReader(self.content.data, self.content.at, self.content.end)

    def bytes_of(self, what: str) -> memoryview:
        reader = self.message(what)
        return reader.take(reader.left, what)

    def text_of(self, what: str) -> str:
        try:
            return bytes(self.bytes_of(what)).decode("utf-8")
        except UnicodeDecodeError:
            raise BadBytes(self.at, f"{what} is no text") from None

    def numbers_of(self, what: str, most: int = 1 << 16) -> list[int]:
        """Whole numbers, together in one field or this one alone."""
        if self.kind == VARINT:
            return [self.value]
        reader, found = self.message(what), []
        while reader.left:
            found.append(varint(reader, what))
            if len(found) > most:
                raise BadBytes(self.at, f"{what} are more than {most:,}")
        return found

    def floats_of(self, kind: str, what: str) -> np.ndarray[Any, Any]:
        """Floating-point numbers (`<f4`, `<f8`), together in one field or this one alone."""
        width = int(kind[-1])
        if self.kind == BYTES:
            content = self.bytes_of(what)
            if len(content) % width:
                raise BadBytes(self.at, f"{what} take {len(content):,} bytes, which {width} does not divide")
            return np.frombuffer(content, kind)
        self.require(FIXED32 if width == 4 else FIXED64, what)
        return np.frombuffer(self.content.take(self.content.left, what), kind)


def varint(reader: ByteReader, what: str) -> int:
    """A whole number: seven bits a byte, the lowest first; at most ten bytes."""
    at, value = reader.at, 0
    for shift in range(0, 70, 7):
        byte = reader.take(1, what)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF
    raise BadBytes(at, f"{what} has no end")


def fields(reader: ByteReader, what: str) -> Iterator[Field]:
    """The fields of a message. Raises BadBytes for one that reaches beyond its end."""
    while reader.left:
        at = reader.at
        key = varint(reader, what)
        number, kind = key >> 3, key & 7
        if number == 0 or kind not in _KINDS:
            raise BadBytes(at, f"{what} has a field of number {number} and kind {kind}, which there is not")
        if kind == VARINT:
            yield Field(number, kind, at, varint(reader, what), ByteReader(reader.data, reader.at, reader.at))
            continue
        size = {FIXED64: 8, FIXED32: 4}[kind] if kind != BYTES else varint(reader, what)
        start = reader.at
        reader.take(size, f"a part of {what}")
        yield Field(number, kind, at, 0, ByteReader(reader.data, start, start + size))

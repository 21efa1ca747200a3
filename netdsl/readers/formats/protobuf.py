"""Fields of a protocol buffer, for the small messages that data files hold."""

from __future__ import annotations

from collections.abc import Iterator


def fields_of(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Number, wire type and content (a varint as eight little-endian bytes) of each field. Raises ValueError."""
    position = 0
    while position < len(data):
        tag, position = varint(data, position)
        wire = tag & 7
        if wire == 0:
            number, position = varint(data, position)
            yield tag >> 3, wire, (number & (2**64 - 1)).to_bytes(8, "little")
            continue
        if wire == 2:
            length, position = varint(data, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"byte {position} is not that of a protocol buffer")
        if position + length > len(data):
            raise ValueError(f"it ends within a field at byte {position}")
        yield tag >> 3, wire, data[position : position + length]
        position += length


def varint(data: bytes, position: int) -> tuple[int, int]:
    """A number of variable length, and the place behind it. Raises ValueError."""
    value = shift = 0
    while True:
        if position >= len(data):
            raise ValueError(f"it ends within a number at byte {position}")
        byte = data[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position
        if shift > 63:
            raise ValueError(f"byte {position} is not that of a protocol buffer")

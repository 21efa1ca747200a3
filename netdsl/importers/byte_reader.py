"""Bytes of a file of another system, read in turn: every size is compared with what is left of the file."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span

#: Characters of the longest name or text in a binary file.
LONGEST_TEXT = 1 << 16


class BadBytes(Exception):
    """What is wrong with a binary file, and at which byte."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(f"at byte {at:,}: {what}")
        self.at, self.what = at, what


def read_failure(path: Path, what: str, why: str, hint: str = "") -> Failure:
    """The page about a file that cannot be read; `what` says what it should be: "a model file of CNTK"."""
    return failure(Code.CHECKPOINT_MISMATCH, f"`{path.name}` cannot be read as {what}", Span.nowhere(str(path)),
                   body=(f"Reading says: {why}.",),
                   hint=hint or "copy the file again if it was cut off on the way; its size in bytes tells.")


def bytes_of(path: Path, what: str) -> bytes:
    """All of a file. Raises Failure where it cannot be opened."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise read_failure(path, what, error.strerror or type(error).__name__, "look at its path and its "
                           "permissions.") from None


@dataclass
class ByteReader:
    """A place in some bytes, little-endian; `end` is the byte behind the last that may be read."""

    data: memoryview
    at: int = 0
    end: int = -1

    def __post_init__(self) -> None:
        if self.end < 0:
            self.end = len(self.data)

    @property
    def left(self) -> int:
        return self.end - self.at

    def take(self, size: int, what: str) -> memoryview:
        """The next bytes. Raises BadBytes where there are fewer."""
        if size > self.left:
            raise BadBytes(self.at, f"{what} should be {size:,} bytes long, and {self.left:,} are left")
        self.at += size
        return self.data[self.at - size : self.at]

    def _number(self, form: str, what: str) -> int | float:
        value: int | float = struct.unpack(form, self.take(struct.calcsize(form), what))[0]
        return value

    def flag(self, what: str) -> bool:
        return bool(self._number("<B", what))

    def uint32(self, what: str) -> int:
        return int(self._number("<I", what))

    def int32(self, what: str) -> int:
        return int(self._number("<i", what))

    def uint64(self, what: str) -> int:
        return int(self._number("<Q", what))

    def int64(self, what: str) -> int:
        return int(self._number("<q", what))

    def float32(self, what: str) -> float:
        return float(self._number("<f", what))

    def float64(self, what: str) -> float:
        return float(self._number("<d", what))

    def count(self, what: str, least: int = 1) -> int:
        """A number (u64) of things of at least so many bytes each. Raises BadBytes where they cannot be there."""
        at, number = self.at, self.uint64(what)
        if number * least > self.left:
            raise BadBytes(at, f"it says {number:,} for {what}, and {self.left:,} bytes are left")
        return number

    def wide_text(self, what: str) -> str:
        """Characters of two bytes each, up to one that is 0."""
        at, limit = self.at, min(self.end, self.at + 2 * LONGEST_TEXT)
        end = at
        while True:
            end = self.data.obj.find(b"\0\0", end, limit) if isinstance(self.data.obj, bytes) else -1
            if end < 0:
                raise BadBytes(at, f"{what} has no end")
            if (end - at) % 2 == 0:
                break
            end += 1
        self.at = end + 2
        try:
            return bytes(self.data[at:end]).decode("utf-16-le")
        except UnicodeDecodeError:
            raise BadBytes(at, f"{what} is no text") from None

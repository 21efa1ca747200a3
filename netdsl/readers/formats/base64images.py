"""Base64Images: a text file that holds the images themselves."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, ClassVar

from ...spec import Integer, Optional, Text, option, table_row
from ..arrays import np
from ..files import is_packed, locate, reading, required, short
from ..given import GivenImages
from ..reader import DataError, Dataset, Description, Stream
from ..transforms.pipeline import ImageReader
from .imagefiles import ImageFiles, stored_dims
from .images import SUFFIXES


class _Lines:
    """Images of a text file by the offset of their line; may be used from several threads."""

    def __init__(self, path: str, offsets: list[int], rows: list[int]) -> None:
        self._path, self._offsets, self._rows = path, offsets, rows
        self._lock = threading.Lock()
        self._stream: IO[bytes] = open(path, "rb")  # noqa: SIM115 - closed by close()

    def __call__(self, index: int) -> bytes:
        with self._lock:
            self._stream.seek(self._offsets[index])
            line = self._stream.readline()
        text = line.rstrip(b"\r\n").split(b"\t")[-1]
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise DataError(f"row {self._rows[index]} of `{short(self._path)}` is not base64", path=self._path,
                            place=f"row {self._rows[index]}, byte {self._offsets[index]:,}",
                            body=(f"Reading says: {error}.",), hint="write the file again.") from None

    def close(self) -> None:
        with self._lock:
            self._stream.close()


def _numbered_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Number, place in the file and text of the lines that are not empty. Raises DataError."""
    position = 0
    with reading(path, "file"), open(path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if text.strip():
                yield number, position, text.rstrip(b"\r\n")
            position += len(line)


@table_row
class Base64Images(ImageReader):
    """Images inside a text file: a line `id<TAB>label<TAB>base64` for each; the id may be left out.

    The text in base64 is a whole JPEG, PNG, ... file. The file has to be unpacked, since lines are
    looked up by their place.

    Source: CNTK `Base64ImageDeserializer`.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'Base64Images {"$dataDir$/train.b64", labelDim = 10, transforms = Scale {32:32}}',)

    file: str = option(Text(), doc="The text file.")
    label_dim: int | None = option(Optional(Integer(1)), None, "Number of classes; None: the largest label + 1.")
    max_errors: int = option(Integer(0), 0, "How many bad images are passed over before it is an error; above 0, "
                             "every image is read once to find them when the data are opened.")

    def describe(self) -> Description:
        if locate(self.file) is None:
            dims = (self.label_dim,) if self.label_dim else None
            streams = (self.image_stream((None, None, self.channels)), Stream(self.labels_input, dims, self.label_dim))
            return Description(streams, None, self.image_facts(), (self.file,))
        offsets, rows, labels, _ = self._index()
        lines = _Lines(str(required(self.file)), offsets, rows)
        try:
            dims_stored = stored_dims(lines, len(offsets), self.channels, lambda index: (self.file,
                                                                                         f"row {rows[index]}"),
                                      tolerant=self.max_errors > 0)
        finally:
            lines.close()
        classes = self.label_dim or int(labels.max()) + 1
        return Description((self.image_stream(dims_stored), Stream(self.labels_input, (classes,), classes)),
                           len(offsets), self.image_facts())

    def own_format(self, path: str, head: bytes) -> bool:
        return b"\0" not in head and not path.lower().endswith(SUFFIXES)

    def open_own(self, path: str, dims: tuple[int, ...]) -> Dataset:
        """The images of a text file; the columns in front of the last do not have to be there."""
        offsets, rows = [], []
        for number, position, _ in _numbered_lines(required(path, "file")):
            offsets.append(position)
            rows.append(number)
        return GivenImages([f"row {row}" for row in rows], self, dims, _Lines(str(required(path)), offsets, rows))

    def open(self, training: bool) -> Dataset:
        offsets, rows, labels, ids = self._index()
        lines = _Lines(str(required(self.file, "file")), offsets, rows)
        return ImageFiles(self, training, lines, lambda index: (self.file, f"row {rows[index]}"),
                          {self.labels_input: labels}, len(offsets), maximum_errors=self.max_errors,
                          close=lines.close, ids=ids)

    def _index(self) -> tuple[list[int], list[int], np.ndarray, tuple[str, ...]]:
        """Offsets, row numbers, labels and ids of all lines. Raises DataError."""
        path = required(self.file, "file")
        if is_packed(path):
            raise DataError(f"`{short(path)}` is packed, and is read by places in it", path=str(path), option="file",
                            place="byte 0", hint="unpack it (`gunzip`, `xz -d`).")
        offsets, rows, labels, ids = [], [], [], []
        for number, position, text in _numbered_lines(path):
            parts = text.split(b"\t")
            labels.append(self._label(parts, number))
            ids.append(parts[0].decode("utf-8", "replace") if len(parts) == 3 else "")
            offsets.append(position)
            rows.append(number)
        if not offsets:
            raise DataError(f"`{short(path)}` holds no images", path=str(path), place="row 1", option="file")
        return offsets, rows, np.array(labels, dtype=np.int64), tuple(ids) if ids[0] else ()

    def _label(self, parts: list[bytes], number: int) -> int:
        if len(parts) not in (2, 3):
            raise self._wrong(number, "is not `id<TAB>label<TAB>base64`", f"It has {len(parts)} columns.")
        text = parts[-2].strip()
        if not text.isdigit():
            raise self._wrong(number, "has a label that is not a class number",
                              f"It is `{text[:30].decode('latin1')}`.")
        if self.label_dim is not None and int(text) >= self.label_dim:
            raise self._wrong(number, f"has class {int(text)}, out of range",
                              f"`labelDim` is {self.label_dim}, so classes are 0 to {self.label_dim - 1}.")
        return int(text)

    def _wrong(self, number: int, what: str, why: str) -> DataError:
        return DataError(f"row {number} of `{short(self.file)}` {what}", path=self.file, place=f"row {number}",
                         option="file", body=(why,), hint="correct the row.")

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
from ..class_numbers import FIRST_LABEL_DOC, MOST_DIGITS, check_label
from ..files import is_packed, locate, open_file, reading, required, short
from ..given import GivenImages
from ..reader import DataError, Dataset, Description, Stream
from .image_formats import SUFFIXES
from .image_reader import Fetch, ImageFileReader, look_at_headers, spread
from .imagefiles import ImageFiles


class _Lines(Fetch):
    """Images of a text file by the offset of their line; may be used from several threads."""

    def __init__(self, path: str, offsets: list[int], rows: list[int]) -> None:
        self._path, self._offsets, self._rows = path, offsets, rows
        self._lock = threading.Lock()
        self._stream: IO[bytes] = open_file(path)  # closed by close()

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
    with reading(path, "file"), open_file(path) as stream:
        for number, line in enumerate(stream, 1):
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if text.strip():
                yield number, position, text.rstrip(b"\r\n")
            position += len(line)


@table_row
class Base64Images(ImageFileReader):
    """Images inside a text file: a line `id<TAB>label<TAB>base64` for each; the id may be left out.

    Lines of base64 alone hold images without labels, for networks that need none.

    The text in base64 is a whole JPEG, PNG, ... file. The file has to be unpacked, since lines are
    looked up by their place.

    Source: CNTK `Base64ImageDeserializer`.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'Base64Images {"$dataDir$/train.b64", labelDim = 10, transforms = Scale {32:32}}',)

    file: str = option(Text(), doc="The text file.")
    label_dim: int | None = option(Optional(Integer(1)), None, "Number of classes; None: the largest label + 1.")
    max_errors: int = option(Integer(0), 0, "How many bad images are skipped before it is an error; above 0, "
                             "every image is read once to find them when the data are opened.")
    first_label: int = option(Integer(0), 0, FIRST_LABEL_DOC)

    def describe(self) -> Description:
        if locate(self.file) is None:
            dims = (self.label_dim,) if self.label_dim else None
            nothing = (self.image_stream((None, None, self.channels)), Stream(self.labels_input, dims, self.label_dim))
            return Description(nothing, None, self.image_facts(), (self.file,))
        offsets, rows, labels, _ = self._index()
        lines = _Lines(str(required(self.file)), offsets, rows)
        try:
            headers = look_at_headers(self, lines, spread(len(offsets)),
                                      lambda index: (self.file, f"row {rows[index]}"), self.max_errors > 0)
        finally:
            lines.close()
        streams = [self.image_stream(headers.dims)]
        if labels is not None:
            classes = self.label_dim or int(labels.max()) + 1
            span = int(labels.min()) + self.first_label, int(labels.max()) + self.first_label
            streams.append(Stream(self.labels_input, (classes,), classes, labels_from=self.first_label,
                                  label_span=span))
        return Description(tuple(streams), len(offsets), (*self.image_facts(), *headers.facts),
                           warnings=headers.warnings, unlabelled=None if labels is not None else DataError(
                               f"`{short(self.file)}` holds only images, so they have no labels",
                               hint="write the label and a tab in front of each image."))

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
                          {self.labels_input: labels} if labels is not None else {}, len(offsets),
                          maximum_errors=self.max_errors, close=lines.close, ids=ids)

    def sources(self) -> tuple[str, ...]:
        return (self.file,)

    def _index(self) -> tuple[list[int], list[int], np.ndarray | None, tuple[str, ...]]:
        """Offsets, row numbers, labels (None: there are none) and ids of all lines. Raises DataError."""
        path = required(self.file, "file")
        if is_packed(path):
            raise DataError(f"`{short(path)}` is packed, and needs random access", path=str(path), option="file",
                            place="byte 0", hint="unpack it (`gunzip`, `xz -d`).")
        offsets: list[int] = []
        rows: list[int] = []
        labels: list[int] = []
        ids: list[str] = []
        labelled = True
        for number, position, text in _numbered_lines(path):
            parts = text.split(b"\t")
            labelled = labelled and (len(parts) > 1 or bool(offsets))
            labels.append(self._label(parts, number) if labelled else self._alone(parts, number))
            ids.append(parts[0].decode("utf-8", "replace") if len(parts) == 3 else "")
            offsets.append(position)
            rows.append(number)
        if not offsets:
            raise DataError(f"`{short(path)}` holds no images", path=str(path), place="row 1", option="file")
        return offsets, rows, np.array(labels, dtype=np.int64) if labelled else None, tuple(ids) if ids[0] else ()

    def _alone(self, parts: list[bytes], number: int) -> int:
        """A row of a file without labels."""
        if len(parts) > 1:
            raise self._wrong(number, "has a label, and the first row has none", f"It has {len(parts)} columns.")
        return 0

    def _label(self, parts: list[bytes], number: int) -> int:
        if len(parts) not in (2, 3):
            raise self._wrong(number, "is not `id<TAB>label<TAB>base64`", f"It has {len(parts)} columns.")
        text = parts[-2].strip()
        if not text.isdigit() or len(text) > MOST_DIGITS:
            raise self._wrong(number, "has a label that is not a class number",
                              f"It is `{text[:30].decode('latin1')}`.")
        wrong = check_label(int(text), self.first_label, self.label_dim)
        if wrong is not None:
            raise self._wrong(number, f"has class {int(text)}, out of range", *wrong)
        return int(text) - self.first_label

    def _wrong(self, number: int, what: str, why: str, hint: str = "correct the row.") -> DataError:
        return DataError(f"row {number} of `{short(self.file)}` {what}", path=self.file, place=f"row {number}",
                         option="file", body=(why,), hint=hint)

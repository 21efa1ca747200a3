"""MapFile: images listed in a text file, CNTK's way."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from ..spec import Choice, Integer, Optional, Text, option, table_row
from .arrays import np
from .base import DataError, Dataset, Description, Stream
from .files import locate, required, short, split_archive, text_lines
from .imagefiles import ImageFiles, Paths, stored_dims
from .memory import float32
from .pipeline import ImageReader


@dataclass(frozen=True)
class _Row:
    number: int
    path: str
    target: str


@table_row
class MapFile(ImageReader):
    """Images listed in a text file: a line `path<TAB>label` for each, the label a class number.

    `...` at the start of a path is the folder of the list itself, other relative paths count from the
    current folder; `archive.zip@/inner/name` is an image inside a zip archive. A third column may stand
    in front (a sequence id), and a space may stand for the tab (Caffe's lists). With
    `targets = "numbers"` the labels are one or more numbers to be predicted.

    Source: CNTK `ImageReader` and `ImageDeserializer`.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'MapFile {"$dataDir$/train_map.txt", labelDim = 10, transforms = RandomCrop {sideRatio = 0.8} : Scale {32:32}}',
        'MapFile {"$dataDir$/angles.txt", targets = "numbers", transforms = Scale {64:64}}',
    )

    file: str = option(Text(), doc="The list.")
    label_dim: int | None = option(Optional(Integer(1)), None, "Number of classes; None: the largest label + 1.")
    targets: str = option(Choice(("class", "numbers")), "class", "What the labels are.")
    max_errors: int = option(Integer(0), 0, "How many bad lines and images are passed over before it is an error.")

    def describe(self) -> Description:
        if locate(self.file) is None:
            labels = Stream(self.labels_input, (self.label_dim,) if self.label_dim else None, self.label_dim)
            streams = (self.image_stream((None, None, self.channels)), labels)
            return Description(streams, None, self.image_facts(), (self.file,))
        rows, _ = self._rows()
        paths = Paths([row.path for row in rows])
        try:
            dims = stored_dims(paths, len(rows), self.channels, self._names(rows), tolerant=self.max_errors > 0)
        except DataError as error:
            raise self._hinted(error, rows[0]) from None
        finally:
            paths.close()
        targets = self._targets(rows)
        return Description((self.image_stream(dims), self._label_stream(targets)), len(rows), self.image_facts())

    def open(self, training: bool) -> Dataset:
        rows, skipped = self._rows()
        paths = Paths([row.path for row in rows])
        return ImageFiles(self, training, paths, self._names(rows), {self.labels_input: self._targets(rows)}, len(rows),
                          maximum_errors=self.max_errors - len(skipped), close=paths.close, skipped=skipped)

    def _names(self, rows: list[_Row]) -> Callable[[int], tuple[str, str]]:
        return lambda index: (rows[index].path, f"row {rows[index].number} of {os.path.basename(self.file)}")

    def _label_stream(self, targets: np.ndarray) -> Stream:
        if self.targets == "numbers":
            return Stream(self.labels_input, (targets.shape[1],))
        classes = self.label_dim or int(targets.max()) + 1
        return Stream(self.labels_input, (classes,), classes)

    def _rows(self) -> tuple[list[_Row], list[DataError]]:
        """The good lines, and the bad ones that `maxErrors` allows. Raises DataError."""
        folder = os.path.dirname(required(self.file, "file"))
        rows: list[_Row] = []
        skipped: list[DataError] = []
        seen: dict[str, _Row] = {}
        width = 0
        for number, line in text_lines(self.file, "file"):
            if not line.strip():
                continue
            try:
                row = self._row(number, line, folder)
                width = width or len(row.target.split())
                self._check(row, width)
                first = seen.setdefault(row.path, row)
                if first.target != row.target:
                    raise self._bad_row(number, f"contradicts row {first.number}",
                                        f"`{row.path}` has the label {first.target} there and {row.target} here.",
                                        "delete one of the two rows.")
                rows.append(row)
            except DataError as error:
                skipped.append(error)
                if len(skipped) > self.max_errors:
                    raise
        if not rows:
            raise DataError(f"the list `{short(self.file)}` has no images", path=self.file, place="row 1",
                            option="file", hint="it needs a line `path<TAB>label` for each image.")
        return rows, skipped

    def _row(self, number: int, line: str, folder: str) -> _Row:
        parts = line.split("\t") if "\t" in line else line.rsplit(None, 1)
        parts = [part.strip() for part in parts]
        if len(parts) == 3:
            parts = parts[1:]
        if len(parts) != 2 or not all(parts):
            raise self._bad_row(number, "is not `path<TAB>label`", f"It reads `{line[:60]}`.",
                                "write the image's path, a tab, and its label.")
        path = parts[0]
        if path.startswith("..."):
            path = os.path.join(folder or ".", path[3:].lstrip("/\\"))
        return _Row(number, path, parts[1])

    def _check(self, row: _Row, width: int) -> None:
        if self.targets == "numbers":
            _numbers(row, self, width)
            return
        if not row.target.isdecimal():
            raise self._bad_row(row.number, "has a label that is not a class number", f"The label is `{row.target}`.",
                                "labels are whole numbers from 0; for other numbers set `targets = 'numbers'`.")
        if self.label_dim is not None and int(row.target) >= self.label_dim:
            raise self._bad_row(row.number, f"has class {row.target}, out of range",
                                f"`labelDim` is {self.label_dim}, so classes are 0 to {self.label_dim - 1}.",
                                "correct the label or raise `labelDim`.")

    def _bad_row(self, number: int, what: str, why: str, hint: str) -> DataError:
        return DataError(f"row {number} of `{short(self.file)}` {what}", path=self.file, place=f"row {number}",
                         option="file", body=(why,), hint=hint)

    def _targets(self, rows: list[_Row]) -> np.ndarray:
        if self.targets == "numbers":
            width = len(rows[0].target.split())
            return float32([_numbers(row, self, width) for row in rows])
        return np.array([int(row.target) for row in rows], dtype=np.int64)

    def _hinted(self, error: DataError, first: _Row) -> DataError:
        """For paths that are right when counted from the list's folder: say so."""
        beside = os.path.join(os.path.dirname(self.file), first.path)
        if split_archive(first.path) is None and not os.path.exists(first.path) and os.path.exists(beside):
            return DataError(error.title, path=first.path, place=f"row {first.number}", option="file",
                             body=(f"`{beside}` is there, but relative paths count from the current folder.",),
                             hint=f"begin the paths with three dots, `.../{first.path}`: the folder of the list.")
        return error.located(option="file")


def _numbers(row: _Row, reader: MapFile, width: int) -> list[float]:
    try:
        values = [float(text) for text in row.target.split()]
    except ValueError:
        raise reader._bad_row(row.number, "has a label that is not a number", f"The label is `{row.target}`.",
                              "write numbers, with spaces between them.") from None
    if len(values) != width or not np.isfinite(float32(values)).all():
        raise reader._bad_row(row.number, f"does not have {width} finite numbers", f"The label is `{row.target}`.",
                              "every image needs as many numbers as the first.")
    return values

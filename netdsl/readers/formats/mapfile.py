"""MapFile: images listed in a text file, CNTK's way."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from ...spec import Choice, Integer, Optional, Text, option, table_row
from ..arrays import np
from ..files import locate, read_once, required, short, split_archive, text_blocks
from ..memory import float32
from ..reader import DataError, Dataset, Description, Stream
from ..transforms.pipeline import ImageReader
from .imagefiles import ImageFiles, Paths, stored_dims

#: Digits of a class number, at most.
_DIGITS = 9


@dataclass
class _Rows:
    """The good lines of a list, and the bad ones that `maxErrors` allows."""

    paths: list[str] = field(default_factory=list)
    numbers: array[int] = field(default_factory=lambda: array("q"))
    pieces: list[np.ndarray] = field(default_factory=list)
    skipped: list[DataError] = field(default_factory=list)

    def add(self, paths: Iterable[str], numbers: Iterable[int], targets: np.ndarray) -> None:
        self.paths.extend(paths)
        self.numbers.extend(numbers)
        self.pieces.append(targets)

    @property
    def width(self) -> int | None:
        """How many numbers the first image has."""
        return self.pieces[0].shape[-1] if self.pieces else None

    @cached_property
    def targets(self) -> np.ndarray:
        return np.concatenate(self.pieces)


#: Path -> the target of its first row: the class, or the numbers as they are written.
_Seen = dict[str, int | str]


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
        rows = self._rows()
        paths = Paths(rows.paths)
        try:
            dims = stored_dims(paths, len(rows.paths), self.channels, self._names(rows), tolerant=self.max_errors > 0)
        except DataError as error:
            raise self._hinted(error, rows) from None
        finally:
            paths.close()
        return Description((self.image_stream(dims), self._label_stream(rows.targets)), len(rows.paths),
                           self.image_facts())

    def open(self, training: bool) -> Dataset:
        rows = self._rows()
        paths = Paths(rows.paths)
        return ImageFiles(self, training, paths, self._names(rows), {self.labels_input: rows.targets}, len(rows.paths),
                          maximum_errors=self.max_errors - len(rows.skipped), close=paths.close, skipped=rows.skipped)

    def _names(self, rows: _Rows) -> Callable[[int], tuple[str, str]]:
        return lambda index: (rows.paths[index], f"row {rows.numbers[index]} of {os.path.basename(self.file)}")

    def _label_stream(self, targets: np.ndarray) -> Stream:
        if self.targets == "numbers":
            return Stream(self.labels_input, (targets.shape[1],),
                          value_span=(float(targets.min()), float(targets.max())) if targets.size else None)
        classes = self.label_dim or int(targets.max()) + 1
        return Stream(self.labels_input, (classes,), classes)

    def _rows(self) -> _Rows:
        """The lines of the list. Raises DataError."""
        return read_once(self.file, ("MapFile", self.file, self.targets, self.label_dim, self.max_errors), self._read)

    def _read(self) -> _Rows:
        folder = os.path.dirname(required(self.file, "file"))
        rows, seen = _Rows(), _Seen()
        for first, lines in text_blocks(self.file, "file"):
            if self._quickly(rows, seen, first, lines, folder):
                continue
            for number, line in enumerate(lines, first):
                if not line.strip():
                    continue
                try:
                    self._add(rows, seen, number, line, folder)
                except DataError as error:
                    rows.skipped.append(error)
                    if len(rows.skipped) > self.max_errors:
                        raise
        if not rows.paths:
            raise DataError(f"the list `{short(self.file)}` has no images", path=self.file, place="row 1",
                            option="file", hint="it needs a line `path<TAB>label` for each image.")
        return rows

    def _quickly(self, rows: _Rows, seen: _Seen, first: int, lines: list[str], folder: str) -> bool:
        """Add lines without faults, all at once; False where one needs a closer look."""
        cells = [_cells(line) for line in lines]
        if {len(row) for row in cells} not in ({2}, {3}):
            return False
        paths = [_path(row[-2].strip(), folder) for row in cells]
        texts = [row[-1].strip() for row in cells]
        if not all(paths) or not all(texts):
            return False
        if self.targets == "numbers":
            try:
                targets = float32(np.loadtxt(texts, comments=None, ndmin=2))
            except ValueError:
                return False
            written: list[Any] = texts
            good = len(targets) == len(texts) and targets.shape[1] == (rows.width or targets.shape[1]) \
                and np.isfinite(targets).all()
        else:
            good = "".join(texts).isdecimal() and max(map(len, texts)) <= _DIGITS
            written = [int(text) for text in texts] if good else []
            targets = np.array(written, dtype=np.int64)
            good = good and (self.label_dim is None or targets.max() < self.label_dim)
        if not good or list(map(seen.setdefault, paths, written)) != written:
            return False
        rows.add(paths, range(first, first + len(lines)), targets)
        return True

    def _add(self, rows: _Rows, seen: _Seen, number: int, line: str, folder: str) -> None:
        path, text = self._row(number, line, folder)
        target: int | str = text
        if self.targets == "numbers":
            values = float32([self._numbers(number, text, rows.width)])
        else:
            target = self._class(number, text)
            values = np.array([target], dtype=np.int64)
        first = seen.setdefault(path, target)
        if first != target:
            raise self._bad_row(number, f"contradicts row {rows.numbers[rows.paths.index(path)]}",
                                f"`{path}` has the label {first} there and {target} here.",
                                "delete one of the two rows.")
        rows.add([path], [number], values)

    def _row(self, number: int, line: str, folder: str) -> tuple[str, str]:
        """Path and label of a line."""
        parts = [part.strip() for part in _cells(line)]
        if len(parts) not in (2, 3) or not all(parts[-2:]):
            raise self._bad_row(number, "is not `path<TAB>label`", f"It reads `{line[:60]}`.",
                                "write the image's path, a tab, and its label.")
        return _path(parts[-2], folder), parts[-1]

    def _class(self, number: int, text: str) -> int:
        if not text.isdecimal() or len(text) > _DIGITS:
            raise self._bad_row(number, "has a label that is not a class number", f"The label is `{text[:30]}`.",
                                "labels are whole numbers from 0; for other numbers set `targets = 'numbers'`.")
        if self.label_dim is not None and int(text) >= self.label_dim:
            raise self._bad_row(number, f"has class {text}, out of range",
                                f"`labelDim` is {self.label_dim}, so classes are 0 to {self.label_dim - 1}.",
                                "correct the label or raise `labelDim`.")
        return int(text)

    def _numbers(self, number: int, text: str, width: int | None) -> list[float]:
        try:
            values = [float(part) for part in text.replace("_", "?").split()]  # float() takes 1_0 for 10
        except ValueError:
            raise self._bad_row(number, "has a label that is not a number", f"The label is `{text}`.",
                                "write numbers, with spaces between them.") from None
        width = width or len(values)
        if len(values) != width or not np.isfinite(float32(values)).all():
            raise self._bad_row(number, f"does not have {width} finite numbers", f"The label is `{text}`.",
                                "every image needs as many numbers as the first.")
        return values

    def _bad_row(self, number: int, what: str, why: str, hint: str) -> DataError:
        return DataError(f"row {number} of `{short(self.file)}` {what}", path=self.file, place=f"row {number}",
                         option="file", body=(why,), hint=hint)

    def _hinted(self, error: DataError, rows: _Rows) -> DataError:
        """For paths that are right when counted from the list's folder: say so."""
        path = rows.paths[0]
        beside = os.path.join(os.path.dirname(self.file), path)
        if split_archive(path) is None and not os.path.exists(path) and os.path.exists(beside):
            return DataError(error.title, path=path, place=f"row {rows.numbers[0]}", option="file",
                             body=(f"`{beside}` is there, but relative paths count from the current folder.",),
                             hint=f"begin the paths with three dots, `.../{path}`: the folder of the list.")
        return error.located(option="file")


def _cells(line: str) -> list[str]:
    """The columns: between tabs, or the last word and what stands before it."""
    return line.split("\t") if "\t" in line else line.rsplit(None, 1)


def _path(written: str, folder: str) -> str:
    """A path with the list's folder in place of three dots."""
    return os.path.join(folder or ".", written[3:].lstrip("/\\")) if written.startswith("...") else written

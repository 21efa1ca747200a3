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
from ..class_numbers import FIRST_LABEL_DOC, MOST_DIGITS, check_label
from ..files import locate, read_once, required, short, split_archive, text_blocks
from ..given import GivenImages
from ..memory import float32
from ..reader import DataError, Dataset, Description, Stream
from .image_formats import SUFFIXES
from .image_reader import ImageFileReader, look_at_headers, spread
from .imagefiles import ImageFiles, Paths


@dataclass
class _Rows:
    """The good lines of a list, and the bad ones that `maxErrors` allows."""

    paths: list[str] = field(default_factory=list)
    numbers: array[int] = field(default_factory=lambda: array("q"))
    pieces: list[np.ndarray] = field(default_factory=list)
    labelled: bool = True  #: whether the lines have labels; the first one says it
    #: Images that stand in several lines with several labels: path -> the first line's number and another's.
    several: dict[str, tuple[int, int]] = field(default_factory=dict)
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


#: Path -> the target of its first row (the class, or the numbers as they are written), and that row's number.
_Seen = dict[str, tuple[int | str, int]]


@table_row
class MapFile(ImageFileReader):
    """Images listed in a text file: a line `path<TAB>label` for each, the label a class number.

    `...` at the start of a path is the folder of the list itself, other relative paths count from the
    current folder; `archive.zip@/inner/name` is an image inside a zip archive. A third column may stand
    in front (a sequence id), and a space may stand for the tab (Caffe's lists). Lists from Windows, with
    backslashes in their paths, are read as they are. With
    `targets = "numbers"` the labels are one or more numbers to be predicted. An image may stand in several
    lines, each a sample: the judgements of several people. A list of paths alone holds images without labels,
    for networks that need none.

    Source: CNTK `ImageReader` and `ImageDeserializer`.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'MapFile {"$dataDir$/train_map.txt", labelDim = 10, transforms = RandomCrop {sideRatio = 0.8} : Scale {32:32}}',
        'MapFile {"$dataDir$/angles.txt", targets = "numbers", transforms = Scale {64:64}}',
    )

    file: str = option(Text(), doc="The list.")
    label_dim: int | None = option(Optional(Integer(1)), None, "Number of classes; None: the largest label + 1.")
    targets: str = option(Choice(("class", "numbers")), "class", "What the labels are.")
    max_errors: int = option(Integer(0), 0, "How many bad lines and images are skipped before it is an error.")
    first_label: int = option(Integer(0), 0, FIRST_LABEL_DOC)
    root_folder: str = option(Text(), "", "A folder that stands in front of the paths of the list, as Caffe's "
                              "`root_folder`.")

    def describe(self) -> Description:
        if locate(self.file) is None:
            labels = Stream(self.labels_input, (self.label_dim,) if self.label_dim else None, self.label_dim)
            nothing = (self.image_stream((None, None, self.channels)), labels)
            return Description(nothing, None, self.image_facts(), (self.file,))
        rows = self._rows()
        paths = Paths(rows.paths)
        try:
            headers = look_at_headers(self, paths, spread(len(rows.paths)), self._names(rows), self.max_errors > 0)
        except DataError as error:
            raise self._hinted(error, rows) from None
        finally:
            paths.close()
        streams = [self.image_stream(headers.dims)]
        if rows.labelled:
            streams.append(self._label_stream(rows.targets))
        facts, warnings = self._repeated(rows)
        return Description(tuple(streams), len(rows.paths), (*self.image_facts(), *headers.facts, *facts),
                           warnings=(*warnings, *headers.warnings), unlabelled=None if rows.labelled else DataError(
                               f"`{short(self.file)}` lists only paths, so its images have no labels",
                               hint="write a tab and the label after each path."))

    def own_format(self, path: str, head: bytes) -> bool:
        return b"\0" not in head and not path.lower().endswith(SUFFIXES)

    def open_own(self, path: str, dims: tuple[int, ...]) -> Dataset:
        """A list of images; what stands after the paths is not looked at, and does not have to be there."""
        folder, names = os.path.dirname(path), list[str]()
        for _, lines in text_blocks(path, "file"):
            names += [self._path(_path_cell(line), folder) for line in lines if line.strip()]
        if not names:
            raise DataError(f"the list `{short(path)}` has no images", path=path, place="row 1",
                            hint="it needs a line with a path for each image.")
        return GivenImages(names, self, dims, Paths(names))

    def open(self, training: bool) -> Dataset:
        rows = self._rows()
        paths = Paths(rows.paths)
        return ImageFiles(self, training, paths, self._names(rows),
                          {self.labels_input: rows.targets} if rows.labelled else {}, len(rows.paths),
                          maximum_errors=self.max_errors - len(rows.skipped), close=paths.close, skipped=rows.skipped)

    def sources(self) -> tuple[str, ...]:
        return (self.file,)

    def _repeated(self, rows: _Rows) -> tuple[tuple[str, ...], tuple[DataError, ...]]:
        """What to tell of images with several labels: numbers are opinions; two classes may be a mistake."""
        if not rows.several:
            return (), ()
        path, (first, second) = next(iter(rows.several.items()))
        count = "1 image has" if len(rows.several) == 1 else f"{len(rows.several):,} images have"
        title = f"{count} several labels, each line a sample"
        if self.targets == "numbers":
            return (title,), ()
        return (), (DataError(title, path=self.file, place=f"rows {first} and {second}", option="file",
                              body=(f"`{path}` is one of them.",),
                              hint="this is right for the judgements of several people; else delete the wrong lines."),)

    def _names(self, rows: _Rows) -> Callable[[int], tuple[str, str]]:
        return lambda index: (rows.paths[index], f"row {rows.numbers[index]} of {os.path.basename(self.file)}")

    def _label_stream(self, targets: np.ndarray) -> Stream:
        if self.targets == "numbers":
            return Stream(self.labels_input, (targets.shape[1],),
                          value_span=(float(targets.min()), float(targets.max())) if targets.size else None)
        classes = self.label_dim or int(targets.max()) + 1
        return Stream(self.labels_input, (classes,), classes, labels_from=self.first_label,
                      label_span=(int(targets.min()) + self.first_label, int(targets.max()) + self.first_label))

    def _rows(self) -> _Rows:
        """The lines of the list. Raises DataError."""
        asked = ("MapFile", self.file, self.targets, self.label_dim, self.max_errors, self.first_label,
                 self.root_folder)
        return read_once(self.file, asked, self._read)

    def _read(self) -> _Rows:
        folder = os.path.dirname(required(self.file, "file"))
        rows, seen = _Rows(), _Seen()
        for first, lines in text_blocks(self.file, "file"):
            if self._quickly(rows, seen, first, lines, folder):
                continue
            for number, line in enumerate(lines, first):
                if not line.strip():
                    continue
                if not rows.paths and not rows.skipped:
                    rows.labelled = not _is_path_alone(line)
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
        if not rows.paths and not rows.skipped and any(map(_is_path_alone, lines[:1])):
            rows.labelled = False
        if not rows.labelled:
            return False
        cells = [_cells(line) for line in lines]
        if {len(row) for row in cells} not in ({2}, {3}):
            return False
        paths = [self._path(row[-2].strip(), folder) for row in cells]
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
            good = "".join(texts).isdecimal() and max(map(len, texts)) <= MOST_DIGITS
            written = [int(text) for text in texts] if good else []
            targets = np.array(written, dtype=np.int64) - self.first_label
            good = good and targets.min() >= 0 and (self.label_dim is None or targets.max() < self.label_dim)
        if not good:
            return False
        for number, (path, target) in enumerate(zip(paths, written, strict=True), first):
            self._note(rows, seen, path, target, number)
        rows.add(paths, range(first, first + len(lines)), targets)
        return True

    @staticmethod
    def _note(rows: _Rows, seen: _Seen, path: str, target: int | str, number: int) -> None:
        """Remember an image's label, and whether it has had another before."""
        before, row = seen.setdefault(path, (target, number))
        if before != target:
            rows.several.setdefault(path, (row, number))

    def _add(self, rows: _Rows, seen: _Seen, number: int, line: str, folder: str) -> None:
        if not rows.labelled:
            if not _is_path_alone(line):
                raise self._bad_row(number, "has a label, and the first row has none", f"It reads `{line[:60]}`.",
                                    "write a label in every row, or in none.")
            rows.add([self._path(line.strip(), folder)], [number], np.zeros(1, dtype=np.int64))
            return
        path, text = self._row(number, line, folder)
        if self.targets == "numbers":
            values = float32([self._numbers(number, text, rows.width)])
            self._note(rows, seen, path, text, number)
        else:
            values = np.array([self._class(number, text)], dtype=np.int64)
            self._note(rows, seen, path, int(text), number)
        rows.add([path], [number], values)

    def _row(self, number: int, line: str, folder: str) -> tuple[str, str]:
        """Path and label of a line."""
        parts = [part.strip() for part in _cells(line)]
        if len(parts) not in (2, 3) or not all(parts[-2:]):
            raise self._bad_row(number, "is not `path<TAB>label`", f"It reads `{line[:60]}`.",
                                "write the image's path, a tab, and its label.")
        return self._path(parts[-2], folder), parts[-1]

    def _path(self, written: str, folder: str) -> str:
        path = _path(written, folder)
        return os.path.join(self.root_folder, path.lstrip("/")) if self.root_folder and path else path

    def _class(self, number: int, text: str) -> int:
        if not text.isdecimal() or len(text) > MOST_DIGITS:
            raise self._bad_row(number, "has a label that is not a class number", f"The label is `{text[:30]}`.",
                                "labels are whole numbers from 0; for other numbers set `targets = 'numbers'`.")
        wrong = check_label(int(text), self.first_label, self.label_dim)
        if wrong is not None:
            raise self._bad_row(number, f"has class {text}, out of range", *wrong)
        return int(text) - self.first_label

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
        return error.with_location(option="file")


def _cells(line: str) -> list[str]:
    """The columns: between tabs, or the last word and what stands before it."""
    return line.split("\t") if "\t" in line else line.rsplit(None, 1)


def _path_cell(line: str) -> str:
    """The path of a line that may have a label after it, and an id in front."""
    cells = [cell.strip() for cell in _cells(line)]
    if _is_path_alone(line) or len(cells) == 1:
        return line.strip()
    return next((cell for cell in cells if cell.lower().endswith(SUFFIXES)), cells[-2])


def _path(written: str, folder: str) -> str:
    """A path with the list's folder in place of three dots; one from Windows in this machine's way."""
    if os.sep == "/":
        written = written.replace("\\", "/")
    return os.path.join(folder or ".", written[3:].lstrip("/\\")) if written.startswith("...") else written


def _is_path_alone(line: str) -> bool:
    """Whether a line has no label: it is one word, or a path with spaces that ends as an image's name does."""
    return "\t" not in line and (len(line.split()) == 1 or line.strip().lower().endswith(SUFFIXES))

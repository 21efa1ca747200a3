"""CSV: tables of numbers with a column of classes or targets."""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, ClassVar

from ...base.diagnostics import did_you_mean
from ...spec import Choice, Either, Flag, Integer, ListOf, Optional, OptionError, Text, option, table_row
from ..arrays import np
from ..files import locate, read_once, required, short, text_blocks
from ..memory import ArrayDataset
from ..reader import DataError, Dataset, Description, Reader, Stream

#: A column by its name in the header, or by its number, counted from 0.
Column = str | int
_LARGEST = (2 - 2**-23) * 2.0**127  #: of float32
#: Digits of a class number, at most.
_DIGITS = 9
_COLUMN = Either((Integer(0), Text()))
_COLUMNS = ListOf(_COLUMN, minimum_length=1)


@dataclass(frozen=True)
class _Table:
    """What the columns mean: their places in a row."""

    features: tuple[int, ...]
    labels: tuple[int, ...]
    weight: int | None
    id: int | None
    width: int
    names: tuple[str, ...]
    #: the first row, where it was taken for a sample because a cell of it is a number
    guessed: tuple[str, ...] = ()

    def numbers(self, targets: str) -> tuple[int, ...]:
        """The columns of numbers: features, targets, the weight."""
        labels = self.labels if targets == "numbers" else ()
        return (*self.features, *labels, *(() if self.weight is None else (self.weight,)))

    def name(self, column: int) -> str:
        return f"`{self.names[column]}`" if self.names else str(column)


@dataclass
class _Read:
    """Rows as they are read, in pieces."""

    features: list[np.ndarray] = field(default_factory=list)
    targets: list[np.ndarray] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    rows: array[int] = field(default_factory=lambda: array("q"))

    def add(self, features: Any, targets: Any, weights: Any, labels: list[str], ids: list[str], rows: Iterable[int]
            ) -> None:
        self.features.append(np.asarray(features, dtype=np.float32))
        self.targets.append(np.asarray(targets, dtype=np.float32))
        self.weights.append(np.asarray(weights, dtype=np.float32))
        self.labels += labels
        self.ids += ids
        self.rows.extend(rows)


@dataclass(frozen=True)
class _Loaded:
    """A table that has been read. Classes are kept as places in `classes`, in the order of their first rows."""

    table: _Table
    features: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    classes: tuple[str, ...]
    places: np.ndarray
    ids: tuple[str, ...]
    rows: array[int]
    skipped: tuple[DataError, ...]

    def first_row(self, label: str) -> int:
        return self.rows[int(np.argmax(self.places == self.classes.index(label)))]


@table_row
class CSV(Reader):
    """A table in a text file: columns of numbers, and one of classes or several of targets.

    Classes may be names (numbered in alphabetical order, or in the order of `classes`) or whole numbers.
    Names have the same numbers in all data of a file: those of the training data.
    Without `columns`, all columns that have no other use are features; without `labels`, the last column
    is the label. Columns are named as in the header, or numbered from 0.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'CSV {"$dataDir$/iris.csv", labels = "species"}',
        'CSV {"houses.csv", columns = "rooms":"area", labels = "price", targets = "numbers", weights = "trust"}',
    )

    file: str = option(Text(), doc="The table, plain or packed.")
    columns: tuple[str | int, ...] | None = option(
        Optional(_COLUMNS), None, "Columns of the features; None: all others.")
    labels: tuple[str | int, ...] | None = option(
        Optional(_COLUMNS), None, "Column of the label, or columns of targets; None: the last.")
    targets: str = option(Choice(("class", "numbers")), "class", "What the labels are.")
    classes: tuple[str, ...] | None = option(Optional(ListOf(Text())), None, "Names of the classes in the order of "
                                             "their numbers; None: those of the file.")
    weights: str | int | None = option(Optional(_COLUMN), None, "Column of the samples' weights, for the input "
                                    "`weightsInput`.")
    ids: str | int | None = option(Optional(_COLUMN), None, "Column that names the samples, for `Joined`.")
    separator: str = option(Text(), ",", "What stands between columns.")
    header: bool | None = option(Optional(Flag()), None, "Whether the first row names the columns; None: it does if "
                                 "none of its cells is a number.")
    max_errors: int = option(Integer(0), 0, "How many bad rows are passed over before it is an error.")
    weights_input: str = option(Text(), "weights", "Name of the input that gets the weights.")

    def validate(self) -> None:
        if len(self.separator) != 1:
            raise OptionError("separator", "`separator` of CSV is one character")
        if self.targets == "class" and self.labels is not None and len(self.labels) > 1:
            raise OptionError("labels", "a class is in one column", "for several targets set `targets = 'numbers'`.")

    def sources(self) -> tuple[str, ...]:
        return (self.file,)

    def describe(self) -> Description:
        if locate(self.file) is None:
            unknown = (Stream(self.features_input, None), Stream(self.labels_input, None))
            return Description(unknown, None, missing=(self.file,))
        loaded = self._loaded()  # all rows: the classes are known only behind the last one
        streams = [Stream(self.features_input, (loaded.features.shape[1],))]
        facts = _doubtful_header(loaded.table)
        if self.targets == "numbers":
            streams.append(Stream(self.labels_input, (len(loaded.table.labels),)))
        else:
            numbers, names, count = self._numbered(loaded)
            streams.append(Stream(self.labels_input, (count,), count, class_names=names))
            counts = np.bincount(numbers[loaded.places], minlength=len(names)) if names else ()
            shown = [f"{name}: {number:,}" for name, number in zip(names, counts, strict=False)]
            facts += (f"classes: {', '.join(shown[:24])}",) if shown else ()
        if loaded.table.weight is not None:
            streams.append(Stream(self.weights_input, (1,)))
        return Description(tuple(streams), len(loaded.rows), facts)

    def open(self, training: bool) -> Dataset:
        loaded = self._loaded()
        arrays = {self.features_input: loaded.features}
        names: tuple[str, ...] = ()
        if self.targets == "numbers":
            arrays[self.labels_input] = loaded.targets
        else:
            numbers, names, _ = self._numbered(loaded)
            arrays[self.labels_input] = numbers[loaded.places]
        if loaded.table.weight is not None:
            arrays[self.weights_input] = loaded.weights
        return ArrayDataset(arrays, class_names=names, name=lambda index: f"row {loaded.rows[index]}",
                            skipped=loaded.skipped, ids=loaded.ids)

    def with_classes(self, names: Callable[[str], tuple[str, ...]]) -> Reader:
        return self if self.classes or self.targets != "class" else replace(self, class_order=names(self.labels_input))

    def _loaded(self) -> _Loaded:
        # What is read does not depend on the numbers of the classes.
        return read_once(self.file, replace(self, class_order=()), self._load)

    def _load(self) -> _Loaded:
        table, read, skipped = self._read()
        classes = tuple(dict.fromkeys(read.labels))
        place = {label: k for k, label in enumerate(classes)}
        places = np.fromiter(map(place.__getitem__, read.labels), np.int64, len(read.labels))
        return _Loaded(table, np.concatenate(read.features), np.concatenate(read.targets), np.concatenate(read.weights),
                       classes, places, tuple(read.ids), read.rows, tuple(skipped))

    def _numbered(self, loaded: _Loaded) -> tuple[np.ndarray, tuple[str, ...], int]:
        """The number of each of the classes, the names by number, and how many there are. Raises DataError."""
        found = loaded.classes
        named = bool(self.class_order) and set(found) <= set(self.class_order)
        if self.classes is None and not named and all(label.isdecimal() for label in found):
            large = next((label for label in found if len(label) > _DIGITS), None)
            if large is not None:
                raise self._wrong(loaded.first_row(large), "has a class number that is too large",
                                  f"The class is {large[:30]}.", "if it is a number to be predicted, set `targets = "
                                  "'numbers'`.")
            numbers = np.array([int(label) for label in found], dtype=np.int64)
            return numbers, (), int(numbers.max()) + 1
        names = self.classes or self.ordered_classes(found)
        number = {name: index for index, name in enumerate(names)}
        unknown = next((label for label in found if label not in number), None)
        if unknown is not None:
            raise self._wrong(loaded.first_row(unknown), f"has the class `{unknown[:20]}`, which is not in `classes`",
                              f"`classes` holds {', '.join(names[:12])}.", did_you_mean(unknown, names))
        return np.array([number[label] for label in found], dtype=np.int64), names, len(names)

    def _read(self) -> tuple[_Table, _Read, list[DataError]]:
        required(self.file, "file")
        read, skipped = _Read(), []
        table: _Table | None = None
        blocks = _first_line_alone(text_blocks(self.file, "file"))
        for first, lines in blocks:
            if table is not None and self._quickly(table, read, first, lines):
                continue
            behind = () if _complete(lines) else chain.from_iterable(more for _, more in blocks)
            for number, cells in self._rows(first, chain(lines, behind)):
                if table is None:
                    table, is_header = self._table(cells, number)
                    if is_header:
                        continue
                try:
                    self._add(table, read, number, cells)
                except DataError as error:
                    skipped.append(error)
                    if len(skipped) > self.max_errors:
                        raise
        if table is None or not read.rows:
            raise DataError(f"`{short(self.file)}` has no rows of data", path=self.file, place="row 1", option="file",
                            hint="if its first row is data, set `header = false`.")
        return table, read, skipped

    def _rows(self, first: int, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        """The cells of lines of which the first has this number. Raises DataError."""
        reader = csv.reader(lines, delimiter=self.separator, skipinitialspace=True, strict=True)
        begun = first
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield first - 1 + reader.line_num, [cell.strip() for cell in cells]
                begun = first + reader.line_num
        except csv.Error as error:
            # A quote that is not closed swallows rows; the one that opens it is to be mended.
            last = first - 1 + reader.line_num
            further = f" It goes on to row {last}." if last > begun else ""
            raise self._wrong(begun, "is not a row of a table", f"Reading says: {error}.{further}",
                              "a quote that is opened has to be closed.") from None

    def _quickly(self, table: _Table, read: _Read, first: int, lines: Sequence[str]) -> bool:
        """Add rows without quotes and faults, all at once; False where one needs a closer look.

        Three times as fast as row by row.
        """
        if {line.count(self.separator) for line in lines} != {table.width - 1} or '"' in "".join(lines):
            return False
        columns = table.numbers(self.targets)
        try:
            values = np.loadtxt(lines, comments=None, delimiter=self.separator, usecols=columns, ndmin=2)
        except ValueError:
            return False
        size = len(table.features)
        texts = [] if self.targets == "numbers" else self._column(table, lines, table.labels[0])
        weights = values[:, len(columns) - 1:] if table.weight is not None else values[:, :0]
        if len(values) != len(lines) or not np.abs(values).max() <= _LARGEST or "" in texts or (weights < 0).any():
            return False
        read.add(values[:, :size], values[:, size: len(columns) - weights.shape[1]], weights, texts,
                 self._column(table, lines, table.id) if table.id is not None else [],
                 range(first, first + len(lines)))
        return True

    def _column(self, table: _Table, lines: Sequence[str], column: int) -> list[str]:
        """The cells of a column in lines without quotes."""
        if column == table.width - 1:
            return [line.rpartition(self.separator)[2].strip() for line in lines]
        return [line.split(self.separator, column + 1)[column].strip() for line in lines]

    def _table(self, first: list[str], number: int) -> tuple[_Table, bool]:
        is_header = self.header if self.header is not None else not any(_number(cell) is not None for cell in first)
        names = tuple(first) if is_header else ()
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise self._wrong(number, f"names the column `{twice[:20]}` twice", "Columns need names of their own.")
        labels = (len(first) - 1,) if self.labels is None else tuple(
            self._place(column, names, len(first), "labels") for column in self.labels)
        weight = None if self.weights is None else self._place(self.weights, names, len(first), "weights")
        ids = None if self.ids is None else self._place(self.ids, names, len(first), "ids")
        if self.columns is None:
            features = tuple(k for k in range(len(first)) if k not in (*labels, weight, ids))
        else:
            features = tuple(self._place(column, names, len(first), "columns") for column in self.columns)
        if not features:
            raise self._wrong(number, "leaves no column for the features",
                              f"It has {len(first)} column{'s' * (len(first) > 1)}.",
                              f"is `{self.separator}` what stands between the columns? It is set by `separator`.")
        guessed = tuple(first) if self.header is None and not is_header else ()
        return _Table(features, labels, weight, ids, len(first), names, guessed), is_header

    def _place(self, column: Column, names: tuple[str, ...], width: int, option: str) -> int:
        if isinstance(column, int) and column < width:
            return column
        if isinstance(column, str) and column in names:
            return names.index(column)
        body = f"Its columns are {', '.join(names)}." if names else f"It has {width} columns and no header."
        title = f"`{short(self.file)}` has no column `{column}`" if isinstance(column, str) else \
            f"`{short(self.file)}` has {width} columns, numbered from 0; there is no {column}"
        raise DataError(title, path=self.file, place="row 1", option=option, body=(body[:600],),
                        hint=did_you_mean(str(column), names))

    def _add(self, table: _Table, read: _Read, number: int, cells: list[str]) -> None:
        if len(cells) != table.width:
            raise self._wrong(number, f"has {len(cells)} cells, not {table.width}",
                              f"The first row has {table.width} columns.", "a missing value still needs its separator.")
        features = self._cells(table, number, cells, table.features)
        targets = self._cells(table, number, cells, table.labels) if self.targets == "numbers" else []
        labels = [] if self.targets == "numbers" else [cells[table.labels[0]]]
        if "" in labels:
            raise self._wrong(number, f"has no class in column {table.name(table.labels[0])}", "The cell is empty.")
        weights = self._cells(table, number, cells, () if table.weight is None else (table.weight,))
        if weights and weights[0] < 0:
            raise self._wrong(number, "has a negative weight", f"The weight is {weights[0]:g}.")
        read.add([features], [targets], [weights], labels, [] if table.id is None else [cells[table.id]], [number])

    def _cells(self, table: _Table, number: int, cells: list[str], columns: tuple[int, ...]) -> list[float]:
        """Numbers of a row; each is looked at by itself only where one of them may be none."""
        texts = [cells[column] for column in columns]
        try:
            values = list(map(float, texts))
        except ValueError:
            values = [math.nan]
        if sum(map(abs, values)) <= _LARGEST and "_" not in "".join(texts):
            return values
        return [self._cell(table, number, cells, column) for column in columns]

    def _cell(self, table: _Table, number: int, cells: list[str], column: int) -> float:
        value = _number(cells[column])
        if value is None:
            shown = f"`{cells[column][:30]}`" if cells[column] else "empty"
            raise self._wrong(number, f"has no number in column {table.name(column)}", f"The cell is {shown}.",
                              "leave the column out with `columns`, fill the cell, or allow a few such rows with "
                              "`maxErrors`.")
        return value

    def _wrong(self, number: int, what: str, why: str, hint: str = "") -> DataError:
        return DataError(f"row {number} {what}", path=self.file, place=f"row {number}", option="file", body=(why,),
                         hint=hint)


def _doubtful_header(table: _Table) -> tuple[str, ...]:
    """A fact for `check` where the first row may be a header of numbers, as pandas writes it: 0,1,2."""
    numbers = {column: cell for column, cell in enumerate(table.guessed) if _number(cell) is not None}
    if len(numbers) < 2 or any(cell != str(column) for column, cell in numbers.items()):
        return ()
    shown = ",".join(table.guessed[:4]) + (",..." if len(table.guessed) > 4 else "")
    return (f"row 1 ({shown}) is read as a sample; if it numbers the columns, set `header = true`",)


def _first_line_alone(blocks: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """The same lines, the header in a block of its own: only it has quotes in many files."""
    for first, lines in blocks:
        yield from ((first, lines[:1]), (first + 1, lines[1:])) if first == 1 else ((first, lines),)


def _complete(lines: Sequence[str]) -> bool:
    """Whether no quoted cell can go on behind these lines."""
    quotes = sum(line.count('"') for line in lines)
    return not quotes or (len(lines) == 1 and quotes % 2 == 0)


def _number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= _LARGEST and "_" not in text else None

"""CSV: tables of numbers with a column of classes or targets."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ..diagnostics import did_you_mean
from ..spec import Choice, Either, Flag, Integer, ListOf, Optional, OptionError, Text, option, table_row
from .arrays import np
from .base import DataError, Dataset, Description, Reader, Stream
from .files import locate, required, short, text_lines
from .memory import ArrayDataset

#: A column by its name in the header, or by its number, counted from 0.
Column = str | int
_LARGEST = (2 - 2**-23) * 2.0**127  #: of float32
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

    def name(self, column: int) -> str:
        return f"`{self.names[column]}`" if self.names else str(column)


@dataclass
class _Read:
    """Rows as they are read."""

    features: list[list[float]]
    labels: list[Any]
    weights: list[float]
    ids: list[str]
    rows: list[int]


@table_row
class CSV(Reader):
    """A table in a text file: columns of numbers, and one of classes or several of targets.

    Classes may be names (numbered in alphabetical order, or in the order of `classes`) or whole numbers.
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

    def describe(self) -> Description:
        if locate(self.file) is None:
            unknown = (Stream(self.features_input, None), Stream(self.labels_input, None))
            return Description(unknown, None, missing=(self.file,))
        # All rows: the classes are known only behind the last one.
        dataset, streams = self._load()
        names = dataset.class_names
        counts = np.bincount(dataset.arrays[self.labels_input], minlength=len(names)) if names else ()
        facts = tuple(f"{name}: {count:,}" for name, count in zip(names, counts, strict=False))
        return Description(streams, dataset.count, (f"classes: {', '.join(facts[:24])}",) if facts else ())

    def open(self, training: bool) -> Dataset:
        return self._load()[0]

    def with_classes(self, names: Callable[[str], tuple[str, ...]]) -> Reader:
        return self if self.classes or self.targets != "class" else replace(self, class_order=names(self.labels_input))

    def _load(self) -> tuple[ArrayDataset, tuple[Stream, ...]]:
        table, read, skipped = self._read()
        features = np.array(read.features, dtype=np.float32)
        streams = [Stream(self.features_input, (features.shape[1],))]
        arrays = {self.features_input: features}
        names: tuple[str, ...] = ()
        if self.targets == "numbers":
            arrays[self.labels_input] = np.array(read.labels, dtype=np.float32)
            streams.append(Stream(self.labels_input, (len(table.labels),)))
        else:
            arrays[self.labels_input], names, count = self._numbered(read)
            streams.append(Stream(self.labels_input, (count,), count, class_names=names))
        if table.weight is not None:
            arrays[self.weights_input] = np.array(read.weights, dtype=np.float32)[:, None]
            streams.append(Stream(self.weights_input, (1,)))
        dataset = ArrayDataset(arrays, class_names=names, name=lambda index: f"row {read.rows[index]}",
                               skipped=skipped, ids=tuple(read.ids))
        return dataset, tuple(streams)

    def _numbered(self, read: _Read) -> tuple[np.ndarray, tuple[str, ...], int]:
        """Class numbers, names and number of classes. Raises DataError."""
        found = set(read.labels)
        named = bool(self.class_order) and found <= set(self.class_order)
        if self.classes is None and not named and all(label.isdecimal() for label in found):
            numbers = np.array([int(label) for label in read.labels], dtype=np.int64)
            return numbers, (), int(numbers.max()) + 1
        names = self.classes or self.ordered_classes(found)
        number = {name: index for index, name in enumerate(names)}
        for label, row in zip(read.labels, read.rows, strict=True):
            if label not in number:
                raise self._wrong(row, f"has the class `{label[:20]}`, which is not in `classes`",
                                  f"`classes` holds {', '.join(names[:12])}.", did_you_mean(label, names))
        return np.array([number[label] for label in read.labels], dtype=np.int64), names, len(names)

    def _read(self) -> tuple[_Table, _Read, list[DataError]]:
        required(self.file, "file")
        read, skipped = _Read([], [], [], [], []), []
        table: _Table | None = None
        for number, cells in self._rows():
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

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader((line for _, line in text_lines(self.file, "file")), delimiter=self.separator,
                            skipinitialspace=True, strict=True)
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num, [cell.strip() for cell in cells]
        except csv.Error as error:
            raise self._wrong(reader.line_num, "is not a row of a table", f"Reading says: {error}.",
                              "a quote that is opened has to be closed.") from None

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
        return _Table(features, labels, weight, ids, len(first), names), is_header

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
        features = [self._cell(table, number, cells, column) for column in table.features]
        if self.targets == "numbers":
            labels: Any = [self._cell(table, number, cells, column) for column in table.labels]
        else:
            labels = cells[table.labels[0]]
            if not labels:
                raise self._wrong(number, f"has no class in column {table.name(table.labels[0])}", "The cell is empty.")
        if table.weight is not None:
            weight = self._cell(table, number, cells, table.weight)
            if weight < 0:
                raise self._wrong(number, "has a negative weight", f"The weight is {weight:g}.")
            read.weights.append(weight)
        if table.id is not None:
            read.ids.append(cells[table.id])
        read.features.append(features)
        read.labels.append(labels)
        read.rows.append(number)

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


def _number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= _LARGEST else None

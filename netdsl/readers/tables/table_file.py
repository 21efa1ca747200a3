"""Reading a table from a text file: rows of cells into columns of numbers and columns of words."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from ..arrays import np
from ..files import required, short, text_blocks
from ..reader import DataError
from .cells import LARGEST, Notation, is_truth


@dataclass(frozen=True)
class Layout:
    """What the columns of a table are, by their places in a row."""

    width: int
    names: tuple[str, ...]  #: as the header has them; empty without one
    numbers: tuple[int, ...]  #: columns of numbers
    classes: tuple[int, ...] = ()  #: columns of words that may not be missing
    categories: tuple[int, ...] = ()  #: columns of words that are features
    features: frozenset[int] = frozenset()  #: columns that are features, in which missing values can be filled
    fills: bool = False  #: whether they are
    weight: int | None = None
    id: int | None = None
    first: tuple[str, ...] = ()  #: the cells of the first row
    guessed: bool = False  #: the first row was taken for a sample because a cell of it is a number

    @property
    def words(self) -> tuple[int, ...]:
        return (*self.classes, *self.categories, *(() if self.id is None else (self.id,)))

    def name(self, column: int) -> str:
        return f"`{self.names[column]}`" if self.names else str(column)

    def quoted(self, column: int) -> str:
        """The column as an option names it."""
        return f'"{self.names[column]}"' if self.names else str(column)


@dataclass(frozen=True)
class Words:
    """A column of words: each distinct one once, in the order of their first rows, and which stands in each row."""

    values: tuple[str, ...]
    places: np.ndarray

    @staticmethod
    def of(texts: Sequence[str]) -> Words:
        values = tuple(dict.fromkeys(texts))
        place = {text: k for k, text in enumerate(values)}
        return Words(values, np.fromiter(map(place.__getitem__, texts), np.int64, len(texts)))


@dataclass(frozen=True)
class Table:
    """A table that has been read. A missing value is NaN among numbers, and an empty word."""

    layout: Layout
    numbers: dict[int, np.ndarray]  #: by column
    words: dict[int, Words]
    ids: tuple[str, ...]
    rows: array[int]
    skipped: tuple[DataError, ...]

    def first_row(self, column: int, word: str) -> int:
        """The row in which a word stands first."""
        found = self.words[column]
        return self.rows[int(np.argmax(found.places == found.values.index(word)))]


@dataclass
class _Pieces:
    """Rows as they are read."""

    kind: Any  #: float32 or float64
    numbers: list[np.ndarray] = field(default_factory=list)
    words: dict[int, list[str]] = field(default_factory=dict)
    rows: array[int] = field(default_factory=lambda: array("q"))

    def add(self, numbers: Any, words: dict[int, list[str]], rows: Iterable[int]) -> None:
        self.numbers.append(np.asarray(numbers, dtype=self.kind))
        for column, texts in words.items():
            self.words.setdefault(column, []).extend(texts)
        self.rows.extend(rows)


class TableFile:
    """A table in a text file, and how it is written. `layout` says what the columns are, from the first row."""

    def __init__(self, file: str, separator: str, notation: Notation, encoding: str | None, maximum_errors: int,
                 layout: Callable[[list[str], int], tuple[Layout, bool]], exact: bool = False) -> None:
        """`exact`: keep numbers as float64; what is to be standardized may differ in its last digits only (years)."""
        self.file, self.notation = file, notation
        self.squeezed = separator == "blanks"
        self.separator = {"tab": "\t", "blanks": " "}.get(separator, separator)
        self.encoding, self.maximum_errors, self.layout = encoding, maximum_errors, layout
        self.kind = np.float64 if exact else np.float32
        #: columns -> the first row with `%`, or with true or false, and how many there are
        self._percent: dict[int, list[int]] = {}
        self._truth: dict[int, list[int]] = {}

    def read(self) -> Table:
        """The whole table. Raises DataError."""
        layout, pieces, skipped = self._read()
        values = np.concatenate(pieces.numbers) if layout.numbers else np.zeros((len(pieces.rows), 0), self.kind)
        numbers = {column: values[:, k] for k, column in enumerate(layout.numbers)}
        self._check_alike(layout, numbers, self._percent, "`%`", lambda v: v != 0)
        self._check_alike(layout, numbers, self._truth, "true or false", lambda v: (v != 0) & (v != 1))
        ids = () if layout.id is None else tuple(pieces.words[layout.id])
        words = {column: Words.of(pieces.words[column]) for column in (*layout.classes, *layout.categories)}
        return Table(layout, numbers, words, ids, pieces.rows, tuple(skipped))

    def _read(self) -> tuple[Layout, _Pieces, list[DataError]]:
        required(self.file, "file")
        pieces, skipped = _Pieces(self.kind), list[DataError]()
        layout: Layout | None = None
        blocks = _first_line_alone(self._blocks())
        for first, lines in blocks:
            if layout is not None and self._quickly(layout, pieces, first, lines):
                continue
            behind = () if _complete(lines) else chain.from_iterable(more for _, more in blocks)
            for number, cells in self._rows(first, chain(lines, behind)):
                if layout is None:
                    layout, is_header = self.layout(cells, number)
                    if is_header:
                        continue
                try:
                    self._add(layout, pieces, number, cells)
                except DataError as error:
                    skipped.append(error)
                    if len(skipped) > self.maximum_errors:
                        raise
        if layout is None or not pieces.rows:
            raise DataError(f"`{short(self.file)}` has no rows of data", path=self.file, place="row 1", option="file",
                            hint="if its first row is data, set `header = false`.")
        return layout, pieces, skipped

    def _blocks(self) -> Iterator[tuple[int, list[str]]]:
        """The lines of the file, with one blank for each run of blanks and tabs where these separate the columns."""
        for first, lines in text_blocks(self.file, "file", self.encoding):
            yield first, [" ".join(line.split()) for line in lines] if self.squeezed else lines

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
            # A quote that is not closed swallows rows; the one that opens it is to be fixed.
            last = first - 1 + reader.line_num
            further = f" It continues to row {last}." if last > begun else ""
            raise self.wrong(begun, "is not a row of a table", f"Reading says: {error}.{further}",
                             "a quote that is opened has to be closed.") from None

    def _quickly(self, layout: Layout, pieces: _Pieces, first: int, lines: Sequence[str]) -> bool:
        """Add rows without quotes and faults, all at once; False where one needs a closer look.

        Three times as fast as row by row.
        """
        together = "".join(lines)
        if {line.count(self.separator) for line in lines} != {layout.width - 1} or '"' in together:
            return False
        words = {column: self._column(layout, lines, column) for column in layout.words}
        if not all(texts and not any(map(self.notation.is_missing, set(texts)))
                   for column, texts in words.items() if column in layout.categories):
            return False
        if any("" in words[column] for column in layout.classes):
            return False
        values = np.zeros((len(lines), 0))
        if layout.numbers:
            try:
                values = np.loadtxt(self._in_plain_digits(lines, together), comments=None, delimiter=self.separator,
                                    usecols=layout.numbers, ndmin=2)
            except ValueError:
                return False
            weights = values[:, [k for k, column in enumerate(layout.numbers) if column == layout.weight]]
            if len(values) != len(lines) or not np.abs(values).max() <= LARGEST or (weights < 0).any():
                return False
        pieces.add(values, words, range(first, first + len(lines)))
        return True

    def _in_plain_digits(self, lines: Sequence[str], together: str) -> Sequence[str]:
        """The lines with decimal points. Raises ValueError where that is not all there is to be done."""
        if self.notation.is_plain:
            return lines
        if self.notation.thousands or "." in together or self.separator == self.notation.decimal:
            raise ValueError
        return [line.replace(self.notation.decimal, ".") for line in lines]

    def _column(self, layout: Layout, lines: Sequence[str], column: int) -> list[str]:
        """The cells of a column in lines without quotes."""
        if column == layout.width - 1:
            return [line.rpartition(self.separator)[2].strip() for line in lines]
        return [line.split(self.separator, column + 1)[column].strip() for line in lines]

    def _add(self, layout: Layout, pieces: _Pieces, number: int, cells: list[str]) -> None:
        if len(cells) != layout.width:
            raise self.wrong(number, f"has {len(cells)} cells, not {layout.width}",
                             f"The first row has {layout.width} columns.", self._cells_hint(layout, cells))
        texts = [cells[column] for column in layout.numbers]
        values = self._quick_cells(texts) or [self._cell(layout, number, cells, column) for column in layout.numbers]
        if layout.weight is not None and values[layout.numbers.index(layout.weight)] < 0:
            raise self.wrong(number, "has a negative weight",
                             f"The weight is {values[layout.numbers.index(layout.weight)]:g}.")
        words = {column: [self._word(layout, number, cells, column)] for column in layout.words}
        for column, text, value in zip(layout.numbers, texts, values, strict=True):
            if text.endswith("%"):
                self._percent.setdefault(column, [number, 0])[1] += value != 0
            elif is_truth(text):
                self._truth.setdefault(column, [number, 0])[1] += 1
        pieces.add([values], words, [number])

    def _cells_hint(self, layout: Layout, cells: list[str]) -> str:
        if len(cells) > layout.width and self.separator == "," and self.notation.decimal == ",":
            return "numbers with a decimal comma have to be quoted where a comma separates the columns too."
        return "a missing value still needs its separator."

    def _quick_cells(self, texts: list[str]) -> list[float]:
        """Plain numbers of a row; none where one of them may need a closer look."""
        if not self.notation.is_plain:
            return []
        try:
            values = list(map(float, texts))
        except ValueError:
            return []
        return values if sum(map(abs, values)) <= LARGEST and "_" not in "".join(texts) else []

    def _cell(self, layout: Layout, number: int, cells: list[str], column: int) -> float:
        text, name = cells[column], layout.name(column)
        value = self.notation.number(text)
        if value is not None:
            return value
        if self.notation.is_missing(text):
            return self._gap(layout, number, column, text)
        quoted = layout.quoted(column)
        hint = self.notation.suggestion(text) or (f"`categories = {quoted}` makes an input of each of its words, or "
                                                  "leave the column out with `columns`, or allow a few such rows with "
                                                  "`maxErrors`.")
        raise self.wrong(number, f"has no number in column {name}", f"The cell is `{text[:30]}`.", hint)

    def _gap(self, layout: Layout, number: int, column: int, text: str) -> float:
        """What stands for a missing number. Raises DataError where none may be missing."""
        if layout.fills and column in layout.features:
            return float("nan")
        raise self._missing(layout, number, column, text)

    def _missing(self, layout: Layout, number: int, column: int, text: str) -> DataError:
        shown = f"`{text}`" if text else "empty"
        hint = "fill the cell, or allow a few such rows with `maxErrors`." if column not in layout.features else \
            "`fill = \"mean\"` (or \"median\", or a number) stands in for values that features miss; or leave the " \
            "column out with `columns`, or allow a few such rows with `maxErrors`."
        return self.wrong(number, f"has no value in column {layout.name(column)}", f"The cell is {shown}.", hint)

    def _word(self, layout: Layout, number: int, cells: list[str], column: int) -> str:
        text = cells[column]
        if column in layout.classes and not text:
            raise self.wrong(number, f"has no class in column {layout.name(column)}", "The cell is empty.")
        if column in layout.categories and self.notation.is_missing(text):
            if not layout.fills:
                raise self._missing(layout, number, column, text)
            return ""
        return text

    def _check_alike(self, layout: Layout, numbers: dict[int, np.ndarray], seen: dict[int, list[int]], what: str,
                     other: Callable[[np.ndarray], np.ndarray]) -> None:
        """Raise DataError for a column in which only some of the numbers are written with `what`."""
        for column, (row, count) in seen.items():
            values = numbers[column]
            values = values[~np.isnan(values)]
            # Zero is zero with and without a `%`; 1 and 0 stand for true and false.
            plain = int(other(values).sum()) - (count if what == "`%`" else 0)
            if plain > 0:
                raise self.wrong(row, f"has {what} in column {layout.name(column)}, and other rows have not",
                                 f"{count:,} of {len(values):,} cells are written so.",
                                 "write all cells of a column in one way.")

    def wrong(self, number: int, what: str, why: str, hint: str = "") -> DataError:
        return DataError(f"row {number} {what}", path=self.file, place=f"row {number}", option="file", body=(why,),
                         hint=hint)


def _first_line_alone(blocks: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """The same lines, the header in a block of its own: only it has quotes in many files."""
    for first, lines in blocks:
        yield from ((first, lines[:1]), (first + 1, lines[1:])) if first == 1 else ((first, lines),)


def _complete(lines: Sequence[str]) -> bool:
    """Whether no quoted cell can continue after these lines."""
    quotes = sum(line.count('"') for line in lines)
    return not quotes or (len(lines) == 1 and quotes % 2 == 0)

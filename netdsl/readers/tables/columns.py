"""Columns of features as numbers: words as one-hot, gaps filled, standardized, all by the training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...base.suggest import did_you_mean
from ..arrays import np
from ..files import short
from ..reader import DataError
from .table_file import Table

#: What the values of a column are, before they are standardized: root mean square, by its name.
Sizes = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Column:
    """What the training data say of a column of features.

    `words` are its categories by number, None for a column of numbers. `fill` stands for a missing number. The
    network gets (x - mean) / deviation.
    """

    name: str
    words: tuple[str, ...] | None = None
    fill: float | None = None
    mean: float = 0.0
    deviation: float = 1.0

    @property
    def width(self) -> int:
        return 1 if self.words is None else len(self.words)

    def to_json(self) -> dict[str, Any]:
        if self.words is not None:
            return {"name": self.name, "words": list(self.words)}
        return {"name": self.name, "fill": self.fill, "mean": self.mean, "deviation": self.deviation}

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Column:
        words = stored.get("words")
        return Column(stored["name"], None if words is None else tuple(words), stored.get("fill"),
                      stored.get("mean", 0.0), stored.get("deviation", 1.0))


@dataclass(frozen=True)
class Treatment:
    """What a reader does to columns of features."""

    fill: str | float | None = None  #: "mean", "median", or a number; None: nothing may be missing
    standardize: bool = False
    unknown: str = "error"  #: what a word that the training data do not have is: "error" or "zeros"


def fit_columns(table: Table, places: Sequence[int], treatment: Treatment, file: str) -> tuple[Column, ...]:
    """What a table says of its columns of features. Raises DataError where a column has no value at all."""
    return tuple(_fit(table, place, treatment, file) for place in places)


def _fit(table: Table, place: int, treatment: Treatment, file: str) -> Column:
    name = table.layout.names[place] if table.layout.names else str(place)
    if place in table.words:
        return Column(name, tuple(sorted(set(table.words[place].values) - {""})))
    values = table.numbers[place].astype(np.float64)
    missing = np.isnan(values)
    fill = None if isinstance(treatment.fill, str) or treatment.fill is None else float(treatment.fill)
    if isinstance(treatment.fill, str):
        if missing.all():
            raise DataError(f"column {table.layout.name(place)} has no value at all", path=file, option="fill",
                            hint="leave it out with `columns`, or fill it with a number: `fill = 0`.")
        middle = np.mean if treatment.fill == "mean" else np.median
        fill = float(middle(values[~missing]))
    if not treatment.standardize:
        return Column(name, fill=fill)
    values = np.where(missing, 0.0 if fill is None else fill, values)
    mean, deviation = float(values.mean()), float(values.std())
    # Of a column that is constant, rounding alone would be blown up.
    constant = deviation <= 1e-12 * max(abs(mean), 1e-300)
    return Column(name, fill=fill, mean=mean, deviation=1.0 if constant else deviation)


def as_numbers(table: Table, places: Sequence[int], columns: Sequence[Column], treatment: Treatment, file: str
               ) -> np.ndarray:
    """The features of all samples, float32. Raises DataError for a word that the training data do not have."""
    parts = [_one_hot(table, place, column, treatment, file) if column.words is not None else
             _scaled(table.numbers[place], column) for place, column in zip(places, columns, strict=True)]
    return np.concatenate(parts, axis=1)


def _scaled(values: np.ndarray, column: Column) -> np.ndarray:
    if column.fill is not None:
        values = np.where(np.isnan(values), column.fill, values)
    return ((values - column.mean) / column.deviation).astype(np.float32)[:, None]


def _one_hot(table: Table, place: int, column: Column, treatment: Treatment, file: str) -> np.ndarray:
    """1 at the word's number and 0 elsewhere; all 0 where the word is missing."""
    assert column.words is not None
    found = table.words[place]
    number = {word: k for k, word in enumerate(column.words)}
    unknown = next((word for word in found.values if word and word not in number), None)
    if unknown is not None and treatment.unknown == "error":
        row = table.first_row(place, unknown)
        shown = ", ".join(f"`{short(word)}`" for word in column.words[:12])
        shown += ", ..." if len(column.words) > 12 else ""
        raise DataError(f"row {row} has a word that the training data do not have: `{short(unknown)}`", path=file,
                        place=f"row {row}, column {table.layout.name(place)}", option="file",
                        body=(f"Of the training data, the column has {shown}.",),
                        hint=f"{did_you_mean(unknown, column.words)} `unknownCategories = \"zeros\"` takes words that "
                             "the network was not trained on for none of these.".lstrip())
    code = np.array([number.get(word, -1) for word in found.values], dtype=np.int64)[found.places]
    result = np.zeros((len(code), len(column.words)), dtype=np.float32)
    known = np.flatnonzero(code >= 0)
    result[known, code[known]] = 1
    return result


def sizes(table: Table, places: Sequence[int]) -> Sizes:
    """The root mean square of each column of numbers."""
    found = []
    for place in places:
        if place in table.numbers:
            values = table.numbers[place]
            values = values[~np.isnan(values)]
            if values.size:
                name = table.layout.names[place] if table.layout.names else f"column {place}"
                found.append((name, float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))))
    return tuple(found)


def facts(columns: Sequence[Column], treatment: Treatment) -> tuple[str, ...]:
    """Lines for `check`: what became of the columns."""
    lines = [f"{column.name}: one input each for {_listed(column.words)}" for column in columns
             if column.words is not None]
    if isinstance(treatment.fill, str):
        lines.append(f"missing values are the column's {treatment.fill} in the training data")
    elif treatment.fill is not None:
        lines.append(f"missing values are {treatment.fill:g}")
    if treatment.standardize:
        lines.append("columns are standardized by the training data's means and standard deviations")
    return tuple(lines)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(short(word) for word in words[:12]) + (f" and {len(words) - 12} more" if len(words) > 12 else "")

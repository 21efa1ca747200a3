"""Class numbers as files have them: where they begin, how many there are, and what of that is doubtful."""

from __future__ import annotations

from dataclasses import dataclass

from .arrays import np
from .reader import DataError, Stream

#: Digits of a class number that is read; one of more is a mistake, or an attack on whoever counts up to it.
MOST_DIGITS = 9
FIRST_LABEL_DOC = ("The number of the first class in the file: 1 where labels count from 1. Answers then say "
                   "`label 1` and so on, as the file does.")


@dataclass(frozen=True)
class ClassNumbers:
    """The class of each sample (or of each distinct label), as the file writes it, and where the classes begin."""

    written: np.ndarray
    first: int = 0
    names: tuple[str, ...] = ()
    count: int | None = None  #: how many classes there are, where that is said; None: up to the largest

    @property
    def numbers(self) -> np.ndarray:
        """The same, counted from 0, int64."""
        return self.written.astype(np.int64) - self.first

    @property
    def classes(self) -> int:
        if self.names:
            return len(self.names)
        return self.count or (int(self.written.max()) + 1 - self.first if self.written.size else 0)

    @property
    def span(self) -> tuple[int, int] | None:
        """The smallest and the largest label in the file."""
        if self.names or not self.written.size:
            return None
        return int(self.written.min()), int(self.written.max())

    def stream(self, name: str) -> Stream:
        return Stream(name, (self.classes,), self.classes, class_names=self.names, labels_from=self.first,
                      label_span=self.span)

    def facts(self, places: np.ndarray) -> tuple[str, ...]:
        """A line for `check`: how many samples each named class has."""
        if not self.names:
            return ()
        counts = np.bincount(self.numbers[places], minlength=len(self.names))
        shown = [f"{name}: {number:,}" for name, number in zip(self.names, counts, strict=False)]
        return (f"classes: {', '.join(shown[:24])}",)


def count_classes(labels: np.ndarray, first: int, count: int | None, path: str, unit: str) -> ClassNumbers:
    """Whole numbers as classes. `unit` is what a sample is called in messages. Raises DataError."""
    found = ClassNumbers(labels, first, (), count)
    low, high = found.span or (first, first)
    if low < first or (count is not None and high - first >= count):
        label = low if low < first else high
        where = int(np.flatnonzero(labels == label)[0])
        raise DataError(f"class {label} is out of range: there are {found.classes} classes, counted from {first}",
                        path=path, place=f"{unit} {where}", option="labels", body=(f"The labels are {low} to {high}.",),
                        hint=_range_hint(low, high, first, count))
    return found


def _range_hint(low: int, high: int, first: int, count: int | None) -> str:
    if low < first:
        return f"set `firstLabel = {low}`." if low >= 0 else "classes are whole numbers from 0 on."
    if low > first and count is not None and high - low < count:
        return f"no sample has class {first}: if the labels count from {low}, set `firstLabel = {low}`."
    return f"`labelDim` has to be at least {high - first + 1}."


def check_label(label: int, first: int, count: int | None) -> tuple[str, str] | None:
    """Why a label is no class, and what to do; None if it is one. `count`: how many classes there are, if known."""
    if label < first:
        return f"`firstLabel` is {first}, so classes count from {first}.", "correct the label or lower `firstLabel`."
    if count is None or label - first < count:
        return None
    why = f"`labelDim` is {count}, so classes are {first} to {first + count - 1}."
    if first == 0 and label == count:
        return why, "correct the label or raise `labelDim`; where labels count from 1, set `firstLabel = 1`."
    return why, "correct the label or raise `labelDim`."

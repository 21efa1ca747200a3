"""The confusion matrix of a test, as the page shows it: counts, recall and precision by class, frequent mistakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..describe.answers import precision_and_recall

#: Classes up to which the confusion matrix has numbers; above, it is a picture with a list of the worst pairs.
MOST_CELLS = 30
_MOST_PAIRS = 10


@dataclass(frozen=True)
class Table:
    """A table of texts."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Cell:
    """A count, with the shade (0 to 100) and classes of style that it gets."""

    count: str
    shade: int
    kind: str
    title: str


@dataclass(frozen=True)
class ClassRow:
    """A true class: its counts, and recall, precision and F1."""

    name: str
    cells: tuple[Cell, ...]
    scores: tuple[str, str, str]


@dataclass(frozen=True)
class Confusion:
    """The matrix of one output. `shares` is [true, predicted] by row, of the classes that occur."""

    name: str
    classes: tuple[ClassRow, ...]
    pairs: Table
    note: str
    shares: np.ndarray = field(repr=False)

    @property
    def is_large(self) -> bool:
        return len(self.classes) > MOST_CELLS

    @property
    def by_class(self) -> Table:
        """Recall, precision and F1 of each class, as a table."""
        return Table(("class", "recall", "precision", "F1"), tuple((row.name, *row.scores) for row in self.classes))


def class_scores(counts: np.ndarray) -> np.ndarray:
    """Recall, precision and F1 of each class (classes x 3) from counts[true, predicted].

    NaN where there is nothing to count: recall of a class without samples, precision of one never predicted.
    """
    precision, recall = precision_and_recall(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        f1 = 2 * np.diag(counts) / (counts.sum(axis=1) + counts.sum(axis=0))
    return np.stack([recall, precision, f1], axis=1)


def confusion_of(counts: np.ndarray, class_name: Callable[[int], str], name: str = "") -> Confusion:
    """The view of counts[true, predicted]. Classes without samples are left out of a large matrix."""
    present = np.arange(len(counts))
    if len(counts) > MOST_CELLS:  # a network for 1000 classes may be tested on a few
        present = np.flatnonzero(counts.any(axis=0) | counts.any(axis=1))
    shown = counts[np.ix_(present, present)]
    names = [class_name(number) for number in present.tolist()]
    shares = shown / np.maximum(1, shown.sum(axis=1, keepdims=True))
    scores = class_scores(shown)
    rows = tuple(ClassRow(names[true], tuple(_cells(shown[true], shares[true], true, names)),
                          (_percent(scores[true, 0]), _percent(scores[true, 1]), _percent(scores[true, 2])))
                 for true in range(len(shown)))
    return Confusion(name, rows, _pairs(counts, class_name), _note(counts, scores, len(shown)), shares)


def _cells(counts: np.ndarray, shares: np.ndarray, true: int, names: list[str]) -> list[Cell]:
    cells = []
    for guess, (count, share) in enumerate(zip(counts.tolist(), shares.tolist(), strict=True)):
        kind = " ".join(kind for kind, wanted in (("strong", share > 0.3), ("right", true == guess)) if wanted)
        title = f"{names[true]} predicted as {names[guess]}: {count:,} ({100 * share:.1f} %)"
        cells.append(Cell(f"{count:,}" if count else "", round(100 * share**0.5), kind, title))
    return cells


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.1f} %"


def _note(counts: np.ndarray, scores: np.ndarray, shown: int) -> str:
    right, total = int(np.trace(counts)), int(counts.sum())
    means = [f"{name} {_percent(float(np.nanmean(column)))}" for name, column in
             zip(("recall", "precision", "F1"), scores.T, strict=True) if not np.isnan(column).all()]
    parts = [f"{right:,} of {total:,} right ({100 * right / total:.2f} %); means over the classes: {', '.join(means)}.",
             "Rows are the true classes, columns the predicted classes; each row is shaded by its own sum. Recall: "
             "the share of a class that was found. Precision: the share of its predictions that is right."]
    if shown < len(counts):
        parts.append(f"Shown are the {shown} of {len(counts)} classes that occur.")
    return " ".join(parts)


def _pairs(counts: np.ndarray, class_name: Callable[[int], str]) -> Table:
    """The confusions that occur most."""
    off = counts.copy()
    np.fill_diagonal(off, 0)
    rows = []
    for index in np.argsort(-off, axis=None, kind="stable")[:_MOST_PAIRS].tolist():
        true, guess = divmod(index, len(counts))
        if off[true, guess]:
            share = 100 * off[true, guess] / max(1, counts[true].sum())
            rows.append((class_name(true), class_name(guess), f"{off[true, guess]:,}", f"{share:.1f} %"))
    return Table(("true class", "predicted", "samples", "of the class"), tuple(rows))

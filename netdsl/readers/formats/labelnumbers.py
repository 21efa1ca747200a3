"""Class numbers as lists of images write them: where they begin, and what is out of range."""

from __future__ import annotations

FIRST_LABEL_DOC = "The number of the first class in the file: 1 where labels count from 1."


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

"""Which runs a sweep consists of: every combination of the values that are given for some keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True)
class SweptRun:
    """One run of a sweep: its place, its folder's name, and the overrides in which it differs from the others."""

    number: int
    overrides: tuple[str, ...]

    @property
    def values(self) -> str:
        """`learningRate=0.1, width=64`"""
        return ", ".join(f"{key.rpartition('.')[2]}={value}"
                         for key, _, value in (override.partition("=") for override in self.overrides))

    @property
    def name(self) -> str:
        """`02-learningRate=0.1-width=64`: short, and the same for the same values."""
        text = re.sub(r"[^\w.=+-]+", "_", self.values.replace(", ", "-")).strip("_")
        return f"{self.number:02d}-{text}"[:80]


def split_values(text: str) -> list[str]:
    """`0.1,(1:2),"a,b"` -> the values between commas that stand in no bracket and in no quotes."""
    found, depth, quote, start = [], 0, "", 0
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
        elif sign == "," and depth == 0:
            found.append(text[start:place])
            start = place + 1
    return [value.strip() for value in (*found, text[start:])]


def combinations(overrides: Sequence[str]) -> tuple[tuple[str, ...], list[SweptRun]]:
    """The overrides that hold for all runs, and the runs: all combinations, the last key changing fastest."""
    fixed: list[str] = []
    axes: list[list[str]] = []
    for override in overrides:
        key, _, text = override.partition("=")
        values = split_values(text)
        if len(values) == 1:
            fixed.append(override)
        else:
            axes.append([f"{key}={value}" for value in values])
    return tuple(fixed), [SweptRun(number, chosen) for number, chosen in enumerate(product(*axes), 1)] if axes else []

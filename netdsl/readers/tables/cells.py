"""How the cells of a table are written: decimal signs, thousands, per cent, true and false, gaps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

#: Of float32.
LARGEST = (2 - 2**-23) * 2.0**127
#: What stands for a value that is missing, unless the reader says otherwise; case does not matter.
MISSING = ("", "NA", "N/A", "#N/A", "NaN", "null", "None", "?", "-")
_TRUTH = {"true": 1.0, "false": 0.0}
#: Characters that people type for another: kinds of spaces, of apostrophes, of minus signs.
_SAME = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'", "\u2212": "-"})


@dataclass(frozen=True)
class Notation:
    """How the numbers of a table are written, and which cells are gaps."""

    decimal: str = "."
    thousands: str = ""
    missing: tuple[str, ...] = MISSING

    @cached_property
    def is_plain(self) -> bool:
        """Whether numbers are written as Python reads them."""
        return self.decimal == "." and not self.thousands

    @cached_property
    def _gaps(self) -> frozenset[str]:
        return frozenset(text.strip().casefold() for text in self.missing)

    @cached_property
    def _written(self) -> re.Pattern[str]:
        """A number in this notation; groups of digits are of three, or of two in front of three (India)."""
        group = re.escape(self.thousands)
        whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d{{1,2}}(?:{group}\d{{2}})+{group}\d{{3}}|\d+)" if group else r"\d+"
        point = re.escape(self.decimal)
        return re.compile(rf"[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?")

    def is_missing(self, text: str) -> bool:
        return text.casefold() in self._gaps

    def number(self, text: str) -> float | None:
        """A finite number, or None. `5 %` is 0.05, `true` is 1, `false` is 0."""
        if text.casefold() in _TRUTH:
            return _TRUTH[text.casefold()]
        digits = text.translate(_SAME)
        percent = digits.endswith("%")
        if percent:
            digits = digits[:-1].rstrip()
        if not self.is_plain:
            if self._written.fullmatch(digits) is None:
                return None
            digits = digits.replace(self.thousands, "") if self.thousands else digits
            digits = digits.replace(self.decimal, ".")
        try:
            value = float(digits)
        except ValueError:
            return None
        if not abs(value) <= LARGEST or "_" in digits:
            return None
        return value / 100 if percent else value

    def suggestion(self, text: str) -> str:
        """Which options read a cell as a number that this notation does not read; empty if there are none."""
        if self.number(text.strip("%").strip()) is not None:
            return ""
        found: dict[float, str] = {}
        for options, other in _NOTATIONS:
            value = other.number(text)
            if value is not None:
                found.setdefault(value, f"{options} reads it as {value:.12g}")
        return f"set how numbers are written: {', or '.join(found.values())}." if found else ""


def is_truth(text: str) -> bool:
    return text.casefold() in _TRUTH


#: Other notations, as options of CSV; the simpler ones first.
_NOTATIONS = (
    ('`decimal = ","`', Notation(",")),
    ('`thousands = ","`', Notation(".", ",")),
    ('`decimal = ","` with `thousands = "."`', Notation(",", ".")),
    ('`thousands = " "`', Notation(".", " ")),
    ('`decimal = ","` with `thousands = " "`', Notation(",", " ")),
    ("`thousands = \"'\"`", Notation(".", "'")),
)

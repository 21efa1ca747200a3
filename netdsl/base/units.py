"""Numbers and texts as people read them: counts, bytes, times, shares, texts that are cut to fit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

#: Seconds of each unit of a time that is typed: `90`, `45s`, `30m`, `1h30m`, `2 days`.
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS = {"s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
          "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
          "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "d": "d", "day": "d", "days": "d"}
_PIECE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)", re.IGNORECASE)

ELLIPSIS = "..."


def plural(count: int, word: str, words: str = "") -> str:
    """`1 epoch`, `2,000 epochs`; `words` is the plural where an `s` does not make it (`minibatches`)."""
    return f"{count:,} {inflect(count, word, words)}"


def inflect(count: float, word: str, words: str = "") -> str:
    """The word alone, as it stands behind a number."""
    return word if count == 1 else words or f"{word}s"


def clip_text(text: str, width: int) -> str:
    """The beginning of a text, with points at the end where it is longer than `width`."""
    if len(text) <= width:
        return text
    return text[: width - len(ELLIPSIS)].rstrip() + ELLIPSIS if width > len(ELLIPSIS) else text[: max(0, width)]


def clip_left(text: str, width: int) -> str:
    """The end of a text, with points in front: what tells paths apart is at their end."""
    return text if len(text) <= width else ELLIPSIS + text[len(text) - width + len(ELLIPSIS) :]


def clipped_middle(text: str, width: int) -> str:
    """Both ends of a text, with points between them: names differ at their ends."""
    kept = width - len(ELLIPSIS)
    return text if len(text) <= width else text[: (kept + 1) // 2] + ELLIPSIS + text[len(text) - kept // 2 :]


def clip_while(too_wide: Callable[[str], bool], text: str, clip: Callable[[str, int], str] = clip_text) -> str:
    """The longest clipped text that a measure of its own (a font's) does not find too wide."""
    shown, width = text, len(text)
    while width > len(ELLIPSIS) + 1 and too_wide(shown):
        width -= 1
        shown = clip(text, width)
    return shown


def first_of(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """`a, b, c and 4 more`: the first of a list."""
    more = len(names) - most
    return separator.join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def any_of(names: Sequence[str], word: str = "or") -> str:
    """`a, b or c`"""
    return ", ".join(names[:-1]) + f" {word} " * (len(names) > 1) + "".join(names[-1:])


# --- numbers --------------------------------------------------------------------------------------------


def value_text(value: float | None, percent: bool = False) -> str:
    """A criterion or a metric: `0.1234`, `2.31 %`."""
    if value is None:
        return "not a number"
    return f"{100 * value:.2f} %" if percent else f"{value:.4g}"


def difference_text(value: float, percent: bool = False) -> str:
    """What two values differ by, with its sign: `+0.012`, `-1.30 %`."""
    return f"{100 * value:+.2f} %" if percent else f"{value:+.4g}"


def count_text(count: float) -> str:
    """A large number in three digits: `950`, `61.1 k`, `2.29 M`, `1.82 G`."""
    rounded = float(f"{count:.3g}")
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= 1e4 and abs(rounded) >= size:
            return f"{rounded / size:.3g} {unit}"
    return f"{count:,.0f}"


# --- bytes ----------------------------------------------------------------------------------------------


def gibibytes_text(count: int) -> str:
    """Bytes of memory in GiB (2**30), for amounts that are compared with one another."""
    return f"{count / 2**30:,.1f} GiB"


def memory_text(count: int) -> str:
    """Bytes of memory in MiB (2**20), or GiB where that reads better."""
    if count >= 10 * 2**30:
        return gibibytes_text(count)
    if count < 2**10:
        return f"{count} bytes"
    return f"{count / 2**20:,.1f} MiB" if count >= 2**20 else f"{count / 2**10:,.1f} KiB"


def disk_text(count: int) -> str:
    """Bytes of files, in the decimal units in which disks are sold: `12 bytes`, `3 kB`, `170 MB`."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1e3:,.0f} kB" if count < 1_000_000 else f"{count / 1e6:,.0f} MB"


# --- times ----------------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """`4.2 s`, `41 s`, `12 min`, `3 h 20 min`, `2 days 4 h`: short enough for a line."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} days {hours % 24} h"


def seconds_of(text: str) -> float:
    """The seconds of a typed time: `90`, `1h`, `1h30m`, `2 min`, `1.5 days`. Raises ValueError."""
    rest, total, last = text.strip(), 0.0, math.inf
    if not rest:
        raise ValueError("no time given")
    while rest:
        match = _PIECE.match(rest)
        unit = _UNITS.get(match[2].casefold() or "s") if match is not None else None
        if match is None or unit is None or not _SECONDS[unit] < last:
            raise ValueError(f"`{text}` is not a time")
        total, last, rest = total + float(match[1]) * _SECONDS[unit], _SECONDS[unit], rest[match.end():].strip()
    return total

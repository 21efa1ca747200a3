"""Round numbers along an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`, with its ticks; places on it run from 0 to 1."""

    low: float
    high: float
    ticks: tuple[float, ...]
    is_log: bool = False

    def place(self, value: float) -> float:
        if self.is_log:
            return (math.log10(max(value, self.low)) - math.log10(self.low)) / (math.log10(self.high / self.low))
        return (value - self.low) / (self.high - self.low)

    def label(self, tick: float) -> str:
        """The number at a tick; on a linear axis all have as many digits behind the point."""
        digits = 0 if self.is_log or len(self.ticks) < 2 else _digits(self.ticks[1] - self.ticks[0])
        return f"{tick:,.{digits}f}" if 0 < digits <= 6 else tick_text(tick)


def spans_decades(values: Sequence[float]) -> bool:
    """Whether a fifth of some rates lie below a thirtieth of the highest, which wants a logarithmic axis.

    Steps by tenths do; a cosine or a line that ends near 0 does not.
    """
    most = max(values)
    return sum(0 < value < most / 30 for value in values) > 0.2 * len(values)


def linear_axis(low: float, high: float, *, most: int = 6, whole: bool = False, tight: bool = False) -> Axis:
    """An axis around a range with ticks at 1, 2 or 5 times a power of ten; `tight` ends it at the range itself."""
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        low, high = (low - 0.5, high + 0.5) if low else (0.0, 1.0)
    step = _step((high - low) / most)
    if whole:
        step = max(1.0, round(step))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(number * step, _digits(step)) for number in range(first, last + 1)]
    if tight:
        return Axis(low, high, tuple(tick for tick in ticks if low - 1e-12 <= tick <= high * (1 + 1e-12)))
    return Axis(ticks[0], ticks[-1], tuple(ticks))


def log_axis(low: float, high: float, *, most: int = 7) -> Axis:
    """A logarithmic axis over whole decades; `low` must be above 0."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    every = math.ceil((last - first + 1) / most)
    ticks = tuple(10.0**power for power in range(first, last + 1, every))
    return Axis(10.0**first, 10.0**last, ticks, is_log=True)


def _digits(step: float) -> int:
    """Digits behind the point that tell the multiples of a step apart."""
    return max(0, -math.floor(math.log10(step) + 1e-9))


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return power * next(factor for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def tick_text(value: float) -> str:
    """`0.001`, `1e-05`, `20,000`, `2M`."""
    if value == 0:
        return "0"
    if abs(value) >= 1e6 and value % 1e5 == 0:
        return f"{value / 1e6:g}M"
    if abs(value) >= 1e4 and value == int(value):
        return f"{int(value):,}"
    return f"{value:g}"

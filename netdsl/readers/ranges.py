"""Numbers that may be ranges `min:max`, as the random transforms take them."""

from __future__ import annotations

from ..spec import ListOf, Number, OptionError
from .arrays import np

Range = tuple[float, ...]

RATIO = Number(0, 1, exclusive_minimum=True)
RATIOS = ListOf(RATIO, minimum_length=1)
ASPECTS = ListOf(Number(0, exclusive_minimum=True), minimum_length=1)


def between(values: Range, draw: np.random.Generator | None) -> float:
    """A number of a range `min:max` (or the only one); its middle without a generator."""
    low, high = values[0], values[-1]
    if low == high:
        return low
    return (low + high) / 2 if draw is None else float(draw.uniform(low, high))


def check_range(name: str, values: Range | None) -> None:
    """Raise OptionError unless it is one number or an ascending pair."""
    if values is not None and (len(values) > 2 or values[0] > values[-1]):
        raise OptionError(name, f"`{name}` takes one number or a range such as `0.5:1`, the smaller first")

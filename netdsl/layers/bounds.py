"""Between which numbers a layer's values lie: known from the layers alone, before anything runs.

`None` says that nothing is known (data); `UNBOUNDED` says that values go both ways without a limit (scores of a
linear layer), which is a statement. Infinite ends are allowed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Bounds = tuple[float, float]

UNBOUNDED: Bounds = (-math.inf, math.inf)
POSITIVE: Bounds = (0.0, math.inf)
UNIT: Bounds = (0.0, 1.0)


def within(bounds: Bounds | None, outer: Bounds) -> bool:
    """Whether the values are known to lie inside `outer`."""
    return bounds is not None and outer[0] <= bounds[0] and bounds[1] <= outer[1]


def hull(inputs: Sequence[Bounds | None]) -> Bounds | None:
    """Bounds of values that come from any of the inputs."""
    known = [bounds for bounds in inputs if bounds is not None]
    if UNBOUNDED in known:
        return UNBOUNDED
    return (min(low for low, _ in known), max(high for _, high in known)) if len(known) == len(inputs) else None


def total(inputs: Sequence[Bounds | None]) -> Bounds | None:
    """Bounds of a sum. What is unbounded stays so, whatever unknown is added."""
    known = [bounds for bounds in inputs if bounds is not None]
    if UNBOUNDED in known:
        return UNBOUNDED
    return (sum(low for low, _ in known), sum(high for _, high in known)) if len(known) == len(inputs) else None


def product(first: Bounds | None, second: Bounds | None) -> Bounds | None:
    """Bounds of a product."""
    if first == UNBOUNDED or second == UNBOUNDED:
        return UNBOUNDED
    if first is None or second is None:
        return None
    corners = [0.0 if 0 in (a, b) else a * b for a in first for b in second]
    return min(corners), max(corners)


def negate(bounds: Bounds | None) -> Bounds | None:
    return None if bounds is None else (-bounds[1], -bounds[0])


def rising(bounds: Bounds | None, function: Callable[[float], float], otherwise: Bounds | None) -> Bounds | None:
    """Bounds of a function that never falls; `otherwise` are those of all its values."""
    return otherwise if bounds is None else (function(bounds[0]), function(bounds[1]))

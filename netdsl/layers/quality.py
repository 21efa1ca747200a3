"""Which way a value is better: what a row says of its own, and how a formula's follows from its parts.

Only what is certain is said. `1 - ClassificationError (labels, z)` is better when larger, since the error is
better when smaller; of `ReduceSum (labels .* z)` nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum


class Quality(Enum):
    """What is known of a value."""

    SMALLER = "smaller"  #: smaller is better
    LARGER = "larger"  #: larger is better
    DATA = "data"  #: given, not computed from anything that is learned
    DIFFERENCE = "difference"  #: between data and what is computed: better near 0
    UNKNOWN = "unknown"

    def reversed(self) -> Quality:
        """Of the value with another sign."""
        return {Quality.SMALLER: Quality.LARGER, Quality.LARGER: Quality.SMALLER}.get(self, self)


class Follows(Enum):
    """How the value of a row of functions follows from its inputs."""

    UNKNOWN = "unknown"
    RISING = "rising"  #: it rises with every input
    FALLING = "falling"
    DIFFERENCE = "difference"  #: it rises with the first input and falls with the second
    DISTANCE = "distance"  #: it is smallest where the input is 0, and alike on both sides
    EQUALITY = "equality"  #: 1 where the inputs are equal, 0 elsewhere
    INEQUALITY = "inequality"

    def quality(self, inputs: Sequence[Quality]) -> Quality:
        """Of the row's value, from its inputs'."""
        known = set(inputs)
        one = known.pop() if len(known) == 1 else None
        if self in (Follows.RISING, Follows.FALLING):
            found = one or _all_but_data(inputs)
            return found.reversed() if self is Follows.FALLING else found
        if self is Follows.DISTANCE:
            return Quality.SMALLER if one is Quality.DIFFERENCE else Quality.UNKNOWN
        compared = _compares_with_data(inputs)
        if self is Follows.DIFFERENCE:
            return Quality.DIFFERENCE if compared else _all_but_data([inputs[0], inputs[1].reversed()])
        if compared and self in (Follows.EQUALITY, Follows.INEQUALITY):
            return Quality.LARGER if self is Follows.EQUALITY else Quality.SMALLER
        return Quality.UNKNOWN


def _compares_with_data(inputs: Sequence[Quality]) -> bool:
    return sorted((quality is Quality.DATA) for quality in inputs) == [False, True] and Quality.UNKNOWN in inputs


def _all_but_data(inputs: Sequence[Quality]) -> Quality:
    """What all inputs agree on that are not data (a constant, which moves every epoch's value alike)."""
    known = {quality for quality in inputs if quality is not Quality.DATA}
    found = known.pop() if len(known) == 1 else Quality.UNKNOWN
    return found if found in (Quality.SMALLER, Quality.LARGER) else Quality.UNKNOWN

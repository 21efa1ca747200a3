"""How much an evaluation may do: a file of a few lines can ask for more than any machine has.

The limits are far above what networks need: the largest that were tried, of 100,000 layers, take five sixths of the
steps. `netdsl --evaluation-limit 10 ...` allows ten times as much.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.source import Span

#: Calls of functions; a layer that is made counts as three.
STEPS = 600_000
#: Elements of all lists.
ELEMENTS = 2_000_000
#: Characters of all strings that are put together.
CHARACTERS = 20_000_000
#: Calls inside calls, and values that need values.
DEPTH = 50_000

#: Values in need of each other, below which nobody looks at the meter.
ORDINARY_DEPTH = 1000
#: Comparisons of unknown names with known ones; behind them nothing is suggested any more.
COMPARISONS = 100_000

STEPS_OF_A_LAYER = 3

_factor = 1.0


class _State(threading.local):
    """The meter of a thread; a check may run in several."""

    meter: Meter | None = None


_state = _State()


class LimitReached(Exception):
    """An evaluation came to a limit. No Failure: where mistakes are collected, this one ends the evaluation."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.title)
        self.diagnostic = diagnostic


def set_factor(factor: float) -> None:
    """Let every limit be so many times as high, in this process."""
    global _factor
    _factor = factor


class Meter:
    """What an evaluation has used so far."""

    __slots__ = ("calls", "characters", "compared", "elements", "limits", "steps")

    def __init__(self) -> None:
        self.steps = self.elements = self.characters = self.compared = 0
        self.calls: list[tuple[str, Span]] = []  #: functions that are being called, outermost first
        self.limits = tuple(limit * _factor for limit in (STEPS, ELEMENTS, CHARACTERS, DEPTH))

    def step(self, span: Span, count: int = 1) -> None:
        self.steps += count
        if self.steps > self.limits[0]:
            raise self._reached("takes more than {:,.0f} steps", self.limits[0], span)

    def enter(self, name: str, span: Span) -> None:
        """A function is called; `leave` follows."""
        self.step(span)
        self.calls.append((name, span))
        if len(self.calls) > self.limits[3]:
            raise self._reached("is more than {:,.0f} calls deep", self.limits[3], span)

    def leave(self) -> None:
        self.calls.pop()

    def nested(self, count: int, span: Span) -> None:
        """So many values are being evaluated, each needed by the one before it."""
        if count > 2 * self.limits[3]:
            raise self._reached("needs more than {:,.0f} values to find one", 2 * self.limits[3], span)

    def list_of(self, count: float, span: Span) -> None:
        """A list is about to have so many elements."""
        self.elements += max(count, 0)  # type: ignore[assignment]
        if self.elements > self.limits[1]:
            raise self._reached("makes lists of more than {:,.0f} elements", self.limits[1], span)

    def text_of(self, count: int, span: Span) -> None:
        """A string of so many characters is about to be put together."""
        self.characters += count
        if self.characters > self.limits[2]:
            raise self._reached("makes strings of more than {:,.0f} characters", self.limits[2], span)

    def may_compare(self, count: int) -> bool:
        """Whether there is still time to compare a name with so many others, to say what was meant by it."""
        self.compared += count
        return self.compared <= max(COMPARISONS, count)

    def _reached(self, what: str, limit: float, span: Span) -> LimitReached:
        names = [name for name, _ in self.calls]
        body = (f"The calls that led here: {_chain(names)}.",) if names else ()
        related = (Label(self.calls[0][1], "it begins with this call"),) if names and self.calls[0][1] != span else ()
        again = "a function that calls itself needs an `if` that ends it; " if len(set(names)) < len(names) else ""
        return LimitReached(Diagnostic(
            Code.EVALUATION_LIMIT, f"evaluating the file {what.format(limit)}", Label(span, "here"), related=related,
            body=body, hint=f"{again}`netdsl --evaluation-limit 10 ...` allows ten times as much."))


def _chain(names: Sequence[str], shown: int = 6) -> str:
    """`f -> g -> ... -> g`: the first and the last of the calls."""
    if len(names) <= shown:
        return " -> ".join(names)
    return f"{' -> '.join(names[:3])} -> ... -> {names[-1]} ({len(names):,} calls)"


@contextmanager
def metered() -> Iterator[Meter]:
    """An evaluation with a meter of its own."""
    before, own = _state.meter, Meter()
    _state.meter = own
    try:
        yield own
    finally:
        _state.meter = before


def meter() -> Meter:
    """The meter of the evaluation that is going on in this thread."""
    if _state.meter is None:
        _state.meter = Meter()
    return _state.meter


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number; neither a boolean nor infinite."""
    return isinstance(value, float) and math.isfinite(value) and value == int(value)

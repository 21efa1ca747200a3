"""Lines between the ranks of a level: horizontal pieces on tracks of their own, so that none overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

#: Distance between tracks, and how close two lines of different nets may come.
TRACK = 10.0
_CLEAR = 5.0

#: With more lines than this in one gap, their order is left to where they start.
_MOST_COMPARED = 120


@dataclass(eq=False)
class LineRun:
    """The lines of one net in one gap between ranks: from places above to places below, across a track."""

    above: list[float] = field(default_factory=list)
    below: list[float] = field(default_factory=list)
    track: int = -1  #: -1: straight through

    @property
    def low(self) -> float:
        return min([*self.above, *self.below])

    @property
    def high(self) -> float:
        return max([*self.above, *self.below])

    @property
    def is_straight(self) -> bool:
        return self.high - self.low < 0.5


def assign_tracks(runs: Sequence[LineRun]) -> int:
    """Give every run that is not straight its track, 0 next to the upper rank; returns their number."""
    bent = sorted((run for run in runs if not run.is_straight), key=lambda run: (run.low, run.high))
    above: dict[LineRun, list[LineRun]] = {run: [] for run in bent}
    if len(bent) <= _MOST_COMPARED:
        for position, first in enumerate(bent):
            for second in bent[position + 1:]:
                if second.low > first.high + _CLEAR:
                    break
                cost = _cost(first, second) - _cost(second, first)
                if cost < 0:
                    above[second].append(first)
                elif cost > 0:
                    above[first].append(second)
    tracks: list[list[LineRun]] = []
    for run in _ordered(bent, above):
        lowest = max((upper.track + 1 for upper in above[run] if upper.track >= 0), default=0)
        run.track = next((t for t in range(lowest, len(tracks)) if _fits(run, tracks[t])), max(len(tracks), lowest))
        while len(tracks) <= run.track:
            tracks.append([])
        tracks[run.track].append(run)
    return len(tracks)


def _fits(run: LineRun, others: Sequence[LineRun]) -> bool:
    return all(run.high + _CLEAR < other.low or other.high + _CLEAR < run.low for other in others)


def _cost(upper: LineRun, lower: LineRun) -> int:
    """Crossings, and overlaps (which count most), if one run has the track above the other's."""
    crossings = sum(lower.low < x < lower.high for x in upper.below)
    crossings += sum(upper.low < x < upper.high for x in lower.above)
    overlaps = sum(abs(x - y) < _CLEAR for x in upper.below for y in lower.above)
    return crossings + 100 * overlaps


def _ordered(runs: Sequence[LineRun], above: dict[LineRun, list[LineRun]]) -> list[LineRun]:
    """Runs after those that should lie above them; a cycle is cut at the run that waits for fewest."""
    if not any(above.values()):
        return list(runs)
    waiting = {run: len(above[run]) for run in runs}
    below: dict[LineRun, list[LineRun]] = {run: [] for run in runs}
    for run in runs:
        for upper in above[run]:
            below[upper].append(run)
    order = []
    while waiting:
        run = min(waiting, key=lambda r: waiting[r])
        del waiting[run]
        order.append(run)
        for lower in below[run]:
            if lower in waiting:
                waiting[lower] -= 1
    return order

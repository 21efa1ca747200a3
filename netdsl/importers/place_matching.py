"""Tensors of one graph matched with those of another by their place: what comes before them, what behind, how large.

Both graphs are reduced to their tensors, with an arrow from each to those that use what it had a part in. Tensors
of one size are told apart by their neighbours, by the neighbours of these and so on, as far as needed, beginning
at the inputs and at what is matched already. Two that have equal neighbours all the way are ambiguous; nothing is
guessed.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A tensor in a graph, or an input: what tells it from others, and the places just before it."""

    name: str
    kind: Hashable
    before: tuple[str, ...]


@dataclass(frozen=True)
class Matching:
    """Pairs (ours -> theirs), and those that could not be told apart: as many of ours as of theirs."""

    pairs: dict[str, str]
    ambiguous: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


class _Side:
    """One of the graphs. Places with one label look alike, as far as it is known."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.kinds = {place.name: place.kind for place in places}
        self.before = {place.name: [name for name in place.before if name in self.kinds] for place in places}
        self.behind: dict[str, list[str]] = {name: [] for name in self.kinds}
        for name, earlier in self.before.items():
            for other in earlier:
                self.behind[other].append(name)
        self.open = dict.fromkeys(self.kinds)  #: those without a partner, in their order
        self.labels: dict[str, int] = {}

    def classes(self) -> dict[int, list[str]]:
        """Those without a partner, by label."""
        found: dict[int, list[str]] = {}
        for name in self.open:
            found.setdefault(self.labels[name], []).append(name)
        return found

    def around(self, name: str) -> Hashable:
        """The labels before and behind a place."""
        return tuple(tuple(sorted(self.labels[other] for other in names))
                     for names in (self.before[name], self.behind[name]))

    def close(self, name: str, label: int) -> None:
        self.labels[name] = label
        del self.open[name]


def match_places(ours: Sequence[Place], theirs: Sequence[Place], known: Mapping[str, str]) -> Matching:
    """Pairs of places; `known` are those that are matched already (ours -> theirs)."""
    mine, other = _Side(ours), _Side(theirs)
    fresh, kinds = itertools.count(), dict[Hashable, int]()
    for side in (mine, other):
        for name, kind in side.kinds.items():
            side.labels[name] = kinds[kind] if kind in kinds else kinds.setdefault(kind, next(fresh))
    found = {a: b for a, b in known.items() if a in mine.kinds and b in other.kinds}
    pairs: dict[str, str] = {}
    while True:
        for a, b in found.items():
            label = next(fresh)
            mine.close(a, label)
            other.close(b, label)
        pairs.update(found)
        found = _singles(mine, other)
        if not found and not _split(mine, other, fresh):
            break
    left = other.classes()
    return Matching(pairs, tuple((tuple(names), tuple(left[label])) for label, names in mine.classes().items()
                                 if label in left))


def _singles(mine: _Side, other: _Side) -> dict[str, str]:
    """Pairs of places whose label nothing else has, on either side."""
    theirs = other.classes()
    return {names[0]: theirs[label][0] for label, names in mine.classes().items()
            if len(names) == 1 and len(theirs.get(label, ())) == 1}


def _split(mine: _Side, other: _Side, fresh: Iterator[int]) -> bool:
    """Tell places of one label apart by the labels around them; whether it led to anything.

    Where the sides disagree (one of them has another last layer, say), the places that they agree on are split off.
    """
    theirs, changes = other.classes(), list[tuple[_Side, str, int]]()
    for label, names in mine.classes().items():
        parts = tuple(_by_surroundings(side, members)
                      for side, members in ((mine, names), (other, theirs.get(label, []))))
        if max(len(part) for part in parts) == 1:
            continue
        for surroundings, members in parts[0].items():
            opposite = parts[1].get(surroundings, [])
            if len(members) == len(opposite):
                number = next(fresh)
                changes += [(mine, name, number) for name in members] + [(other, name, number) for name in opposite]
    for side, name, number in changes:
        side.labels[name] = number
    return bool(changes)


def _by_surroundings(side: _Side, names: Sequence[str]) -> dict[Hashable, list[str]]:
    found: dict[Hashable, list[str]] = {}
    for name in names:
        found.setdefault(side.around(name), []).append(name)
    return found

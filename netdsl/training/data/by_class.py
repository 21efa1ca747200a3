"""Sampling by class: a hold-out with every class's share, and passes in which all classes come equally often."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from ...base.seeds import seed_for

#: Of more samples that are alone in their class than this share, what is given are no classes to keep the shares of.
_MOST_ALONE = 0.1


def order_by_share(classes: np.ndarray, seed: int) -> np.ndarray:
    """All samples in an order of which every stretch has every class in its share of the whole, to within one sample.

    Drawn by the seed. Samples that are alone in their class come last: they are trained on.
    """
    random = np.random.Generator(np.random.PCG64(seed_for(seed, "validation")))
    mixed = random.permutation(len(classes))
    _, number, counts = np.unique(classes[mixed], return_inverse=True, return_counts=True)
    number = number.reshape(-1)
    # The samples of a class at equal distances, from a start of its own.
    rank = np.empty(len(classes), dtype=np.int64)
    by_class = np.argsort(number, kind="stable")
    rank[by_class] = np.arange(len(classes)) - np.repeat(np.cumsum(counts) - counts, counts)
    key = (rank + random.random(len(counts))[number]) / counts[number]
    alone = counts[number] == 1
    if alone.mean() <= _MOST_ALONE:
        key[alone] = 2.0
    return mixed[np.argsort(key, kind="stable")]


@dataclass(frozen=True, eq=False)
class Balance:
    """Sweeps of `count` draws in which all classes come equally often, to within one draw.

    A class goes through its samples in an order of its own, again and again, from pass to pass: those of a rare
    class come several times in a pass, of a frequent class only a part does, and in the long run all samples of a
    class equally often. Depends on the seed and the pass alone, so a resumed run goes on exactly.
    """

    classes: np.ndarray  #: of each sample that takes part
    seed: int

    @functools.cached_property
    def members(self) -> list[np.ndarray]:
        """The places of the samples of each class that there is."""
        return [np.flatnonzero(self.classes == number) for number in np.unique(self.classes)]

    def order(self, data_pass: int) -> np.ndarray:
        """The places of the samples of a pass, mixed."""
        count, kinds = len(self.classes), len(self.members)
        share, extra = divmod(count, kinds)
        drawn = []
        for number, members in enumerate(self.members):
            # The draws that are left over go to the classes in turn.
            before, after = (-(-(k * extra - number) // kinds) for k in (data_pass, data_pass + 1))
            drawn.append(self._draws(number, members, data_pass * share + before, (data_pass + 1) * share + after))
        together = np.concatenate(drawn)
        return together[self._random("order", data_pass).permutation(count)]

    def _draws(self, number: int, members: np.ndarray, start: int, end: int) -> np.ndarray:
        """Draws number `start` to `end` of a class's endless row of permutations."""
        rounds = range(start // len(members), -(-end // len(members)))
        if not rounds:
            return members[:0]
        row = np.concatenate([members[self._random("balance", number, k).permutation(len(members))] for k in rounds])
        first = start - rounds[0] * len(members)
        return row[first : first + end - start]

    def _random(self, *purpose: object) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(seed_for(self.seed, *purpose)))

"""Which samples make up which minibatch: a pure function of the seed and the position, so resume is exact."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...base.seeds import seed_for
from .by_class import Balance, order_by_share


@dataclass(frozen=True)
class Minibatch:
    """The samples of one update.

    `indices` are the reader's own; `offset` counts the samples of this epoch before these; `pass`
    counts passes over the data and seeds the random transforms.
    """

    epoch: int
    data_pass: int
    offset: int
    indices: np.ndarray

    @property
    def count(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, eq=False)
class Sampling:
    """The order of the samples of a whole training.

    A pass over the data takes every sample once, in an order of its own. An epoch is `epoch_size` samples
    (0: one pass) and goes on where the last one ended, as in CNTK: no minibatch crosses the end of a
    pass or of an epoch, so the last one of either may be smaller.

    With groups, a pass takes group after group, and no minibatch holds a part of one: it has as many whole groups
    as fit in its size, and a larger group is a minibatch by itself. Epochs are then whole passes.
    """

    count: int  #: samples in a pass
    seed: int
    epoch_size: int = 0
    shuffle: bool = True
    chosen: np.ndarray | None = None  #: the reader's indices that take part; None: all
    groups: np.ndarray | None = None  #: the number of the group of each of the reader's samples; None: no groups
    balance: Balance | None = None  #: of those samples: passes in which all classes come equally often
    split: str = ""  #: how samples were set aside for validation; empty: at random, or none were

    @property
    def epoch_length(self) -> int:
        """Samples in an epoch."""
        return self.epoch_size or self.count

    def order(self, data_pass: int) -> np.ndarray:
        """The reader's indices in the order of a pass."""
        return _order(self, data_pass if self.shuffle else 0)

    def subsample(self, count: int) -> Sampling:
        """`count` of the samples: one, drawn by the seed, from each of so many equal parts of the data.

        Data often lie sorted by class; the first samples would be of the first classes only.
        """
        if count >= self.count:
            return self
        chosen = np.arange(self.count) if self.chosen is None else self.chosen
        if self.groups is None:
            chosen = chosen[self._spread(self.count, count)]
        else:
            present = np.unique(self.groups[chosen])
            wanted = min(len(present), max(1, round(count * len(present) / self.count)))
            kept = present[self._spread(len(present), wanted)]
            chosen = chosen[np.isin(self.groups[chosen], kept)]
        return Sampling(len(chosen), self.seed, shuffle=self.shuffle, chosen=chosen, groups=self.groups)

    def _spread(self, count: int, wanted: int) -> np.ndarray:
        """One, drawn by the seed, from each of so many equal parts of 0..count-1."""
        edges = np.arange(wanted + 1) * count // wanted
        drawn = np.random.Generator(np.random.PCG64(seed_for(self.seed, "thinned"))).random(wanted)
        return edges[:-1] + (drawn * np.diff(edges)).astype(np.int64)

    def minibatches(self, epoch: int, size: int, offset: int = 0) -> Iterator[Minibatch]:
        """The minibatches of an epoch from a position on (`taken` samples of it are done)."""
        while offset < self.epoch_length:
            data_pass, start = divmod(epoch * self.epoch_length + offset, self.count)
            count = min(size, self.count - start, self.epoch_length - offset)
            if self.groups is not None:
                ends = _group_ends(self, data_pass, size)
                count = int(ends[np.searchsorted(ends, start, side="right")]) - start
            yield Minibatch(epoch, data_pass, offset, self.order(data_pass)[start : start + count])
            offset += count

    def steps(self, epoch: int, size: int) -> int:
        """How many minibatches an epoch has."""
        first, last = epoch * self.epoch_length, (epoch + 1) * self.epoch_length
        steps, position = 0, first
        while position < last:
            data_pass = position // self.count
            pass_end = min(last, (data_pass + 1) * self.count)
            steps += -(-(pass_end - position) // size) if self.groups is None else \
                len(_group_ends(self, data_pass, size))
            position = pass_end
        return steps


@functools.lru_cache(maxsize=4)
def _order(sampling: Sampling, data_pass: int) -> np.ndarray:
    chosen = np.arange(sampling.count) if sampling.chosen is None else sampling.chosen
    if sampling.balance is not None:
        return np.asarray(chosen[sampling.balance.order(data_pass)])
    random = np.random.Generator(np.random.PCG64(seed_for(sampling.seed, "order", data_pass)))
    if sampling.groups is not None:
        present, place = np.unique(sampling.groups[chosen], return_inverse=True)
        ranks = random.permutation(len(present)) if sampling.shuffle else np.arange(len(present))
        return chosen[np.argsort(ranks[place.reshape(-1)], kind="stable")]
    return chosen[random.permutation(len(chosen))] if sampling.shuffle else chosen


@functools.lru_cache(maxsize=8)
def _group_ends(sampling: Sampling, data_pass: int, size: int) -> np.ndarray:
    """Where in the order of a pass the minibatches end that hold whole groups."""
    assert sampling.groups is not None
    groups = sampling.groups[sampling.order(data_pass)]
    last = np.flatnonzero(np.diff(groups, append=-1)) + 1  # where each group ends
    ends, begun = [], 0
    for before, end in zip([0, *last[:-1].tolist()], last.tolist(), strict=True):
        if end - begun > size and before > begun:
            ends.append(before)
            begun = before
    return np.array([*ends, len(groups)])


def split(count: int, part: float, seed: int, classes: np.ndarray | None = None, fold: int = 0,
          groups: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Samples for training and for validation: `part` below 1 is a share, from 1 on a number of samples.

    Drawn by the seed alone, so a resumed run and every epoch see the same split. With `classes`, of each sample,
    every class has its share. `fold` says which of the parts of that size is held out; none is left behind the last.
    With `groups` whole ones are held out, until there are enough samples.
    """
    wanted = round(count * part) if part < 1 else int(part)
    held_out = min(max(wanted, 1), count - 1)
    random = np.random.Generator(np.random.PCG64(seed_for(seed, "validation")))
    if groups is not None:
        sizes = np.bincount(groups)
        drawn = random.permutation(len(sizes))
        fold_of = (np.cumsum(sizes[drawn]) - sizes[drawn]) // held_out
        chosen = drawn[fold_of == fold][: len(sizes) - 1]  # one group at least is trained on
        out = np.isin(groups, chosen)
        return np.flatnonzero(~out), np.flatnonzero(out)
    mixed = random.permutation(count) if classes is None else order_by_share(classes, seed)
    apart = slice(fold * held_out, (fold + 1) * held_out)
    return np.sort(np.delete(mixed, apart)), np.sort(mixed[apart])

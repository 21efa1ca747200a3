"""How what a node gives for each minibatch becomes one number for a data set.

A criterion, and a metric of single samples, gives one number per sample: the data set's is their mean, each
sample counting by its weight (`Layer.sample_weights`; 1 where a row has none). A metric of a set (precision, AUC)
has no value for a sample: its `forward` gives what a minibatch adds, and `result` makes the number of all
that was added. Whatever adds up two parts of a data set, minibatches or workers, gets the number of both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sums:
    """What minibatches give is added up in float64: so many numbers."""

    numbers: int


@dataclass(frozen=True)
class Rows:
    """Every sample gives a row of so many numbers (float32), and all rows are kept until the end."""

    columns: int


Accumulation = Sums | Rows

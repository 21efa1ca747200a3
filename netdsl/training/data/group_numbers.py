"""Samples that belong together (the documents of a query), by the numbers that the data give them."""

from __future__ import annotations

import numpy as np

from ...readers.reader import DataError, Dataset, SampleRng

#: Above this, whole numbers that differ by one are the same float32, in which readers deliver numbers.
LARGEST_EXACT = 2**24
#: Samples that are read at a time.
_CHUNK = 4096


def group_numbers(dataset: Dataset, name: str) -> np.ndarray:
    """The number of each sample's group, from 0 in the order of the data, by what an input delivers.

    Raises DataError where that is no number, or too large to be told from the next one.
    """
    values = _values(dataset, name).reshape(dataset.count, -1)[:, 0]
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values) | (np.abs(values) >= LARGEST_EXACT)
        if bad.any():
            row = int(bad.argmax())
            raise DataError(f"the group of sample {row}, which `{name}` gives, is {values[row]:.8g}", body=(
                f"Whole numbers below {LARGEST_EXACT:,} can be told apart.",), hint="number the groups 0, 1, 2, ...")
    _, first, place = np.unique(values, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place.reshape(-1)]


def _values(dataset: Dataset, name: str) -> np.ndarray:
    arrays = dataset.in_memory()
    if arrays is not None:
        return np.asarray(arrays[name])
    rows = range(dataset.count)
    return np.concatenate([dataset.batch(rows[k : k + _CHUNK], SampleRng()).arrays[name]
                           for k in range(0, dataset.count, _CHUNK)])


def groups_text(name: str, groups: np.ndarray, size: int) -> str:
    """What is said of the groups before training."""
    counts = np.bincount(groups)
    counts = counts[counts > 0]
    text = f"minibatches hold whole groups of equal `{name}`: {len(counts):,} of up to {counts.max():,} samples"
    larger = int((counts > size).sum())
    if larger:
        text += f"; {larger:,} of them {'is' if larger == 1 else 'are'} larger than a minibatch and " \
                f"{'is one' if larger == 1 else 'are minibatches'} by {'itself' if larger == 1 else 'themselves'}"
    return text

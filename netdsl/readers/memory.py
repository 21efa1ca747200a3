"""Data that fit in memory: arrays by input name, batches by picking rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from .arrays import np
from .reader import Batch, DataError, Dataset, SampleRng
from .transforms.pipeline import Pipeline, channels_first

#: Transformed images are kept if they take at most this many bytes.
_KEEP = 1 << 30


def float32(values: Any) -> np.ndarray:
    """Numbers as float32; those that are too large become infinite, without a warning."""
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(np.float32)


#: Vectors of more elements are no table of columns with meanings of their own.
_MOST_COLUMNS = 64


def element_sizes(values: np.ndarray) -> tuple[tuple[str, float], ...]:
    """The root mean square of each element of vectors (n, size), for a table's `Stream.sizes`."""
    if values.ndim != 2 or values.dtype.kind != "f" or values.shape[1] > _MOST_COLUMNS or not np.isfinite(values).all():
        return ()
    found = np.sqrt(np.mean(np.square(values, dtype=np.float64), axis=0))
    return tuple((f"element {k}", float(size)) for k, size in enumerate(found))


def classes_in(array: Any) -> np.ndarray | None:
    """The classes that an array holds: class numbers, or vectors that are 0 but for a 1 at the class; else None."""
    if isinstance(array, SparseRows):
        return array.classes()
    if array is None or array.dtype.kind not in "iuf":
        return None
    if array.dtype.kind == "i" and array.ndim == 1:
        return array.astype(np.int64)  # type: ignore[no-any-return]
    if array.ndim != 2 or array.shape[1] < 2 or not ((array == 0) | (array == 1)).all() or (array.sum(1) != 1).any():
        return None
    return array.argmax(1).astype(np.int64)  # type: ignore[no-any-return]


def _row_name(index: int) -> str:
    return f"sample {index}"


class SparseRows:
    """Rows of mostly zeros, unpacked when they are picked."""

    def __init__(self, indices: Sequence[np.ndarray], values: Sequence[np.ndarray], size: int,
                 shape: tuple[int, ...]) -> None:
        self._ends = np.cumsum([0, *(len(row) for row in indices)])
        self._indices = np.concatenate(indices)
        self._values = np.concatenate(values)
        self._size, self._shape = size, shape

    def __len__(self) -> int:
        return len(self._ends) - 1

    def classes(self) -> np.ndarray | None:
        """The place of the one element of each row, where that is a 1."""
        alone = (np.diff(self._ends) == 1).all() and (self._values == 1).all()
        return self._indices.astype(np.int64) if alone else None

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """The rows with these numbers, float32, len(rows) x shape."""
        result = np.zeros((len(rows), self._size), dtype=np.float32)
        for place, row in enumerate(rows):
            part = slice(self._ends[row], self._ends[row + 1])
            result[place, self._indices[part]] = self._values[part]
        return result.reshape(-1, *self._shape)


class ArrayDataset(Dataset):
    """Arrays (or SparseRows) with one row for each sample, and transforms for one of them.

    `images` names the array (n x channels x height x width) that goes through `pipeline`. Steps that
    draw nothing are done once, when the data are opened.
    """

    def __init__(self, arrays: dict[str, Any], *, images: str = "", pipeline: Pipeline | None = None,
                 class_names: tuple[str, ...] = (), name: Callable[[int], str] = _row_name,
                 skipped: Sequence[DataError] = (), ids: tuple[str, ...] = ()) -> None:
        self.arrays = arrays
        self.count = len(next(iter(arrays.values())))
        self.class_names = class_names
        self.ids = ids
        self.name = name
        self._skipped = tuple(skipped)
        self._images = images
        self._pipeline = pipeline if pipeline is not None and pipeline.steps else None
        if self._pipeline is not None and not self._pipeline.random:
            self._transform_now(self._pipeline)

    def _transform_now(self, pipeline: Pipeline) -> None:
        stored = self.arrays[self._images]
        first = self._transformed(stored[:1], [0], SampleRng())
        if first.nbytes * self.count <= _KEEP and pipeline.views == 1:
            done = pipeline.run_all(stored.transpose(0, 2, 3, 1))
            self.arrays = {**self.arrays, self._images: np.ascontiguousarray(channels_first(done))}
            self._pipeline = None

    @property
    def skipped(self) -> tuple[DataError, ...]:
        return self._skipped

    def classes(self, name: str) -> np.ndarray | None:
        return classes_in(self.arrays.get(name))

    def fingerprint(self, index: int) -> tuple[str, bytes] | None:
        stored = self.arrays.get(self._images) if self._images else None
        if not isinstance(stored, np.ndarray) or stored.ndim != 4:
            return None
        return self.name(index), hashlib.blake2b(stored[index].tobytes(), digest_size=16).digest()

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        rows = np.asarray(indices, dtype=np.int64)
        arrays = {key: array[rows] for key, array in self.arrays.items()}
        if self._pipeline is not None:
            arrays[self._images] = self._transformed(arrays[self._images], indices, draws)
        return Batch(arrays, tuple(self.name(int(index)) for index in indices))

    def _transformed(self, images: np.ndarray, indices: Sequence[int], draws: SampleRng) -> np.ndarray:
        assert self._pipeline is not None
        result = []
        for image, index in zip(images, indices, strict=True):
            try:
                result.append(channels_first(self._pipeline.run(image.transpose(1, 2, 0), draws.sample(int(index)))))
            except DataError as error:
                raise error.with_location(place=self.name(int(index))) from None
        return np.stack(result)

    def in_memory(self) -> dict[str, np.ndarray] | None:
        plain = all(isinstance(array, np.ndarray) for array in self.arrays.values())
        return self.arrays if self._pipeline is None and plain else None

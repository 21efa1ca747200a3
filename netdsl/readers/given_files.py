"""Files of rows that a user names: which one a sample is of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from .reader import Batch, DataError, Dataset, SampleRng


class _OfFile(Dataset):
    """The samples of one of several files: their names say which."""

    def __init__(self, inner: Dataset, path: str) -> None:
        self._inner, self._path = inner, path
        self.count, self.class_names, self.ids = inner.count, inner.class_names, inner.ids

    @property
    def failures(self) -> dict[int, DataError]:
        return self._inner.failures

    @property
    def skipped(self) -> tuple[DataError, ...]:
        return self._inner.skipped

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        batch = self._inner.batch(indices, draws)
        return replace(batch, names=tuple(f"{self._path}, {name}" for name in batch.names))

    def notes(self) -> tuple[DataError, ...]:
        return self._inner.notes()

    def close(self) -> None:
        self._inner.close()


def open_files(paths: Sequence[str], opened: Callable[[str], Dataset], alone: bool | None = None) -> list[Dataset]:
    """A data set for each file of rows; where they are not `alone`, samples are called `new.csv, sample 0`."""
    if len(paths) == 1 if alone is None else alone:
        return [opened(path) for path in paths]
    return [_OfFile(opened(path), path) for path in paths]

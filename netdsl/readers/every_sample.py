"""Every sample of some data read once: which cannot be read, and which come out otherwise than the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from .arrays import np
from .reader import DataError, Dataset, SampleRng

#: Samples that are read at a time; one by one where something is wrong with one of them.
_BLOCK = 16
#: Blocks on their way at once for each thread.
_AHEAD = 2
#: Shapes of a sample by input.
Shapes = dict[str, tuple[int, ...]]


def faults(dataset: Dataset, workers: int = 1) -> Iterator[DataError]:
    """What is wrong with samples, in the order of the samples.

    Data that lie in memory were read when they were opened, and have none left.
    """
    if dataset.in_memory() is not None or not dataset.count:
        return
    expected, first = _first_shapes(dataset)
    blocks = [range(start, min(start + _BLOCK, dataset.count)) for start in range(0, dataset.count, _BLOCK)]
    look = partial(_faults_in, dataset, expected, first)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        # Not all blocks at once: whoever stops at the first fault has not waited for the rest.
        for start in range(0, len(blocks), _AHEAD * max(1, workers)):
            for found in pool.map(look, blocks[start : start + _AHEAD * max(1, workers)]):
                yield from found


def _first_shapes(dataset: Dataset) -> tuple[Shapes, str]:
    """The shapes of the first sample that can be read, and its name."""
    for index in range(dataset.count):
        try:
            batch = dataset.batch([index], SampleRng())
        except DataError:
            continue
        return _shapes(batch.arrays), batch.names[0] if batch.names else f"sample {index}"
    return {}, ""


def _shapes(arrays: dict[str, np.ndarray]) -> Shapes:
    return {name: array.shape[1:] for name, array in arrays.items()}


def _faults_in(dataset: Dataset, expected: Shapes, first: str, indices: Sequence[int]) -> list[DataError]:
    try:
        if _shapes(dataset.batch(indices, SampleRng()).arrays) == expected:
            return []
    except DataError:
        pass
    return [fault for index in indices if (fault := _fault(dataset, expected, first, index)) is not None]


def _fault(dataset: Dataset, expected: Shapes, first: str, index: int) -> DataError | None:
    try:
        batch = dataset.batch([index], SampleRng())
    except DataError as error:
        return error
    for name, shape in _shapes(batch.arrays).items():
        wanted = expected.get(name, shape)
        if shape != wanted:
            return DataError(f"`{name}` comes out in another size than for other samples",
                             path=batch.names[0] if batch.names else f"sample {index}", option="transforms",
                             body=(f"Here {_extents(shape)}, and {_extents(wanted)} for {first}.",),
                             hint="end the transforms with a fixed size, such as `Scale {224:224}`.")
    return None


def _extents(shape: tuple[int, ...]) -> str:
    return " x ".join(str(extent) for extent in reversed(shape)) or "one number"

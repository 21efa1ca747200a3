"""Synthetic: random data that can be learned, for trying out a network without any file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from ...base.seeds import seed_for
from ...spec import Dims, Integer, Number, Optional, option, table_row
from ..arrays import np
from ..memory import ArrayDataset
from ..reader import Batch, Dataset, Description, Reader, SampleRng, Stream, Wanted

#: Made once and kept, if they take at most this many bytes.
_KEEP = 1 << 28


@table_row
class Synthetic(Reader):
    """Random samples, each its class's own pattern under noise; made when they are wanted.

    The patterns depend on the dims and the classes only, so training and test data (two readers with
    different `seed`) have them in common. Values have mean 0 and standard deviation about 1.
    """

    examples: ClassVar[tuple[str, ...]] = ("Synthetic {32:32:3, classes = 10, count = 512}", "Synthetic {100}")

    dims: tuple[int, ...] = option(Dims(), doc="Shape of a sample, width first.")
    classes: int | None = option(Optional(Integer(2)), None, "Number of classes; None: no labels.")
    count: int = option(Integer(1), 1000, "Number of samples.")
    noise: float = option(Number(0), 1.0, "Standard deviation of the noise; that of the patterns is 1.")
    seed: int = option(Integer(0), 0, "Another seed draws other samples of the same classes.")

    def describe(self) -> Description:
        streams = [Stream(self.features_input, self.dims, note="made up")]
        if self.classes is not None:
            streams.append(Stream(self.labels_input, (self.classes,), self.classes))
        return Description(tuple(streams), self.count)

    def open_given(self, files: Sequence[Sequence[str]], wanted: Wanted) -> list[Dataset]:
        return [self.open(False)]

    def open(self, training: bool) -> Dataset:
        lazy = _Made(self)
        if self.count * math.prod(self.dims) * 4 > _KEEP:
            return lazy
        return ArrayDataset(lazy.batch(range(self.count), SampleRng()).arrays)


class _Made(Dataset):
    def __init__(self, reader: Synthetic) -> None:
        self.count = reader.count
        self._reader = reader
        self._shape = tuple(reversed(reader.dims))
        self._scale = np.float32(1 / math.sqrt(1 + reader.noise**2))

    def _normal(self, *purpose: object) -> np.ndarray:
        draw = np.random.Generator(np.random.PCG64(seed_for(0, "synthetic", *purpose)))
        return draw.standard_normal(self._shape, dtype=np.float32)

    def _label(self, index: int) -> int:
        return index % (self._reader.classes or 1)

    def _sample(self, index: int) -> np.ndarray:
        pattern = self._normal("pattern", self._label(index))
        noise = self._normal("sample", self._reader.seed, index) * np.float32(self._reader.noise)
        return (pattern + noise) * self._scale

    def classes(self, name: str) -> np.ndarray | None:
        if name != self._reader.labels_input or self._reader.classes is None:
            return None
        return np.arange(self.count, dtype=np.int64) % self._reader.classes

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        arrays = {self._reader.features_input: np.stack([self._sample(int(index)) for index in indices])}
        if self._reader.classes is not None:
            arrays[self._reader.labels_input] = np.array([self._label(int(i)) for i in indices], dtype=np.int64)
        return Batch(arrays, tuple(f"made-up sample {int(index)}" for index in indices))

"""Images named one by one, made ready as a reader of the file makes its test images ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from .files import missing_file, reading
from .reader import Batch, DataError, Dataset, Reader, SampleRng
from .transforms.pipeline import ImageReader, channels_first


class GivenImages(Dataset):
    """Image files as samples, through the reader's test transforms.

    An image that cannot be read, or comes out in another shape than the network takes, does not stop
    the others: zeros stand for it, and `failures` says by its index what is wrong with it.
    """

    def __init__(self, paths: Sequence[str], reader: ImageReader, dims: tuple[int, ...]) -> None:
        """`dims` is the network's input, channels first. Raises DataError for a mean file that is missing."""
        self.paths, self.reader, self.dims = tuple(paths), reader, dims
        self.count = len(self.paths)
        self.pipeline = reader.pipeline(training=False)
        self.least_side = self.pipeline.needed_side()
        self.failures: dict[int, DataError] = {}

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        images = np.stack([self._image(int(index), draws) for index in indices])
        return Batch({self.reader.features_input: images}, tuple(self.paths[int(index)] for index in indices))

    def _image(self, index: int, draws: SampleRng) -> np.ndarray:
        try:
            return self._ready(self.paths[index], draws.sample(index))
        except DataError as error:
            self.failures[index] = error.located(self.paths[index])
        views = self.pipeline.views
        return np.zeros((views, *self.dims) if views > 1 else self.dims, dtype=np.float32)

    def _ready(self, path: str, draw: np.random.Generator) -> np.ndarray:
        if not Path(path).exists():
            raise missing_file(path, "image")
        with reading(path):
            data = Path(path).read_bytes()
        image = self.reader.decoded(data, self.least_side)
        ready = channels_first(self.pipeline.run(image, draw)).astype(np.float32, copy=False)
        if len(self.dims) == 1 and ready.ndim == 3 and ready.size == self.dims[0]:
            return ready.reshape(-1)  # a network that takes the image as a vector
        if ready.shape[-3:] != self.dims:
            raise DataError(f"the image comes out as {_extents(ready.shape[-3:])}, and the network takes "
                            f"{_extents(self.dims)}", path=path, hint=self._cure(ready.shape[-3:]))
        return ready

    def _cure(self, dims: tuple[int, ...]) -> str:
        """How the test reader makes images of the network's extents from images of these."""
        if len(self.dims) == 3 and dims[-2:] != self.dims[-2:]:
            return "end the test reader's transforms with the network's size: `transforms = " \
                   f"Scale {{{self.dims[2]}:{self.dims[1]}}}`."
        return "give the test reader's transforms the shape that the network takes."


def _extents(dims: tuple[int, ...]) -> str:
    return " x ".join(str(d) for d in reversed(dims))


def image_reader(reader: Reader | None) -> ImageReader | None:
    """The reader of images in a reader: itself, or one that it joins; None if there is none."""
    if reader is None or isinstance(reader, ImageReader):
        return reader
    for field in fields(reader):
        value = getattr(reader, field.name)
        for inner in value if isinstance(value, tuple) else (value,):
            found = image_reader(inner) if isinstance(inner, Reader) else None
            if found is not None:
                return found
    return None

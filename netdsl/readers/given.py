"""Images named one by one, made ready as a reader of the file makes its test images ready."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from .arrays import np
from .files import exists, missing_file, open_file, reading
from .reader import Batch, DataError, Dataset, SampleRng


class Preparation(Protocol):
    """What makes the bytes of an image ready for the network: an ImageReader."""

    @property
    def features_input(self) -> str: ...

    def given_views(self) -> int: ...

    def given_image(self, data: bytes, draw: np.random.Generator) -> np.ndarray: ...

    def given_notes(self, fetch: Callable[[int], bytes], names: Sequence[str]) -> tuple[DataError, ...]: ...


class GivenImages(Dataset):
    """Image files as samples, through the reader's test transforms.

    An image that cannot be read, or comes out in another shape than the network takes, does not stop
    the others: zeros stand for it, and `failures` says by its index what is wrong with it.
    """

    def __init__(self, names: Sequence[str], reader: Preparation, dims: tuple[int, ...],
                 fetch: Callable[[int], bytes] | None = None) -> None:
        """`dims` is the network's input, channels first; `fetch` gives the bytes of an image where names are no paths.

        Raises DataError for a mean file that is missing.
        """
        self.names, self.reader, self.dims = tuple(names), reader, dims
        self.count = len(self.names)
        self._failures: dict[int, DataError] = {}
        self._fetch = fetch or self._read
        self._views = reader.given_views()

    @property
    def failures(self) -> dict[int, DataError]:
        return self._failures

    def notes(self) -> tuple[DataError, ...]:
        return self.reader.given_notes(self._fetch, self.names)

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        images = np.stack([self._image(int(index), draws) for index in indices])
        return Batch({self.reader.features_input: images}, tuple(self.names[int(index)] for index in indices))

    def _image(self, index: int, draws: SampleRng) -> np.ndarray:
        try:
            return self._ready(index, draws.sample(index))
        except DataError as error:
            self._failures[index] = error.with_location(self.names[index])
        return np.zeros((self._views, *self.dims) if self._views > 1 else self.dims, dtype=np.float32)

    def _read(self, index: int) -> bytes:
        path = self.names[index]
        if not exists(path):
            raise missing_file(path, "image")
        with reading(path), open_file(path) as file:
            return file.read()

    def _ready(self, index: int, draw: np.random.Generator) -> np.ndarray:
        ready = self.reader.given_image(self._fetch(index), draw).astype(np.float32, copy=False)
        if len(self.dims) == 1 and ready.ndim == 3 and ready.size == self.dims[0]:
            return ready.reshape(-1)  # a network that takes the image as a vector
        if ready.shape[-3:] != self.dims:
            raise DataError(f"the image comes out as {_extents(ready.shape[-3:])}, and the network takes "
                            f"{_extents(self.dims)}", path=self.names[index], hint=self._cure(ready.shape[-3:]))
        return ready

    def _cure(self, dims: tuple[int, ...]) -> str:
        """How the test reader makes images of the network's extents from images of these."""
        if len(self.dims) == 3 and dims[-2:] != self.dims[-2:]:
            return "end the test reader's transforms with the network's size: `transforms = " \
                   f"Scale {{{self.dims[2]}:{self.dims[1]}}}`."
        return "give the test reader's transforms the shape that the network takes."


def _extents(dims: tuple[int, ...]) -> str:
    return " x ".join(str(d) for d in reversed(dims))

"""A list of image files with their targets: what ImageFolder, MapFile and their like open to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from .arrays import np
from .base import Batch, DataError, Dataset, Draws, ImageDims
from .files import Archives, missing_file, reading, split_archive
from .images import decode, open_image
from .pipeline import ImageReader, Pipeline, channels_first

#: Reads the stored bytes of the image with an index.
Fetch = Callable[[int], bytes]


class Paths:
    """Paths of images, plain or `archive.zip@/inner/name`."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self._archives = Archives()

    def __call__(self, index: int) -> bytes:
        path = self.paths[index]
        inside = split_archive(path)
        if inside is not None:
            return self._archives.read(*inside)
        try:
            with reading(path), open(path, "rb") as file:
                return file.read()
        except DataError as error:
            if Path(path).exists():
                raise
            raise missing_file(path, "image") from error

    def close(self) -> None:
        self._archives.close()


class ImageFiles(Dataset):
    """Images that are read and decoded when their batch is wanted.

    `targets` has one row for each image. A bad image is an error, or while `maximum_errors` allows it
    the next good one stands in and the fault is kept in `skipped`.
    """

    def __init__(self, reader: ImageReader, training: bool, fetch: Fetch, name: Callable[[int], tuple[str, str]],
                 targets: dict[str, np.ndarray], count: int, class_names: tuple[str, ...] = (),
                 maximum_errors: int = 0, close: Callable[[], None] | None = None,
                 skipped: Sequence[DataError] = (), ids: tuple[str, ...] = ()) -> None:
        self.ids = ids
        self.count, self.class_names = count, class_names
        self._reader, self._fetch, self._name, self._targets = reader, fetch, name, targets
        self._pipeline: Pipeline = reader.pipeline(training)
        self._least_side = self._pipeline.needed_side()
        self._close = close
        self._maximum_errors = maximum_errors
        self._skipped = tuple(skipped)
        self._bad: dict[int, DataError] = {}
        self._lock = threading.Lock()

    @property
    def skipped(self) -> tuple[DataError, ...]:
        with self._lock:
            return self._skipped + tuple(self._bad.values())

    def batch(self, indices: Sequence[int], draws: Draws) -> Batch:
        images: list[np.ndarray] = []
        taken: list[int] = []
        for wanted in indices:
            index, image = self._good(int(wanted), draws)
            if images and image.shape != images[0].shape:
                raise self._sizes_differ(taken[0], images[0], index, image)
            images.append(image)
            taken.append(index)
        arrays = {self._reader.features_input: np.stack(images)}
        arrays.update({key: array[taken] for key, array in self._targets.items()})
        return Batch(arrays, tuple(": ".join(filter(None, self._name(index))) for index in taken))

    def _good(self, wanted: int, draws: Draws) -> tuple[int, np.ndarray]:
        """The image with that index, or the next one that can be read."""
        for step in range(self.count):
            index = (wanted + step) % self.count
            if index in self._bad:
                if len(self._bad) > self._maximum_errors:
                    raise self._bad[index]
                continue
            try:
                return index, self._image(index, draws)
            except DataError as error:
                path, place = self._name(index)
                located = error.located(path, place)
                with self._lock:
                    self._bad[index] = located
                    too_many = len(self._bad) > self._maximum_errors
                if too_many:
                    raise located from None
        raise DataError("none of the images can be read", path=self._name(0)[0])

    def _image(self, index: int, draws: Draws) -> np.ndarray:
        image = self._reader.in_order(decode(self._fetch(index), self._reader.grayscale, self._least_side))
        return channels_first(self._pipeline.run(image, draws.sample(index)))

    def _sizes_differ(self, first: int, image: np.ndarray, second: int, other: np.ndarray) -> DataError:
        size = [f"{a.shape[-1]} x {a.shape[-2]}" for a in (image, other)]
        paths = [self._name(i)[0] or self._name(i)[1] for i in (first, second)]
        return DataError("images of different sizes cannot stand in one batch", path=paths[1], option="transforms",
                         body=(f"`{paths[0]}` comes out as {size[0]}, `{paths[1]}` as {size[1]}.",),
                         hint="end the transforms with a fixed size, such as `Scale {224:224}` or `CenterCrop {size = "
                              "224}`.")

    def close(self) -> None:
        if self._close is not None:
            self._close()


def stored_dims(fetch: Fetch, count: int, channels: int, name: Callable[[int], tuple[str, str]],
                tolerant: bool = False) -> ImageDims:
    """The images' extents if a few of them, spread over all, have the same; else unknown. Reads headers.

    Raises DataError for one that cannot be read, unless `tolerant`.
    """
    sizes = set()
    for index in sorted({count * k // 4 for k in range(4)}):
        try:
            sizes.add(open_image(fetch(index)).size)
        except DataError as error:
            if not tolerant:
                raise error.located(*name(index)) from None
    width, height = sizes.pop() if len(sizes) == 1 else (None, None)
    return (width, height, channels)

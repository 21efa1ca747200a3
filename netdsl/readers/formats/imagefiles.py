"""A list of image files with their targets: what ImageFolder, MapFile and their like open to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..arrays import np
from ..files import Archives, exists, missing_file, open_file, reading, split_archive
from ..memory import classes_in
from ..reader import Batch, DataError, Dataset, SampleRng
from ..transforms.pipeline import Pipeline, channels_first, stack_of
from .image_reader import HEAD, Fetch, ImageFileReader, look_at_headers
from .pixels import decode

#: Path and row of the image with an index, for messages.
Name = Callable[[int], tuple[str, str]]
#: How many images are looked at before the next are queued.
_BLOCK = 1024


class Paths(Fetch):
    """Paths of images, plain or `archive.zip@/inner/name`."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self._archives = Archives()

    def __call__(self, index: int) -> bytes:
        path = self.paths[index]
        if "\0" in path:
            raise DataError("a path cannot hold a NUL byte, and an image's does", path=path.replace("\0", "\\0"),
                            hint="write the list of images again, as plain text.")
        inside = split_archive(path)
        if inside is not None:
            return self._archives.read(*inside)
        return self._read(path)

    def head(self, index: int) -> bytes:
        path = self.paths[index]
        return self(index) if "\0" in path or split_archive(path) is not None else self._read(path, HEAD)

    @staticmethod
    def _read(path: str, count: int = -1) -> bytes:
        try:
            with reading(path), open_file(path) as file:
                return file.read(count)
        except DataError as error:
            if exists(path):
                raise
            raise missing_file(path, "image") from error

    def close(self) -> None:
        self._archives.close()


class ImageFiles(Dataset):
    """Images that are read and decoded when their batch is wanted.

    `targets` has one row for each image. A bad image is an error where `maximum_errors` is 0. Else all
    are read once when the data are opened: the bad ones are kept in `skipped` and left out, so the
    samples are the same in training and in testing and none is lost, doubled or counted in vain.
    """

    def __init__(self, reader: ImageFileReader, training: bool, fetch: Fetch, name: Name,
                 targets: dict[str, np.ndarray], count: int, class_names: tuple[str, ...] = (),
                 maximum_errors: int = 0, close: Callable[[], None] | None = None,
                 skipped: Sequence[DataError] = (), ids: tuple[str, ...] = ()) -> None:
        def read(index: int) -> None:
            try:
                # A JPEG is decoded at an eighth of its size, which reads all of it in a fraction of the time.
                decode(fetch(index), reader.decoding, least_side=1)
            except DataError as error:
                raise error.with_location(*name(index)) from None

        bad = bad_samples(read, count, reader, maximum_errors) if maximum_errors > 0 else {}
        #: The stored image of each sample.
        self._places = np.array([index for index in range(count) if index not in bad], dtype=np.int64)
        if not self._places.size:
            raise DataError("none of the images can be read", path=name(0)[0],
                            body=tuple(f"The first: {error.title}." for error in list(bad.values())[:1]),
                            hint=next(iter(bad.values())).hint if bad else "")
        self.ids = tuple(ids[place] for place in self._places) if ids else ()
        self.count, self.class_names = len(self._places), class_names
        self._reader, self._fetch, self._name, self._targets = reader, fetch, name, targets
        self._pipeline: Pipeline = reader.pipeline(training)
        self._least_side = self._pipeline.needed_side()
        self._close = close
        self._skipped = (*skipped, *bad.values())

    @property
    def skipped(self) -> tuple[DataError, ...]:
        return self._skipped

    def classes(self, name: str) -> np.ndarray | None:
        found = classes_in(self._targets.get(name))
        return None if found is None else found[self._places]

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        places = [int(self._places[index]) for index in indices]
        images = stack_of(self._images(places, draws), len(places))
        arrays = {self._reader.features_input: channels_first(images)}
        arrays.update({key: array[places] for key, array in self._targets.items()})
        return Batch(arrays, tuple(": ".join(filter(None, self._name(place))) for place in places))

    def _images(self, places: Sequence[int], draws: SampleRng) -> Iterator[np.ndarray]:
        """The images as they come out of the transforms, all of one size."""
        shape: tuple[int, ...] = ()
        for place in places:
            image = self._image(place, draws)
            shape = shape or image.shape
            if image.shape != shape:
                raise self._sizes_differ(places[0], shape, place, image.shape)
            yield image

    def _image(self, place: int, draws: SampleRng) -> np.ndarray:
        try:
            image = self._reader.decoded(self._fetch(place), self._least_side)
        except DataError as error:
            raise self._reader.bad_image(error.with_location(*self._name(place))) from None
        try:
            return self._pipeline.run(image, draws.sample(place))
        except DataError as error:
            raise error.with_location(*self._name(place)) from None

    def fingerprint(self, index: int) -> tuple[str, bytes] | None:
        place = int(self._places[index])
        try:
            content = self._fetch(place)
        except DataError:
            return None
        return ": ".join(filter(None, self._name(place))), hashlib.blake2b(content, digest_size=16).digest()

    def notes(self) -> tuple[DataError, ...]:
        return look_at_headers(self._reader, self._fetch, self._places.tolist(), self._name, tolerant=True).warnings

    def _sizes_differ(self, first: int, shape: tuple[int, ...], second: int, other: tuple[int, ...]) -> DataError:
        size = [f"{extents[-2]} x {extents[-3]}" for extents in (shape, other)]
        paths = [self._name(i)[0] or self._name(i)[1] for i in (first, second)]
        return DataError("images of different sizes cannot go into one batch", path=paths[1], option="transforms",
                         body=(f"`{paths[0]}` comes out as {size[0]}, `{paths[1]}` as {size[1]}.",),
                         hint="end the transforms with a fixed size, such as `Scale {224:224}` or `CenterCrop {size = "
                              "224}`.")

    def close(self) -> None:
        if self._close is not None:
            self._close()


def bad_samples(read: Callable[[int], object], count: int, reader: ImageFileReader, most: int
                ) -> dict[int, DataError]:
    """Which of the samples `read` raises DataError for, by index; one more than `most` of them is raised."""
    def fault(index: int) -> DataError | None:
        try:
            read(index)
        except DataError as error:
            return error
        return None

    bad: dict[int, DataError] = {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, count, _BLOCK):
            indices = range(start, min(start + _BLOCK, count))
            for index, error in zip(indices, pool.map(fault, indices), strict=True):
                if error is not None:
                    bad[index] = error
                    if len(bad) > most:
                        raise reader.bad_image(error)
    return bad

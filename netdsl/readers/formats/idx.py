"""IDX files: MNIST and its relatives."""

from __future__ import annotations

import math
from typing import ClassVar

from ...spec import Integer, Optional, Text, option, table_row
from ..arrays import np
from ..class_numbers import FIRST_LABEL_DOC, ClassNumbers, count_classes
from ..files import kind_of, locate, read_head, short
from ..memory import ArrayDataset
from ..reader import DataError, Dataset, Description, Stream
from ..transforms.pipeline import ImageReader

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_FETCH = "fetch the file again; the four files of MNIST are listed in the reference of IDX."


def idx_header(data: bytes, path: str) -> tuple[np.dtype, tuple[int, ...], int]:
    """Element type, extents and length of the header. Raises DataError."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES or not 1 <= data[3] <= 4:
        raise DataError(f"`{short(path)}` is not an IDX file", path=path, place="byte 0",
                        body=("An IDX file begins with two zero bytes, a type and a number of axes. This one is "
                              f"{kind_of(data[:64])}.",), hint=_FETCH)
    length = 4 + 4 * data[3]
    if len(data) < length:
        raise DataError(f"`{short(path)}` ends within its header", path=path, place=f"byte {len(data)}", hint=_FETCH)
    extents = tuple(int(v) for v in np.frombuffer(data, ">u4", count=data[3], offset=4))
    return np.dtype(_TYPES[data[2]]), extents, length


def read_idx(path: str, option: str = "") -> np.ndarray:
    """The array of an IDX file, packed or plain, in the machine's byte order. Raises DataError."""
    kind, extents, length = idx_header(read_head(path, 64, option), path)
    announced = math.prod(extents) * kind.itemsize
    data = read_head(path, length + announced + 1, option)  # one more tells whether it ends there
    if len(data) - length != announced:
        short_of = len(data) - length < announced
        what = "is cut short" if short_of else "continues after its end"
        raise DataError(f"`{short(path)}` {what}", path=path, place=f"byte {len(data):,}", option=option, hint=_FETCH,
                        body=(f"Its header announces {' x '.join(map(str, extents))} numbers, {announced + length:,} "
                              f"bytes in all; there are {f'{len(data):,}' if short_of else 'more'}.",))
    return np.frombuffer(data, kind, offset=length).reshape(extents).astype(kind.newbyteorder("="), copy=False)


@table_row
class IDX(ImageReader):
    """MNIST's format: one file of images and one of class numbers, plain or packed with gzip or xz.

    `images` holds n x height x width numbers (grey images), or n x length (plain vectors).
    The classic files are train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
    t10k-labels-idx1-ubyte, each with `.gz`.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'IDX {"$dataDir$/train-images-idx3-ubyte.gz", "$dataDir$/train-labels-idx1-ubyte.gz"}',)

    images: str = option(Text(), doc="The file of images.")
    labels: str = option(Text(), doc="The file of class numbers.")
    label_dim: int | None = option(Optional(Integer(1)), None, "Number of classes; None: up to the largest number.")
    first_label: int = option(Integer(0), 0, FIRST_LABEL_DOC)

    @property
    def channels(self) -> int:
        return 1

    def sources(self) -> tuple[str, ...]:
        return (self.images,)

    def describe(self) -> Description:
        missing = tuple(path for path in (self.images, self.labels) if locate(path) is None)
        features, count = Stream(self.features_input, None), None
        if locate(self.images) is not None:
            _, extents, _ = idx_header(read_head(self.images, 64, "images"), self.images)
            count, features = extents[0], self._features(extents)
        labels = Stream(self.labels_input, None if self.label_dim is None else (self.label_dim,), self.label_dim)
        if locate(self.labels) is not None:
            found = read_idx(self.labels, "labels")
            labels = self._classes(found).stream(self.labels_input)
            if count is not None:
                self._paired(count, len(found))
        return Description((features, labels), count, self.image_facts(), missing)

    def _features(self, extents: tuple[int, ...]) -> Stream:
        if len(extents) == 3:
            return self.image_stream((extents[2], extents[1], 1))
        if len(extents) != 2:
            raise DataError(f"`{short(self.images)}` holds {len(extents)} axes; images have 3, vectors 2",
                            path=self.images, place="byte 3", option="images",
                            hint="are `images` and `labels` swapped?" if len(extents) == 1 else "")
        if self.transforms:
            raise DataError("transforms are for images, and this file holds vectors", path=self.images,
                            option="transforms", hint="leave `transforms` out.")
        return Stream(self.features_input, (extents[1],))

    def _classes(self, labels: np.ndarray) -> ClassNumbers:
        if labels.ndim != 1 or labels.dtype.kind not in "ui":
            raise DataError(f"`{short(self.labels)}` does not hold class numbers", path=self.labels, option="labels",
                            place="byte 2", hint="are `images` and `labels` swapped?" if labels.ndim == 3 else "")
        if labels.size == 0:
            raise DataError(f"`{short(self.labels)}` holds no samples", path=self.labels, option="labels",
                            place="byte 4", hint=_FETCH)
        return count_classes(labels.astype(np.int64), self.first_label, self.label_dim, self.labels, "record")

    def _paired(self, images: int, labels: int) -> None:
        if images != labels:
            raise DataError(f"there are {images:,} images, but {labels:,} labels", path=self.labels,
                            option="labels", place="byte 4",
                            body=(f"The images are those of {self.images}.",),
                            hint="are they of the same set? The files of training and test have similar names.")

    def own_format(self, path: str, head: bytes) -> bool:
        return len(head) > 3 and head[:2] == b"\0\0" and head[2] in _TYPES

    def open_own(self, path: str, dims: tuple[int, ...]) -> Dataset:
        return self._dataset(read_idx(path, "images"), None, False)

    def open(self, training: bool) -> Dataset:
        images, labels = read_idx(self.images, "images"), read_idx(self.labels, "labels")
        self._features(images.shape)  # images and labels exchanged are told by the images first
        classes = self._classes(labels)
        self._paired(len(images), len(labels))
        return self._dataset(images, classes.numbers, training)

    def _dataset(self, images: np.ndarray, classes: np.ndarray | None, training: bool) -> Dataset:
        features = self._features(images.shape)
        arrays = {features.name: images if images.dtype == np.uint8 else images.astype(np.float32)}
        if classes is not None:
            arrays[self.labels_input] = classes
        if images.ndim == 2:
            return ArrayDataset(arrays)
        arrays[features.name] = arrays[features.name][:, None]
        return ArrayDataset(arrays, images=features.name, pipeline=self.pipeline(training))

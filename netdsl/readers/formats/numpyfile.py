"""NumPy: arrays from .npy files, or of one .npz archive. Nothing is ever unpickled."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ...base.classes import NO_CLASS
from ...base.suggest import did_you_mean
from ...spec import Choice, Integer, Optional, Text, option, table_row
from ..arrays import np
from ..class_numbers import FIRST_LABEL_DOC, ClassNumbers, count_classes
from ..files import kind_of, locate, read_all, read_head, read_member, reading, required, short
from ..memory import ArrayDataset, element_sizes, float32
from ..reader import DataError, Dataset, Description, ImageDims, Stream, Wanted
from ..transforms.pipeline import ImageReader

_HEAD = 4096
#: Features of more numbers than this are not read to see how large their columns are.
_MOST_LOOKED_AT = 1 << 22
#: Whole numbers in floating point, or in n x 1, are classes below this; classes of ImageNet-21k are fewer.
_MOST_CLASSES = 30_000


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    kind: np.dtype
    fortran: bool
    offset: int


def _header(data: bytes, path: str, place: str) -> _Header:
    """Shape and type of an array, from its first bytes. Raises DataError."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, fortran, kind = read(stream)
        if min(shape, default=0) < 0:
            raise ValueError(f"an axis has {min(shape)} elements")
    except Exception as error:  # the header is Python text, which numpy parses: damaged it can raise anything
        raise DataError(f"`{short(path)}` is not a NumPy array", path=path, place=place or "byte 0",
                        body=(f"It is {kind_of(data[:64])}. Reading says: {str(error)[:200]}.",),
                        hint="write it with `numpy.save`.") from None
    if kind.hasobject or kind.kind not in "biuf":
        raise DataError(f"`{short(path)}` does not hold plain numbers", path=path, place=place or "the header",
                        body=(f"Its elements are of the type {kind}. Arrays of Python objects would have to be "
                              "unpickled, which can run any program; they are never read.",),
                        hint="save numbers only: `numpy.save (file, array.astype ('float32'))`.")
    return _Header(shape, kind, fortran, stream.tell())


def array_in(data: bytes, path: str, place: str = "") -> np.ndarray:
    """The array in the bytes of a .npy file, which are counted before memory is asked for. Raises DataError."""
    header = _header(data, path, place)
    wanted = math.prod(header.shape) * header.kind.itemsize
    if len(data) - header.offset < wanted:
        raise DataError(f"the array in `{short(path)}` is cut short", path=path, place=place or f"byte {len(data):,}",
                        body=(f"Its header announces {' x '.join(map(str, header.shape))} numbers, {wanted:,} bytes; "
                              f"{len(data) - header.offset:,} follow.",), hint="write or fetch the file again.")
    flat = np.frombuffer(data, header.kind, math.prod(header.shape), header.offset)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


@table_row
class NumPy(ImageReader):
    """Arrays written by NumPy: `.npy` files, or names inside the `.npz` archive `file`.

    The first axis is that of the samples. Features of two axes are vectors; of three, grey images
    (n x height x width); of four, images in the `layout`. Labels of one number for each sample, of one axis or
    n x 1, are classes if they are whole and not negative, also as floating point (0.0, 1.0); all others are targets.
    `targets` says otherwise. With `targets = "mask"` the labels are a class for each pixel (n x height x width), and
    `void` is the number of the pixels that have no class.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'NumPy {"x.npy", "y.npy"}',
        'NumPy {"x_train", "y_train", file = "mnist.npz"}',
        'NumPy {"x.npy", "y.npy", layout = "HWC", transforms = Flip {}}',
        'NumPy {"images.npy", "masks.npy", layout = "HWC", targets = "mask", labelDim = 21}',
    )

    features: str = option(Text(), doc="File of the features, or their name in the archive.")
    labels: str = option(Text(), doc="File of the labels, or their name in the archive.")
    file: str = option(Text(), "", "An .npz archive.")
    weights: str = option(Text(), "", "File or name of the samples' weights, for the input `weightsInput`.")
    layout: str = option(Choice(("CHW", "HWC")), "CHW", "Axes of an image: channels first or last.")
    label_dim: int | None = option(Optional(Integer(1)), None, "Number of classes; None: up to the largest.")
    targets: str | None = option(Optional(Choice(("class", "numbers", "mask"))), None,
                                 "What the labels are; None: as above.")
    void: int = option(Integer(), 255, "In a mask, the number of pixels that have no class.")
    first_label: int = option(Integer(0), 0, FIRST_LABEL_DOC)
    weights_input: str = option(Text(), "weights", "Name of the input that gets the weights.")

    def sources(self) -> tuple[str, ...]:
        return (self.file,) if self.file else (self.features,)

    def describe(self) -> Description:
        files = (self.file,) if self.file else tuple(filter(None, (self.features, self.labels, self.weights)))
        missing = tuple(path for path in files if locate(path) is None)
        if missing:
            streams = (Stream(self.features_input, None), Stream(self.labels_input, None))
            return Description(streams, None, self.image_facts(), missing)
        head = self._head(self.features)
        features = self._feature_stream(head.shape, head.kind)
        if len(head.shape) == 2 and head.kind.kind == "f" and math.prod(head.shape) <= _MOST_LOOKED_AT:
            features = replace(features, sizes=element_sizes(self._load(self.features)))
        streams_found = [features, self._label_stream(self._load(self.labels))]
        if self.weights:
            streams_found.append(Stream(self.weights_input, (1,)))
        return Description(tuple(streams_found), head.shape[0], self.image_facts())

    def input_names(self) -> tuple[str, ...]:
        return (*super().input_names(), *((self.weights_input,) if self.weights else ()))

    def given_kinds(self, wanted: Wanted) -> tuple[str, ...]:
        return ("images",) if self._takes_images(wanted) else ("rows",)

    def open_given(self, files: Sequence[Sequence[str]], wanted: Wanted) -> list[Dataset]:
        """Arrays; where the features are images, images too."""
        if not self._takes_images(wanted):
            for path in (path for part in files for path in part):
                required(path)
                if not self._is_own(path):
                    raise _no_array(path)
        return super().open_given(files, wanted)

    def _takes_images(self, wanted: Wanted) -> bool:
        return len(wanted.get(self.features_input, ())) == 3

    def own_format(self, path: str, head: bytes) -> bool:
        return head.startswith((b"\x93NUMPY", b"PK"))

    def open_own(self, path: str, dims: tuple[int, ...]) -> Dataset:
        """An `.npy` file of features, or an `.npz` archive that has them under the reader's name or alone."""
        packed = read_head(path, 2) == b"PK"
        given = replace(self, file=path if packed else "", features=self.features if packed else path, weights="")
        if packed and self.features not in given._names() and len(given._names()) == 1:
            given = replace(given, features=given._names()[0])
        features = given._load(given.features)
        return given._dataset({given._feature_stream(features.shape, features.dtype).name: given._stored(features)},
                              features.shape, False)

    def open(self, training: bool) -> Dataset:
        features, labels = self._load(self.features), self._load(self.labels)
        stream = self._feature_stream(features.shape, features.dtype)
        self._label_stream(labels)
        self._same_length(features, labels, self.labels)
        arrays: dict[str, Any] = {stream.name: self._stored(features),
                                  self.labels_input: self._label_array(labels)}
        if self.weights:
            weights = self._finite(self._load(self.weights), self.weights)
            self._same_length(features, weights, self.weights)
            if weights.ndim != 1 or (weights < 0).any():
                raise self._wrong(self.weights, "weights are one number, 0 or more, for each sample")
            arrays[self.weights_input] = weights[:, None]
        return self._dataset(arrays, features.shape, training)

    def _dataset(self, arrays: dict[str, Any], shape: tuple[int, ...], training: bool) -> Dataset:
        if self._is_image(shape):
            return ArrayDataset(arrays, images=self.features_input, pipeline=self.pipeline(training))
        return ArrayDataset(arrays)

    def _is_image(self, shape: tuple[int, ...]) -> bool:
        return len(shape) in (3, 4)

    def _image_dims(self, shape: tuple[int, ...]) -> ImageDims:
        if len(shape) == 3:
            return (shape[2], shape[1], 1)
        width, height, channels = shape[3], shape[2], shape[1]
        if self.layout == "HWC":
            width, height, channels = shape[2], shape[1], shape[3]
        if self.grayscale and channels not in (1, 3):
            raise DataError(f"`grayscale` is for images with three channels, and these have {channels}",
                            path=self._path(self.features), option="grayscale", hint="leave `grayscale` out.")
        return (width, height, self.channels if channels == 3 else channels)

    def _feature_stream(self, shape: tuple[int, ...], kind: np.dtype) -> Stream:
        if len(shape) < 2 or len(shape) > 4 or 0 in shape:
            shown = " x ".join(map(str, shape)) or "a single number"
            raise self._wrong(self.features, "features have 2, 3 or 4 axes, none of them empty", f"It is {shown}.")
        if not self._is_image(shape):
            if self.transforms:
                raise DataError("transforms are for images, and these features are vectors", option="transforms",
                                path=self._path(self.features), hint="leave `transforms` out.")
            return Stream(self.features_input, (shape[1],))
        stream = self.image_stream(self._image_dims(shape))
        return stream if kind == np.uint8 else Stream(stream.name, stream.dims, views=stream.views)

    def _stored(self, features: np.ndarray) -> np.ndarray:
        if features.ndim == 3:
            features = features[:, None]
        elif features.ndim == 4 and self.layout == "HWC":
            features = features.transpose(0, 3, 1, 2)
        if features.ndim != 4 or features.dtype != np.uint8:
            features = self._finite(features, self.features)
        if features.ndim == 4:
            features = self.stack_in_order(features)
        return np.ascontiguousarray(features)

    def _finite(self, array: np.ndarray, name: str) -> np.ndarray:
        array = float32(array)
        bad = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
        if bad.size:
            raise DataError(f"`{short(name)}` holds a value that is not finite", path=self._path(name),
                            place=f"row {int(bad[0])}", body=(f"{bad.size:,} of {len(array):,} rows have one.",),
                            hint="remove the rows, or fill the gaps.")
        return array

    def _label_stream(self, labels: np.ndarray) -> Stream:
        if labels.ndim == 0:
            raise self._wrong(self.labels, "labels are a row or a number for each sample")
        if self.targets == "mask":
            mask = self._mask(labels)
            count = self._mask_classes(mask)
            return Stream(self.labels_input, (*reversed(mask.shape[1:]), count), count, per_pixel=True,
                          labels_from=self.first_label)
        classes = self._classes(labels)
        if classes is not None:
            return classes.stream(self.labels_input)
        return Stream(self.labels_input, tuple(reversed(labels.shape[1:])) or (1,),
                      value_span=(float(labels.min()), float(labels.max())) if labels.size else None)

    def _classes(self, labels: np.ndarray) -> ClassNumbers | None:
        """The labels as classes; None if they are targets. Raises DataError."""
        flat = labels.reshape(-1)
        if self.targets == "numbers" or flat.shape != labels.shape[:1]:
            if self.targets == "class":
                raise self._wrong(self.labels, "a class is one number for each sample",
                                  f"These have {' x '.join(map(str, labels.shape[1:]))}.")
            return None
        whole = labels.dtype.kind in "biu" or bool((flat == np.floor(flat)).all())
        if not whole and self.targets == "class":
            raise self._wrong(self.labels, "classes are whole numbers", f"The labels begin with {flat[:4].tolist()}.")
        chosen = self.targets == "class" or self.label_dim is not None or \
            (labels.dtype.kind in "iu" and labels.ndim == 1)
        if not whole or not np.isfinite(flat).all() or (not chosen and not _may_be_classes(flat)):
            return None
        return count_classes(flat.astype(np.int64), self.first_label, self.label_dim, self._path(self.labels), "row")

    def _mask(self, labels: np.ndarray) -> np.ndarray:
        """The class of each pixel, n x height x width, `NO_CLASS` where there is none. Raises DataError."""
        channels = next((axis for axis in (3, 1) if labels.ndim == 4 and labels.shape[axis] == 1), None)
        flat = labels if channels is None else labels.squeeze(channels)
        if flat.ndim != 3 or flat.dtype.kind not in "iu":
            raise self._wrong(self.labels, "masks are whole numbers of three axes, n x height x width",
                              f"These are {' x '.join(map(str, labels.shape))} of the type {labels.dtype}.")
        if any(not step.pointwise for transform in self.transforms for step in transform.expand()):
            raise DataError("these transforms would move the pixels of the images and not of the masks",
                            path=self._path(self.features), option="transforms",
                            hint="use `ImageMasks`, whose transforms move both, or leave `transforms` out.")
        return np.where(flat == self.void, NO_CLASS, flat.astype(np.int64) - self.first_label)

    def _mask_classes(self, mask: np.ndarray) -> int:
        """How many classes a mask tells apart. Raises DataError where a number is none of them."""
        known = mask[mask != NO_CLASS]
        top = int(known.max()) + 1 if known.size else 0
        count = self.label_dim or max(top, 2)
        wrong = np.argwhere((mask != NO_CLASS) & ((mask < 0) | (mask >= count)))
        if wrong.size:
            number, row, column = wrong[0]
            raise DataError(f"class {int(mask[number, row, column]) + self.first_label} is out of range: there are "
                            f"{count} classes", path=self._path(self.labels), option="labels",
                            place=f"row {number}, pixel {column}, {row}",
                            hint="if it marks pixels without a class, name it in `void`.")
        return count

    def _label_array(self, labels: np.ndarray) -> np.ndarray:
        if self.targets == "mask":
            return self._mask(labels)
        classes = self._classes(labels)
        if classes is not None:
            return classes.numbers
        return self._finite(labels, self.labels).reshape(len(labels), *(labels.shape[1:] or (1,)))

    def _same_length(self, features: np.ndarray, other: np.ndarray, name: str) -> None:
        if len(features) != len(other):
            raise DataError(f"there are {len(features):,} samples, but {len(other):,} in `{short(name)}`",
                            path=self._path(name), place="the first axis",
                            body=(f"The samples are those of `{self.features}`.",),
                            hint="do both belong to the same set?")

    def _path(self, name: str) -> str:
        return self.file or name

    def _wrong(self, name: str, title: str, why: str = "") -> DataError:
        return DataError(title, path=self._path(name), place=name if self.file else "the header",
                         body=(why,) if why else ())

    def _head(self, name: str) -> _Header:
        if self.file:
            return _header(self._member(name, _HEAD), self.file, name)
        return _header(read_head(name, _HEAD), name, "")

    def _load(self, name: str) -> np.ndarray:
        if self.file:
            return array_in(self._member(name, -1), self.file, name)
        return array_in(read_all(name), name)

    def _names(self) -> list[str]:
        """The arrays of the archive. Raises DataError."""
        path = required(self.file, "file")
        with reading(path, "file"):
            try:
                with zipfile.ZipFile(path) as archive:
                    return [member.removesuffix(".npy") for member in archive.namelist()]
            except (zipfile.BadZipFile, ValueError) as error:
                raise self._damaged(path, error) from None

    def _member(self, name: str, count: int) -> bytes:
        path = required(self.file, "file")
        with reading(path, "file"):
            try:
                with zipfile.ZipFile(path) as archive:
                    names = self._names()
                    if name not in names:
                        raise DataError(f"`{short(path)}` has no array `{name}`", place=name, option="file",
                                        body=(f"It has {', '.join(names[:20])}.",), hint=did_you_mean(name, names))
                    return read_member(archive, name + ".npy", count)
            # RuntimeError: encrypted, or packed in a way that Python cannot unpack; ValueError: damaged names.
            except (zipfile.BadZipFile, KeyError, RuntimeError, ValueError) as error:
                raise self._damaged(path, error, name) from None

    def _damaged(self, path: Path, error: Exception, place: str = "") -> DataError:
        return DataError(f"`{short(path)}` is not a whole .npz archive", place=place, option="file",
                         body=(f"Unpacking says: {error}.",),
                         hint="write it again, without a password, or fetch it again.")


def _may_be_classes(labels: np.ndarray) -> bool:
    """Whether whole numbers can be classes: none is negative, and not so large that they count something else."""
    return not labels.size or bool(labels.min() >= 0 and labels.max() < _MOST_CLASSES)


def _no_array(path: str) -> DataError:
    kind = kind_of(read_head(path, 64))
    return DataError(f"`{short(path)}` is not a file that NumPy wrote", path=path, place="byte 0",
                     body=(f"It looks like {kind}. The network takes vectors, and this reader reads them from "
                           "`.npy` and `.npz` files, a row for each sample.",),
                     hint="save the features with `numpy.save`, or give the test reader the format of this file, such "
                          "as `CSV {...}`.")

"""LMDB: databases of images as Caffe's tools make them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from ...spec import Choice, Integer, Optional, Text, option, table_row
from ..arrays import np
from ..class_numbers import FIRST_LABEL_DOC, check_label, count_classes
from ..files import missing_file, short
from ..memory import ArrayDataset
from ..reader import Batch, DataError, Dataset, Description, ImageDims, SampleRng, Stream
from .datum import Datum, read_datum
from .image_reader import Fetch, ImageFileReader, spread
from .imagefiles import ImageFiles
from .images import open_image
from .pixels import Decoding

#: Raw pixels of at most this many bytes are read into memory whole.
_IN_MEMORY = 1 << 30

#: Databases by their real path: within a process a database may be open only once.
_open: dict[str, Records] = {}


class Records(Fetch):
    """The records of a database by their place in the order of the keys; may be used from several threads."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._environment = _environment(path)
        with _reading(path), self._environment.begin() as transaction:
            self.keys: list[bytes] = list(transaction.cursor().iternext(values=False))

    def __call__(self, index: int) -> bytes:
        with _reading(self.path), self._environment.begin() as transaction:
            content: bytes | None = transaction.get(self.keys[index])
        if content is None:
            raise DataError("a record is gone from the database", path=self.path, place=self.name(index))
        return content

    def datum(self, index: int) -> Datum:
        """A record taken apart. Raises DataError with its place."""
        try:
            return read_datum(self(index))
        except DataError as error:
            raise error.with_location(self.path, self.name(index), "file") from None

    def name(self, index: int) -> str:
        key = self.keys[index]
        text = key.decode("ascii", "replace")
        return f"record `{text if text.isprintable() else key.hex()}`"


def _environment(path: str) -> Any:
    try:
        import lmdb
    except ImportError:
        raise DataError("reading LMDB needs the package `lmdb`, and it is not installed", path=path, option="file",
                        hint='`pip install "netdsl[lmdb]"`.') from None
    if os.path.isdir(path) and os.path.exists(os.path.join(path, "CURRENT")):
        raise DataError(f"`{short(path)}` is a LevelDB, which netdsl does not read", path=path, option="file",
                        hint="make an LMDB of it: `convert_imageset -backend lmdb`, or with Caffe's own tools.")
    folder = os.path.isdir(path)
    try:
        environment = lmdb.open(path, readonly=True, lock=False, subdir=folder, readahead=False)
    except lmdb.Error as error:
        raise DataError(f"`{short(path)}` is not an LMDB database", path=path, option="file",
                        body=(f"Opening it says: {error}.",),
                        hint="it is a folder that holds `data.mdb`, or that file.") from None
    # The file is mapped into memory: to read a page behind its end would end the process.
    size = os.path.getsize(os.path.join(path, "data.mdb") if folder else path)
    wanted = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    if size < wanted:
        environment.close()
        raise DataError(f"`{short(path)}` is cut short", path=path, option="file", place=f"byte {size:,}",
                        body=(f"The database has {wanted:,} bytes, the file {size:,}.",), hint="copy it again.")
    return environment


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """What the package says of a damaged database becomes a DataError."""
    import lmdb

    try:
        yield
    except lmdb.Error as error:
        raise DataError(f"`{short(path)}` is damaged", path=path, option="file",
                        body=(f"Reading says: {error}.",), hint="copy the database again.") from None


def open_records(path: str) -> Records:
    """The database at a path. Raises DataError."""
    real = os.path.realpath(path)
    if real not in _open:
        records = Records(path)
        if not records.keys:
            raise DataError(f"`{short(path)}` holds no records", path=path, option="file",
                            hint="make the database again.")
        _open[real] = records
    return _open[real]


@table_row
class LMDB(ImageFileReader):
    """Images in an LMDB database as Caffe's `convert_imageset` makes them, each with its class.

    Every record is a `Datum`: raw pixels (bytes or floats), or a whole JPEG or PNG. The samples are in the order of
    the keys. Raw pixels of three channels are taken as BGR, the order in which Caffe's tools write them, unless
    `storedOrder` says otherwise; any other number of channels stays as it is.

    Needs the package `lmdb`: `pip install "netdsl[lmdb]"`.

    Source: Caffe's `Data` layer with `backend: LMDB`.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'LMDB {"$dataDir$/mnist_train_lmdb", labelDim = 10}',
        'LMDB {"$dataDir$/ilsvrc12_train_lmdb", labelDim = 1000, colorOrder = "BGR", transforms = Mean {104:117:123} : '
        "RandomCrop {size = 227} : Flip {}}",
    )

    file: str = option(Text(), doc="The folder of the database, or the file in it.")
    label_dim: int | None = option(Optional(Integer(1)), None, "Number of classes; None: the largest label + 1, for "
                                   "which every record is read once.")
    first_label: int = option(Integer(0), 0, FIRST_LABEL_DOC)
    stored_order: str = option(Choice(("BGR", "RGB")), "BGR", "Order of the channels of raw pixels.")

    @cached_property
    def records(self) -> Records:
        if not os.path.exists(self.file):
            raise missing_file(self.file, "folder", "file")
        return open_records(self.file)

    @property
    def channels(self) -> int:
        if self.grayscale:
            return 1
        return self.stored[2] if os.path.exists(self.file) else 3

    @property
    def decoding(self) -> Decoding:
        return replace(super().decoding, grayscale=self.channels == 1)

    @cached_property
    def stored(self) -> ImageDims:
        """The extents of the stored images: those of the first record, unknown where others look different."""
        records = self.records
        found = {self._dims(records.datum(index)) for index in spread(len(records.keys))}
        first = self._dims(records.datum(0))
        return first if len(found) == 1 else (None, None, first[2] or 3)

    def _dims(self, datum: Datum) -> ImageDims:
        if not datum.encoded:
            return (datum.width, datum.height, datum.channels)
        image = open_image(datum.data)
        return (*image.size, 1 if image.mode in ("L", "1", "I;16", "F") else 3)

    def describe(self) -> Description:
        if not os.path.exists(self.file):
            dims = (self.label_dim,) if self.label_dim else None
            nothing = (self.image_stream((None, None, self.channels)), Stream(self.labels_input, dims, self.label_dim))
            return Description(nothing, None, self.image_facts(), (self.file,))
        width, height, _ = self.stored
        labels = self._labels() if self.label_dim is None else None
        streams = (self.image_stream((width, height, self.channels)), self._label_stream(labels))
        return Description(streams, len(self.records.keys), self.image_facts())

    def _label_stream(self, labels: np.ndarray | None) -> Stream:
        if labels is None:
            classes = self.label_dim or 1
            return Stream(self.labels_input, (classes,), classes, labels_from=self.first_label)
        return count_classes(labels, self.first_label, self.label_dim, self.file, "record").stream(self.labels_input)

    def _labels(self) -> np.ndarray:
        records = self.records
        return np.array([records.datum(index).label for index in range(len(records.keys))], dtype=np.int64)

    def sources(self) -> tuple[str, ...]:
        return (self.file,)

    def open(self, training: bool) -> Dataset:
        records = self.records
        first = records.datum(0)
        if first.encoded or len(first.data or b"".join(first.floats)) * len(records.keys) > _IN_MEMORY:
            return RecordImages(self, training, records)
        datums = [records.datum(index) for index in range(len(records.keys))]
        shape = (first.channels, first.height, first.width)
        for index, datum in enumerate(datums):
            if datum.encoded or (datum.channels, datum.height, datum.width) != shape:
                return RecordImages(self, training, records)
            try:
                datum.pixels  # noqa: B018 - raises where a record is short
            except DataError as error:
                raise error.with_location(self.file, records.name(index), "file") from None
        labels = np.array([datum.label for datum in datums], dtype=np.int64)
        classes = count_classes(labels, self.first_label, self.label_dim, self.file, "record").numbers
        images = self.stack_in_order(self.as_rgb(np.stack([datum.pixels for datum in datums])))
        arrays = {self.features_input: np.ascontiguousarray(images), self.labels_input: classes}
        return ArrayDataset(arrays, images=self.features_input, pipeline=self.pipeline(training), name=records.name)

    def as_rgb(self, images: np.ndarray) -> np.ndarray:
        """Raw pixels (..., channels, height, width) of three channels in the order RGB, others as they are."""
        return images[..., ::-1, :, :] if self.stored_order == "BGR" and images.shape[-3] == 3 else images

    def class_of(self, datum: Datum) -> int:
        """Its label as a class number. Raises DataError."""
        wrong = check_label(datum.label, self.first_label, self.label_dim)
        if wrong is not None:
            raise DataError(f"class {datum.label} is out of range", body=(wrong[0],), hint=wrong[1])
        return datum.label - self.first_label

    def image_of(self, datum: Datum, least_side: float | None) -> np.ndarray:
        """Height x width x channels, in the reader's order. Raises DataError."""
        if datum.encoded:
            return self.decoded(datum.data, least_side)
        stacked = self.stack_in_order(self.as_rgb(datum.pixels)[None])
        return np.ascontiguousarray(np.moveaxis(stacked[0], 0, -1))


class RecordImages(ImageFiles):
    """Records that are read and decoded when their batch is wanted."""

    def __init__(self, reader: LMDB, training: bool, records: Records) -> None:
        super().__init__(reader, training, records, lambda index: (records.path, records.name(index)), {},
                         len(records.keys))
        self._lmdb, self._records = reader, records

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        made = super().batch(indices, draws)
        labels = [self._at(int(self._places[index]), self._lmdb.class_of) for index in indices]
        return Batch({**made.arrays, self._lmdb.labels_input: np.array(labels, dtype=np.int64)}, made.names)

    def _at(self, place: int, take: Any) -> Any:
        try:
            return take(self._records.datum(place))
        except DataError as error:
            raise error.with_location(*self._name(place), "file") from None

    def _image(self, place: int, draws: SampleRng) -> np.ndarray:
        image = self._at(place, lambda datum: self._lmdb.image_of(datum, self._least_side))
        try:
            return self._pipeline.run(image, draws.sample(place))
        except DataError as error:
            raise error.with_location(*self._name(place)) from None

    def notes(self) -> tuple[DataError, ...]:
        return ()

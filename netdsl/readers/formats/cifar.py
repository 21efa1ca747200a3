"""CIFAR-10 and CIFAR-100, in the binary version of their authors."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from ...spec import Choice, ListOf, Text, option, table_row
from ..arrays import np
from ..files import is_packed, kind_of, locate, read_all, reading, short
from ..memory import ArrayDataset
from ..reader import DataError, Dataset, Description, Stream
from ..transforms.pipeline import ImageReader

CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_PIXELS = 3 * 32 * 32
FILES = ListOf(Text(), minimum_length=1)


@table_row
class _Binary(ImageReader):
    """Records of label bytes and 3072 bytes: 1024 red, 1024 green, 1024 blue, row by row."""

    files: tuple[str, ...] = option(FILES, doc="The files, joined by `:`; plain or packed with gzip or xz.")

    def layout(self) -> tuple[int, int, int]:
        """Label bytes of a record, which of them counts, number of classes."""
        raise NotImplementedError

    def names(self) -> tuple[str, ...]:
        return ()

    def sources(self) -> tuple[str, ...]:
        return self.files

    def describe(self) -> Description:
        missing = tuple(path for path in self.files if locate(path) is None)
        classes = self.layout()[2]
        counts = [self._records(path) for path in self.files if path not in missing]
        count = None if missing or None in counts else sum(c for c in counts if c is not None)
        streams = (self.image_stream((32, 32, self.channels)),
                   Stream(self.labels_input, (classes,), classes, class_names=self.names()))
        return Description(streams, count, self.image_facts(), missing)

    def _records(self, path: str) -> int | None:
        """Records of a plain file by its size; None for a packed one, whose length is not known yet."""
        found = locate(path)
        assert found is not None
        with reading(found, "files"):
            size = found.stat().st_size
        if is_packed(found):
            return None
        self._check_size(size, str(found), b"")
        return size // (self.layout()[0] + _PIXELS)

    def _check_size(self, size: int, path: str, head: bytes) -> None:
        record = self.layout()[0] + _PIXELS
        if size == 0 or size % record:
            looks = f" It looks like {kind_of(head)}." if head else ""
            raise DataError(f"`{short(path)}` is not a whole number of CIFAR records", path=path, option="files",
                            place=f"byte {size - size % record:,}, record {size // record}",
                            body=(f"A record has {record} bytes, the file {size:,}.{looks}",),
                            hint="fetch the binary version again (`CIFAR10Python` reads the Python version).")

    def own_format(self, path: str, head: bytes) -> bool:
        return Path(path.removesuffix(".gz").removesuffix(".xz")).suffix == ".bin"

    def open_own(self, path: str, dims: tuple[int, ...]) -> Dataset:
        images, _ = self._read(path)
        return cifar_dataset(replace(self, files=(path,)), images, None, False, (), [len(images)])

    def open(self, training: bool) -> Dataset:
        # Unpacking xz takes about a second a file and runs outside Python's lock.
        with ThreadPoolExecutor(max_workers=min(4, len(self.files))) as pool:
            parts = list(pool.map(self._read, self.files))
        images = np.concatenate([part[0] for part in parts])
        labels = np.concatenate([part[1] for part in parts])
        return cifar_dataset(self, images, labels, training, self.names(), [len(part[1]) for part in parts])

    def _read(self, path: str) -> tuple[np.ndarray, np.ndarray]:
        data = read_all(path, "files")
        self._check_size(len(data), path, data[:64])
        label_bytes, which, classes = self.layout()
        records = np.frombuffer(data, np.uint8).reshape(-1, label_bytes + _PIXELS)
        labels = records[:, which].astype(np.int64)
        wrong = np.flatnonzero(labels >= classes)
        if wrong.size:
            at = int(wrong[0])
            raise DataError(f"class {labels[at]} is out of range: there are {classes} classes", path=path,
                            place=f"record {at}, byte {at * records.shape[1] + which:,}", option="files",
                            hint="fetch the file again; its records are shifted or it is another set.")
        return records[:, label_bytes:].reshape(-1, 3, 32, 32), labels


def cifar_dataset(reader: ImageReader, images: np.ndarray, labels: np.ndarray | None, training: bool,
                  names: tuple[str, ...], counts: Sequence[int]) -> Dataset:
    """The opened data, images n x 3 x 32 x 32 in RGB; `counts` are the samples of each file."""
    ends = np.cumsum(counts)
    files: tuple[str, ...] = reader.files  # type: ignore[attr-defined]

    def name(index: int) -> str:
        file = int(np.searchsorted(ends, index, side="right"))
        return f"{Path(files[file]).name} record {index - (int(ends[file - 1]) if file else 0)}"

    arrays = {reader.features_input: np.ascontiguousarray(reader.stack_in_order(images))}
    if labels is not None:
        arrays[reader.labels_input] = labels
    return ArrayDataset(arrays, images=reader.features_input, pipeline=reader.pipeline(training), class_names=names,
                        name=name)


@table_row
class CIFAR10(_Binary):
    """CIFAR-10 in the binary version: data_batch_1.bin to data_batch_5.bin and test_batch.bin.

    32 x 32 pixels, ten classes; any number of records a file.
    """

    examples: ClassVar[tuple[str, ...]] = (
        'CIFAR10 {"$dataDir$/test_batch.bin"}',
        'CIFAR10 {("$dataDir$/data_batch_1.bin" : "$dataDir$/data_batch_2.bin"), '
        "transforms = RandomCrop {size = 32, pad = 4} : Flip {}}",
    )

    def layout(self) -> tuple[int, int, int]:
        return 1, 0, 10

    def names(self) -> tuple[str, ...]:
        return CIFAR10_NAMES


@table_row
class CIFAR100(_Binary):
    """CIFAR-100 in the binary version: train.bin and test.bin, with 100 fine or 20 coarse classes."""

    examples: ClassVar[tuple[str, ...]] = ('CIFAR100 {"$dataDir$/train.bin", classes = "coarse"}',)

    classes: str = option(Choice(("fine", "coarse")), "fine", "Which of the two labels of each image.")

    def layout(self) -> tuple[int, int, int]:
        return (2, 1, 100) if self.classes == "fine" else (2, 0, 20)

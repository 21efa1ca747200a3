"""CIFAR-10 in the Python version, read without running any of its pickle's code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from ...base.array_pickle import WHOLE, PickledArray, unpickled
from ...spec import option, table_row
from ..arrays import np
from ..files import kind_of, locate, read_all, short
from ..reader import DataError, Dataset, Description, Stream
from ..transforms.pipeline import ImageReader
from .cifar import CIFAR10_NAMES, FILES, cifar_dataset


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _whole_numbers(labels: Any) -> np.ndarray:
    """A list of labels, or an array of them."""
    values = labels.array(WHOLE) if isinstance(labels, PickledArray) else labels
    return np.array([int(value) for value in values], dtype=np.int64)


@table_row
class CIFAR10Python(ImageReader):
    """CIFAR-10 in the Python version: the files data_batch_1 to data_batch_5 and test_batch.

    The files are pickles. Only numbers, text, lists, dictionaries and arrays of whole numbers are
    admitted; a file that names anything else is refused and nothing in it is run.
    """

    examples: ClassVar[tuple[str, ...]] = ('CIFAR10Python {("$dataDir$/data_batch_1" : "$dataDir$/data_batch_2")}',)

    files: tuple[str, ...] = option(FILES, doc="The files, joined by `:`; plain or packed.")

    def sources(self) -> tuple[str, ...]:
        return self.files

    def describe(self) -> Description:
        missing = tuple(path for path in self.files if locate(path) is None)
        streams = (self.image_stream((32, 32, self.channels)),
                   Stream(self.labels_input, (10,), 10, class_names=CIFAR10_NAMES))
        return Description(streams, None, self.image_facts(), missing)

    def own_format(self, path: str, head: bytes) -> bool:
        return head.startswith(b"\x80")

    def open_own(self, path: str, dims: tuple[int, ...]) -> Dataset:
        images, _ = self._read(path)
        return cifar_dataset(replace(self, files=(path,)), images, None, False, (), [len(images)])

    def open(self, training: bool) -> Dataset:
        parts = [self._read(path) for path in self.files]
        return cifar_dataset(self, np.concatenate([images for images, _ in parts]),
                             np.concatenate([labels for _, labels in parts]), training, CIFAR10_NAMES,
                             [len(labels) for _, labels in parts])

    def _read(self, path: str) -> tuple[np.ndarray, np.ndarray]:
        data = read_all(path, "files")
        try:
            batch = unpickled(data, "bytes")
            entries = {_text(key): value for key, value in batch.items()}
            images, labels = entries["data"].array(WHOLE), _whole_numbers(entries["labels"])
            if images.dtype != np.uint8 or images.shape != (len(labels), 3 * 32 * 32):
                raise ValueError(f"images of the type {images.dtype} and shape {images.shape} for {len(labels)} labels")
        except Exception as error:  # a pickle can be wrong in any way
            raise DataError(f"`{short(path)}` is not a batch of CIFAR-10's Python version", path=path, option="files",
                            place="byte 0", body=(f"It is {kind_of(data[:64])}. Reading says: {error}.",),
                            hint="`CIFAR10` reads the binary version, whose files end in .bin.") from None
        wrong = np.flatnonzero((labels < 0) | (labels > 9))
        if wrong.size:
            raise DataError(f"class {labels[wrong[0]]} is out of range: there are 10 classes", path=path,
                            place=f"record {int(wrong[0])}", option="files", hint="fetch the file again.")
        return images.reshape(-1, 3, 32, 32), labels

"""CIFAR-10 in the Python version, read without running any of its pickle's code."""

from __future__ import annotations

import io
import pickle
import re
from dataclasses import replace
from typing import Any, ClassVar

from ...spec import option, table_row
from ..arrays import np
from ..files import kind_of, locate, read_all, short
from ..reader import DataError, Dataset, Description, Stream
from ..transforms.pipeline import ImageReader
from .cifar import CIFAR10_NAMES, FILES, cifar_dataset


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


class _Kind:
    """Stands for numpy.dtype: remembers its code, `u1`, and the order of its bytes, `<`."""

    order = "|"

    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code = _text(code)

    def __setstate__(self, state: Any) -> None:
        self.order = _text(state[1])

    def dtype(self) -> np.dtype:
        # Only the names of whole numbers reach numpy: its own parser takes much more.
        if not re.fullmatch("[iu][1248]", self.code) or self.order not in ("|", "<", ">", "="):
            raise pickle.UnpicklingError(f"an array of the type {self.order}{self.code}"[:80])
        return np.dtype(self.order + self.code)


class _Block:
    """Stands for numpy.ndarray: remembers shape, type and bytes."""

    shape: tuple[int, ...] = ()
    data: bytes | bytearray = b""
    kind: _Kind = _Kind()

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        if not isinstance(kind, _Kind) or fortran or not isinstance(data, bytes | bytearray | str):
            raise pickle.UnpicklingError("an array of another make")
        self.shape, self.kind = tuple(int(n) for n in shape), kind
        self.data = data.encode("latin1") if isinstance(data, str) else data

    def array(self) -> np.ndarray:
        return np.frombuffer(self.data, self.kind.dtype()).reshape(self.shape)


def _reconstruct(*_: Any) -> _Block:
    return _Block()


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any, *_: Any) -> _Block:
    """Stands for numpy's function of protocol 5."""
    block = _Block()
    block.__setstate__((1, shape, kind, order != "C", data))
    return block


def _encode(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


#: The only names that a batch may mention, and our harmless stand-ins for them.
_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): _Block,
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    """Lists, dictionaries, numbers, strings and arrays of whole numbers; every other name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it names `{module}.{name}`, which has no place in a data file")
        return _ADMITTED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside the file")


def _whole_numbers(labels: Any) -> np.ndarray:
    """A list of labels, or an array of them."""
    values = labels.array() if isinstance(labels, _Block) else labels
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
            batch = _Unpickler(io.BytesIO(data), encoding="bytes").load()
            entries = {_text(key): value for key, value in batch.items()}
            images, labels = entries["data"].array(), _whole_numbers(entries["labels"])
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

"""Files of numbers that are damaged or hold something else: means, colour components, arrays, CIFAR-10's pickles."""

from __future__ import annotations

import io
import os
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from known_data import random_bytes

from netdsl.readers import READERS
from netdsl.readers.reader import DataError, Reader, SampleRng
from netdsl.readers.transforms.color import Intensity, Mean
from netdsl.readers.transforms.pipeline import Pipeline

# --- mean files ------------------------------------------------------------------------------


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_header(text: str, body: bytes = b"") -> bytes:
    header = text.encode("latin1") + b" " * (118 - len(text) - 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


def xml(rows: str = "2", columns: str = "2", data: str = "1 2 3 4", head: str = "") -> bytes:
    return (f"{head}<opencv_storage><Channel>1</Channel><Row>{rows}</Row><Col>{columns}</Col><MeanImg><data>{data}"
            "</data></MeanImg></opencv_storage>").encode()


def pca(values: str = "3 2 1", vectors: str = "1 0 0 0 1 0 0 0 1", head: str = "") -> bytes:
    return (f"{head}<opencv_storage><EigVal><data>{values}</data></EigVal><EigVec><data>{vectors}</data></EigVec>"
            "</opencv_storage>").encode()


_HUGE = "{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 1000000), }"
_NEGATIVE = "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }"
_BROKEN = ("{'descr': '<f4', 'fortran_order': False, 'shape': M5,), }",
           "{'descr': '<f4', 'fortran_order': False, B'shape': (5,), }", "{" * 40, "1" * 50, "{'descr': [], 'x': (}")
_CODING = '<?xml version="1.0" encoding="foo"?>'


@pytest.mark.parametrize(("content", "title", "why"), [
    (npy(np.array([1, np.nan, 3])), "`mean` holds a value that is not finite", "1 of 3 numbers"),
    (npy(np.array([1, 2, 1e300])), "`mean` holds a value that is not finite", "beyond float32"),
    (npy(np.array([1 + 2j, 2, 3])), "`mean` does not hold plain numbers", "complex128"),
    (npy(np.array(["a", "b", "c"])), "`mean` does not hold plain numbers", "<U1"),
    (npy(np.zeros((0, 3))), "is not a mean image", "0 x 3"),
    (npy_header(_HUGE, b"1234"), "the array in `mean` is cut short", "100000 x 1000000"),
    (npy_header(_NEGATIVE, b"1" * 48), "`mean` is not a NumPy array", "-1 elements"),
    *((npy_header(text), "`mean` is not a NumPy array", "It is a NumPy array. Reading says") for text in _BROKEN),
    (xml(data="1 2 nan 4"), "`mean` holds a value that is not finite", "element"),
    (xml(data="1 2 inf 4"), "`mean` holds a value that is not finite", ""),
    (xml(rows="-2"), "is not a mean image", "-2 x 2 x 1"),
    (xml(rows="-1"), "is not a mean image", "-1 x 2 x 1"),
    (xml(rows="0", data=" "), "is not a mean image", "0 x 2 x 1"),
    (xml(rows="100000000000"), "is not a mean image", ""),
    (xml(head=_CODING), "is not a mean image", "unknown encoding"),
    (b"\x10\x01\x18\x00\x20\x02\x2a\x00", "is not a mean image", "1 x 0 x 2"),
])
def test_mean_files_that_are_no_means(content: bytes, title: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "mean").write_bytes(content)
    with pytest.raises(DataError) as caught:
        Pipeline.of([Mean(mean_file=str(tmp_path / "mean"))], "RGB", False)
    _says(caught.value, tmp_path / "mean", title, why)


@pytest.mark.parametrize(("content", "title", "why"), [
    (pca("3 nan 1"), "`pca` holds a value that is not finite", "1 of 3"),
    (pca(vectors="1 0 0 0 inf 0 0 0 1"), "`pca` holds a value that is not finite", "1 of 9"),
    (pca("3 2"), "`pca` is not an intensity file", "size 2"),
    (pca(head=_CODING), "`pca` is not an intensity file", "unknown encoding"),
    (b"\x93NUMPY", "`pca` is not an intensity file", "a NumPy array"),
])
def test_intensity_files_that_are_none(content: bytes, title: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "pca").write_bytes(content)
    with pytest.raises(DataError) as caught:
        Pipeline.of([Intensity(intensity_std_dev=1, intensity_file=str(tmp_path / "pca"))], "RGB", True)
    _says(caught.value, tmp_path / "pca", title, why)


def _says(error: DataError, path: Path, title: str, why: str) -> None:
    assert title in error.title
    assert error.path == str(path)
    assert error.option == "transforms"
    assert error.hint
    assert why in " ".join((*error.body, error.place))


# --- damaged arrays and archives -------------------------------------------------------------


def numpy_with(content: bytes) -> Callable[[Path], Reader]:
    def make(folder: Path) -> Reader:
        (folder / "x.npy").write_bytes(content)
        np.save(folder / "y.npy", np.arange(5))
        return READERS["NumPy"](features=str(folder / "x.npy"), labels=str(folder / "y.npy"))

    return make


def archive(damage: Callable[[bytearray, int], None]) -> Callable[[Path], Reader]:
    """An archive, and what is done to it from the header of its first member on."""
    def make(folder: Path) -> Reader:
        np.savez(folder / "a.npz", x=np.zeros((5, 2)), y=np.arange(5))
        data = bytearray((folder / "a.npz").read_bytes())
        damage(data, data.index(b"PK\x01\x02"))
        (folder / "a.npz").write_bytes(bytes(data))
        return READERS["NumPy"](features="x", labels="y", file=str(folder / "a.npz"))

    return make


def encrypted(data: bytearray, member: int) -> None:
    data[6] |= 1
    data[member + 8] |= 1


def of_another_method(data: bytearray, member: int) -> None:
    data[8] = data[member + 10] = 99


def with_a_name_that_is_no_text(data: bytearray, member: int) -> None:
    data[member + 9] |= 8  # the flag for UTF-8
    data[member + 46] = 0xFF


@pytest.mark.parametrize("make", [
    *(numpy_with(npy_header(text, b"0" * 20)) for text in (*_BROKEN, _NEGATIVE)), numpy_with(npy_header(_HUGE, b"0")),
    archive(encrypted), archive(of_another_method), archive(with_a_name_that_is_no_text),
])
def test_damaged_arrays(make: Callable[[Path], Reader], tmp_path: Path) -> None:
    reader = make(tmp_path)
    with pytest.raises(DataError) as caught:
        reader.open(True)
    assert caught.value.path.endswith(("/x.npy", "/a.npz"))
    assert caught.value.body
    assert caught.value.hint


def test_the_archives_are_damaged_as_said(tmp_path: Path) -> None:
    for damage, fault in ((encrypted, RuntimeError), (of_another_method, NotImplementedError),
                          (with_a_name_that_is_no_text, UnicodeDecodeError)):
        archive(damage)(tmp_path)
        with pytest.raises(fault), zipfile.ZipFile(tmp_path / "a.npz") as opened:
            opened.read(opened.namelist()[0])


# --- CIFAR-10's pickles ----------------------------------------------------------------------


def batch_file(path: Path, content: object, protocol: int) -> Reader:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return READERS["CIFAR10Python"](files=(str(path),))


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("labels", [[3, 1, 4], np.array([3, 1, 4]), np.array([3, 1, 4], dtype=">i4"),
                                    np.array([3, 1, 4], dtype=np.uint8)], ids=str)
def test_batches_of_every_protocol(protocol: int, labels: object, tmp_path: Path) -> None:
    images = random_bytes(3, 3072)
    reader = batch_file(tmp_path / "b", {"data": images, "labels": labels}, protocol)
    arrays = reader.open(False).batch(range(3), SampleRng()).arrays
    assert arrays["labels"].tolist() == [3, 1, 4]
    np.testing.assert_array_equal(arrays["features"].reshape(3, -1), images)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.made_of = (function, arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return self.made_of


def _from_buffer() -> Callable[..., object]:
    return np.zeros(3).__reduce_ex__(5)[0]  # type: ignore[return-value, index]


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("entry", [
    Call(os.system, "echo this must not run > /tmp/netdsl-evil-value"), Call(eval, "1"),
    Call(_from_buffer(), Call(os.system, "echo this must not run > /tmp/netdsl-evil-value"), np.dtype("u1"), (3,), "C"),
    Call(_from_buffer(), b"abc", "object", (3,), "C"), Call(_from_buffer(), b"abc", np.dtype("O"), (3,), "C"),
    Call(_from_buffer(), b"abc", np.dtype("S1"), (3,), "C"), Call(_from_buffer(), b"abc", np.dtype("u1"), (4,), "C"),
    Call(_from_buffer(), b"abc", np.dtype("u1"), (3,), "K"), Call(_from_buffer(), [1, 2, 3], np.dtype("u1"), 3, "C"),
    Call(_from_buffer(), b"abc"), Call(np.dtype, "u1,u1"), np.array([1.0, 2.0, 3.0]), np.array(["a", "b", "c"]),
    np.array([1, 2, 3], dtype="M8[s]"), np.array([(1,)] * 3, dtype=[("x", "u1")]), np.float64(1),
], ids=lambda entry: re.sub(" at 0x[0-9a-f]+", "", str(getattr(entry, "made_of", entry)))[:60])
def test_nothing_else_is_admitted(protocol: int, entry: object, tmp_path: Path) -> None:
    for content in ({"data": random_bytes(3, 3072), "labels": entry}, {"data": entry, "labels": [1, 2, 3]}):
        reader = batch_file(tmp_path / "b", content, protocol)
        with pytest.raises(DataError, match="is not a batch of CIFAR-10's Python version"):
            reader.open(False)
    assert not Path("/tmp/netdsl-evil-value").exists()

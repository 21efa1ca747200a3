"""Small files that would take all memory or never end: each is a page, soon, and little memory is used on the way."""

from __future__ import annotations

import base64
import gzip
import io
import lzma
import os
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from netdsl.readers import NAMES, files
from netdsl.readers.reader import DataError

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LEAST_UNPACKED", MEGABYTE)


def _image() -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    return stream.getvalue()


def _zeros(suffix: str, head: bytes = b"", size: int = 40 * MEGABYTE) -> Callable[[Path], Path]:
    """A packed file of zeros behind a beginning."""
    def write(folder: Path) -> Path:
        path = folder / f"zeros{suffix}"
        pack = gzip.compress if suffix.endswith(".gz") else lzma.compress
        path.write_bytes(pack(head + bytes(size)))
        return path

    return write


def _reader(name: str, *arguments: object, **options: object) -> object:
    row = NAMES[name]
    fields = dict(zip(row.positional(), arguments, strict=False))
    return row(**{**fields, **options})


def _labels(folder: Path) -> Path:
    path = folder / "labels"
    path.write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 4) + bytes(4))
    return path


def _use(reader: object) -> None:
    reader.describe()  # type: ignore[attr-defined]
    data = reader.open(training=True)  # type: ignore[attr-defined]
    data.batch([0], None)


def _idx(path: Path) -> object:
    return _reader("IDX", str(path), str(_labels(path.parent)))


PACKED = {
    "IDX": (_zeros(".gz", struct.pack(">4B3I", 0, 0, 8, 3, 4, 2, 2)), _idx),
    "CIFAR10": (_zeros(".xz"), lambda path: _reader("CIFAR10", (str(path),))),
    "CIFAR10Python": (_zeros(".xz"), lambda path: _reader("CIFAR10Python", (str(path),))),
    "CSV": (_zeros(".xz", b"a,b\n1,"), lambda path: _reader("CSV", str(path), labels="b")),
    "MapFile": (_zeros(".xz", b"a.png\t1\n"), lambda path: _reader("MapFile", str(path))),
    "NumPy": (_zeros(".gz"), lambda path: _reader("NumPy", str(path), str(path))),
}


@pytest.mark.parametrize("name", PACKED)
def test_what_unpacks_to_far_more_is_refused(name: str, tmp_path: Path) -> None:
    write, make = PACKED[name]
    path = write(tmp_path)
    assert path.stat().st_size < MEGABYTE // 2
    tracemalloc.start()
    with pytest.raises(DataError) as caught:
        _use(make(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 25 * MEGABYTE
    assert caught.value.hint


def test_what_is_packed_well_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(bytes(MEGABYTE - 1)))
    assert len(files.read_all(str(path))) == MEGABYTE - 1
    path.write_bytes(gzip.compress(os.urandom(3 * MEGABYTE)))
    assert len(files.read_all(str(path))) == 3 * MEGABYTE


def test_a_member_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.png", _image())
        archive.writestr("bomb.png", _image() + bytes(40 * MEGABYTE))
    archives = files.Archives()
    assert archives.read(str(path), "good.png") == _image()
    with pytest.raises(DataError, match=r"unpacks to more than"):
        archives.read(str(path), "bomb.png")
    archives.close()


def test_an_array_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, features=np.zeros((40, MEGABYTE), np.uint8), labels=np.zeros(40, np.uint8))
    with pytest.raises(DataError, match=r"unpacks to more than"):
        _use(_reader("NumPy", "features", "labels", file=str(path)))


@pytest.mark.parametrize("kind", ["pipe", "device", "long"])
def test_what_is_no_file_is_said(kind: str, tmp_path: Path) -> None:
    image = tmp_path / "pipe.png"
    os.mkfifo(image)
    name = {"pipe": str(image), "device": "/dev/zero", "long": "a" * 5000 + ".png"}[kind]
    (tmp_path / "map.txt").write_text(f"{name}\t0\n{name}\t1\n")
    with pytest.raises(DataError) as caught:
        _use(_reader("MapFile", str(tmp_path / "map.txt")))
    words = {"pipe": "is a pipe, not a file", "device": "is a device, not a file", "long": "cannot be read"}[kind]
    assert words in str(caught.value)


@pytest.mark.parametrize("label", ["9" * 10_000, str(2**63), "1" * 20])
def test_a_label_of_many_digits_is_said(label: str, tmp_path: Path) -> None:
    path = tmp_path / "images.tsv"
    path.write_text(f"{label}\t{base64.b64encode(_image()).decode()}\n")
    with pytest.raises(DataError, match="not a class number"):
        _use(_reader("Base64Images", str(path)))


def test_an_image_of_one_endless_row_is_refused(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    width = 80_000_000
    rows = zlib.compress(bytes(width // 8 + 1))
    image = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, 1, 1, 0, 0, 0, 0)) \
        + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (tmp_path / "row.png").write_bytes(image)
    (tmp_path / "map.txt").write_text(f"{tmp_path / 'row.png'}\t0\n")
    with pytest.raises(DataError, match="too large"):
        _use(_reader("MapFile", str(tmp_path / "map.txt")))


def test_a_class_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = _zeros(".gz", size=MEGABYTE - 1)(tmp_path)
    from netdsl.readers.formats import folder

    folder._MOST_OF_CLASSES, before = 1000, folder._MOST_OF_CLASSES
    try:
        with pytest.raises(DataError, match="too long for a list of classes"):
            folder.read_class_file(str(path))
    finally:
        folder._MOST_OF_CLASSES = before

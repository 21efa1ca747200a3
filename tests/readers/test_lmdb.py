"""Databases of Caffe: raw and encoded images, floats, and what may be wrong with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datum_writer import datum, write_database

from netdsl.readers.formats import lmdb_images
from netdsl.readers.formats.lmdb_images import LMDB
from netdsl.readers.reader import DataError, SampleRng
from netdsl.readers.transforms.crops import RandomCrop


def images(count: int = 5, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, channels, 6, 8), dtype=np.uint8)


def test_raw_and_encoded_images_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = images()
    for channels, order, wanted in ((3, "BGR", pixels), (3, "RGB", pixels[:, ::-1]), (1, "RGB", pixels[:, :1])):
        stored = pixels[:, :channels]
        for kind, encoded in (("raw", ""), ("png", "PNG")):
            path = write_database(tmp_path / f"{kind}{channels}{order}",
                                  [datum(image, 4 - k, encoded) for k, image in enumerate(stored)])
            reader = LMDB(file=str(path), label_dim=5, color_order=order)
            described = reader.describe()
            assert described.count == 5
            assert described.streams[0].dims == (8, 6, channels)
            for limit in (1 << 30, 0):  # in memory, and record by record
                monkeypatch.setattr(lmdb_images, "_IN_MEMORY", limit)
                batch = reader.open(training=True).batch([3, 0], SampleRng())
                np.testing.assert_array_equal(batch.arrays["features"], wanted[[3, 0]])
                assert batch.arrays["labels"].tolist() == [1, 4]
                assert len(set(batch.names)) == 2


def test_floats_and_other_numbers_of_channels_stay_as_they_are(tmp_path: Path) -> None:
    pixels = images(channels=2) / np.float32(7)
    path = write_database(tmp_path / "floats", [datum(image, 0, as_floats=True) for image in pixels])
    batch = LMDB(file=str(path)).open(training=False).batch(range(5), SampleRng())
    np.testing.assert_array_equal(batch.arrays["features"], pixels)


def test_grey_values_of_colour_records(tmp_path: Path) -> None:
    pixels = np.repeat(images(channels=1), 3, axis=1)
    for encoded in ("", "PNG"):
        path = write_database(tmp_path / f"set{encoded}", [datum(image, 0, encoded) for image in pixels])
        batch = LMDB(file=str(path), grayscale=True).open(training=False).batch(range(5), SampleRng())
        np.testing.assert_array_equal(batch.arrays["features"], pixels[:, :1])


def test_images_of_different_sizes_need_a_crop(tmp_path: Path) -> None:
    records = [datum(images(1)[0], 0), datum(images(1)[0][:, :5], 1)]
    reader = LMDB(file=str(write_database(tmp_path / "set", records)))
    assert reader.describe().streams[0].dims is None
    cropped = replace(reader, transforms=(RandomCrop(size=(5,)),))
    assert cropped.describe().streams[0].dims == (5, 5, 3)
    assert cropped.open(training=True).batch([0, 1], SampleRng()).arrays["features"].shape == (2, 3, 5, 5)


def test_what_may_be_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = datum(images(1)[0], 2)
    cases = (("cut", [good[:60]], "not a Datum"), ("other", [b"\x0a\x03abc"], "not a Datum"),
             ("short", [datum(images(1)[0], 0)[:-2].replace(b"\x10\x06", b"\x10\x05")], "does not hold the pixels"),
             ("label", [good], "class 2 is out of range"))
    for limit in (1 << 30, 0):
        monkeypatch.setattr(lmdb_images, "_IN_MEMORY", limit)
        for name, records, message in cases:
            path = tmp_path / name
            if not path.exists():
                write_database(path, records)
            with pytest.raises(DataError, match=message) as raised:
                LMDB(file=str(path), label_dim=2).open(training=False).batch([0], SampleRng())
            assert raised.value.path
            assert "0" in raised.value.place


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "level").mkdir()
    (tmp_path / "level" / "CURRENT").write_text("MANIFEST-000001\n")
    with pytest.raises(DataError, match="is a LevelDB"):
        LMDB(file=str(tmp_path / "level")).describe()
    (tmp_path / "text").write_text("no database")
    with pytest.raises(DataError, match="is not an LMDB database"):
        LMDB(file=str(tmp_path / "text")).describe()
    whole = write_database(tmp_path / "cut", [datum(image, 0) for image in images(40)]) / "data.mdb"
    whole.write_bytes(whole.read_bytes()[:-5000])
    with pytest.raises(DataError, match="is cut short"):
        LMDB(file=str(tmp_path / "cut")).describe()
    assert LMDB(file=str(tmp_path / "missing")).describe().missing
    write_database(tmp_path / "empty", [])
    with pytest.raises(DataError, match="holds no records"):
        LMDB(file=str(tmp_path / "empty")).describe()

"""Writes databases of Caffe's kind, for tests: what `convert_imageset` would have made."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def datum(image: np.ndarray, label: int, encoded: str = "", as_floats: bool = False) -> bytes:
    """A record of an image (channels x height x width, of three channels BGR); `encoded` is a format such as "PNG"."""
    if encoded:
        pixels = image[0] if len(image) == 1 else image[::-1].transpose(1, 2, 0)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, format=encoded)
        return _bytes(4, stream.getvalue()) + _number(5, label) + _number(7, 1)
    extents = b"".join(_number(number, extent) for number, extent in zip((1, 2, 3), image.shape, strict=True))
    if as_floats:
        return extents + _number(5, label) + _bytes(6, image.astype("<f4").tobytes())
    return extents + _bytes(4, image.tobytes()) + _number(5, label)


def write_database(path: Path, records: Sequence[bytes]) -> Path:
    lmdb = pytest.importorskip("lmdb", reason="databases of images need the package lmdb")
    with lmdb.open(str(path), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        for index, record in enumerate(records):
            transaction.put(f"{index:08d}".encode(), record)
    return path


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    digits = [value >> shift & 127 for shift in range(0, max(1, value.bit_length()), 7)]
    return bytes([*(digit | 128 for digit in digits[:-1]), digits[-1]])

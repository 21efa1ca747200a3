"""Files of mean images and colour components: OpenCV XML, Caffe's binaryproto, NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from xml.etree import ElementTree

from ..arrays import np
from ..files import kind_of, read_all, short
from ..memory import float32
from ..reader import DataError
from .numpyfile import array_in
from .protobuf import fields_of, varint

T = TypeVar("T")


def read_mean_file(path: str) -> np.ndarray:
    """A mean image as height x width x channels (1 x 1 for means of channels), float32. Raises DataError."""
    image = _read(path, "a mean image that I can read", "OpenCV XML (CNTK), binaryproto (Caffe) and .npy are read.",
                  lambda data: _mean(data, path))
    return np.ascontiguousarray(_finite(image, path))


def read_pca_file(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (3) and eigenvectors (3 x 3, a column each) of CNTK's intensity file. Raises DataError."""
    values, vectors = _read(path, "an intensity file", "it is OpenCV XML with the matrices `EigVal` and `EigVec`.",
                            _components)
    return _finite(values, path), _finite(vectors, path)


def _read(path: str, what: str, hint: str, take: Callable[[bytes], T]) -> T:
    data = read_all(path, "transforms")
    try:
        return take(data)
    except DataError as error:
        raise error.with_location(path, option="transforms") from None
    except Exception as error:  # whatever damaged text or numbers lead to
        raise DataError(f"`{short(path)}` is not {what}", path=path, option="transforms",
                        body=(f"It looks like {kind_of(data[:64])}. Reading says: {str(error)[:200]}.",),
                        hint=hint) from None


def _finite(numbers: np.ndarray, path: str) -> np.ndarray:
    """As float32. A single NaN would spoil every image."""
    result = float32(numbers)
    bad = np.argwhere(~np.isfinite(result))
    if bad.size:
        raise DataError(f"`{short(path)}` holds a value that is not finite", path=path, option="transforms",
                        place=f"element {' x '.join(map(str, bad[0]))} of {' x '.join(map(str, result.shape))}",
                        body=(f"{len(bad):,} of {result.size:,} numbers are NaN, infinite or beyond float32.",),
                        hint="compute the file again from good images.")
    return result


def _mean(data: bytes, path: str) -> np.ndarray:
    if data.startswith(b"\x93NUMPY"):
        return _mean_of_array(array_in(data, path))
    return _mean_of_xml(data) if data.lstrip()[:1] == b"<" else _mean_of_blob(data)


def _mean_of_array(array: np.ndarray) -> np.ndarray:
    if array.size and array.ndim == 1:
        return array[None, None]
    if array.size and array.ndim == 2:
        return array[..., None]
    if array.size and array.ndim == 3 and array.shape[0] in (1, 3):
        return array.transpose(1, 2, 0)
    if array.size and array.ndim == 3 and array.shape[2] in (1, 3):
        return array
    raise ValueError(f"an array of shape {' x '.join(map(str, array.shape))} is not an image")


def _shaped(numbers: np.ndarray, *extents: int) -> np.ndarray:
    if min(extents) < 1:  # numpy takes a negative extent for "as many as there are"
        raise ValueError(f"{' x '.join(map(str, extents))} are not the extents of an image")
    return numbers.reshape(extents)


def _mean_of_xml(data: bytes) -> np.ndarray:
    root = ElementTree.fromstring(data)
    channels, rows, columns = (int(_text(root, name)) for name in ("Channel", "Row", "Col"))
    return _shaped(_matrix(root, "MeanImg"), rows, columns, channels)


def _components(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    root = ElementTree.fromstring(data)
    return _matrix(root, "EigVal").reshape(3), _matrix(root, "EigVec").reshape(3, 3)


def _text(root: ElementTree.Element, name: str) -> str:
    element = root.find(name)
    if element is None or not element.text:
        raise ValueError(f"it has no element <{name}>")
    return element.text


def _matrix(root: ElementTree.Element, name: str) -> np.ndarray:
    """The numbers of an OpenCV matrix, flat."""
    element = root.find(name)
    if element is None:
        raise ValueError(f"it has no element <{name}>")
    return np.array(_text(element, "data").split(), dtype=np.float64)


def _mean_of_blob(data: bytes) -> np.ndarray:
    """Caffe's BlobProto: 2 channels, 3 height, 4 width, 5 data; 7 shape in newer files; 8 data as doubles."""
    extents: dict[int, int] = {}
    shape: list[int] = []
    values: list[np.ndarray] = []
    for number, wire, value in fields_of(data):
        if wire == 0 and number in (1, 2, 3, 4):
            extents[number] = int.from_bytes(value, "little")
        elif number == 5:
            values.append(np.frombuffer(value, "<f4"))
        elif number == 8:
            values.append(np.frombuffer(value, "<f8"))
        elif number == 7:
            shape = _shape(value)
    dims = shape[-3:] if len(shape) >= 3 else [extents[2], extents[3], extents[4]]
    return _shaped(np.concatenate(values), *dims).transpose(1, 2, 0)


def _shape(data: bytes) -> list[int]:
    dims: list[int] = []
    for number, wire, value in fields_of(data):
        if number == 1 and wire == 0:
            dims.append(int.from_bytes(value, "little"))
        elif number == 1:
            position = 0
            while position < len(value):
                extent, position = varint(value, position)
                dims.append(extent)
    return dims

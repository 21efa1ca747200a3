"""Weights in NumPy's `.npz`: arrays by name, or `arr_0`, `arr_1`, ... in order. Objects in it are never unpickled."""

from __future__ import annotations

import math
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ...base.lazy import LazyModule
from ..byte_reader import read_failure
from ..weight_format import FoundArrays, StoredTensor, Wanted, WeightFormat
from .in_order import arrays_in_order

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

_WHAT = "an archive of NumPy arrays"
_PLACE = re.compile(r"arr_(\d+)")


class NumPyArchive(WeightFormat):
    """`.npz`, as `numpy.savez` writes it."""

    name: ClassVar[str] = "npz"
    title: ClassVar[str] = _WHAT
    suffixes: ClassVar[tuple[str, ...]] = (".npz",)

    def tensors(self, path: Path) -> list[StoredTensor]:
        return [StoredTensor(name, array.shape, array.dtype.name) for name, array in self.arrays(path).items()]

    def arrays(self, path: Path) -> dict[str, np.ndarray[Any, Any]]:
        try:
            with zipfile.ZipFile(path) as archive:
                found = {entry.filename.removesuffix(".npy"): _array(archive, entry) for entry in archive.infolist()}
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, EOFError, MemoryError,
                zipfile.LargeZipFile) as error:
            raise read_failure(path, _WHAT, str(error) or type(error).__name__) from None
        if found and all(_PLACE.fullmatch(name) for name in found):
            return {name: found[name] for name in sorted(found, key=lambda name: int(name[4:]))}
        return found

    def read(self, path: Path, wanted: Wanted) -> dict[str, np.ndarray[Any, Any]]:
        found = self.arrays(path)
        if found and all(_PLACE.fullmatch(name) for name in found):
            return arrays_in_order(found, wanted, path)
        result = FoundArrays()
        result.update(found)
        result.how = {name: (name, "by name") for name in found if name in wanted}
        return result


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray[Any, Any]:
    """An array whose header agrees with its size. Raises ValueError for one of objects."""
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(file)
        if dtype.hasobject or dtype.kind not in "fiub":
            raise ValueError(f"`{entry.filename}` holds {dtype}, and not numbers")
        size = math.prod(shape) * dtype.itemsize
        if size > entry.file_size or any(extent < 0 for extent in shape):
            raise ValueError(f"`{entry.filename}` says {size:,} bytes of numbers, and has {entry.file_size:,}")
        data = file.read(size)
    if len(data) != size:
        raise ValueError(f"`{entry.filename}` says {size:,} bytes of numbers, and has {len(data):,}")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return np.array(array, dtype=dtype.newbyteorder("="), order="C")

"""Pickles of lists, dictionaries, numbers, texts and NumPy arrays, read without running anything in them.

Other programs keep data and weights in pickles, and a pickle may call any function. Here only the names that arrays
need are known, and harmless stand-ins take their places. The one place that reads pickles.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from typing import TYPE_CHECKING, Any

from .lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

#: Types of elements: whole numbers, and all numbers.
WHOLE, NUMBERS = "[iu][1248]", "f[248]|[iu][1248]|b1"


class PickleRefused(ValueError):
    """What a pickle holds that is no array or plain value."""


class _Kind:
    """Stands for numpy.dtype: remembers its code, `u1`, and the order of its bytes, `<`."""

    order = "|"

    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else str(code)

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self.order = order.decode("latin1") if isinstance(order, bytes) else str(order)

    def dtype(self, kinds: str) -> np.dtype[Any]:
        # Only the names of numbers reach numpy: its own parser takes much more.
        if not re.fullmatch(kinds, self.code) or self.order not in ("|", "<", ">", "="):
            raise PickleRefused(f"an array of the type {self.order}{self.code}"[:80])
        return np.dtype(self.order.replace("|", "=") + self.code)


class PickledArray:
    """Stands for numpy.ndarray: remembers shape, type and bytes."""

    shape: tuple[int, ...] = ()
    data: bytes | bytearray = b""
    kind: _Kind = _Kind()
    order = "C"

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        if not isinstance(kind, _Kind) or not isinstance(data, bytes | bytearray | str):
            raise PickleRefused("an array of another make")
        self.shape, self.kind = tuple(int(n) for n in shape), kind
        self.order = "F" if fortran else "C"
        self.data = data.encode("latin1") if isinstance(data, str) else data

    def array(self, kinds: str) -> np.ndarray[Any, Any]:
        """The array, if its elements are of these types. Raises PickleRefused, and ValueError."""
        values = np.frombuffer(self.data, self.kind.dtype(kinds))
        if values.size != math.prod(self.shape):
            raise PickleRefused(f"an array of {self.shape} with {values.size:,} numbers")
        return values.reshape(self.shape, order="F" if self.order == "F" else "C")


def _reconstruct(*_: Any) -> PickledArray:
    return PickledArray()


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any, *_: Any) -> PickledArray:
    """Stands for numpy's function of protocol 5."""
    if order not in ("C", "F"):
        raise PickleRefused("an array in an order of its own")
    block = PickledArray()
    block.__setstate__((1, shape, kind, order == "F", data))
    return block


def _encode(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


#: The only names that a file may mention, and our harmless stand-ins; numpy 2 calls its modules otherwise.
_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    """Lists, dictionaries, numbers, strings and arrays; every other name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise PickleRefused(f"it names `{module}.{name}`, which has no place in a data file")
        return _ADMITTED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise PickleRefused("it refers to objects outside the file")


def unpickled(data: bytes, encoding: str) -> Any:
    """What a pickle holds, its arrays as PickledArray. Raises PickleRefused for every name but those of arrays.

    `encoding` is for the texts of Python 2. A damaged pickle raises what it likes.
    """
    return _Unpickler(io.BytesIO(data), encoding=encoding).load()

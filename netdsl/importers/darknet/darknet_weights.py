"""The row of the table of weight files for darknet's `.weights`.

The file has a header and then nothing but numbers of 32 bits in the order of the sections: no names, no sizes. So the
network says what each number is. Of a convolution there are biases, with batch normalization scales, means and
variances, and the kernels; of a connected layer biases, the matrix, and then scales, means and variances.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...base.codes import Code
from ...base.failure import Failure, failure
from ...base.lazy import LazyModule
from ...base.source import Span
from ...base.units import plural
from ..weight_format import StoredTensor, Wanted, WeightFormat

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

#: What darknet adds to the deviation; netdsl's epsilon of the imported network stands under the root.
_SLACK = 1e-6


@dataclass(frozen=True)
class Header:
    """The version, the number of images seen, and where the numbers begin."""

    major: int
    minor: int
    revision: int
    seen: int
    size: int

    @property
    def transposed(self) -> bool:
        """Whether matrices are stored with a row for each input."""
        return self.major > 1000 or self.minor > 1000


@dataclass(frozen=True)
class Block:
    """The tensors of one section in the order of the file."""

    name: str
    tensors: tuple[str, ...]
    is_local: bool = False  #: whether its filters differ from place to place


class DarknetWeights(WeightFormat):
    """Weights of darknet, of any version."""

    name = "darknet"
    title = "weights of darknet"
    suffixes = (".weights",)

    def read(self, path: Path, wanted: Wanted) -> dict[str, np.ndarray[Any, Any]]:
        header, numbers = _opened(path)
        if not wanted:  # there is no network to name them by
            return {"numbers": numbers.copy()}
        found: dict[str, np.ndarray[Any, Any]] = {}
        at = 0
        for block in known_blocks(wanted, path):
            needed = sum(prod(wanted[name]) for name in block.tensors)
            if at == len(numbers):
                break  # weights up to a section: what is missing is named by whoever loads them
            if at + needed > len(numbers):
                raise _unreadable(path, f"The file ends within the weights of `{block.name}`: it has "
                                  f"{len(numbers) - at:,} of the {needed:,} numbers for it.",
                                  "copy the file again, or use the .cfg that belongs to it.")
            for name in block.tensors:
                size = prod(wanted[name])
                found[name] = _tensor(numbers[at:at + size], name, wanted, header)
                at += size
            if block.is_local:
                bias, filters = block.tensors
                outputs, places = wanted[bias][0], prod(wanted[bias][1:])
                by_place = found[filters].reshape(places, outputs, -1)  # netdsl has the places of an output together
                found[filters] = np.ascontiguousarray(by_place.swapaxes(0, 1)).reshape(wanted[filters])
        if at < len(numbers):
            last = list(blocks(wanted))[-1].name if wanted else ""
            raise _unreadable(path, f"The network ends with `{last}` after {plural(at, 'number')}, and the file has "
                              f"{len(numbers) - at:,} more.", "use the .cfg that belongs to these weights.")
        for name, shape in wanted.items():
            if name.endswith(".running_count"):
                # statistics of an old network: the first minibatch of a new training must not replace them
                found[name] = np.full(shape, max(1, header.seen), dtype="float32")
            elif name.endswith(".bias") and name not in found and name.removesuffix(".bias") + ".weight" in found:
                found[name] = np.zeros(shape, dtype="float32")  # of [batchnorm], which stores none
        return found

    def tensors(self, path: Path) -> list[StoredTensor]:
        header, numbers = _opened(path)
        version = f"version {header.major}.{header.minor}.{header.revision}, {header.seen:,} images seen"
        return [StoredTensor(f"numbers without names ({version})", (len(numbers),))]


def _opened(path: Path) -> tuple[Header, np.ndarray[Any, Any]]:
    """The header and all numbers. Raises Failure where the file cannot be one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, f"{error.strerror or error}.", "look at its path and its permissions.") from None
    if len(data) < 16:
        raise _unreadable(path, f"It has {plural(len(data), 'byte')}, less than a header.", "copy the file again.")
    major, minor, revision = struct.unpack("<3i", data[:12])
    if not (0 <= major < 100_000 and 0 <= minor < 100_000 and 0 <= revision < 100_000):
        raise _unreadable(path, f"Its first bytes would be the version {major}.{minor}.{revision}.",
                          "this is no file of darknet's weights.")
    wide = major * 10 + minor >= 2 and major < 1000 and minor < 1000
    size = 20 if wide else 16
    if len(data) < size:
        raise _unreadable(path, f"It has {len(data)} bytes, less than a header.", "copy the file again.")
    seen = struct.unpack_from("<Q" if wide else "<I", data, 12)[0]
    if (len(data) - size) % 4:
        raise _unreadable(path, f"Behind the header are {len(data) - size:,} bytes, which are no numbers of 4 bytes.",
                          "copy the file again; it may have been cut off on the way.")
    return Header(major, minor, revision, seen, size), np.frombuffer(data, "<f4", offset=size)


def known_blocks(wanted: Wanted, path: Path) -> Sequence[Block]:
    """The sections with weights of a network that darknet can have. Raises Failure for another network."""
    try:
        found = blocks(wanted)
        strange = next((block.name for block in found if not wanted.keys() >= set(block.tensors)), "")
    except NotDarknets as error:
        strange = str(error)
    if strange:
        raise _unreadable(path, f"Its numbers have no names, and the network has a layer that darknet does not have: "
                          f"`{strange}`.", "use these weights with the .cfg that belongs to them, or with the `.net` "
                          "file that was imported from it.")
    return found


class NotDarknets(Exception):
    """A layer with weights that no section of darknet has; its name."""


def blocks(wanted: Wanted) -> Sequence[Block]:
    """The sections with weights, in order, as the network's tensors show them.

    A layer without bias before a batch normalization is one section with it. Darknet's own kinds of layers alone have
    weights of these forms, so nothing but names and shapes is needed, and a `.net` file written from a `.cfg` will do.
    """
    layers: dict[str, list[str]] = {}
    for name in wanted:
        layers.setdefault(name.rpartition(".")[0], []).append(name)
    found: list[Block] = []
    waiting = ""  # a layer whose bias is that of the normalization behind it
    for layer in layers:
        weight, bias = f"{layer}.weight", f"{layer}.bias"
        if f"{layer}.value" in wanted:  # [local]: filters, then biases, as parameters of their own
            if waiting:
                found.append(Block(layer.rpartition(".bias")[0] or layer, (f"{layer}.value", waiting), True))
            waiting = "" if waiting else f"{layer}.value"
            continue
        normalizes = f"{layer}.running_mean" in wanted
        if not normalizes:
            if weight not in wanted or waiting:
                raise NotDarknets(layer if weight not in wanted else waiting)
            if bias in wanted:
                found.append(Block(layer, (bias, weight)))
            else:
                waiting = layer
            continue
        statistics = (weight, f"{layer}.running_mean", f"{layer}.running_variance")
        kernel = f"{waiting}.weight"
        if not waiting:
            found.append(Block(layer, statistics))
        elif len(wanted[kernel]) == 2:
            found.append(Block(waiting, (bias, kernel, *statistics)))
        else:
            found.append(Block(waiting, (bias, *statistics, kernel)))
        waiting = ""
    if waiting:
        raise NotDarknets(waiting.removesuffix(".value"))
    return found


def _tensor(numbers: np.ndarray[Any, Any], name: str, wanted: Wanted, header: Header) -> np.ndarray[Any, Any]:
    shape = wanted[name]
    if name.endswith(".running_variance"):
        # (sqrt (v) + s)^2 - s^2, so that sqrt (this + s^2) is darknet's sqrt (v) + s
        values = numbers.astype("float64")
        numbers = (values + 2 * _SLACK * np.sqrt(np.maximum(values, 0))).astype("float32")
    if len(shape) == 2 and header.transposed:
        numbers = numbers.reshape(shape[::-1]).T
    found: np.ndarray[Any, Any] = np.array(numbers.reshape(shape), order="C")
    return found


def _unreadable(path: Path, why: str, hint: str) -> Failure:
    return failure(Code.CHECKPOINT_MISMATCH, "the weights cannot be read", Span.nowhere(str(path)), body=(why,),
                   hint=hint)

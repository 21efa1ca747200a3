"""The messages of an ONNX file that matter here: model, graph, nodes, attributes, tensors, shapes of inputs.

Field numbers are those of onnx.proto (version 3 of its format). Every length is checked against the bytes around it by
`wire_format`; how many things there may be is bounded by the file's own size.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...base.codes import Code
from ...base.failure import Failure, failure
from ...base.source import Span
from ..byte_reader import BadBytes, ByteReader
from ..wire_format import FIXED32, Field, fields

#: More axes than any tensor has; a file that says more is damaged.
MOST_AXES = 16
#: Graphs inside graphs (`If`, `Loop`) are not read; a model with more nodes than this would not be checked in minutes.
MOST_NODES = 200_000


@dataclass(frozen=True)
class StoredTensorInfo:
    """An initializer, with the bytes of its numbers still packed."""

    name: str
    dims: tuple[int, ...]
    kind: int  #: a number of onnx's TensorProto.DataType
    raw: memoryview | None = None
    packed: tuple[Field, ...] = ()  #: float_data, int32_data, int64_data, double_data, uint64_data
    external: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelNode:
    """A node of the graph."""

    kind: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def title(self) -> str:
        """How a message calls it."""
        return f"`{self.name or next(iter(self.outputs), '')}`"


@dataclass(frozen=True)
class ModelInput:
    """An input or output of the graph: extents are numbers, or names where they are open."""

    name: str
    dims: tuple[int | str, ...] | None
    kind: int = 1


@dataclass
class ModelFile:
    """A model, as far as it is read."""

    path: Path
    opset: int = 1
    producer: str = ""
    nodes: list[ModelNode] = field(default_factory=list)
    tensors: dict[str, StoredTensorInfo] = field(default_factory=dict)
    inputs: list[ModelInput] = field(default_factory=list)
    outputs: list[ModelInput] = field(default_factory=list)


def read_model(path: Path) -> ModelFile:
    """A model from its file. Raises Failure where the bytes are no model."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, f"{error.strerror or error}", "look at its path and its permissions.") from None
    model = ModelFile(path)
    try:
        found = _read(ByteReader(memoryview(data)), model)
    except BadBytes as error:
        raise unreadable(path, str(error)) from None
    if not found:
        raise unreadable(path, "it holds no graph")
    return model


def unreadable(path: Path, why: str, hint: str = "") -> Failure:
    return failure(Code.NO_FILE, f"`{path.name}` cannot be read as an ONNX model", Span.nowhere(str(path)),
                   body=(f"Reading says: {why}.",),
                   hint=hint or "copy the file again; it may have been cut off on the way, or be no ONNX model.")


def _read(reader: ByteReader, model: ModelFile) -> bool:
    graphs = 0
    for part in fields(reader, "the model"):
        if part.number == 2:
            model.producer = part.text_of("the producer")
        elif part.number == 7:
            _graph(part.message("the graph"), model)
            graphs += 1
        elif part.number == 8:
            domain, version = "", 1
            for inner in fields(part.message("an opset"), "an opset"):
                domain = inner.text_of("a domain") if inner.number == 1 else domain
                version = inner.signed_of("a version") if inner.number == 2 else version
            model.opset = version if domain in ("", "ai.onnx") else model.opset
    return graphs > 0


def _graph(reader: ByteReader, model: ModelFile) -> None:
    for part in fields(reader, "the graph"):
        if part.number == 1:
            if len(model.nodes) >= MOST_NODES:
                raise BadBytes(part.at, f"the graph has more than {MOST_NODES:,} nodes")
            model.nodes.append(_node(part.message("a node")))
        elif part.number == 5:
            tensor = _tensor(part.message("a tensor"))
            model.tensors[tensor.name] = tensor
        elif part.number == 11:
            model.inputs.append(_value(part.message("an input")))
        elif part.number == 12:
            model.outputs.append(_value(part.message("an output")))
        elif part.number == 15:
            raise BadBytes(part.at, "its tensors are sparse, which netdsl does not read")


def _node(reader: ByteReader) -> ModelNode:
    inputs: list[str] = []
    outputs: list[str] = []
    name = kind = domain = ""
    attributes: dict[str, Any] = {}
    for part in fields(reader, "a node"):
        if part.number == 1:
            inputs.append(part.text_of("an input"))
        elif part.number == 2:
            outputs.append(part.text_of("an output"))
        elif part.number == 3:
            name = part.text_of("a name")
        elif part.number == 4:
            kind = part.text_of("an operator")
        elif part.number == 5:
            key, value = _attribute(part.message("an attribute"))
            attributes[key] = value
        elif part.number == 7:
            domain = part.text_of("a domain")
    return ModelNode(kind, "" if domain == "ai.onnx" else domain, name, tuple(inputs), tuple(outputs), attributes)


class Unread:
    """Stands for an attribute of a kind that is not read: a graph, a sparse tensor, a type."""


def _attribute(reader: ByteReader) -> tuple[str, Any]:
    name, kind = "", 0
    single: dict[int, Any] = {2: 0.0, 3: 0, 4: ""}
    several: dict[int, list[Any]] = {7: [], 8: [], 9: []}
    tensor: Any = Unread()
    for part in fields(reader, "an attribute"):
        if part.number == 1:
            name = part.text_of("a name")
        elif part.number == 2:
            part.require(FIXED32, "a number")
            single[2] = struct.unpack("<f", part.content.take(4, "a number"))[0]
        elif part.number == 3:
            single[3] = part.signed_of("a number")
        elif part.number == 4:
            single[4] = bytes(part.bytes_of("a text")).decode("utf-8", "replace")
        elif part.number == 5:
            tensor = _tensor(part.message("a tensor"))
        elif part.number == 7:
            several[7] += [float(value) for value in part.floats_of("<f4", "numbers")]
        elif part.number == 8:
            several[8] += [_signed(value) for value in part.numbers_of("numbers")]
        elif part.number == 9:
            several[9].append(bytes(part.bytes_of("a text")).decode("utf-8", "replace"))
        elif part.number == 20:
            kind = part.number_of("a kind")
    by_kind = {1: single[2], 2: single[3], 3: single[4], 4: tensor, 6: several[7], 7: several[8], 8: several[9]}
    return name, by_kind.get(kind, Unread())


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _tensor(reader: ByteReader) -> StoredTensorInfo:
    dims: list[int] = []
    name, kind, raw, location = "", 0, None, 0
    packed: list[Field] = []
    external: dict[str, str] = {}
    for part in fields(reader, "a tensor"):
        if part.number == 1:
            dims += part.numbers_of("extents", MOST_AXES)
        elif part.number == 2:
            kind = part.number_of("a kind")
        elif part.number == 8:
            name = part.text_of("a name")
        elif part.number == 9:
            raw = part.bytes_of("numbers")
        elif part.number in (4, 5, 7, 10, 11):
            packed.append(part)
        elif part.number == 13:
            key, value = _pair(part.message("a place"))
            external[key] = value
        elif part.number == 14:
            location = part.number_of("a place")
    if len(dims) > MOST_AXES or any(extent >= 1 << 40 for extent in dims):
        raise BadBytes(reader.at, f"a tensor has the extents {dims[:MOST_AXES]}")
    return StoredTensorInfo(name, tuple(dims), kind, raw, tuple(packed), external if location == 1 else {})


def _pair(reader: ByteReader) -> tuple[str, str]:
    found = {1: "", 2: ""}
    for part in fields(reader, "a pair"):
        if part.number in found:
            found[part.number] = part.text_of("a text")
    return found[1], found[2]


def _value(reader: ByteReader) -> ModelInput:
    name, dims, kind = "", None, 1
    for part in fields(reader, "a value"):
        if part.number == 1:
            name = part.text_of("a name")
        elif part.number == 2:
            for inner in _tensor_types(part):
                if inner.number == 1:
                    kind = inner.number_of("a kind")
                elif inner.number == 2:
                    dims = tuple(_extents(inner.message("a shape")))
    return ModelInput(name, dims, kind)


def _tensor_types(part: Field) -> Iterator[Field]:
    for inner in fields(part.message("a type"), "a type"):
        if inner.number == 1:
            yield from fields(inner.message("a tensor's type"), "a tensor's type")


def _extents(reader: ByteReader) -> Iterator[int | str]:
    for part in fields(reader, "a shape"):
        extent: int | str = ""
        for inner in fields(part.message("an extent"), "an extent"):
            if inner.number == 1:
                extent = inner.signed_of("an extent")
            elif inner.number == 2:
                extent = inner.text_of("an extent")
        yield extent

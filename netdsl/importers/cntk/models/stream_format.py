"""Model files of CNTK 1 (`BCN`): a stream of nodes, of who takes what, and of groups -> ModelFile.

An operation whose options are not known is left behind by looking for the next node: what follows the list of nodes
names all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ...byte_reader import BadBytes, ByteReader
from .model_file import GraphParts, ModelFile, ModelInput, ModelNode, ModelTensor
from .stream_nodes import NEWEST, PAYLOADS, PLAIN, marker, next_is

#: What a file begins with.
START = "BCN".encode("utf-16-le") + b"\0\0"
_LIST_END = "ENodeList\0BRelation\0".encode("utf-16-le")

#: How CNTK 2 writes the names of its variables into the old format.
_V2_NAME = re.compile(r"__v2libuid__(.*?)__v2libname__(.*)")
#: Groups of nodes: the marks around them, in the order of the file, and what they are called in v2 and here.
_GROUPS = (("FeatureNodes", "feature"), ("LabelNodes", "label"), ("CriterionNodes", "criterion"),
           ("CriteriaNodes", "criterion"), ("NodesReqMultiSeqHandling", ""), ("EvalNodes", "evaluation"),
           ("OutputNodes", "output"), ("PairNodes", ""))
_KINDS = {"float": "<f4", "double": "<f8", "half": "<f2", "": ""}
_INPUTS = ("InputValue", "SparseInputValue", "Image", "SparseImage")
#: Names of operations that changed.
_RENAMED = {"ErrorPrediction": "ClassificationError", "RectifiedLinear": "ReLU", "ExponentialLinearUnit": "ELU",
            "RowStack": "Splice", "RowSlice": "Slice", "TransposeDimensions": "TransposeAxes", "Image": "InputValue",
            "SparseImage": "SparseInputValue", "DeprecatedReshape": "Reshape", "LegacyReshape": "Reshape",
            "If": "Select", "SquareError": "SquaredError", "Cosine": "Cos", "MaxUnpooling": "Unpooling"}


@dataclass(frozen=True)
class _Stored:
    name: str
    operation: str
    options: dict[str, Any]
    at: int


def read_stream(data: bytes) -> ModelFile:
    """The model in the bytes of a file. Raises BadBytes."""
    reader = ByteReader(memoryview(data))
    marker(reader, "BCN")
    version = 1
    if next_is(reader, "BVersion"):
        marker(reader, "BVersion")
        at, version = reader.at, reader.uint64("the version")
        if not 1 <= version <= NEWEST:
            raise BadBytes(at, f"version {version:,} of the format: {NEWEST} is the newest known")
        marker(reader, "EVersion")
    count = reader.count("the number of nodes", 4)
    takes = _relations(data, count)
    marker(reader, "BNodeList")
    stored = [_node(reader, version, takes) for _ in range(count)]
    marker(reader, "ENodeList")
    groups = _groups(data, reader, count)
    return _graph(version, stored, takes, groups)


def _relations(data: bytes, count: int) -> dict[str, tuple[str, ...]]:
    """What each node takes. It stands behind the nodes, and is read first: it has all their names."""
    at = data.rfind(_LIST_END)
    if at < 0:
        raise BadBytes(len(data), "the file ends before its list of nodes does")
    reader = ByteReader(memoryview(data), at + len(_LIST_END))
    return _relation(reader, count)


def _relation(reader: ByteReader, count: int) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for _ in range(count):
        at, name = reader.at, reader.wide_text("the name of a node")
        if name in found:
            raise BadBytes(at, f"`{name}` is there twice")
        number = reader.count(f"the inputs of `{name}`", 2)
        found[name] = tuple(reader.wide_text("the name of a node") for _ in range(number))
    marker(reader, "ERelation")
    return found


def _node(reader: ByteReader, version: int, takes: dict[str, tuple[str, ...]]) -> _Stored:
    at = reader.at
    precision = reader.wide_text("a type of numbers") if version >= 7 else ""
    operation = reader.wide_text("the name of an operation")
    name = reader.wide_text("the name of a node")
    if name not in takes:
        raise BadBytes(at, f"no node begins here: `{name[:40]}` is not among the names of the file")
    payload = PAYLOADS.get(operation)
    if payload is not None:
        options = payload(reader, version, _KINDS.get(precision, ""))
    else:
        options = {}
        if operation not in PLAIN:
            reader.at = _next_node(reader, version, takes)
    return _Stored(name, operation, options, at)


def _next_node(reader: ByteReader, version: int, takes: dict[str, tuple[str, ...]]) -> int:
    """Where the next node, or the end of the list, is: here, or behind options that are not known."""
    limit = min(reader.end, reader.at + (1 << 16))
    for at in range(reader.at, limit):
        probe = ByteReader(reader.data, at, limit)
        if next_is(probe, "ENodeList"):
            return at
        try:
            if version >= 7 and not _KINDS.get(probe.wide_text("").partition(",")[0]):
                continue
            operation = probe.wide_text("")
            if operation and operation.isascii() and probe.wide_text("") in takes:
                return at
        except BadBytes:
            continue
    raise BadBytes(reader.at, "no node follows here")


def _groups(data: bytes, reader: ByteReader, count: int) -> dict[str, tuple[str, ...]]:
    """The nodes of each group."""
    marker(reader, "BRelation")
    _relation(reader, count)
    marker(reader, "BRootNodes")
    found: dict[str, tuple[str, ...]] = {}
    for mark, group in _GROUPS:
        if not next_is(reader, f"B{mark}"):
            if mark == "LabelNodes" and next_is(reader, f"E{mark}"):
                marker(reader, f"E{mark}")
            continue
        marker(reader, f"B{mark}")
        number = reader.count(f"the nodes of `{mark}`", 2)
        names = tuple(reader.wide_text("the name of a node") for _ in range(number))
        if group:
            found[group] = names
        if group == "criterion":
            marker(reader, "ECriteriaNodes" if next_is(reader, "ECriteriaNodes") else "ECriterionNodes")
        else:
            marker(reader, f"E{mark}")
    marker(reader, "ERootNodes")
    marker(reader, "ECN")
    return found


def _graph(version: int, stored: list[_Stored], takes: dict[str, tuple[str, ...]],
           groups: dict[str, tuple[str, ...]]) -> ModelFile:
    parts = GraphParts("v1", version)
    names = {node.name: split_name(node.name) for node in stored}
    paths = _paths(names)
    axes = {node.name for node in stored if node.operation == "DynamicAxis"}
    for node in stored:
        uid, own = names[node.name]
        if node.operation == "LearnableParameter":
            values = node.options["values"]
            parts.tensors[uid] = ModelTensor(uid, paths[node.name], node.options["dims"], values, values.dtype.name,
                                             node.options["learned"], node.at)
        elif node.operation in _INPUTS:
            axis = node.options["axis"]
            sequence = (axis,) if axis and axis != "__noSequenceAxis" else ()
            parts.inputs[uid] = ModelInput(uid, own or uid, node.options["dims"], sequence)
        elif node.name not in axes:
            operation = _RENAMED.get(node.operation, node.operation)
            inputs = tuple(names[taken][0] for taken in takes[node.name] if taken in names and taken not in axes)
            if missing := [taken for taken in takes[node.name] if taken not in names]:
                raise BadBytes(node.at, f"`{node.name}` takes `{missing[0]}`, which the file does not have")
            parts.nodes[uid] = ModelNode(uid, own, operation, inputs, node.options, node.at)
            if (values := node.options.get("values")) is not None:  # a statistic of the training data
                parts.tensors[f"{uid}.value"] = ModelTensor(f"{uid}.value", f"{paths[node.name]}.value",
                                                            (values.size,), values, values.dtype.name, False, node.at)
    parts.groups = {group: tuple(names[name][0] for name in listed if name in names)
                    for group, listed in groups.items()}
    _convert_statistics(parts, version)
    model = parts.finished()
    if not any(model.groups.values()):  # CNTK 2 writes none: what nobody takes are the outputs
        free = tuple(uid for uid in model.nodes if uid not in model.users)
        return ModelFile(model.format, version, model.nodes, model.tensors, model.inputs, {"output": free})
    return model


def split_name(name: str) -> tuple[str, str]:
    """The uid and the name of a node: CNTK 2 joins them into one."""
    both = _V2_NAME.fullmatch(name)
    return (both[1], "" if both[2].startswith("_") else both[2]) if both else (name, name)


def _paths(names: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Names of tensors: without uids, where they are not needed to tell two apart."""
    own = [name for _, name in names.values()]
    return {full: uid if not name or uid == name else name if own.count(name) == 1 else f"{uid}.{name}"
            for full, (uid, name) in names.items()}


def _convert_statistics(parts: GraphParts, version: int) -> None:
    """Bring the statistics of old batch normalizations into today's form.

    Before version 13 the fifth input is `1 / sqrt (variance + epsilon)`. Before 19 the samples are counted in the
    node, and there is no sixth input.
    """
    for uid, node in list(parts.nodes.items()):
        if node.operation != "BatchNormalization" or len(node.inputs) < 5:
            continue
        spread = parts.tensors.get(node.inputs[4])
        if version < 13 and spread is not None and spread.values is not None:
            deviation = spread.values.astype("f8")
            variance = (1 / deviation**2 - node.options["epsilon"]).astype(spread.values.dtype)
            parts.tensors[spread.uid] = ModelTensor(spread.uid, spread.path, spread.dims, variance, spread.kind,
                                                    spread.learned, spread.at)
        if len(node.inputs) == 5:
            count = _counted(node)
            parts.tensors[count.uid] = count
            parts.nodes[uid] = ModelNode(uid, node.name, node.operation, (*node.inputs, count.uid), node.options,
                                         node.at, node.layer)


def _counted(node: ModelNode) -> ModelTensor:
    import numpy as np

    name = f"{node.uid}.run_sample_count"
    return ModelTensor(name, name, (1,), np.full(1, node.options.get("samples", 0), "<f4"), "float32", False, node.at)


__all__ = ["START", "read_stream", "split_name"]

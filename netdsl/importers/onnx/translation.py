"""The graph of an ONNX model, node by node: expressions of the language, and the numbers of its parameters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.failure import Failure
from ...base.lazy import LazyModule
from ...base.source import Span
from ...base.units import plural
from ..caffe.legal_names import legal_name
from .onnx_messages import ModelFile, ModelInput, ModelNode, read_model, unreadable
from .operator_table import OPERATORS
from .operator_type import BATCH, Array, OperatorUse, Refused, Value, extents
from .stored_tensors import LARGEST_CONSTANT, array_of

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")


@dataclass(frozen=True)
class Member:
    """`name = text` of the written network."""

    name: str
    text: str


@dataclass
class Translation:
    """A model on its way: what was written, and the numbers by the written network's names."""

    model: ModelFile
    members: list[Member] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)
    refused: list[tuple[ModelNode, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.opset = self.model.opset
        self.single = False
        self._values: dict[str, Value] = {}
        self._taken: set[str] = set()
        self._fused: set[int] = set()
        self._parameters: dict[tuple[str, tuple[int, ...]], str] = {}
        self._users: dict[str, list[ModelNode]] = {}
        for node in self.model.nodes:
            for name in node.inputs:
                self._users.setdefault(name, []).append(node)

    # --- what rows ask -----------------------------------------------------------------------

    def define(self, name: str, text: str) -> str:
        """A member; its name, made different from those that are taken."""
        free = self._free(name)
        self.members.append(Member(free, text))
        return free

    def _free(self, name: str) -> str:
        free, count = name, 1
        while free in self._taken:
            count += 1
            free = f"{name}_{count}"
        self._taken.add(free)
        return free

    def weight(self, name: str, array: Array) -> None:
        self.weights[name] = array

    def parameter(self, value: Value, dims: Sequence[int]) -> str:
        """A parameter of the network for numbers that are no layer's own."""
        key = (value.name, tuple(dims))
        if value.name and key in self._parameters:
            return self._parameters[key]
        name = self._free(_plain(value.name) or "constant1")
        learned = "" if value.array.dtype.kind == "f" and value.name in self.model.tensors else \
            ", learningRateMultiplier = 0"
        self.members.append(Member(name, f"ParameterTensor {{{extents(dims)}{learned}}}"))
        self.weights[f"{name}.value"] = value.array.reshape(tuple(dims))
        self._parameters[key] = name
        return name

    def users(self, output: str) -> list[ModelNode]:
        """The nodes that take an output; none where it is one of the model as well."""
        return [] if any(out.name == output for out in self.model.outputs) else self._users.get(output, [])

    def fuse(self, node: ModelNode, value: Value) -> None:
        """A node that another one's layer does as well: its output is that layer's."""
        self._fused.add(id(node))
        self._values[node.outputs[0]] = value

    def constant(self, name: str) -> Array:
        """The numbers of a name, or None."""
        value = self._value(name)
        return value.array if value is not None else None

    def resolved(self, name: str) -> Value | None:
        """What a name of the graph stands for so far."""
        return self._value(name)

    def scaled_source(self, value: Value) -> tuple[Value, float] | None:
        """The value that another one is a multiple of, and the factor: `0.5 * x` -> (x, 0.5)."""
        member = next((m for m in reversed(self.members) if m.name == value.text), None)
        found = re.fullmatch(r"(?:([-\d.e]+) \* (\w+)|(\w+) / ([-\d.e]+))", member.text) if member is not None else None
        if found is None:
            return None
        name = found[2] or found[3]
        factor = float(found[1]) if found[1] else 1 / float(found[4])
        return Value(text=name, dims=value.dims), factor

    # --- the way through the graph -------------------------------------------------------------

    def run(self) -> Translation:
        """Everything. Raises Failure with all nodes that cannot be translated in one page."""
        for entry in self.model.inputs:
            if entry.name not in self.model.tensors:
                self._input(entry)
        if not any(value.text for value in self._values.values()):
            raise unreadable(self.model.path, "its graph has no inputs", "a model needs an input to be computed.")
        unknown = [node for node in self.model.nodes if self._row(node) is None]
        if unknown:
            raise Failure([self._not_supported([(node, "") for node in unknown])])
        # Constants first: rows look ahead at later nodes, and exporters write a constant just before its use.
        for node in sorted(self.model.nodes, key=lambda node: bool(node.inputs)):
            if id(node) not in self._fused:
                self._node(node)
        if self.refused:
            raise Failure([self._not_supported(self.refused)])
        self.outputs = self._outputs()
        self._drop_unused()
        return self

    def _drop_unused(self) -> None:
        """Steps that nothing needs any more, since a layer was made of them and of others: the `x / sqrt 2` of GELU."""
        needed = {*self.outputs, *(name.rpartition(".")[0] for name in self.weights)}
        kept = []
        for member in reversed(self.members):
            if member.name in needed or member.text.startswith("Input {"):
                kept.append(member)
                needed |= set(re.findall(r"\w+", member.text))
        self.members = kept[::-1]

    @staticmethod
    def _row(node: ModelNode) -> Any:
        return OPERATORS.get(node.kind) if node.domain == "" else None

    def _input(self, entry: ModelInput) -> None:
        dims = entry.dims
        if not dims:
            raise unreadable(self.model.path, f"its input `{entry.name}` has no shape",
                             "export the model with the shapes of its inputs.")
        open_axes = [extent for extent in dims[1:] if not isinstance(extent, int) or extent < 1]
        if open_axes:
            raise Failure([Diagnostic(
                Code.NOT_SUPPORTED, f"netdsl has no input of open size: `{entry.name}` is "
                f"{' x '.join(str(extent) or '?' for extent in dims)}", Label(Span.nowhere(str(self.model.path))),
                hint="export the model with fixed extents; the first, the number of samples, may stay open.")])
        self.single = self.single or dims[0] == 1
        shape = [int(extent) for extent in dims[1:]] or [1]
        name = self.define(_plain(entry.name), f"Input {{{extents(shape)}}}")
        self._values[entry.name] = Value(text=name, dims=tuple(shape))

    def _value(self, name: str) -> Value | None:
        if not name:
            return None
        if name not in self._values and name in self.model.tensors:
            tensor = self.model.tensors[name]
            self._values[name] = Value(array_of(tensor, self.model.path), name=name)
        return self._values.get(name)

    def _node(self, node: ModelNode) -> None:
        row = self._row(node)
        inputs = [self._value(name) for name in node.inputs]
        if any(name and value is None for name, value in zip(node.inputs, inputs, strict=True)):
            return  # what it takes comes from a node that was refused
        use = OperatorUse(self, node, inputs, self._name(node))
        try:
            extra = [key for key in node.attributes if key not in (*row.attributes, *row.ignored)]
            if extra:
                raise Refused(f"its attribute `{extra[0]}` is not known")
            made = self._made(use, row)
        except Refused as why:
            self.refused.append((node, str(why)))
            return
        values = [made] if isinstance(made, Value) else list(made)
        for name, value in zip(node.outputs, values, strict=False):
            if name:
                self._values[name] = value

    @staticmethod
    def _made(use: OperatorUse, row: Any) -> Value | Sequence[Value]:
        """Numbers where all inputs are numbers, else what the row makes of it."""
        known = all(value is None or value.is_constant for value in use.inputs)
        if known and row.fold is not None:
            arrays = [value.array for value in use.inputs if value is not None]
            if sum(array.size for array in arrays) > LARGEST_CONSTANT:
                raise Refused("its constants are too large to be computed")
            folded = _checked(lambda: row.fold(use, arrays), "its numbers cannot be computed")
            array = np.array(folded, dtype=object) if folded is BATCH else np.asarray(folded)
            return Value(array, name=use.node.outputs[0])
        if row.translate is None:
            raise Refused("it is read where all of its inputs are stored numbers only")
        made: Value | Sequence[Value] = _checked(lambda: row.translate(use), "its attributes and inputs do not fit")
        return made

    # --- names ---------------------------------------------------------------------------------

    def _name(self, node: ModelNode) -> str:
        """What the layer of a node is called: as its weights are, else as the node itself."""
        for name in node.inputs[1:]:
            base, _, last = name.rpartition(".")
            if base and last in ("weight", "bias", "running_mean", "running_var") and name in self.model.tensors:
                return self._unused(_plain(base))
        own = "" if re.fullmatch(r"n\d+(_\d+)?", node.name) else node.name  # a number that an exporter gave
        parts = [part for part in re.split(r"[/:]", own or next(iter(node.outputs), "")) if part]
        if len(parts) > 1 and re.sub(r"_\d+$", "", parts[-1]).lower() == node.kind.lower():
            parts.pop()
        plain = _plain("_".join(parts).removeprefix("node_"))
        return self._unused(plain or node.kind.lower())

    def _unused(self, name: str) -> str:
        free, count = name, 1
        while free in self._taken:
            count += 1
            free = f"{name}_{count}"
        return free

    # --- the end -------------------------------------------------------------------------------

    def _outputs(self) -> list[str]:
        found = []
        for entry in self.model.outputs:
            value = self._value(entry.name)
            if value is None or not value.text or value.column:
                raise unreadable(self.model.path, f"its output `{entry.name}` is not computed from its inputs")
            found.append(value.text)
        if not found:
            raise unreadable(self.model.path, "its graph has no outputs")
        return list(dict.fromkeys(found))

    def _not_supported(self, nodes: Sequence[tuple[ModelNode, str]]) -> Diagnostic:
        """One page with every operator that cannot be read, how often, and where first."""
        groups: dict[tuple[str, str], list[ModelNode]] = {}
        for node, why in nodes:
            kind = f"{node.domain}.{node.kind}" if node.domain else node.kind
            groups.setdefault((kind, why), []).append(node)
        rows = [f"    {plural(len(found), kind)}: {', '.join(node.title for node in found[:3])}"
                f"{' and others' if len(found) > 3 else ''}{f' ({why})' if why else ''}"
                for (kind, why), found in groups.items()]
        kinds = Counter(kind for kind, _ in groups)
        names = ", ".join(f"`{kind}`" for kind in list(kinds)[:6]) + (" and others" if len(kinds) > 6 else "")
        return Diagnostic(Code.NOT_SUPPORTED, f"netdsl cannot read {names} of this model",
                          Label(Span.nowhere(str(self.model.path))),
                          body=("These nodes of the graph have no counterpart:", "\n".join(rows[:40])),
                          hint="export the part of the model before them, or write it without them.")


def _checked(work: Callable[[], Any], otherwise: str) -> Any:
    """The result of a row; attributes of a kind that it does not expect, in damaged files, are a reason to refuse."""
    try:
        return work()
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, MemoryError) as error:
        raise Refused(f"{otherwise}: {error}") from None


def _plain(name: str) -> str:
    """A name of the file as one of the language."""
    return legal_name(re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9_]", "_", name)).strip("_")) if name else ""


@lru_cache(maxsize=2)
def translated(path: Path, stamp: tuple[int, int]) -> Translation:
    """A model's file, translated; `stamp` tells one state of the file from another."""
    return Translation(read_model(path)).run()


def translate_file(path: Path) -> Translation:
    """A model's file, translated. Raises Failure."""
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, f"{error.strerror or error}", "look at its path and its permissions.") from None
    return translated(path, (status.st_mtime_ns, status.st_size))


__all__ = ["BATCH", "Member", "Translation", "translate_file"]

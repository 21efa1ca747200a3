"""What a row of the table of Caffe's layer types is: its fields, what it becomes, and how its blobs are called here.

Shapes are Caffe's, without the axis of samples: channels, height, width. Axes of Caffe count that axis, so axis 1 of
a file is the first extent here; netdsl counts from the other end, the width first, from 1.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...base.codes import Code
from ...base.source import Span
from ...syntax import ast
from ..building import Builder
from ..import_format import not_supported
from .known_fields import Known, Problems, Values
from .net_layers import Layer
from .prototext import Message, Scalar

#: Channels, height, width: the extents of a blob but for the samples.
Extents = tuple[int, ...]


class Untranslated(Exception):
    """A layer that cannot be translated; why is among the problems already."""


@dataclass
class Translation:
    """A layer on its way into the language: what its row looks at, and makes expressions with."""

    layer: Layer
    values: Values
    bottoms: tuple[Extents, ...]
    build: Builder
    problems: Problems
    trains: bool = False  #: whether the net has a criterion, so that it matters how weights start
    batch: int = 0  #: samples of a minibatch, where the file says how many
    others: Mapping[str, Layer] = field(default_factory=dict)  #: of data: the layer of another phase
    given_shapes: Mapping[str, Extents] = field(default_factory=dict)  #: shapes of blobs that were given from outside

    @property
    def shape(self) -> Extents:
        return self.bottoms[0]

    # --- axes ------------------------------------------------------------------------------------------

    def axis(self, name: str = "axis", of: Extents | None = None, beyond: bool = False) -> int:
        """An axis of the file, counted from the front and with the samples' axis as 0. Stops at one that is not there.
        """
        shape = self.shape if of is None else of
        value: int = self.values[name]
        last = len(shape) + 1 if beyond else len(shape)
        axis = value + len(shape) + 1 + beyond if value < 0 else value
        if not 0 <= axis <= last:
            self.refuse(Code.OPTION_TYPE, f"`{name}` is {value}, and the blob has {len(shape) + 1} axes", name,
                        label=f"the axes are 0 (the samples) to {len(shape)}")
        if axis == 0 and not beyond:
            self.unsupported(f"{self.layer.type} over the axis of the samples (axis 0)", name)
        return axis

    def file_axis(self, axis: int, shape: Extents | None = None) -> int:
        """An axis as the language counts it: 1 is the width."""
        return len(self.shape if shape is None else shape) - axis + 1

    def dims_in(self, shape: object, least: int = 1) -> list[int]:
        """The extents of a message `shape { dim: 3 dim: 4 }`; none where there is no message.

        Stops where one of them is no whole number of at least `least`.
        """
        found = []
        for f in shape.all("dim") if isinstance(shape, Message) else ():
            whole_number = isinstance(f.value, Scalar) and f.value.is_whole
            found.append(int(float(f.value.value)) if whole_number else least - 1)  # type: ignore[union-attr]
            if not least <= found[-1] < 2**31:
                self.problems.add(Code.OPTION_TYPE, f"an extent is a whole number above {least - 1}" if least > 0 else
                                  "an extent is a whole number, 0 or -1", f.span, "this is not")
                raise Untranslated
        return found

    # --- problems --------------------------------------------------------------------------------------

    def place(self, *names: str) -> Span:
        return self.values.place(*names)

    def refuse(self, code: Code, title: str, *names: str, label: str = "", **more: Any) -> None:
        """An error at a field; ends the translation of this layer."""
        self.problems.add(code, title, self.place(*names), label, **more)
        raise Untranslated

    def unsupported(self, what: str, *names: str, label: str = "this is not supported", hint: str = "",
                    body: tuple[str, ...] = ()) -> None:
        self.problems.diagnostics.append(not_supported(what, self.place(*names), label, hint, body))
        raise Untranslated

    def warn(self, title: str, *names: str, label: str = "", **more: Any) -> None:
        self.problems.add(Code.DOUBTFUL, title, self.place(*names), label, severity="warning", **more)

    def same_shapes(self) -> None:
        """An error unless all blobs have the shape of the first one."""
        first = self.layer.bottoms[0][0]
        for (name, span), shape in zip(self.layer.bottoms, self.bottoms, strict=True):
            if shape != self.shape:
                self.problems.add(Code.SHAPE_MISMATCH, f"`{name}` and `{first}` have different shapes", span,
                                  f"this is {shown(shape)}, and `{first}` is {shown(self.shape)}",
                                  body=("Shapes are channels x height x width.",))
                raise Untranslated

    # --- expressions -----------------------------------------------------------------------------------

    def spread(self, items: Sequence[ast.Expression]) -> ast.Expression:
        """`a : b` as an argument, without parentheses of its own."""
        return items[0] if len(items) == 1 else ast.List(tuple(items), self.build.span)

    def dims(self, shape: Sequence[int]) -> ast.Expression:
        """`28:28:1`: extents of the file as the language writes them, in braces."""
        numbers = [self.build.value(extent) for extent in reversed(shape)] or [self.build.value(1)]
        return self.spread(numbers)

    def scaled(self, factor: float, x: ast.Expression) -> ast.Expression:
        return x if factor == 1 else self.build.binary(self.build.value(factor), "*", x)

    def shifted(self, offset: float, x: ast.Expression) -> ast.Expression:
        return x if offset == 0 else self.build.binary(self.build.value(offset), "+", x)


class LayerRow(ABC):
    """A row of the table: one kind of layer, under all its names."""

    types: ClassVar[tuple[str, ...]]
    message: ClassVar[str] = ""  #: the name of its own message
    fields: ClassVar[Mapping[str, Known]] = {}
    inputs: ClassVar[tuple[int, int]] = (1, 1)  #: the least and the largest number of bottoms
    tops: ClassVar[tuple[int, int]] = (1, 1)
    role: ClassVar[str] = "layer"  #: "layer", "data", "loss", "metric" or "nothing"
    target: ClassVar[int] = 1  #: of a loss or metric: which bottom is the label
    tensors: ClassVar[tuple[str, ...]] = ()  #: names here of its blobs, in Caffe's order
    blobs_read: ClassVar[int] = 0  #: how many blobs it has in a file, where that is not the number of its tensors
    state: ClassVar[str] = "same"  #: or "mended", "not supported"
    becomes: ClassVar[str] = ""  #: for the table of the docs
    remark: ClassVar[str] = ""

    def shapes(self, use: Translation) -> Sequence[Extents]:
        """The extents of its tops, by Caffe's rule. Raises Untranslated."""
        return [use.shape]

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]] | None:
        """What it becomes as steps of a Sequential, each with the end of its name; None where it is no function of
        one blob."""
        return None

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        """What its tops become, as expressions of what its bottoms have become; asked where it has no steps."""
        raise NotImplementedError(self.types)

    def classes(self, use: Translation) -> int | None:
        """Of a loss or metric: how many classes the labels number that are its second bottom; None where none."""
        return None

    def batch(self, use: Translation) -> int:
        """The samples of a minibatch, where this layer says how many; else 0."""
        return 0

    def blob_count(self, use: Translation) -> int:
        """How many blobs of its own it has that are learned."""
        no_bias = "bias_term" in self.fields and not use.values["bias_term"]
        return len(self.tensors) - no_bias

    def arrays(self, blobs: Sequence[Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Its blobs by the names that its tensors have here.

        `given` has the options that weights depend on, and under "wanted" the shapes of the network's tensors.
        """
        return dict(zip(self.tensors, blobs, strict=False))


class Refused(LayerRow):
    """Layer types that are not supported, with the reason."""

    state = "not supported"
    inputs = (0, 1000)
    tops = (0, 1000)

    #: Type -> why.
    reasons: ClassVar[Mapping[str, str]] = {}

    def shapes(self, use: Translation) -> Sequence[Extents]:
        use.problems.diagnostics.append(not_supported(
            f"layer `{use.layer.type}` of Caffe", use.layer.type_span, "this type of layer is not supported",
            body=(self.reasons[use.layer.type],)))
        raise Untranslated


def shown(shape: Extents) -> str:
    """Extents as Caffe has them: channels x height x width."""
    return " x ".join(map(str, shape)) or "one number"

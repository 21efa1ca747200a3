"""`Input {1:28:28}`: channels first, as other programs have it, where the language has width:height:channels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Edit, Label
from ..ir.network import Node, ShapedNode
from ..ir.program import CheckedProgram, Phase
from ..readers.reader import Description, describe_reader

ORDER = "the order of the axes is width:height:channels"


def meant_shape(node: ShapedNode, delivered: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The shape, width first, that an input with its channels first most likely means; None if it does not look so.

    `delivered` is what the reader has, where that is known: then it decides.
    """
    dims = node.shape.file_dims
    if not node.layer.is_input or len(dims) != 3:
        return None
    channels, height, width = dims
    if delivered is not None:
        return delivered if delivered != dims and sorted(delivered) == sorted(dims) else None
    looks_so = channels in (1, 3, 4) and channels < min(height, width) and width > 4
    return (width, height, channels) if looks_so else None


def write_shape(node: ShapedNode, dims: Sequence[int]) -> tuple[str, tuple[Edit, ...]]:
    """How the file says that an input has this shape, and the edit, where its shape is written out."""
    text = ":".join(map(str, dims))
    spans = dict(node.option_spans)
    return f"`{node.name} = Input {{{text}}}`", (Edit(spans["dims"], text),) if "dims" in spans else ()


def add_axis_hints(failed: Sequence[Node], program: CheckedProgram, problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The problems of layers whose input has its axes in another order, with that as the cause."""
    found = list(problems)
    train = program.readers.get(Phase.TRAIN)
    described = describe_reader(train) if train is not None else None
    for node in failed:
        above = program.network.ancestors(use.node for use in node.inputs)
        for source in (program.network[name] for name in above):
            stream = described.stream(source.name) if isinstance(described, Description) else None
            dims = meant_shape(source, tuple(stream.dims) if stream is not None and stream.dims else None)
            if dims is not None:
                found = [_because_of(d, node, source, dims) for d in found]
    return found


def _because_of(d: Diagnostic, node: Node, source: ShapedNode, dims: Sequence[int]) -> Diagnostic:
    at = d.primary.span
    inside = at.source is node.span.source and node.span.start <= at.start < max(node.span.end, node.span.start + 1)
    if d.code not in (Code.FILTER_TOO_LARGE, Code.SHAPE_MISMATCH) or not inside:
        return d
    form, fix = write_shape(source, dims)
    said = f"this is {source.shape.file_dims[0]} wide, with {source.shape.file_dims[2]} channels"
    return dataclasses.replace(d, related=(*d.related, Label(source.span, said)),
                               hint=f"{ORDER}: write {form}.", fix=fix)

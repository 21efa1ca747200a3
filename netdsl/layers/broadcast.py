"""Broadcasting: how the rows of several inputs bring their inputs to one shape.

CNTK aligns the axes of a file's shapes at the first one (the width); stored channels first that is
numpy's rule, at the last one. The batch axis stands apart: inputs with `Shape.batched` have it in
front, the others (parameters, constants) do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .layer import Shape, ShapeError

if TYPE_CHECKING:
    import torch


def extent(first: int, second: int) -> int | None:
    """The extent of two that meet on an axis: equal, or one of them 1. 0 (not known yet) takes any."""
    if first == second or second in (0, 1):
        return first
    return second if first in (0, 1) else None


def joined(first: Shape, second: Shape) -> Shape | None:
    """The shape that both stretch to, or None where they do not fit."""
    rank = max(first.rank, second.rank)
    pairs = zip(padded(first, rank), padded(second, rank), strict=True)
    extents = [extent(a, b) for a, b in pairs]
    if any(e is None for e in extents):
        return None
    return Shape(tuple(e for e in extents if e is not None), first.batched or second.batched)


def broadcast(inputs: Sequence[Shape], title: str, clash: str) -> Shape:
    """The shape that all inputs stretch to.

    Raises ShapeError with `title`, at the first input that does not fit; `clash` is its label with
    places for the shapes before it and of it: `cannot add {0} and {1}`.
    """
    result = inputs[0]
    for position, shape in enumerate(inputs[1:], 1):
        together = joined(result, shape)
        if together is None:
            raise ShapeError(title, label=clash.format(result, shape), input=position, hint=_hint(result, shape))
        result = together
    return result


def infer(inputs: Sequence[Shape]) -> tuple[Shape, ...]:
    """Unknown extents (0) of inputs that are not batched, taken from the others on the same axis."""
    rank = max(shape.rank for shape in inputs)
    columns = list(zip(*(padded(shape, rank) for shape in inputs), strict=True))
    known = [next((e for e in column if e > 1), max(column)) for column in columns]
    return tuple(
        Shape(tuple(d or k for d, k in zip(shape.dims, known[rank - shape.rank:], strict=True)), shape.batched)
        for shape in inputs
    )


def padded(shape: Shape, rank: int) -> tuple[int, ...]:
    """The extents at a higher rank: CNTK's missing last axes are missing first ones here."""
    return (1,) * (rank - shape.rank) + shape.dims


def aligned(tensors: Sequence[torch.Tensor], shapes: Sequence[Shape]) -> list[torch.Tensor]:
    """Tensors that torch's own broadcasting combines: missing axes are put after the batch axis.

    A tensor (N, 10) that meets a parameter (5, 10) becomes (N, 1, 10).
    """
    rank = max(shape.rank for shape in shapes)
    return [with_rank(tensor, shape, rank) if shape.batched and shape.rank < rank else tensor
            for tensor, shape in zip(tensors, shapes, strict=True)]


def with_rank(tensor: torch.Tensor, shape: Shape, rank: int) -> torch.Tensor:
    """The tensor with 1s for its missing axes, after the batch axis where it has one."""
    missing = (1,) * (rank - shape.rank)
    return tensor.reshape(*tensor.shape[:shape.batched], *missing, *tensor.shape[shape.batched:])


def with_batch(tensors: Sequence[torch.Tensor], shapes: Sequence[Shape]) -> list[torch.Tensor]:
    """All tensors with the batch axis, if any has it: what is the same for all samples is repeated."""
    sizes = [tensor.shape[0] for tensor, shape in zip(tensors, shapes, strict=True) if shape.batched]
    if not sizes:
        return list(tensors)
    return [tensor if shape.batched else tensor.expand(sizes[0], *tensor.shape)
            for tensor, shape in zip(tensors, shapes, strict=True)]


def _hint(first: Shape, second: Shape) -> str:
    """What to write where a vector of one number for each channel was meant."""
    for vector, image in ((second, first), (first, second)):
        if vector.rank == 1 and image.rank > 1 and vector.dims[0] == image.dims[0]:
            wanted = ":".join(["1"] * (image.rank - 1) + [str(vector.dims[0])])
            return f"a vector is aligned with the width; to use one number for each channel give it the shape {wanted}."
    if first.size == second.size:
        return "both have the same number of elements; Reshape makes their shapes equal."
    return ""

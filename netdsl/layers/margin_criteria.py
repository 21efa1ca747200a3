"""Criteria with a margin: what is far enough on the right side costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Flag, Number, option, table_row
from .class_labels import has_class, shares
from .criteria import (
    Criterion,
    OverClasses,
    ignore_label_option,
    over_positions,
    reduction_option,
    same_elements,
    total,
)
from .layer import SCALAR, Example, Meaning, Shape, ShapeError

if TYPE_CHECKING:
    import torch


@table_row
class HingeLoss(OverClasses):
    """`sum (max (0, 1 - t .* z))` with t = 1 for the class of the labels and -1 for all others: one against the rest.

    `squared = true` squares the terms (the L2 form). Positions without a class add nothing.

    Source: Caffe `HingeLoss`, whose `norm: L2` is `squared`; the multi-class form of LIBLINEAR's machines.
    """

    short = "hinge"
    examples = (
        Example("HingeLoss", ((10,), (10,)), (1,)),
        Example("HingeLoss {squared = true}", ((1,), (10,)), (1,), "the label is the number of the class"),
        Example("HingeLoss {axis = 3, ignoreLabel = 255}", ((4, 3, 1), (4, 3, 5)), (1,)),
        Example("HingeLoss", ((10,), (12,)), None),
    )

    squared: bool = option(Flag(), False, "Square the terms.")
    ignore_label: int | None = ignore_label_option()
    reduction: str = reduction_option()

    @property
    def ignored(self) -> int | None:
        return self.ignore_label

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        given, z, dim = self.arranged(p, *tensors)
        known = has_class(given, z.shape[dim], dim)
        side = 2 * shares(given, z.shape[dim], dim, z.dtype) - 1
        terms = (1 - side * z).clamp(min=0) * known
        return over_positions(terms * terms if self.squared else terms, known, self.reduction)


@table_row
class ContrastiveLoss(Criterion):
    """For pairs: `d^2 / 2` where `similar` is 1, `max (0, margin - d)^2 / 2` where it is 0, d the distance of a and b.

    Similar pairs are drawn together, others pushed apart until they are `margin` away from each other.
    `squaredDistance = true` is the older form, `max (0, margin - d^2) / 2`.

    Source: Hadsell, Chopra and LeCun 2006; Caffe `ContrastiveLoss`, whose `legacy_version` is `squaredDistance`.
    """

    short = "contrastive"
    inputs: ClassVar[tuple[str, ...]] = ("similar", "a", "b")
    examples = (
        Example("ContrastiveLoss", ((1,), (10,), (10,)), (1,)),
        Example("ContrastiveLoss {margin = 2, squaredDistance = true}", ((1,), (4, 3), (4, 3)), (1,)),
        Example("ContrastiveLoss", ((1,), (10,), (12,)), None),
        Example("ContrastiveLoss", ((10,), (10,), (10,)), None, "one number says whether the pair is similar"),
    )

    margin: float = option(Number(0), 1.0, "How far apart pairs should be that are not similar.")
    squared_distance: bool = option(Flag(), False, "Compare the squared distance with the margin.")

    @property
    def compares_as(self) -> Meaning | None:
        return None

    def largest_label(self, inputs: Sequence[Shape]) -> int | None:
        return 1

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        similar, a, b = inputs
        if similar.size != 1:
            raise ShapeError(f"`similar` of {self.name()} is one number, 0 or 1", input=0, label=f"this is {similar}")
        same_elements(self.name(), a, b)
        return SCALAR

    def each(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        similar, difference = tensors[0].flatten(1), tensors[1].flatten(1) - tensors[2].flatten(1)
        square = total(difference * difference)
        if self.squared_distance:
            apart = (self.margin - square).clamp(min=0)
        else:
            # The root has no gradient at 0, where both are the same.
            apart = (self.margin - square.clamp(min=1e-12).sqrt()).clamp(min=0).square()
        return (similar * square + (1 - similar) * apart) / 2

"""Clip between numbers, and between tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Number, OptionError, option, table_row
from .arithmetic import Combination
from .bounds import Bounds, rising
from .elementwise import Elementwise
from .layer import Example, Layer

if TYPE_CHECKING:
    import torch


@table_row
class ClipBetween(Combination):
    """x, but at least `minValue` and at most `maxValue`, element by element: what `Clip` of two tensors is.

    The gradient passes to x inside and at the bounds, and none to the bounds.

    Source: CNTK `Clip`, with its order of arguments.
    """

    inputs: ClassVar[tuple[str, ...]] = ("minValue", "maxValue", "x")
    clash = "cannot clip between {0} and {1}"
    examples = (Example("ClipBetween", ((1,), (1,), (8, 8, 3)), (8, 8, 3)),
                Example("ClipBetween", ((1, 1, 3), (1,), (8, 8, 3)), (8, 8, 3), "a bound for each channel"),
                Example("ClipBetween", ((4,), (4,), (3,)), None))

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        low, high, x = torch.broadcast_tensors(*tensors)  # type: ignore[no-untyped-call]
        return torch.clamp(x, low.detach(), high.detach())


@table_row
class Clip(Elementwise):
    """x, but at least `minValue` and at most `maxValue`; the gradient passes inside and at the bounds.

    The bounds may be tensors as well, for bounds that differ by channel or are computed (`ClipBetween`).

    Source: CNTK `Clip`, with its order of arguments.
    """

    of_nodes: ClassVar[type[Layer] | None] = ClipBetween
    call = ("minValue", "maxValue", "x")
    examples = (Example("Clip {-1, 1}", ((8, 8, 3),), (8, 8, 3)),)

    min_value: float = option(Number(), doc="The lower bound.")
    max_value: float = option(Number(), doc="The upper bound.")

    def validate(self) -> None:
        if self.min_value > self.max_value:
            raise OptionError("maxValue", "the upper bound of Clip is below its lower bound",
                              "the order is `Clip (minValue, maxValue, x)`.")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0].clamp(self.min_value, self.max_value)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        low, high = self.min_value, self.max_value
        return rising(inputs[0], lambda x: min(max(x, low), high), (low, high))

"""Comparisons, the choice between two values, and logic with the numbers 1 and 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ..spec import table_row
from .arithmetic import Combination, sides
from .bounds import UNIT, Bounds, hull
from .elementwise import Elementwise
from .layer import Example
from .quality import Follows

if TYPE_CHECKING:
    from typing import Any

    import torch


@table_row
class Comparison(Combination):
    """Base of the comparisons: 1 where it holds, 0 elsewhere; no gradient."""

    value_bounds = UNIT

    family: ClassVar[str] = "comparison"
    is_reducing: ClassVar[bool] = True
    clash: ClassVar[str] = "cannot compare {0} and {1}"
    #: The name of the comparison in torch.
    function: ClassVar[str] = ""

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        result: torch.Tensor = getattr(torch, self.function)(tensors[0], tensors[1])
        return result.to(tensors[0].dtype)


def _examples(name: str) -> tuple[Example, ...]:
    return (Example(name, ((8, 8, 3), (8, 8, 3)), (8, 8, 3)), Example(name, ((4,), (3,)), None))


@table_row
class Less(Comparison):
    """1 where x < y, 0 elsewhere.

    Source: CNTK `Less`, the operator `<`.
    """

    title = sides("<")
    function = "lt"
    examples = _examples("Less")


@table_row
class LessEqual(Comparison):
    """1 where x <= y, 0 elsewhere.

    Source: CNTK `LessEqual`, the operator `<=`.
    """

    title = sides("<=")
    function = "le"
    examples = _examples("LessEqual")


@table_row
class Equal(Comparison):
    """1 where x and y are equal, 0 elsewhere.

    Source: CNTK `Equal`, the operator `==`.
    """

    follows = Follows.EQUALITY
    title = sides("==")
    function = "eq"
    examples = _examples("Equal")


@table_row
class NotEqual(Comparison):
    """1 where x and y differ, 0 elsewhere.

    Source: CNTK `NotEqual`, the operator `!=`.
    """

    follows = Follows.INEQUALITY
    title = sides("!=")
    function = "ne"
    examples = _examples("NotEqual")


@table_row
class Greater(Comparison):
    """1 where x > y, 0 elsewhere.

    Source: CNTK `Greater`, the operator `>`.
    """

    title = sides(">")
    function = "gt"
    examples = _examples("Greater")


@table_row
class GreaterEqual(Comparison):
    """1 where x >= y, 0 elsewhere.

    Source: CNTK `GreaterEqual`, the operator `>=`.
    """

    title = sides(">=")
    function = "ge"
    examples = _examples("GreaterEqual")


@table_row
class If(Combination):
    """`thenVal` where `cond` is not 0, `elseVal` elsewhere, element by element.

    The gradient goes to the value that was chosen, none to the condition.

    Source: CNTK `BS.Boolean.If`, and `if node then a else b`.
    """

    family = "comparison"
    inputs = ("cond", "thenVal", "elseVal")
    examples = (
        Example("If", ((8, 8, 1), (8, 8, 3), (8, 8, 3)), (8, 8, 3), "one condition for all channels of a pixel"),
        Example("If", ((8, 8, 3), (8, 8, 3), (4, 4, 3)), None),
    )

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        condition, then, otherwise = tensors
        return torch.where(condition != 0, then, otherwise)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return hull(inputs[1:])


@table_row
class And(Combination):
    """`x .* y`: 1 where both are 1, for inputs that are 0 or 1.

    Source: CNTK `BS.Boolean.And`, the operator `&&`.
    """

    value_bounds = UNIT

    family = "comparison"
    title = sides("&&")
    examples = _examples("And")

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] * tensors[1]


@table_row
class Or(Combination):
    """`x + y - x .* y`: 1 where one of them is 1, for inputs that are 0 or 1.

    Source: CNTK `BS.Boolean.Or`.
    """

    value_bounds = UNIT

    family = "comparison"
    title = sides("||")
    examples = _examples("Or")

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] + tensors[1] - tensors[0] * tensors[1]


@table_row
class Xor(Combination):
    """`x + y - 2 x .* y`: 1 where exactly one of them is 1, for inputs that are 0 or 1.

    Source: CNTK `BS.Boolean.Xor`.
    """

    value_bounds = UNIT

    family = "comparison"
    examples = _examples("Xor")

    def combine(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] + tensors[1] - 2 * tensors[0] * tensors[1]


@table_row
class Not(Elementwise):
    """`1 - x`: 1 where x is 0, for inputs that are 0 or 1.

    Source: CNTK `BS.Boolean.Not`, the operator `!`.
    """

    value_bounds = UNIT

    family = "comparison"
    examples = (Example("Not", ((8, 8, 3),), (8, 8, 3)),)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return 1 - tensors[0]

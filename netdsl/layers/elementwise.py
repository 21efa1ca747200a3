"""Elementwise functions of one input: powers, logarithms, trigonometry, rounding, gradients cut or kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Number, option, table_row
from .activation import Activation
from .bounds import POSITIVE, Bounds, negate, product, rising, total
from .layer import Example, Shape
from .quality import Follows, Quality
from .torch_form import IDENTITY, TorchForm

if TYPE_CHECKING:
    import torch

#: The smallest logarithm: CNTK's Log (x) is this for every x below 1e-37, so -inf never comes up.
LOG_FLOOR = -85.1


def floored(x: torch.Tensor, floor: float) -> torch.Tensor:
    """max(x, floor), with the gradient 1 below the floor as well: what stands there can still be learned."""
    import torch

    return torch.where(x < floor, floor + (x - x.detach()), x)


def logarithm(x: torch.Tensor) -> torch.Tensor:
    """log(x), -85.1 where x is below 1e-37 (CNTK's rule), and below the smallest normal half."""
    import math

    import torch

    return floored(x, max(math.exp(LOG_FLOOR), torch.finfo(x.dtype).tiny)).log()


def reciprocal(x: torch.Tensor) -> torch.Tensor:
    """1 / x, 0 where x is 0, with the gradient 0 there (CNTK's rule)."""
    import torch

    zero = x == 0
    return torch.where(zero, 0.0, 1 / torch.where(zero, 1.0, x))


@table_row
class Elementwise(Activation):
    """Base of the rows that are one function of torch."""

    family: ClassVar[str] = "arithmetic"
    is_formula: ClassVar[bool] = True
    #: The name of the function in torch.
    function: ClassVar[str] = ""

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        result: torch.Tensor = getattr(torch, self.function)(tensors[0])
        return result


def _example(name: str) -> tuple[Example, ...]:
    return (Example(name, ((8, 8, 3),), (8, 8, 3)),)


# --- rows that are a function of torch ----------------------------------------------------------


@table_row
class Exp(Elementwise):
    """`e^x`. Overflows to infinity (above 88.7 in single precision), as in CNTK.

    Source: CNTK `Exp`.
    """

    follows = Follows.RISING
    keeps: ClassVar[str] = "output"
    function = "exp"
    examples = _example("Exp")

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return rising(inputs[0], lambda x: math.exp(min(x, 700.0)), POSITIVE)


@table_row
class Abs(Elementwise):
    """`|x|`. The gradient at 0 is 0.

    Source: CNTK `Abs`.
    """

    value_bounds = POSITIVE
    follows = Follows.DISTANCE
    function = "abs"
    examples = _example("Abs")


@table_row
class Square(Elementwise):
    """`x * x`.

    Source: CNTK `Square`.
    """

    value_bounds = POSITIVE
    follows = Follows.DISTANCE
    function = "square"
    examples = _example("Square")


@table_row
class Negate(Elementwise):
    """`-x`; a file may write the minus sign.

    Source: CNTK `Negate`.
    """

    follows = Follows.FALLING
    function = "neg"
    examples = _example("Negate")

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return negate(inputs[0])


@table_row
class Sin(Elementwise):
    """The sine of x (in radians).

    Source: CNTK `Sin`.
    """

    value_bounds = (-1.0, 1.0)

    function = "sin"
    examples = _example("Sin")


@table_row
class Cosine(Elementwise):
    """The cosine of x (in radians).

    Source: CNTK `Cosine`.
    """

    value_bounds = (-1.0, 1.0)

    function = "cos"
    aliases = ("Cos",)
    examples = _example("Cosine")


@table_row
class Tan(Elementwise):
    """The tangent of x (in radians).

    Source: CNTK `tan`.
    """

    function = "tan"
    examples = _example("Tan")


@table_row
class Asin(Elementwise):
    """The arc sine of x, in radians; NaN outside -1 to 1.

    Source: CNTK `Asin`.
    """

    function = "asin"
    examples = _example("Asin")


@table_row
class Acos(Elementwise):
    """The arc cosine of x, in radians; NaN outside -1 to 1.

    Source: CNTK `Acos`.
    """

    function = "acos"
    examples = _example("Acos")


@table_row
class Atan(Elementwise):
    """The arc tangent of x, in radians.

    Source: CNTK `atan`.
    """

    function = "atan"
    examples = _example("Atan")


@table_row
class Sinh(Elementwise):
    """The hyperbolic sine of x.

    Source: CNTK `Sinh`.
    """

    function = "sinh"
    examples = _example("Sinh")


@table_row
class Cosh(Elementwise):
    """The hyperbolic cosine of x.

    Source: CNTK `Cosh`.
    """

    function = "cosh"
    examples = _example("Cosh")


@table_row
class Asinh(Elementwise):
    """The inverse of Sinh.

    Source: CNTK `Asinh`.
    """

    function = "asinh"
    examples = _example("Asinh")


@table_row
class Atanh(Elementwise):
    """The inverse of Tanh; infinite at -1 and 1, NaN outside.

    Source: CNTK `Atanh`.
    """

    function = "atanh"
    examples = _example("Atanh")


@table_row
class Floor(Elementwise):
    """The largest whole number that is not above x. No gradient.

    Source: CNTK `Floor`.
    """

    function = "floor"
    examples = _example("Floor")


@table_row
class Ceil(Elementwise):
    """The smallest whole number that is not below x. No gradient.

    Source: CNTK `Ceil`.
    """

    function = "ceil"
    examples = _example("Ceil")


# --- rows with CNTK's own values at the edges ---------------------------------------------------


@table_row
class Log(Elementwise):
    """The natural logarithm; -85.1 for x below 1e-37, with a gradient as if x were e^-85.1.

    So `Log (p)` is never infinite where a probability has underflowed.

    Source: CNTK `Log`.
    """

    follows = Follows.RISING
    examples = _example("Log")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return logarithm(tensors[0])


@table_row
class Sqrt(Elementwise):
    """The square root; 0 for negative x. The gradient is infinite at 0 and below.

    Source: CNTK `Sqrt`.
    """

    value_bounds = POSITIVE
    follows = Follows.RISING
    keeps: ClassVar[str] = "output"
    examples = _example("Sqrt")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return floored(tensors[0], 0.0).sqrt()


@table_row
class Reciprocal(Elementwise):
    """`1 / x`, and 0 where x is 0 (with gradient 0).

    Source: CNTK `Reciprocal`.
    """

    divisor = 0
    examples = _example("Reciprocal")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return reciprocal(tensors[0])

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        known = inputs[0]
        if known is None or known[0] < 0:
            return None
        return 0.0 if math.isinf(known[1]) else 1 / known[1], math.inf if known[0] == 0 else 1 / known[0]


@table_row
class Round(Elementwise):
    """`floor(x + 0.5)`: halves go up, 2.5 to 3 and -0.5 to 0. No gradient.

    Source: CNTK `Round`.
    """

    examples = _example("Round")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return (tensors[0] + 0.5).floor()


@table_row
class StraightThrough(Elementwise):
    """1 where x > 0, -1 elsewhere; the gradient passes as if it were x, where -1 <= x <= 1.

    Source: CNTK `StraightThrough` (binary networks).
    """

    value_bounds = (-1.0, 1.0)

    examples = _example("StraightThrough")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        (x,) = tensors
        passed = x.clamp(-1, 1)
        return torch.where(x > 0, 1.0, -1.0).to(x.dtype) + (passed - passed.detach())


@table_row
class ScaleAndShift(Elementwise):
    """`scale * x + offset` with two numbers: what `x / 256`, `x - 114` or `1 - x` in a file become.

    Source: CNTK makes constant nodes of the numbers; the results are the same.
    """

    short = "scaled"
    examples = (
        Example("ScaleAndShift {2}", ((10,),), (10,)),
        Example("ScaleAndShift {offset = -114}", ((8, 8, 3),), (8, 8, 3)),
        Example("ScaleAndShift {-1, 1}", ((8, 8, 3),), (8, 8, 3)),
    )

    scale: float = option(Number(), 1.0, "What x is multiplied by.")
    offset: float = option(Number(), 0.0, "What is added then.")

    @property
    def scaling(self) -> tuple[float, float] | None:
        return self.scale, self.offset

    def quality(self, inputs: Sequence[Quality]) -> Quality:
        (quality,) = inputs
        if not self.scale or (self.offset and quality is Quality.DIFFERENCE):
            return Quality.UNKNOWN
        return quality.reversed() if self.scale < 0 else quality

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        (x,) = tensors
        if self.scale != 1:
            x = x * self.scale
        return x + self.offset if self.offset else x

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        parts = round(1 / self.scale) if self.scale else 0
        times = "" if self.scale == 1 else f" / {parts}" if parts > 1 and 1 / parts == self.scale else \
            f" * {self.scale!r}"
        plus = f" {'-' if self.offset < 0 else '+'} {abs(self.offset):.17g}" if self.offset else ""
        return TorchForm(f"{{0}}{times}{plus}") if times or plus else IDENTITY

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        scaled = product(inputs[0], (self.scale, self.scale))
        return total([scaled, (self.offset, self.offset)])


# --- what is done with gradients ----------------------------------------------------------------


@table_row
class StopGradient(Elementwise):
    """x; nothing before it is trained through this use.

    Source: CNTK `StopGradient`.
    """

    follows = Follows.RISING
    keeps = "nothing"
    passes_on = True
    examples = _example("StopGradient")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0].detach()

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class Pass(Elementwise):
    """x unchanged: a name for a value, or an empty branch.

    Source: CNTK `Pass` and `Identity`.
    """

    follows = Follows.RISING
    aliases = ("Identity",)
    keeps = "nothing"
    passes_on = True
    examples = _example("Pass")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0]

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return IDENTITY

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]

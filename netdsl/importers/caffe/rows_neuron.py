"""Rows for layers that work element by element: activations, powers, logarithms, sums of blobs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from ...base.codes import Code
from ...syntax import ast
from .known_fields import ENGINE, Known, choice, flag, number, unused
from .known_fields import message as known_message
from .layer_row import Extents, LayerRow, Translation
from .start_values import filler_of


class Plain(LayerRow):
    """A layer that is a function of the language without options."""

    function: ClassVar[str]

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        return [("", use.build.name(self.function))]


class AbsVal(Plain):
    types = ("AbsVal",)
    function = becomes = "Abs"


class Sigmoid(Plain):
    types, message, fields = ("Sigmoid",), "sigmoid_param", {"engine": ENGINE}
    function = becomes = "Sigmoid"


class TanH(Plain):
    types, message, fields = ("TanH",), "tanh_param", {"engine": ENGINE}
    function = becomes = "Tanh"


class BNLL(Plain):
    types = ("BNLL",)
    function = becomes = "Softplus"


class ReLU6(Plain):
    types = ("ReLU6",)
    message, fields = "relu6_param", {"engine": ENGINE}
    function = becomes = "ReLU6"
    remark = "of forks"


class ReLU(LayerRow):
    types, message = ("ReLU",), "relu_param"
    fields: ClassVar[Mapping[str, Known]] = {"negative_slope": number(0.0), "engine": ENGINE}
    becomes = "ReLU; with `negative_slope` LeakyReLU"

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        slope = use.values["negative_slope"]
        return [("", use.build.make("LeakyReLU", slope) if slope else use.build.name("ReLU"))]


class ELU(LayerRow):
    types, message = ("ELU",), "elu_param"
    fields: ClassVar[Mapping[str, Known]] = {"alpha": number(1.0)}
    becomes = "ELU"

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        alpha = use.values["alpha"]
        return [("", use.build.name("ELU") if alpha == 1 else use.build.make("ELU", alpha))]


class PReLU(LayerRow):
    types, message = ("PReLU",), "prelu_param"
    fields: ClassVar[Mapping[str, Known]] = {"filler": known_message(), "channel_shared": flag(False)}
    tensors = ("slope",)
    becomes = "PReLU"

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        start = filler_of(use, "filler", {"value": 0.25})
        options: dict[str, object] = {}
        if start["type"] != "constant":
            use.warn("slopes that start at random start at 0.25 here", "filler")
        elif start["value"] != 0.25:
            options["initialSlope"] = start["value"]
        if use.values["channel_shared"]:
            options["perChannel"] = False
        return [("", use.build.make("PReLU", **options) if options else use.build.name("PReLU"))]


class Swish(LayerRow):
    types, message = ("Swish",), "swish_param"
    fields: ClassVar[Mapping[str, Known]] = {"beta": number(1.0), "engine": ENGINE}
    becomes = "SiLU; with `beta` x .* Sigmoid (beta * x)"

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]] | None:
        return [("", use.build.name("SiLU"))] if use.values["beta"] == 1 else None

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        gate = use.build.call("Sigmoid", use.scaled(use.values["beta"], inputs[0]))
        return [use.build.binary(inputs[0], ".*", gate)]


class Dropout(LayerRow):
    types, message = ("Dropout",), "dropout_param"
    fields: ClassVar[Mapping[str, Known]] = {"dropout_ratio": number(0.5), "scale_train": unused("flag")}
    becomes = "Dropout"

    def steps(self, use: Translation) -> Sequence[tuple[str, ast.Expression]]:
        return [("", use.build.make("Dropout", use.values["dropout_ratio"]))]


class Clip(LayerRow):
    types, message = ("Clip",), "clip_param"
    fields: ClassVar[Mapping[str, Known]] = {"min": number(-math.inf), "max": number(math.inf)}
    becomes = "ClipBetween"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        bounds = [use.build.make("Constant", use.values[name]) for name in ("min", "max")]
        return [use.build.call("ClipBetween", *bounds, inputs[0])]


class Threshold(LayerRow):
    types, message = ("Threshold",), "threshold_param"
    fields: ClassVar[Mapping[str, Known]] = {"threshold": number(0.0)}
    becomes = "x > threshold"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        return [use.build.binary(inputs[0], ">", use.build.value(use.values["threshold"]))]


class Power(LayerRow):
    types, message = ("Power",), "power_param"
    fields: ClassVar[Mapping[str, Known]] = {"power": number(1.0), "scale": number(1.0), "shift": number(0.0)}
    becomes = "(shift + scale * x) to the power"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        power = use.values["power"]
        value = use.shifted(use.values["shift"], use.scaled(use.values["scale"], inputs[0]))
        if power == 1:
            return [use.build.call("Pass", value) if value is inputs[0] else value]
        if power == 2:
            return [use.build.call("Square", value)]
        return [use.build.call("Pow", value, use.build.make("Constant", power))]


class Exp(LayerRow):
    types, message = ("Exp",), "exp_param"
    fields: ClassVar[Mapping[str, Known]] = {"base": number(-1.0), "scale": number(1.0), "shift": number(0.0)}
    becomes = "Exp (log (base) * (shift + scale * x))"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        base = use.values["base"]
        factor = 1.0 if base == -1 else math.log(base) if base > 0 else 0.0
        if not factor and base != 1:
            use.unsupported(f"Exp with base {base:g}", "base", hint="the base has to be above 0, or -1 for e.")
        scale, shift = factor * use.values["scale"], factor * use.values["shift"]
        return [use.build.call("Exp", use.shifted(shift, use.scaled(scale, inputs[0])))]


class Log(LayerRow):
    types, message = ("Log",), "log_param"
    fields: ClassVar[Mapping[str, Known]] = {"base": number(-1.0), "scale": number(1.0), "shift": number(0.0)}
    becomes = "Log (shift + scale * x), divided by log (base)"
    remark = "0 and below give -85.1 where Caffe gives infinity or NaN"
    state = "mended"

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        base = use.values["base"]
        if base != -1 and (base <= 0 or base == 1):
            use.unsupported(f"Log with base {base:g}", "base", hint="the base is above 0 and not 1, or -1 for e.")
        value = use.build.call("Log", use.shifted(use.values["shift"], use.scaled(use.values["scale"], inputs[0])))
        return [value if base == -1 else use.scaled(1 / math.log(base), value)]


class Eltwise(LayerRow):
    types, message = ("Eltwise",), "eltwise_param"
    fields: ClassVar[Mapping[str, Known]] = {
        "operation": choice("PROD", "SUM", "MAX", default="SUM"), "coeff": number(repeated=True),
        "stable_prod_grad": unused("flag")}
    inputs = (2, 1000)
    becomes = "x + y, Sum, x .* y, ElementMax"

    def shapes(self, use: Translation) -> Sequence[Extents]:
        use.same_shapes()
        return [use.shape]

    def results(self, use: Translation, inputs: Sequence[ast.Expression]) -> Sequence[ast.Expression]:
        operation, factors = use.values["operation"], use.values["coeff"]
        if factors and (operation != "SUM" or len(factors) != len(inputs)):
            use.refuse(Code.OPTION_TYPE, f"{len(factors)} `coeff` for {len(inputs)} blobs and {operation}", "coeff",
                       label="there is one for each blob, and only with SUM")
        if operation == "SUM":
            return [self._sum(use, inputs, factors or [1.0] * len(inputs))]
        value = inputs[0]
        for other in inputs[1:]:
            value = (use.build.binary(value, ".*", other) if operation == "PROD"
                     else use.build.call("ElementMax", value, other))
        return [value]

    def _sum(self, use: Translation, inputs: Sequence[ast.Expression], factors: Sequence[float]) -> ast.Expression:
        if len(inputs) > 2:
            return use.build.call("Sum", use.spread([use.scaled(f, x) for f, x in zip(factors, inputs, strict=True)]))
        first = use.scaled(factors[0], inputs[0])
        sign = "-" if factors[1] < 0 else "+"
        return use.build.binary(first, sign, use.scaled(abs(factors[1]), inputs[1]))

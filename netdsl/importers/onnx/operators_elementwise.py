"""Rows of ONNX's operators that work element by element: activations, arithmetic, comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...base.lazy import LazyModule
from .onnx_messages import ModelNode
from .operator_type import BATCH, OperatorType, OperatorUse, Refused, Value, number

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")


def _function(call: str, *attributes: tuple[str, str, float]) -> Callable[[OperatorUse], Value]:
    """`Call (x)`, or `Call {option = value} (x)` for attributes `(ONNX's name, option, default of both)`."""
    def translate(use: OperatorUse) -> Value:
        x = use.tensor()
        given = {option: (number(use.attribute(key, usual)), number(usual)) for key, option, usual in attributes}
        options = ", ".join(f"{option} = {text}" for option, (text, usual) in given.items() if text != usual)
        return use.define(f"{call} {{{options}}} ({x.text})" if options else f"{call} ({x.text})", x.dims)
    return translate


def _row(name: str, call: str, *attributes: tuple[str, str, float], fold: str = "") -> OperatorType:
    shown = f"`{call}`" + (f" with {', '.join(f'`{option}`' for _, option, _ in attributes)}" if attributes else "")
    return OperatorType(name, shown, _function(call, *attributes), tuple(key for key, _, _ in attributes),
                        fold=(lambda use, arrays: getattr(np, fold)(arrays[0])) if fold else None)


# --- arithmetic of two and more ----------------------------------------------------------------------


def _shape_of(values: Sequence[Value]) -> tuple[int, ...]:
    """The extents of values that are combined, without the samples. Raises Refused where they do not fit."""
    batched = max(len(value.dims) for value in values if not value.is_constant)
    dims: list[int] = []
    for axis in range(1, batched + 1):
        found = {shape[-axis] for value in values for shape in [value.array.shape if value.is_constant else value.dims]
                 if len(shape) >= axis and shape[-axis] != 1}
        if len(found) > 1:
            raise Refused(f"its inputs do not fit: {sorted(found)}")
        dims.append(found.pop() if found else 1)
    return tuple(reversed(dims))


def _combined(operator: str, call: str = "") -> Callable[[OperatorUse], Value]:
    """`a + b` or `Call (a, b)`, over any number of inputs; a scalar is written as the number that it is."""
    def translate(use: OperatorUse) -> Value:
        values = [use.value(index) for index in range(len(use.inputs))]
        other = max((value for value in values if not value.is_constant), key=lambda value: len(value.dims))
        texts = [use.operand(index, other) for index in range(len(values))]
        if len(texts) == 1:
            return use.define(f"Pass ({texts[0]})", other.dims)
        dims, text = _shape_of(values), texts[0]
        if call and any(value.is_constant and value.array.size == 1 for value in values):
            texts = [f"Constant {{{one}}}" if value.is_constant and value.array.size == 1 else one
                     for one, value in zip(texts, values, strict=True)]
            text = texts[0]
        for further in texts[1:]:
            text = f"{call} ({text}, {further})" if call else f"{text} {operator} {_operand(further)}"
        return use.define(text, dims)
    return translate


def _operand(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _multiplied(use: OperatorUse) -> Value:
    """`.*`, and `*` where one side is a number, as a person would write it."""
    values = [use.value(0), use.value(1)]
    scalar = [value.is_constant and value.array.size == 1 for value in values]
    if any(scalar):
        x = values[scalar.index(False)]
        factor = use.operand(scalar.index(True), x)
        return use.define(f"{_operand(factor)} * {use.operand(scalar.index(False), x)}", _shape_of(values))
    return _combined(".*")(use)


def _divided(use: OperatorUse) -> Value:
    """`x / 2`, `ElementDivide (x, y)`."""
    left, right = use.value(0), use.value(1)
    if right.is_constant and right.array.size == 1:
        divisor = float(right.array.reshape(-1)[0])
        if divisor == 0:
            raise Refused("it divides by 0")
        return use.define(f"{use.operand(0, left)} / {_operand(number(divisor))}", _shape_of([left, right]))
    if left.is_constant and left.array.size == 1:
        factor = number(float(left.array.reshape(-1)[0]))
        inverse = f"Reciprocal ({use.operand(1, right)})"
        return use.define(inverse if factor == "1" else f"{_operand(factor)} * {inverse}", right.dims)
    return _combined("", "ElementDivide")(use)


def _power(use: OperatorUse) -> Value:
    left, right = use.value(0), use.value(1)
    if right.is_constant and right.array.size == 1:
        exponent = float(right.array.reshape(-1)[0])
        x = use.operand(0, left)
        text = {2.0: f"Square ({x})", 0.5: f"Sqrt ({x})", 1.0: f"Pass ({x})", -1.0: f"Reciprocal ({x})"}.get(
            exponent, f"Pow ({x}, Constant {{{number(exponent)}}})")
        return use.define(text, left.dims)
    return _combined("", "Pow")(use)


def _mean(use: OperatorUse) -> Value:
    total = " + ".join(use.tensor(index).text for index in range(len(use.inputs)))
    return use.define(f"({total}) / {len(use.inputs)}", use.tensor(0).dims)


def _where(use: OperatorUse) -> Value:
    values = [use.value(index) for index in range(3)]
    other = max((value for value in values if not value.is_constant), key=lambda value: len(value.dims))
    texts = [f"Constant {{{use.operand(i, other)}}}" if value.is_constant and value.array.size == 1
             else use.operand(i, other) for i, value in enumerate(values)]
    return use.define(f"If ({', '.join(texts)})", _shape_of(values))


# --- activations with forms of their own --------------------------------------------------------------


def _clip(use: OperatorUse) -> Value:
    x = use.tensor()
    low, high = (use.attribute(name) if use.attribute(name) is not None else
                 float(use.constant(index, "bounds").reshape(-1)[0]) if use.has(index) else None
                 for name, index in (("min", 1), ("max", 2)))
    low = None if low is None or low <= -3.4e38 else low
    high = None if high is None or high >= 3.4e38 else high
    if low == 0 and high == 6:
        text = f"ReLU6 ({x.text})"
    elif low == 0 and high is None:
        text = f"ReLU ({x.text})"
    elif low is None and high is None:
        text = f"Pass ({x.text})"
    else:
        bounds = ("-Infinity" if low is None else number(low)), ("Infinity" if high is None else number(high))
        text = f"Clip {{{bounds[0]}, {bounds[1]}}} ({x.text})"
    return use.define(text, x.dims)


def _selu(use: OperatorUse) -> Value:
    x = use.tensor()
    alpha, gamma = float(use.attribute("alpha", 1.6732632)), float(use.attribute("gamma", 1.050701))
    usual = abs(alpha - 1.6732632) < 1e-6 and abs(gamma - 1.050701) < 1e-6
    text = f"SELU ({x.text})" if usual else f"{number(gamma)} * ELU ({x.text}, alpha = {number(alpha)})"
    return use.define(text, x.dims)


def _gelu(use: OperatorUse) -> Value:
    x = use.tensor()
    form = use.attribute("approximate", "none")
    return use.define(f"GELU ({x.text})" if form == "none" else f'GELU {{"tanh"}} ({x.text})', x.dims)


def _thresholded(use: OperatorUse) -> Value:
    x = use.tensor()
    alpha = number(use.attribute("alpha", 1.0))
    return use.define(f"{x.text} .* Greater ({x.text}, Constant {{{alpha}}})", x.dims)


def _erf(use: OperatorUse) -> Value:
    """The GELU that is written out: `x / sqrt 2`, Erf, `+ 1`, `* x`, `* 0.5`, in any order of the last two."""
    graph, inner = use.graph, use.value(0)
    chain: list[ModelNode] = []
    output = use.node.outputs[0]
    constants: list[float] = []
    source = ""
    while len(chain) < 3:
        users = graph.users(output)
        if len(users) != 1 or users[0].kind not in ("Add", "Mul"):
            break
        node = users[0]
        others = [name for name in node.inputs if name != output]
        array = graph.constant(others[0]) if len(others) == 1 else None
        if array is not None and array.size == 1:
            constants.append(float(array.reshape(-1)[0]))
        elif len(others) == 1 and node.kind == "Mul":
            source = others[0]
        chain.append(node)
        output = node.outputs[0]
    scaled = graph.scaled_source(inner)
    if [node.kind for node in chain] != ["Add", "Mul", "Mul"] or not source or constants[:1] != [1.0] or scaled is None:
        raise Refused("it is read as a part of GELU only")
    value, factor = scaled
    original, half = graph.resolved(source), 1.0
    if original is not None and original.text != value.text:  # 0.5 * x was multiplied
        again = graph.scaled_source(original)
        original, half = (again[0], again[1]) if again is not None else (original, 1.0)
    product = half * math.prod(constants[1:])
    if original is None or original.text != value.text or abs(factor - math.sqrt(0.5)) > 1e-6 or \
            abs(product - 0.5) > 1e-6:
        raise Refused("it is read as a part of GELU only")
    made = use.define(f"GELU ({value.text})", value.dims)
    for node in chain:
        graph.fuse(node, made)
    return made


def _pass(use: OperatorUse) -> Value:
    """The value itself under another name: nothing is written."""
    return use.value(0)


def _cast(use: OperatorUse) -> Value:
    if use.attribute("to") not in (1, 9, 10, 11, 16):
        raise Refused("it cuts numbers down to whole ones")
    return use.value(0)


def _dropout(use: OperatorUse) -> Value:
    x = use.tensor()
    ratio = use.attribute("ratio")
    if ratio is None:
        ratio = float(use.constant(1, "ratio").reshape(-1)[0]) if use.has(1) else 0.5
    return use.define(f"Dropout {{{number(ratio)}}} ({x.text})", x.dims)


def _fold_cast(use: OperatorUse, arrays: Sequence[Any]) -> Any:
    array, kind = arrays[0], {1: "f4", 6: "i4", 7: "i8", 9: "?", 10: "f2", 11: "f8"}.get(use.attribute("to"))
    if kind is None or any(item is BATCH for item in array.reshape(-1)[:64]):
        return array
    return array.astype(kind)


def _fold2(name: str) -> Callable[[OperatorUse, Sequence[Any]], Any]:
    def fold(use: OperatorUse, arrays: Sequence[Any]) -> Any:
        left, right = arrays[0], arrays[1]
        whole = left.dtype.kind in "iuO" and right.dtype.kind in "iuO"  # shapes are objects
        return getattr(np, "floor_divide" if name == "divide" and whole else name)(left, right)
    return fold


ELEMENTWISE: tuple[OperatorType, ...] = (
    _row("Relu", "ReLU"), _row("Sigmoid", "Sigmoid"), _row("Tanh", "Tanh", fold="tanh"),
    _row("LeakyRelu", "LeakyReLU", ("alpha", "slope", 0.01)), _row("Elu", "ELU", ("alpha", "alpha", 1.0)),
    _row("HardSigmoid", "HardSigmoid", ("alpha", "alpha", 0.2), ("beta", "beta", 0.5)), _row("HardSwish", "HardSwish"),
    _row("Softplus", "Softplus"), _row("Softsign", "Softsign"), _row("Mish", "Mish"), _row("Swish", "SiLU"),
    OperatorType("Selu", "`SELU`, or `ELU` times a number", _selu, ("alpha", "gamma")),
    OperatorType("Gelu", "`GELU`", _gelu, ("approximate",)),
    OperatorType("Erf", "with what stands around it `GELU`", _erf, limits="alone"),
    OperatorType("ThresholdedRelu", "`x .* Greater (x, alpha)`", _thresholded, ("alpha",)),
    OperatorType("Clip", "`Clip`, `ReLU` or `ReLU6`", _clip, ("min", "max")),
    _row("Exp", "Exp", fold="exp"), _row("Log", "Log", fold="log"), _row("Sqrt", "Sqrt", fold="sqrt"),
    _row("Abs", "Abs", fold="abs"), _row("Neg", "Negate", fold="negative"), _row("Floor", "Floor", fold="floor"),
    _row("Ceil", "Ceil", fold="ceil"), _row("Reciprocal", "Reciprocal", fold="reciprocal"),
    _row("Sin", "Sin", fold="sin"), _row("Cos", "Cosine", fold="cos"), _row("Tan", "Tan"), _row("Asin", "Asin"),
    _row("Acos", "Acos"), _row("Atan", "Atan"), _row("Sinh", "Sinh"), _row("Cosh", "Cosh"), _row("Asinh", "Asinh"),
    _row("Atanh", "Atanh"),
    OperatorType("Add", "`+`", _combined("+"), fold=_fold2("add")),
    OperatorType("Sub", "`-`", _combined("-"), fold=_fold2("subtract")),
    OperatorType("Mul", "`.*`, or `*` with a number", _multiplied, fold=_fold2("multiply")),
    OperatorType("Div", "`/` with a number, else `ElementDivide`", _divided, fold=_fold2("divide")),
    OperatorType("Pow", "`Square`, `Sqrt`, `Pow`", _power, fold=_fold2("power")),
    OperatorType("Sum", "`+`", _combined("+")), OperatorType("Mean", "the sum divided by their number", _mean),
    OperatorType("Max", "`ElementMax`", _combined("", "ElementMax"), fold=_fold2("maximum")),
    OperatorType("Min", "`ElementMin`", _combined("", "ElementMin"), fold=_fold2("minimum")),
    OperatorType("Greater", "`Greater`", _combined("", "Greater"), fold=_fold2("greater")),
    OperatorType("GreaterOrEqual", "`GreaterEqual`", _combined("", "GreaterEqual")),
    OperatorType("Less", "`Less`", _combined("", "Less"), fold=_fold2("less")),
    OperatorType("LessOrEqual", "`LessEqual`", _combined("", "LessEqual")),
    OperatorType("Equal", "`Equal`", _combined("", "Equal"), fold=_fold2("equal")),
    OperatorType("And", "`And`", _combined("", "And")), OperatorType("Or", "`Or`", _combined("", "Or")),
    OperatorType("Xor", "`Xor`", _combined("", "Xor")), _row("Not", "Not"),
    OperatorType("Where", "`If`", _where, fold=lambda use, arrays: np.where(arrays[0], arrays[1], arrays[2])),
    OperatorType("Identity", "the value itself", _pass, fold=lambda use, arrays: arrays[0]),
    OperatorType("Cast", "the value itself", _cast, ("to",), fold=_fold_cast, ignored=("saturate",),
                 limits="to whole numbers"),
    OperatorType("Dropout", "`Dropout`", _dropout, ("ratio",), ignored=("seed",)),
)

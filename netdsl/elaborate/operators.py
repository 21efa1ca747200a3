"""Operators on numbers, strings, booleans, lists, functions and nodes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from ..base.codes import Code
from ..base.failure import failure
from ..base.source import Span
from ..ir.network import Use
from ..layers import NAMES
from ..layers.layer import Layer
from ..spec import Applicable
from ..syntax import ast
from . import errors
from .limits import is_whole, meter
from .values import Chain, Environment, Interpreter, ListValue, NamedPlace, Ref, RowValue, describe

_NUMBERS: dict[str, Callable[[float, float], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "%": math.fmod,
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}
_STRINGS = {name: _NUMBERS[name] for name in ("+", "==", "!=", "<", "<=", ">", ">=")}
_BOOLEANS = {"==": operator.eq, "!=": operator.ne}
#: operator on two nodes -> row of the layer table
_NODES = {
    "+": "Plus", "-": "Minus", "*": "Times", ".*": "ElementTimes", "/": "ElementDivide", "**": "Pow", "<": "Less",
    "<=": "LessEqual", "==": "Equal", "!=": "NotEqual", ">": "Greater", ">=": "GreaterEqual", "&&": "And", "||": "Or",
}


def binary(evaluator: Interpreter, e: ast.Binary, environment: Environment, place: NamedPlace) -> Any:
    # A long `a + b + c + ...` leans to the left; walking it in a loop keeps the stack flat.
    spine = [e]
    while isinstance(spine[-1].left, ast.Binary):
        spine.append(spine[-1].left)
    value = evaluator.evaluate(spine[-1].left, environment, place.inner())
    for part in reversed(spine):
        own = place if part is e else place.inner()
        if part.operator in ("&&", "||") and isinstance(value, bool):
            # Short-circuit: the right side is looked at only if it decides.
            if value != (part.operator == "||"):
                value = evaluator.evaluate(part.right, environment, own.inner())
                if isinstance(value, Ref):
                    raise errors.wrong_type(f"`{part.operator}` joins two booleans or two nodes", part.right.span,
                                            value)
                _boolean(value, part, part.right.span, own)
            continue
        right = evaluator.evaluate(part.right, environment, own.inner())
        value = _combine(evaluator, part, value, right, own)
    return value


def _combine(evaluator: Interpreter, e: ast.Binary, left: Any, right: Any, place: NamedPlace) -> Any:
    if isinstance(left, Ref) or isinstance(right, Ref):
        return _on_nodes(evaluator, e, left, right, place)
    if _is_number(left) and _is_number(right):
        return _on_numbers(e, left, right, place)
    if isinstance(left, str) and isinstance(right, str) and e.operator in _STRINGS:
        if e.operator == "+":
            meter().text_of(len(left) + len(right), e.span)
        return _STRINGS[e.operator](left, right)  # type: ignore[arg-type]
    if isinstance(left, bool) and isinstance(right, bool) and e.operator in _BOOLEANS:
        return _BOOLEANS[e.operator](left, right)
    if e.operator == ">>" and isinstance(left, Applicable) and isinstance(right, Applicable):
        return Chain((_step(evaluator, left, e.left.span, place), _step(evaluator, right, e.right.span, place)), e.span)
    if e.operator == "<<" and isinstance(left, ListValue) and _is_number(right):
        return _without_first(left, right, e, place)
    raise _mismatch(e, left, right, place)


def _without_first(items: ListValue, count: float, e: ast.Binary, place: NamedPlace) -> ListValue:
    if not is_whole(count) or count < 0:
        raise errors.wrong_type("`<<` drops a whole number of elements, at least 0", e.right.span, count, place)
    return ListValue(items.flat()[int(count):], e.span, flat=True)


def _step(evaluator: Interpreter, function: Any, span: Span, place: NamedPlace) -> tuple[Any, None, Span]:
    """A side of `>>`; a bare `ReLU` is made here, so that it is named and shared like a layer with options."""
    if isinstance(function, RowValue) and issubclass(function.row, Layer) and function.row.inputs:
        function = evaluator.construct(function.row, span, place.inner())
    return function, None, span


def _on_numbers(e: ast.Binary, left: float, right: float, place: NamedPlace) -> Any:
    if e.operator == "%" and math.isinf(left):
        raise failure(Code.ARITHMETIC, f"{left:g} % {right:g} is not a number", e.operator_span, "here",
                      related=errors.uses(place))
    if e.operator in ("/", "%") and right == 0:
        raise failure(Code.ARITHMETIC, "division by zero", e.operator_span, "here", related=errors.uses(place))
    if e.operator == "/":
        return left / right
    if e.operator == "**":
        try:
            result = left**right
        except (OverflowError, ZeroDivisionError):
            result = math.inf if left else math.nan
        if isinstance(result, complex) or result != result:
            raise failure(Code.ARITHMETIC, f"{left:g} ** {right:g} is not a number", e.operator_span, "here",
                          related=errors.uses(place))
        return result
    if e.operator not in _NUMBERS:
        raise _mismatch(e, left, right, place)
    return _NUMBERS[e.operator](left, right)


def _on_nodes(evaluator: Interpreter, e: ast.Binary, left: Any, right: Any, place: NamedPlace) -> Any:
    for side, span in ((left, e.left.span), (right, e.right.span)):
        if not (isinstance(side, Ref) or _is_number(side)):
            hint = "apply the layer to its input: `layer (x)`." if isinstance(side, Applicable) else ""
            raise errors.wrong_type(f"`{e.operator}` joins nodes and numbers", span, side, place, hint=hint)
    if e.operator not in _NODES:
        raise _mismatch(e, left, right, place)
    if _is_number(left) or _is_number(right):
        scaled = _with_number(evaluator, e, left, right, place)
        if scaled is not None:
            return scaled
    uses = [_use(evaluator, side, span, place) for side, span in ((left, e.left.span), (right, e.right.span))]
    return make_node(evaluator, _NODES[e.operator], {}, uses, e.operator_span, place)


def _with_number(evaluator: Interpreter, e: ast.Binary, left: Any, right: Any, place: NamedPlace) -> Any:
    """`x - 114`, `2 * x`, `x / 256`, `1 - x`, `1 / x` without a constant node; None for the others."""
    node, number, span = (left, right, e.left.span) if isinstance(left, Ref) else (right, left, e.right.span)
    forward = isinstance(left, Ref)
    options: dict[str, float] | None = None
    if e.operator == "+":
        options = {"offset": number}
    elif e.operator == "-":
        options = {"offset": -number} if forward else {"scale": -1.0, "offset": number}
    elif e.operator in ("*", ".*"):
        options = {"scale": number}
    elif e.operator == "/" and forward:
        if number == 0:
            raise failure(Code.ARITHMETIC, "division by zero", e.operator_span, "here", related=errors.uses(place))
        options = {"scale": 1.0 / number}
    elif e.operator == "/":
        inverse = make_node(evaluator, "Reciprocal", {}, [Use(node.node, span)], e.operator_span,
                            place if number == 1 else place.inner())
        if number == 1:
            return inverse
        node, options = inverse, {"scale": number}
    if options is None:
        return None
    return make_node(evaluator, "ScaleAndShift", options, [Use(node.node, span)], e.operator_span, place)


def make_node(evaluator: Interpreter, row: str, options: dict[str, Any], uses: list[Use], span: Span,
              place: NamedPlace) -> Ref:
    """A node of a row that an operator stands for."""
    layer = NAMES[row](**options)
    name = place.scope.claim(layer.step_label(), place.tail)
    return evaluator.add_node(layer, uses, name, span, place.trace_spans())


def unary(evaluator: Interpreter, e: ast.Unary, value: Any, place: NamedPlace) -> Any:
    span = Span(e.span.source, e.span.start, e.span.start + 1)
    if isinstance(value, Ref):
        if e.operator == "+":
            return value
        row = "Negate" if e.operator == "-" else "Not"
        return make_node(evaluator, row, {}, [Use(value.node, e.operand.span)], span, place)
    if e.operator == "!" and isinstance(value, bool):
        return not value
    if e.operator in "+-" and _is_number(value):
        return -value if e.operator == "-" else value
    wanted = "a boolean" if e.operator == "!" else "a number"
    raise errors.wrong_type(f"`{e.operator}` takes {wanted} or a node", e.operand.span, value, place)


def conditional(evaluator: Interpreter, e: ast.Conditional, environment: Environment, place: NamedPlace) -> Any:
    condition = evaluator.evaluate(e.condition, environment, place.inner())
    if isinstance(condition, bool):
        return evaluator.evaluate(e.then if condition else e.otherwise, environment, place)
    if isinstance(condition, Ref):
        sides = [(condition, e.condition.span)]
        sides += [(evaluator.evaluate(s, environment, place.inner()), s.span) for s in (e.then, e.otherwise)]
        uses = [_use(evaluator, value, span, place) for value, span in sides]
        return make_node(evaluator, "If", {}, uses, e.span, place)
    raise errors.wrong_type("the condition of `if` has to be true or false", e.condition.span, condition, place)


def _use(evaluator: Interpreter, value: Any, span: Span, place: NamedPlace) -> Use:
    if _is_number(value):
        value = evaluator.constant(value, span, place)
    if not isinstance(value, Ref):
        raise errors.wrong_type("this has to be a node or a number", span, value, place)
    return Use(value.node, span)


def _boolean(value: Any, e: ast.Binary, span: Span, place: NamedPlace) -> None:
    if not isinstance(value, bool):
        raise errors.wrong_type(f"`{e.operator}` joins booleans", span, value, place)


def _mismatch(e: ast.Binary, left: Any, right: Any, place: NamedPlace) -> Exception:
    return failure(Code.WRONG_TYPE, f"`{e.operator}` cannot join these two", e.operator_span,
                   f"left: {describe(left)}; right: {describe(right)}", related=errors.uses(place))


def _is_number(value: Any) -> bool:
    return isinstance(value, float) and not isinstance(value, bool)



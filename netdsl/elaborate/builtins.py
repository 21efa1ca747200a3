"""Functions of the language that are not layers: compositions, lists, numbers, strings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .. import optimizers, readers
from ..base.codes import Code
from ..base.diagnostics import Diagnostic
from ..base.failure import Failure, failure
from ..base.source import Span
from ..layers import NAMES as LAYERS
from ..spec import Applicable, show_value
from . import errors
from .apply import plain
from .evaluator import ExpressionEvaluator
from .limits import is_whole, meter
from .values import Branches, Builtin, Chain, LayerValue, Lazy, ListValue, NamedPlace, Ready, RowValue

Bound = Mapping[str, Lazy]


# --- compositions -----------------------------------------------------------------------------------


def _sequential(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> Chain:
    return Chain(tuple(_steps(evaluator, bound["functions"], place)), span)


def _steps(evaluator: ExpressionEvaluator, argument: Lazy, place: NamedPlace) -> list[tuple[Any, Any, Span]]:
    """The steps of a list with the scopes their nodes are named under; layers are made here, once."""
    value = argument.force()
    single = not isinstance(value, ListValue)
    steps: list[tuple[Any, Any, Span]] = []
    problems: list[Diagnostic] = []  # every step is looked at, so that all mistakes of a list are told at once
    for item in value.flat() if isinstance(value, ListValue) else [argument]:
        try:
            steps += _step(evaluator, item, place, single)
        except Failure as failed:
            problems += failed.diagnostics
    if problems:
        raise Failure(problems)
    return steps


def _step(evaluator: ExpressionEvaluator, item: Lazy, place: NamedPlace, single: bool) -> list[tuple[Any, Any, Span]]:
    step = item.force()
    if isinstance(step, ListValue):
        return _steps(evaluator, item, place)
    if not isinstance(step, Applicable):
        raise errors.not_a_layer(step, item.span, place, *errors.option_in_parentheses(item.expression))
    scope = item.place.scope if item.place is not None and not single else None
    if isinstance(step, RowValue) and scope is not None:
        step = _constructed(evaluator, step, item, place)
    return [(step, scope, item.span)]


def _constructed(evaluator: ExpressionEvaluator, row: RowValue, item: Lazy, place: NamedPlace) -> Any:
    """A bare name such as `ReLU` or `PReLU`: made once, so that a Sequential used twice shares it."""
    assert item.place is not None
    if not row.row.what == "layer" or not row.row.inputs:  # type: ignore[attr-defined]
        raise errors.not_a_layer(row, item.span, place)
    return evaluator.construct(row.row, item.span, NamedPlace(item.place.scope, True, place.trace))  # type: ignore[arg-type]


def _parallel(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> Branches:
    functions = tuple(_steps(evaluator, bound["functions"], place))
    return Branches(functions, _function(bound["combine"], place), True, span)


def _merge_binary(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> Branches:
    functions = tuple(_steps(evaluator, bound["functions"], place))
    if len(functions) != 2:
        raise errors.wrong_inputs("MergeBinary", ("f", "g"), len(functions), bound["functions"].span, place)
    return Branches(functions, _function(bound["combine"], place), False, span)


def _layer_stack(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> Chain:
    count = _whole(bound["count"], "LayerStack", place, minimum=0)
    function, written = bound["layer"].force(), bound["layer"].expression
    if not isinstance(function, Applicable) or isinstance(function, LayerValue | Chain):
        shown = " ".join(written.span.text.split()) if written is not None else "..."
        raise errors.not_a_layer(function, bound["layer"].span, place, "the second argument of LayerStack",
                                 f"write `LayerStack {{{int(count)}, i => {shown if len(shown) <= 50 else '...'}}}`: "
                                 "the function makes a new layer for each number i.")
    items = evaluator.elements(function, 0, count - 1, written, evaluator.root, place, bound["layer"].span)
    return Chain(tuple(_steps(evaluator, Ready(items, bound["layer"].span), place)), span)


def _function(argument: Lazy, place: NamedPlace) -> Any:
    value = argument.force()
    if not isinstance(value, Applicable):
        raise errors.not_a_layer(value, argument.span, place, "this argument")
    return value


def _identity(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> Any:
    return bound["x"].force()


# --- lists -----------------------------------------------------------------------------------------


def _length(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> float:
    value = bound["list"].force()
    if isinstance(value, str):
        return float(len(value))
    return float(len(value.flat())) if isinstance(value, ListValue) else 1.0


def _repeat(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> ListValue:
    count = _whole(bound["count"], "Repeat", place, minimum=0)
    value = bound["value"].force()
    items = value.flat() if isinstance(value, ListValue) else [bound["value"]]
    meter().list_of(len(items) * count, span)
    return ListValue(items * count, span, flat=True)


def _map(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> ListValue:
    function, value = _function(bound["function"], place), bound["list"].force()
    items = value.flat() if isinstance(value, ListValue) else [bound["list"]]
    results: list[Lazy] = [
        Ready(evaluator.apply(function, [i], i.span, place.at(place.scope.counted("element"))), i.span) for i in items]
    return ListValue(results, span, flat=True)


def _is(kind: Callable[[Any], bool]) -> Callable[..., bool]:
    return lambda evaluator, bound, span, place: kind(bound["x"].force())


# --- numbers and strings ------------------------------------------------------------------------------


def _number(argument: Lazy, name: str, place: NamedPlace) -> float:
    value = argument.force()
    if isinstance(value, bool) or not isinstance(value, float):
        raise errors.wrong_type(f"{name} takes numbers", argument.span, value, place)
    return value


def _whole(argument: Lazy, name: str, place: NamedPlace, minimum: int) -> int:
    value = _number(argument, name, place)
    if not is_whole(value) or value < minimum:
        raise errors.wrong_type(f"{name} takes a whole number, at least {minimum}", argument.span, value, place)
    return int(value)


def _string(argument: Lazy, name: str, place: NamedPlace) -> str:
    value = argument.force()
    if not isinstance(value, str):
        raise errors.wrong_type(f"{name} takes a string", argument.span, value, place)
    return value


def _numeric(name: str, function: Callable[..., float], parameters: tuple[str, ...], doc: str,
             example: tuple[str, str]) -> Builtin:
    def run(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> float:
        values = [_number(bound[p], name, place) for p in parameters]
        try:
            return float(function(*values))
        except (ValueError, ZeroDivisionError, OverflowError):
            shown = ", ".join(show_value(v) for v in values)
            raise failure(Code.ARITHMETIC, f"{name} ({shown}) is not a number", span, "here",
                          related=errors.uses(place)) from None

    return Builtin(name, parameters, {}, run, doc, example)


def _factorial(n: float) -> float:
    if not is_whole(n) or n > 170:  # 171! is beyond the largest number
        raise OverflowError
    return math.factorial(int(n))


def _replace(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> str:
    text, old, new = (_string(bound[n], "Replace", place) for n in ("text", "from", "to"))
    if not old:
        return text
    meter().text_of(len(text) + text.count(old) * (len(new) - len(old)), span)
    return text.replace(old, new)


def _substring(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> str:
    text, begin = _string(bound["text"], "Substr", place), _whole(bound["begin"], "Substr", place, 0)
    return text[begin : begin + _whole(bound["count"], "Substr", place, 0)]


def _format(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> str:
    value = plain(bound["value"].force())
    return value if isinstance(value, str) else show_value(value)


def _fail(evaluator: ExpressionEvaluator, bound: Bound, span: Span, place: NamedPlace) -> Any:
    raise failure(Code.FAILED, f"the file says: {_string(bound['message'], 'Fail', place)}"[:78], span,
                  "Fail (...) was reached", related=errors.uses(place))



BUILTINS: tuple[Builtin, ...] = (
    Builtin("Sequential", ("functions",), {}, _sequential,
            "One function that applies the functions of a list one after the other. Layers in the list are made once: "
            "a Sequential that is applied twice shares its weights."),
    Builtin("Parallel", ("functions", "combine"), {}, _parallel,
            "One function that applies each function of a list to its input and hands the list of results to "
            "`combine`, for example `Splice`."),
    Builtin("MergeBinary", ("functions", "combine"), {}, _merge_binary,
            "Two functions of the same input, their results joined by a function of two inputs, for example `Plus`."),
    Builtin("LayerStack", ("count", "layer"), {}, _layer_stack,
            "A Sequential of `layer (0)`, `layer (1)`, ..., `layer (count-1)`, each made anew."),
    Builtin("Length", ("list",), {}, _length, "Number of elements of a list, or characters of a string.",
            ("Length (1:2:3)", "3")),
    Builtin("Repeat", ("count", "value"), {}, _repeat,
            "A list with a value (or the elements of a list) several times. A layer that is repeated is one layer: its "
            "uses share weights. LayerStack makes new ones.", ("Repeat (2, 3:4)", "(3:4:3:4)")),
    Builtin("Map", ("function", "list"), {}, _map, "The list of the function's values on the elements of a list.",
            ("Map (x => x * 2, 1:2:3)", "(2:4:6)")),
    _numeric("Min", min, ("a", "b"), "The smaller of two numbers.", ("Min (3, 2)", "2")),
    _numeric("Max", max, ("a", "b"), "The larger of two numbers.", ("Max (3, 2)", "3")),
    _numeric("Mod", lambda a, b: a - b * math.floor(a / b), ("x", "y"), "x modulo y, with the sign of y.",
             ("Mod (7, 3)", "1")),
    _numeric("IntDiv", lambda a, b: math.floor(a / b), ("x", "y"), "x divided by y, rounded down.",
             ("IntDiv (7, 2)", "3")),
    _numeric("Sign", lambda x: (x > 0) - (x < 0), ("x",), "-1, 0 or 1.", ("Sign (-3)", "-1")),
    _numeric("Fac", _factorial, ("n",), "The factorial.", ("Fac (4)", "24")),
    _numeric("RoundUp", math.ceil, ("x",), "The smallest whole number that is not below x.", ("RoundUp (2.1)", "3")),
    _numeric("RoundDown", math.floor, ("x",), "The largest whole number that is not above x.",
             ("RoundDown (2.9)", "2")),
    Builtin("Replace", ("text", "from", "to"), {}, _replace, "A string with every `from` replaced by `to`.",
            ('Replace ("a-b", "-", "+")', '"a+b"')),
    Builtin("Substr", ("text", "begin", "count"), {}, _substring, "Part of a string; characters count from 0.",
            ('Substr ("netdsl", 0, 3)', '"net"')),
    Builtin("Format", ("value",), {}, _format, "A value as the file would write it.", ("Format (1/4)", '"0.25"')),
    Builtin("Fail", ("message",), {}, _fail, "Stops with the message, when it is evaluated."),
    Builtin("IsArray", ("x",), {}, _is(lambda v: isinstance(v, ListValue)), "Whether a value is a list.",
            ("IsArray (1:2)", "true")),
    Builtin("IsDouble", ("x",), {}, _is(lambda v: isinstance(v, float) and not isinstance(v, bool)),
            "Whether a value is a number.", ("IsDouble (1)", "true")),
    Builtin("IsBool", ("x",), {}, _is(lambda v: isinstance(v, bool)), "Whether a value is true or false.",
            ("IsBool (true)", "true")),
    Builtin("IsNone", ("x",), {}, _is(lambda v: v is None), "Whether a value is `None`, as one that was not given.",
            ("IsNone (None)", "true")),
)

#: Names that stand for values.
CONSTANTS: dict[str, Any] = {"None": None, "Inferred": 0.0, "Infinity": math.inf}


def environment() -> dict[str, Any]:
    """Everything that a file finds without defining it."""
    names: dict[str, Any] = {builtin.name: builtin for builtin in BUILTINS}
    tables = (optimizers.NAMES, readers.NAMES, LAYERS)
    names.update({name: RowValue(row) for table in tables for name, row in table.items()})
    names.update(CONSTANTS)
    return names

"""Reading `0.1*25 : 0.01*25 : 0.001` as a schedule: `value*count`, not a product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..optimizers.schedules.schedule import PiecewiseConstant, Segment
from ..spec import ScheduleValue
from ..syntax import ast
from . import errors
from .values import Environment, Interpreter, ListValue, NamedPlace, RowValue, Thunk


def read_schedule(
    evaluator: Interpreter, expression: ast.Expression, environment: Environment, place: NamedPlace
) -> Any:
    """A Steps, or the policy row that the expression evaluates to.

    A name that stands for a list is followed to its expression; parentheses round an element give
    arithmetic: `(0.1*10) : 0.01`. Counts that are not whole are left to the plan, which knows the key.
    """
    stretches: list[Segment] = []
    for item, scope, at in _items(evaluator, expression, environment, place):
        if isinstance(item, ast.Binary) and item.operator == "*":
            value = _number(evaluator, item.left, scope, at)
            count = _number(evaluator, item.right, scope, at)
            stretches.append(Segment(value, int(count) if count == int(count) else count, item.span))
            continue
        result = evaluator.evaluate(item, scope, at.inner())
        if isinstance(result, ScheduleValue):
            return result
        values = [i.force() for i in result.flat()] if isinstance(result, ListValue) else [result]
        for value in values:
            if value is None and len(values) == 1:
                return None
            if isinstance(value, bool) or not isinstance(value, float):
                raise errors.wrong_type("an element of a schedule has to be a number", item.span, value, place,
                                        _cure(item.span.text, value))
            stretches.append(Segment(value, 1, item.span))
    last = stretches[-1]
    # The last value holds to the end; a count on it is kept, so that a plan can be checked against it.
    if last.epochs == 1 and not (isinstance(item, ast.Binary) and item.operator == "*"):
        stretches[-1] = Segment(last.value, None, last.span)
    return PiecewiseConstant(tuple(stretches))


def _cure(text: str, value: Any) -> str:
    """What to write where a schedule's element is a string that holds a number, or a policy without its rate."""
    if isinstance(value, str) and text[:1] in ("'", '"'):
        return f"write it without quotes: `{text[1:-1]}`." if text[1:-1].replace(".", "", 1).isdigit() else ""
    if isinstance(value, RowValue) and value.row.what == "schedule":
        return f"say from which rate: `{value.row.name()} {{0.1}}`."
    return ""


def _items(evaluator: Interpreter, expression: ast.Expression, environment: Environment, place: NamedPlace
           ) -> Iterator[tuple[ast.Expression, Environment, NamedPlace]]:
    inner = expression
    while isinstance(inner, ast.Parentheses):
        inner = inner.value
    if isinstance(inner, ast.List):
        for item in inner.items:
            value = item.value if isinstance(item, ast.Step) else item
            yield from _items(evaluator, value, environment, place)
        return
    followed = _follow(expression, environment)
    if followed is not None:
        if followed.name is not None:
            evaluator.used.add(followed.name.span)
        yield from _items(evaluator, followed.expression, followed.environment, followed.place)
        return
    yield (expression, environment, place)


def _follow(expression: ast.Expression, environment: Environment) -> Thunk | None:
    """The thunk behind a plain name, if it stands for an expression of the file."""
    if not isinstance(expression, ast.Name):
        return None
    try:
        found = environment.find(expression.text)
    except KeyError:
        return None
    return found if type(found) is Thunk else None


def _number(evaluator: Interpreter, expression: ast.Expression, environment: Environment, place: NamedPlace) -> float:
    value = evaluator.evaluate(expression, environment, place.inner())
    if isinstance(value, bool) or not isinstance(value, float):
        raise errors.wrong_type("`value*count` in a schedule takes numbers", expression.span, value, place)
    return value

"""`budget = parameters <= 63e6 : macs <= 800e6`: limits that `check` holds the network to."""

from __future__ import annotations

import operator

from ..base.codes import Code
from ..base.failure import failure
from ..base.suggest import did_you_mean
from ..ir.program import Budget
from ..syntax import ast
from .values import Interpreter, Thunk

#: what a budget may limit -> what it is
QUANTITIES = {
    "parameters": "learned numbers",
    "parameterTensors": "learned tensors",
    "macs": "multiply-adds for one sample",
    "neurons": "outputs of layers with weights",
    "activationBytes": "bytes of activations for one sample",
    "trainingBytes": "bytes to train at the file's minibatch",
}
OPERATORS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "==": operator.eq}


def read_budget(evaluator: Interpreter, thunk: Thunk) -> tuple[Budget, ...]:
    """The comparisons of the list; their right sides are ordinary expressions."""
    expression = _unwrapped(thunk.expression)
    items = expression.items if isinstance(expression, ast.List) else (expression,)
    budgets = []
    for item in items:
        plain = _unwrapped(item.value if isinstance(item, ast.Step) else item)
        if not (isinstance(plain, ast.Binary) and plain.operator in OPERATORS and isinstance(plain.left, ast.Name)):
            raise failure(Code.BUDGET, "a budget is a comparison such as `parameters <= 63e6`", plain.span, "",
                          hint=f"what can be limited: {', '.join(QUANTITIES)}.")
        if plain.left.text not in QUANTITIES:
            raise failure(Code.BUDGET, f"there is no quantity `{plain.left.text}` to limit", plain.left.span,
                          did_you_mean(plain.left.text, QUANTITIES),
                          hint=f"what can be limited: {', '.join(QUANTITIES)}.")
        limit = evaluator.evaluate(plain.right, thunk.environment, thunk.place.inner())
        if isinstance(limit, bool) or not isinstance(limit, float) or limit != limit:
            raise failure(Code.BUDGET, "a budget is a number", plain.right.span, "")
        budgets.append(Budget(plain.left.text, plain.operator, limit, plain.span))
    return tuple(budgets)


def _unwrapped(expression: ast.Expression) -> ast.Expression:
    while isinstance(expression, ast.Parentheses):
        expression = expression.value
    return expression

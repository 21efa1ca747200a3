"""`[ ... ].fit`: a network that is one member of a record, as one record."""

from __future__ import annotations

import dataclasses

from ....syntax import ast
from .bs_scopes import Scope, names_in


def flattened(e: ast.Select) -> ast.Record | None:
    """The members around a network, and its own, as one record; None where it is not made by what the text shows.

    The member may be a record, or the call of a function of the text that gives one: its parameters are then the
    arguments.
    """
    around = e.value
    while isinstance(around, ast.Parentheses):
        around = around.value
    if not isinstance(around, ast.Record):
        return None
    binding = Scope.of_record(around.members, None).names.get(e.name.text)
    if binding is None or binding.value is None:
        return None
    outer = [m for m in around.members if m is not binding.member]
    value = binding.value
    while isinstance(value, ast.Parentheses):
        value = value.value
    if isinstance(value, ast.Record):
        return dataclasses.replace(around, members=(*outer, *value.members))
    if isinstance(value, ast.Call):
        return _applied(around, outer, value)
    return None


def _applied(around: ast.Record, outer: list[ast.Member], call: ast.Call) -> ast.Record | None:
    function = next((m for m in outer if isinstance(m, ast.Define) and isinstance(call.callee, ast.Name)
                     and m.name.text == call.callee.text), None)
    if function is None or not isinstance(function.value, ast.Record):
        return None
    given = [a.value for a in call.arguments if a.name is None]
    named = {a.name.text: a.value for a in call.arguments if a.name is not None}
    positional = [p for p in function.groups[0] if p.default is None]
    if len(given) != len(positional):
        return None
    values = {p.name.text: value for p, value in zip(positional, given, strict=True)}
    values |= {p.name.text: named.get(p.name.text, p.default) for p in function.groups[0] if p.default is not None}
    bound: list[ast.Member] = [
        ast.Assign(ast.Identifier(name, value.span), value, value.span) for name, value in values.items()
        if not (isinstance(value, ast.Name) and value.text == name)]
    members = (*outer, *bound, *function.value.members)
    names = [m.name.text for m in members if not isinstance(m, ast.Include | ast.Override)]
    if len(set(names)) < len(names):
        return None
    others = [m for m in outer if m is not function or any(
        use.text == function.name.text for other in outer if other is not function for use in names_in(other))]
    return dataclasses.replace(around, members=(*others, *bound, *function.value.members))

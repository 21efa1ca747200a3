"""A file as resolved: includes and overrides in place, so that it runs the same on its own."""

from __future__ import annotations

import dataclasses

from ..base.source import Files
from ..compiler import CheckResult
from ..elaborate.builtins import environment
from ..elaborate.evaluator import ExpressionEvaluator
from ..syntax import ast
from ..syntax.format.printer import format_module


def resolved_text(checked: CheckResult, files: Files | None = None) -> str:
    """The text of the resolved file in the canonical style; comments stay with the original."""
    assert checked.module is not None
    evaluator = ExpressionEvaluator(files or Files(), environment())
    module = dataclasses.replace(checked.module, members=_expanded(evaluator, checked.module.members), comments=())
    return format_module(module, checked.source)


def _expanded(evaluator: ExpressionEvaluator, members: tuple[ast.Member, ...]) -> tuple[ast.Member, ...]:
    found: list[ast.Member] = []
    for member in evaluator.expand(members):
        if isinstance(member, ast.Assign) and isinstance(member.value, ast.Record):
            inner = _expanded(evaluator, member.value.members)
            member = dataclasses.replace(member, value=dataclasses.replace(member.value, members=inner))
        found.append(member)
    return tuple(found)

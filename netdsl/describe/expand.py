"""A file as resolved: includes and overrides in place, so that it runs the same on its own."""

from __future__ import annotations

import dataclasses

from ..base.source import Files
from ..compiler import CheckResult
from ..elaborate.builtins import environment
from ..elaborate.evaluator import ExpressionEvaluator
from ..ir.program import CheckedProgram
from ..syntax import ast
from ..syntax.format.printer import format_module


def resolved_text(checked: CheckResult | CheckedProgram, files: Files | None = None) -> str:
    """The text of the resolved file in the canonical style; comments stay with the original."""
    origin = checked.origin if isinstance(checked, CheckedProgram) else None
    given = checked.module if isinstance(checked, CheckResult) else origin.module if origin is not None else None
    if given is None:
        return checked.source.text
    files = files or (origin.files if origin is not None else Files())
    module = dataclasses.replace(given, members=expanded_members(given.members, files), comments=())
    return format_module(module, checked.source)


def expanded_members(members: tuple[ast.Member, ...], files: Files) -> tuple[ast.Member, ...]:
    """Members with includes and overrides in place, in inner records too."""
    return _expanded(ExpressionEvaluator(files, environment()), members)


def _expanded(evaluator: ExpressionEvaluator, members: tuple[ast.Member, ...]) -> tuple[ast.Member, ...]:
    found: list[ast.Member] = []
    for member in evaluator.expand(members):
        if isinstance(member, ast.Assign) and isinstance(member.value, ast.Record):
            inner = _expanded(evaluator, member.value.members)
            member = dataclasses.replace(member, value=dataclasses.replace(member.value, members=inner))
        found.append(member)
    return tuple(found)

"""Pieces of the AST, made at one place of the original file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any

from ..base.source import Source, Span
from ..syntax import ast
from ..syntax.parser import parse


@dataclass(frozen=True, slots=True)
class Builder:
    """Makes nodes that all stand for one piece of the original file, to which messages about them point."""

    span: Span

    def parsed(self, text: str) -> ast.Expression:
        """An expression written in the language, all of it at this place of the original file."""
        member = _parsed(f"value = {text}\n").members[0]
        assert isinstance(member, ast.Assign)
        return _moved(member.value, self.span)  # type: ignore[no-any-return]

    def members(self, text: str) -> tuple[ast.Member, ...]:
        """Members of a record written in the language, all at this place of the original file."""
        return _moved(_parsed(text).members, self.span)  # type: ignore[no-any-return]

    def identifier(self, text: str) -> ast.Identifier:
        return ast.Identifier(text, self.span)

    def name(self, text: str) -> ast.Expression:
        """A name, or a path of names: `model.conv1`."""
        first, *rest = text.split(".")
        value: ast.Expression = ast.Name(first, self.span)
        for part in rest:
            value = ast.Select(value, self.identifier(part), self.span)
        return value

    def value(self, value: bool | float | str | Sequence[bool | float | str] | ast.Expression) -> ast.Expression:
        """A Python value as the language writes it; a sequence is a list, an expression stays as it is."""
        if isinstance(value, bool):
            return ast.Boolean(value, self.span)
        if isinstance(value, int | float):
            return ast.Number(float(value), self.span)
        if isinstance(value, str):
            return ast.String((value,), self.span)
        if isinstance(value, Sequence):
            return self.list([self.value(item) for item in value])
        return value

    def list(self, items: Sequence[ast.Expression | ast.Step]) -> ast.Expression:
        """`(a : b : c)`; of one item that item."""
        if not items:
            raise ValueError("a list of nothing")
        if len(items) == 1 and not isinstance(items[0], ast.Step):
            return items[0]
        return ast.Parentheses(ast.List(tuple(items), self.span), self.span)

    def make(self, row: str, *arguments: object, **options: object) -> ast.Call:
        """`Row {arguments, option = value}`: something made with options."""
        return self._call(row, arguments, options, True)

    def call(self, function: str | ast.Expression, *arguments: object, **options: object) -> ast.Call:
        """`function (arguments, option = value)`: something applied."""
        return self._call(function, arguments, options, False)

    def _call(self, callee: str | ast.Expression, arguments: Sequence[object], options: Mapping[str, object],
              braces: bool) -> ast.Call:
        given = [ast.Argument(None, self.value(value), self.span) for value in arguments]  # type: ignore[arg-type]
        given += [ast.Argument(self.identifier(name), self.value(value), self.span)  # type: ignore[arg-type]
                  for name, value in options.items()]
        return ast.Call(self.name(callee) if isinstance(callee, str) else callee, tuple(given), braces, self.span)

    def binary(self, left: ast.Expression, operator: str, right: ast.Expression) -> ast.Binary:
        return ast.Binary(operator, left, right, self.span, self.span)

    def assign(self, name: str, value: object) -> ast.Assign:
        return ast.Assign(self.identifier(name), self.value(value), self.span)  # type: ignore[arg-type]

    def record(self, members: Sequence[ast.Member]) -> ast.Record:
        return ast.Record(tuple(members), self.span)


@cache
def _parsed(text: str) -> ast.Module:
    return parse(Source("built-in", text))


def _moved(node: Any, span: Span) -> Any:
    """A copy of a node with every place in it replaced."""
    if isinstance(node, Span):
        return span
    if isinstance(node, tuple):
        return tuple(_moved(item, span) for item in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    return type(node)(**{field.name: _moved(getattr(node, field.name), span) for field in fields(node)})

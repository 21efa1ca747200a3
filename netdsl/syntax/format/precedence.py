"""How single nodes are spelled, and how strongly they hold together: what the formatter needs to know of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .. import ast

Value: TypeAlias = ast.Expression | ast.Step

#: Binary operators -> how strongly they bind; the levels of unary operators, literals and names stand below.
BINARY = {
    ">>": 1, "<<": 1, "||": 2, "&&": 3, "==": 4, "!=": 4, "<": 4, ">": 4, "<=": 4, ">=": 4, "+": 5, "-": 5,
    "*": 6, "/": 6, ".*": 6, "%": 6, "**": 8,
}
#: What a place may hold without parentheses: anything, an element of a list, ...
EXPRESSION, ELEMENT, SIGNED, LITERAL, POSTFIX = 0, 1, 7, 9, 10
#: Operators that may stand without blanks, as in `0.1*25`.
TIGHT = ("+", "-", "*", "/", "%", "**")


def level_of(node: Value) -> int:
    """How strongly a node holds together; below what its place asks for it needs parentheses."""
    match node:
        case ast.List() | ast.Function() | ast.Conditional():
            return EXPRESSION
        case ast.Binary():
            return BINARY[node.operator]
        case ast.Unary():
            return SIGNED
        case ast.Number():
            return LITERAL if node.value >= 0 else SIGNED
        case ast.String() | ast.Boolean():
            return LITERAL
    return POSTFIX


def hugs(item: ast.Expression | ast.Argument | ast.Parameter) -> bool:
    """What may open at the end of a line and continue below it: `LayerStack {3, i =>`."""
    value = item.value if isinstance(item, ast.Argument) else item
    return isinstance(value, ast.Function | ast.Call | ast.Record)


def is_plain(node: Value) -> bool:
    """A number or a name, also signed or with members."""
    match node:
        case ast.Number() | ast.Name():
            return True
        case ast.Select():
            return is_plain(node.value)
        case ast.Unary():
            return node.operator != "!" and is_plain(node.operand)
    return False


def holds_record(member: ast.Member) -> bool:
    return isinstance(member.changes if isinstance(member, ast.Include) else member.value, ast.Record)


_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]+|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def number(node: ast.Number) -> str:
    """As the author wrote it, if the span still shows this number."""
    text = node.span.text
    if _NUMBER.fullmatch(text) and (float(int(text, 16)) if text[:2] in ("0x", "0X") else float(text)) == node.value:
        return text.rstrip(".")
    return str(int(node.value)) if node.value.is_integer() and abs(node.value) < 1e16 else repr(node.value)


def string(node: ast.String) -> str:
    pieces = []
    for part in node.parts:
        pieces.append(part.replace("$", "$$") if isinstance(part, str) else f"${_path(part.value)}$")
    return quoted("".join(pieces), node.span.text[:1])


def _path(value: ast.Name | ast.Select) -> str:
    if isinstance(value, ast.Name):
        return value.text
    assert isinstance(value.value, ast.Name | ast.Select)
    return f"{_path(value.value)}.{value.name.text}"


def quoted(content: str, preferred: str) -> str:
    """A string in the author's quotes, or in those that its content leaves free."""
    quotes = [preferred] if preferred in ('"', "'") else []
    for quote in [*quotes, '"', "'"]:
        if quote not in content:
            return f"{quote}{content}{quote}"
    raise ValueError(f"no string of the language can hold both kinds of quotes: {content!r}")


# --- elements of a list by lines ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """An element of a list on the page: its lines, the column of the colon before it."""

    item: Value
    first: int
    last: int
    colon: int
    set_off: bool


def rows_of(written: Sequence[Written]) -> list[list[Written]]:
    """The elements by the line on which they begin."""
    rows: list[list[Written]] = []
    for entry in written:
        if rows and entry.first == rows[-1][-1].last:
            rows[-1].append(entry)
        else:
            rows.append([entry])
    return rows

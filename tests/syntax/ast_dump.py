"""An AST as text: one node on a line, its place behind it. Goldens and comparisons of trees use it."""

from __future__ import annotations

import dataclasses
from typing import Any

from netdsl.base.source import Span
from netdsl.syntax import ast


def dump(node: Any, places: bool = True) -> str:
    """Every node with its plain fields, its parts indented below it; `places` adds line and column."""
    lines: list[str] = []
    # A stack instead of recursion: a chain of 10,000 operators is a tree of that depth.
    stack: list[tuple[int, str, Any]] = [(0, "", node)]
    while stack:
        depth, label, part = stack.pop()
        lead = "  " * depth + (label or ("group:" if isinstance(part, tuple) else ""))
        if isinstance(part, ast.Identifier):
            lines.append(f"{lead}{part.text}{_place(part.span, places)}")
            continue
        if isinstance(part, tuple):
            lines.append(f"{lead}{'' if part else ' none'}")
            stack += [(depth + 1, "", item) for item in reversed(part)]
            continue
        if not dataclasses.is_dataclass(part):
            lines.append(f"{lead}{part!r}")
            continue
        plain, parts = [], []
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            if field.name in ("span", "operator_span", "comments"):
                continue
            if field.name == "changes" and value is None:
                continue
            if isinstance(value, str | float | bool) or value is None:
                named = field.name not in ("text", "value", "path", "operator")
                plain.append(f"{field.name}={value}" if named else repr(value))
            elif value and isinstance(value, tuple) and all(isinstance(item, bool) for item in value):
                plain.append(f"{field.name}={value}")
            else:
                parts.append((depth + 1, f"{field.name}:{'' if isinstance(value, tuple) else ' '}", value))
        name = type(part).__name__
        lines.append(" ".join([f"{lead}{name}", *plain]) + _place(part.span, places))
        stack += reversed(parts)
    return "\n".join(lines) + "\n"


def _place(span: Span, places: bool) -> str:
    if not places:
        return ""
    line, column = span.end_position
    return f"  @{span.line}:{span.column}-{line}:{column}"

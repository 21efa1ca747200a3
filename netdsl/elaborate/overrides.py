"""`a.b=value` from the command line: values set by their path, before the file is evaluated."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from .. import layers, optimizers, readers
from ..base.codes import Code
from ..base.diagnostics import Failure, did_you_mean, failure
from ..base.source import Source, Span
from ..syntax import ast
from ..syntax.parser import parse_expression

_OVERRIDE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)=(.*)", re.DOTALL)
#: Blocks that have a schema: a new key is checked there, with all keys that it knows.
_WITH_SCHEMA = ("SGD", "reader")


def apply_overrides(module: ast.Module, overrides: Iterable[str]) -> ast.Module:
    """The module with each `path=value` in place. Raises Failure (`override`) for a wrong path or value."""
    for text in overrides:
        module = _apply(module, text)
    return module


def is_override(text: str) -> bool:
    return _OVERRIDE.fullmatch(text) is not None


def _apply(module: ast.Module, text: str) -> ast.Module:
    source = Source("command line", text)
    match = _OVERRIDE.fullmatch(text)
    if match is None:
        around = re.fullmatch(r"([\w.]+)\s*=\s*(.*)", text, re.DOTALL)
        hint = f"write it without blanks around the `=`: `{around[1]}={around[2]}`." if around else ""
        raise failure(Code.OVERRIDE, f"`{text}` does not set a value", source.span(0, len(text)), "here",
                      hint=hint or "write `path=value`, for example `SGD.maxEpochs=3`.")
    path = match.group(1).split(".")
    at, spans = 0, []
    for part in path:
        spans.append(source.span(at, at + len(part)))
        at += len(part) + 1
    members = _in_members(module.members, path, spans, source, match.start(2), ())
    return dataclasses.replace(module, members=members)


def _in_members(members: Sequence[ast.Member], path: Sequence[str], spans: Sequence[Span], source: Source,
                value_at: int, above: tuple[str, ...]) -> tuple[ast.Member, ...]:
    found = list(members)
    for index, member in enumerate(found):
        if isinstance(member, ast.Include) or member.name.text != path[0]:
            continue
        if isinstance(member, ast.Define):
            raise failure(
                Code.OVERRIDE, f"`{'.'.join((*above, path[0]))}` is a function and cannot be set", spans[0], ""
            )
        if len(path) == 1:
            value = _value(source, value_at, member.value if isinstance(member, ast.Assign) else None)
            found[index] = ast.Assign(member.name, value, member.span)
        elif isinstance(member, ast.Assign):
            value = _inside(member.value, path[1:], spans[1:], source, value_at, (*above, path[0]))
            found[index] = dataclasses.replace(member, value=value)
        return tuple(found)
    if len(path) == 1 and above and above[0] in _WITH_SCHEMA:
        identifier = ast.Identifier(path[0], spans[0])
        value = _value(source, value_at, None)
        return (*found, ast.Assign(identifier, value, spans[0].to(value.span)))
    known = [m.name.text for m in members if not isinstance(m, ast.Include)]
    where = f"`{'.'.join(above)}`" if above else "the file"
    raise failure(Code.OVERRIDE, f"{where} has nothing called `{path[0]}`", spans[0], did_you_mean(path[0], known),
                  body=(f"What can be set there: {', '.join(sorted(known))}.",) if known else ())


def _inside(value: ast.Expression, path: Sequence[str], spans: Sequence[Span], source: Source, value_at: int,
            above: tuple[str, ...]) -> ast.Expression:
    if isinstance(value, ast.Record):
        return dataclasses.replace(value, members=_in_members(value.members, path, spans, source, value_at, above))
    if isinstance(value, ast.Call) and value.braces and len(path) == 1:
        for index, argument in enumerate(value.arguments):
            if argument.name is not None and argument.name.text == path[0]:
                new = dataclasses.replace(argument, value=_value(source, value_at, argument.value))
                arguments = (*value.arguments[:index], new, *value.arguments[index + 1 :])
                return dataclasses.replace(value, arguments=arguments)
        position = _position(value.callee, path[0])
        if position < len(value.arguments) and all(a.name is None for a in value.arguments[: position + 1]):
            old = value.arguments[position]
            new = dataclasses.replace(old, value=_value(source, value_at, old.value))
            arguments = (*value.arguments[:position], new, *value.arguments[position + 1 :])
            return dataclasses.replace(value, arguments=arguments)
        added = _value(source, value_at, None)
        argument = ast.Argument(ast.Identifier(path[0], spans[0]), added, spans[0].to(added.span))
        return dataclasses.replace(value, arguments=(*value.arguments, argument))
    raise failure(
        Code.OVERRIDE, f"`{'.'.join(above)}` is not a record, so `{path[0]}` cannot be set in it", spans[0], ""
    )


def _position(callee: ast.Expression, option: str) -> int:
    """Where a row takes an option without its name; beyond every argument if it does not."""
    rows = {**layers.NAMES, **readers.NAMES, **optimizers.NAMES}
    row = rows.get(callee.text) if isinstance(callee, ast.Name) else None
    order = row.positional() if row is not None else ()
    return order.index(option) if option in order else 1 << 30


def _value(source: Source, at: int, old: ast.Expression | None) -> ast.Expression:
    """The value in the language's own notation; where the file has a string, plain text is a string."""
    raw = source.text[at:]
    if isinstance(old, ast.String) and raw[:1] not in ("'", '"'):
        return ast.String((raw,) if raw else (), source.span(at, len(source.text)))
    if not raw.strip():
        raise failure(Code.OVERRIDE, "the value is missing", source.span(at, at), "after the `=`")
    try:
        return parse_expression(source, at)
    except Failure:
        if re.fullmatch(r"[\w./\\:~+-]+", raw) and old is None:
            return ast.String((raw,), source.span(at, len(source.text)))
        raise

"""Text -> AST, by Lark's LALR parser over `grammars/net.lark`. Nothing outside sees Lark."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Edit, Label
from ..base.failure import Failure
from ..base.recursion import paused_collector
from ..base.source import Source, Span
from . import ast
from .grammar import grammar_text, lark_parser, parser_with, shipped


@lru_cache(maxsize=1)
def _building_parser() -> tuple[Lark, _Builder, threading.Lock]:
    """The parser that builds the AST while it reads: no tree in between, no recursion."""
    builder = _Builder()
    return parser_with(builder), builder, threading.Lock()


def parse(source: Source) -> ast.Module:
    """A whole file. Raises Failure (code `syntax`)."""
    members = _parse(source, "start")
    return ast.Module(members, source.span(0, len(source.text)), tuple(_comments(source)))


def parse_expression(source: Source, begin: int = 0) -> ast.Expression:
    """One expression, from an offset of the text on, as on the command line. Raises Failure (code `syntax`)."""
    expression: ast.Expression = _parse(source, "expression", begin)
    return expression


def _parse(source: Source, start: str, begin: int = 0) -> Any:
    # What stands before `begin` is blanked for the parser, so that places count in the whole text.
    text = " " * begin + source.text[begin:] if begin else source.text
    parser, builder, lock = _building_parser()
    with lock, paused_collector():
        builder.begin(source)
        try:
            result = parser.parse(text, start=start)
        except UnexpectedInput:
            if builder.problems:  # found before the place where the reading stopped
                raise Failure(builder.problems[:1]) from None
            from .errors.explain import explain

            found = explain(Source(source.name, text) if begin else source, lark_parser(), start)
            raise Failure([diagnostic.within(source) for diagnostic in found] if begin else found) from None
        problems = builder.problems + [not_a_value(pair) for pair in builder.pairs]
    if problems:
        raise Failure(problems)
    return result


_COMMENT = re.compile(r"""("[^"]*"|'[^']*')|(\#[^\n]*|//[^\n]*|/\*(?:.|\n)*?\*/)""")


def _comments(source: Source) -> list[Span]:
    return [source.span(*m.span(2)) for m in _COMMENT.finditer(source.text) if m.group(2)]


Children = Sequence[Any]


class _Builder(Transformer[Token, Any]):
    """Lark's tree -> AST. Children are tokens (all are kept) and finished nodes."""

    source: Source
    problems: list[Diagnostic]
    pairs: list[_Tuple]  #: brackets with commas that no `=>` has claimed yet

    def begin(self, source: Source) -> None:
        self.source, self.problems, self.pairs = source, [], []

    # -- places ---------------------------------------------------------------------------------

    def _span(self, children: Children) -> Span:
        return Span(self.source, _start(children[0]), _end(children[-1]))

    def _identifier(self, token: Token) -> ast.Identifier:
        return ast.Identifier(str(token), Span(self.source, _start(token), _end(token)))

    # -- members --------------------------------------------------------------------------------

    def record_body(self, children: Children) -> tuple[ast.Member, ...]:
        return tuple(children)

    start = record_body

    def assign(self, children: Children) -> ast.Assign:
        children = _without_end(children)
        return ast.Assign(self._identifier(children[0]), children[2], self._span(children))

    def define(self, children: Children) -> ast.Define:
        children = _without_end(children)
        groups = [c for c in children if isinstance(c, _Group)]
        return ast.Define(self._identifier(children[0]), tuple(g.parameters for g in groups), children[-1],
                          self._span(children), tuple(g.braces for g in groups))

    def assign_elements(self, children: Children) -> ast.AssignElements:
        children = _without_end(children)
        name, _, index, _, low, _, high, _, _, value = children
        return ast.AssignElements(self._identifier(name), self._identifier(index), low, high, value,
                                  self._span(children))

    def include(self, children: Children) -> ast.Include:
        children = _without_end(children)
        changes = children[2] if len(children) > 2 else None
        for inner in changes.members if changes is not None else ():
            if isinstance(inner, ast.Include):
                self.problems.append(Diagnostic(
                    Code.SYNTAX, "the braces of an `include` hold values, not another `include`",
                    Label(inner.span, "this"), hint="write it before or after the other `include`."))
        return ast.Include(str(children[1])[1:-1], self._span(children), changes)

    def override(self, children: Children) -> ast.Override:
        children = _without_end(children)
        path = tuple(self._identifier(c) for c in children[:-2] if c != ".")
        return ast.Override(path, children[-1], self._span(children))

    def params(self, children: Children) -> _Group:
        return _Group(tuple(c for c in children if isinstance(c, ast.Parameter)), children[0] == "{")

    def param(self, children: Children) -> ast.Parameter:
        default = children[2] if len(children) > 1 else None
        return ast.Parameter(self._identifier(children[0]), default, self._span(children))

    # -- expressions ----------------------------------------------------------------------------

    def list(self, children: Children) -> ast.Expression:
        items = tuple(c for c in children if not isinstance(c, Token))
        if len(items) == 1 and not isinstance(items[0], ast.Step):
            single: ast.Expression = items[0]
            return single
        return ast.List(items, self._span(children))

    def step(self, children: Children) -> ast.Step | ast.Expression:
        if len(children) == 1:
            plain: ast.Expression = children[0]
            return plain
        return ast.Step(self._identifier(children[0]), children[2], self._span(children))

    def binary(self, children: Children) -> ast.Binary:
        left, operator, right = children
        place = Span(self.source, _start(operator), _end(operator))
        return ast.Binary(str(operator), left, right, self._span(children), place)

    def unary(self, children: Children) -> ast.Unary:
        return ast.Unary(str(children[0]), children[1], self._span(children))

    def conditional(self, children: Children) -> ast.Conditional:
        return ast.Conditional(children[1], children[3], children[5], self._span(children))

    def function(self, children: Children) -> ast.Function:
        left, _, body = children
        if isinstance(left, _Tuple):
            self.pairs.remove(left)
        names = left.items if isinstance(left, _Tuple) else (left,)
        if isinstance(left, ast.Parentheses):
            names = (left.value,)
        bad = [n for n in names if not isinstance(n, ast.Name)]
        if isinstance(left, ast.List):
            claimed: Sequence[Any] = left.items
            self.pairs = [pair for pair in self.pairs if pair not in claimed]
            self.problems.append(Diagnostic(
                Code.SYNTAX, "a function inside a list needs parentheses",
                Label(left.items[-1].span.to(body.span), "put parentheses around this"),
                hint="write `a : (x => ...) : b`; without them the function takes in the rest of the list."))
        elif bad:
            self.problems.append(Diagnostic(
                Code.SYNTAX, "the parameters of a function are plain names", Label(bad[0].span, "this is not a name"),
                hint="write `x => ...` or `(x, y) => ...`; defaults need `f (x, y = 1) = ...`."))
        parameters = tuple(ast.Identifier(n.text, n.span) for n in names if isinstance(n, ast.Name))
        return ast.Function(parameters, body, self._span(children))

    def parentheses(self, children: Children) -> Any:
        if len(children) == 3:
            return ast.Parentheses(children[1], self._span(children))
        pair = _Tuple(tuple(c for c in children if not isinstance(c, Token)), self._span(children))
        self.pairs.append(pair)
        return pair

    def member_of(self, children: Children) -> ast.Select:
        return ast.Select(children[0], self._identifier(children[2]), self._span(children))

    def index(self, children: Children) -> ast.Index:
        return ast.Index(children[0], children[2], self._span(children))

    def call(self, children: Children) -> ast.Call:
        arguments = children[2] if len(children) == 4 else ()
        return ast.Call(children[0], arguments, children[1] == "{", self._span(children))

    call_braces = call

    def arguments(self, children: Children) -> tuple[ast.Argument, ...]:
        return tuple(c for c in children if isinstance(c, ast.Argument))

    def argument(self, children: Children) -> ast.Argument:
        name = self._identifier(children[0]) if len(children) == 3 else None
        return ast.Argument(name, children[-1], self._span(children))

    def record(self, children: Children) -> ast.Record:
        return ast.Record(children[1], self._span(children))

    def array(self, children: Children) -> ast.Array:
        _, _, low, _, high, _, function = children
        span = Span(self.source, _start(children[0]), _end(function))
        return ast.Array(low, high, function.value, span)

    def postfix_function(self, children: Children) -> ast.Parentheses:
        return ast.Parentheses(children[1], self._span(children))

    def number(self, children: Children) -> ast.Number:
        text = str(children[0])
        value = float(int(text, 16)) if text[:2] in ("0x", "0X") else float(text)
        return ast.Number(value, self._span(children))

    def true(self, children: Children) -> ast.Boolean:
        return ast.Boolean(True, self._span(children))

    def false(self, children: Children) -> ast.Boolean:
        return ast.Boolean(False, self._span(children))

    def name(self, children: Children) -> ast.Name:
        return ast.Name(str(children[0]), self._span(children))

    def string(self, children: Children) -> ast.String:
        span = self._span(children)
        return ast.String(self._parts(span), span)

    _DOLLAR = re.compile(r"\$\$|\$([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\$|\$")

    def _parts(self, span: Span) -> tuple[str | ast.Interpolation, ...]:
        text, done = span.text[1:-1], 0
        parts: list[str | ast.Interpolation] = []
        for match in self._DOLLAR.finditer(text):
            before = text[done : match.start()]
            done = match.end()
            if before:
                parts.append(before)
            place = Span(self.source, span.start + 1 + match.start(), span.start + 1 + match.end())
            if match.group() == "$$":
                parts.append("$")
            elif match.group(1):
                parts.append(ast.Interpolation(self._path(match.group(1), place), place))
            else:
                self.problems.append(_lone_dollar(place))
        return tuple([*parts, text[done:]] if text[done:] else parts)

    def _path(self, dotted: str, place: Span) -> ast.Name | ast.Select:
        at = place.start + 1
        value: ast.Name | ast.Select | None = None
        for piece in dotted.split("."):
            own = Span(self.source, at, at + len(piece))
            identifier = ast.Identifier(piece, own)
            value = ast.Name(piece, own) if value is None else ast.Select(value, identifier, value.span.to(own))
            at += len(piece) + 1
        assert value is not None
        return value


class _Group:
    """A bracket of parameters on its way into a Define."""

    def __init__(self, parameters: tuple[ast.Parameter, ...], braces: bool) -> None:
        self.parameters, self.braces = parameters, braces


class _Tuple:
    """`(x, y)`, which only a function's parameters may be."""

    def __init__(self, items: tuple[Any, ...], span: Span) -> None:
        self.items, self.span = items, span


def _start(child: Any) -> int:
    return int(child.start_pos or 0) if isinstance(child, Token) else child.span.start


def _end(child: Any) -> int:
    return int(child.end_pos or 0) if isinstance(child, Token) else child.span.end


def _without_end(children: Children) -> Children:
    return children[:-1] if isinstance(children[-1], Token) and children[-1] == ";" else children


def _lone_dollar(place: Span) -> Diagnostic:
    """`"${name}"` and `"$name/train"`, as in shells, or a sign that is meant."""
    shell = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))").match(place.source.text, place.start)
    name = shell[1] or shell[2] if shell else "name"
    return Diagnostic(Code.SYNTAX, "a `$` in a string has no matching `$`", Label(place, "this one"),
                      hint=f'`"${name}$/train"` puts the value of `{name}` in; a plain dollar sign is `$$`.',
                      fix=(Edit(place.source.span(*shell.span()), f"${name}$"),) if shell else ())


def not_a_value(pair: _Tuple) -> Diagnostic:
    """`(x, y)` stands where a value is needed; sizes are meant as a list."""
    sizes = all(isinstance(item, ast.Number) for item in pair.items)
    fix = tuple(Edit(Span(pair.span.source, a.span.end, b.span.start), ":")
                for a, b in pairwise(pair.items)) if sizes else ()
    return Diagnostic(Code.SYNTAX, "a bracket with commas is not a value", Label(pair.span, "here"),
                      hint="for a list write `:`, as in `(3:3)`; for a call, the name of the function before the "
                           "bracket; for a function, `(x, y) => ...`.", fix=fix)


__all__ = ["grammar_text", "lark_parser", "parse", "parse_expression", "shipped"]

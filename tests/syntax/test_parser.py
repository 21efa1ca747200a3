"""The grammar is strict LALR(1), and the tree and its places are what the text says."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ast_dump import dump
from lark import Lark
from syntax_samples import FILES, OWN

from netdsl.base.failure import Failure
from netdsl.base.source import Source, Span
from netdsl.syntax import ast
from netdsl.syntax.parser import grammar_text, parse, parse_expression


def expression(text: str) -> ast.Expression:
    return parse_expression(Source("test.net", text))


def shape(node: ast.Expression) -> str:
    """Operators as they were understood, with a bracket for each."""
    match node:
        case ast.Binary():
            return f"({shape(node.left)} {node.operator} {shape(node.right)})"
        case ast.Unary():
            return f"({node.operator}{shape(node.operand)})"
        case ast.List():
            items = (item.value if isinstance(item, ast.Step) else item for item in node.items)
            return f"[{' '.join(shape(item) for item in items)}]"
        case ast.Function():
            return f"({' '.join(p.text for p in node.parameters)} => {shape(node.body)})"
        case ast.Conditional():
            return f"(if {shape(node.condition)} {shape(node.then)} {shape(node.otherwise)})"
        case ast.Parentheses():
            return shape(node.value)
        case ast.Call():
            return f"{shape(node.callee)}<{' '.join(shape(a.value) for a in node.arguments)}>"
        case ast.Select():
            return f"{shape(node.value)}.{node.name.text}"
        case ast.Index():
            return f"{shape(node.value)}[{shape(node.index)}]"
    return node.span.text


def test_grammar_is_strict() -> None:
    """No conflict that LALR would settle silently, and no two terminals for one text."""
    pytest.importorskip("interegular")
    Lark(grammar_text(), parser="lalr", strict=True, start=["start", "expression"])


@pytest.mark.parametrize("file", OWN, ids=lambda path: path.stem)
def test_golden(file: Path, golden: Any) -> None:
    golden(dump(parse(Source(file.name, file.read_text()))), file.with_suffix(".ast"))


@pytest.mark.parametrize(("text", "meaning"), [
    ("a + b * c", "(a + (b * c))"), ("a - b - c", "((a - b) - c)"), ("a / b * c", "((a / b) * c)"),
    ("-x ** 2", "(-(x ** 2))"), ("2 ** -y", "(2 ** (-y))"), ("2 ** 3 ** 2", "(2 ** (3 ** 2))"),
    ("-a * b", "((-a) * b)"),
    ("!a && b || c", "(((!a) && b) || c)"), ("a < b == c", "((a < b) == c)"), ("a >> b >> c", "((a >> b) >> c)"),
    ("a || b >> c", "((a || b) >> c)"), ("a : b + c : d", "[a (b + c) d]"), ("(a : b) : c", "[[a b] c]"),
    ("x => y => x : y", "(x => (y => [x y]))"), ("(x, y) => x", "(x y => x)"), ("(x) => x", "(x => x)"),
    ("if a then b else c : d", "(if a b [c d])"), ("f (x) {y} . z [0]", "f<x><y>.z[0]"), ("-f (x)", "(-f<x>)"),
    ("W * x + b .* c", "((W * x) + (b .* c))"), ("a : s := b >> c", "[a (b >> c)]"),
])
def test_precedence(text: str, meaning: str) -> None:
    assert shape(expression(text)) == meaning


@pytest.mark.parametrize(("text", "value"), [
    ("1", 1), ("1.", 1), (".5", 0.5), ("1e-3", 0.001), ("2E+2", 200), ("0x1F", 31), ("1.5e3", 1500),
])
def test_numbers(text: str, value: float) -> None:
    number = expression(text)
    assert isinstance(number, ast.Number)
    assert (number.value, number.span.text) == (value, text)


def test_points_of_bounds_and_products() -> None:
    assert shape(expression("2.*x")) == "(2 .* x)"
    array = expression("array[0..3] (i => i)")
    assert isinstance(array, ast.Array)
    assert (array.low.span.text, array.high.span.text) == ("0", "3")


def nodes(node: Any) -> Iterator[Any]:
    """A node and all below it that have a place."""
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack += part
        elif dataclasses.is_dataclass(part) and not isinstance(part, Span):
            yield part
            fields = [field.name for field in dataclasses.fields(part)]
            stack += [getattr(part, name) for name in fields if name not in ("span", "operator_span")]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_places(file: Path) -> None:
    """A name's place shows the name; a part lies inside the whole; an expression is read alone as it is in its file."""
    module = parse(Source(file.name, file.read_text()))
    for node in nodes(module):
        if isinstance(node, ast.Identifier | ast.Name):
            assert node.span.text == node.text
        for part in nodes(node):
            assert node.span.start <= part.span.start <= part.span.end <= node.span.end
            break
        if isinstance(node, ast.Call | ast.Binary | ast.Select):
            assert dump(expression(node.span.text), places=False) == dump(node, places=False)


def test_reserved_words_are_whole_words() -> None:
    assert shape(expression("if iffy then thenValue else elsewhere")) == "(if iffy thenValue elsewhere)"
    with pytest.raises(Failure):
        expression("if a thenb else c")


@pytest.mark.parametrize("text", ["3 (4)", "3 {4}", "'s' (x)", "true {}", "3[0]", "2x", "a..b", "a b", "f (a b)"])
def test_refused(text: str) -> None:
    with pytest.raises(Failure):
        expression(text)


def test_deep_and_long_texts() -> None:
    """10,000 operators, 10,000 elements and 1,000 brackets are read without a limit of depth, in time."""
    started = time.perf_counter()
    assert len(list(nodes(expression(" + ".join(["x"] * 10_000))))) == 19_999
    assert len(expression(" : ".join(["F {x}"] * 10_000)).items) == 10_000  # type: ignore[union-attr]
    assert expression("(" * 1000 + "x" + ")" * 1000).span.start == 0
    assert time.perf_counter() - started < 30

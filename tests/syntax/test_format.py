"""The formatter: nothing changes but the layout, all comments survive, and a second pass changes nothing."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest
from ast_dump import dump
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_trees import modules
from syntax_samples import FILES, OWN, words_of

from netdsl.base.source import NOWHERE, Source
from netdsl.syntax import ast
from netdsl.syntax.format.printer import format_module, format_text
from netdsl.syntax.parser import parse

FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def source(text: str) -> Source:
    return Source("test.net", text)


def comments(text: str) -> list[str]:
    return [span.text.rstrip() for span in parse(source(text)).comments]


@pytest.mark.parametrize("file", OWN, ids=lambda p: p.stem)
def test_golden(file: Path, golden: Any) -> None:
    golden(format_text(Source(file.name, file.read_text())), file.with_suffix(".fmt"))


@pytest.mark.parametrize("file", FILES, ids=lambda p: p.stem)
def test_files_keep_tree_and_comments(file: Path) -> None:
    text = file.read_text()
    formatted = format_text(source(text))
    assert dump(parse(source(formatted)), places=False) == dump(parse(source(text)), places=False)
    assert comments(formatted) == comments(text)
    assert format_text(source(formatted)) == formatted


def test_empty_files() -> None:
    assert format_text(source("")) == ""
    assert format_text(source("\n\n  # only a comment  \n\n\n# and another")) == "# only a comment\n\n# and another\n"


def without_parentheses(node: Any) -> Any:
    """The tree as it is meant: brackets that only group are left out."""
    if isinstance(node, ast.Parentheses):
        return without_parentheses(node.value)
    if isinstance(node, tuple):
        return tuple(without_parentheses(item) for item in node)
    if dataclasses.is_dataclass(node) and not isinstance(node, type) and not isinstance(node, Source):
        changes = {f.name: without_parentheses(getattr(node, f.name)) for f in dataclasses.fields(node)
                   if f.name not in ("span", "operator_span")}
        return dataclasses.replace(node, **changes)
    return node


@FEW
@given(modules)
def test_random_trees_are_read_back(module: ast.Module) -> None:
    """Any tree is written so that it means the same; what the parser makes of it comes back exactly."""
    text = format_module(module, NOWHERE.source)
    read = parse(source(text))
    assert dump(without_parentheses(read), places=False) == dump(without_parentheses(module), places=False)
    bare = format_module(dataclasses.replace(strip_spans(read), comments=()), NOWHERE.source)
    assert dump(parse(source(bare)), places=False) == dump(read, places=False)
    assert bare == text
    again = format_text(source(text))
    assert dump(parse(source(again)), places=False) == dump(read, places=False)
    assert format_text(source(again)) == again


def strip_spans(node: Any) -> Any:
    """The tree without places."""
    if isinstance(node, tuple):
        return tuple(strip_spans(item) for item in node)
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return dataclasses.replace(node, **{
            f.name: NOWHERE if f.name in ("span", "operator_span") else strip_spans(getattr(node, f.name))
            for f in dataclasses.fields(node)})
    return node


BLANKS = [" ", "  ", "\n", "\n\n\n", "\n      ", "\t", " # why\n", "\n# own line\n", " /* inside */ ",
          "\n/* two\n   lines */\n", " // slashes\n", "\n\n# first\n\n\n# second\n"]


@FEW
@given(st.sampled_from(FILES), st.integers(0, 10**9), st.floats(0, 0.4))
def test_random_layouts(file: Path, seed: int, share: float) -> None:
    """Words of a file with other blanks, breaks and comments between them."""
    choose = random.Random(seed)
    text = "".join(word.text + (choose.choice(BLANKS) if choose.random() < share else " ")
                   for word in words_of(file.read_text()))
    formatted = format_text(source(text))
    assert dump(parse(source(formatted)), places=False) == dump(parse(source(text)), places=False)
    assert comments(formatted) == comments(text)
    assert format_text(source(formatted)) == formatted


@pytest.mark.parametrize("text", [
    "x = " + " + ".join("a" * (i % 7 + 1) for i in range(3000)),
    "m = Sequential (" + " : ".join(f"Dense {{{i}}}" for i in range(10_000)) + ")",
    "x = " + "(" * 400 + "1" + ")" * 400,
    "x = " + "f {a = " * 200 + "1" + "}" * 200,
], ids=["sum", "list", "brackets", "calls"])
def test_large_values(text: str) -> None:
    """Long and deep values are written in time and without running out of stack."""
    formatted = format_text(source(text))
    assert dump(parse(source(formatted)), places=False) == dump(parse(source(text)), places=False)

"""The colours of editors know the words, signs and numbers of the grammar."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from syntax_samples import FILES, ROOT, words_of

FOLDER = ROOT / "editors" / "vscode"
GRAMMAR = json.loads((FOLDER / "syntaxes" / "netdsl.tmLanguage.json").read_text())


def matches(rule: Any) -> Iterator[str]:
    """Every regular expression of a rule of the TextMate grammar."""
    if isinstance(rule, dict):
        yield from (rule[key] for key in ("match", "begin", "end") if key in rule)
        for value in rule.values():
            yield from matches(value)
    elif isinstance(rule, list):
        for item in rule:
            yield from matches(item)


def test_package_names_its_files() -> None:
    package = json.loads((FOLDER / "package.json").read_text())["contributes"]
    for entry in (*package["languages"], *package["grammars"]):
        assert (FOLDER / entry.get("configuration", entry.get("path"))).is_file()
    assert package["languages"][0]["extensions"] == [".net"]
    json.loads((FOLDER / "language-configuration.json").read_text())


def test_expressions_compile_and_rules_exist() -> None:
    for expression in matches(GRAMMAR):
        re.compile(expression)
    for name in re.findall(r'"include": "#(\w+)"', json.dumps(GRAMMAR)):
        assert name in GRAMMAR["repository"]


@pytest.mark.parametrize("section", ["numbers", "strings", "words", "names", "operators"])
def test_words_of_files_are_known(section: str) -> None:
    """Numbers, strings, reserved words, names and operators of all files are matched whole by their section."""
    kinds = {"numbers": ("NUMBER",), "strings": ("STRING",), "names": ("NAME",),
             "words": ("if", "then", "else", "true", "false", "array", "include"),
             "operators": ("SIGN", "TIMES", "**", "COMPARE", "&&", "||", "FLOW", "NOT", "=>", "..", ":", ",", ";")}
    rules = GRAMMAR["repository"][section]
    simple = [rule["match"] for rule in rules.get("patterns", [rules]) if "match" in rule]
    spans = [f"{rule['begin']}[\\s\\S]*?{rule['end']}" for rule in rules.get("patterns", []) if "begin" in rule]
    whole = re.compile("|".join(f"(?:{pattern})" for pattern in simple + spans))
    seen = {word.text for file in FILES for word in words_of(file.read_text()) if word.kind in kinds[section]}
    assert seen
    assert not [text for text in seen if not whole.fullmatch(text)]

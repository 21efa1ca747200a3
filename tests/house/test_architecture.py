"""docs/architecture.md and CONTRIBUTING.md name files, functions and classes that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "netdsl"
TEXT = (ROOT / "docs" / "architecture.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in PACKAGE.rglob("*.py")}


def section(title: str, text: str = TEXT) -> str:
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found.group(2)


FOLDERS = ("netdsl", "docs", "tests", "tools", "grammars", "networks", "benchmarks", "editors", ".ci")
FILES = [path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
FILES += [path.name for path in ROOT.iterdir()]
#: What the decisions say was there before.
GONE = {"cli.py", "spec.py"}
NAMED = set(re.findall(r"`([\w./-]+/[\w.-]+\.\w+|[\w-]+\.(?:py|md|txt|net|lark|j2|css))`", TEXT + CONTRIBUTING)) - GONE


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_file_that_is_named_exists(name: str) -> None:
    assert any(file == name or file.endswith(f"/{name}") for file in FILES), name


def test_the_life_of_a_minibatch_names_what_there_is() -> None:
    """Each `Class.method` or `function` of the section stands in the package; a newcomer finds it by name."""
    text, everything = section("The life of a minibatch"), "\n".join(SOURCES.values())
    names = [name for name in re.findall(r"`([A-Za-z_.]+)`", text) if not name.endswith((".py", ".json", ".jsonl"))]
    assert len(names) > 20
    for name in names:
        owner, _, own = name.rpartition(".")
        pattern = rf"(def|class) {own}\b" if own else ""
        assert re.search(pattern, everything), name
        if owner:
            body = re.search(rf"^class {owner}\b.*?(?=^\S|\Z)", everything, re.MULTILINE | re.DOTALL)
            assert body, name
            assert re.search(rf"def {own}\b", body.group(0)), name


def test_the_table_of_additions_names_what_there_is() -> None:
    everything = "\n".join(SOURCES.values())
    for name in ("GRAPH_PASSES", "SHAPED_PASSES", "COMMANDS"):
        assert f"`{name}`" in section("To add something")
        assert re.search(rf"^{name}\b", everything, re.MULTILINE), name

"""The documentation is run: every fenced block of the pages, and the generated pages are up to date."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import netdsl
from netdsl.base.source import Files, Source
from netdsl.elaborate.elaborator import evaluate
from netdsl.spec import show_value
from netdsl.syntax.parser import parse, parse_expression

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "language.md", ROOT / "README.md", *sorted((ROOT / "docs" / "tutorial").glob("*.md"))]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A `net` block with the blocks of expectations after it."""

    page: str
    line: int
    text: str
    expectations: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> list[Block]:
    found: list[Block] = []
    for page in PAGES:
        text = page.read_text() if page.exists() else ""
        context: Block | None = None
        for match in _FENCE.finditer(text):
            kind, body = match.groups()
            line = text[: match.start()].count("\n") + 1
            if kind == "net":
                found.append(context := Block(page.name, line, body, ()))
            elif kind in ("values", "shapes", "error"):
                if kind == "values" and (context is None or any(k == "error" for k, _ in context.expectations)):
                    found.append(context := Block(page.name, line, "", ()))
                assert context is not None, f"{page}:{line}: `{kind}` follows no `net` block"
                found[-1] = context = Block(context.page, context.line, context.text,
                                            (*context.expectations, (kind, body)))
    return found


@pytest.mark.parametrize("block", blocks(), ids=str)
def test_block(block: Block) -> None:
    source = Source(block.page, block.text)
    included = re.search(r"^include \"(.*?)\"", block.text, re.MULTILINE)
    whole = re.search(r"^network\s*=", block.text, re.MULTILINE) is not None or \
        (included is not None and (ROOT / "networks" / included[1]).is_file())
    checked = netdsl.load(source) if whole else None
    wanted = dict(block.expectations)
    if "error" in wanted:
        assert _codes(source, whole) == sorted(wanted["error"].split())
        return
    if checked is not None:
        assert not checked.errors, checked.errors
    if "shapes" in wanted:
        assert checked is not None
        assert checked.program is not None
        shapes = {node.name: str(node.shape) for node in checked.program.network}
        for line in wanted["shapes"].strip().splitlines():
            name, shape = line.split(None, 1)
            shown = shapes.get(name) or shapes[checked.program.aliases[name]]
            assert shown == shape.strip(), name
    module = parse(source)
    for line in wanted.get("values", "").strip().splitlines():
        expression, expected = line.split("=>  ") if "=>  " in line else line.rsplit("=>", 1)
        value = evaluate(parse_expression(Source("expression", expression.strip())), module)
        assert show_value(value) == expected.strip(), line


def _codes(source: Source, whole: bool) -> list[str]:
    if whole:
        return sorted(d.code for d in netdsl.load(source).errors)
    # A part of a file: put it into a file with a small network, so that all of it is looked at.
    text = f"{source.text}\nnetwork = {{ _x = Input {{1}} ; outputNodes = _x }}"
    return sorted(d.code for d in netdsl.load(Source(source.name, text), files=Files(disk=False)).errors)


def test_there_are_blocks() -> None:
    assert len(blocks()) > 25

"""What a cold start costs: which modules `check` imports, and the parser's tables in the cache. No times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from netdsl.base import cache
from netdsl.base.source import Source
from netdsl.syntax import ast, grammar, parser

ROOT = Path(__file__).parents[2]


def loaded_by(code: str, **environment: str) -> set[str]:
    """The modules that a fresh Python has imported after the code."""
    code = f"import sys; {code}; sys.stderr.write('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
                          env={**os.environ, **environment})
    return set(done.stderr.split("\n"))


def test_check_without_data_imports_nothing_large(tmp_path: Path) -> None:
    loaded = loaded_by("from netdsl.cli import run; "
                       "assert run(['check', 'networks/convnet_mnist.net', 'dataDir=nowhere']) == 0",
                       NETDSL_CACHE=str(tmp_path))
    assert not loaded & {"torch", "numpy", "PIL", "networkx", "safetensors"}
    assert (tmp_path / "grammar.json").is_file()
    again = loaded_by("from netdsl.cli import run; run(['check', '-q', 'networks/convnet_mnist.net'])",
                      NETDSL_CACHE=str(tmp_path))
    assert "netdsl.syntax.grammar" in again


# --- the cache -----------------------------------------------------------------------------------------


def test_a_value_is_made_once_for_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETDSL_CACHE", str(tmp_path / "cache"))
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(1)
        return {"answer": len(made)}

    assert cache.cached_file("x.json", "1", make) == {"answer": 1}
    assert cache.cached_file("x.json", "1", make) == {"answer": 1}
    assert cache.cached_file("x.json", "2", make) == {"answer": 2}
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["x.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"key": "1"}', '{"value": 1}', "\x00"])
def test_a_broken_file_is_made_anew(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETDSL_CACHE", str(tmp_path))
    (tmp_path / "x.json").write_text(text)
    assert cache.cached_file("x.json", "1", lambda: 7) == 7
    assert json.loads((tmp_path / "x.json").read_text()) == {"key": "1", "value": 7}


def test_a_cache_that_cannot_be_written_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NETDSL_CACHE", str(tmp_path / "file"))
    assert cache.cached_file("x.json", "1", lambda: 7) == 7


# --- the parser from its tables ------------------------------------------------------------------------


def test_both_ways_to_the_parser_read_alike() -> None:
    text = (ROOT / "networks" / "resnet20_cifar10.net").read_text()
    built, kept = parser._Builder(), parser._Builder()
    results = []
    for builder, made in ((built, grammar._from_grammar(built)), (kept, grammar.parser_with(kept))):
        builder.begin(Source("file.net", text))
        results.append(made.parse(text, start="start"))
    assert all(isinstance(member, ast.Assign | ast.Define | ast.Include) for member in results[0])
    assert repr(results[0]) == repr(results[1])


def test_tables_that_lark_cannot_use_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETDSL_CACHE", str(tmp_path))
    grammar.parser_with(None)
    kept = json.loads((tmp_path / "grammar.json").read_text())
    del kept["value"]["data"]["parser"]["parser"]["states"]
    (tmp_path / "grammar.json").write_text(json.dumps(kept))
    tree = grammar.parser_with(None).parse("1 + 2", start="expression")
    assert next(tree.find_data("binary")).children[1] == "+"

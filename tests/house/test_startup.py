"""What a cold start costs: which modules `check` imports, and the parser's tables in the cache. No times."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
    assert [path.name for path in tmp_path.iterdir()] == [f"grammar-{sys.version_info[0]}.{sys.version_info[1]}.lark"]
    again = loaded_by("from netdsl.cli import run; run(['check', '-q', 'networks/convnet_mnist.net'])",
                      NETDSL_CACHE=str(tmp_path))
    assert "netdsl.syntax.grammar" in again


# --- the parser's tables in the cache --------------------------------------------------------------------


def test_the_kept_parser_reads_like_the_one_just_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "networks" / "resnet20_cifar10.net").read_text()
    monkeypatch.setenv("NETDSL_CACHE", str(tmp_path))
    results = []
    for _ in range(2):  # the second one comes from the file
        builder = parser._Builder()
        builder.begin(Source("file.net", text))
        results.append(grammar.parser_with(builder).parse(text, start="start"))
    assert len(list(tmp_path.iterdir())) == 1
    first: Any = results[0]
    assert all(isinstance(member, ast.Assign | ast.Define | ast.Include) for member in first)
    assert repr(results[0]) == repr(results[1])


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:100], lambda b: b[: len(b) // 2],
                                    lambda b: b"\x00" * 50, lambda b: b[: len(b) - 3]])
def test_a_broken_file_is_not_missed(damage: Callable[[bytes], bytes], tmp_path: Path,
                                     monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NETDSL_CACHE", str(tmp_path))
    grammar.parser_with(None)
    kept, = tmp_path.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    grammar.parser_with(None).parse("1 + 2", start="expression")
    assert capfd.readouterr() == ("", "")


def test_a_cache_that_cannot_be_written_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NETDSL_CACHE", str(tmp_path / "file"))
    grammar.parser_with(None).parse("1 + 2", start="expression")
    assert (tmp_path / "file").read_text() == ""

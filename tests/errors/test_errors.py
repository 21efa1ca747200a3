"""Every code has a page: tests/errors/<code>/<case>.net gives the text of <case>.txt, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

import netdsl
from netdsl.base.codes import Code
from netdsl.base.render import render_all

ROOT = Path(__file__).parents[2]
ERRORS = ROOT / "tests" / "errors"
CASES = sorted(p.relative_to(ROOT) for p in ERRORS.glob("*/*.net"))
#: Codes that need a run, a device or a broken disk; tests/training has their pages.
OF_RUNS = {"cannot-export", "cannot-write", "checkpoint-mismatch", "diverged", "no-device", "no-file", "no-training",
           "not-deterministic", "not-installed", "out-of-memory"}
#: Codes that only a file of another system gives; tests/importers has their pages.
OF_IMPORTED_FILES = {"no-effect", "not-supported"}


@pytest.mark.parametrize("case", CASES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_page(case: Path, golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    overrides = case.with_suffix(".overrides")
    checked = netdsl.load(case, overrides.read_text().splitlines() if overrides.exists() else ())
    assert case.parent.name in {d.code for d in checked.diagnostics}
    page = render_all(checked.diagnostics)
    assert all(len(d.title) <= 78 for d in checked.diagnostics)
    body = [line for line in page.splitlines() if not line.startswith(("error[", "warning["))]
    assert all(len(line) <= 78 or line.startswith("    ") for line in body), page
    assert page.isascii()
    golden(page, case.with_suffix(".txt"))


def test_every_code_has_a_case() -> None:
    covered = {p.parent.name for p in CASES}
    assert {code.value for code in Code} - covered - OF_RUNS - OF_IMPORTED_FILES == set()


def test_no_code_without_a_use() -> None:
    source = "\n".join(p.read_text() for p in (ROOT / "netdsl").rglob("*.py"))
    assert [code for code in Code if f"Code.{code.name}" not in source] == []

"""Damaged files end in a coded message, never in a traceback: whole compiler, shipped networks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import netdsl
from netdsl.base.render import render_all
from netdsl.base.source import Files, Source
from netdsl.syntax.parser import lark_parser

ROOT = Path(__file__).parents[2]
NETWORKS = sorted((ROOT / "networks").glob("*.net"))
WHOLE = {"alexnet_imagenet", "convnet_mnist", "mlp_mnist"}
_CODE = re.compile(r"[a-z]+(-[a-z]+)*")


def tokens(text: str) -> list[tuple[int, int]]:
    return [(t.start_pos, t.end_pos) for t in lark_parser().lex(text)]  # type: ignore[misc]


def look(name: str, text: str) -> None:
    """Load it; whatever is wrong has a code, a place in a text, and a page that can be drawn."""
    checked = netdsl.load(Source(name, text), files=Files())
    for diagnostic in checked.diagnostics:
        assert _CODE.fullmatch(diagnostic.code)
        span = diagnostic.primary.span
        assert 0 <= span.start <= span.end <= len(span.source.text) + 1
        assert diagnostic.title
    assert render_all(checked.diagnostics) or not checked.diagnostics


def deletions(path: Path, step: int) -> None:
    text = path.read_text()
    found = tokens(text)
    for start, end in found[:: max(1, step)]:
        look(str(path.relative_to(ROOT)), text[:start] + text[end:])


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.stem)
def test_each_token_deleted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    count = len(tokens(path.read_text()))
    deletions(path, 1 if path.stem in WHOLE else count // 12)


@pytest.mark.slow
@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.stem)
def test_each_token_deleted_of_every_network(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    deletions(path, 1)


SMALL = (ROOT / "networks" / "convnet_mnist.net").read_text()
PIECES = ["{", "}", "(", ")", ":", ",", "=", "=>", "if", "0", "-1", "1e9", "x", "'", "$", "..", "ReLU", "features", "z",
          "*", ":=", "None", "true", "Sequential", "array [0..3] (i => i)", "Input {0}", "\x00", "\u00e9", "\n"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_random_damage(data: st.DataObject) -> None:
    spans = tokens(SMALL)
    text = SMALL
    for _ in range(data.draw(st.integers(1, 3))):
        start, end = data.draw(st.sampled_from(spans))
        other = data.draw(st.one_of(st.sampled_from(PIECES), st.sampled_from(spans).map(lambda s: SMALL[s[0]:s[1]])))
        text = text[:start] + f" {other} " + text[end:]
    look("damaged.net", text)

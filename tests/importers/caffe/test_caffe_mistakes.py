"""Whole pages about nets that cannot be read: each with the place, the cause and a cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from netdsl.base.render import render_all
from netdsl.base.source import Source
from netdsl.compiler import examine

HERE = Path(__file__).parent
CHANGES = (("dim: 2", "dim: 0"), ("kernel_size: 3", "kernel_size: 0"), ("axis: 1", "axis: -9"), ("pad: 1", "pad: 99"),
           ('bottom: "data"', 'bottom: "rs"'), ("num_output: 5", "num_output: 4294967296"), ("stride: 2", "stride: -1"))
INPUT = 'input: "data" input_shape { dim: 2 dim: 3 dim: 8 dim: 10 }\n'


def cases() -> list[tuple[str, str]]:
    """Title and text of each case of the file."""
    parts = (HERE / "caffe_mistakes.txt").read_text(encoding="utf-8").split("--- ")[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def test_pages(golden: object) -> None:
    pages = []
    for title, text in cases():
        result = examine(Source("net.prototxt", INPUT + text))
        assert result.errors, title
        pages.append(f"=== {title}\n{render_all(result.diagnostics)}")
    golden("\n".join(pages), HERE / "caffe_mistakes.pages")  # type: ignore[operator]


@pytest.mark.parametrize("text", ["", "name: 'empty'\n", "layers: 3"])
def test_a_file_without_layers(text: str) -> None:
    result = examine(Source("net.prototxt", text))
    assert result.errors


def test_broken_nets_end_in_pages() -> None:
    """The nets of the corpus with a line missing or a word changed: a page or a network, never another exception."""
    for net in sorted(HERE.glob("*.prototxt")):
        lines = net.read_text(encoding="utf-8").splitlines()
        for index in range(len(lines)):
            before, line, after = lines[:index], lines[index], lines[index + 1:]
            examine(Source("net.prototxt", "\n".join([*before, *after])))
            for old, new in CHANGES:
                if old in line:
                    examine(Source("net.prototxt", "\n".join([*before, line.replace(old, new), *after])))

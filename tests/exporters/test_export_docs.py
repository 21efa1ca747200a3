"""The examples of docs/export.md, in the order of the page."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import netdsl.cli

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    tutorial = re.search(r"```net\n(.*?)```", (DOCS / "tutorial" / "first-network.md").read_text(), re.DOTALL)
    assert tutorial is not None
    Path("digits.net").write_text(tutorial[1].replace("SampleMNIST {}", "SampleMNIST {train = 640, test = 100}"))
    Image.fromarray(np.zeros((28, 28), np.uint8)).save("digit.png")
    run("run", "digits.net", "-q", "--max-epochs", "1", "--device", "cpu")
    page = (DOCS / "export.md").read_text()
    blocks = re.findall(r"^```(sh|python)( onnx)?\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 8
    names: dict[str, object] = {}
    for kind, _, block in blocks:
        if kind == "python":
            exec(compile(block, "docs/export.md", "exec"), names)
            continue
        for line in block.strip().splitlines():
            run(*shlex.split(line, comments=True)[1:])
    assert importlib.util.find_spec("digits") is not None
    for file in ("digits.onnx", "digits.pt2", "weights.safetensors", "handed-on.net", "handed-on.safetensors"):
        assert Path(file).stat().st_size > 0
    sys.modules.pop("digits", None)


def run(*arguments: str) -> None:
    err = StringIO()
    with redirect_stdout(StringIO()), redirect_stderr(err):
        code = netdsl.cli.run(arguments)
    assert code == 0, f"{arguments}: {err.getvalue()}"


def test_the_part_of_resnet_is_as_it_comes_out() -> None:
    page = re.findall(r"^```text\n(.*?)^```$", (DOCS / "export.md").read_text(), re.MULTILINE | re.DOTALL)
    golden = (Path(__file__).parent / "torch_goldens" / "resnet20_cifar10.py.txt").read_text()
    assert page[0] in golden

"""`run` and `train` as seen from the terminal: what is printed, and what a closed one does not stop."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import netdsl.cli

from .conftest import Command


def test_a_closed_pipe_does_not_end_the_training(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `netdsl run x.net | head -2`."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert netdsl.cli.run(["run", "small.net", "--device", "cpu", "-o", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run/result.json").read_text())["epochs"] == 2
    log = (tmp_path / "run/log.txt").read_text()
    assert "progress is not shown any more" in log
    assert "epoch 2/2" in log


def test_a_network_that_cannot_be_built_for_want_of_memory(command: Command, work: Path, tmp_path: Path) -> None:
    text = (work / "small.net").read_text().replace("DenseLayer {24", "DenseLayer {1e12")
    (tmp_path / "big.net").write_text(text)
    answer = command("run", str(tmp_path / "big.net"), "--device", "cpu", "-o", str(tmp_path / "run"))
    assert answer.code == 1
    assert "error[out-of-memory]: the network does not fit into memory" in answer.err
    assert "most of the weights are here" in answer.err

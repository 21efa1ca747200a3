"""`run` and `train` as seen from the terminal: what is printed, and what a closed one does not stop."""

from __future__ import annotations

import filecmp
import io
import json
import os
import re
from pathlib import Path

import pytest

import netdsl.cli
from netdsl.training.progress import ConsoleReporter, EpochRecord

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
    assert "progress is no longer shown" in log
    assert "epoch 2/2" in log


def test_a_network_that_cannot_be_built_for_want_of_memory(command: Command, work: Path, tmp_path: Path) -> None:
    text = (work / "small.net").read_text().replace("DenseLayer {24", "DenseLayer {1e12")
    (tmp_path / "big.net").write_text(text)
    answer = command("run", str(tmp_path / "big.net"), "--device", "cpu", "-o", str(tmp_path / "run"))
    assert answer.code == 1
    assert "error[out-of-memory]: the network does not fit into memory" in answer.err
    assert "most of the weights are here" in answer.err


def test_the_end_says_why_it_is_the_end(command: Command, work: Path, tmp_path: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (arguments, said) in enumerate({
        ("--max-steps", "6"): "stopped after 6 updates (--max-steps)",
        ("--max-epochs", "1"): "stopped after 13 updates (--max-epochs)",
        ("--limit", "4"): "every epoch was cut to 4 minibatches (--limit)",
        ("--max-steps", "60"): "the plan ended after 26 updates, before --max-steps 60",
    }.items()):
        answer = command("run", "small.net", *arguments, "--device", "cpu", "-o", str(tmp_path / str(number)))
        assert answer.code == 0
        assert f"\n{said}\n" in answer.out
        stopped = json.loads((tmp_path / str(number) / "result.json").read_text())["stopped"]
        assert stopped == ("" if said.startswith("the plan ended") else said)
    monkeypatch.setenv("COLUMNS", "200")  # nothing of the table is cut
    listed = command("runs", str(tmp_path)).out
    assert "stopped after 6 updates (--max-steps)" in listed
    assert "epoch 2 by errs" in listed


def test_overfit_gives_a_verdict(command: Command, work: Path, tmp_path: Path) -> None:
    answer = command("run", "small.net", "--overfit", "1", "-q", "--device", "cpu", "-o", str(tmp_path / "long"))
    assert answer.code == 0, answer.out
    assert re.search(r"overfit: ce went from 2\.\d+ to 0\.0\d+ in \d+ epochs: OK\n", answer.out)
    answer = command("run", "small.net", "--overfit", "1", "--max-epochs", "2", "-q", "--device", "cpu",
                     "-o", str(tmp_path / "short"))
    assert answer.code == 1
    assert "in 2 epochs: not near 0" in answer.out
    assert "Hint:" in answer.err


def test_several_criteria_are_shown_as_written_and_summed(command: Command, work: Path, tmp_path: Path) -> None:
    text = (work / "small.net").read_text()
    text = text.replace("criterionNodes  = ce\n", "criterionNodes = ce : 0.4 * se\n    se = SquareError (labels, z)\n")
    (tmp_path / "two.net").write_text(text)
    answer = command("train", str(tmp_path / "two.net"), "--device", "cpu", "-q", "--max-steps", "3",
                     "-o", str(tmp_path / "run"))
    assert answer.code == 0, answer.err
    values = json.loads((tmp_path / "run/result.json").read_text())["train"]
    assert list(values) == ["criterion", "ce", "0.4 * se", "errs"]
    assert values["criterion"] == pytest.approx(values["ce"] + values["0.4 * se"])
    assert "train criterion " in answer.out


def test_lines_fit_the_terminal() -> None:
    stream = io.StringIO()
    lines = ConsoleReporter(stream, live=True, width=lambda: 60)
    lines.note("training on CPU, 1 thread: 150 samples, 2 epochs of 150 updates; everything goes to r/tf/p")
    values = {"crossEntropyWithSoftmax1": 0.9897, "classificationError1": 0.44}
    lines.epoch(EpochRecord(1, 150, 150, values, values, 0.01, None, 0.2, 882.0, 0.0, True, "valid errs"), 2,
                frozenset({"classificationError1"}))
    assert max(map(len, stream.getvalue().splitlines())) <= 60
    assert "waiting 0 %" in stream.getvalue()
    assert "best so far by valid errs" in stream.getvalue()


@pytest.mark.parametrize(("arguments", "said"), [
    (("--resume", "nosuch"), ("error[no-file]: there is no checkpoint `nosuch`", "runs/small/0")),
    (("--weights", "nosuch"), ("error[no-file]: there is no checkpoint `nosuch`", "runs/small/1")),
    (("--resume", "runs"), ("error[no-file]: there is no checkpoint in `runs`", "runs/small/1")),
    (("--device", "gpu"), ("error[no-device]: there is no device type `gpu`",)),
])
def test_what_is_not_there_is_found_before_anything_is_printed(
        command: Command, work: Path, arguments: tuple[str, ...], said: tuple[str, ...]) -> None:
    answer = command("run", "small.net", *arguments)
    assert answer.code == 1
    assert "training plan" not in answer.out
    assert all(words in answer.err for words in said), answer.err


def test_a_misspelt_file(command: Command, work: Path) -> None:
    assert "Hint: did you mean `small.net`?" in command("run", "smal.net").err


def test_equal_weights_are_equal_files(work: Path, command: Command, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert command("train", "small.net", "--max-steps", "2", "-q", "--device", "cpu",
                       "-o", str(tmp_path / name)).code == 0
    for file in ("weights.safetensors", "trainer.safetensors"):
        assert filecmp.cmp(*(tmp_path / name / "checkpoints/last" / file for name in ("a", "b")), shallow=False)

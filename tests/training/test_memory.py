"""How long running statistics remember where the file does not say: as the data are few, and the same after a stop."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

import netdsl
from netdsl.base.source import Source
from netdsl.checks.statistics_memory import fitting_memory
from netdsl.ir.program import CheckedProgram, Phase, Readers
from netdsl.runs.checkpoint import find, read_weights
from netdsl.training import Limits, by_data, train

from .test_freeze import TEXT, data
from .test_set_metrics import Given


def program(constant: str = "") -> CheckedProgram:
    text = TEXT.replace("normalizationTimeConstant = 100", constant).replace("MORE", "")
    checked = netdsl.check(Source("small.net", text))
    return dataclasses.replace(checked, readers=Readers({Phase.TRAIN: Given.of(data(3))}))


def statistics(folder: Path) -> list[torch.Tensor]:
    weights = read_weights(find(folder))
    return [weights["body.bn.running_mean"], weights["body.bn.running_variance"]]


@pytest.mark.parametrize(("epochs", "steps", "epoch", "memory"), [
    (10, None, 60_000, 5000), (10, None, 100, 100), (1, None, 100, 50), (10, None, 4999, 4999), (1, None, 8000, 4000),
    (10, 20, 60_000, 200), (1, None, 1, 1)])
def test_the_memory_that_fits_the_data(epochs: int, steps: int | None, epoch: int, memory: float) -> None:
    plan = program().plan
    assert plan is not None
    block = dataclasses.replace(plan.block, max_epochs=epochs, max_steps=steps)
    assert fitting_memory(dataclasses.replace(plan, block=block), epoch) == memory


def test_small_data_have_a_small_memory(tmp_path: Path) -> None:
    """200 samples in three epochs: 200, bit for bit, and not CNTK's 5,000; what the file states goes first."""
    for name, constant in (("none", ""), ("stated", "normalizationTimeConstant = 200"),
                           ("usual", "normalizationTimeConstant = 5000")):
        train(program(constant), out=tmp_path / name, device="cpu")
    none, stated, usual = (statistics(tmp_path / name) for name in ("none", "stated", "usual"))
    assert all(map(torch.equal, none, stated))
    assert not any(map(torch.equal, none, usual))
    assert "batch normalization remembers 200 samples" in (tmp_path / "none" / "log.txt").read_text()
    assert "remembers" not in (tmp_path / "stated" / "log.txt").read_text()


def test_a_run_of_an_older_version_goes_on_with_what_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                                                    ) -> None:
    def without(path: Path) -> dict[str, Any]:
        return {key: value for key, value in saved(path).items() if key not in (by_data.MEMORY, by_data.FROZEN)}

    saved = by_data.saved_state
    train(program("normalizationTimeConstant = 5000"), out=tmp_path / "usual", device="cpu")
    # Its first part as that version computed it.
    monkeypatch.setattr(by_data, "fitting_memory", lambda plan, epoch: 5000.0)
    train(program(), out=tmp_path / "old", device="cpu", limits=Limits(steps=13))
    monkeypatch.undo()
    monkeypatch.setattr(by_data, "saved_state", without)
    train(program(), out=tmp_path / "old", resume=tmp_path / "old", device="cpu")
    assert all(map(torch.equal, statistics(tmp_path / "old"), statistics(tmp_path / "usual")))


def test_a_stop_changes_nothing(tmp_path: Path) -> None:
    train(program(), out=tmp_path / "whole", device="cpu")
    train(program(), out=tmp_path / "part", device="cpu", limits=Limits(steps=13))
    train(program(), out=tmp_path / "part", resume=tmp_path / "part", device="cpu")
    assert all(map(torch.equal, statistics(tmp_path / "whole"), statistics(tmp_path / "part")))

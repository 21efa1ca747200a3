"""The best epoch, early stopping and the control of the rate go by the direction of the metric."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import netdsl
from netdsl.base.source import Source
from netdsl.ir.program import CheckedProgram, Phase, Readers
from netdsl.runs.writer import LOG
from netdsl.training import Limits, Result, train

from .networks import CONVNET, Patches, source

PLAN = "maxEpochs = 5 ; minibatchSize = 16 ; learningRate = 0.05 ; momentum = 0.9 ; keepCheckpoints = 1"


def by_accuracy(sgd: str = PLAN) -> CheckedProgram:
    """Patches, with the accuracy in the place of the error."""
    text = source(sgd, CONVNET + "    accuracy = 1 - ClassificationError (labels, z)\n")
    text = text.replace("evaluationNodes = errs", "evaluationNodes = accuracy : errs")
    checked = netdsl.check(Source("patches.net", text))
    return dataclasses.replace(checked, readers=Readers(
        {Phase.TRAIN: Patches(), Phase.VALIDATION: Patches(first=500, count=40)}))


def epochs(result: Result) -> list[dict[str, Any]]:
    lines = (result.out / "metrics.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == "epoch"]


def test_the_best_epoch_has_the_largest_accuracy(tmp_path: Path) -> None:
    result = train(by_accuracy(), out=tmp_path / "run", device="cpu")
    values = [line["validation"]["accuracy"] for line in epochs(result)]
    assert min(values) < max(values)
    best = values.index(max(values)) + 1
    assert result.best is not None
    assert result.best.name == f"epoch-{best:04d}"
    assert [line["best"] for line in epochs(result)] == [value > max(values[:k], default=-1)
                                                         for k, value in enumerate(values)]
    record = json.loads((result.out / "result.json").read_text())
    assert (record["bestBy"], record["better"]["accuracy"], record["better"]["errs"]) == (
        "valid accuracy", "larger", "smaller")
    assert "the best by valid accuracy (larger is better)" in (result.out / LOG).read_text()


def test_best_chooses_and_is_kept_by_a_resumed_run(tmp_path: Path) -> None:
    whole = train(by_accuracy(), out=tmp_path / "whole", device="cpu", best="ce")
    values = [line["validation"]["ce"] for line in epochs(whole)]
    assert whole.best is not None
    assert whole.best.name == f"epoch-{values.index(min(values)) + 1:04d}"
    train(by_accuracy(), out=tmp_path / "part", device="cpu", best="ce", limits=Limits(epochs=2))
    resumed = train(by_accuracy(), resume=tmp_path / "part", device="cpu")
    assert resumed.best_by == whole.best_by == "valid ce"
    assert resumed.best is not None
    assert resumed.best.name == whole.best.name


@pytest.mark.parametrize(("block", "reason"), [
    ("earlyStopping = EarlyStopping {patience = 1, useMetric = true}", "no improvement for an epoch"),
    ("AutoAdjust = { autoAdjustLR = 'adjustAfterEpoch' ; useEvalCriterionControlLR = true ; "
     "reduceLearnRateIfImproveLessThan = 0 }", "rate times"),
])
def test_the_control_is_not_told_that_a_rise_is_bad(block: str, reason: str, tmp_path: Path) -> None:
    result = train(by_accuracy(f"{PLAN} ; {block}"), out=tmp_path / "run", device="cpu")
    values = [line["validation"]["accuracy"] for line in epochs(result)]
    assert values[1] > values[0], "the first epochs improve, so that the test can tell"
    log = (result.out / LOG).read_text().splitlines()
    second = next(k for k, line in enumerate(log) if line.startswith("epoch 2/"))
    assert not any(reason in line for line in log[:second + 2])


def test_early_stopping_by_metric_follows_the_value_that_chooses(tmp_path: Path) -> None:
    block = "earlyStopping = EarlyStopping {patience = 1, useMetric = true}"
    result = train(by_accuracy(f"{PLAN.replace('0.05', '0.01*2 : 3')} ; {block}"), out=tmp_path / "run", device="cpu",
                   best="ce")
    values = [line["validation"]["ce"] for line in epochs(result)]
    last = next((k for k in range(1, len(values)) if values[k] >= min(values[:k])), None)
    assert last is not None, "the criterion gets worse, so that the test can tell"
    assert len(values) == last + 1
    assert result.stopped == "early stopping"

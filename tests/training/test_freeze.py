"""A frozen layer stays as it is: what it learned, its running statistics, and what it computes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import netdsl
from netdsl.base.source import Source
from netdsl.checks.frozen import frozen_layers, frozen_text
from netdsl.compiler import examine
from netdsl.ir.program import CheckedProgram, Phase, Readers
from netdsl.lower import lower
from netdsl.runs.checkpoint import find, read_weights
from netdsl.training import Limits, train

from .test_set_metrics import Given

TEXT = """network = {
    features = Input {4} ; labels = Input {2}
    body = Sequential (fc := DenseLayer {8} : bn := BatchNormalizationLayer {normalizationTimeConstant = 100} : ReLU)
    hidden = body (features)
    z = Sequential (Dropout {0.5} : head := LinearLayer {2}) (hidden)
    ce = CrossEntropyWithSoftmax (labels, z) ; errs = ClassificationError (labels, z)
    criterionNodes = ce ; evaluationNodes = errs ; outputNodes = z : hidden
}
SGD = { minibatchSize = 20 ; maxEpochs = 3 ; learningRate = 0.05 MORE }
"""
#: The same normalization as a function of parameters.
FUNCTION = TEXT.replace("bn := BatchNormalizationLayer {normalizationTimeConstant = 100}", """bn := (x =>
        BatchNormalization (x, ParameterTensor {8, initValue = 1}, ParameterTensor {8, initValue = 0},
                            ParameterTensor {8, initValue = 0, learningRateMultiplier = 0},
                            ParameterTensor {8, initValue = 1, learningRateMultiplier = 0},
                            normalizationTimeConstant = 100))""")


def data(shift: float) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    x = (random.normal(size=(200, 4)) + shift).astype(np.float32)
    return {"features": x, "labels": (x[:, 0] > shift).astype(np.int64)}


def program(shift: float, more: str = "", text: str = TEXT) -> CheckedProgram:
    checked = netdsl.check(Source("tune.net", text.replace("MORE", more)))
    return dataclasses.replace(checked, readers=Readers({Phase.TRAIN: Given.of(data(shift))}))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_weights(find(folder))


@pytest.mark.parametrize("text", [TEXT, FUNCTION])
@pytest.mark.parametrize("more", ["freeze = 'body'", "multipliers = Multiplier {'body', rate = 0}",
                                  "freeze = 'bn' : 'fc'"])
def test_everything_of_a_frozen_layer_stays(text: str, more: str, tmp_path: Path) -> None:
    train(program(0, text=text), out=tmp_path / "old", device="cpu")
    train(program(3, f"; {more}", text), out=tmp_path / "new", weights=tmp_path / "old", device="cpu")
    old, new = weights(tmp_path / "old"), weights(tmp_path / "new")
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed == {"z.head.weight", "z.head.bias"}


def test_a_frozen_layer_computes_in_training_what_it_computes_elsewhere(tmp_path: Path) -> None:
    """The others go on: dropout drops, and what is not frozen takes the minibatch's statistics."""
    checked = program(3, "; freeze = 'body'")
    executable = lower(checked.network, checked.outputs)
    executable.initialize(0)
    assert checked.plan is not None
    executable.freeze(frozen_layers(checked.network, checked.plan))
    inputs = {"features": torch.from_numpy(data(3)["features"])}
    executable.module.eval()
    elsewhere = executable(inputs)
    executable.module.train()
    training = executable(inputs)
    hidden, z = checked.aliases["hidden"], checked.aliases["z"]
    assert torch.equal(training[hidden], elsewhere[hidden])
    assert not torch.equal(training[z], elsewhere[z])


def test_only_weights_are_frozen_where_only_they_are_named(tmp_path: Path) -> None:
    train(program(0), out=tmp_path / "old", device="cpu")
    train(program(3, "; freeze = '*.weight'"), out=tmp_path / "new", weights=tmp_path / "old", device="cpu")
    old, new = weights(tmp_path / "old"), weights(tmp_path / "new")
    assert {name for name in old if torch.equal(old[name], new[name])} == {
        "body.fc.weight", "body.bn.weight", "z.head.weight"}


@pytest.mark.parametrize("pattern", ["running_mean", "bn.running_*"])
def test_statistics_alone_can_be_frozen(pattern: str, tmp_path: Path) -> None:
    train(program(0), out=tmp_path / "old", device="cpu")
    train(program(3, f"; freeze = '{pattern}'"), out=tmp_path / "new", weights=tmp_path / "old", device="cpu")
    old, new = weights(tmp_path / "old"), weights(tmp_path / "new")
    assert {name.rpartition(".")[2] for name in old if torch.equal(old[name], new[name])} == {
        "running_mean", "running_variance", "running_count"}


def test_a_frozen_run_goes_on_exactly(tmp_path: Path) -> None:
    train(program(0), out=tmp_path / "old", device="cpu")
    more = "; freeze = 'body' ; momentum = 0.9"
    train(program(3, more), out=tmp_path / "whole", weights=tmp_path / "old", device="cpu")
    train(program(3, more), out=tmp_path / "part", weights=tmp_path / "old", device="cpu", limits=Limits(steps=13))
    train(program(3, more), out=tmp_path / "part", resume=tmp_path / "part", device="cpu")
    whole, part = weights(tmp_path / "whole"), weights(tmp_path / "part")
    assert all(torch.equal(whole[name], part[name]) for name in whole)


@pytest.mark.parametrize(("pattern", "said"), [
    ("body", "2 layers, with their running statistics"), ("fc", "1 layer"), ("*.weight", "3 tensors"),
    ("bn", "1 layer, with their running statistics")])
def test_the_plan_says_what_is_frozen(pattern: str, said: str) -> None:
    checked = program(0, f"; freeze = '{pattern}'")
    assert checked.plan is not None
    assert frozen_text(checked.network, checked.plan) == {pattern: said}


@pytest.mark.parametrize(("more", "title", "near"), [
    ("freeze = 'bdoy'", "no parameter matches `bdoy` of `freeze`", "body"),
    ("multipliers = Multiplier {'haed', rate = 2}", "no parameter matches `haed` of `multipliers`", "head"),
    ("freeze = '*'", "no part of the network is trained", ""),
])
def test_check_finds_patterns_that_fit_nothing(more: str, title: str, near: str) -> None:
    error, = examine(Source("tune.net", TEXT.replace("MORE", f"; {more}"))).errors
    assert error.title == title
    assert [edit.text for edit in error.fix] == ([near] if near else [])

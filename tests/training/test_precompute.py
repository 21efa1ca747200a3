"""Mean, InvStdDev and what is made of them: computed from the training data once, then part of the checkpoint."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import netdsl
from netdsl.base.source import Source
from netdsl.ir.program import CheckedProgram, Phase, Readers
from netdsl.layers.statistics import Moments
from netdsl.readers.reader import SampleRng
from netdsl.training import Limits, Result, train
from netdsl.training.data.sampling import split
from netdsl.training.evaluation.inference import evaluate, predict

from .networks import Patches, program, source
from .test_resume import StopAt, facts

PLAN = "maxEpochs = 2 ; minibatchSize = 20 ; learningRate = 0.05 ; momentum = 0.9"
NORMALIZED = """
    features = Input {64}
    m = Mean (features)
    s = InvStdDev (features)
    z = LinearLayer {4} (PerDimMeanVarNormalization (features, m, s))
"""
TRAIN, TEST = Patches(flat=True), Patches(flat=True, first=1000, count=24)


def known(reader: Patches) -> tuple[np.ndarray, np.ndarray]:
    dataset = reader.open(True)
    arrays = dataset.batch(range(dataset.count), SampleRng()).arrays
    return arrays["features"].astype(np.float64), arrays["labels"]


def tensors(result: Result) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in load_file(result.checkpoint / "weights.safetensors").items()}


def normalized(network: str = NORMALIZED, plan: str = PLAN, train: Patches = TRAIN) -> CheckedProgram:
    return program(plan, network, train=train, test=dataclasses.replace(TEST, flat=train.flat))


def test_moments_do_not_depend_on_the_minibatches() -> None:
    values = torch.randn(101, 3, dtype=torch.float64) * torch.tensor([1e-3, 1, 1e3]) + torch.tensor([1e6, 0, -1e3])
    for size in (1, 7, 101):
        found = Moments()
        for part in values.split(size):
            found.add(part)
        assert found.count == 101
        torch.testing.assert_close(found.mean, values.mean(0), rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(found.inverse_deviation, 1 / values.std(0, correction=0), rtol=1e-7, atol=0)
    constant = Moments()
    constant.add(torch.full((5, 1), 3.0))
    assert constant.inverse_deviation.item() == pytest.approx(1e5)  # CNTK's floor of the variance, 1e-10


def test_mean_and_deviation_are_those_of_the_training_data(tmp_path: Path) -> None:
    result = train(normalized(), out=tmp_path / "run", device="cpu")
    x, _ = known(TRAIN)
    found = tensors(result)
    np.testing.assert_allclose(found["m.value"], x.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found["s.value"], 1 / x.std(0), rtol=1e-5)
    assert found["m.count"] == found["s.count"] == 72


def test_images_have_them_for_each_pixel(tmp_path: Path) -> None:
    network = "features = Input {8:8:1} ; m = Mean (features) ; z = LinearLayer {4} (MeanVarNorm (features - m))"
    result = train(normalized(network, train=Patches()), out=tmp_path / "run", device="cpu")
    x, _ = known(Patches())
    found = tensors(result)
    np.testing.assert_allclose(found["m.value"], x.mean(0), rtol=1e-6)
    (name,) = [name for name in found if name.endswith(".mean")]
    np.testing.assert_allclose(found[name], np.zeros_like(x[0]), atol=1e-4)  # computed when `m` was known


@pytest.mark.parametrize("form", ["FeatureMVNLayer {} (features)", "MeanVarNorm (features)",
                                  "(features - Mean (features)) .* InvStdDev (features)",
                                  "Sequential (FeatureMVNLayer {}) (features)"])
def test_all_forms_train_alike(form: str, tmp_path: Path) -> None:
    one = train(normalized(), out=tmp_path / "one", device="cpu")
    other = normalized(f"features = Input {{64}} ; z = LinearLayer {{4}} ({form})")
    two = train(other, out=tmp_path / "two", device="cpu")
    assert two.train == pytest.approx(one.train, rel=1e-4)
    assert two.test == pytest.approx(one.test, rel=1e-4)


def test_what_is_set_aside_for_validation_does_not_count(tmp_path: Path) -> None:
    result = train(normalized(plan=PLAN + " ; validation = 0.25 ; seed = 3"), out=tmp_path / "run", device="cpu")
    x, labels = known(TRAIN)
    training = result_split(labels)
    np.testing.assert_allclose(tensors(result)["m.value"], x[training].mean(0), rtol=1e-6)
    assert tensors(result)["m.count"] == 54


def result_split(labels: np.ndarray) -> np.ndarray:
    return split(len(labels), 0.25, 3)[0]


@pytest.mark.parametrize("plan", [PLAN, PLAN + " ; ema = 0.9"])
def test_resumed_and_judged_from_the_checkpoint(plan: str, tmp_path: Path) -> None:
    whole = train(normalized(plan=plan), out=tmp_path / "whole", device="cpu")
    with pytest.raises(BaseException):  # noqa: B017
        train(normalized(plan=plan), out=tmp_path / "parts", device="cpu", reporter=StopAt(3))
    resumed = train(normalized(plan=plan), out=tmp_path / "parts", resume=tmp_path / "parts", device="cpu")
    assert facts(resumed) == facts(whole)
    np.testing.assert_allclose(tensors(resumed)["m.value"], known(TRAIN)[0].mean(0), rtol=1e-6)
    # Other training data do not matter any more.
    other = normalized(plan=plan, train=dataclasses.replace(TRAIN, first=500))
    assert evaluate(other, tmp_path / "whole").values == whole.test


def test_weights_to_begin_with_bring_theirs(tmp_path: Path) -> None:
    first = train(normalized(), out=tmp_path / "first", device="cpu")
    other = normalized(train=dataclasses.replace(TRAIN, first=500))
    second = train(other, out=tmp_path / "second", weights=tmp_path / "first", device="cpu")
    assert tensors(second)["m.value"].tobytes() == tensors(first)["m.value"].tobytes()


def test_a_prior_in_the_outputs_needs_no_labels(tmp_path: Path) -> None:
    """Scaled likelihoods: the prior is in no criterion, and predicting knows no labels."""
    text = source(PLAN, NORMALIZED + "    prior = LogPrior (labels) ; scaled = z - prior")
    checked = netdsl.check(Source("prior.net", text.replace("outputNodes = z", "outputNodes = scaled : z")))
    checked = dataclasses.replace(checked, readers=Readers({Phase.TRAIN: TRAIN, Phase.TEST: TEST}))
    result = train(checked, out=tmp_path / "run", device="cpu")
    _, labels = known(TRAIN)
    prior = np.log(np.bincount(labels) / len(labels))
    np.testing.assert_allclose(tensors(result)["prior.value"], prior, rtol=1e-5)

    class Unlabelled(type(TEST.open(False))):  # type: ignore[misc]
        def in_memory(self) -> dict[str, np.ndarray]:
            return {"features": super().in_memory()["features"]}

    for found in predict(checked, tmp_path / "run", Unlabelled(TEST, False)):
        np.testing.assert_allclose(found.outputs["scaled"], found.outputs["z"] - prior, rtol=1e-4, atol=1e-5)


def test_a_short_run_takes_a_part_of_the_data(tmp_path: Path) -> None:
    result = train(normalized(), out=tmp_path / "run", device="cpu", limits=Limits(minibatches=2))
    assert tensors(result)["m.count"] == 40

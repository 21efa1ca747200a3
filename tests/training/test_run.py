"""What a run leaves behind: folder, records, checkpoints that are kept, values of train, validation and test."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netdsl
from netdsl import training
from netdsl.base.units import duration
from netdsl.describe.answers import Classes
from netdsl.ir.program import Phase, Readers
from netdsl.readers.reader import Batch, DataError, Dataset, Description, SampleRng, Stream
from netdsl.runs.checkpoint import read, read_weights
from netdsl.runs.store import read_records, saved_state
from netdsl.runs.writer import choose_folder
from netdsl.training import ConsoleReporter, Limits, RunOptions, SourceSnapshot
from netdsl.training.evaluation.prediction import answers, heads_of
from netdsl.training.progress import ProgressUpdate

from .networks import CONVNET, MLP, PatchData, Patches, program, source

PLAN = "maxEpochs = 3 ; minibatchSize = 16 ; learningRate = 0.05 ; momentum = 0.9"
HELD = Patches(first=1000, count=24)


# --- the folder ------------------------------------------------------------------------------------------


def test_the_folder_holds_what_was_run_and_what_came_out(tmp_path: Path) -> None:
    texts = SourceSnapshot("as written", "as resolved", ("SGD.maxEpochs=3",))
    result = training.train(program(PLAN, test=HELD), out=tmp_path / "run", device="cpu", texts=texts, seed=7)
    files = {path.name: path for path in (tmp_path / "run").iterdir()}
    assert files["source.net"].read_text() == "as written"
    assert files["resolved.net"].read_text() == "as resolved"
    assert files["overrides.txt"].read_text() == "SGD.maxEpochs=3\n"
    environment = json.loads(files["environment.json"].read_text())
    assert (environment["seed"], environment["device"], environment["torch"]) == (7, "cpu", torch.__version__)
    written = json.loads(files["result.json"].read_text())
    assert written["train"] == result.train
    assert written["test"] == result.test
    assert set(written["test"]) == {"ce", "errs"}
    assert written["checkpoint"] == "checkpoints/epoch-0003"
    assert "epoch 3/3 | ce " in files["log.txt"].read_text()


def test_records_are_lines_of_json_and_a_table(tmp_path: Path) -> None:
    result = training.train(program(PLAN + " ; numMBsToShowResult = 2", validation=HELD), out=tmp_path / "run",
                            device="cpu")
    lines = read_records(result.out)
    epochs = [line for line in lines if line["event"] == "epoch"]
    assert [line["epoch"] for line in epochs] == [1, 2, 3]
    assert [line["samples"] for line in epochs] == [72, 144, 216]
    assert epochs[-1]["train"] == result.train
    assert epochs[-1]["validation"] == result.validation
    marks = [line for line in lines if line["event"] == "minibatches"]
    assert [line["step"] for line in marks] == [2, 4, 6, 8, 10, 12, 14]
    rows = list(csv.DictReader((result.out / "metrics.csv").open()))
    assert [float(row["train.ce"]) for row in rows] == [line["train"]["ce"] for line in epochs]
    assert "samplesPerSecond" in rows[0]


def test_means_between_lines_make_up_the_epoch(tmp_path: Path) -> None:
    result = training.train(program(PLAN + " ; numMBsToShowResult = 1"), out=tmp_path / "run", device="cpu")
    marks = [line for line in read_records(result.out) if line["event"] == "minibatches" and line["epoch"] == 2]
    counts = [16, 16, 16, 16, 8]
    mean = sum(line["train"]["ce"] * count for line, count in zip(marks, counts, strict=True)) / 72
    epoch = next(line for line in read_records(result.out) if line["event"] == "epoch" and line["epoch"] == 2)
    assert mean == pytest.approx(epoch["train"]["ce"], rel=1e-6)


def test_the_first_updates_of_an_epoch_may_have_lines_of_their_own(tmp_path: Path) -> None:
    result = training.train(program(PLAN + " ; firstMBsToShowResult = 2"), out=tmp_path / "run", device="cpu")
    marks = [line for line in read_records(result.out) if line["event"] == "minibatches"]
    assert [line["step"] for line in marks] == [1, 2, 6, 7, 10, 11, 12]


def test_without_out_runs_have_a_place_and_the_latest_is_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                                                ) -> None:
    monkeypatch.chdir(tmp_path)
    quick = program("maxEpochs = 1 ; learningRate = 0.01", name="networks/patches.net")
    first, second = (training.train(quick, device="cpu").out for _ in range(2))
    assert first != second
    assert first.parent == Path("runs/patches")
    assert (tmp_path / "runs/patches/latest").resolve() == second.resolve()
    assert training.test(program(PLAN, test=HELD), "runs/patches/latest").samples == 24


def test_a_resumed_run_stays_in_its_folder_unless_told(tmp_path: Path) -> None:
    from datetime import datetime

    run = training.train(program(PLAN), out=tmp_path / "run", device="cpu").out
    now = datetime(2020, 1, 1)
    assert choose_folder("x", None, run / "checkpoints/best", now) == run
    assert choose_folder("x", None, run / "checkpoints/epoch-0003", now) == run
    assert choose_folder("x", run, run, now) == run
    other = training.train(program(PLAN), out=tmp_path / "other", resume=run / "checkpoints/epoch-0002", device="cpu")
    assert other.out == tmp_path / "other"
    assert read_weights(other.checkpoint).keys() == read_weights(run / "checkpoints/last").keys()


# --- checkpoints -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keys", "kept"), [
    ("", {"epoch-0005", "epoch-0006"}), ("keepCheckpoints = 1", {"epoch-0006"}),
    ("keepCheckPointFiles = true", {f"epoch-000{n}" for n in range(1, 7)}),
])
def test_the_last_few_and_the_best_are_kept(keys: str, kept: set[str], tmp_path: Path) -> None:
    checked = program(f"maxEpochs = 6 ; minibatchSize = 16 ; learningRate = 0.05*2 : 1 ; {keys}")
    result = training.train(checked, out=tmp_path / "run", device="cpu")
    found = {p.name for p in (result.out / "checkpoints").iterdir() if not p.is_symlink()}
    values = [line["train"]["errs"] for line in read_records(result.out) if line["event"] == "epoch"]
    best = f"epoch-{1 + values.index(min(values)):04d}"
    assert found >= kept | {best}
    assert len(found) <= len(kept | {best}) + 1  # the best by the criterion, to roll back to, may be a third
    assert (result.out / "checkpoints/best").resolve().name == best
    assert result.best is not None
    assert result.best.name == best


def test_the_best_can_be_chosen_by_another_metric(tmp_path: Path) -> None:
    checked = program("maxEpochs = 4 ; minibatchSize = 16 ; learningRate = 0.05 ; momentum = 0.9", validation=HELD)
    result = training.train(checked, out=tmp_path / "run", device="cpu", best="ce")
    values = [line["validation"]["ce"] for line in read_records(result.out) if line["event"] == "epoch"]
    assert (result.out / "checkpoints/best").resolve().name == f"epoch-{1 + values.index(min(values)):04d}"


def test_records_and_checkpoints_say_that_the_data_are_a_sample(tmp_path: Path) -> None:
    result = training.train(program(PLAN), out=tmp_path / "run", device="cpu", sample="made-up patches")
    for path in ("result.json", "environment.json", "checkpoints/last/state.json"):
        assert json.loads((result.out / path).read_text())["sample"] == "made-up patches"


def test_other_data_are_no_resume(tmp_path: Path) -> None:
    from netdsl.base.failure import Failure

    training.train(program(PLAN), out=tmp_path / "run", device="cpu")
    with pytest.raises(Failure, match="these are not the data that the checkpoint was trained with"):
        training.train(program(PLAN, train=Patches(first=5)), resume=tmp_path / "run", device="cpu")


def test_the_best_by_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    from netdsl.base.failure import Failure

    with pytest.raises(Failure) as refused:
        training.train(program(PLAN), out=tmp_path / "run", device="cpu", best="err")
    (page,) = refused.value.diagnostics
    assert page.code == "unknown-name"
    assert "did you mean `errs`?" in page.hint
    assert not (tmp_path / "run").exists()


def test_checkpoints_are_portable_and_say_what_they_are(tmp_path: Path) -> None:
    result = training.train(program(PLAN), out=tmp_path / "run", device="cpu")
    saved = read(result.checkpoint)
    assert set(saved.weights) == {f"model.{name}" for name in (
        "conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_variance",
        "norm.running_count", "hidden.weight", "hidden.bias", "out.weight", "out.bias")}
    assert all(tensor.is_contiguous() for tensor in saved.weights.values())
    assert "slots.model.conv.weight.velocity" in saved.trainer
    state = saved.state
    assert (state["epoch"], state["step"], state["taken"], state["seed"]) == (3, 15, 0, 0)
    assert state["classNames"] == list(PatchData.class_names)
    assert state["plan"]["keys"]["learningRate"] == "0.05"


# --- judging ---------------------------------------------------------------------------------------------


def test_the_test_from_a_checkpoint_is_the_test_at_the_end(tmp_path: Path) -> None:
    checked = program(PLAN, test=HELD)
    result = training.train(checked, out=tmp_path / "run", device="cpu")
    for path in (result.out, result.checkpoint, result.checkpoint / "weights.safetensors"):
        found = training.test(checked, path, options=RunOptions(device="cpu"))
        assert found.values == result.test
    assert found.samples == 24
    assert found.confusion is not None
    assert found.confusion.sum() == 24
    assert 1 - np.trace(found.confusion) / 24 == pytest.approx(found.values["errs"])
    labels = PatchData(HELD, False).labels
    assert found.confusion.sum(1).tolist() == np.bincount(labels, minlength=4).tolist()
    details = json.loads((result.out / "test.json").read_text())
    assert details["confusion"] == found.confusion.tolist()


def test_the_worst_samples_are_the_worst(tmp_path: Path) -> None:
    checked = program("maxEpochs = 1 ; minibatchSize = 7 ; learningRate = 0.01", test=Patches(first=1000, count=40))
    run = training.train(checked, out=tmp_path / "run", device="cpu").out
    found = training.test(checked, run)
    each = {index: training.test(program(PLAN, test=Patches(first=1000 + index, count=1)), run).values["ce"]
            for index in range(40)}
    expected = sorted(each, key=lambda index: -each[index])[:16]
    assert [sample.index for sample in found.worst] == expected
    assert found.worst[0].criterion == pytest.approx(each[expected[0]], rel=1e-4)
    assert found.worst[0].label is not None


@pytest.mark.parametrize("size", [1, 5, 24, 100])
def test_values_are_weighted_by_samples_whatever_the_minibatch(size: int, tmp_path: Path) -> None:
    run = training.train(program(PLAN), out=tmp_path / "run", device="cpu").out
    checked = program(f"maxEpochs = 1 ; minibatchSize = {size} ; learningRate = 1", test=HELD)
    found = training.test(checked, run).values
    whole = training.test(program("maxEpochs = 1 ; minibatchSize = 24 ; learningRate = 1", test=HELD), run).values
    assert found == pytest.approx(whole, rel=1e-5)


@dataclass(frozen=True)
class Views(Patches):
    """Every patch as three views: itself, and twice with one side dark."""

    def describe(self) -> Description:
        streams = super().describe().streams
        return Description((Stream("features", streams[0].dims, views=3), streams[1]), self.count)

    def open(self, training: bool) -> Dataset:
        return ViewData(self, training)


class ViewData(PatchData):
    def batch(self, indices: Any, draws: SampleRng) -> Batch:
        batch = super().batch(indices, draws)
        images = batch.arrays["features"]
        left, right = images.copy(), images.copy()
        left[..., :2], right[..., 6:] = 0, 0
        return Batch({**batch.arrays, "features": np.stack([images, left, right], axis=1)}, batch.names)

    def in_memory(self) -> None:
        return None


def test_the_outputs_of_several_views_are_averaged(tmp_path: Path) -> None:
    checked = program(PLAN, test=Views(first=1000, count=24))
    run = training.train(checked, out=tmp_path / "run", device="cpu")
    data = ViewData(Views(first=1000, count=24), False)
    batch = data.batch(range(24), SampleRng())
    executable = training.load_trained(checked, checked.outputs, run.checkpoint, torch.device("cpu"))
    executable.module.eval()
    with torch.no_grad():
        each = [executable({"features": torch.from_numpy(batch.arrays["features"][:, view])})["model.out"]
                for view in range(3)]
    mean = torch.stack(each).softmax(-1).mean(0).log()  # the softmax layer's predictions are averaged
    labels = torch.from_numpy(batch.arrays["labels"])
    assert run.test is not None
    assert run.test["ce"] == pytest.approx(torch.nn.functional.cross_entropy(mean, labels).item(), rel=1e-4)
    assert run.test["errs"] == pytest.approx((mean.argmax(1) != labels).float().mean().item())
    predictions = list(training.predict(checked, run.checkpoint, data, minibatch_size=10))
    np.testing.assert_allclose(np.stack([p.outputs["z"] for p in predictions]), mean, rtol=1e-4, atol=1e-4)


def test_scores_of_a_softmax_criterion_are_averaged_whatever_the_outputs_are(tmp_path: Path) -> None:
    checked = program(PLAN, test=Views(first=1000, count=24))
    run = training.train(checked, out=tmp_path / "run", device="cpu")
    for outputs in ((), ("model.hidden",), ("errs",)):
        other = replace(checked, special={**checked.special, "outputNodes": outputs})
        assert training.test(other, run.out).values == pytest.approx(run.test)
    text = source(PLAN).replace("outputNodes = z", "p = Softmax (z)\n    outputNodes = p")
    shares = replace(netdsl.check(netdsl.Source("patches.net", text)), readers=checked.readers)
    assert training.test(shares, run.out).values == pytest.approx(run.test)


def test_views_without_outputs_to_average_are_refused(tmp_path: Path) -> None:
    text = source(PLAN.replace("0.05", "0.001")).replace("CrossEntropyWithSoftmax", "SquareError")
    checked = netdsl.check(netdsl.Source("patches.net", text))
    checked = replace(checked, readers=Readers({Phase.TRAIN: Patches(), Phase.TEST: Views(first=1000, count=24)}))
    run = training.train(checked, out=tmp_path / "run", device="cpu")
    assert run.test is not None
    blind = replace(checked, special={**checked.special, "outputNodes": ()})
    with pytest.raises(netdsl.Failure, match="the 3 views of each sample cannot be averaged"):
        training.test(blind, run.out)


def test_curves_go_to_tensorboard_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netdsl.runs import writer as record

    class Events:
        def __init__(self) -> None:
            self.scalars: list[tuple[str, float, int]] = []
            self.closed = False

        def add_scalar(self, name: str, value: float, step: int) -> None:
            self.scalars.append((name, value, step))

        def close(self) -> None:
            self.closed = True

    events = Events()
    monkeypatch.setattr(record, "_event_writer", lambda folder: events)
    result = training.train(program(PLAN, test=HELD), out=tmp_path / "run", device="cpu")
    assert ("epoch/train.ce", result.train["ce"], 15) in events.scalars
    assert result.test is not None
    assert ("test/test.errs", result.test["errs"], 15) in events.scalars
    assert events.closed


def test_predictions_have_names_outputs_and_classes(tmp_path: Path) -> None:
    checked = program("maxEpochs = 20 ; minibatchSize = 16 ; learningRate = 0.05 ; momentum = 0.9")
    run = training.train(checked, out=tmp_path / "run", device="cpu").out

    class Unlabelled(PatchData):
        def batch(self, indices: Any, draws: SampleRng) -> Batch:
            return Batch({"features": self.images[list(indices)]}, tuple(f"patch {i}" for i in indices))

        def in_memory(self) -> None:
            return None

    data = Unlabelled(HELD, False)
    found = list(training.predict(checked, run, data, minibatch_size=10))
    assert [p.name for p in found] == [f"patch {i}" for i in range(24)]
    heads = heads_of(checked, saved_state(run / "checkpoints" / "last"), top=2)
    values = [answer.values["z"] for answer in answers(data, found, heads)]
    assert all(isinstance(value, Classes) for value in values)
    best = [value.guesses for value in values if isinstance(value, Classes)]
    assert np.mean([top[0].number == label for top, label in zip(best, data.labels, strict=True)]) > 0.9
    assert all(first.share >= second.share and first.share + second.share <= 1.0001 for first, second in best)
    assert best[0][0].name == data.class_names[best[0][0].number]
    hidden = next(iter(training.predict(checked, run, data, outputs=("model.hidden.activation",))))
    assert hidden.outputs["model.hidden.activation"].shape == (16,)


def test_a_compiled_module_takes_the_weights_of_a_run(tmp_path: Path) -> None:
    checked = program(PLAN, test=HELD)
    run = training.train(checked, out=tmp_path / "run", device="cpu")
    module = netdsl.load_weights(netdsl.compile(checked, seed=5), run.out, epoch="last").eval()
    images = torch.from_numpy(PatchData(HELD, False).images)
    with torch.no_grad():
        scores = module(images)
    mine = [p.outputs["z"] for p in training.predict(checked, run.out, PatchData(HELD, False), minibatch_size=24)]
    np.testing.assert_allclose(scores, np.stack(mine), rtol=1e-5, atol=1e-5)
    with pytest.raises(TypeError, match=r"what netdsl.compile returns"):
        netdsl.load_weights(torch.nn.Linear(1, 1), run.out)
    other = program(PLAN, CONVNET.replace("DenseLayer {16", "DenseLayer {17"))
    with pytest.raises(netdsl.Failure, match="does not fit"):
        netdsl.load_weights(netdsl.compile(other), run.out)


# --- what happens between epochs ---------------------------------------------------------------------------


def test_early_stopping_ends_training_and_the_best_weights_are_tested(tmp_path: Path) -> None:
    checked = program("maxEpochs = 60 ; minibatchSize = 16 ; learningRate = 0.05*3 : 1e-6 ; "
                      "earlyStopping = EarlyStopping {patience = 3, threshold = 0.01}", validation=HELD, test=HELD)
    result = training.train(checked, out=tmp_path / "run", device="cpu")
    assert result.epochs < 20
    assert result.stopped == "early stopping"
    assert result.best is not None
    values = [line["validation"] for line in read_records(result.out) if line["event"] == "epoch"]
    best = int(result.best.name[-4:]) - 1
    assert result.test == pytest.approx(values[best], rel=1e-6)
    again = training.train(checked, resume=result.out, device="cpu")
    assert again.epochs == result.epochs


@pytest.mark.parametrize("seed", [0, 3])
def test_the_part_held_out_for_validation_can_be_tested_later(seed: int, tmp_path: Path) -> None:
    checked = program(PLAN + " ; validation = 0.25")
    run = training.train(checked, out=tmp_path / "run", device="cpu", seed=seed)
    held, rest = (training.test(checked, run.out, phase=phase) for phase in ("validation", "train"))
    assert (held.samples, rest.samples) == (18, 54)
    assert held.values == pytest.approx(run.validation, rel=1e-5)


def test_the_seconds_of_a_resumed_run_are_those_of_all_its_parts(tmp_path: Path) -> None:
    first = training.train(program(PLAN), out=tmp_path / "run", device="cpu", limits=Limits(epochs=1))
    again = training.train(program(PLAN), resume=first.out, device="cpu")
    epochs = [line["seconds"] for line in read_records(again.out) if line["event"] == "epoch"]
    assert len(epochs) == 3
    assert again.seconds >= sum(epochs)
    assert again.seconds > first.seconds


def test_samples_that_are_skipped_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatchData, "skipped", (DataError("it is cut off", path="patches/7.png"),))
    run = training.train(program(PLAN), out=tmp_path / "run", device="cpu", limits=Limits(steps=1))
    said = "1 bad sample of the training data is skipped (maxErrors); the first: patches/7.png: it is cut off"
    assert said in (run.out / "log.txt").read_text()


def test_records_show_the_rate_of_a_full_minibatch(tmp_path: Path) -> None:
    """72 samples in minibatches of 16: the last one has 8, and in CNTK's units half the rate on the mean."""
    checked = program("maxEpochs = 2 ; minibatchSize = 16 ; learningRatesPerSample = 0.01 : 0.001 ; "
                      "momentumAsTimeConstant = 160 ; numMBsToShowResult = 1")
    lines = read_records(training.train(checked, out=tmp_path / "run", device="cpu").out)
    assert {(line["epoch"], line["rate"]) for line in lines if "rate" in line} == {(1, 0.16), (2, 0.016)}
    assert [line["momentum"] for line in lines if line["event"] == "epoch"] == pytest.approx([np.exp(-0.1)] * 2)


def test_the_control_lowers_the_rate_and_goes_back(tmp_path: Path) -> None:
    checked = program("maxEpochs = 4 ; minibatchSize = 16 ; learningRate = 0.3*2 : 3 ; momentum = 0.9 ; "
                      "keepCheckPointFiles = true ; AutoAdjust = { autoAdjustLR = 'adjustAfterEpoch' ; "
                      "learnRateDecreaseFactor = 0.1 }", MLP)
    result = training.train(checked, out=tmp_path / "run", device="cpu")
    epochs = [line for line in read_records(result.out) if line["event"] == "epoch"]
    values = [line["train"]["ce"] for line in epochs]
    assert values[2] > values[1] > values[3]
    assert [line["rate"] for line in epochs] == pytest.approx([0.3, 0.3, 3, 0.3])
    saved = [read_weights(result.out / f"checkpoints/epoch-000{number}") for number in (1, 2, 3)]
    assert all(torch.equal(saved[2][name], tensor) for name, tensor in saved[1].items())
    assert not torch.equal(saved[0]["model.out.weight"], saved[1]["model.out.weight"])
    assert "back to the best epoch" in (result.out / "log.txt").read_text()


def test_averaged_weights_are_what_is_judged_and_saved(tmp_path: Path) -> None:
    checked = program(PLAN + " ; ema = 0.8", validation=HELD, test=HELD)
    result = training.train(checked, out=tmp_path / "run", device="cpu")
    saved = read(result.checkpoint)
    assert result.validation == result.test
    assert training.test(checked, result.checkpoint).values == result.test
    assert not torch.equal(saved.weights["model.out.weight"], saved.trainer["trained.model.out.weight"])
    plain = read(training.train(program(PLAN), out=tmp_path / "plain", device="cpu").checkpoint)
    assert torch.equal(saved.trainer["trained.model.out.weight"], plain.weights["model.out.weight"])


def test_the_split_judges_on_what_is_not_trained(tmp_path: Path) -> None:
    result = training.train(program(PLAN + " ; validation = 0.25"), out=tmp_path / "run", device="cpu")
    assert result.samples == 3 * 54
    assert result.validation is not None
    assert result.validation["ce"] != result.train["ce"]


def test_limits(tmp_path: Path) -> None:
    def run(name: str, **limits: Any) -> training.Result:
        return training.train(program(PLAN, test=HELD), out=tmp_path / name, device="cpu", limits=Limits(**limits))

    assert run("epochs", epochs=1).epochs == 1
    assert run("steps", steps=4).steps == 4
    assert run("minibatches", minibatches=2).steps == 6
    assert run("seconds", seconds=0.0).steps <= 1


def test_an_epoch_of_another_size_is_the_unit_of_schedules(tmp_path: Path) -> None:
    checked = program("maxEpochs = 4 ; minibatchSize = 16 ; epochSize = 40 ; learningRate = 0.1*1 : 0.01")
    result = training.train(checked, out=tmp_path / "run", device="cpu")
    epochs = [line for line in read_records(result.out) if line["event"] == "epoch"]
    assert [line["samples"] for line in epochs] == [40, 80, 120, 160]
    assert [line["rate"] for line in epochs] == [0.1, 0.01, 0.01, 0.01]


def test_settings_of_layers_follow_their_schedule(tmp_path: Path) -> None:
    plan = "maxEpochs = 2 ; minibatchSize = 16 ; learningRate = 0.05 ; keepCheckPointFiles = true ; dropoutRate = "
    runs = [training.train(program(plan + rate), out=tmp_path / rate[:2], device="cpu").out
            for rate in ("0", "0*1 : 0.5")]
    first, second = ([read_weights(run / f"checkpoints/epoch-000{n}")["model.out.weight"] for run in runs]
                     for n in (1, 2))
    assert torch.equal(*first)
    assert not torch.equal(*second)


def test_two_criteria_are_added_and_both_reported(tmp_path: Path) -> None:
    from dataclasses import replace

    checked = program("maxEpochs = 1 ; minibatchSize = 16 ; learningRate = 0.05", MLP)
    both = replace(checked, special={**checked.special, "criterionNodes": ("ce", "errs"), "evaluationNodes": ()})
    result = training.train(both, out=tmp_path / "run", device="cpu")
    assert set(result.train) == {"criterion", "ce", "errs"}
    assert result.train["criterion"] == pytest.approx(result.train["ce"] + result.train["errs"])


# --- telling ---------------------------------------------------------------------------------------------


class Stream8(io.StringIO):
    encoding = "utf-8"


UPDATE = ProgressUpdate(
    "epoch", 3, 90, 1201, 5005, {"ce": 4.12, "top5": 0.271}, frozenset({"top5"}), 0.01, 1830.4, 0.031, 2460.0
)


@pytest.mark.parametrize(("stream", "live", "expected"), [
    (Stream8(), False, "epoch 3/90 1201/5005 · ce 4.12 · top5 27.10 % · rate 0.01 · 1,830 samples/s · "
                       "waiting 3 % · ETA 41 min\n"),
    (io.StringIO(), False, "epoch 3/90 1201/5005 | ce 4.12 | top5 27.10 % | rate 0.01 | 1,830 samples/s | "
                           "waiting 3 % | ETA 41 min\n"),
    (Stream8(), True, "\r\033[2Kepoch 3/90 ━━━───────── 1201/5005 · ce 4.12 · top5 27.10 % · rate 0.01 · 1,830 "
                      "samples/s · ETA 41 min"),
])
def test_lines_of_progress(stream: io.StringIO, live: bool, expected: str) -> None:
    ConsoleReporter(stream, live, lambda: 106).show(UPDATE)
    assert stream.getvalue().startswith(expected)


LONG = {"cross entropy of the boxes": 4.121, "crossEntropyWithSoftmax": 0.9493, "classificationError": 0.8594}


@pytest.mark.parametrize("values", [{"ce": 4.12, "classificationError": 0.8594}, LONG])
@pytest.mark.parametrize(("width", "wanted"), [
    (40, ("85.94 %", "0.0059", "1,830/s", "41 min")),
    (60, ("85.94 %", "0.0059", "1,830/s", "41 min")),
    (80, ("classific", "85.94 %", "rate 0.0059", "1,830", "ETA 41 min")),
    (120, ("classificationError 85.94 %", "rate 0.005", "1,830", "ETA 41 min")),
])
def test_a_live_line_keeps_what_matters_at_any_width(values: dict[str, float], width: int,
                                                     wanted: tuple[str, ...]) -> None:
    stream = Stream8()
    update = replace(UPDATE, values=values, percent=frozenset({"classificationError"}), rate=0.005884)
    ConsoleReporter(stream, True, lambda: width).show(update)
    line = stream.getvalue().removeprefix("\r\033[2K")
    assert len(line) < width
    assert [text for text in wanted if text not in line] == []


def test_a_live_line_keeps_the_value_that_chooses_the_best_epoch() -> None:
    stream = Stream8()
    ConsoleReporter(stream, True, lambda: 50).show(replace(UPDATE, key="ce"))
    assert "4.12" in stream.getvalue()
    assert "27.10" not in stream.getvalue()


def test_a_live_line_is_cleared_before_a_lasting_one() -> None:
    stream = Stream8()
    lines = ConsoleReporter(stream, True)
    lines.show(UPDATE)
    lines.note("saved")
    lines.note("again")
    assert stream.getvalue().endswith("\r\033[2Ksaved\nagain\n")


def test_training_prints_nothing_by_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    training.train(program(PLAN, CONVNET, test=HELD), out=tmp_path / "run", device="cpu")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("seconds", "text"), [(0.26, "0.3 s"), (41, "41 s"), (2460, "41 min"), (12000, "3 h 20 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text

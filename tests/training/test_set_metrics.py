"""Metrics of a data set: the right value, computed by numpy, whatever the minibatch size, and across a stop."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import netdsl
from netdsl.base.source import Source
from netdsl.ir.program import CheckedProgram, Phase, Readers
from netdsl.layers import NAMES
from netdsl.layers.layer import Shape
from netdsl.lower import LayerModule, lower
from netdsl.optimizers.schedules.schedule import constant
from netdsl.readers.reader import Batch, Dataset, Description, Reader, SampleRng, Stream
from netdsl.training import Interrupted, Reporter, train
from netdsl.training import test as evaluate
from netdsl.training.running_metrics import RunningMetrics

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Given(Reader):
    """Arrays as they are, by input name."""

    examples: ClassVar[tuple[str, ...]] = ()

    def describe(self) -> Description:
        return Description(tuple(Stream(name, array.shape[1:][::-1] or (1,)) for name, array in self.arrays.items()),
                           len(next(iter(self.arrays.values()))))

    def open(self, training: bool) -> Dataset:
        return GivenData(self.arrays)

    @staticmethod
    def of(arrays: Arrays) -> Given:
        made = Given()
        made.__dict__["arrays"] = dict(arrays)
        return made

    arrays: ClassVar[Arrays] = {}


class GivenData(Dataset):
    def __init__(self, arrays: Arrays) -> None:
        self.arrays, self.count = arrays, len(next(iter(arrays.values())))

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        return Batch({name: array[list(indices)] for name, array in self.arrays.items()}, ())

    def in_memory(self) -> dict[str, np.ndarray] | None:
        return dict(self.arrays)


def program(metrics: Sequence[str], labels: int, outputs: int, arrays: Arrays, sgd: str = "", helpers: str = ""
            ) -> CheckedProgram:
    """A network that passes `z` on beside a weight that is trained, so the data say what the outputs are."""
    lines = "\n".join(f"    m{k} = {metric}" for k, metric in enumerate(metrics))
    checked = netdsl.check(Source("metrics.net", f"""network = {{
    z = Input {{{outputs}}} ; labels = Input {{{labels}}}
    w = ParameterTensor {{1}}
    ce = SquareError (w, ReduceMean (z))
{helpers}
{lines}
    criterionNodes = ce ; outputNodes = z
    evaluationNodes = {' : '.join(f'm{k}' for k in range(len(metrics)))}
}}
SGD = {{ maxEpochs = 1 ; minibatchSize = 7 ; learningRate = 0.01 {sgd} }}
"""))
    return dataclasses.replace(checked, readers=Readers({Phase.TRAIN: Given.of(arrays), Phase.TEST: Given.of(arrays)}))


def values(checked: CheckedProgram, folder: Path, sizes: Sequence[int] = (1, 7, 1000), exact: float = 1e-12
           ) -> list[float]:
    """The metrics of the test data in the order of the file: trained once, tested in minibatches of several sizes."""
    result = train(checked, out=folder, device="cpu")
    assert result.test is not None
    assert checked.plan is not None
    found = [result.test]
    for size in sizes:
        block = dataclasses.replace(checked.plan.block, minibatch_size=constant(size))
        plan = dataclasses.replace(checked.plan, block=block)
        found.append(evaluate(dataclasses.replace(checked, plan=plan), folder, options=None).values)
    for other in found[1:]:
        assert other == pytest.approx(found[0], rel=exact, abs=exact, nan_ok=True)
    # The weights that are trained change nothing of these metrics: the epoch of training has the same values.
    assert {n: v for n, v in result.train.items() if n != "ce"} == pytest.approx(
        {n: v for n, v in result.test.items() if n != "ce"}, abs=1e-9, nan_ok=True)
    return [value for name, value in found[0].items() if name != "ce"]


def counts(wanted: np.ndarray, found: np.ndarray) -> tuple[float, float, float]:
    """Precision, recall and F1 of booleans, 0 for 0 / 0."""
    right, answers, samples = (wanted & found).sum(), found.sum(), wanted.sum()
    return (right / answers if answers else 0.0, right / samples if samples else 0.0,
            2 * right / (answers + samples) if answers + samples else 0.0)


def auc(wanted: np.ndarray, score: np.ndarray) -> float:
    """By its definition: all pairs."""
    own, other = score[wanted], score[~wanted]
    return float((own[:, None] > other).mean() + 0.5 * (own[:, None] == other).mean())


def average_precision(wanted: np.ndarray, score: np.ndarray) -> float:
    precision, recall = [], [0.0]
    for threshold in sorted(set(score), reverse=True):
        found = score >= threshold
        precision.append((wanted & found).sum() / found.sum())
        recall.append((wanted & found).sum() / wanted.sum())
    return float((np.diff(recall) * precision).sum())


def scores(count: int, outputs: int, seed: int = 0) -> np.ndarray:
    """Rounded, so that there are ties."""
    return np.random.default_rng(seed).normal(size=(count, outputs)).round(1).astype(np.float32)


def test_yes_or_no(tmp_path: Path) -> None:
    z = scores(83, 1)
    wanted = np.random.default_rng(1).random(83) + z[:, 0] / 3 > 0.7
    checked = program(["Precision (labels, z)", "Recall (labels, z)", "F1 (labels, z)", "AUC (labels, z)",
                       "AveragePrecision (labels, z)", "F1 {threshold = 0.5} (labels, z)", "F1 {class = 0} (labels, z)",
                       "RatioOfSums (labels .* (z > 0), z > 0)", "AUC {class = 0} (labels, z)"],
                      1, 1, {"z": z, "labels": wanted[:, None].astype(np.float32)})
    s = z[:, 0]
    expected = [*counts(wanted, s > 0), auc(wanted, s), average_precision(wanted, s), counts(wanted, s > 0.5)[2],
                counts(~wanted, s <= 0)[2], counts(wanted, s > 0)[0], auc(wanted, s)]
    assert values(checked, tmp_path) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("one_hot", [False, True])
def test_several_classes(one_hot: bool, tmp_path: Path) -> None:
    z, classes = scores(120, 5, 2), np.random.default_rng(3).integers(0, 4, 120)  # no sample has class 4
    z[np.arange(120), classes] += 0.7
    z[:, 4] -= 9  # and none is taken for it
    labels = np.eye(5, dtype=np.float32)[classes] if one_hot else classes[:, None]
    metrics = [f"{name} {{{options}}} (labels, z)" for name in ("Precision", "Recall", "F1")
               for options in ("", "average = 'micro'", "average = 'weighted'", "class = 2")]
    checked = program([*metrics, "AUC (labels, z)", "AUC {class = 1} (labels, z)", "AveragePrecision (labels, z)",
                       "MeanIoU (labels, z)"], 5 if one_hot else 1, 5, {"z": z, "labels": labels})
    answers = z.argmax(1)
    each = np.array([counts(classes == k, answers == k) for k in range(4)])
    often = np.bincount(classes, minlength=4) / 120
    expected = []
    for k in range(3):
        expected += [each[:, k].mean(), (answers == classes).mean(), (each[:, k] * often).sum(), each[2, k]]
    shares = torch.from_numpy(z).softmax(1).numpy()
    expected += [np.mean([auc(classes == k, shares[:, k]) for k in range(4)]), auc(classes == 1, shares[:, 1]),
                 np.mean([average_precision(classes == k, shares[:, k]) for k in range(4)]),
                 np.mean([((classes == k) & (answers == k)).sum() / ((classes == k) | (answers == k)).sum()
                          for k in range(4)])]
    assert values(checked, tmp_path) == pytest.approx(expected, abs=1e-9)


def test_two_classes_are_judged_by_class_1(tmp_path: Path) -> None:
    z, classes = scores(60, 2, 4), np.random.default_rng(5).integers(0, 2, 60)
    checked = program(["F1 (labels, z)", "AUC (labels, z)", "F1 {average = 'macro'} (labels, z)"], 1, 2,
                      {"z": z, "labels": classes[:, None]})
    answers = z.argmax(1)
    f1 = [counts(classes == k, answers == k)[2] for k in range(2)]
    assert values(checked, tmp_path) == pytest.approx(
        [f1[1], auc(classes == 1, torch.from_numpy(z).softmax(1).numpy()[:, 1]), np.mean(f1)], abs=1e-9)


def test_several_labels(tmp_path: Path) -> None:
    z = scores(90, 3, 6)
    wanted = np.random.default_rng(7).random((90, 3)) + z / 4 > 0.6
    options = "multiLabel = true"
    checked = program([f"F1 {{{options}}} (labels, z)", f"F1 {{{options}, average = 'micro'}} (labels, z)",
                       f"F1 {{{options}, class = 2}} (labels, z)", f"AUC {{{options}}} (labels, z)",
                       f"AUC {{{options}, average = 'micro'}} (labels, z)"], 3, 3,
                      {"z": z, "labels": wanted.astype(np.float32)})
    each = [counts(wanted[:, k], z[:, k] > 0)[2] for k in range(3)]
    assert values(checked, tmp_path) == pytest.approx(
        [np.mean(each), counts(wanted.ravel(), (z > 0).ravel())[2], each[2],
         np.mean([auc(wanted[:, k], z[:, k]) for k in range(3)]), auc(wanted.ravel(), z.ravel())], abs=1e-9)


def test_each_sample_has_its_labels_right_or_wrong(tmp_path: Path) -> None:
    z = scores(90, 3, 8)
    wanted = np.random.default_rng(9).random((90, 3)) + z / 4 > 0.6
    checked = program(["HammingLoss (labels, z)", "SubsetAccuracy (labels, z)", "HammingLoss (labels, p)",
                       "F1 {multiLabel = true} (labels, p)", "ExactMatch {threshold = 0.8} (labels, z)"], 3, 3,
                      {"z": z, "labels": wanted.astype(np.float32)}, helpers="    p = Sigmoid (z)")
    wrong = wanted != (z > 0)
    each = [counts(wanted[:, k], z[:, k] > 0)[2] for k in range(3)]
    assert values(checked, tmp_path) == pytest.approx(
        [wrong.mean(), (~wrong.any(1)).mean(), wrong.mean(), np.mean(each), ((z > 0.8) == wanted).all(1).mean()],
        abs=1e-6)


def test_counts_and_accuracy(tmp_path: Path) -> None:
    z, classes = scores(70, 4, 10), np.random.default_rng(11).integers(0, 4, 70)
    checked = program(["Accuracy (labels, z)", "Accuracy {topN = 2} (labels, z)",
                       *(f"{name} {{class = 2}} (labels, z)" for name in (
                           "TruePositives", "FalsePositives", "FalseNegatives", "TrueNegatives"))], 1, 4,
                      {"z": z, "labels": classes[:, None]})
    answers, wanted = z.argmax(1), classes == 2
    second = np.argsort(-z, 1, kind="stable")[:, :2]
    found = answers == 2
    assert values(checked, tmp_path) == pytest.approx([
        (answers == classes).mean(), (second == classes[:, None]).any(1).mean(), (wanted & found).sum(),
        (~wanted & found).sum(), (wanted & ~found).sum(), (~wanted & ~found).sum()], abs=1e-6)


@pytest.mark.parametrize("offset", [0, 3000])
def test_numbers(offset: float, tmp_path: Path) -> None:
    random = np.random.default_rng(12)
    labels = (random.normal(size=(80, 3)) * [1, 5, 20] + offset).astype(np.float32)
    z = (labels + random.normal(size=(80, 3))).astype(np.float32)
    checked = program(["MAE (labels, z)", "MSE (labels, z)", "RMSE (labels, z)", "R2 (labels, z)"], 3, 3,
                      {"z": z, "labels": labels})
    y, x = labels.astype(float), z.astype(float)
    error = y - x
    r2 = 1 - (error**2).sum(0) / ((y - y.mean(0)) ** 2).sum(0)
    # Far from 0, float64 sums of squares leave fewer digits.
    assert values(checked, tmp_path, exact=1e-8) == pytest.approx(
        [np.abs(error).mean(), (error**2).mean(), np.sqrt((error**2).mean()), r2.mean()], rel=2e-6)


def test_r2_of_one_label_for_all(tmp_path: Path) -> None:
    same = np.full((20, 1), 0.1, np.float32)
    for error, expected in ((0, 1.0), (0.5, 0.0)):
        checked = program(["R2 (labels, z)"], 1, 1, {"z": same + np.float32(error), "labels": same})
        assert values(checked, tmp_path / str(error)) == [expected]


def test_positions_without_a_class_are_left_out() -> None:
    """A mask of class numbers, -100 where there is none; and the same mask as shares, zeros where there is none."""
    random = np.random.default_rng(13)
    classes, z = random.integers(0, 3, (4, 1, 5, 6)), random.normal(size=(4, 3, 5, 6)).astype(np.float32)
    void = random.random((4, 1, 5, 6)) < 0.3
    answers, known = z.argmax(1)[:, None], ~void
    f1 = np.mean([counts((classes == k)[known], (answers == k)[known])[2] for k in range(3)])
    iou = np.mean([((classes == k) & (answers == k))[known].sum() / ((classes == k) | (answers == k))[known].sum()
                   for k in range(3)])
    numbers = np.where(void, -100, classes)
    one_hot = (numbers == np.arange(3)[:, None, None]).astype(np.float32)
    for labels, channels in ((torch.from_numpy(numbers), 1), (torch.from_numpy(one_hot), 3)):
        shapes = [Shape.of(6, 5, channels), Shape.of(6, 5, 3)]
        for text, expected in (("F1 {axis = 3}", f1), ("MeanIoU {axis = 3}", iou)):
            row = NAMES[text.split()[0]](axis=3)
            module = LayerModule(row, shapes, Shape((1,), batched=False))
            added = sum(module(labels[k : k + 1], torch.from_numpy(z[k : k + 1])) for k in range(4))
            assert row.result(added) == pytest.approx(expected)


def test_a_class_that_there_is_not_is_no_number() -> None:
    row = NAMES["F1"]()
    module = LayerModule(row, [Shape((1,)), Shape((3,))], Shape((1,), batched=False))
    assert np.isnan(row.result(module(torch.tensor([[7]]), torch.randn(1, 3))))


def test_what_is_not_defined_is_no_number(tmp_path: Path) -> None:
    ones = np.ones((9, 1), np.float32)
    checked = program(["AUC (labels, z)", "Precision (labels, z)"], 1, 1, {"z": -ones, "labels": ones})
    found = values(checked, tmp_path)
    assert np.isnan(found[0])
    assert found[1] == 0


def test_parts_of_a_data_set_are_merged() -> None:
    """What two workers saw is what one would have seen."""
    z, wanted = scores(50, 1), np.random.default_rng(1).random((50, 1)) > 0.5
    checked = program(["F1 (labels, z)", "AUC (labels, z)"], 1, 1, {"z": z, "labels": wanted.astype(np.float32)})
    executable = lower(checked.network, checked.metrics)

    def seen(part: slice) -> RunningMetrics:
        metrics = RunningMetrics(executable, checked.metrics, torch.device("cpu"))
        metrics.reserve(50)
        metrics.add(executable({"z": torch.from_numpy(z[part]), "labels": torch.from_numpy(wanted[part]).float()}))
        metrics.samples += len(z[part])
        return metrics

    both, other = seen(slice(0, 20)), seen(slice(20, 50))
    both.merge(other)
    assert both.results() == seen(slice(0, 50)).results()
    assert both.samples == 50


class StopAt(Reporter):
    """Sends this process SIGINT in the middle of the first epoch."""

    interval = 0.0

    def __init__(self, step: int) -> None:
        self.left = step

    def show(self, update: Any) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def test_resumed_inside_an_epoch(tmp_path: Path) -> None:
    z, wanted = scores(83, 1), np.random.default_rng(1).random((83, 1)) > 0.5
    checked = program(["F1 (labels, z)", "AUC (labels, z)"], 1, 1, {"z": z, "labels": wanted.astype(np.float32)},
                      "; numMBsToShowResult = 2")
    whole = train(checked, out=tmp_path / "whole", device="cpu")
    with pytest.raises(Interrupted):
        train(checked, out=tmp_path / "stopped", device="cpu", reporter=StopAt(5))
    resumed = train(checked, resume=tmp_path / "stopped", device="cpu")
    assert (resumed.train, resumed.test) == (whole.train, whole.test)
    lines = [(folder / "metrics.csv").read_text().splitlines()[1].split(",")[3:7]
             for folder in (whole.out, resumed.out)]
    assert lines[0] == lines[1]

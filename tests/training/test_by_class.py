"""Sampling by class: shares in the hold-out, folds, balance; and runs that use them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import netdsl
import netdsl.training
from netdsl.base.failure import Failure
from netdsl.base.source import Source
from netdsl.ir.program import CheckedProgram, Phase
from netdsl.training import Interrupted, Reporter, Result
from netdsl.training.data.by_class import Balance, order_by_share
from netdsl.training.data.sampling import Sampling
from netdsl.training.evaluation.inference import evaluate
from netdsl.training.job import prepare_job
from netdsl.training.run_options import RunOptions

from .test_resume import StopAt, facts

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=80).map(np.array)


@given(classes=LABELS, seed=st.integers(0, 5), data=st.data())
def test_every_stretch_of_the_order_has_the_shares(classes: np.ndarray, seed: int, data: st.DataObject) -> None:
    order = order_by_share(classes, seed)
    assert sorted(order) == list(range(len(classes)))
    assert order.tolist() == order_by_share(classes, seed).tolist()
    start = data.draw(st.integers(0, len(classes) - 1))
    end = data.draw(st.integers(start + 1, len(classes)))
    kinds, counts = np.unique(classes, return_counts=True)
    if (counts == 1).any():
        return
    for kind, count in zip(kinds, counts, strict=True):
        found = (classes[order[start:end]] == kind).sum()
        assert abs(found - count * (end - start) / len(classes)) < len(kinds) + 1


def test_a_tenth_of_each_class_is_a_tenth_of_the_order() -> None:
    classes = np.repeat([0, 1, 2], [200, 50, 10])
    for seed in range(10):
        order = order_by_share(classes, seed)
        for fold in range(10):
            found = np.bincount(classes[order[26 * fold : 26 * (fold + 1)]], minlength=3)
            np.testing.assert_array_equal(np.abs(found - [20, 5, 1]) <= 1, True)
    assert order_by_share(classes, 0).tolist() != order_by_share(classes, 1).tolist()


def test_a_sample_alone_in_its_class_is_trained_on() -> None:
    classes = np.array([0] * 50 + [1] * 49 + [2])
    for seed in range(20):
        assert order_by_share(classes, seed)[-1] == 99
    # Numbers that nearly all differ are no classes, and what is held out has some of all of them.
    held = [order_by_share(np.arange(100), seed)[:20].mean() for seed in range(40)]
    assert abs(np.mean(held) - 49.5) < 5


@given(classes=LABELS, seed=st.integers(0, 5), passes=st.integers(1, 8))
def test_classes_come_equally_often(classes: np.ndarray, seed: int, passes: int) -> None:
    balance = Balance(classes, seed)
    taken = [balance.order(data_pass) for data_pass in range(passes)]
    kinds = np.unique(classes)
    for order in taken:
        assert len(order) == len(classes)
        counts = [(classes[order] == kind).sum() for kind in kinds]
        assert max(counts) - min(counts) <= 1
    together = np.concatenate(taken)
    counts = [(classes[together] == kind).sum() for kind in kinds]
    assert max(counts) - min(counts) <= 1
    for kind in kinds:  # no sample of a class comes a second time before all have come
        times = np.bincount(together, minlength=len(classes))[classes == kind]
        assert times.max() - times.min() <= 1
    again = Balance(classes, seed)  # as in a resumed run, which begins with a later pass
    assert again.order(passes - 1).tolist() == taken[-1].tolist()


def test_balanced_sweeps_are_mixed() -> None:
    classes = np.array([0] * 90 + [1] * 10)
    balance = Balance(classes, 3)
    order = balance.order(0)
    assert (classes[order[:50]] == 1).sum() == pytest.approx(25, abs=12)
    assert order.tolist() != balance.order(1).tolist()
    assert (np.bincount(order, minlength=100)[90:] == 5).all()


# --- in runs --------------------------------------------------------------------------------------


def table(folder: Path, more: str = "", reader: str = "", epochs: int = 2) -> CheckedProgram:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    points = random.normal(size=(100, 2))
    rows = "".join(f"{a:.3f},{b:.3f},{label}\n" for (a, b), label in zip(points, labels, strict=True))
    (folder / "t.csv").write_text("a,b,label\n" + rows)
    text = f"""network = {{
    features = Input {{2}} ; labels = Input {{3}}
    z = LinearLayer {{3}} (features)
    ce = CrossEntropyWithSoftmax (labels, z) ; err = ClassificationError (labels, z)
    criterionNodes = ce ; evaluationNodes = err ; outputNodes = z
}}
reader = {{ train = CSV {{"{folder}/t.csv"{reader}}} }}
SGD = {{ minibatchSize = 10 ; maxEpochs = {epochs} ; learningRate = 0.1 {more} }}
"""
    return netdsl.check(Source("t.net", text))


def run(program: CheckedProgram, **options: object) -> Result:
    return netdsl.training.train(program, device="cpu", **options)


def sampling_of(program: CheckedProgram, folder: Path) -> Sampling:
    options = RunOptions(out=folder / "unused", device="cpu")
    with prepare_job(program, options, Reporter()) as job:
        return job.sampling


def held_out(sampling: Sampling) -> np.ndarray:
    return np.setdiff1d(np.arange(100), sampling.chosen)


def test_the_hold_out_has_every_class_in_its_share(tmp_path: Path) -> None:
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    for seed in range(5):
        out = held_out(sampling_of(table(tmp_path, f"; validation = 0.2 ; seed = {seed}"), tmp_path))
        assert np.bincount(labels[out]).tolist() == [12, 6, 2]
    at_random = [np.bincount(labels[held_out(sampling_of(
        table(tmp_path, f"; validation = 0.2 ; stratify = false ; seed = {seed}"), tmp_path))], minlength=3).tolist()
        for seed in range(5)]
    assert any(counts != [12, 6, 2] for counts in at_random)


@pytest.mark.parametrize("more", ["", "; stratify = false"])
def test_folds_are_a_partition(more: str, tmp_path: Path) -> None:
    parts = [held_out(sampling_of(table(tmp_path, f"; validation = 0.2 ; fold = {fold} {more}"), tmp_path))
             for fold in range(5)]
    assert [len(part) for part in parts] == [20] * 5
    assert sorted(np.concatenate(parts)) == list(range(100))
    with pytest.raises(Failure) as caught:
        sampling_of(table(tmp_path, f"; validation = 0.2 ; fold = 5 {more}"), tmp_path)
    assert caught.value.diagnostics[0].hint == "`fold` is 0 to 4."


def test_the_order_of_the_data_is_kept(tmp_path: Path) -> None:
    sampling = sampling_of(table(tmp_path, reader=", randomize = false"), tmp_path)
    for epoch in range(2):
        taken = [minibatch.indices.tolist() for minibatch in sampling.minibatches(epoch, 10)]
        assert taken == np.arange(100).reshape(10, 10).tolist()
    part = sampling_of(table(tmp_path, "; validation = 0.2", ", randomize = false"), tmp_path)
    assert part.order(3).tolist() == part.chosen.tolist() == sorted(part.chosen)


def test_balanced_training_takes_all_classes_equally_often(tmp_path: Path) -> None:
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    sampling = sampling_of(table(tmp_path, "; balanceClasses = true"), tmp_path)
    assert np.bincount(labels[sampling.order(0)]).tolist() == [34, 33, 33]
    part = sampling_of(table(tmp_path, '; balanceClasses = "labels" ; validation = 0.2'), tmp_path)
    assert np.bincount(labels[part.order(1)]).max() <= 27
    assert not set(part.order(1)) & set(held_out(part))


@pytest.mark.parametrize("more", ["; balanceClasses = true", "; validation = 0.2", "; validation = 0.2 ; fold = 2",
                                  "; balanceClasses = true ; validation = 0.3 ; stratify = false"])
@pytest.mark.parametrize("reader", ["", ", standardize = true"])
def test_resumed_bit_for_bit(more: str, reader: str, tmp_path: Path) -> None:
    whole = run(table(tmp_path, more, reader), out=tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(table(tmp_path, more, reader), out=tmp_path / "parts", reporter=StopAt(7))
    resumed = run(table(tmp_path, more, reader), out=tmp_path / "parts",
                                    resume=tmp_path / "parts")
    assert facts(resumed) == facts(whole)


def test_a_run_from_before_stratify_goes_on_as_it_was(tmp_path: Path) -> None:
    """Its checkpoint does not say how it split: at random. Another split is refused, and judging takes its own."""
    more = "; validation = 0.2"
    old = run(table(tmp_path, more + " ; stratify = false", epochs=2), out=tmp_path / "old")
    whole = run(table(tmp_path, more + " ; stratify = false", epochs=4), out=tmp_path / "w")
    judged = evaluate(table(tmp_path, more), old.out, phase=Phase.VALIDATION)
    assert judged.values == old.validation
    longer = table(tmp_path, more, epochs=4)
    with pytest.raises(Failure):  # more epochs than it was
        run(longer, out=tmp_path / "old", resume=tmp_path / "old")
    with pytest.raises(Failure) as caught:
        run(table(tmp_path, more + " ; stratify = true", epochs=2), out=tmp_path / "old",
                              resume=tmp_path / "old")
    assert "split" in " ".join(caught.value.diagnostics[0].body)
    with pytest.raises(Interrupted):
        run(table(tmp_path, more + " ; stratify = false", epochs=4), out=tmp_path / "cut",
                              reporter=StopAt(9))
    on = run(longer, out=tmp_path / "cut", resume=tmp_path / "cut")
    assert facts(on)["weights"] == facts(whole)["weights"]


@pytest.mark.parametrize(("more", "reader", "title"), [
    ('; balanceClasses = "features"', "", "the input `features` has no classes that are known"),
    ("; balanceClasses = true", ', targets = "numbers"', "the training data have no classes that are known"),
])
def test_what_cannot_be_balanced(more: str, reader: str, title: str, tmp_path: Path) -> None:
    text = table(tmp_path, more).source.text.replace("Input {3}", "Input {1}").replace("t.csv\"", f"t.csv\"{reader}") \
        if reader else table(tmp_path, more).source.text
    text = text.replace("CrossEntropyWithSoftmax (labels, z)", "SquareError (labels, z)").replace(
        "LinearLayer {3}", "LinearLayer {1}").replace(" ; err = ClassificationError (labels, z)", "").replace(
        "evaluationNodes = err ; ", "") if reader else text
    with pytest.raises(Failure) as caught:
        sampling_of(netdsl.check(Source("t.net", text)), tmp_path)
    assert title in caught.value.diagnostics[0].title

"""Queries stay whole in a minibatch: values that do not depend on its size, the same order after a stop."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

import netdsl
from netdsl.base.failure import Failure
from netdsl.base.source import Source
from netdsl.compiler import examine
from netdsl.ir.program import CheckedProgram, Phase, Readers
from netdsl.optimizers.schedules.schedule import constant
from netdsl.readers.reader import DataError
from netdsl.training import Interrupted, Limits, predict, train
from netdsl.training import test as evaluate
from netdsl.training.data.group_numbers import group_numbers
from netdsl.training.data.sampling import Sampling, split

from .test_set_metrics import Arrays, Given, GivenData, StopAt


def queries(sizes: list[int], seed: int = 0, shuffled: bool = False) -> dict[str, np.ndarray]:
    """Queries of these sizes; `shuffled`: their samples do not stand together."""
    random = np.random.default_rng(seed)
    count = sum(sizes)
    ids = np.repeat(np.arange(len(sizes)) * 3 + 5, sizes)
    arrays = {"x": random.normal(size=(count, 3)), "gain": random.integers(0, 4, (count, 1)), "q": ids[:, None]}
    order = random.permutation(count) if shuffled else np.arange(count)
    return {name: array[order].astype(np.float32) for name, array in arrays.items()}


TEXT = """network = {
    x = Input {3} ; gain = Input {1} ; q = Input {1}
    z = LinearLayer {1} (x)
    loss = LambdaRank (gain, z, q)
    ndcg = NDCG1Eval (gain, z, q)
    lost = 1 - NDCG1Eval (gain, z, q) / 100
    criterionNodes = loss ; evaluationNodes = ndcg : lost ; outputNodes = z
}
SGD = { minibatchSize = 8 ; maxEpochs = 2 ; learningRate = 0.1 MORE }
"""


def program(arrays: Arrays, more: str = "", text: str = TEXT) -> CheckedProgram:
    checked = netdsl.check(Source("rank.net", text.replace("MORE", more)))
    return dataclasses.replace(checked, readers=Readers({Phase.TRAIN: Given.of(arrays), Phase.TEST: Given.of(arrays)}))


def sized(checked: CheckedProgram, size: int) -> CheckedProgram:
    assert checked.plan is not None
    block = dataclasses.replace(checked.plan.block, minibatch_size=constant(size))
    return dataclasses.replace(checked, plan=dataclasses.replace(checked.plan, block=block))


def ndcg(arrays: Arrays, z: np.ndarray) -> tuple[float, float]:
    """NDCG at 1, and LambdaRank's loss: the means over the queries, by their definitions."""
    first, whole = [], []
    for query in np.unique(arrays["q"]):
        own = arrays["q"][:, 0] == query
        gain, order = arrays["gain"][own, 0], np.argsort(-z[own], kind="stable")
        first.append(gain[order[0]] / gain.max() if gain.max() else 0)
        discount = 1 / np.log(np.arange(len(gain)) + 2)
        best = (np.sort(gain)[::-1] * discount).sum()
        whole.append((gain[order] * discount).sum() / best if best else 0)
    return 100 * float(np.mean(first)), 100 * (1 - float(np.mean(whole)))


@pytest.mark.parametrize("shuffled", [False, True])
def test_the_value_is_the_mean_over_the_queries_whatever_the_minibatch(shuffled: bool, tmp_path: Path) -> None:
    arrays = queries([5, 1, 3, 9, 2, 2, 7, 4, 1], shuffled=shuffled)
    checked = program(arrays)
    result = train(checked, out=tmp_path / "run", device="cpu", limits=Limits(epochs=1))
    z = np.array([p.outputs["z"][0] for p in predict(checked, result.out, GivenData(arrays))])
    first, loss = ndcg(arrays, z)
    for size in (100, 20, 8, 3, 1):
        found = evaluate(sized(checked, size), result.out).values
        assert found["ndcg"] == pytest.approx(first, abs=1e-4), size
        assert found["lost"] == pytest.approx(1 - first / 100, abs=1e-6), size
        assert found["loss"] == pytest.approx(loss, abs=1e-4), size


def test_the_order_of_a_sweep_takes_group_after_group() -> None:
    groups = group_numbers(GivenData(queries([5, 1, 3, 9, 2, 2, 7], shuffled=True)), "q")
    sampling = Sampling(len(groups), 3, groups=groups)
    orders = []
    for epoch in range(2):
        minibatches = list(sampling.minibatches(epoch, 6))
        assert len(minibatches) == sampling.steps(epoch, 6)
        taken = np.concatenate([m.indices for m in minibatches])
        assert sorted(taken) == list(range(len(groups)))
        for m in minibatches:
            own = groups[m.indices]
            assert all((groups == group).sum() == (own == group).sum() for group in own), "a group is torn"
            assert m.count <= 6 or len(set(own)) == 1
        for before, after in itertools.pairwise(minibatches):
            first = (groups == groups[after.indices[0]]).sum()
            assert before.count + first > 6, "the next group would have fitted"
        rest = list(sampling.minibatches(epoch, 6, minibatches[2].offset))
        assert [m.indices.tolist() for m in rest] == [m.indices.tolist() for m in minibatches[2:]]
        orders.append(taken.tolist())
    assert orders[0] != orders[1]
    assert Sampling(len(groups), 3, groups=groups).order(1).tolist() == orders[1]


def test_groups_are_held_out_whole_and_drawn_whole() -> None:
    groups = np.repeat(np.arange(10), [1, 2, 3, 4, 5, 1, 2, 3, 4, 5])
    training, held_out = split(30, 0.3, 1, groups=groups)
    assert sorted([*training, *held_out]) == list(range(30))
    assert not set(groups[training]) & set(groups[held_out])
    assert 9 <= len(held_out) <= 13
    few = Sampling(30, 1, shuffle=False, groups=groups).subsample(12)
    assert len(few.order(0)) == few.count
    assert all((groups == g).sum() == (groups[few.order(0)] == g).sum() for g in groups[few.order(0)])
    assert split(4, 0.5, 0, groups=np.array([0, 0, 0, 0]))[0].tolist() != []


def test_resumed_inside_an_epoch_it_takes_the_same_queries(tmp_path: Path) -> None:
    arrays = queries([5, 1, 3, 9, 2, 2, 7, 4, 1] * 3)
    checked = program(arrays, "; validation = 0.2")
    whole = train(checked, out=tmp_path / "whole", device="cpu")
    with pytest.raises(Interrupted):
        train(checked, out=tmp_path / "stopped", device="cpu", reporter=StopAt(4))
    resumed = train(checked, resume=tmp_path / "stopped", device="cpu")
    assert (resumed.train, resumed.validation, resumed.test) == (whole.train, whole.validation, whole.test)
    log = (whole.out / "log.txt").read_text()
    assert "minibatches hold whole groups of equal `q`" in log
    assert "larger than a minibatch" in log


def test_a_number_that_cannot_be_told_from_the_next_is_refused() -> None:
    arrays = queries([2, 2])
    arrays["q"] = arrays["q"] + 2.0**24
    with pytest.raises(DataError, match="the group of sample 0"):
        group_numbers(GivenData(arrays), "q")


@pytest.mark.parametrize(("old", "new", "title"), [
    ("NDCG1Eval (gain, z, q)\n    lost", "NDCG1Eval (gain, z, q + 1)\n    lost", "have to come from an input"),
    ("NDCG1Eval (gain, z, q)\n    lost", "NDCG1Eval (gain, z, gain)\n    lost", "uses other groups than LambdaRank"),
    ("MORE", "; numSubminibatches = 2", "`numSubminibatches` divides minibatches"),
    ("MORE", "; accumulate = 2", "`accumulate` divides minibatches"),
])
def test_what_would_tear_a_group_is_refused(old: str, new: str, title: str) -> None:
    found = examine(Source("rank.net", TEXT.replace(old, new).replace("MORE", "")))
    assert any(title in d.title for d in found.diagnostics if d.severity == "error")


def test_an_epoch_that_would_tear_a_group_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure) as refused:
        train(program(queries([5, 5, 5]), "; epochSize = 7"), out=tmp_path / "run", device="cpu")
    assert "epochSize" in refused.value.diagnostics[0].title
    train(program(queries([5, 5, 5]), "; epochSize = 15"), out=tmp_path / "run", device="cpu")


def test_outputs_over_groups_come_in_the_order_of_the_data(tmp_path: Path) -> None:
    arrays = queries([3, 2, 4], shuffled=True)
    checked = program(arrays, text=TEXT.replace("outputNodes = z", "outputNodes = z : ndcg"))
    result = train(checked, out=tmp_path / "run", device="cpu")
    found = list(predict(checked, result.out, GivenData(arrays), minibatch_size=2))
    assert [p.name for p in found] == [f"sample {k}" for k in range(9)]
    z = np.array([p.outputs["z"][0] for p in found])
    for query in np.unique(arrays["q"]):
        own = np.flatnonzero(arrays["q"][:, 0] == query)
        best, gain = own[z[own].argmax()], arrays["gain"][:, 0]
        for k in own:
            assert found[k].outputs["ndcg"][0] == pytest.approx(100 * gain[best] / (gain[own].max() or 1), abs=1e-4)


def test_data_of_one_group_cannot_be_held_out(tmp_path: Path) -> None:
    with pytest.raises(Failure) as refused:
        train(program(queries([12]), "; validation = 0.2"), out=tmp_path / "run", device="cpu")
    found, = refused.value.diagnostics
    assert found.title == "all training data are one group, so no part of them can be set aside"
    assert found.primary.span.text == "0.2"
    assert "`q`" in found.body[0]
    with pytest.raises(Failure, match="there is no part 3") as beyond:
        train(program(queries([5, 5, 5]), "; validation = 0.4 ; fold = 3"), out=tmp_path / "run", device="cpu")
    assert beyond.value.diagnostics[0].hint == "`fold` is 0 or 1."

"""Minibatches never lose or double a sample, wherever a run is stopped and however long its epochs are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netdsl.training.data.sampling import Minibatch, Sampling, split

COUNTS = st.integers(1, 60)


def all_of(sampling: Sampling, epochs: int, size: int) -> list[Minibatch]:
    return [minibatch for epoch in range(epochs) for minibatch in sampling.minibatches(epoch, size)]


@given(count=COUNTS, size=st.integers(1, 70), seed=st.integers(0, 5), passes=st.integers(1, 4))
def test_every_pass_takes_every_sample_once(count: int, size: int, seed: int, passes: int) -> None:
    for epoch in range(passes):
        taken = np.concatenate([m.indices for m in Sampling(count, seed).minibatches(epoch, size)])
        assert sorted(taken) == list(range(count))


@given(count=COUNTS, size=st.integers(1, 70), epoch_size=st.integers(1, 150), epochs=st.integers(1, 5))
def test_an_epoch_of_any_size_goes_on_where_the_last_one_ended(count: int, size: int, epoch_size: int,
                                                               epochs: int) -> None:
    sampling = Sampling(count, 1, epoch_size)
    found = all_of(sampling, epochs, size)
    taken = np.concatenate([m.indices for m in found])
    assert len(taken) == epochs * epoch_size
    for start in range(0, len(taken), count):
        data_pass = taken[start : start + count]
        assert len(set(data_pass)) == len(data_pass)
        assert list(data_pass) == list(sampling.order(start // count)[: len(data_pass)])
    assert all(m.count <= size and len({m.data_pass}) == 1 for m in found)
    assert len(found) == sum(sampling.steps(epoch, size) for epoch in range(epochs))


@given(count=COUNTS, size=st.integers(1, 70), epoch_size=st.integers(0, 150), data=st.data())
def test_from_any_minibatch_on_the_rest_is_the_same(count: int, size: int, epoch_size: int, data: st.DataObject
                                                    ) -> None:
    sampling = Sampling(count, 2, epoch_size)
    whole = list(sampling.minibatches(1, size))
    at = data.draw(st.integers(0, len(whole) - 1))
    rest = list(Sampling(count, 2, epoch_size).minibatches(1, size, whole[at].offset))
    assert [m.indices.tolist() for m in rest] == [m.indices.tolist() for m in whole[at:]]


@given(count=st.integers(2, 60), part=st.floats(0.01, 0.99), seed=st.integers(0, 5))
def test_a_split_is_a_partition_and_depends_on_the_seed_alone(count: int, part: float, seed: int) -> None:
    training, held_out = split(count, part, seed)
    assert sorted([*training, *held_out]) == list(range(count))
    assert len(training) >= 1
    assert len(held_out) >= 1
    assert abs(len(held_out) - part * count) <= 1
    assert split(count, part, seed)[1].tolist() == held_out.tolist()


@settings(max_examples=20)
@given(seed=st.integers(0, 50))
def test_a_chosen_part_is_shuffled_among_itself(seed: int) -> None:
    chosen = np.array([3, 5, 8, 13, 21])
    sampling = Sampling(5, seed, chosen=chosen)
    assert sorted(sampling.order(0)) == chosen.tolist()


def test_orders_differ_by_sweep_and_by_seed() -> None:
    orders = {tuple(Sampling(30, seed).order(data_pass)) for seed in range(3) for data_pass in range(3)}
    assert len(orders) == 9
    assert Sampling(30, 0, shuffle=False).order(4).tolist() == list(range(30))


@pytest.mark.parametrize(("size", "counts"), [(64, [64, 36]), (100, [100]), (7, [7] * 14 + [2])])
def test_the_last_minibatch_of_a_sweep_is_the_rest(size: int, counts: list[int]) -> None:
    assert [m.count for m in Sampling(100, 0).minibatches(0, size)] == counts


@pytest.mark.parametrize("period", [1, 10])
def test_a_limited_judge_sees_all_classes(period: int) -> None:
    """Of data that are sorted by class, and of data whose classes take turns."""
    whole = Sampling(10_000, 3, shuffle=False)
    (minibatch,) = whole.subsample(100).minibatches(0, 100)
    assert (np.diff(minibatch.indices) > 0).all()
    classes = minibatch.indices % 10 if period == 10 else minibatch.indices // 1000
    assert len(set(classes.tolist())) == 10
    assert whole.subsample(10_000) is whole
    chosen = Sampling(4, 3, shuffle=False, chosen=np.array([5, 7, 11, 13])).subsample(2)
    assert set(next(chosen.minibatches(0, 2)).indices.tolist()) <= {5, 7, 11, 13}

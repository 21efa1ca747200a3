"""Feeds: the order asked for, values as the reader gave them, failures in the loop, no thread that stays behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from netdsl.readers.reader import Batch, DataError, Dataset, SampleRng
from netdsl.training.data.loader import Loader, ResidentLoader, ThreadedLoader, open_loader
from netdsl.training.data.sampling import Sampling

from .networks import Patches

CPU = torch.device("cpu")


def delivered(loader: Loader, size: int = 10) -> list[dict[str, torch.Tensor]]:
    sampling = Sampling(72, 1)
    return [loader.expand(d.raw) for epoch in range(2) for d in loader.load(sampling.minibatches(epoch, size))]


def test_resident_and_threaded_feeds_deliver_the_same() -> None:
    data = Patches().open(True)
    arrays = data.in_memory()
    assert arrays is not None
    threaded = ThreadedLoader(data, CPU, seed=0, workers=3)
    for ours, theirs in zip(delivered(ResidentLoader(arrays, CPU)), delivered(threaded), strict=True):
        assert torch.equal(ours["features"], theirs["features"])
        assert torch.equal(ours["labels"], theirs["labels"])
        assert ours["features"].dtype == torch.uint8
        assert ours["labels"].dtype == torch.int64
    threaded.close()


def test_resident_images_are_channels_last_without_a_copy() -> None:
    loader = ResidentLoader({"image": np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)}, CPU)
    picked = loader.expand({"rows": torch.tensor([1])})["image"]
    assert picked.shape == (1, 3, 4, 5)
    assert picked.is_contiguous(memory_format=torch.channels_last)
    assert picked[0, 2, 3, 4] == (119 % 256)


class Slow(Dataset):
    """Earlier minibatches take longer, so that threads finish in the opposite order."""

    count = 72

    def __init__(self, broken: int = -1, hangs: int = -1) -> None:
        self.broken, self.hangs = broken, hangs
        self.open_batches, self.most = 0, 0
        self.lock, self.release = threading.Lock(), threading.Event()

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        with self.lock:
            self.open_batches += 1
            self.most = max(self.most, self.open_batches)
        time.sleep(0.002 * (8 - indices[0] // 10))
        if self.hangs in indices:
            self.release.wait(20)
        if self.broken in indices:
            raise DataError("cut short", path="x.bin")
        with self.lock:
            self.open_batches -= 1
        return Batch({"x": np.array(indices)})


def plain(loader: Loader) -> list[list[int]]:
    return [d.raw["x"].tolist() for d in loader.load(Sampling(72, 0, shuffle=False).minibatches(0, 10))]


def test_the_order_is_kept_and_the_queue_is_bounded() -> None:
    data = Slow()
    loader = ThreadedLoader(data, CPU, 0, workers=4, ahead=4)
    assert [i for batch in plain(loader) for i in batch] == list(range(72))
    assert 1 < data.most <= 4
    assert loader.waited > 0
    loader.close()


def test_a_failure_comes_at_its_place_in_the_order() -> None:
    loader = ThreadedLoader(Slow(broken=35), CPU, 0, workers=4)
    seen = []
    with pytest.raises(DataError, match="cut short"):
        seen.extend(d.minibatch.offset for d in loader.load(Sampling(72, 0, shuffle=False).minibatches(0, 10)))
    assert seen == [0, 10, 20]
    loader.close()


def test_a_reader_that_hangs_is_not_waited_for_for_ever() -> None:
    data = Slow(hangs=15)
    loader = ThreadedLoader(data, CPU, 0, workers=2, stall_seconds=0.2)
    with pytest.raises(DataError, match="no data for 0 seconds"):
        plain(loader)
    data.release.set()
    loader.close()


def test_a_feed_that_is_left_early_leaves_no_threads() -> None:
    before = threading.active_count()
    loader = ThreadedLoader(Slow(), CPU, 0, workers=4)
    next(iter(loader.load(Sampling(72, 0).minibatches(0, 10))))
    loader.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(("free", "kind"), [(1 << 40, ResidentLoader), (1000, ThreadedLoader)])
def test_what_does_not_fit_the_device_is_not_made_resident(free: int, kind: type[Loader],
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    from netdsl.training.data import loader as loading

    monkeypatch.setattr(loading, "free_memory", lambda device: free)
    loader = open_loader(Patches().open(True), CPU, 0, 1)
    assert type(loader) is kind
    loader.close()


def test_random_transforms_draw_by_sweep_and_sample() -> None:
    loader = open_loader(Patches(noisy=True).open(True), CPU, 0, 2)
    whole = delivered(loader, size=10)
    again = delivered(loader, size=72)
    order = [np.concatenate([Sampling(72, 1).order(data_pass)]) for data_pass in range(2)]
    first = dict(zip(order[0], torch.cat([d["features"] for d in whole[:8]]), strict=True))
    other = dict(zip(order[0], again[0]["features"], strict=True))
    assert all(torch.equal(first[i], other[i]) for i in range(72))
    second = dict(zip(order[1], again[1]["features"], strict=True))
    assert not all(torch.equal(first[i], second[i]) for i in range(72))
    loader.close()

"""The embedded samples: real formats, the same bytes every time, and something to learn."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from netdsl.base.cache import cache_root
from netdsl.readers import READERS, SAMPLE_ROWS, SAMPLES, sample_folder
from netdsl.readers.reader import DataError, Sample, SampleRng
from netdsl.readers.transforms.geometry import Scale

SMALL = {
    "SampleImages": SAMPLES["SampleImages"](classes=4, per_class=10, size=32),
    "SampleMasks": SAMPLES["SampleMasks"](train=12, test=6, size=32),
    "SampleMNIST": SAMPLES["SampleMNIST"](train=300, test=100),
    "SampleCIFAR10": SAMPLES["SampleCIFAR10"](train=203, test=100),
}


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_row_has_a_small_use() -> None:
    assert set(SMALL) == {row.name() for row in SAMPLE_ROWS}


@pytest.mark.parametrize("sample", SMALL.values(), ids=str)
def test_same_options_same_bytes(sample: Sample, tmp_path: Path) -> None:
    one, two = sample_folder(sample, tmp_path / "a"), sample_folder(sample, tmp_path / "b")
    assert one.name == two.name == sample.key()
    assert contents(one) == contents(two)
    other = sample_folder(type(sample)(**{**vars(sample), "seed": 1}), tmp_path / "a")
    assert other != one
    assert contents(other).keys() == contents(one).keys()
    assert contents(other) != contents(one)


def test_a_folder_is_made_once_and_whole(tmp_path: Path) -> None:
    sample = SMALL["SampleMNIST"]
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: sample_folder(sample, tmp_path), range(4)))
    (folder,) = folders
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    before = os.stat(folder).st_mtime_ns
    assert sample_folder(sample, tmp_path) == folder
    assert os.stat(folder).st_mtime_ns == before


def test_a_stopped_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = SMALL["SampleCIFAR10"]

    def stopped(self: Sample, folder: Path) -> None:
        (folder / "data_batch_1.bin").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(sample), "make", stopped)
        with pytest.raises(KeyboardInterrupt):
            sample_folder(sample, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(contents(sample_folder(sample, tmp_path))) == 6


def test_the_replaced_name_does_not_change_the_data() -> None:
    row = SAMPLES["SampleMNIST"]
    assert row(replaces="folder").key() == row().key()
    assert row(train=20).key() != row().key()


def test_cache_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETDSL_CACHE", str(tmp_path / "mine"))
    assert cache_root() == tmp_path / "mine"
    monkeypatch.delenv("NETDSL_CACHE")
    assert cache_root().is_absolute()


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written") as caught:
        sample_folder(SMALL["SampleMNIST"], tmp_path / "file")
    assert "NETDSL_CACHE" in caught.value.hint


def nearest_mean_accuracy(train: dict[str, np.ndarray], test: dict[str, np.ndarray]) -> float:
    """Accuracy of the simplest classifier there is: the class whose mean image is nearest."""
    images = [arrays["features"].reshape(len(arrays["labels"]), -1).astype(np.float32) for arrays in (train, test)]
    means = np.stack([images[0][train["labels"] == k].mean(axis=0) for k in np.unique(train["labels"])])
    distances = ((images[1][:, None] - means) ** 2).sum(axis=2)
    return float((distances.argmin(axis=1) == test["labels"]).mean())


def test_mnist_sample_is_read_and_can_be_learned(tmp_path: Path) -> None:
    folder = sample_folder(SMALL["SampleMNIST"], tmp_path)
    assert sorted(contents(folder)) == [
        "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz"]
    parts = []
    for part, count in (("train", 300), ("t10k", 100)):
        reader = READERS["IDX"](images=f"{folder}/{part}-images-idx3-ubyte.gz",
                                labels=f"{folder}/{part}-labels-idx1-ubyte.gz")
        described = reader.describe()
        assert described.streams[0].dims == (28, 28, 1)
        assert described.streams[1].classes == 10
        dataset = reader.open(training=True)
        assert dataset.count == described.count == count
        parts.append(dataset.batch(range(count), SampleRng()).arrays)
    np.testing.assert_array_equal(np.bincount(parts[0]["labels"]), [30] * 10)
    assert 0.6 < nearest_mean_accuracy(*parts) < 1


def test_cifar_sample_is_read_and_can_be_learned(tmp_path: Path) -> None:
    folder = sample_folder(SMALL["SampleCIFAR10"], tmp_path)
    row = READERS["CIFAR10"]
    train = row(files=tuple(f"{folder}/data_batch_{k}.bin" for k in range(1, 6)))
    test = row(files=(f"{folder}/test_batch.bin",))
    assert (train.describe().count, test.describe().count) == (203, 100)
    parts = [
        reader.open(False).batch(range(reader.describe().count or 0), SampleRng()).arrays for reader in (train, test)
    ]
    assert nearest_mean_accuracy(*parts) > 0.5


def test_image_sample_is_read_and_can_be_learned(tmp_path: Path) -> None:
    folder = sample_folder(SMALL["SampleImages"], tmp_path)
    names = sorted(contents(folder))
    assert names[0] == "train/n00000001/n00000001_1.JPEG"
    assert len([name for name in names if name.startswith("train/")]) == 40
    assert len([name for name in names if name.startswith("val/")]) == 8
    parts = []
    for part in ("train", "val"):
        reader = READERS["ImageFolder"](folder=f"{folder}/{part}", transforms=(Scale(size=(16, 16)),), label_dim=1000)
        stream = reader.describe().streams[1]
        assert (stream.classes, stream.dims, len(stream.class_names)) == (1000, (1000,), 4)
        dataset = reader.open(training=True)
        parts.append(dataset.batch(range(dataset.count), SampleRng()).arrays)
    assert nearest_mean_accuracy(*parts) > 0.7


def test_digits_of_different_seeds_are_of_the_same_classes(tmp_path: Path) -> None:
    """Test data from another seed are recognised: the seed changes samples, not classes."""
    parts = []
    for seed in (0, 7):
        folder = sample_folder(SAMPLES["SampleMNIST"](train=300, test=10, seed=seed), tmp_path)
        dataset = READERS["IDX"](images=f"{folder}/train-images-idx3-ubyte.gz",
                                 labels=f"{folder}/train-labels-idx1-ubyte.gz").open(True)
        parts.append(dataset.batch(range(300), SampleRng()).arrays)
    assert nearest_mean_accuracy(*parts) > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("row", SAMPLE_ROWS, ids=lambda row: row.name())
def test_samples_are_made_within_seconds(row: type[Sample], tmp_path: Path) -> None:
    start = time.perf_counter()
    sample_folder(row(), tmp_path)
    assert time.perf_counter() - start < 10


def test_synthetic_data_can_be_learned() -> None:
    row = READERS["Synthetic"]
    parts = [row(dims=(8, 8), classes=5, count=200, seed=seed).open(True).batch(range(200), SampleRng()).arrays
             for seed in (0, 1)]
    assert nearest_mean_accuracy(*parts) > 0.9
    assert abs(float(parts[0]["features"].std()) - 1) < 0.1
    assert not np.array_equal(parts[0]["features"], parts[1]["features"])
    large = row(dims=(227, 227, 3), classes=1000, count=100_000).open(True)
    assert large.in_memory() is None
    assert large.batch([99_999], SampleRng()).arrays["features"].shape == (1, 3, 227, 227)
    assert row(dims=(3,)).describe().stream("labels") is None


def test_mask_sample_is_read_and_its_classes_have_their_colors(tmp_path: Path) -> None:
    folder = sample_folder(SMALL["SampleMasks"], tmp_path)
    reader = READERS["ImageMasks"](images=f"{folder}/train/images", masks=f"{folder}/train/masks", classes=5)
    stream = reader.describe().streams[1]
    assert (stream.dims, stream.classes) == ((32, 32, 5), 5)
    arrays = reader.open(training=True).batch(range(12), SampleRng()).arrays
    images, masks = arrays["features"].astype(np.float64), arrays["labels"]
    assert set(np.unique(masks)) <= set(range(5))
    assert len(np.unique(masks)) > 2
    means = [images.transpose(0, 2, 3, 1)[masks == k].mean(0) for k in np.unique(masks)]
    apart = min(np.abs(a - b).max() for i, a in enumerate(means) for b in means[:i])
    assert apart > 20

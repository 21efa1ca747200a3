"""Samples a second of the readers: JPEG chains beside a plain loop over Pillow, data in memory beside a DataLoader.

    python benchmarks/data.py [--seconds 4]

Takes real photographs from `../shared/data` where they are, else made-up ones. The processor's time of one thread
is the main measure; the clock shows what several threads make of it.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from common import ROOT, load, report, table
from PIL import Image

import netdsl
from netdsl.base.source import Source
from netdsl.ir.program import Phase
from netdsl.readers import SAMPLES, sample_folder
from netdsl.readers.reader import Dataset, Reader
from netdsl.training.data.loader import ResidentLoader, ThreadedLoader
from netdsl.training.data.sampling import Sampling

SHARED = ROOT.parent / "shared" / "data"
CHAIN = "RandomCrop {sideRatio = 0.88671875} : Flip {} : Scale {227:227}"
FILE = """network = {{ features = Input {{{dims}}} ; z = LinearLayer {{{classes}}} (features) ; outputNodes = z }}
reader = {{ train = {reader} }}
"""


def photographs() -> tuple[Path, str]:
    folder = SHARED / "imagenet-one-each"
    if folder.is_dir():
        return folder, "1,000 photographs of ImageNet"
    return sample_folder(SAMPLES["SampleImages"]()) / "train", "made-up JPEG images"


def reader_of(reader: str, dims: str, classes: int) -> Reader:
    checked = netdsl.load(Source("benchmark.net", FILE.format(reader=reader, dims=dims, classes=classes)))
    return checked.program.readers.get(Phase.TRAIN)


def pillow_loop(folder: Path) -> Iterator[int]:
    """The same chain by hand: a square crop, a flip, 227 x 227, channels first."""
    paths = sorted(str(path) for path in folder.rglob("*") if path.suffix.lower() in (".jpeg", ".jpg"))
    draw = random.Random(1)
    while True:
        draw.shuffle(paths)
        for path in paths:
            with Image.open(path) as opened:
                image = opened.convert("RGB")
            side = int(min(image.size) * 0.88671875)
            left, top = draw.randint(0, image.width - side), draw.randint(0, image.height - side)
            image = image.crop((left, top, left + side, top + side))
            if draw.random() < 0.5:
                image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            np.ascontiguousarray(np.asarray(image.resize((227, 227))).transpose(2, 0, 1))
            yield 1


def feed_of(dataset: Dataset, threads: int, size: int) -> Iterator[int]:
    loader, sampling = ThreadedLoader(dataset, torch.device("cpu"), 1, threads), Sampling(dataset.count, 1)
    epoch = 0
    while True:
        for batch in loader.load(sampling.minibatches(epoch, size)):
            yield batch.minibatch.count
        epoch += 1


def rates(source: Iterator[int], seconds: float) -> tuple[float, float]:
    """Samples a second of processor time, and of the clock."""
    for _ in range(3):
        next(source)
    done, start, clock = 0, time.process_time(), time.perf_counter()
    while time.perf_counter() - clock < seconds:
        done += next(source)
    return done / (time.process_time() - start), done / (time.perf_counter() - clock)


def images(seconds: float) -> tuple[str, str]:
    folder, what = photographs()
    reader = f'ImageFolder {{"{folder}", labelDim = 1000, transforms = {CHAIN}}}'
    dataset = reader_of(reader, "227:227:3", 1000).open(True)
    cores = len(os.sched_getaffinity(0))
    sources: dict[str, Callable[[], Iterator[int]]] = {
        "Pillow, a plain loop": lambda: pillow_loop(folder),
        "netdsl ImageFolder, 1 thread": lambda: feed_of(dataset, 1, 16),
        f"netdsl ImageFolder, {max(2, cores)} threads": lambda: feed_of(dataset, max(2, cores), 16),
    }
    best = dict.fromkeys(sources, (0.0, 0.0))
    for _ in range(3):
        for name, make in sources.items():
            found = rates(make(), seconds)
            best[name] = (max(best[name][0], found[0]), max(best[name][1], found[1]))
    rows = [[name, f"{p:,.0f}", f"{c:,.0f}"] for name, (p, c) in best.items()]
    return what, table(["", "images/s of processor time", "images/s by the clock"], rows)


class Samples(torch.utils.data.Dataset):
    """What tutorials do: a sample at a time."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(self.images[index]).float() / 256, int(self.labels[index])


def in_memory(seconds: float) -> str:
    draw = np.random.default_rng(1)
    images = draw.integers(0, 256, (50_000, 3, 32, 32), dtype=np.uint8)
    labels = draw.integers(0, 10, 50_000)

    def loader() -> Iterator[int]:
        while True:
            for x, _ in torch.utils.data.DataLoader(Samples(images, labels), 64, shuffle=True):
                yield len(x)

    def in_memory() -> Iterator[int]:
        loader, sampling = ResidentLoader({"x": images, "y": labels}, torch.device("cpu")), Sampling(50_000, 1)
        epoch = 0
        while True:
            for batch in loader.load(sampling.minibatches(epoch, 64)):
                loader.expand(dict(batch.raw))
                yield batch.minibatch.count
            epoch += 1

    rows = []
    for name, make in {"torch DataLoader over single samples": loader, "netdsl, resident bytes": in_memory}.items():
        processor, _ = max(rates(make(), seconds) for _ in range(3))
        rows.append([name, f"{processor:,.0f}", f"{64e6 / processor:,.0f}"])
    return table(["", "samples/s of processor time", "microseconds for 64"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4)
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    what, chain = images(seconds)
    report("data", "Samples a second", [
        f"The best of three turns of {seconds:g} seconds each; load of the machine {load():.1f}.",
        f"## JPEG: decode, random crop, flip, 227 x 227 ({what})", chain,
        "## 50,000 images of 32 x 32 x 3 in memory, shuffled, minibatches of 64", in_memory(seconds),
    ], ("torch", "pillow", "numpy"))


if __name__ == "__main__":
    main()

"""Small programs on data made in memory, for the tests of the trainer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import netdsl
from netdsl.base.source import Source
from netdsl.ir.program import CheckedProgram, Phase, Readers
from netdsl.readers.reader import Batch, DataError, Dataset, Description, Reader, SampleRng, Stream
from netdsl.spec import Flag, Integer, option

CLASSES, SIDE = 4, 8


@dataclass(frozen=True)
class Patches(Reader):
    """Bright patches in one of four corners, with noise: small, learnable, the same every time."""

    examples: ClassVar[tuple[str, ...]] = ()

    count: int = option(Integer(1), 72, "Samples.")
    first: int = option(Integer(0), 0, "Index of the first sample; another start is another set.")
    noisy: bool = option(Flag(), False, "Draw noise for every sample of every pass, as augmentation does.")
    flat: bool = option(Flag(), False, "Float vectors instead of byte images.")
    broken: int = option(Integer(-1), -1, "The sample that cannot be read.")
    dies: int = option(Integer(-1), -1, "The sample at which the worker dies.")
    not_a_number: int = option(Integer(-1), -1, "The sample that holds NaN.")

    def describe(self) -> Description:
        dims = (SIDE * SIDE,) if self.flat else (SIDE, SIDE, 1)
        return Description((Stream("features", dims), Stream("labels", (CLASSES,), CLASSES)), self.count)

    def open(self, training: bool) -> Dataset:
        return PatchData(self, training)


class PatchData(Dataset):
    class_names = ("north-west", "north-east", "south-west", "south-east")

    def __init__(self, reader: Patches, training: bool) -> None:
        self.reader, self.training, self.count = reader, training, reader.count
        images, labels = [], []
        for index in range(reader.first, reader.first + reader.count):
            random = np.random.default_rng(index)
            label = int(random.integers(CLASSES))
            image = random.integers(0, 120, (1, SIDE, SIDE))
            half = SIDE // 2
            image[0, (label // 2) * half : (label // 2 + 1) * half, (label % 2) * half : (label % 2 + 1) * half] += 60
            images.append(image.astype(np.uint8))
            labels.append(label)
        self.images, self.labels = np.stack(images), np.array(labels, dtype=np.int64)
        if reader.flat:
            self.images = (self.images.reshape(self.count, -1) / 255).astype(np.float32)

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        reader = self.reader
        if reader.broken in indices:
            raise DataError("the sample cannot be read", path="patches.bin", place=f"record {reader.broken}")
        if reader.dies in indices:
            raise SystemExit("killed")
        images = self.images[list(indices)]
        if reader.noisy and self.training:
            noise = np.stack([draws.sample(i).integers(0, 20, (1, SIDE, SIDE)) for i in indices])
            images = (images + noise).astype(np.uint8)
        if reader.not_a_number in indices:
            images = images.astype(np.float32)
            images[list(indices).index(reader.not_a_number)] = np.nan
        return Batch({"features": images, "labels": self.labels[list(indices)]},
                     tuple(f"patch {i}" for i in indices))

    def in_memory(self) -> dict[str, np.ndarray] | None:
        reader = self.reader
        if (reader.noisy and self.training) or max(reader.broken, reader.dies, reader.not_a_number) >= 0:
            return None
        return {"features": self.images, "labels": self.labels}


CONVNET = """
    model = Sequential (
        conv := ConvolutionalLayer {6, (3:3), pad = true, activation = ReLU} :
        norm := BatchNormalizationLayer {spatialRank = 2, normalizationTimeConstant = 200} :
        MaxPoolingLayer {(2:2), stride = 2} :
        hidden := DenseLayer {16, activation = ReLU} : Dropout :
        out := LinearLayer {4}
    )
    features = Input {8:8:1}
    z = model ((features - 64) * 0.02)
"""

MLP = """
    model = Sequential (hidden := DenseLayer {16, activation = ReLU} : out := LinearLayer {4})
    features = Input {64}
    z = model (features)
"""


def source(sgd: str, network: str = CONVNET) -> str:
    return f"""network = {{
{network}
    labels = Input {{4}}
    ce = CrossEntropyWithSoftmax (labels, z)
    errs = ClassificationError (labels, z)
    criterionNodes = ce
    evaluationNodes = errs
    outputNodes = z
}}
SGD = {{ {sgd} }}
"""


def program(sgd: str, network: str = CONVNET, *, train: Reader | None = None, test: Reader | None = None,
            validation: Reader | None = None, name: str = "patches.net") -> CheckedProgram:
    """A checked program on patches; `sgd` is what stands in the block."""
    checked = netdsl.check(Source(name, source(sgd, network)))
    flat = network is MLP
    given = {Phase.TRAIN: train or Patches(flat=flat), Phase.VALIDATION: validation, Phase.TEST: test}
    readers = Readers({phase: reader for phase, reader in given.items() if reader is not None})
    return dataclasses.replace(checked, readers=readers)

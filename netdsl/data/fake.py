"""Made-up data of the shapes that a network declares: for timing, and for trying out any file without data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..base.seeds import seed_for
from ..ir.program import CheckedProgram, Phase, Readers
from ..layers.criteria import OverClasses
from ..readers.reader import Batch, Dataset, Description, Reader, SampleRng, Stream

NUMBERS, TARGETS, CLASSES, MASK = "numbers", "targets", "classes", "mask"


@dataclass(frozen=True)
class DeclaredInput:
    """An input of a network, and what is delivered for it."""

    name: str
    dims: tuple[int, ...]  #: channels first; of classes the first extent is their number
    kind: str  #: NUMBERS: mean 0, deviation 1; TARGETS: 0..1; CLASSES: class numbers; MASK: one for each pixel

    def make(self, count: int, draw: np.random.Generator) -> np.ndarray:
        """Samples in the form that readers deliver: class numbers int64, other numbers float32."""
        if self.kind == CLASSES:
            return draw.integers(self.dims[0], size=count)
        if self.kind == MASK:
            return draw.integers(self.dims[0], size=(count, *self.dims[1:]))
        if self.kind == TARGETS:
            return draw.random((count, *self.dims), dtype=np.float32)
        return draw.standard_normal((count, *self.dims), dtype=np.float32)


def declared_inputs(program: CheckedProgram) -> tuple[DeclaredInput, ...]:
    """The inputs of the network, with what has to be made up for each."""
    return tuple(_declared(program, name) for name in program.inputs)


def _declared(program: CheckedProgram, name: str) -> DeclaredInput:
    uses = [(node, position) for node in program.network for position, use in enumerate(node.inputs)
            if use.node == name]
    dims = program.network[name].shape.dims
    slots = {node.layer.inputs[min(position, len(node.layer.inputs) - 1)] if node.layer.inputs else ""
             for node, position in uses}
    if slots != {"labels"}:
        return DeclaredInput(name, dims, NUMBERS)
    numbers = [count for node, _ in uses
               if (count := node.layer.class_numbers([program.network[use.node].shape for use in node.inputs]))]
    if numbers:
        return DeclaredInput(name, (min(numbers), *dims[1:]), MASK if len(dims) == 3 else CLASSES)
    if len(dims) == 1 and dims[0] > 1:
        return DeclaredInput(name, dims, CLASSES)
    over_classes = all(isinstance(node.layer, OverClasses) for node, _ in uses)
    return DeclaredInput(name, dims, MASK if over_classes and len(dims) == 3 and dims[0] > 1 else TARGETS)


@dataclass(frozen=True)
class Declared(Reader):
    """A reader of made-up samples for all inputs of one network; not a row of the table."""

    made: tuple[DeclaredInput, ...] = field(default=(), kw_only=True)
    count: int = field(default=1, kw_only=True)
    seed: int = field(default=0, kw_only=True)

    def describe(self) -> Description:
        return Description(tuple(Stream(i.name, tuple(reversed(i.dims)), note="made up") for i in self.made),
                           self.count)

    def open(self, training: bool) -> Dataset:
        return _Made(self)

    def fingerprint(self) -> Any:
        return f"made up, {self.count} samples"


class _Made(Dataset):
    def __init__(self, reader: Declared) -> None:
        self.count = reader.count
        draw = np.random.Generator(np.random.PCG64(seed_for(reader.seed, "declared")))
        self.arrays = {item.name: item.make(reader.count, draw) for item in reader.made}

    def batch(self, indices: Sequence[int], draws: SampleRng) -> Batch:
        return Batch({name: array[list(indices)] for name, array in self.arrays.items()},
                     tuple(f"made-up sample {index}" for index in indices))

    def in_memory(self) -> dict[str, np.ndarray]:
        return self.arrays


def with_declared_data(program: CheckedProgram, count: int) -> CheckedProgram:
    """The program with made-up data for training and testing instead of its readers."""
    made = declared_inputs(program)
    train, test = (Declared(made=made, count=count, seed=seed) for seed in (1, 2))
    return replace(program, readers=Readers({Phase.TRAIN: train, Phase.TEST: test}))

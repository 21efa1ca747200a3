"""What a checkpoint holds, for people: its tensors with their numbers, its position, its versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span
from ..importers.weight_table import other_weights_hint, weight_format_of
from ..layers.layer import Shape
from . import checkpoint

#: Formats whose files run code when they are read; they are never opened.
UNSAFE = (".pkl", ".pickle", ".ckpt", ".bin", ".joblib")


@dataclass(frozen=True)
class TensorFacts:
    """A stored tensor: extents in torch's order, type, and the range of its numbers."""

    name: str
    dims: tuple[int, ...]
    kind: str  #: `float32`
    low: float
    high: float
    mean: float
    bad: int  #: numbers that are not finite

    @property
    def shape(self) -> str:
        """In the notation of files: fastest axis first."""
        return str(Shape(self.dims))

    @property
    def size(self) -> int:
        return Shape(self.dims).size


@dataclass(frozen=True)
class Contents:
    """What `info` shows. `state` is empty for a plain safetensors file and for other systems' files."""

    path: Path
    tensors: tuple[TensorFacts, ...]
    trainer: tuple[TensorFacts, ...]
    state: dict[str, Any]
    bytes: int
    facts: tuple[tuple[str, str], ...] = ()  #: what another system's file says of itself
    nodes: tuple[tuple[str, str, str], ...] = ()  #: of a graph in it: name, operation, what it takes


def contents(path: Path) -> Contents:
    """Look into a checkpoint, a run's last one, or a safetensors file. Raises Failure `checkpoint-mismatch`."""
    if path.is_file() and path.suffix.lower() in UNSAFE:
        raise failure(Code.CHECKPOINT_MISMATCH, f"`{path.name}` is not in a format that can be read safely",
                      Span.nowhere(str(path)),
                      body=("Files of this kind can run code when they are opened, so they never are. Checkpoints "
                            "of netdsl are folders of safetensors and JSON.",),
                      hint="convert the file to safetensors where you trust it.")
    found = checkpoint.find(path)
    row = weight_format_of(found) if found.is_file() else None
    if row is not None:
        tensors = tuple(tensor_facts(name, torch.from_numpy(array.copy())) for name, array in row.arrays(found).items())
        facts = (("kind", row.title), *row.facts(found))
        return Contents(found, tensors, (), {}, found.stat().st_size, facts, tuple(row.parts(found)))
    if found.is_file():
        _require_safetensors(found)
        return Contents(found, tuple(_facts(found)), (), {}, found.stat().st_size)
    saved = checkpoint.read(found)  # says what is wrong with it
    weights, trainer = found / checkpoint.WEIGHTS, found / checkpoint.TRAINER
    size = sum(file.stat().st_size for file in found.iterdir() if file.is_file())
    return Contents(found, tuple(_facts(weights)), tuple(_facts(trainer)), saved.state, size)


def _require_safetensors(path: Path) -> None:
    try:
        with safe_open(path, "pt"):
            pass
    except (OSError, SafetensorError) as error:
        raise _not_one(path, error) from error


def _not_one(path: Path, error: Exception) -> Failure:
    return failure(Code.CHECKPOINT_MISMATCH, f"`{path.name}` is not a checkpoint", Span.nowhere(str(path)),
                   body=(f"Reading says: {error}.",),
                   hint=other_weights_hint(path))


def _facts(path: Path) -> Iterator[TensorFacts]:
    """One tensor at a time, so that the file need not fit into memory."""
    with safe_open(path, "pt") as file:
        for name in file.keys():  # noqa: SIM118 - not a mapping
            yield tensor_facts(name, file.get_tensor(name))


def tensor_facts(name: str, tensor: torch.Tensor) -> TensorFacts:
    """Range and mean of the finite numbers of a tensor."""
    numbers = tensor.detach().double() if tensor.numel() < 1 << 20 else tensor.detach().float()
    finite = torch.isfinite(numbers)
    bad = int((~finite).sum())
    if bad:
        numbers = numbers[finite]
    low, high, mean = (numbers.min().item(), numbers.max().item(), numbers.mean(dtype=torch.float64).item()) \
        if numbers.numel() else (float("nan"),) * 3
    return TensorFacts(name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), low, high, mean, bad)

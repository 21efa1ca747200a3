"""One update as one function of tensors: inputs, forward, backward, update, sums for the metrics.

Nothing in `TrainingStep` reads a tensor's value or branches on one, so the same function runs eagerly,
and is captured whole as a CUDA graph. What changes from step to step comes in as tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from ..base import processor
from ..lower import Executable
from ..optimizers.update import UpdateRule
from .data.mixing import MIX, mix
from .running_metrics import RunningMetrics

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Precision:
    """How numbers are held in the forward pass: float32 throughout, or bf16 where autocast allows it."""

    bf16: bool
    device: torch.device

    def context(self) -> AbstractContextManager[object]:
        if not self.bf16:
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


def choose_precision(wanted: str, device: torch.device) -> Precision:
    """`float`, `bf16`, or `auto`: bf16 where the device multiplies in it, float elsewhere."""
    return Precision(wanted == "bf16" or (wanted == "auto" and multiplies_bf16(device)), device)


def multiplies_bf16(device: torch.device) -> bool:
    """Whether bf16 products are made in hardware; where they are not, they are slower than float32's.

    Measured on a processor with AVX-512 bf16: the steps of four convolutional networks take 1.3 to 1.9 times
    less than in float32. Without such instructions oneDNN still takes bf16, and is slower.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, question, bool)() for question in questions)


def slow_precision_note(precision: Precision) -> str:
    """Said where bf16 was asked for and the device has no such products, unless `check` has said so."""
    if not precision.bf16 or multiplies_bf16(precision.device):
        return ""
    if precision.device.type == "cpu" and processor.multiplies_bf16() is False and not processor.may_have_gpu():
        return ""
    return "bf16 is slow on this device: it has no bf16 instructions; `precision = \"auto\"` takes float here"


@dataclass(frozen=True)
class StepInput:
    """What one update is made from: the tensors that were delivered, and how many samples they are."""

    raw: Tensors
    samples: int

    def shapes(self) -> tuple[object, ...]:
        """Equal for two works that one captured step can serve."""
        return tuple((name, tuple(tensor.shape), tensor.dtype) for name, tensor in self.raw.items())


class TrainingStep:
    """The device part of an update: `gradients`, then `update`. Both work in place.

    Criteria and metrics of its minibatches are added to `totals`. `piece` is how many samples are computed at a
    time, their gradients added up (0: all).
    """

    def __init__(self, executable: Executable, criteria: Sequence[str], rule: UpdateRule, precision: Precision,
                 expand: Callable[[Tensors], Tensors], totals: RunningMetrics, piece: int = 0) -> None:
        self.executable, self.criteria, self.rule = executable, tuple(criteria), rule
        self.precision, self.expand, self.piece = precision, expand, piece
        self.forward: Callable[..., Tensors] = executable.module
        self.learned = [tensor for tensor, _ in executable.parameters().values()]
        self.totals = totals

    def gradients(self, work: StepInput, check: bool = False) -> None:
        """Forward and backward: `.grad` becomes that of the criterion's mean over the samples.

        `check` reads the criterion before each backward pass and raises NonFinite; the weights are
        then still those that led to it.
        """
        for tensor in self.learned:
            tensor.grad = None
        for piece in split(self.inputs(work.raw), self.piece):
            values = self.values(piece)
            loss = sum_of_criteria(values, self.criteria) / work.samples
            if check and not torch.isfinite(loss).item():
                raise NonFinite(loss.item(), piece)
            loss.backward()  # type: ignore[no-untyped-call]
            self.totals.add(values)

    def inputs(self, raw: Tensors) -> Tensors:
        """What the network takes, by input name, from what was delivered."""
        inputs = network_inputs(self.executable.inputs, self.expand(raw))
        return mix(inputs, raw[MIX], self.executable.inputs) if MIX in raw else inputs

    def values(self, inputs: Tensors) -> Tensors:
        """The forward pass: (N, 1) for each root."""
        with self.precision.context():
            values = self.forward(*self.executable.arguments(inputs))
        return per_sample(self.executable, values, inputs)

    def update(self) -> None:
        """Change the weights by the coefficients that `rule.advance` has laid down."""
        self.rule.update()


class NonFinite(Exception):
    """The criterion of a minibatch is not a finite number; raised before the update."""

    def __init__(self, value: float, inputs: Tensors) -> None:
        super().__init__(f"the criterion is {value}")
        self.value, self.inputs = value, inputs


def sum_of_criteria(values: Mapping[str, torch.Tensor], criteria: Sequence[str]) -> torch.Tensor:
    """The sum over criteria and samples, in float32."""
    total = values[criteria[0]].float().sum()
    for name in criteria[1:]:
        total = total + values[name].float().sum()
    return total


def per_sample(executable: Executable, values: Tensors, inputs: Tensors) -> Tensors:
    """Values that are the same for every sample (a penalty on weights alone) once for each sample."""
    count = len(next(iter(inputs.values())))
    alike = [name for name in executable.roots if not executable.network[name].shape.batched
             and not executable.network[name].layer.is_set_metric]
    return {**values, **{name: values[name].reshape(1, 1).expand(count, 1) for name in alike}}


def network_inputs(names: Iterable[str], delivered: Tensors) -> Tensors:
    """The tensors of the network's inputs, images channels last; bytes and class numbers as they are."""
    inputs = {}
    for name in names:
        tensor = delivered[name]
        inputs[name] = tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor
    return inputs


def split(inputs: Tensors, size: int) -> list[Tensors]:
    """The minibatch in parts of `size` samples (0: whole), for gradients that are added up."""
    if not size or size >= len(next(iter(inputs.values()))):
        return [inputs]
    parts = {name: torch.split(tensor, size) for name, tensor in inputs.items()}
    return [dict(zip(parts, row, strict=True)) for row in zip(*parts.values(), strict=True)]

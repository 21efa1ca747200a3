"""How long everything takes: each layer forward and backward, and the parts of a training step.

The tables are those of Caffe (`caffe time`: each layer alone) and neon (`Model.benchmark`: forward,
backward and a whole iteration, with mean, median, least and greatest). Data are made up and lie on the
device; reading data is not part of any number here.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import fx

from ..base.seeds import seed_for
from ..data.fake import declared_inputs
from ..ir.network import totals
from ..ir.program import CheckedProgram
from ..lower import Executable
from ..optimizers.optimizer import StepRates
from .build import build, trained_state
from .data.loader import as_tensor
from .device import choose_device, describe_device, synchronize, torch_settings
from .failures import is_out_of_memory, out_of_memory
from .state import State
from .step import Precision, StepInput, Tensors, TrainingStep, choose_precision, network_inputs, sum_of_criteria
from .strategies import WORTH_A_TRIAL, Captured, Eager, candidates, choose


@dataclass(frozen=True)
class BenchOptions:
    """What is timed. `minibatch` None: the file's."""

    device: str = "auto"
    minibatch: int | None = None
    iterations: int = 10
    warm_up: int = 2


@dataclass(frozen=True)
class TimeSummary:
    """Milliseconds of several measurements of one thing."""

    mean: float
    median: float
    low: float
    high: float

    @staticmethod
    def of(values: list[float]) -> TimeSummary:
        return TimeSummary(statistics.fmean(values), statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class LayerTimes:
    """A layer alone. `backward` is None where no gradient passes: metrics, and what lies before all weights."""

    name: str
    layer: str
    macs: int  #: multiply-adds of a forward pass of one sample
    forward: TimeSummary
    backward: TimeSummary | None


@dataclass(frozen=True)
class Timings:
    """Everything that was measured."""

    device: str
    precision: str
    minibatch: int
    iterations: int
    warm_up: int
    layers: tuple[LayerTimes, ...]
    parts: dict[str, TimeSummary]  #: "forward", "backward", "update", "iteration"; on CUDA also the captured step
    macs: int  #: of a forward pass of one sample

    @property
    def samples_per_second(self) -> float:
        """By the median of the fastest way to make a whole iteration; of a forward pass without training."""
        whole = [times for name, times in self.parts.items() if name.startswith("iteration")] or [self.parts["forward"]]
        return 1000 * self.minibatch / min(times.median for times in whole)


def bench(program: CheckedProgram, options: BenchOptions) -> Timings:
    """Time the layers and the training step of a program on made-up data. Raises Failure."""
    device = choose_device(options.device)
    plan = program.plan
    size = options.minibatch or (plan.minibatch_size if plan is not None else 1)
    precision = choose_precision(plan.block.precision if plan is not None else "float", device)
    with torch_settings(device, False), _memory_errors(program, device):
        roots = (*program.criteria, *program.metrics) or program.outputs
        executable = build(program, roots, device, 0)
        executable.module.train()
        inputs = _made_up(program, executable, size, device)
        clock = _Clock(device)
        if plan is None or not program.criteria:
            parts = {"forward": _forward_only(executable, inputs, precision, clock, options)}
        else:
            state = trained_state(plan, executable, device)
            parts = _Step(program, executable, state, precision, inputs, size).measure(clock, options)
        layers = _Layers(program, executable, precision, inputs, size).measure(clock, options)
    return Timings(describe_device(device), "bf16" if precision.bf16 else "float32", size, options.iterations,
                   options.warm_up, layers, parts, totals(program.network).macs)


@contextmanager
def _memory_errors(program: CheckedProgram, device: torch.device) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(program, device, 1) from error


def _made_up(program: CheckedProgram, executable: Executable, size: int, device: torch.device) -> Tensors:
    draw = np.random.Generator(np.random.PCG64(seed_for(0, "bench")))
    made = {item.name: as_tensor(item.make(size, draw)).to(device) for item in declared_inputs(program)}
    return network_inputs(executable.inputs, made)


class _Clock:
    """Marks points in time: CUDA events on a GPU, which cost it nothing, the processor's clock elsewhere."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.marks: list[Any] = []

    def start(self) -> None:
        synchronize(self.device)
        self.marks = []
        self.mark()

    def mark(self) -> None:
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.perf_counter())

    def spans(self) -> list[float]:
        """Milliseconds from each mark to the next."""
        synchronize(self.device)
        pairs = zip(self.marks, self.marks[1:], strict=False)
        if self.device.type == "cuda":
            return [first.elapsed_time(second) for first, second in pairs]
        return [1000 * (second - first) for first, second in pairs]


def _repeated(once: Callable[[], list[float]], options: BenchOptions) -> list[list[float]]:
    """The measurements of every iteration behind the warm-up."""
    for _ in range(options.warm_up):
        once()
    return [once() for _ in range(options.iterations)]


def _forward_only(executable: Executable, inputs: Tensors, precision: Precision, clock: _Clock,
                  options: BenchOptions) -> TimeSummary:
    def once() -> list[float]:
        clock.start()
        with torch.no_grad(), precision.context():
            executable(inputs)
        clock.mark()
        return clock.spans()

    return TimeSummary.of([row[0] for row in _repeated(once, options)])


class _Step:
    """The training step as `run` makes it, with marks between its parts."""

    def __init__(
        self,
        program: CheckedProgram,
        executable: Executable,
        state: State,
        precision: Precision,
        inputs: Tensors,
        size: int,
    ) -> None:
        self.step = TrainingStep(executable, program.criteria, state.rule, precision, lambda raw: raw,
                                 state.totals)
        self.state, self.inputs, self.size = state, inputs, size
        assert program.plan is not None
        rates = program.plan.rates_at(0, size, 0.0, 0)
        # Made-up data teach nothing: without a rate the weights stay finite, and the work is the same.
        self.rates: StepRates = replace(rates, rate=0.0)

    def measure(self, clock: _Clock, options: BenchOptions) -> dict[str, TimeSummary]:
        rows = _repeated(lambda: self._parts(clock), options)
        parts = ("forward", "backward", "update")
        found = {name: TimeSummary.of([row[k] for row in rows]) for k, name in enumerate(parts)}
        found["iteration"] = TimeSummary.of([sum(row) for row in rows])
        captured = self._captured()
        if captured is not None:
            rows = _repeated(lambda: self._whole(captured, clock), options)
            found[f"iteration, {captured.name}"] = TimeSummary.of([row[0] for row in rows])
        return found

    def _parts(self, clock: _Clock) -> list[float]:
        clock.start()
        for tensor in self.step.learned:
            tensor.grad = None
        loss = sum_of_criteria(self.step.values(self.inputs), self.step.criteria) / self.size
        clock.mark()
        loss.backward()  # type: ignore[no-untyped-call]
        clock.mark()
        self.step.rule.advance(self.rates)
        self.step.update()
        clock.mark()
        return clock.spans()

    def _captured(self) -> Captured | None:
        """The step as a CUDA graph, where that is faster here than one operation after the other."""
        device = self.step.precision.device
        strategy, _ = choose(candidates(self.step, WORTH_A_TRIAL, False), StepInput(self.inputs, self.size), self.rates,
                             self.state.keep, lambda: synchronize(device))
        return strategy if isinstance(strategy, Captured) else None

    def _whole(self, strategy: Eager, clock: _Clock) -> list[float]:
        clock.start()
        strategy.run(StepInput(self.inputs, self.size), self.rates)
        clock.mark()
        return clock.spans()


class _Layers:
    """Every layer alone: its inputs are cut off from what made them, so its backward pass is its own."""

    def __init__(self, program: CheckedProgram, executable: Executable, precision: Precision, inputs: Tensors,
                 size: int) -> None:
        self.program, self.executable, self.precision = program, executable, precision
        self.inputs = executable.arguments(inputs)
        self.size = size
        self.calls = [node for node in executable.module.graph.nodes if "node" in node.meta]
        self.learned = [tensor for tensor, _ in executable.parameters().values()]

    def measure(self, clock: _Clock, options: BenchOptions) -> tuple[LayerTimes, ...]:
        backward_calls: list[fx.Node] = []

        def once() -> list[float]:
            spans, backward_calls[:] = self._once(clock)
            return spans

        rows = _repeated(once, options)
        forward = {node: TimeSummary.of([row[k] for row in rows]) for k, node in enumerate(self.calls)}
        first = len(self.calls)
        backward = {node: TimeSummary.of([row[first + k] for row in rows]) for k, node in enumerate(backward_calls)}
        found = []
        for node in self.calls:
            name = node.meta["node"]
            shaped = self.program.network[name]
            if not shaped.layer.is_input:
                found.append(LayerTimes(name, shaped.layer.name(), shaped.cost.macs, forward[node], backward.get(node)))
        return tuple(found)

    def _once(self, clock: _Clock) -> tuple[list[float], list[fx.Node]]:
        """All layers forward, then all backward; the spans in that order, and which layers went backward."""
        for tensor in self.learned:
            tensor.grad = None
        module, values, given = self.executable.module, dict[fx.Node, torch.Tensor](), dict[fx.Node, list[Any]]()
        placeholders = (node for node in module.graph.nodes if node.op == "placeholder")
        values.update(zip(placeholders, self.inputs, strict=True))
        clock.start()
        for node in self.calls:
            leaves = [(source, _cut(values[source])) for source in node.args]
            given[node] = leaves
            with self.precision.context():
                values[node] = module.get_submodule(str(node.target))(*(leaf for _, leaf in leaves))
            clock.mark()
        spans, went = clock.spans(), []
        clock.start()
        for node in self._backward(values, given):
            clock.mark()
            went.append(node)
        return spans + clock.spans(), went

    def _backward(self, values: dict[fx.Node, torch.Tensor], given: dict[fx.Node, list[Any]]) -> Iterator[fx.Node]:
        """Each layer's backward pass in turn; yields when it is over."""
        gradients = {node: torch.full_like(values[node], 1 / self.size) for node in self.calls
                     if node.meta["node"] in self.program.criteria}
        for node in reversed(self.calls):
            gradient = gradients.pop(node, None)
            if gradient is None or not values[node].requires_grad:
                continue
            torch.autograd.backward(values[node], gradient)
            for source, leaf in given[node]:
                if leaf.grad is not None:
                    gradients[source] = leaf.grad if source not in gradients else gradients[source] + leaf.grad
            yield node


def _cut(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers without their history; a gradient stops here if there was one to come."""
    return tensor.detach().requires_grad_(tensor.requires_grad)


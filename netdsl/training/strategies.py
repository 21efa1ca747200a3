"""How a step is run: eagerly, compiled, or captured whole as a CUDA graph; measured, never assumed.

All three change the same tensors by the same function, so they can take turns: the last, smaller
minibatch of an epoch runs eagerly beside captured ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..optimizers.optimizer import StepRates
from .step import StepInput, TrainingStep

#: Steps before a capture: cuDNN chooses algorithms, the allocator and the optimizer's state settle.
WARM_UP = 3
#: Steps that a trial times, and below how many steps in all a trial is not worth its time.
TRIAL_STEPS = 10
WORTH_A_TRIAL, WORTH_COMPILING = 300, 5000


class Eager:
    """Operation by operation. On the CPU it reads the criterion before each update."""

    name = "eager"
    #: What the step computes its forward pass by instead of its own.
    forward: Callable[..., dict[str, torch.Tensor]] | None = None

    def __init__(self, step: TrainingStep, check: bool = False) -> None:
        self.step, self.check = step, check

    def run(self, work: StepInput, rates: StepRates) -> None:
        """One update. With `check`, raises NonFinite before the weights change."""
        self.step.gradients(work, self.check)
        self.step.rule.advance(rates)
        self.step.update()

    def forget(self) -> None:
        """Settings of layers have changed (a dropout rate): what was captured with them is void."""


class Compiled(Eager):
    """The forward pass and its backward by torch.compile, the update as it is."""

    name = "compiled"
    forward: Callable[..., dict[str, torch.Tensor]]

    def __init__(self, step: TrainingStep) -> None:
        super().__init__(step)
        self.plain = step.forward
        self.forward = torch.compile(step.executable.module, mode="max-autotune-no-cudagraphs", dynamic=False)

    def run(self, work: StepInput, rates: StepRates) -> None:
        self.step.forward = self.forward
        try:
            super().run(work, rates)
        finally:
            self.step.forward = self.plain

    def forget(self) -> None:
        torch.compiler.reset()


class Captured(Eager):
    """The whole step as a CUDA graph, replayed with new inputs, coefficients and random state.

    The graph reads the tensors in `self.held`; `run` copies each minibatch there. It serves works of
    one shape (the first it sees) and lets the eager step do the others. Generators: torch registers
    the device's default generator with every capture, and a replay takes its seed and offset anew.
    """

    name = "CUDA graph"

    def __init__(self, inner: Eager) -> None:
        super().__init__(inner.step)
        self.inner, self.eager = inner, Eager(inner.step)
        self.name = "CUDA graph" if type(inner) is Eager else f"CUDA graph, {inner.name}"
        self.shapes: tuple[object, ...] | None = None
        self.graph: torch.cuda.CUDAGraph | None = None
        self.held: StepInput | None = None
        self.warmed = 0
        self.adopted = False  #: chosen by a trial: a later capture that fails falls back to eager
        self.refusal = ""

    def run(self, work: StepInput, rates: StepRates) -> None:
        if self.shapes is None:
            self.shapes = work.shapes()
        if work.shapes() != self.shapes:
            self.eager.run(work, rates)
        elif self.graph is None or self.held is None:
            self._warm_up(work, rates)
        else:
            for name, tensor in self.held.raw.items():
                tensor.copy_(work.raw[name], non_blocking=True)
            self.step.rule.advance(rates)
            self.graph.replay()

    def _warm_up(self, work: StepInput, rates: StepRates) -> None:
        """A real step, on a side stream as captures want it; after enough of them, capture the next."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self.inner.run(work, rates)
        torch.cuda.current_stream().wait_stream(stream)
        self.warmed += 1
        if self.warmed >= WARM_UP:
            try:
                self._capture(work)
            except Exception as error:
                if not self.adopted:
                    raise
                # The capture itself succeeded before; a failure here is out of memory. The step was made.
                self.refusal, self.shapes = first_line(error), ()

    def _capture(self, work: StepInput) -> None:
        """Record a step without running it (a capture executes nothing, so nothing changes)."""
        held = StepInput({name: tensor.clone() for name, tensor in work.raw.items()}, work.samples)
        for tensor in self.step.learned:
            tensor.grad = None
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        # thread_local: reader threads go on pinning memory meanwhile, which a global capture forbids.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._recorded(held)
        self.graph, self.held = graph, held

    def _recorded(self, held: StepInput) -> None:
        plain = self.step.forward
        if self.inner.forward is not None:
            self.step.forward = self.inner.forward
        try:
            self.step.gradients(held)
            self.step.update()
        finally:
            self.step.forward = plain

    def forget(self) -> None:
        self.graph, self.held, self.warmed = None, None, 0
        self.inner.forget()


@dataclass(frozen=True)
class Candidate:
    """A strategy that may be tried; made only when its turn comes."""

    name: str
    make: Callable[[], Eager]


def candidates(step: TrainingStep, steps: int, check: bool) -> tuple[Candidate, ...]:
    """What is worth trying on this device for a training of so many steps; plain eager is always first."""
    eager = Candidate("eager", lambda: Eager(step, check))
    if step.precision.device.type != "cuda" or steps < WORTH_A_TRIAL or not step.rule.capturable:
        return (eager,)
    captured = Candidate("CUDA graph", lambda: Captured(Eager(step)))
    if steps < WORTH_COMPILING:
        return (eager, captured)
    return (eager, captured, Candidate("CUDA graph, compiled", lambda: Captured(Compiled(step))))


@dataclass(frozen=True)
class Trial:
    """What came of trying the candidates: seconds a step by name, and why some could not run."""

    seconds: dict[str, float]
    refusals: dict[str, str]

    @property
    def fastest(self) -> str:
        return min(self.seconds, key=lambda name: self.seconds[name])

    def sentence(self) -> str:
        times = ", ".join(f"{name} {1000 * s:.2f} ms" for name, s in self.seconds.items())
        reasons = "".join(f"; {name} cannot be used here: {why}" for name, why in self.refusals.items())
        return f"step: {self.fastest} ({times}{reasons})"


def choose(found: Sequence[Candidate], work: StepInput, rates: StepRates, keep: Callable[[], Callable[[], None]],
           synchronize: Callable[[], None], clock: Callable[[], float] = time.perf_counter
           ) -> tuple[Eager, Trial | None]:
    """The fastest candidate on a real minibatch; the state is as before when the trial is over.

    `keep` copies everything that a step changes and returns how to put it back. A candidate that
    fails is left out with its reason; plain eager, the first, must run, so its failure is the caller's.
    """
    if len(found) == 1:
        return found[0].make(), None
    restore = keep()
    made: dict[str, Eager] = {}
    seconds, refusals = {}, {}
    for candidate in found:
        try:
            strategy = candidate.make()
            seconds[candidate.name] = _time(strategy, work, rates, clock, synchronize)
            made[candidate.name] = strategy
        except Exception as error:
            if candidate is found[0]:
                raise
            refusals[candidate.name] = first_line(error)
        finally:
            restore()
    trial = Trial(seconds, refusals)
    chosen = made[trial.fastest]
    if isinstance(chosen, Captured):
        chosen.adopted = True
    return chosen, trial


def _time(strategy: Eager, work: StepInput, rates: StepRates, clock: Callable[[], float],
          synchronize: Callable[[], None]) -> float:
    for _ in range(WARM_UP + 1):
        strategy.run(work, rates)
    synchronize()
    start = clock()
    for _ in range(TRIAL_STEPS):
        strategy.run(work, rates)
    synchronize()
    return (clock() - start) / TRIAL_STEPS


def first_line(error: BaseException) -> str:
    """An exception in a line's worth of words."""
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}"[:160]

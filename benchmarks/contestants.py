"""Who takes part in `training.py`: a training step of a network, made by netdsl or by hand.

Each contestant lives in a process of its own, so that one's allocator and settings are not another's.
The data lie in memory as the contestant likes them best; reading is not measured.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from common import ROOT


@dataclass(frozen=True)
class Case:
    """A network and the minibatch it is trained with."""

    name: str
    file: str
    minibatch: int
    side: int
    channels: int
    classes: int
    subtract: float
    divide: float
    samples: int


CASES = {
    "mnist": Case("mnist", "convnet_mnist.net", 64, 28, 1, 10, 0, 256, 6400),
    "cifar": Case("cifar", "convnet_cifar10.net", 64, 32, 3, 10, 128, 256, 6400),
    "resnet20": Case("resnet20", "resnet20_cifar10.net", 128, 32, 3, 10, 0, 256, 6400),
    "alexnet": Case("alexnet", "alexnet_imagenet.net", 16, 227, 3, 1000, 114, 1, 128),
    "resnet50": Case("resnet50", "resnet50_imagenet.net", 8, 224, 3, 1000, 114, 64, 64),
}

#: Takes a number of steps and returns what each took, in seconds (on a GPU: all of them by their number).
Runner = Callable[[int], list[float]]
RATE, MOMENTUM, DECAY = 1e-4, 0.9, 5e-4


@dataclass(frozen=True)
class Contestant:
    """How a step is made. `environment` is set for its process before torch is imported."""

    name: str
    make: Callable[[Case, str, dict[str, Any]], tuple[Runner, str]]
    options: dict[str, Any]
    environment: dict[str, str]


def timed(step: Callable[[], None], device: str) -> Runner:
    """With one thread on the CPU by the processor's time, which foreign processes hardly change; else by the clock."""
    import torch

    clock = time.process_time if device == "cpu" and torch.get_num_threads() == 1 else time.perf_counter

    def run(count: int) -> list[float]:
        if device == "cpu":
            times = []
            for _ in range(count):
                start = clock()
                step()
                times.append(clock() - start)
            return times
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(count):
            step()
        torch.cuda.synchronize()
        return [(time.perf_counter() - start) / count] * count

    return run


def torch_step(case: Case, device: str, options: dict[str, Any]) -> tuple[Runner, str]:
    """The network by hand. Options: channels_last, fused, bf16, compile, onednn."""
    import torch
    import torch.nn.functional as F
    from hand_written import NETWORKS

    torch.manual_seed(1)
    if options.get("onednn"):
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    torch.backends.cudnn.benchmark = True
    layout = torch.channels_last if options.get("channels_last") else torch.contiguous_format
    model = NETWORKS[case.name]().to(device, memory_format=layout).train()
    images = torch.randint(0, 256, (case.samples, case.channels, case.side, case.side), dtype=torch.uint8)
    images = ((images.float() - case.subtract) / case.divide).to(device, memory_format=layout)
    labels = torch.randint(0, case.classes, (case.samples,), device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY,
                                fused=True if options.get("fused") else None)
    forward = torch.compile(model, mode=options["compile"]) if options.get("compile") else model
    starts = itertools.cycle(range(0, case.samples - case.minibatch + 1, case.minibatch))

    def step() -> None:
        at = next(starts)
        x, y = images[at : at + case.minibatch], labels[at : at + case.minibatch]
        with torch.autocast(device, torch.bfloat16, enabled=bool(options.get("bf16"))):
            loss = F.cross_entropy(forward(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return timed(step, device), f"{sum(p.numel() for p in model.parameters()):,} parameters"


def netdsl_step(case: Case, device: str, options: dict[str, Any]) -> tuple[Runner, str]:
    """The shipped file, by the parts that `netdsl run` trains with. Options: precision, eager."""
    import numpy as np

    import netdsl
    from netdsl.ir.network import totals
    from netdsl.training.build import build, trained_state
    from netdsl.training.data.loader import ResidentLoader
    from netdsl.training.data.sampling import Sampling
    from netdsl.training.device import choose_device, seed_step, synchronize, torch_settings
    from netdsl.training.step import StepInput, TrainingStep, choose_precision
    from netdsl.training.strategies import candidates, choose

    wanted = [f"SGD.minibatchSize={case.minibatch}", f"SGD.precision='{options.get('precision', 'float')}'"]
    program = netdsl.check(netdsl.load(ROOT / "networks" / case.file, wanted))
    plan, where = program.plan, choose_device(device)
    torch_settings(where, False).__enter__()  # for as long as the process lives
    executable = build(program, (*program.criteria, *program.metrics), where, 1)
    state = trained_state(plan, executable, where)
    executable.configure(plan.settings_at(0.0))
    executable.module.train()
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (case.samples, case.channels, case.side, case.side), dtype=np.uint8)
    loader = ResidentLoader({"features": images, "labels": random.integers(0, case.classes, case.samples)}, where)
    step = TrainingStep(executable, program.criteria, state.rule, choose_precision(plan.block.precision, where),
                        loader.expand, state.totals)
    sampling = Sampling(case.samples, 1)
    batches = (d for epoch in itertools.count() for d in loader.load(sampling.minibatches(epoch, case.minibatch)))
    rates = replace(plan.rates_at(0, case.minibatch, 0.0, 0), rate=RATE / case.minibatch, momentum=MOMENTUM)

    def work() -> StepInput:
        batch = next(batches)
        return StepInput(dict(batch.raw), batch.minibatch.count)

    found = candidates(step, 10**6, where.type == "cpu")
    found = found[:1] if options.get("eager") else found
    strategy, trial = choose(found, work(), rates, state.keep, lambda: synchronize(where))

    def one() -> None:
        seed_step(1, state.position.step, where)
        strategy.run(work(), rates)
        state.advance(case.minibatch, rates)

    note = f"{totals(program.network).parameters:,} parameters"
    return timed(one, device), note + (f"; {trial.sentence()}" if trial is not None else "")


#: What keeps glibc from giving memory back after every step, as netdsl does from within.
KEEP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**60)}

CPU = (
    Contestant("torch, as written", torch_step, {}, {}),
    Contestant("torch, tuned by hand", torch_step, {"channels_last": True, "fused": True, "onednn": True}, KEEP),
    Contestant("netdsl", netdsl_step, {}, {}),
    Contestant("torch, tuned, bf16", torch_step, {"channels_last": True, "fused": True, "onednn": True, "bf16": True},
               KEEP),
    Contestant("netdsl, bf16", netdsl_step, {"precision": "bf16"}, {}),
)

_AMP = {"channels_last": True, "fused": True, "bf16": True}
CUDA = (
    Contestant("torch, eager AMP", torch_step, _AMP, {}),
    Contestant("torch.compile", torch_step, _AMP | {"compile": "default"}, {}),
    Contestant("torch.compile max-autotune", torch_step, _AMP | {"compile": "max-autotune"}, {}),
    Contestant("netdsl, eager", netdsl_step, {"precision": "bf16", "eager": True}, {}),
    Contestant("netdsl", netdsl_step, {"precision": "bf16"}, {}),
)

"""A training step of shipped networks beside the same network in plain PyTorch: ratios, by alternated rounds.

    python benchmarks/training.py [mnist] [cifar] [resnet20] [alexnet] [--seconds 40] [--device cpu|cuda]
                                  [--threads 2]

With a GPU the table for it is made, else the CPU's. Every contestant runs in a process of its own and all
wait while one of them computes. On a busy machine take one thread: then the processor's time is measured.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import sys
import time
from dataclasses import replace
from multiprocessing.connection import Connection

from common import load, median, report, table
from contestants import CASES, CPU, CUDA, Case, Contestant

#: On a GPU networks are trained with the minibatches of their papers.
CUDA_CASES = {"mnist": 64, "cifar": 64, "resnet20": 128, "alexnet": 128, "resnet50": 128}
CPU_CASES = ("mnist", "cifar", "resnet20", "alexnet")


def serve(connection: Connection, contestant: Contestant, case: Case, device: str, threads: int) -> None:
    """The contestant's process: makes its step, then runs as many as it is told, until told 0."""
    import torch

    if device == "cpu":
        torch.set_num_threads(threads)
    try:
        run, note = contestant.make(case, device, contestant.options)
        run(1 if device == "cpu" else 10)  # compilers and the choice of algorithms have their turn here
        connection.send((run(2), note))
        while count := connection.recv():
            connection.send(run(count))
    except Exception as error:  # a contestant that cannot run here is left out, with its reason
        connection.send((None, f"{type(error).__name__}: {error}".splitlines()[0]))


class Rival:
    """A contestant as the referee sees it."""

    def __init__(self, contestant: Contestant, case: Case, device: str, threads: int) -> None:
        context = mp.get_context("spawn")
        self.name, self.rounds = contestant.name, []
        self.connection, other = context.Pipe()
        before = dict(os.environ)
        os.environ.update(contestant.environment)
        self.process = context.Process(target=serve, args=(other, contestant, case, device, threads), daemon=True)
        self.process.start()
        os.environ.clear()
        os.environ.update(before)
        first, self.note = self.connection.recv()
        self.runs = first is not None
        self.count = max(1, round(0.4 / min(first))) if first else 0

    def turn(self) -> None:
        self.connection.send(self.count)
        self.rounds.append(self.connection.recv())

    def end(self) -> None:
        if self.runs:
            self.connection.send(0)
        self.process.join(10)

    @property
    def least(self) -> float:
        return min(min(times) for times in self.rounds)

    @property
    def median(self) -> float:
        return median([value for times in self.rounds for value in times])


def compete(case: Case, contestants: tuple[Contestant, ...], device: str, seconds: float, threads: int) -> list[Rival]:
    rivals = [Rival(contestant, case, device, threads) for contestant in contestants]
    running = [rival for rival in rivals if rival.runs]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for rival in running:
            rival.turn()
    for rival in rivals:
        rival.end()
    return rivals


def section(case: Case, rivals: list[Rival], busy: float) -> list[str]:
    first = next(rival for rival in rivals if rival.runs)
    rows = [[r.name, f"{1000 * r.median:.2f}", f"{1000 * r.least:.2f}", f"{first.median / r.median:.2f}",
             f"{first.least / r.least:.2f}", f"{case.minibatch / r.least:,.0f}"] for r in rivals if r.runs]
    head = ["", "median ms", "least ms", "times faster (median)", "(least)", "samples/s (least)"]
    notes = [f"{r.name}: {r.note}." for r in rivals if not r.runs or ";" in r.note]
    counts = {r.note.partition(" ")[0] for r in rivals if r.runs}
    same = f"All have {counts.pop()} parameters." if len(counts) == 1 else f"They differ in parameters: {counts}."
    rounds = len(first.rounds)
    text = f"{same} {rounds} rounds of {first.count} or so steps; load of the machine {busy:.1f}."
    return [f"## {case.name}: `{case.file}`, minibatch {case.minibatch}", table(head, rows), " ".join([text, *notes])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*")
    parser.add_argument("--seconds", type=float, default=40, help="for each network, beside making the contestants")
    parser.add_argument("--device", choices=("cpu", "cuda"))
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--threads", type=int, default=cores if load() < 0.5 * cores else 1)
    options = parser.parse_args()
    import torch

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    names = options.networks or (list(CUDA_CASES) if device == "cuda" else list(CPU_CASES))
    paragraphs = [_method(device, torch.cuda.get_device_name() if device == "cuda" else _threads(options.threads))]
    for name in names:
        case = CASES[name] if device == "cpu" else replace(CASES[name], minibatch=CUDA_CASES[name],
                                                           samples=max(CASES[name].samples, 4 * CUDA_CASES[name]))
        rivals = compete(case, CPU if device == "cpu" else CUDA, device, options.seconds, options.threads)
        paragraphs += section(case, rivals, load())
        print("\n\n".join(paragraphs[-3:]), file=sys.stderr, flush=True)
    title = "Training steps beside plain PyTorch" + (", on a GPU" if device == "cuda" else "")
    report("training" if device == "cpu" else "training_cuda", title, paragraphs, ("torch", "numpy"))


def _threads(threads: int) -> str:
    if threads > 1:
        return f"{threads} threads, by the clock"
    return ("1 thread, by the processor's time: the machine was busy with other work, which delays two threads that "
            "wait for each other many times over but takes little of one's own time")


def _method(device: str, what: str) -> str:
    own = ("\"As written\" is eager float32, channels first, `torch.optim.SGD` as it comes, batches cut from a float "
           "tensor in memory. \"Tuned by hand\" is channels last, the fused optimizer, an allocator that keeps its "
           "memory, and float32 products by oneDNN; bf16 is autocast. netdsl runs the shipped file by the parts of "
           "`netdsl run`: it picks shuffled rows of resident bytes, converts them, counts errors and looks at the "
           "criterion in every step, which the others do not do."
           if device == "cpu" else
           "All with bf16 autocast, channels last and fused optimizers. netdsl picks shuffled rows of resident bytes, "
           "converts them and counts errors within the step, and chooses how to run it by a trial.")
    return (f"Device: {what}. {own} The least of the steps is what the code can do; the median is what the machine, "
            "with whatever else it did, made of it.")


if __name__ == "__main__":
    main()

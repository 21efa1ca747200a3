"""Reading, elaborating and checking large files, and cold starts of the command line.

    python benchmarks/frontend.py [--rounds 5]

Times are the processor's own (user and system), so that other work on the machine hardly counts; for the cold
starts the clock's least is given too.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from common import ROOT, load, median, report, table

import netdsl
from netdsl.base.recursion import run_deep
from netdsl.base.source import Source
from netdsl.syntax.format.printer import format_text
from netdsl.syntax.parser import parse

BLOCK = """network = {
    x = Input {8:8:4}
    block {n} = %s
    outputNodes = LayerStack {%d, i => block {4}} (x)
}"""
RESIDUAL = ("{ main = Sequential (ConvolutionalLayer {n, (3:3), pad = true} : ReLU : ConvolutionalLayer {n, (3:3), "
            "pad = true}) ; apply (x) = ReLU (main (x) + x) }.apply")
LINE = '    h%d = ConvolutionalLayer {4, (3:3), stride = 1, pad = true, init = "heNormal"} (h%d)    # a step\n'


def texts() -> dict[str, str]:
    steps = " : ".join(["ReLU"] * 10_000)
    lines = "".join(LINE % (i + 1, i) for i in range(20_000))
    return {
        "100,000 nodes: 50,000 blocks of convolution and ReLU":
            BLOCK % ("Sequential (ConvolutionalLayer {n, (3:3), pad = true} : ReLU)", 50_000),
        "1,000 residual blocks": BLOCK % (RESIDUAL, 1_000),
        "a Sequential of 10,000 steps": f"network = {{ x = Input {{8:8:4}} ; outputNodes = Sequential ({steps}) (x) }}",
        "20,000 lines, a layer on each":
            f"network = {{\n    h0 = Input {{8:8:4}}\n{lines}    outputNodes = h20000\n}}\n",
    }


def seconds(work: Callable[[], object], rounds: int) -> list[float]:
    found = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return found


def shown(values: list[float]) -> list[str]:
    return [f"{median(values):.2f}", f"{min(values):.2f}"]


def large_files(rounds: int) -> str:
    rows = []
    for name, text in texts().items():
        checked = netdsl.load(Source("large.net", text))
        assert checked.program is not None, checked.diagnostics
        assert not checked.errors, checked.diagnostics
        count = len(checked.program.network)
        times = seconds(lambda text=text: netdsl.load(Source("large.net", text)), rounds)
        rows.append([f"check: {name}", f"{count:,}", *shown(times)])
    text = texts()["20,000 lines, a layer on each"]
    rows.append(["parse only: 20,000 lines", "", *shown(seconds(lambda: parse(Source("a", text)), rounds))])
    once = text[: len(text) // 10].rsplit("\n", 1)[0] + "\n}\n"
    rows.append(["format: 2,000 lines", "", *shown(seconds(lambda: run_deep(lambda: format_text(Source("a", once))),
                                                           rounds))])
    return table(["", "nodes", "median s", "least s"], rows)


def cold(arguments: list[str], environment: dict[str, str], rounds: int) -> tuple[list[float], list[float]]:
    """User and system seconds of a process, and by the clock."""
    processor, clock = [], []
    for _ in range(rounds + 1):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        clock.append(time.perf_counter() - start)
        processor.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return processor[1:], clock[1:]  # the first one fills the caches


def cold_starts(rounds: int) -> str:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        kept |= {"PYTHONPYCACHEPREFIX": folder, "NETDSL_CACHE": folder}
        bare = {**kept, "PYTHONDONTWRITEBYTECODE": "1"}
        del bare["PYTHONPYCACHEPREFIX"]
        check = ["-m", "netdsl", "check", "networks/convnet_mnist.net"]
        cases = {
            "python -c pass": (["-c", "pass"], kept),
            "netdsl check convnet_mnist.net": (check, kept),
            "the same, netdsl without bytecode": (check, bare),
            "netdsl check resnet110_cifar10.net": ([*check[:3], "networks/resnet110_cifar10.net"], kept),
            "netdsl --help": (["-m", "netdsl", "--help"], kept),
            "netdsl layers ConvolutionalLayer": (["-m", "netdsl", "layers", "ConvolutionalLayer"], kept),
        }
        for name, (arguments, environment) in cases.items():
            processor, clock = cold(arguments, environment, rounds)
            rows.append([name, f"{1000 * median(processor):.0f}", f"{1000 * min(processor):.0f}",
                         f"{1000 * min(clock):.0f}"])
    return table(["", "median ms", "least ms", "least by the clock"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    report("frontend", "The front end: large files and cold starts", [
        f"Processor time (user and system) of {rounds} rounds; load of the machine {load():.1f}.",
        "## Large files", large_files(rounds),
        "## Cold starts", "Whole processes, with the caches that a second start finds.", cold_starts(2 * rounds),
    ], ("lark", "networkx", "click"))


if __name__ == "__main__":
    main()

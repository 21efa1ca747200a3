"""`netdsl run --smoke`: does the file train, test, save and load? In seconds, and without its data."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.failure import Failure
from ..base.render import render_all
from ..checks.memory_estimate import estimate_memory
from ..data.fake import with_declared_data
from ..ir.program import CheckedProgram
from .output import color_wanted, err, out

if TYPE_CHECKING:
    from ..optimizers.plan import TrainingPlan

#: Samples of a minibatch, and updates: few enough for VGG-16 on two cores, and batch normalization works.
MINIBATCH, UPDATES = 2, 2


class _Failed(Exception):
    """A step has failed, and its message is printed."""


def run_smoke(file: str, overrides: Sequence[str]) -> int:
    """Try out every phase of the file on made-up data of the declared shapes; the exit code."""
    from ..compiler import load

    started = time.perf_counter()
    checked = load(file, overrides)
    program = _small(with_declared_data(checked.require(), MINIBATCH * UPDATES))
    out(f"smoke test of {Path(file).name}: made-up data of the declared shapes, {MINIBATCH} samples a minibatch")
    try:
        with tempfile.TemporaryDirectory(prefix="netdsl-smoke-", dir=_fast_folder(program)) as folder:
            (_try_all if program.plan is not None and program.criteria else _try_forward)(program, Path(folder) / "run")
    except _Failed:
        out(f"FAILED after {time.perf_counter() - started:.1f} s")
        return 1
    out(f"OK in {time.perf_counter() - started:.1f} s")
    return 0


def _small(program: CheckedProgram) -> CheckedProgram:
    """The plan with small minibatches, and rates as much smaller; held-out data and start weights left out."""
    if program.plan is None:
        return program
    from ..optimizers.schedules.schedule import constant

    given = program.plan
    # A rate for hundreds of samples would throw two of them out of range, which says nothing of the file.
    share = 1.0 if given.rate_unit == "per sample" else min(1.0, MINIBATCH / given.update_size_at(0))
    block = dataclasses.replace(given.block, minibatch_size=constant(MINIBATCH), epoch_size=0, accumulate=1,
                                num_subminibatches=1, validation=0.0, early_stopping=None, load_weights="")
    plan: TrainingPlan = dataclasses.replace(given, block=block, rate=constant(share * given.highest_rate))
    return dataclasses.replace(program, plan=plan)


def _try_all(program: CheckedProgram, folder: Path) -> None:
    from ..training import Limits, RunOptions, train
    from ..training import test as evaluate

    options = RunOptions(device="auto", out=folder, limits=Limits(epochs=1, minibatches=UPDATES), workers=1)
    with _step("train, test and save") as say:
        result = train(program, options)
        say(f"{result.steps} updates, {_values(result.train)}")
    with _step("load and test again") as say:
        again = evaluate(program, folder, options=RunOptions(limits=options.limits, workers=1))
        say(_values(again.values))
        differing = [name for name, value in again.values.items()
                     if abs(value - (result.test or {})[name]) > 1e-4 * max(1.0, abs(value))]
        if differing:
            raise ValueError(f"`{differing[0]}` changed after loading: {_values(result.test or {})}")


def _try_forward(program: CheckedProgram, folder: Path) -> None:
    """A file without a plan or a criterion: its outputs only."""
    from ..training import RunOptions
    from ..training.evaluation.forward import outputs_on

    out("    train, test             left out: the file has no training plan or no criterion")
    with _step("compute the outputs") as say:
        shapes = outputs_on(program, RunOptions())
        say(", ".join(f"{name} {shape}" for name, shape in shapes.items()))


def _fast_folder(program: CheckedProgram) -> str | None:
    """Memory as a file system, where there is one with room: a checkpoint of VGG-16 has a gigabyte."""
    memory = "/dev/shm"
    needed = 4 * estimate_memory(program).training_bytes
    return memory if os.path.isdir(memory) and shutil.disk_usage(memory).free > needed else None


def _values(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())


@contextmanager
def _step(what: str) -> Iterator[Callable[[str], None]]:
    """A line for a step: what was tried, OK or FAILED, how long it took, and what it came to."""
    notes: list[str] = []
    started = time.perf_counter()

    def line(word: str) -> None:
        out(f"    {what:22}  {word:6}  {time.perf_counter() - started:5.1f} s  {'; '.join(notes)}".rstrip())

    try:
        yield notes.append
    except Failure as failed:
        line("FAILED")
        err(render_all(failed.diagnostics, color=color_wanted(sys.stderr)), nl=False)
        raise _Failed from failed
    except ValueError as error:
        line("FAILED")
        err(f"error: {error}")
        raise _Failed from error
    line("OK")

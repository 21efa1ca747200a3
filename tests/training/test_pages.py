"""The pages of runs as golden files, `tests/errors/<code>/<case>.txt`, beside those of `netdsl check`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from netdsl import training
from netdsl.base import atomic_files as storage
from netdsl.base.failure import Failure
from netdsl.base.render import render_all
from netdsl.checks.memory_estimate import Memory
from netdsl.ir.program import Readers
from netdsl.training import failures as diagnosis
from netdsl.training import strategies

from .networks import CONVNET, Patches, program

PLAN = "maxEpochs = 3 ; minibatchSize = 16 ; learningRate = 0.05 ; momentum = 0.9"
Action = Callable[[Path, pytest.MonkeyPatch], object]
PAGES: dict[str, Action] = {}


def case(name: str) -> Callable[[Action], Action]:
    def note(action: Action) -> Action:
        PAGES[name] = action
        return action

    return note


def run(block: str = PLAN, network: str = CONVNET, *, out: Path, train: Patches | None = None,
        **options: object) -> training.Result:
    return training.train(program(block, network, train=train, name="networks/patches.net"), out=out, device="cpu",
                          **options)  # type: ignore[arg-type]


@case("diverged/rate")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    return run(PLAN.replace("0.05", "1e30"), out=folder / "run")


@case("diverged/data")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    return run(train=Patches(not_a_number=7), out=folder / "run")


@case("out-of-memory/minibatch")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    mega = 1_000_000
    patch.setattr(strategies.Eager, "run", fail)
    patch.setattr(diagnosis, "total_memory", lambda device: 12_000 * mega)
    patch.setattr(diagnosis, "estimate_memory", lambda program: Memory(
        16, 248 * mega, 248 * mega, 248 * mega, 0, 900 * mega, mega))
    return run(out=folder / "run")


@case("cannot-write/full")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    usage = dataclasses.make_dataclass("Usage", ["free"])(1000)
    patch.setattr(storage.shutil, "disk_usage", lambda path: usage)
    return run(out=folder / "run")


@case("cannot-write/taken")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    run(out=folder / "run")
    return run(out=folder / "run")


@case("checkpoint-mismatch/plan")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    run(out=folder / "run")
    return run(PLAN.replace("0.05", "0.1"), out=folder / "run", resume=folder / "run")


@case("checkpoint-mismatch/network")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    run(out=folder / "run")
    return run(PLAN, CONVNET.replace("DenseLayer {16", "DenseLayer {17"), out=folder / "run", resume=folder / "run")


@case("checkpoint-mismatch/weights")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    first = run(out=folder / "run")
    return run(PLAN, CONVNET.replace("DenseLayer {16", "DenseLayer {17"), out=folder / "new", weights=first.checkpoint)


@case("checkpoint-mismatch/missing")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    run(out=folder / "run")
    return run(out=folder / "run", resume=folder / "run/checkpoints/epoch-0007")


@case("no-device/cuda")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(torch.cuda, "is_available", lambda: False)
    patch.setattr(torch.version, "cuda", "12.6")
    return training.train(program(PLAN), out=folder / "run", device="cuda")


@case("no-training/reader")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    checked = program(PLAN)
    return training.train(dataclasses.replace(checked, readers=Readers()),
                          out=folder / "run", device="cpu")


@case("not-deterministic/operation")
def _(folder: Path, patch: pytest.MonkeyPatch) -> object:
    def fail(*_: object) -> None:
        raise RuntimeError("max_unpooling2d_forward_out does not have a deterministic implementation, but you set it. "
                           "More.")

    patch.setattr(strategies.Eager, "run", fail)
    return run(PLAN + " ;\n        deterministic = true", out=folder / "run")


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[str, Path], None]) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Failure) as failed:
        PAGES[name](Path("runs"), monkeypatch)
    assert {d.code for d in failed.value.diagnostics} == {name.split("/")[0]}
    assert all(len(d.title) <= 78 for d in failed.value.diagnostics)
    page = render_all(failed.value.diagnostics)
    assert page.isascii()
    assert not [line for line in page.splitlines() if len(line) > 78 and not line.startswith("    ")
                and not line.startswith("error[")]
    # What the processor decides in the last digits.
    page = re.sub(r"-?\d\.\d+e[+-]\d+ to -?\d\.\d+e[+-]\d+", "LOW to HIGH", page)
    target = Path("tests/errors") / f"{name}.txt"
    golden(page, target)

"""A run that is killed at any write, rename or link, and resumed, leaves what the undisturbed run leaves.

Weights, optimizer state, every record and its order, the table, the result, which checkpoints are kept and where the
links lead: all but times. And a disk that is full at any write ends in a page.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from netdsl.base.failure import Failure
from netdsl.ir.program import CheckedProgram
from netdsl.training import train

from .networks import MLP, Patches, program

BLOCK = "minibatchSize = 16 ; learningRate = 0.05 ; momentum = 0.9 ; numMBsToShowResult = 2 ; keepCheckpoints = 1"
PLANS = {
    "plain": f"maxEpochs = 3 ; {BLOCK}",
    "rate control": f"maxEpochs = 4 ; {BLOCK} ; AutoAdjust = {{ autoAdjustLR = 'adjustAfterEpoch' ; "
                    "loadBestModel = true ; reduceLearnRateIfImproveLessThan = 0.9 }",
    "early stopping": f"maxEpochs = 4 ; {BLOCK} ; validation = 0.25 ; earlyStopping = {{ patience = 1 }}",
}
TIMES = {"seconds", "samplesPerSecond", "waiting", "started", "command"}


class Killed(BaseException):
    """Stands for a signal that no handler sees."""


def case(name: str) -> CheckedProgram:
    data = Patches(flat=True, count=64)
    return program(PLANS[name], MLP, train=data, test=Patches(flat=True, first=1000, count=24))


@contextmanager
def disturbed(monkeypatch: pytest.MonkeyPatch, moment: int, act: Callable[[], Any]) -> Iterator[list[int]]:
    """Do `act` in place of one of all renames, links, removals and writes of lines; counts them."""
    seen = [0]

    def watch(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            seen[0] += 1
            if seen[0] == moment:
                act()
            return real(*arguments, **options)

        patch.setattr(owner, name, call)

    with monkeypatch.context() as patch:
        for name in ("rename", "replace", "symlink", "fsync"):
            watch(os, name)
        watch(Path, "write_bytes")
        watch(Path, "write_text")
        if act is kill:  # a removal that the disk refuses is ignored
            watch(shutil, "rmtree")
        yield seen


def kill() -> None:
    raise Killed


def fill() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def facts(folder: Path) -> dict[str, Any]:
    """All that a run leaves, but for times."""
    lines = [without_times(json.loads(line)) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    table = [row.split(",") for row in (folder / "metrics.csv").read_text().splitlines()]
    timed = {index for index, title in enumerate(table[0]) if title in TIMES}
    kept = sorted(path.name for path in (folder / "checkpoints").iterdir())
    weights = {name: load_file(folder / "checkpoints" / name / "weights.safetensors") for name in ("best", "last")
               if (folder / "checkpoints" / name).exists()}
    return {
        "records": lines, "table": [[cell for i, cell in enumerate(row) if i not in timed] for row in table],
        "result": {key: value for key, value in without_times(json.loads((folder / "result.json").read_text())).items()
                   if key not in ("out", "folder", "best", "last")},
        "checkpoints": kept,
        "links": {name: os.readlink(folder / "checkpoints" / name) for name in kept
                  if (folder / "checkpoints" / name).is_symlink()},
        "weights": {name: {key: tensor.numpy().tobytes() for key, tensor in tensors.items()}
                    for name, tensors in weights.items()},
    }


def count_moments(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    with disturbed(monkeypatch, -1, kill) as seen:
        train(case(name), out=folder, device="cpu")
    return seen[0]


def resumed(name: str, folder: Path) -> None:
    """Go on from the last checkpoint, or begin again where there is none, as a person would."""
    if (folder / "checkpoints" / "last").exists():
        train(case(name), out=folder, device="cpu", resume=folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        train(case(name), out=folder, device="cpu")


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("part", [pytest.param(7, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)])
def test_a_killed_run_leaves_what_the_undisturbed_one_does(name: str, part: int, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    moments = count_moments(name, tmp_path / "straight", monkeypatch)
    wanted = facts(tmp_path / "straight")
    assert moments > 20
    for moment in range(1 + len(name) % part, moments + 1, part):
        folder = tmp_path / f"killed-{moment}"
        with disturbed(monkeypatch, moment, kill), pytest.raises(Killed):
            train(case(name), out=folder, device="cpu")
        resumed(name, folder)
        found = facts(folder)
        assert {key: found[key] == wanted[key] for key in wanted} == dict.fromkeys(wanted, True), f"moment {moment}"


@pytest.mark.parametrize("part", [pytest.param(7, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)])
def test_a_full_disk_is_a_page_at_every_moment(part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = count_moments("plain", tmp_path / "straight", monkeypatch)
    wanted = facts(tmp_path / "straight")
    for moment in range(1, moments + 1, part):
        folder = tmp_path / f"full-{moment}"
        with disturbed(monkeypatch, moment, fill):
            failed = failure_of(lambda folder=folder: train(case("plain"), out=folder, device="cpu"))
        # Where there was none, a rename before a removal was refused, which does no harm.
        assert failed is None or failed.diagnostics[0].code == "cannot-write", f"moment {moment}"
        resumed("plain", folder)
        assert facts(folder)["records"] == wanted["records"], f"moment {moment}"


def failure_of(work: Callable[[], Any]) -> Failure | None:
    try:
        work()
    except Failure as failed:
        return failed
    return None


class _Full(io.StringIO):
    """A file whose disk has no room left: neither for a line nor when it is closed."""

    def flush(self) -> None:
        fill()

    def close(self) -> None:
        fill()


@pytest.mark.parametrize("stream", ["_lines", "_log"])
def test_a_disk_that_fills_while_a_line_is_written_is_a_page(stream: str, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    from netdsl.runs.writer import RunWriter

    real = RunWriter.describe

    def describe(self: RunWriter, *arguments: Any) -> None:
        real(self, *arguments)
        setattr(self, stream, _Full())

    monkeypatch.setattr(RunWriter, "describe", describe)
    with pytest.raises(Failure) as caught:
        train(case("plain"), out=tmp_path / "run", device="cpu")
    assert caught.value.diagnostics[0].code == "cannot-write"

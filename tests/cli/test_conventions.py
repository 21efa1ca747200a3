"""What all commands have in common: help, exit codes, colour, broken pipes, where text goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Command

MINE = ("test", "predict", "bench", "new", "data", "info", "runs")
JSON_FORMS = [
    ("test", "small.net", "--device", "cpu", "--format", "json"), ("info", "runs/small/0", "--format", "json"),
    ("bench", "small.net", "--device", "cpu", "--iterations", "1", "--format", "json"), ("runs", "--format", "json"),
    ("runs", "compare", "runs/small/0", "runs/small/1", "--format", "json"),
]


@pytest.mark.parametrize("name", [*MINE, "data fetch", "data show", "runs list", "runs compare", "runs report"])
def test_help(command: Command, name: str) -> None:
    answer = command(*name.split(), "--help")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"Usage: netdsl {name}")
    assert all(len(line) <= 100 for line in answer.out.splitlines())


@pytest.mark.parametrize("name", [name for name in MINE if name not in ("new", "runs")])
def test_an_unknown_option_is_one_line_and_a_hint(command: Command, name: str) -> None:
    answer = command(name, "--checkpiont", "x")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert len(answer.err.splitlines()) <= 3
    assert "--help" in answer.err


@pytest.mark.parametrize("arguments", JSON_FORMS, ids=lambda a: " ".join(a[:2]))
def test_standard_output_is_json_alone(command: Command, work: Path, arguments: tuple[str, ...]) -> None:
    answer = command(*arguments)
    assert answer.code == 0, answer.err
    assert "NaN" not in answer.out
    json.loads(answer.out)


@pytest.mark.parametrize(("variable", "colored"), [("NO_COLOR", False), ("FORCE_COLOR", True)])
def test_colour_is_as_the_environment_says(command: Command, work: Path, monkeypatch: pytest.MonkeyPatch, variable: str,
                                           colored: bool) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "1")
    answer = command("test", "small.net", "-c", "nowhere")
    assert ("\033[" in answer.err) is colored


def test_a_broken_pipe_is_no_error(work: Path, cache: Path) -> None:
    environment = {**os.environ, "NETDSL_CACHE": str(cache), "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, "-m", "netdsl", "runs", "--format", "json"], cwd=work, env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read().decode()
    assert (process.wait(), errors) == (0, "")
    process.stderr.close()


def test_listing_runs_needs_no_torch(work: Path) -> None:
    code = ("import sys; from netdsl.cli import run; run(['runs']); run(['runs', 'compare', 'runs/small/0', 'small']); "
            "assert 'torch' not in sys.modules")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], cwd=work, env=environment, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr

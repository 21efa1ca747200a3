"""`--help`, its examples, completion, and what people type who come from other programs."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from netdsl.cli import COMMANDS, root
from netdsl.cli.completion import VARIABLE, override_paths
from netdsl.cli.help_examples import example_lines
from netdsl.elaborate.overrides import is_override

from .conftest import Command


def every_command() -> list[tuple[str, click.Command]]:
    found = []
    for name in COMMANDS:
        command = root.get_command(click.Context(root), name)
        assert command is not None
        if isinstance(command, click.Group):
            found += [(f"{name} {inner}", command.commands[inner])
                      for inner in command.list_commands(click.Context(command))]
        else:
            found.append((name, command))
    return found


EXAMPLES = [(name, line) for name, command in every_command() for line in example_lines(command)]


def test_every_command_has_examples() -> None:
    assert [name for name, command in every_command() if not example_lines(command)] == []


@pytest.mark.parametrize(("name", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_examples_parse(name: str, line: str) -> None:
    words = shlex.split(line.split(" > ")[0].replace("*.net", "a.net b.net"))
    if words[0] == "eval":
        words = shlex.split(words[1].removeprefix("$(").removesuffix(")"))
    assert words[0] == "netdsl"
    command, context = root, root.make_context("netdsl", words[1:])
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        found, inner, rest = command.resolve_command(context, rest)
        assert inner is not None
        command, context = inner, inner.make_context(found, rest, parent=context)
    assert " ".join(context.command_path.split()[1:]) == name
    for override in context.params.get("overrides") or ():
        assert is_override(override), override


@pytest.mark.parametrize("name", [name for name, _ in every_command()])
def test_help_fits_a_terminal_of_80_columns(command: Command, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    answer = command(*name.split(), "--help")
    assert answer.code == 0
    assert "  Examples:\n    netdsl " in answer.out or "  Examples:\n    eval" in answer.out
    assert [line for line in answer.out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(("option", "words"), [
    ("--dry-run", "netdsl check FILE"), ("--epochs=3", "SGD.maxEpochs=3"), ("--lr=0.1", "SGD.learningRate"),
    ("--gpu", "--device cuda"), ("--batch-size=3", "SGD.minibatchSize"), ("--pretrained=x", "--weights"),
])
def test_options_of_other_programs(command: Command, option: str, words: str) -> None:
    answer = command("run", "x.net", option)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err.splitlines()[1]


def test_an_option_that_the_command_cannot_replace(command: Command) -> None:
    assert "--weights" not in command("graph", "x.net", "--checkpoint", "y").err
    assert "Hint: write `--weights PATH`" in command("train", "x.net", "--checkpoint", "y").err


def test_the_first_page_says_where_to_begin(command: Command) -> None:
    text = command("--help").out
    assert text.index("Examples:") < text.index("netdsl new --from photos/") < text.index("netdsl run photos.net")


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("run", "small.net", "--max-time", "1 fortnight"), 2, "not a time; write seconds or units: 90, 45s, 30m, 1h30m"),
    (("run", "small.net", "--max-time", "0"), 2, "longer than 0"),
    (("run", "small.net", "--device", "gpu"), 1, "write `cuda`"),
    (("train", "small.net", "--device", "gpu:1"), 1, "write `cuda:1`"),
    (("layers", "LSTM"), 2, "there are no recurrent layers"),
    (("layers", "Conv"), 2, "here it is `ConvolutionalLayer`"),
    (("layers", "denselayer"), 2, "did you mean `DenseLayer`?"),
    (("layers", "--search", "lstm"), 1, "there are no recurrent layers"),
    (("layers", "--search", "zzz"), 1, "nothing is called or described by `zzz`"),
])
def test_what_people_ask_for(command: Command, work: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    answer = command(*arguments)
    assert answer.code == code, answer.err
    assert words in " ".join(answer.err.split())


def test_layers_are_searched(command: Command) -> None:
    text = command("layers", "--search", "BatchNorm2d").out
    assert "BatchNormalizationLayer" in text
    assert "MultiHeadAttentionLayer" in command("layers", "--search", "attention").out
    text = command("layers", "--search", "pool").out
    assert "MaxPoolingLayer" in text
    assert "Dropout" not in text
    text = command("layers", "--search", "softmax").out
    assert text.index("LogSoftmax") < text.index("described so") < text.index("MultiViewCrop")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_tables_fit_the_terminal(command: Command, work: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    network = "networks/resnet18_imagenet.net"
    for arguments in (("check", network), ("check", network, "--depth", "2"), ("layers",), ("layers", "DenseLayer"),
                      ("info", "runs/small/0"), ("runs",)):
        lines = [line for line in command(*arguments).out.splitlines() if "not there:" not in line]
        assert [line for line in lines if len(line) > width] == [], arguments


def test_check_shows_groups(command: Command, work: Path) -> None:
    lines = command("check", "networks/resnet18_imagenet.net", "--depth", "1").out.splitlines()
    table = lines[: lines.index("")]
    assert len(table) < 10
    model = next(line for line in table if line.startswith("model"))
    assert "11,689,512" in model
    assert " layers " in model


def test_check_counts_what_is_trained(command: Command, work: Path) -> None:
    assert "19,090 in 4 tensors (74.6 KiB), all trained" in command("check", "small.net").out
    text = command("check", "small.net", "SGD.freeze='model.hidden.*'").out
    assert "250 in 2 tensors are trained, the others frozen" in " ".join(text.split())


# --- completion -------------------------------------------------------------------------------------------


def complete(work: Path, line: str) -> list[str]:
    """What the shell is answered for a line; the last word is what is completed."""
    words = line.split(" ")
    environment = {**os.environ, VARIABLE: "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
                   "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-m", "netdsl"], cwd=work, env=environment, capture_output=True, text=True,
                          check=False)
    assert done.stderr == ""
    return [answer.partition(",")[2] for answer in done.stdout.splitlines()]


@pytest.mark.parametrize(("line", "wanted"), [
    ("netdsl che", ["check"]), ("netdsl run --max-t", ["--max-time"]), ("netdsl check sma", ["small.net"]),
    ("netdsl graph networks/lenet", ["networks/lenet_mnist.net"]), ("netdsl run small.net data", ["dataDir="]),
    ("netdsl run small.net SGD.maxE", ["SGD.maxEpochs="]), ("netdsl check small.net SGD.maxE", ["SGD.maxEpochs="]),
    ("netdsl layers MaxU", ["MaxUnpooling", "MaxUnpoolingLayer"]), ("netdsl test small.net -c sma", ["small"]),
    ("netdsl run small.net --resume runs/small/", ["runs/small/1", "runs/small/0"]),
    ("netdsl runs compare sm", ["small"]), ("netdsl runs list --sort test.e", ["test.errs"]),
    ("netdsl graph small.net --format m", ["mermaid"]),
    ("netdsl run small.net --device cu", ["cuda", "cuda:0", "cuda:1"]),
])
def test_completion(work: Path, line: str, wanted: list[str]) -> None:
    assert complete(work, line) == wanted


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell(command: Command, shell: str) -> None:
    answer = command("completion", shell)
    assert answer.code == 0
    assert VARIABLE in answer.out


def test_bash_completes(command: Command, work: Path, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    program = tmp_path / "netdsl"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -m netdsl \"$@\"\n")
    program.chmod(0o755)
    script = command("completion", "bash").out + """
compopt () { :; }
COMP_WORDS=(netdsl run small.net SGD.maxE); COMP_CWORD=3
_netdsl_completion netdsl
echo "${COMPREPLY[@]}"
"""
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}",
                   "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([bash, "-c", script], cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("SGD.maxEpochs=", "")


def test_a_file_with_a_mistake_has_no_paths(tmp_path: Path) -> None:
    (tmp_path / "wrong.net").write_text("a = = 3")
    assert override_paths(str(tmp_path / "wrong.net")) == []
    assert override_paths(str(tmp_path / "none.net")) == []

"""The list of commands, and what happens to their errors.

A command's module is imported when the command runs, so that `check` starts without torch and
`--help` without either.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import traceback
from collections.abc import Sequence
from keyword import iskeyword
from typing import Any

import click

from ..base.failure import Failure
from ..base.render import render_all
from ..base.suggest import did_you_mean
from ..elaborate import limits
from .completion import VARIABLE
from .help_examples import examples
from .output import ReaderGone, color_wanted, err

#: command -> (module, one line). The order is the order of `netdsl --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("check", "Shapes, parameters, cost, memory, plan; every mistake before anything runs."),
    "graph": ("graph", "A diagram: SVG, PNG, DOT, Mermaid or text."),
    "run": ("train", "Check, then train and test as the file says."),
    "train": ("train", "Check and train; no test at the end."),
    "sweep": ("sweep", "Several runs with other values, in one table and one plot."),
    "test": ("test", "The whole test set from a checkpoint."),
    "predict": ("predict", "Classes of images or rows, from a checkpoint."),
    "export": ("export", "An ONNX model, PyTorch source, weights: for other programs."),
    "bench": ("bench", "Times of every layer: forward, backward, update."),
    "show": ("show", "The file as resolved: includes and overrides in place."),
    "diff": ("diff", "What differs between two networks: graph, shapes, cost, plan, data."),
    "fmt": ("fmt", "Rewrite files in the one canonical style."),
    "layers": ("layers", "The layers and functions, or one of them with its options."),
    "import": ("import_file", "A file of CNTK, Caffe, darknet or ONNX, written as a `.net` file."),
    "new": ("new", "A commented template, also from a folder of images."),
    "data": ("data", "Fetch MNIST, Fashion-MNIST, CIFAR-10; show augmented samples."),
    "info": ("info", "What a checkpoint holds."),
    "runs": ("runs", "List and compare runs."),
    "completion": ("completion", "Completion of commands, files, runs and layers for bash, zsh and fish."),
}

EXIT_OK, EXIT_ERRORS, EXIT_USAGE, EXIT_BUG, EXIT_INTERRUPTED = 0, 1, 2, 70, 130


class _Commands(click.Group):
    """Commands by name, their modules imported on use; an unknown one is answered with the nearest."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f".{COMMANDS[name][0]}", __name__.rpartition(".")[0])
        command: click.Command = getattr(module, f"{name}_" if iskeyword(name) else name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS:
            near = did_you_mean(args[0], COMMANDS)
            hint = near or ("a file needs a command: `netdsl check " + args[0] + "`."
                            if args[0].endswith(".net") else f"commands: {', '.join(COMMANDS)}.")
            raise click.UsageError(f"there is no command `{args[0]}`; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@examples(
    ("netdsl new --from photos/", "begin with a folder of images: writes photos.net"),
    ("netdsl check photos.net", "what it is, what it costs, and every mistake"),
    ("netdsl run photos.net", "train and test it"),
    ("netdsl predict photos.net picture.jpg", "use it"),
)
@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="netdsl", prog_name="netdsl")
@click.option("--traceback", "show_traceback", is_flag=True, help="Show the Python traceback of a bug in netdsl.")
@click.option("--evaluation-limit", "factor", type=click.FloatRange(min=0, min_open=True), default=1.0,
              metavar="TIMES", help="How much longer than usual the evaluation of a file may take: 10 is ten times.")
def root(show_traceback: bool, factor: float) -> None:
    """A language for neural networks: check, draw, train and test a `.net` file."""
    limits.set_factor(factor)


def run(arguments: Sequence[str]) -> int:
    """Run a command; the exit code. Never lets a traceback through unless `--traceback` asks for it."""
    if not arguments and VARIABLE not in os.environ:
        err(root.get_help(click.Context(root, info_name="netdsl")))
        return EXIT_USAGE
    try:
        result = root.main(list(arguments), prog_name="netdsl", standalone_mode=False)
        return result if isinstance(result, int) else EXIT_OK
    except Failure as failed:
        err(render_all(failed.diagnostics, color=color_wanted(sys.stderr)), nl=False)
        return EXIT_ERRORS
    except click.UsageError as wrong:
        return _usage(wrong)
    except click.exceptions.Exit as left:
        return int(left.exit_code)
    except (KeyboardInterrupt, click.Abort):
        err("interrupted")
        return EXIT_INTERRUPTED
    except (BrokenPipeError, ReaderGone):
        # The reader of our output has gone (`netdsl check x | head`): nothing to say, nowhere to say it.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:
        return _bug(error, "--traceback" in arguments)


#: Options of other programs, and what does that here.
_ELSEWHERE = {
    "--dry-run": "`netdsl check FILE` finds every mistake without training, `netdsl run FILE --smoke` tries it out.",
    "--epochs": "the plan's length is set by `SGD.maxEpochs=3`; `--max-epochs` stops a plan early.",
    "--lr": "write `SGD.learningRate=0.01`.", "--learning-rate": "write `SGD.learningRate=0.01`.",
    "--batch-size": "write `SGD.minibatchSize=64`.", "--batch": "write `SGD.minibatchSize=64`.",
    "--momentum": "write `SGD.momentum=0.9`.", "--weight-decay": "write `SGD.weightDecay=1e-4`.",
    "--optimizer": "write `'SGD.optimizer=Adam {}'`.", "--precision": "write `SGD.precision=bf16`.",
    "--gpu": "write `--device cuda`.", "--gpus": "write `--device cuda`.", "--cuda": "write `--device cuda`.",
    "--cpu": "write `--device cpu`.", "--data": "write `dataDir=PATH`, if the file has a `dataDir`.",
    "--output": "write `--out DIR`.", "--output-dir": "write `--out DIR`.", "--name": "write `--out DIR`.",
    "--pretrained": "write `--weights PATH`.", "--load": "write `--weights PATH`, or `--resume RUN` to resume.",
    "--checkpoint": "write `--weights PATH` to start from its weights, or `--resume RUN` to resume.",
    "--json": "write `--format json`.", "--verbose": "it is; `--quiet` turns progress off.",
    "--fast-dev-run": "write `--smoke`.", "--set": "a value is set by its path alone: `SGD.maxEpochs=3`.",
}


def _elsewhere(wrong: click.NoSuchOption) -> str:
    """What does here what an option of another program does there, if the command that was typed can do it."""
    hint = _ELSEWHERE.get(wrong.option_name, "")
    known = {name for option in wrong.ctx.command.params for name in option.opts} if wrong.ctx is not None else set()
    return hint if all(name in known for name in re.findall(r"`(--[\w-]+)", hint)) else ""


def _usage(wrong: click.UsageError) -> int:
    message = wrong.format_message().rstrip(".")
    elsewhere = ""
    if isinstance(wrong, click.NoSuchOption):
        elsewhere = _elsewhere(wrong)
        message = f"there is no option `{wrong.option_name}`" if elsewhere else message
    err(f"error: {message[:1].lower()}{message[1:]}")
    if elsewhere:
        err(f"Hint: {elsewhere}")
    elif wrong.ctx is not None:
        err(f"Hint: `{wrong.ctx.command_path} --help` shows what it takes.")
    return EXIT_USAGE


def _bug(error: Exception, show_traceback: bool) -> int:
    notes = "\n".join(f"  {note}" for note in getattr(error, "__notes__", ()))
    err(f"this is a bug in netdsl: {type(error).__name__}: {error}\n{notes}".rstrip())
    if show_traceback:
        err("".join(traceback.format_exception(error)))
    else:
        err("Hint: `netdsl --traceback ...` shows where; please report it with the `.net` file.")
    return EXIT_BUG


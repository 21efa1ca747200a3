"""`netdsl run` and `netdsl train`: check, train, test."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from ..api.training_run import Console, train_network, write_run_report
from ..base.units import plural
from .common_options import TIME, file_and_overrides, print_warnings
from .completion import complete_checkpoint
from .help_examples import examples
from .output import err, on_terminal, out, room, without_reader
from .weights_options import device_option, map_option

if TYPE_CHECKING:
    from ..training import RunOptions

#: With `--overfit` the criterion is to fall below this share of its first epoch's.
NEAR_ZERO = 0.1


def _training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        device_option,
        click.option("--out", "-o", help="The run's folder; by default runs/NETWORK/TIME."),
        click.option("--resume", metavar="PATH|RUN", shell_complete=complete_checkpoint,
                     help="Resume a checkpoint or a run, at the exact next minibatch."),
        click.option("--accept-changes", is_flag=True, help="Resume even if the plan or the network has changed."),
        click.option("--weights", metavar="PATH|RUN", shell_complete=complete_checkpoint,
                     help="Start from the weights of a checkpoint."),
        map_option,
        click.option("--allow-missing", multiple=True, metavar="GLOB",
                     help="Tensors that may be missing and start fresh."),
        click.option("--best", metavar="METRIC",
                     help="The criterion or metric that chooses the best epoch; by default the first evaluation node."),
        click.option("--seed", type=click.IntRange(0), help="The run's seed (SGD.seed); by default the file's."),
        click.option("--workers", type=click.IntRange(0), help="Threads that read data."),
        click.option("--max-epochs", type=click.IntRange(1), help="Stop after this many epochs of the plan."),
        click.option("--max-steps", type=click.IntRange(1), help="Stop after this many updates."),
        click.option("--max-time", type=TIME, metavar="TIME", help="Stop after this long: 90 (seconds), 30m, 1h30m."),
        click.option("--save-minutes", type=click.FloatRange(0, min_open=True), default=15.0, metavar="MINUTES",
                     help="Also a checkpoint within an epoch, so long after the last one; 15 by default."),
        click.option("--limit", type=click.IntRange(1), metavar="N",
                     help="N minibatches of each phase of an epoch; of tests, from all over the data."),
        click.option("--overfit", type=click.IntRange(1), metavar="N",
                     help="Train and evaluate on the same N minibatches: the loss must go to 0."),
        click.option("--smoke", is_flag=True,
                     help="A few steps of train, test, save and load on synthetic data of the declared shapes."),
        click.option("--require-data", is_flag=True, help="Refuse to run on the embedded sample."),
        click.option("--nan", type=click.Choice(["stop", "continue"]), default="stop",
                     help="What to do when the criterion is NaN."),
        click.option("--quiet", "-q", is_flag=True, help="No progress, only the result."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@examples(
    ("netdsl run digits.net", "train and test as the file says"),
    ("netdsl run digits.net SGD.maxEpochs=3 SGD.learningRate=0.01 -o runs/try", "with other values, in this folder"),
    ("netdsl run digits.net --smoke", "try it out in seconds, on made-up data"),
    ("netdsl run digits.net --limit 20 --max-time 10m", "a short run"),
    ("netdsl run digits.net --resume digits", "resume the latest run, at the exact next minibatch"),
    ("netdsl run photos.net --weights r50.safetensors --map torchvision-resnet50",
     "weights under other names"),
    ("netdsl run digits.net --weights runs/base --allow-missing 'model.head.*'", "start from trained weights"),
)
@click.command()
@file_and_overrides
@_training_options
def run(file: str, overrides: tuple[str, ...], **options: Any) -> int:
    """Check FILE, then train and test as it says. NAME=VALUE sets a value by its path."""
    with without_reader() as (stdout, _):
        return _train(file, overrides, stdout, test=True, **options)


@examples(
    ("netdsl train digits.net", "train as the file says, without the test at the end"),
    ("netdsl train digits.net --device cuda --seed 7", "on a GPU, with another seed"),
)
@click.command()
@file_and_overrides
@_training_options
def train(file: str, overrides: tuple[str, ...], **options: Any) -> int:
    """Check FILE, then train as it says; no test at the end."""
    with without_reader() as (stdout, _):
        return _train(file, overrides, stdout, test=False, **options)


def _train(file: str, overrides: tuple[str, ...], stdout: TextIO, *, test: bool, smoke: bool, require_data: bool,
           quiet: bool, **options: Any) -> int:
    if smoke:
        _require_nothing_beside_smoke(options)
        from .smoke import run_smoke

        return run_smoke(file, overrides)
    from ..training import ConsoleReporter, Interrupted, Reporter

    def reporter(heading: str) -> Reporter:
        live = stdout.isatty()
        return Reporter() if quiet else ConsoleReporter(stdout, live, lambda: room(stdout), heading)

    wanted = _run_options(options, test)
    console = Console(lambda text: out(on_terminal(text, stdout)), print_warnings, reporter, lambda: room(stdout))
    try:
        result = train_network(file, overrides, wanted, console, require_data=require_data)
    except Interrupted as stopped:
        if not quiet:
            out()
        err(str(stopped))
        if stopped.checkpoint:
            command = click.get_current_context().info_name or "run"
            again = shlex.join(["netdsl", command, file, *overrides, "--resume", str(stopped.checkpoint.parent.parent)])
            err(f"Hint: `{again}` resumes there.")
        return stopped.exit_code
    if quiet:
        for phase, text in result.lines():
            out(f"{phase} {text}")
    if result.stopped:
        out(result.stopped)
    out(f"run folder: {result.out}")
    write_run_report(result.out, out, err)
    return 0 if wanted.limits.overfit is None else _overfit_verdict(result.criterion, result.out)


def _run_options(options: Mapping[str, Any], test: bool) -> RunOptions:
    from ..training import Limits, RunOptions

    limits = Limits(epochs=options["max_epochs"], steps=options["max_steps"], seconds=options["max_time"],
                    minibatches=options["limit"], overfit=options["overfit"])
    same = ("device", "out", "resume", "accept_changes", "weights", "allow_missing", "seed", "workers",
            "save_minutes", "best")
    return RunOptions(limits=limits, nan_continue=options["nan"] == "continue", test=test,
                      weight_map=options["map"],
                      **{name: options[name] for name in same})


def _require_nothing_beside_smoke(options: Mapping[str, Any]) -> None:
    others = ("overfit", "limit", "resume", "weights", "out")
    beside = next((name for name in others if options[name] is not None), None)
    if beside is not None:
        raise click.UsageError(f"--smoke is a short run of its own, on made-up data: leave --{beside} out",
                               click.get_current_context())


def _overfit_verdict(name: str, folder: Path) -> int:
    """Say whether the criterion went near 0 on the few samples; the exit code."""
    from ..runs.store import Run

    epochs = [epoch["train"].get(name) for epoch in Run(folder).epochs]
    first, last = (value if value is not None else float("nan") for value in (epochs[0], epochs[-1]))
    learned = last <= NEAR_ZERO * first
    verdict = "OK" if learned else "not near 0"
    out(f"overfit: {name} went from {first:.4g} to {last:.4g} in {plural(len(epochs), 'epoch')}: {verdict}")
    if not learned:
        err("Hint: try another rate first (or SGD.maxEpochs=1000), without weight decay and without Dropout in the\n"
            "      layers. If it still does not memorise so few samples, look at the labels "
            "(`netdsl data show`),\n      at the scale of the inputs and at the criterion.")
    return int(not learned)

"""`netdsl run` and `netdsl train`: check, train, test."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import click

from ..base.diagnostics import Failure, render_all
from ..compiler import CheckResult
from ..data.choose import choose_data
from ..describe.expand import resolved_text
from ..describe.network_text import plan_text, totals_text
from ..ir.program import CheckedProgram
from ..runs.store import located, require_checkpoint
from .common_options import file_and_overrides, no_plan
from .output import color_wanted, err, out, plural, without_reader

#: With `--overfit` the criterion is to fall below this share of its first epoch's.
NEAR_ZERO = 0.1


def _training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--device", default="auto", help="auto, cpu, cuda or cuda:N."),
        click.option("--out", "-o", help="The run's folder; by default runs/NETWORK/TIME."),
        click.option("--resume", help="Go on from a checkpoint or a run's folder, with the exact next minibatch."),
        click.option("--accept-changes", is_flag=True, help="Resume although plan or network have changed."),
        click.option("--weights", help="Begin with the weights of a checkpoint."),
        click.option("--allow-missing", multiple=True, metavar="GLOB", help="Tensors that may start afresh."),
        click.option("--seed", type=click.IntRange(0), help="The run's seed (SGD.seed); by default the file's."),
        click.option("--workers", type=click.IntRange(0), help="Threads that read data."),
        click.option("--max-epochs", type=click.IntRange(1), help="Stop after so many epochs of the plan."),
        click.option("--max-steps", type=click.IntRange(1), help="Stop after so many updates."),
        click.option("--max-time", type=float, metavar="SECONDS", help="Stop after so long."),
        click.option("--save-minutes", type=click.FloatRange(0, min_open=True), default=15.0, metavar="MINUTES",
                     help="Also a checkpoint within an epoch, so long after the last one; 15 by default."),
        click.option("--limit", type=click.IntRange(1), metavar="N",
                     help="N minibatches of each phase of an epoch; of tests, from all over the data."),
        click.option("--overfit", type=click.IntRange(1), metavar="N",
                     help="Train and judge on N minibatches, always the same: the loss must go to 0."),
        click.option("--smoke", is_flag=True,
                     help="A few steps of train, test, save and load on synthetic data of the declared shapes."),
        click.option("--require-data", is_flag=True, help="Refuse to run on the embedded sample."),
        click.option("--nan", type=click.Choice(["stop", "continue"]), default="stop", help="At a criterion of NaN."),
        click.option("--quiet", "-q", is_flag=True, help="No progress, only the result."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@file_and_overrides
@_training_options
def run(file: str, overrides: tuple[str, ...], **options: Any) -> int:
    """Check FILE, then train and test as it says. NAME=VALUE sets a value by its path."""
    with without_reader() as (stdout, _):
        return _train(file, overrides, stdout, test=True, **options)


@click.command()
@file_and_overrides
@_training_options
def train(file: str, overrides: tuple[str, ...], **options: Any) -> int:
    """Check FILE, then train as it says; no test at the end."""
    with without_reader() as (stdout, _):
        return _train(file, overrides, stdout, test=False, **options)


def _train(file: str, overrides: tuple[str, ...], stdout: TextIO, *, test: bool, smoke: bool, require_data: bool,
           quiet: bool, **options: Any) -> int:
    if options["seed"] is not None:  # part of what is run, so that the run's folder runs again as it was
        overrides = (*overrides, f"SGD.seed={options['seed']}")
    if smoke:
        others = ("overfit", "limit", "resume", "weights", "out")
        beside = next((name for name in others if options[name] is not None), None)
        if beside is not None:
            raise click.UsageError(f"--smoke is a short run of its own, on made-up data: leave --{beside} out",
                                   click.get_current_context())
        from .smoke import run_smoke

        return run_smoke(file, overrides)
    choice = choose_data(file, overrides, require_data=require_data)
    checked = choice.checked
    program = checked.require()
    if choice.line:
        out(f"SAMPLE DATA: {choice.line}")
    if checked.diagnostics:
        err(render_all(checked.diagnostics, color=color_wanted(sys.stderr)))
    if program.plan is None:
        raise no_plan(checked)
    for name in ("resume", "weights"):
        if options[name] is not None:
            options[name] = located(options[name])
    _check_options(options)
    if not quiet:
        _banner(checked)
    from ..training import ConsoleReporter, Interrupted, Limits, RunOptions, SourceSnapshot
    from ..training import train as run_training
    from ..training.progress import value_parts

    limits = Limits(epochs=options["max_epochs"], steps=options["max_steps"], seconds=options["max_time"],
                    minibatches=options["limit"], overfit=options["overfit"])
    texts = SourceSnapshot(checked.source.text, resolved_text(checked), overrides)
    run_options = RunOptions(
        device=options["device"], out=options["out"], resume=options["resume"],
        accept_changes=options["accept_changes"], weights=options["weights"],
        allow_missing=options["allow_missing"], limits=limits, workers=options["workers"],
        nan_continue=options["nan"] == "continue", save_minutes=options["save_minutes"], test=test,
        sample=choice.line, texts=texts)
    reporter = None if quiet else ConsoleReporter(stdout, live=stdout.isatty(),
                                        width=lambda: shutil.get_terminal_size((100, 24)).columns)
    try:
        result = run_training(program, run_options, reporter=reporter)
    except Interrupted as stopped:
        if reporter is not None:
            out()
        err(str(stopped))
        if stopped.checkpoint:
            again = shlex.join(["netdsl", "run", file, *overrides, "--resume", str(stopped.checkpoint.parent.parent)])
            err(f"Hint: `{again}` goes on from there.")
        return stopped.exit_code
    if quiet:
        percent = frozenset(program.shown_name(n) for n in program.metrics if program.network[n].layer.percent)
        for phase, values in (("train", result.train), ("validation", result.validation), ("test", result.test)):
            if values:
                out(" ".join([phase, *value_parts(values, percent)]))
    if result.stopped:
        out(result.stopped)
    out(f"run folder: {result.out}")
    _report(result.out)
    return 0 if limits.overfit is None else _overfit_verdict(program, result.out)


def _check_options(options: Mapping[str, Any]) -> None:
    """Raise Failure for a checkpoint or a device that is not there, before anything is printed."""
    for name in ("resume", "weights"):
        if options[name] is not None:
            require_checkpoint(str(options[name]))
    if options["device"] != "auto":
        from ..training.device import choose_device

        choose_device(options["device"])


def _overfit_verdict(program: CheckedProgram, folder: Path) -> int:
    """Say whether the criterion went near 0 on the few samples; the exit code."""
    from ..runs.store import Run
    from ..training.evaluation.evaluate import criterion_name

    name = criterion_name(program)
    epochs = [epoch["train"].get(name) for epoch in Run(folder).epochs]
    first, last = (value if value is not None else float("nan") for value in (epochs[0], epochs[-1]))
    learned = last <= NEAR_ZERO * first
    verdict = "OK" if learned else "not near 0"
    out(f"overfit: {name} went from {first:.4g} to {last:.4g} in {plural(len(epochs), 'epoch')}: {verdict}")
    if not learned:
        err("Hint: try another rate first (or SGD.maxEpochs=1000), without weight decay and without Dropout in the\n"
            "      layers. If it still does not learn so few samples by heart, look at the labels "
            "(`netdsl data show`),\n      at the scale of the inputs and at the criterion.")
    return int(not learned)


def _report(folder: Path) -> None:
    """Write the run's report; the run is over and saved, so whatever goes wrong here is only said."""
    from ..report import write_report
    from ..runs.store import Run

    try:
        out(f"report: {write_report(Run(folder))}")
    except Failure as failed:
        err(f"the report could not be written: {failed.diagnostics[0].title}")
    except Exception as error:  # a fault in a picture must not make a finished run look failed
        err(f"the report could not be written: {type(error).__name__}: {error}")


def _banner(checked: CheckResult) -> None:
    program = checked.require()
    out(f"{Path(checked.source.name).name}: {len(program.network)} nodes")
    for line in totals_text(program, checked.totals):
        out(f"    {line}")
    out("training plan:")
    for line in plan_text(program):
        out(f"    {line}")

"""`netdsl new [NAME.net]`"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import click

from ..base.codes import Code
from ..base.diagnostics import Diagnostic
from ..base.failure import Failure, failure
from ..base.render import render_all
from ..base.source import Source, Span
from ..base.text_table import listed
from ..base.units import duration, plural
from ..ir.program import CheckedProgram, Phase
from ..readers.reader import DataError
from ..runs.store import network_name
from ..scaffold import LIKE, MINUTES, FileDraft, choose_draft, draft_from_file, inspect_images
from .help_examples import examples
from .output import color_wanted, err, out, room, write_file


@examples(
    ("netdsl new --from photos/", "a file for a folder of images"),
    ("netdsl new digits.net --like convnet", "a file for well-known data"),
)
@click.command()
@click.argument("name", required=False, metavar="[NAME.net]")
@click.option("--from", "folder", metavar="FOLDER", help="Images: a sub-folder for each class, or train, val, test.")
@click.option("--like", type=click.Choice(LIKE), help="Which network; by default what suits the images, else an mlp.")
@click.option("--no-timing", is_flag=True, help="Do not train for a few seconds to see how long the plan will take.")
def new(name: str | None, folder: str | None, like: str | None, no_timing: bool) -> int:
    """Write a commented file that runs: for a FOLDER of images, or for well-known data.

    From a folder, the classes, the size of the input, the transforms and the plan are chosen by what is
    there, and the reasons are printed. The file is trained for a few seconds, to say how long its plan will
    take on this machine and to choose as many epochs as end in minutes. Nothing is ever overwritten.
    """
    try:
        made = draft_from_file(inspect_images(Path(folder)), like) if folder else choose_draft(like or "mlp")
    except DataError as error:
        raise failure(Code.READER_FILE, error.title, Span.nowhere(error.path or str(folder)),
                      body=error.body, hint=error.hint) from error
    target = name or f"{network_name(Path(folder).resolve().name) if folder else made.like}.net"
    if not target.endswith(".net"):
        target += ".net"
    if Path(target).exists():
        raise failure(Code.CANNOT_WRITE, f"`{target}` already exists and is not overwritten",
                      Span.nowhere(target), hint="give another name: `netdsl new other.net`.")
    program, problems = _checked(target, made.text(target))
    reasons = list(made.reasons)
    if program is not None and not no_timing:
        err("measuring how fast this machine trains it ...")
        made, taken = _timed(made, program)
        reasons.append(("time", taken))
    is_timed = made.is_fitted and len(reasons) > len(made.reasons)
    why = f", as many as end within about {MINUTES} minutes here" if is_timed else ""
    reasons.insert(len(made.reasons), ("plan", f"{made.epochs} epochs{why}; the rate goes up and down once (OneCycle)"))
    write_file(target, made.text(target))
    out(f"wrote {target}: {made.title}")
    out("\n".join(listed(reasons, indent=4, width=room())))
    if problems:
        err(render_all(problems, color=color_wanted(sys.stderr)), nl=False)
    err(f"Hint: `netdsl check {target}` shows the network, `netdsl data show {target}` the images as it sees them, "
        f"`netdsl run {target}` trains it.")
    return 0


def _timed(made: FileDraft, program: CheckedProgram) -> tuple[FileDraft, str]:
    """The draft with as many epochs as suit this machine, and the sentence that says how long they take."""
    from ..data.fake import with_declared_data
    from ..training.speed import measure_speed

    readers, on_data = program.readers, made.is_fitted
    try:
        speed = measure_speed(program if on_data else with_declared_data(program, 4000))
    except (Failure, DataError) as failed:
        return made, f"not known: {failed.diagnostics[0].title if isinstance(failed, Failure) else failed}"
    if speed is None:
        return made, "not known: two updates take longer than was measured for; see `netdsl bench`"
    held_out = program.plan.block.validation if program.plan is not None else 0.0
    evaluated = int(held_out * made.images)
    if Phase.VALIDATION in readers:
        with closing(readers[Phase.VALIDATION].open(training=False)) as data:
            evaluated = data.count
    epoch = speed.epoch_seconds(made.images - int(held_out * made.images), evaluated)
    made = made.with_time(epoch)
    source = "" if on_data else " of made-up data"
    return made, (f"about {duration(made.epochs * epoch)} on this machine, {duration(epoch)} an epoch: "
                  f"{speed.samples_per_second:,.0f} images a second, measured on "
                  f"{plural(speed.updates, 'update')} of {plural(speed.minibatch, 'image')}{source}")


def _checked(target: str, text: str) -> tuple[CheckedProgram | None, list[Diagnostic]]:
    """The text that is about to be written is checked like any file: what is wrong with the data is told.

    Any other mistake in it is ours.
    """
    from ..compiler import load

    checked = load(Source(target, text))
    ours = [error for error in checked.errors if error.code != Code.READER_FILE]
    if ours:
        raise AssertionError(f"the new file would have a mistake: {ours[0].title}")
    return (None if checked.errors else checked.require()), list(checked.errors)

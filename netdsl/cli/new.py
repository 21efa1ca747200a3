"""`netdsl new [NAME.net]`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, failure, render_all
from ..base.source import Source, Span
from ..base.text_table import listed
from ..readers.reader import DataError
from ..runs.store import network_name
from ..scaffold import LIKE, choose_draft, draft_from_file, file_text, inspect_images
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
def new(name: str | None, folder: str | None, like: str | None) -> int:
    """Write a commented file that runs: for a FOLDER of images, or for well-known data.

    From a folder, the classes, the size of the input, the transforms and the plan are chosen by what is
    there, and the reasons are printed. Nothing is ever overwritten.
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
        raise failure(Code.CANNOT_WRITE, f"`{target}` is there already, and nothing is overwritten",
                      Span.nowhere(target), hint="give another name: `netdsl new other.net`.")
    text = file_text(made, target)
    problems = _problems_of_data(target, text)
    write_file(target, text)
    out(f"wrote {target}: {made.title}")
    out("\n".join(listed(list(made.reasons), indent=4, width=room())))
    if problems:
        err(render_all(problems, color=color_wanted(sys.stderr)), nl=False)
    err(f"Hint: `netdsl check {target}` shows the network, `netdsl data show {target}` the images as it sees them, "
        f"`netdsl run {target}` trains it.")
    return 0


def _problems_of_data(target: str, text: str) -> list[Diagnostic]:
    """The text that is about to be written is checked like any file: what is wrong with the data is told.

    Any other mistake in it is ours.
    """
    from ..compiler import load

    checked = load(Source(target, text))
    ours = [error for error in checked.errors if error.code != Code.READER_FILE]
    if ours:
        raise AssertionError(f"the new file would have a mistake: {ours[0].title}")
    return list(checked.errors)

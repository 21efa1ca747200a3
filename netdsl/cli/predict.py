"""`netdsl predict FILE INPUT...`"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..base.diagnostics import Failure
from ..base.units import plural
from ..checks.reader_data import data_diagnostic
from ..elaborate.overrides import is_override
from ..readers.reader import DataError
from ..runs.store import file_of, saved_state
from ..training.evaluation.prediction import Answer, answers, class_names, given_data, given_names, named_files
from .completion import complete_file
from .help_examples import examples
from .output import err, out
from .weights_options import checkpoint_option, chosen_checkpoint, device_option, format_option

if TYPE_CHECKING:
    from ..ir.program import CheckedProgram


@examples(
    ("netdsl predict digits.net photo.png", "by the latest run"),
    ("netdsl predict digits.net photos/ -c runs/digits/latest --top 1", "a folder, by a run"),
    ("netdsl predict digits.net photos/ --format csv", "for a table"),
)
@click.command()
@click.argument("file", metavar="FILE", shell_complete=complete_file)
@click.argument("arguments", nargs=-1, required=True, metavar="INPUT... [NAME=VALUE]...")
@checkpoint_option
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="How many classes of each.")
@click.option("--classes", metavar="FILE", help="Names of the classes: a line each, or a JSON index as ImageNet's.")
@click.option("--minibatch", type=click.IntRange(1), default=32, show_default=True, help="Samples at a time.")
@device_option
@format_option("text", "json", "csv")
def predict(file: str, arguments: tuple[str, ...], checkpoint: str | None, top: int, classes: str | None,
            minibatch: int, device: str, form: str) -> int:
    """The likeliest classes of each INPUT, by a checkpoint of FILE.

    INPUT is an image, a folder of images, or `-` for paths on standard input; for networks on tables, a
    file in the format of the test reader. The test reader's transforms are applied. Exit code 1 if an
    input could not be read; the others are answered all the same.
    """
    overrides = [a for a in arguments if is_override(a) and not os.path.exists(a)]
    inputs = [a for a in arguments if a not in overrides]
    if not inputs:
        raise click.UsageError("name an image, a folder of images, or `-`", click.get_current_context())
    file = file_of(file)
    path = chosen_checkpoint(file, checkpoint)
    program = _loaded(file, overrides)
    found = list(_answers(program, inputs, path, top, classes, minibatch, device, form))
    if form == "json":
        out(json.dumps([answer.to_json() for answer in found], indent=2))
    failed = [answer for answer in found if answer.error]
    for error in dict.fromkeys(answer.error for answer in failed):
        samples = [answer.sample for answer in failed if answer.error == error]
        more = f" and {len(samples) - 3} more" if len(samples) > 3 else ""
        err(f"error: {', '.join(samples[:3])}{more}: {error}")
    if failed:
        hint = next((answer.hint for answer in failed if answer.hint), "")
        err(f"{len(failed)} of {plural(len(found), 'input')} could not be read" + (f"\nHint: {hint}" if hint else ""))
    return 1 if failed else 0


def _loaded(file: str, overrides: list[str]) -> CheckedProgram:
    """The program; its data are not needed, but transforms may read files that only the sample has."""
    from ..compiler import load
    from ..data.choose import choose_data, missing_data

    program = load(file, overrides).require()
    if program.readers.sample is not None and missing_data(program.readers):
        return choose_data(file, overrides).checked.require()
    return program


def _answers(program: CheckedProgram, inputs: list[str], path: Path, top: int, classes: str | None,
             minibatch: int, device: str, form: str) -> Iterator[Answer]:
    """Predicts, and prints text and CSV as the answers come."""
    try:
        files = named_files(inputs, sys.stdin if "-" in inputs else ())
    except DataError as error:
        raise Failure([data_diagnostic(program, "test", error)]) from error
    if not files:
        raise click.UsageError("no paths came on standard input", click.get_current_context())
    datasets = given_data(program, files)
    from ..runs.checkpoint import find
    from ..training import RunOptions
    from ..training import predict as run
    from ..training.evaluation.evaluate import classes_and_output

    _, output = classes_and_output(program)
    if classes is not None:
        names = given_names(classes, program.network[output].shape.size if output is not None else None)
    else:
        names = class_names(program, saved_state(find(path)).get("classNames", ()))
    if form == "csv":
        out(_csv(["input", "rank", "class", "name", "share"] if output is not None else ["input", "output", "values"]))
    for dataset in datasets:
        predictions = run(program, path, dataset, outputs=(output,) if output is not None else (),
                          options=RunOptions(device=device), minibatch_size=minibatch)
        shown = program.shown_name(output) if output is not None else None
        for answer in answers(dataset, predictions, shown, names, top):
            _print(answer, form)
            yield answer


def _print(answer: Answer, form: str) -> None:
    if answer.error or form == "json":
        return
    if form == "csv":
        for rank, guess in enumerate(answer.guesses, 1):
            out(_csv([answer.sample, rank, guess.number, guess.name, f"{guess.share:.6f}"]))
        for name, array in (answer.outputs or {}).items():
            out(_csv([answer.sample, name, " ".join(f"{value:.6g}" for value in array.ravel())]))
    elif answer.outputs is not None:
        for name, array in answer.outputs.items():
            extents = " x ".join(str(d) for d in reversed(array.shape))
            values = ", ".join(f"{value:.4g}" for value in array.ravel()[:8]) + (", ..." if array.size > 8 else "")
            out(f"{answer.sample}: {name} ({extents}) {values}")
    else:
        out(f"{answer.sample}: " + ", ".join(f"{guess.name} {100 * guess.share:.1f} %" for guess in answer.guesses))


def _csv(row: list[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(row)
    return text.getvalue()

"""`netdsl predict FILE INPUT...`"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..api.answers_for_files import answers_for, heads_for, needs_names
from ..api.answers_from_onnx import OnnxModel, is_onnx
from ..base.atomic_files import write_bytes, writing
from ..base.units import plural
from ..describe.answers import Head, Value, with_file
from ..elaborate.overrides import is_override
from ..readers.reader import DataError
from ..runs.store import file_of
from ..training.evaluation.prediction import Answer
from .completion import complete_file
from .help_examples import examples
from .output import err, out, out_json
from .weights_options import (
    checkpoint_option,
    chosen_checkpoint,
    device_option,
    epoch_option,
    format_option,
    map_option,
)

if TYPE_CHECKING:
    from ..ir.program import CheckedProgram


@examples(
    ("netdsl predict digits.net photo.png", "by the latest run"),
    ("netdsl predict digits.net photos/ -c runs/digits/latest --top 1", "a folder, by a run"),
    ("netdsl predict digits.net photos/ --format csv", "for a table"),
    ("netdsl predict houses.net new.csv", "rows without labels"),
    ("netdsl predict digits.onnx photo.png", "by a model of `netdsl export`, computed by onnxruntime"),
    ("netdsl predict streets.net photos/ -o maps", "of a segmentation: maps of classes as PNG"),
)
@click.command()
@click.argument("file", metavar="FILE", shell_complete=complete_file)
@click.argument("arguments", nargs=-1, metavar="INPUT... [NAME=VALUE]...")
@checkpoint_option
@map_option
@epoch_option
@click.option("--out", "-o", "folder", metavar="FOLDER",
              help="Where maps of classes and images that the network makes are written as PNG.")
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="How many classes of each.")
@click.option("--classes", metavar="FILE", help="Names of the classes: a line each, or a JSON index as ImageNet's.")
@click.option("--minibatch", type=click.IntRange(1), default=32, show_default=True, help="Samples at a time.")
@device_option
@format_option("text", "json", "csv")
def predict(file: str, arguments: tuple[str, ...], checkpoint: str | None, map: str, epoch: str | None,
            folder: str | None, top: int, classes: str | None, minibatch: int, device: str,
            form: str) -> int:
    """What the network says of each INPUT, by a checkpoint of FILE.

    Every output is answered by what it is compared with in the file: classes with their shares, independent
    labels with a share each, numbers as they are, a class for each pixel, or an image.

    INPUT is an image, a folder of images, or a file in the format of the test reader, with labels or
    without; `-` is standard input, paths of images or rows of a table. For outputs that need several inputs
    name one INPUT for each. The test reader's transforms are applied. Exit code 1 if an input could not be read;
    the others are answered all the same.

    FILE may also be an ONNX model, which onnxruntime computes: one of `netdsl export` answers as its checkpoint
    does; any other gives its outputs for .npy and .csv files.
    """
    overrides = [a for a in arguments if is_override(a) and not os.path.exists(a)]
    inputs = [a for a in arguments if a not in overrides]
    standard_input = sys.stdin if "-" in inputs else ()
    if is_onnx(file):
        if checkpoint or epoch or map:
            raise click.UsageError("an ONNX model has its weights in it; leave --checkpoint, --map and --epoch out",
                                   click.get_current_context())
        if device not in ("auto", "cpu"):
            raise click.UsageError(f"an ONNX model is computed on the CPU, not on `{device}`",
                                   click.get_current_context())
        model = OnnxModel.of(file, overrides, top=top, classes=classes)
        _require_inputs(inputs, model.needs_names)
        err(f"model: {model.file.said}")
        printer = _Printer(model.heads, form, folder)
        coming = model.answers(inputs, minibatch, standard_input, _tell)
    else:
        file = file_of(file)
        program = _loaded(file, overrides)
        _require_inputs(inputs, needs_names(program))
        path = chosen_checkpoint(file, checkpoint, epoch)
        heads = heads_for(program, path, top=top, classes=classes)
        printer = _Printer(heads, form, folder)
        from ..training import RunOptions

        options = RunOptions(device=device, weight_map=map, tell=err)
        coming = answers_for(program, inputs, path, heads, minibatch=minibatch, options=options,
                             standard_input=standard_input, tell=_tell)
    found = [printer.print(answer) for answer in coming]
    if not found:
        raise click.UsageError("standard input is empty", click.get_current_context())
    return _close(found, form, printer)


def _require_inputs(inputs: Sequence[str], needed: bool) -> None:
    if not inputs and needed:
        raise click.UsageError("name an image, a folder of images, a file of rows, or `-` as INPUT",
                               click.get_current_context())


def _loaded(file: str, overrides: list[str]) -> CheckedProgram:
    """The program; its data are not needed, but transforms may read files that only the sample has."""
    from ..compiler import load
    from ..data.choose import choose_data, missing_data

    program = load(file, overrides).require()
    if program.readers.sample is not None and missing_data(program.readers):
        return choose_data(file, overrides).checked.require()
    return program


@dataclass
class _Printer:
    """Prints answers as they come, and writes those that are pictures."""

    heads: Sequence[Head]
    form: str
    folder: str | None
    written: set[str] = field(default_factory=set)
    begun: bool = False
    unseen: bool = False  #: there were pictures, and no folder for them

    def _begin(self) -> None:
        """Before the first answer: the folder, and the titles of the columns."""
        self.begun = True
        if self.folder is not None:
            with writing(Path(self.folder)):
                Path(self.folder).mkdir(parents=True, exist_ok=True)
        if self.form == "csv":
            columns = self.heads[0].columns(self.folder is not None) if len(self.heads) == 1 else \
                ["output", "number", "name", "value"]
            out(_csv(["input", *columns]))

    def print(self, answer: Answer) -> Answer:
        if not self.begun:
            self._begin()
        if answer.error:
            return answer
        values = {name: self._written(answer.sample, name, value) for name, value in answer.values.items()}
        for name, value in values.items():
            label = f"{name}: " if len(self.heads) > 1 else ""
            if self.form == "text":
                out(f"{answer.sample}: {label}{value.text()}")
            elif self.form == "csv" and len(self.heads) == 1:
                for row in value.rows():
                    out(_csv([answer.sample, *row]))
            elif self.form == "csv":
                for entry in value.entries():
                    out(_csv([answer.sample, name, *entry]))
        return Answer(answer.sample, values)

    def _written(self, sample: str, name: str, value: Value) -> Value:
        """The value, written as a picture if it is one and there is a folder for it."""
        picture = value.png()
        if picture is None or self.folder is None:
            self.unseen = self.unseen or picture is not None
            return value
        stem = re.sub(r"[^\w.-]+", "-", Path(sample).stem) + (f".{name}" if len(self.heads) > 1 else "")
        number, free = 1, stem
        while free in self.written:
            number, free = number + 1, f"{stem}-{number + 1}"
        self.written.add(free)
        path = os.path.join(self.folder, f"{free}.png")
        write_bytes(Path(path), picture)
        return with_file(value, path)


def _tell(note: DataError) -> None:
    err(f"warning: {note.title}" + "".join(f"\n    {line}" for line in note.body))
    err(f"Hint: {note.hint}")


def _close(found: Sequence[Answer], form: str, printer: _Printer) -> int:
    """Print what is said after all answers; the exit code."""
    if form == "json":
        out_json([answer.to_json() for answer in found])
    elif form == "text" and printer.unseen:
        err("Hint: --out FOLDER writes these pictures as PNG.")
    failed = [answer for answer in found if answer.error]
    for error in dict.fromkeys(answer.error for answer in failed):
        samples = [answer.sample for answer in failed if answer.error == error]
        more = f" and {len(samples) - 3} more" if len(samples) > 3 else ""
        err(f"error: {', '.join(samples[:3])}{more}: {error}")
    if failed:
        hint = next((answer.hint for answer in failed if answer.hint), "")
        err(f"{len(failed)} of {plural(len(found), 'input')} could not be read" + (f"\nHint: {hint}" if hint else ""))
    return 1 if failed else 0


def _csv(row: list[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(row)
    return text.getvalue()

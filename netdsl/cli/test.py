"""`netdsl test FILE`"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ..ir.program import Phase
from ..runs.store import saved_state
from ..training.evaluation.prediction import class_names
from .common_options import file_and_overrides, phase_option
from .help_examples import examples
from .output import err, out
from .weights_options import (
    checkpoint_option,
    chosen_checkpoint,
    device_option,
    format_option,
    loaded_with_data,
    value_lines,
)

if TYPE_CHECKING:
    from ..training import EvalResult


@examples(
    ("netdsl test digits.net", "the latest run on the test data"),
    ("netdsl test digits.net -c runs/digits/latest --details", "with the confusion matrix and the worst samples"),
    ("netdsl test digits.net --phase validation", "on what was held out"),
)
@click.command()
@file_and_overrides
@checkpoint_option
@phase_option(Phase.TEST, "Which of the file's readers.")
@device_option
@click.option("--workers", type=click.IntRange(1), help="Threads that read data.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only N minibatches, from all over the data.")
@click.option("--require-data", is_flag=True, help="Refuse to test on the embedded sample.")
@click.option("--details", is_flag=True, help="Also the confusion matrix and the worst samples.")
@format_option("text", "json")
def test(file: str, overrides: tuple[str, ...], checkpoint: str | None, phase: Phase, device: str,
         workers: int | None, limit: int | None, require_data: bool, details: bool, form: str) -> int:
    """Criterion and metrics of a checkpoint on the whole test set of FILE, in inference mode."""
    path = chosen_checkpoint(file, checkpoint)
    program = loaded_with_data(file, overrides, phase, require_data).require()
    from ..runs.checkpoint import find
    from ..training import ConsoleReporter, Limits, Reporter, RunOptions
    from ..training import test as judge
    from ..training.data.loader import skipped_samples_note

    live = form == "text" and sys.stdout.isatty()
    reporter = (
        ConsoleReporter(sys.stdout, True, lambda: shutil.get_terminal_size((100, 24)).columns) if live else Reporter()
    )
    options = RunOptions(device=device, workers=workers, limits=Limits(minibatches=limit))
    found = judge(program, path, phase=phase, reporter=reporter, options=options)
    if found.skipped:
        err(skipped_samples_note(found.skipped, phase))
    if form == "json":
        document: dict[str, Any] = {"network": file, "checkpoint": str(path), "phase": phase,
                                    "samples": found.samples, "values": found.values}
        if details:
            matrix = found.confusion.tolist() if found.confusion is not None else None
            document |= {"confusion": matrix, "worst": [asdict(sample) for sample in found.worst]}
        out(json.dumps(document, indent=2))
        return 0
    percent = frozenset(program.shown_name(node) for node in (*program.criteria, *program.metrics)
                        if program.network[node].layer.percent)
    out(f"{phase}: {found.samples:,} samples")
    out("\n".join(f"    {line}" for line in value_lines(found.values, percent)))
    if details:
        _print_details(found, class_names(program, saved_state(find(path)).get("classNames", ())))
    return 0


def _print_details(found: EvalResult, names: Sequence[str]) -> None:
    """The confusion matrix, and of the worst samples those that are taken for another class."""
    if found.confusion is not None:
        out("\nconfusion (rows: true class, columns: predicted):")
        size = len(str(found.confusion.max()))
        for number, row in enumerate(found.confusion.tolist()):
            counts = " ".join(f"{count or '.':>{size}}" for count in row)
            out(f"    {number:>4} {counts}" + (f"  {names[number]}" if number < len(names) else ""))
    wrong = [sample for sample in found.worst if sample.label is None or sample.label != sample.predicted]
    out("\nworst samples:" if wrong else "\nworst samples: none is taken for another class")
    for sample in wrong:
        classes = "" if sample.label is None or sample.predicted is None else \
            f"  {_class(sample.label, names)}, taken for {_class(sample.predicted, names)}"
        out(f"    {sample.criterion:8.4g}  {sample.name}{classes}")


def _class(number: int, names: Sequence[str]) -> str:
    return names[number] if number < len(names) else f"class {number}"

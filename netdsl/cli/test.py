"""`netdsl test FILE`"""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..base.text_table import Column, text_table
from ..describe.answers import Head, precision_and_recall
from ..ir.program import Phase
from ..runs.store import saved_state
from ..training.evaluation.prediction import heads_of
from .common_options import file_and_overrides, phase_option
from .help_examples import examples
from .output import err, out, out_json
from .weights_options import (
    checkpoint_option,
    chosen_checkpoint,
    device_option,
    epoch_option,
    format_option,
    loaded_with_data,
    map_option,
    value_lines,
)

if TYPE_CHECKING:
    from ..training import EvalResult, WorstSample

#: A confusion matrix of more classes is not printed.
MOST_COLUMNS = 30


@examples(
    ("netdsl test digits.net", "the latest run on the test data"),
    ("netdsl test digits.net -c runs/digits/latest --details", "with the confusion matrix and the worst samples"),
    ("netdsl test digits.net --phase validation", "on what was held out"),
)
@click.command()
@file_and_overrides
@checkpoint_option
@map_option
@epoch_option
@phase_option(Phase.TEST, "Which of the file's readers.")
@device_option
@click.option("--workers", type=click.IntRange(1), help="Threads that read data.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only N minibatches, from all over the data.")
@click.option("--require-data", is_flag=True, help="Refuse to test on the embedded sample.")
@click.option("--details", is_flag=True,
              help="Also the worst samples, and for each output its confusion matrix, precision and recall.")
@format_option("text", "json")
def test(file: str, overrides: tuple[str, ...], checkpoint: str | None, map: str, epoch: str | None,
         phase: Phase, device: str, workers: int | None, limit: int | None, require_data: bool, details: bool,
         form: str) -> int:
    """Criterion and metrics of a checkpoint on the whole test set of FILE, in inference mode."""
    path = chosen_checkpoint(file, checkpoint, epoch)
    program = loaded_with_data(file, overrides, phase, require_data).require()
    from ..runs.checkpoint import find
    from ..training import ConsoleReporter, Limits, Reporter, RunOptions
    from ..training import test as evaluate
    from ..training.data.loader import skipped_samples_note

    live = form == "text" and sys.stdout.isatty()
    reporter = (
        ConsoleReporter(sys.stdout, True, lambda: shutil.get_terminal_size((100, 24)).columns) if live else Reporter()
    )
    options = RunOptions(device=device, workers=workers, limits=Limits(minibatches=limit), weight_map=map,
                         tell=err)
    found = evaluate(program, path, phase=phase, reporter=reporter, options=options)
    if found.skipped:
        err(skipped_samples_note(found.skipped, phase))
    if form == "json":
        document: dict[str, Any] = {"network": file, "checkpoint": str(path), "phase": phase,
                                    "samples": found.samples, "values": found.values}
        if details:
            document |= found.details()
        out_json(document)
        return 0
    percent = frozenset(program.shown_name(node) for node in program.evaluated(phase)
                        if program.network[node].layer.percent)
    out(f"{phase}: {found.samples:,} samples")
    out("\n".join(f"    {line}" for line in value_lines(found.values, percent)))
    if details:
        print_details(found, heads_of(program, saved_state(find(path))))
    return 0


def print_details(found: EvalResult, heads: Sequence[Head]) -> None:
    """For each output what was counted; and of the worst samples those that are taken for another class."""
    for counts in found.heads:
        head = next(head for head in heads if head.name == counts.output)
        of = f" of {counts.output} by {counts.labels}" if len(heads) > 1 else ""
        if counts.confusion is not None:
            _print_confusion(counts.confusion, head.names, of, "pixels" if counts.kind == "class map" else "samples")
        elif counts.hits is not None:
            _print_hits(counts.hits, head, of)
    wrong = [sample for sample in found.worst if sample.wrong]
    out("\nworst samples:" if wrong else "\nworst samples: no sample is misclassified")
    for sample in wrong:
        out(f"    {sample.criterion:8.4g}  {sample.name}{_taken_for(sample, heads)}")


def _print_confusion(matrix: np.ndarray, names: Sequence[str], of: str, what: str) -> None:
    """The matrix with precision and recall of each class; of many classes these and the confusions that occur most."""
    precision, recall = precision_and_recall(matrix)
    out(f"\nconfusion{of} ({what}; rows: true class, columns: predicted):")
    shares = [[_percent(precision[k]), _percent(recall[k]), _class(k, names)] for k in range(len(matrix))]
    if len(matrix) <= MOST_COLUMNS:
        titles = [*map(str, range(len(matrix)))]
        rows = [[str(k), *(str(count) if count else "." for count in row), *shares[k]]
                for k, row in enumerate(matrix.tolist())]
    else:
        titles = ["samples"]
        rows = [[str(k), str(row.sum()), *shares[k]] for k, row in enumerate(matrix) if row.any() or matrix[:, k].any()]
    numbers = [Column(title, right=True) for title in ("", *titles, "precision", "recall")]
    _print_table([*numbers, Column()], rows)
    if len(matrix) > MOST_COLUMNS:
        off = matrix - np.diag(np.diagonal(matrix))
        for index in [k for k in np.argsort(-off, axis=None, kind="stable")[:10].tolist() if off.flat[k]]:
            true, taken = divmod(index, len(matrix))
            out(f"    {off[true, taken]:,} of {_class(true, names)}, predicted {_class(taken, names)}")


def _print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    out("\n".join(f"    {line}" for line in text_table(columns, rows)))


def _print_hits(hits: np.ndarray, head: Head, of: str) -> None:
    """Independent labels: what there is and what is predicted of each, with its precision and recall."""
    out(f"\nlabels{of} (predicted where the share is above 50 %):")
    names = head.label_names() if len(hits) == head.size else ("pixels",)
    rows = []
    for name, counts in zip(names, hits, strict=False):
        precision, recall = precision_and_recall(counts)
        rows.append([name, str(counts[1].sum()), str(counts[:, 1].sum()), str(counts[1, 1]), _percent(precision[1]),
                     _percent(recall[1])])
    titles = ("true", "predicted", "both", "precision", "recall")
    _print_table([Column(), *(Column(title, right=True) for title in titles)], rows)


def _taken_for(sample: WorstSample, heads: Sequence[Head]) -> str:
    """What a sample is and what it was taken for, for each output where these differ."""
    parts = []
    for head in heads:
        pair = sample.heads.get(head.name, {})
        truth: Any = pair.get("label")
        taken: Any = pair.get("predicted")
        label = f"{head.name}: " if len(heads) > 1 else ""
        if isinstance(truth, int) and truth != taken:
            parts.append(f"{label}{_class(truth, head.names)}, predicted {_class(taken, head.names)}")
        elif isinstance(truth, list):
            parts.append(f"{label}{_numbers(truth)}, predicted {_numbers(taken)}")
    return f"  {'; '.join(parts)}" if parts else ""


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def _class(number: int, names: Sequence[str]) -> str:
    return names[number] if number < len(names) else f"class {number}"

"""A trained network at work on files that a user names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..base.diagnostics import Failure
from ..checks.reader_data import data_diagnostic
from ..ir.program import CheckedProgram
from ..readers.reader import DataError
from ..runs.store import saved_state
from ..training import RunOptions
from ..training import predict as run
from ..training.evaluation.evaluate import classes_and_output
from ..training.evaluation.prediction import Answer, answers, class_names, given_data, given_names, named_files


def answers_for(program: CheckedProgram, inputs: Sequence[str], path: Path, *, top: int, classes: str | None,
                minibatch: int, device: str) -> list[Answer]:
    """An answer for every sample of the files, in turn. Raises Failure."""
    from ..runs.checkpoint import find

    try:
        files = named_files(inputs)
    except DataError as error:
        raise Failure([data_diagnostic(program, "test", error)]) from error
    datasets = given_data(program, files)
    _, output = classes_and_output(program)
    if classes is not None:
        names = given_names(classes, program.network[output].shape.size if output is not None else None)
    else:
        names = class_names(program, saved_state(find(path)).get("classNames", ()))
    shown = program.shown_name(output) if output is not None else None
    found: list[Answer] = []
    for dataset in datasets:
        predictions = run(program, path, dataset, outputs=(output,) if output is not None else (),
                          options=RunOptions(device=device), minibatch_size=minibatch)
        found += answers(dataset, predictions, shown, names, top)
    return found

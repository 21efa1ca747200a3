"""Opens the data of a program, every fault a diagnostic; validation and test data are read once before training."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from ...base.failure import Failure
from ...checks.reader_data import data_diagnostic
from ...ir.program import CheckedProgram, Phase
from ...readers.every_sample import faults
from ...readers.reader import DataError, Dataset
from ..progress import Reporter
from ..run_options import RunOptions
from .loader import Loader, open_loader
from .sample_choice import read_groups

#: From so many samples on, reading them ahead takes long enough to be told.
_LONG = 2000


@contextmanager
def data_errors(program: CheckedProgram, phase: str) -> Iterator[None]:
    """Turn a DataError into the diagnostic that points at the reader."""
    try:
        yield
    except DataError as error:
        raise Failure([data_diagnostic(program, phase, error)]) from error


def open_dataset(program: CheckedProgram, phase: Phase, training: bool) -> Dataset:
    """A reader's data. Raises Failure, also where there are no samples."""
    with data_errors(program, phase):
        dataset = program.readers[phase].open(training)
        if dataset.count == 0:
            raise DataError(f"there are no samples for `{phase}`")
        return dataset


def read_ahead(program: CheckedProgram, options: RunOptions, device: torch.device, reporter: Reporter) -> None:
    """Read the validation and test data once. Raises Failure for what would else end a training of hours.

    Where only a part of them will be evaluated (`--limit`, `--overfit`) they are opened, and not read whole.
    """
    evaluated = (Phase.VALIDATION, *((Phase.TEST,) if options.test else ())) if options.limits.overfit is None else ()
    for phase in evaluated:
        if phase not in program.readers:
            continue
        dataset = open_dataset(program, phase, False)
        try:
            if dataset.count >= _LONG and dataset.in_memory() is None and options.limits.minibatches is None:
                reporter.note(f"reading the {phase} data once before training: {dataset.count:,} samples")
            bad = faults(dataset, options.workers or default_workers(device))
            with data_errors(program, phase):
                for error in bad if options.limits.minibatches is None else ():
                    raise error
                read_groups(program, (*program.criteria, *program.metrics), dataset)
        finally:
            dataset.close()


def default_workers(device: torch.device) -> int:
    """Reading threads: all cores beside a GPU; beside torch's own threads on the CPU, half of them."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        cores = os.cpu_count() or 1
    return max(1, min(16, cores if device.type == "cuda" else cores // 2))


def make_loader(
    program: CheckedProgram,
    phase: Phase,
    dataset: Dataset,
    device: torch.device,
    options: RunOptions,
    seed: int,
    stack: ExitStack,
) -> Loader:
    with data_errors(program, phase):
        loader = open_loader(dataset, device, seed, options.workers or default_workers(device))
    stack.callback(loader.close)
    return loader

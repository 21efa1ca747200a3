"""Which data a run takes: the real data that the file names, or its embedded sample where they are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..base.codes import Code
from ..base.failure import Failure
from ..base.source import Files, Source
from ..checks.reader_data import data_diagnostic
from ..compiler import CheckResult, load
from ..ir.program import Phase, Readers
from ..readers import sample_folder
from ..readers.reader import DataError, describe_reader


@dataclass(frozen=True)
class DataChoice:
    """The file to run, and what to say of its data in the first line."""

    checked: CheckResult
    sample: Path | None
    line: str


def choose_data(file: str | Path | Source, overrides: Sequence[str] = (), *, require_data: bool = False,
                phases: Sequence[Phase] = tuple(Phase), files: Files | None = None) -> DataChoice:
    """Load a file; where data that it names for these phases are missing and it has a sample, load it with the sample.

    Raises Failure: mistakes in the file; data missing and no sample, or `require_data`.
    """
    checked = load(file, overrides, files)
    program = checked.require()
    if Phase.TRAIN in phases:
        _require_supported(checked)
    missing = missing_data(program.readers, phases)
    if not missing:
        return DataChoice(checked, None, "")
    sample = program.readers.sample
    if sample is None or require_data:
        phase, path = missing[0]
        hint = "set the folder with an override such as `dataDir=PATH`, or fetch it with `netdsl data`."
        if sample is not None:
            hint += " Without --require-data it would run on the embedded sample."
        raise Failure(
            [data_diagnostic(program, phase, DataError(f"the data are missing: `{path}`", path=path, hint=hint))]
        )
    try:
        folder = sample_folder(sample)
    except DataError as wrong:
        raise Failure([data_diagnostic(program, "sample", wrong)]) from None
    again = load(file, overrides, files, sample=str(folder))
    again.require()
    line = f"`{missing[0][1]}` does not exist: this run uses the embedded sample {sample.show()}, in {folder}"
    return DataChoice(again, folder, line)


def _require_supported(checked: CheckResult) -> None:
    """Raises Failure for what an imported file trains with and netdsl has not: `check` only warns of it."""
    lacking = [replace(d, severity="error") for d in checked.diagnostics if d.code is Code.NOT_SUPPORTED]
    if lacking:
        raise Failure(lacking)


def missing_data(readers: Readers, phases: Sequence[Phase] = tuple(Phase)) -> list[tuple[Phase, str]]:
    """(phase, path) for each file or folder that a reader looked for in vain."""
    found = []
    for phase in phases:
        reader = readers.get(phase)
        if reader is None:
            continue
        described = describe_reader(reader)
        if not isinstance(described, DataError):
            found += [(phase, path) for path in described.missing]
    return found

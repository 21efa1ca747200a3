"""All data of a file read once, for `check --data`: what is wrong, counted and named, phase by phase."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..base.text_table import Column, text_table
from ..ir.program import CheckedProgram
from ..readers.every_sample import faults
from ..readers.reader import DataError, Dataset, Reader

#: So many samples of one fault are named.
_NAMED = 5
#: As many bad samples as anyone has, so that all are found.
_ALL = 1 << 60


@dataclass
class PhaseData:
    """What reading all data of a phase has found."""

    phase: str
    count: int = 0  #: samples that can be read, and those that cannot
    bad: list[DataError] = field(default_factory=list)
    tolerated: int = 0  #: how many bad samples the reader skips
    refused: DataError | None = None  #: why the data cannot be opened at all
    notes: tuple[DataError, ...] = ()  #: what is allowed and perhaps not meant
    can_skip: bool = False  #: whether the reader can skip bad samples
    copies: list[tuple[str, str]] = field(default_factory=list)  #: images that are also trained on: here, and there

    @property
    def failed(self) -> bool:
        return self.refused is not None or len(self.bad) > self.tolerated

    def to_json(self) -> dict[str, Any]:
        return {
            "count": self.count, "bad": [_json(error) for error in self.bad], "maxErrors": self.tolerated,
            "refused": _json(self.refused) if self.refused is not None else None,
            "warnings": [_json(note) for note in self.notes], "alsoTrainedOn": [here for here, _ in self.copies],
        }


def _json(error: DataError) -> dict[str, str]:
    return {"message": error.title, "file": error.path, "place": error.place}


def verify_data(program: CheckedProgram) -> Iterator[PhaseData]:
    """Read every sample of every phase once; a phase at a time."""
    trained: dict[bytes, str] = {}
    for phase, reader in program.readers.items():
        yield _verify(phase, reader, trained)


def _verify(phase: str, reader: Reader, trained: dict[bytes, str]) -> PhaseData:
    found = PhaseData(phase, tolerated=reader.tolerated, can_skip=type(reader).option("maxErrors") is not None)
    try:
        described = reader.tolerant(_ALL).describe()
        if described.missing:
            raise DataError("the data are not there", path=described.missing[0],
                            hint="set the folder with an override such as `dataDir=PATH`.")
        dataset = reader.tolerant(_ALL).open(phase == "train")
    except DataError as error:
        found.refused = error
        return found
    try:
        found.bad = [*dataset.skipped, *faults(dataset, os.cpu_count() or 1)]
        found.count = dataset.count + len(dataset.skipped)
        found.notes = dataset.notes()
        _compare(found, dataset, trained)
    finally:
        dataset.close()
    return found


def _compare(found: PhaseData, dataset: Dataset, trained: dict[bytes, str]) -> None:
    """Remember what is trained on, or find what has been."""
    for index in range(dataset.count):
        known = dataset.fingerprint(index)
        if known is None:
            continue
        name, key = known
        if found.phase == "train":
            trained.setdefault(key, name)
        elif key in trained:
            found.copies.append((name, trained[key]))


def data_text(found: list[PhaseData]) -> list[str]:
    """The table of `check --data`, and below it what is wrong."""
    columns = (Column("phase"), Column("samples", right=True), Column("bad", right=True), Column("allowed", right=True))
    lines = text_table(columns, [
        (part.phase, f"{part.count:,}", f"{len(part.bad):,}", f"{part.tolerated:,}") if part.refused is None else
        (part.phase, "?", "?", "") for part in found])
    for part in found:
        lines += _details(part)
    return lines


def _details(part: PhaseData) -> list[str]:
    lines = []
    if part.refused is not None:
        lines += ["", f"{part.phase}: {part.refused}", *(f"    {line}" for line in part.refused.body)]
    kinds: dict[str, list[DataError]] = {}
    for error in part.bad:
        kinds.setdefault(error.title, []).append(error)
    for title, errors in kinds.items():
        lines += ["", f"{part.phase}: {title} ({len(errors):,})"]
        lines += [f"    {', '.join(filter(None, (error.path, error.place)))}" for error in errors[:_NAMED]]
        lines += [f"    and {len(errors) - _NAMED:,} more"] if len(errors) > _NAMED else []
    for note in part.notes:
        lines += ["", f"{part.phase}: {note.title}", *(f"    {line}" for line in note.body)]
    if part.copies:
        verb = "image is" if len(part.copies) == 1 else "images are"
        lines += ["", f"{part.phase}: {len(part.copies):,} {verb} also among the training data"]
        lines += [f"    {here}" if here == there else f"    {here} is {there}" for here, there in part.copies[:_NAMED]]
        lines += [f"    and {len(part.copies) - _NAMED:,} more"] if len(part.copies) > _NAMED else []
    return lines


def data_hint(found: list[PhaseData]) -> str:
    """What to do about what was found; empty where there is nothing to do."""
    refused = next((part.refused.hint for part in found if part.refused is not None and part.refused.hint), "")
    if refused:
        return refused
    failed = [part for part in found if part.failed and part.refused is None]
    if not failed:
        return ""
    skip = f", or let them be skipped: `maxErrors = {max(len(part.bad) for part in failed)}` in the reader" \
        if all(part.can_skip for part in failed) else ""
    return f"repair the bad samples or remove them{skip}."

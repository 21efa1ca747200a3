"""Everything that a report shows, gathered from a run's folder; each part may be missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from ..base.diagnostics import Failure
from ..base.source import Source
from ..checks.memory_estimate import estimate_memory
from ..data.choose import choose_data
from ..data.preview import Picture, pictures
from ..ir.network import NetworkTotals, totals
from ..ir.program import CheckedProgram, Phase
from ..readers.reader import DataError
from ..runs.store import RESOLVED, SOURCE, Run
from .filters import FilterBank, first_filters

T = TypeVar("T")


@dataclass(frozen=True)
class Worst:
    """One of the samples with the highest criterion, as a picture where there is one."""

    picture: Picture | None
    name: str
    criterion: float
    label: str
    predicted: str
    wrong: bool


@dataclass
class Facts:
    """What is known of a run. `notes` says what is left out and why."""

    run: Run
    text: str = ""  #: the file as resolved
    program: CheckedProgram | None = None
    sample: str = ""  #: the sentence about sample data, if the run was on some
    classes: tuple[str, ...] = ()
    worst: tuple[Worst, ...] = ()
    filters: FilterBank | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def confusions(self) -> dict[str, np.ndarray]:
        """Output (empty for the only one) -> [true class, predicted class] -> samples."""
        rows = self.run.details.get("confusion")
        square = isinstance(rows, list) and all(isinstance(row, list) and len(row) == len(rows) for row in rows)
        return {"": np.asarray(rows)} if rows and square else {}

    @property
    def totals(self) -> NetworkTotals | None:
        return totals(self.program.network) if self.program is not None else None

    @property
    def memory_bytes(self) -> int | None:
        return estimate_memory(self.program).training_bytes if self.program is not None else None

    @property
    def percentages(self) -> frozenset[str]:
        if self.program is None:
            return self.run.percentages
        nodes = (*self.program.criteria, *self.program.metrics)
        return frozenset(self.program.shown_name(n) for n in nodes if self.program.network[n].layer.percent)

    def class_name(self, number: int | None) -> str:
        if number is None:
            return ""
        return self.classes[number] if number < len(self.classes) else f"class {number}"


def gather(run: Run) -> Facts:
    """Read what there is; never raises for what a run lacks."""
    facts = Facts(run)
    path = next((run.folder / name for name in (RESOLVED, SOURCE) if (run.folder / name).is_file()), None)
    if path is None:
        facts.notes.append("The folder has no copy of the file, so there is no diagram.")
        return facts
    facts.text = path.read_text(encoding="utf-8", errors="replace")
    _attempt(facts, "the file could not be read again, so there is no diagram", lambda: _load(facts))
    facts.classes = tuple(run.state.get("classNames") or ())
    if facts.program is not None:
        program = facts.program
        if not facts.classes:
            from ..training.evaluation.prediction import class_names

            facts.classes = class_names(program)
        _attempt(facts, "the worst samples could not be shown", lambda: _worst(facts, program))
        checkpoint = run.checkpoint
        if checkpoint is not None:
            _attempt(facts, "the filters could not be shown", lambda: _filters(facts, program))
    return facts


def _load(facts: Facts) -> None:
    choice = choose_data(Source(f"{facts.run.network}.net", facts.text))
    facts.program, facts.sample = choice.checked.require(), choice.line


def _filters(facts: Facts, program: CheckedProgram) -> None:
    assert facts.run.checkpoint is not None
    facts.filters = first_filters(program, facts.run.checkpoint)


def _worst(facts: Facts, program: CheckedProgram) -> None:
    listed: list[dict[str, Any]] = facts.run.details.get("worst", [])
    if not listed or Phase.TEST not in program.readers:
        return
    shown: list[Picture | None] = [None] * len(listed)
    try:
        shown = list(pictures(program.readers[Phase.TEST], [int(sample["index"]) for sample in listed], training=False,
                              class_names=facts.classes))
    except (DataError, IndexError) as error:
        facts.notes.append(f"The worst samples have no pictures: {error}.")
    facts.worst = tuple(
        Worst(picture, str(sample["name"]), float(sample["criterion"] or 0.0), facts.class_name(sample.get("label")),
              facts.class_name(sample.get("predicted")), sample.get("label") != sample.get("predicted"))
        for sample, picture in zip(listed, shown, strict=True))


def _attempt(facts: Facts, otherwise: str, part: Callable[[], None]) -> None:
    """Run a part of the gathering; what goes wrong there becomes a note of the report."""
    try:
        part()
    except Failure as failed:
        facts.notes.append(f"{otherwise[0].upper()}{otherwise[1:]}: {failed.diagnostics[0].title}.")
    except (DataError, OSError, ValueError, KeyError, TypeError) as error:
        facts.notes.append(f"{otherwise[0].upper()}{otherwise[1:]}: {error}.")

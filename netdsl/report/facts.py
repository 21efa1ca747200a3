"""Everything that a report shows, gathered from a run's folder; each part may be missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from ..base.failure import Failure
from ..base.source import Source
from ..checks.memory_estimate import estimate_memory
from ..data.choose import choose_data
from ..data.preview import Picture, pictures
from ..describe.answers import Head
from ..ir.network import NetworkTotals, totals
from ..ir.program import CheckedProgram, Phase
from ..readers.reader import DataError
from ..runs.store import RESOLVED, SOURCE, Run
from ..training.evaluation.prediction import heads_of
from .filters import FilterBank, first_filters

T = TypeVar("T")

#: Of so many independent labels the matrices are shown.
MOST_LABELS = 12


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
    heads: tuple[Head, ...] = ()  #: the outputs, with the names of their classes
    worst: tuple[Worst, ...] = ()
    filters: FilterBank | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def confusions(self) -> dict[str, np.ndarray]:
        """Output (empty for the only one) -> [true class, predicted class] -> samples, or pixels of a map.

        Of independent labels each has a matrix of its own: without it (0) and with it (1).
        """
        heads = [head for head in self.run.details.get("heads", ()) if isinstance(head, dict)]
        found = {"" if len(heads) < 2 else str(head.get("output")): head.get("confusion") for head in heads}
        if len(heads) < 2:
            found[""] = self.run.details.get("confusion")
        for head in heads:
            names = self.label_names(str(head.get("output")))
            for number, counts in enumerate(head.get("hits", ())[:MOST_LABELS]):
                found[names[number] if number < len(names) else f"label {number}"] = counts
        return {name: np.asarray(rows) for name, rows in found.items() if _is_square(rows)}

    def label_names(self, output: str) -> tuple[str, ...]:
        """The names of an output's labels, each of which is there or not."""
        return next((head.element_names() for head in self.heads if head.name == output), ())

    def names_in(self, confusion: str) -> Callable[[int], str]:
        """What the classes of one of the `confusions` are called."""
        head = next((head for head in self.heads if head.name == confusion), None)
        if confusion and head is None:
            return lambda number: f"not {confusion}" if not number else confusion
        names = head.names if head is not None else self.classes
        return lambda number: names[number] if number < len(names) else f"class {number}"

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
        nodes = self.program.evaluated(Phase.TEST)
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
        facts.heads = heads_of(program, run.state)
        facts.classes = facts.classes or next((head.names for head in facts.heads if head.output.of == "classes"), ())
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
        Worst(picture, str(sample["name"]), float(sample["criterion"] or 0.0), _said(facts, sample, "label"),
              _said(facts, sample, "predicted"), _said(facts, sample, "label") != _said(facts, sample, "predicted"))
        for sample, picture in zip(listed, shown, strict=True))


def _said(facts: Facts, sample: dict[str, Any], which: str) -> str:
    """What a sample is (`label`) or was taken for (`predicted`), at each output."""
    heads = sample.get("heads") or {}
    if len(heads) < 2 and isinstance(sample.get(which), int):
        return facts.class_name(sample[which])
    parts = []
    for output, pair in heads.items():
        value = pair.get(which)
        text = facts.names_in(output)(value) if isinstance(value, int) else \
            " ".join(f"{number:.4g}" for number in value or ())
        parts.append(f"{output} {text}" if len(heads) > 1 else text)
    return ", ".join(parts)


def _is_square(rows: Any) -> bool:
    return isinstance(rows, list) and bool(rows) and all(isinstance(row, list) and len(row) == len(rows)
                                                        for row in rows)


def _attempt(facts: Facts, otherwise: str, part: Callable[[], None]) -> None:
    """Run a part of the gathering; what goes wrong there becomes a note of the report."""
    try:
        part()
    except Failure as failed:
        facts.notes.append(f"{otherwise[0].upper()}{otherwise[1:]}: {failed.diagnostics[0].title}.")
    except (DataError, OSError, ValueError, KeyError, TypeError) as error:
        facts.notes.append(f"{otherwise[0].upper()}{otherwise[1:]}: {error}.")

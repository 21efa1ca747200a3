"""What a run may be told beside its file, and what comes out of it."""

from __future__ import annotations

import signal as signals
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from ..base.units import duration, plural, value_text
from ..runs.writer import SourceSnapshot

#: What `overfit` makes of a plan: at least so many updates, and an end when the criterion falls to this share
#: of the first epoch's.
OVERFIT_UPDATES, LEARNED = 300, 0.01


@dataclass(frozen=True)
class Limits:
    """Shorter than the plan: for trying things out. None: as the plan says."""

    epochs: int | None = None
    steps: int | None = None  #: updates in all
    seconds: float | None = None
    minibatches: int | None = None  #: of each phase of each epoch
    overfit: int | None = None  #: train and evaluate on the same few minibatches, not transformed


@dataclass(frozen=True)
class RunOptions:
    """How a training is run; nothing here changes what the file means."""

    device: str = "auto"  #: `auto`, `cpu`, `cuda`, `cuda:1`
    out: str | Path | None = None  #: the run's folder; None: `runs/<network>/<time>`
    resume: str | Path | None = None  #: a checkpoint or a run's folder
    accept_changes: bool = False  #: resume although the plan or the network is another
    weights: str | Path | None = None  #: begin with the weights of a checkpoint
    allow_missing: tuple[str, ...] = ()  #: patterns of tensors that may start fresh
    weight_map: str = ""  #: which tensor of the weights is which: a file, `auto`, or one of netdsl's maps
    tell: Callable[[str], None] = lambda text: None  #: hears what became of weights of another system
    seed: int | None = None  #: None: the plan's
    limits: Limits = field(default_factory=Limits)
    workers: int | None = None  #: threads that read data; None: by the machine
    best: str | None = None  #: name of the metric by which the best checkpoint is chosen
    save_minutes: float = 15.0  #: a checkpoint within an epoch so long after the last one
    nan_continue: bool = False  #: continue although the criterion is not a number
    test: bool = True  #: test at the end, where the file has test data
    sample: str = ""  #: said in the records where the run is on made-up sample data
    texts: SourceSnapshot | None = None  #: the file as resolved, the overrides; kept with the run


@dataclass(frozen=True, repr=False)
class Result:
    """What a training came to. Values by the names that the file gives the nodes."""

    out: Path
    epochs: int
    steps: int
    samples: int
    train: dict[str, float]
    validation: dict[str, float] | None
    test: dict[str, float] | None
    checkpoint: Path
    best: Path | None
    seconds: float
    stopped: str = ""  #: why training ended before the plan's last epoch, or what limits left out of it
    best_by: str = ""  #: the value that chose the best epoch
    criterion: str = ""  #: the name of what was trained on
    percentages: frozenset[str] = frozenset()  #: names of values that are shares

    @property
    def phases(self) -> list[tuple[str, dict[str, float]]]:
        """The phases that have values, in the order in which they were."""
        every = (("train", self.train), ("validation", self.validation), ("test", self.test))
        return [(phase, values) for phase, values in every if values]

    def text(self, name: str, value: float) -> str:
        return value_text(value, name in self.percentages)

    def lines(self) -> list[tuple[str, str]]:
        """`("test", "ce 0.1234 errs 2.31 %")`: each phase that has values."""
        return [(phase, " ".join(f"{name} {self.text(name, value)}" for name, value in values.items()))
                for phase, values in self.phases]

    def __repr__(self) -> str:
        values = "".join(f", {phase} {text}" for phase, text in self.lines()[-1:])
        return f"<Result {self.out}: {plural(self.steps, 'update')}{values}>"

    def _repr_html_(self) -> str:
        """For notebooks: the values of each phase, and where everything is."""
        names = dict.fromkeys(name for _, values in self.phases for name in values)
        rows = ["".join(f"<th>{escape(name)}</th>" for name in ("", *names))]
        for phase, values in self.phases:
            cells = (self.text(name, values[name]) if name in values else "" for name in names)
            rows.append(f"<th>{phase}</th>" + "".join(f"<td>{cell}</td>" for cell in cells))
        facts = [f"{plural(self.epochs, 'epoch')}, {plural(self.steps, 'update')} in {duration(self.seconds)}"]
        facts += [self.stopped] * bool(self.stopped)
        facts += [f"best: {self.best.name} by {self.best_by}"] if self.best is not None else []
        facts.append(f"everything is in {self.out}")
        table = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table>{table}</table><p>{escape('; '.join(facts))}</p>"


class Interrupted(Exception):
    """Training was stopped by a signal (Ctrl-C, SIGTERM, SIGHUP), after the step was finished and saved."""

    def __init__(self, signal: int, checkpoint: Path | None) -> None:
        name = "Ctrl-C" if signal == signals.SIGINT else signals.Signals(signal).name
        super().__init__(f"stopped by {name}" + (f"; saved {checkpoint}" if checkpoint else ""))
        self.signal, self.checkpoint = signal, checkpoint

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that ends by the signal: 130, 143 or 129."""
        return 128 + self.signal

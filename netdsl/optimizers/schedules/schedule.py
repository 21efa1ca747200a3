"""Schedules: a value by progress, as data, read from `0.1*25 : 0.01*25 : 0.001` or from a policy row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.source import NOWHERE, Span
from ...base.text_table import aligned
from ...base.units import inflected
from ...spec import Choice, ScheduleValue, Spec, option, show_value, table_row

#: In what a policy may count; `steps` are updates, `training` is the part of the whole, 0 to 1.
UNITS = ("epochs", "steps", "samples", "training")


@dataclass(frozen=True)
class TrainingProgress:
    """How far training has come before a minibatch: what a schedule is a function of."""

    epoch: float  #: epochs done, with the fraction of the samples seen of the one under way
    step: int = 0  #: updates done
    samples: int = 0  #: samples seen
    max_epochs: int = 1
    max_steps: int | None = None

    @property
    def fraction(self) -> float:
        """The part of the whole training that is done, 0 to 1."""
        done = self.epoch / self.max_epochs
        if self.max_steps is not None:
            done = max(done, self.step / self.max_steps)
        return min(max(done, 0.0), 1.0)

    def along(self, unit: str) -> float:
        """Progress counted in one of `UNITS`."""
        return {"epochs": self.epoch, "steps": float(self.step), "samples": float(self.samples),
                "training": self.fraction}[unit]


@dataclass(frozen=True)
class Segment:
    """A value and for how many epochs it holds (None: one, or until the end if it is the last).

    `span` is where the element stands (`0.1*25`). A count that is not whole is a mistake of the
    file, which `check_steps` explains.
    """

    value: float
    epochs: float | None
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Schedule(ScheduleValue):
    """A value as a function of progress: what `ScheduleKind` options hold."""

    @property
    def counts_in(self) -> str:
        """What the value goes by: one of UNITS."""
        return "training"

    @property
    def warm_epochs(self) -> int:
        """For how many epochs the value rises to where the schedule begins."""
        return 0

    def at(self, progress: TrainingProgress) -> float:
        """The value for the next minibatch; pure."""
        raise NotImplementedError

    def sentence(self, max_epochs: int) -> str:
        """What the schedule does, for `check`."""
        raise NotImplementedError


@dataclass(frozen=True)
class PiecewiseConstant(Schedule):
    """CNTK's lists: each value holds for its epochs, the last one for ever.

    The value is the one of the epoch in which a minibatch begins: it is chosen by what was seen
    before the minibatch (measured on CNTK 2.7).
    """

    stretches: tuple[Segment, ...]

    def at(self, progress: TrainingProgress) -> float:
        end = 0.0
        for stretch in self.stretches:
            end += 1 if stretch.epochs is None else stretch.epochs
            if progress.epoch < end:
                return stretch.value
        return self.stretches[-1].value

    @property
    def is_constant(self) -> bool:
        return len({s.value for s in self.stretches}) == 1

    @property
    def length(self) -> int:
        """Epochs that the list names; the last value goes on after them."""
        return int(sum(1 if s.epochs is None else s.epochs for s in self.stretches))

    def starts(self) -> tuple[float, ...]:
        """The epoch (counted from 0) at which each stretch begins."""
        starts, end = [], 0.0
        for stretch in self.stretches:
            starts.append(end)
            end += 1 if stretch.epochs is None else stretch.epochs
        return tuple(starts)

    def sentence(self, max_epochs: int) -> str:
        return show_value(self.stretches[0].value) if self.is_constant else str(self)

    def __str__(self) -> str:
        parts = [show_value(s.value) + (f"*{show_value(s.epochs)}" if s.epochs not in (None, 1) else "")
                 for s in self.stretches]
        return ":".join(parts)


def constant(value: float) -> PiecewiseConstant:
    """A schedule with one value."""
    return PiecewiseConstant((Segment(value, None),))


@table_row
class Policy(Spec, Schedule):
    """Base of the schedule rows (StepDecay, CosineDecay, ...): a Spec that is a Schedule."""

    what: ClassVar[str] = "schedule"
    examples: ClassVar[tuple[str, ...]] = ()

    def sentence(self, max_epochs: int) -> str:
        return self.show()

    def __str__(self) -> str:
        return self.show()


class CountedPolicy(Policy):
    """Base of the policies with the option `unit`."""

    unit: str

    @property
    def counts_in(self) -> str:
        return self.unit


def unit_option(default: str = "epochs") -> str:
    """The option that says in what a policy counts."""
    declared: str = option(Choice(UNITS), default, "What is counted: epochs, steps (updates), samples, or the part of "
                                                   "the whole training from 0 to 1.")
    return declared


# --- mistakes in lists -------------------------------------------------------------------------


def check_steps(steps: PiecewiseConstant, name: str, max_epochs: int, *, noun: str = "rate",
                max_epochs_span: Span = NOWHERE) -> list[Diagnostic]:
    """What is wrong with a list as written: a bad count (an error), a value never reached (a warning).

    `name` is the option's name, `noun` what its values are ("rate", "size").
    """
    for stretch in steps.stretches:
        if not _is_count(stretch.epochs):
            return [_bad_count(steps, stretch, max_epochs, noun)]
    return _unreachable(steps, name, max_epochs, max_epochs_span)


def _is_count(epochs: float | None) -> bool:
    return epochs is None or (epochs >= 1 and epochs == int(epochs))


def _bad_count(steps: PiecewiseConstant, bad: Segment, max_epochs: int, noun: str) -> Diagnostic:
    line = f"line {bad.span.line} is:" if bad.span.source.text else "it is:"
    body = (
        "In a schedule, `value*count` means the value for that many epochs, and the last value lasts until "
        f"`maxEpochs`. Read that way, {line}",
        reading(steps, max_epochs, noun),
    )
    said = f"this says: {noun} {show_value(bad.value)}, for {_epochs(bad.epochs)}"
    return Diagnostic(Code.BAD_SCHEDULE, "a repeat count must be a whole number, at least 1",
                      Label(_count_span(bad.span), said), body=body, hint=_swapped(steps))


def reading(steps: PiecewiseConstant, max_epochs: int, noun: str) -> str:
    """The list as it was read, one line per stretch, as a block for a message."""
    rows = []
    for index, stretch in enumerate(steps.stretches):
        last = index == len(steps.stretches) - 1
        text = stretch.span.text or str(PiecewiseConstant((stretch,)))
        until = f"until epoch {max_epochs}" if last and stretch.epochs is None else f"for {_epochs(stretch.epochs)}"
        wrong = "" if _is_count(stretch.epochs) else "(not a whole number)" if stretch.epochs and stretch.epochs > 0 \
            else "(not at least 1)"
        rows.append((" ".join(text.split()), f"{noun.split()[-1]} {show_value(stretch.value)}", until, wrong))
    if len(rows) > 12:
        rows = rows[:9] + [("...", "", "", "")] + rows[-2:]
    apart = " " * 3  # what was written stands apart from what it means
    return "\n".join(f"    {line}" for line in aligned([(text + apart, *rest) for text, *rest in rows], left=4))


def _epochs(count: float | None) -> str:
    number = 1.0 if count is None else float(count)
    return f"{show_value(number)} {inflected(number, 'epoch')}"


def _count_span(span: Span) -> Span:
    """The count in the text of an element `value*count`; the whole element where it is not to be seen."""
    text = span.text
    star = text.rfind("*")
    if star < 0:
        return span
    count = text[star + 1 :]
    start = span.start + star + 1 + len(count) - len(count.lstrip())
    return Span(span.source, start, span.end) if start < span.end else span


def _swapped(steps: PiecewiseConstant) -> str:
    """The list with values and counts swapped, if that makes every count a whole number."""
    parts = []
    for stretch in steps.stretches:
        if stretch.epochs is None:
            parts.append(show_value(float(stretch.value)))
        elif _is_count(stretch.value) and stretch.epochs > 0:
            parts.append(f"{show_value(float(stretch.epochs))}*{show_value(float(stretch.value))}")
        else:
            return ""
    return f"the count comes second: `{' : '.join(parts)}`."


def _unreachable(steps: PiecewiseConstant, name: str, max_epochs: int, max_epochs_span: Span) -> list[Diagnostic]:
    for stretch, start in zip(steps.stretches, steps.starts(), strict=True):
        if start >= max_epochs:
            related = (Label(max_epochs_span, f"training ends after epoch {max_epochs}"),) \
                if max_epochs_span is not NOWHERE else ()
            label = f"would hold from epoch {int(start) + 1}"
            return [Diagnostic(Code.SCHEDULE_UNREACHABLE, f"a value of `{name}` is never reached",
                               Label(stretch.span, label), related=related, severity="warning",
                               body=(f"`maxEpochs` is {max_epochs}, and the values before this one last for "
                                     f"{int(start)} epochs.",),
                               hint=f"raise `maxEpochs` above {int(start)}, or leave the value out.")]
    return []

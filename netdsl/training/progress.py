"""How training tells of itself: one live line on a terminal, plain lines elsewhere, or nothing.

Training never prints; it calls a `Reporter`, and whoever starts the training chooses which.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import TextIO

from ..base.units import clipped, duration, value_text

LIVE_SECONDS, PLAIN_SECONDS = 0.2, 10.0


@dataclass(frozen=True)
class ProgressUpdate:
    """Where a phase stands: what a progress line is made of."""

    phase: str  #: "epoch", "validation", "test"
    epoch: int  #: counted from 1
    epochs: int
    step: int  #: minibatches of the phase that are done
    steps: int
    values: Mapping[str, float]  #: by shown name, means over the samples of the phase so far
    percent: frozenset[str]  #: names that are shares, printed in percent
    rate: float | None
    samples_per_second: float
    waiting: float  #: share of the time spent waiting for data
    seconds_left: float | None  #: until the end of the training
    key: str = ""  #: the value that matters most: the one by which the best epoch is chosen


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to; a line of `metrics.jsonl` and of the log."""

    epoch: int  #: counted from 1
    step: int
    samples: int
    train: dict[str, float]
    validation: dict[str, float] | None
    rate: float
    momentum: float | None
    seconds: float
    samples_per_second: float
    waiting: float
    best: bool = False
    best_by: str = ""  #: the value that decides which epoch is the best


class Reporter:
    """Receives progress updates. This one is silent; it is what a notebook or a test gets by default."""

    #: seconds between two calls of `show`
    interval: float = PLAIN_SECONDS

    def begin(self) -> None:
        """Everything is set up, and every mistake that can be found before the first step was not there."""

    def note(self, text: str) -> None:
        """Something worth a line: the device, a fall-back and its reason, a checkpoint."""

    def show(self, update: ProgressUpdate) -> None:
        """The state inside a phase, every `interval` seconds."""

    def epoch(self, record: EpochRecord, epochs: int, percent: frozenset[str]) -> None:
        """An epoch is over."""

    def end(self, phase: str, values: Mapping[str, float], percent: frozenset[str]) -> None:
        """A test is over."""


class BrokenPipeGuard(Reporter):
    """Passes everything on until that fails because nobody listens any more; then says so once, and is silent."""

    def __init__(self, inner: Reporter, log: Callable[[str], None]) -> None:
        self.inner, self.log, self.interval = inner, log, inner.interval

    def begin(self) -> None:
        self._pass(self.inner.begin)

    def note(self, text: str) -> None:
        self._pass(lambda: self.inner.note(text))

    def show(self, update: ProgressUpdate) -> None:
        self._pass(lambda: self.inner.show(update))

    def epoch(self, record: EpochRecord, epochs: int, percent: frozenset[str]) -> None:
        self._pass(lambda: self.inner.epoch(record, epochs, percent))

    def end(self, phase: str, values: Mapping[str, float], percent: frozenset[str]) -> None:
        self._pass(lambda: self.inner.end(phase, values, percent))

    def _pass(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:  # a closed pipe, a terminal that is gone
            self.inner = Reporter()
            self.log(f"progress is no longer shown, nobody reads it ({error.strerror or error}); training continues")


@dataclass
class ConsoleReporter(Reporter):
    """Writes to a stream: a line that is drawn anew on a terminal, else a line every ten seconds."""

    stream: TextIO
    live: bool = False
    width: Callable[[], int] = field(default=lambda: 100)
    heading: str = ""  #: what stands above the progress of a training

    def __post_init__(self) -> None:
        self.interval = LIVE_SECONDS if self.live else PLAIN_SECONDS
        self._drawn = False

    def begin(self) -> None:
        if self.heading:
            self._write(self.heading)

    def note(self, text: str) -> None:
        width = max(20, self.width() - 1) if self.live else len(text) + 1
        self._write(textwrap.fill(text, width, subsequent_indent="    ", break_long_words=False,
                                  break_on_hyphens=False))

    def show(self, update: ProgressUpdate) -> None:
        separator = self._separator()
        if self.live:
            self.stream.write("\r\033[2K" + fitted(update, separator, max(20, self.width() - 1), self._bar))
            self.stream.flush()
            self._drawn = True
        else:
            self._parts(progress_parts(update))

    def epoch(self, record: EpochRecord, epochs: int, percent: frozenset[str]) -> None:
        self._parts(epoch_parts(record, epochs, percent))

    def end(self, phase: str, values: Mapping[str, float], percent: frozenset[str]) -> None:
        self._parts([phase, *value_parts(values, percent)])

    def _parts(self, parts: Sequence[str]) -> None:
        """A line of parts; on a terminal that is too narrow for it, as many lines as it takes."""
        if self.live:
            self._write("\n".join(wrapped(parts, self._separator(), max(20, self.width() - 1))))
        else:
            self._write(self._separator().join(parts))

    def _write(self, text: str) -> None:
        clear, self._drawn = ("\r\033[2K" if self._drawn else ""), False
        self.stream.write(f"{clear}{text}\n")
        self.stream.flush()

    def _separator(self) -> str:
        return " · " if self._draws_boxes() else " | "

    def _bar(self, update: ProgressUpdate, cells: int) -> str:
        done = round(cells * update.step / max(1, update.steps))
        full, empty = ("━", "─") if self._draws_boxes() else ("#", ".")
        return full * done + empty * (cells - done)

    def _draws_boxes(self) -> bool:
        return "utf" in (getattr(self.stream, "encoding", None) or "").lower()


def wrapped(parts: Sequence[str], separator: str, width: int) -> list[str]:
    """Parts on lines of at most `width` columns (a longer part stands alone), indented from the second line on."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(separator) + len(part) <= width:
            lines[-1] += separator + part
        else:
            lines.append(f"    {part}")
    return lines


def progress_parts(update: ProgressUpdate, bar: str = "", narrow: int = 0) -> list[str]:
    """`epoch 3/90  1201/5005`, `ce 4.12`, `errs 27.1 %`, `rate 0.01`, `1,830 samples/s`, `waiting 3 %`, `ETA 41 min`.

    `narrow` is how much is left out or put shorter, the least important first; what stays at any width is the
    value that matters most, the rate, the speed and when training will be over.
    """
    key = update.key if update.key in update.values else \
        next((name for name in update.values if name in update.percent), next(iter(update.values), ""))
    shown = {name: value for name, value in update.values.items() if narrow < Narrow.ONE_VALUE or name == key}
    count = f"{update.step}/{update.steps}" if narrow < Narrow.NO_WORDS else \
        f"{100 * update.step / max(1, update.steps):.0f} %"
    place = update.phase if update.phase != "epoch" else \
        f"{'epoch ' * (narrow < Narrow.NO_EPOCH_WORD)}{update.epoch}/{update.epochs}"
    parts = [" ".join(p for p in (place * (narrow < Narrow.NO_PLACE), bar, count) if p)]
    if narrow < Narrow.NO_WORDS:
        longest = 60 if narrow < Narrow.SHORT_NAME else 12
        parts += value_parts({clipped(name, longest): value for name, value in shown.items()},
                             frozenset(clipped(name, longest) for name in update.percent))
    else:
        parts += [value_text(value, name in update.percent) for name, value in shown.items()]
    if update.rate is not None:
        rate = f"{update.rate:.4g}" if narrow < Narrow.SHORT_SPEED else f"{update.rate:.2g}"
        parts.append(f"{'rate ' * (narrow < Narrow.NO_WORDS)}{rate}")
    speed = f"{update.samples_per_second:,.0f}"
    parts.append(f"{speed} samples/s" if narrow < Narrow.SHORT_SPEED else f"{speed}/s")
    if narrow < Narrow.NO_WAITING:
        parts.append(f"waiting {100 * update.waiting:.0f} %")
    if update.seconds_left is not None:
        parts.append(f"{'ETA ' * (narrow < Narrow.NO_WORDS)}{duration(update.seconds_left)}")
    return parts


class Narrow(IntEnum):
    """What a live line gives up where the terminal is narrow, in this order."""

    NOTHING = 0
    NO_WAITING = auto()
    SHORT_BAR = auto()
    NO_BAR = auto()
    ONE_VALUE = auto()
    SHORT_SPEED = auto()
    NO_EPOCH_WORD = auto()
    SHORT_NAME = auto()
    NO_WORDS = auto()
    NO_PLACE = auto()


def fitted(update: ProgressUpdate, separator: str, width: int, bar: Callable[[ProgressUpdate, int], str]) -> str:
    """The fullest line of progress that fits the width."""
    line = ""
    for narrow in Narrow:
        cells = 12 if narrow < Narrow.SHORT_BAR else 6 if narrow < Narrow.NO_BAR else 0
        between = separator if narrow < Narrow.NO_PLACE else " "
        line = between.join(progress_parts(update, bar(update, cells), narrow))
        if len(line) <= width:
            return line
    return clipped(line, width)


def epoch_parts(record: EpochRecord, epochs: int, percent: frozenset[str]) -> list[str]:
    """The line of a finished epoch; `valid` values stand behind the training's."""
    parts = [f"epoch {record.epoch}/{epochs}", *value_parts(record.train, percent)]
    if record.validation:
        parts += [f"valid {part}" for part in value_parts(record.validation, percent)]
    parts += [f"rate {record.rate:.4g}", f"{record.samples_per_second:,.0f} samples/s",
              f"waiting {100 * record.waiting:.0f} %", duration(record.seconds)]
    return parts + [f"best so far by {record.best_by}" if record.best_by else "best so far"] * record.best


def value_parts(values: Mapping[str, float], percent: frozenset[str]) -> list[str]:
    return [f"{name} {value_text(value, name in percent)}" for name, value in values.items()]


class Stopwatch:
    """Time of a phase: samples a second, share spent waiting for data, when to look again."""

    def __init__(self, interval: float) -> None:
        self.started = self.looked = time.perf_counter()
        self.interval = interval
        self.samples = self.steps = 0

    def count(self, samples: int) -> None:
        """A minibatch is done."""
        self.samples, self.steps = self.samples + samples, self.steps + 1

    def due(self) -> bool:
        """True once every `interval` seconds."""
        now = time.perf_counter()
        if now - self.looked < self.interval:
            return False
        self.looked = now
        return True

    @property
    def seconds(self) -> float:
        return max(1e-9, time.perf_counter() - self.started)

    @property
    def speed(self) -> float:
        return self.samples / self.seconds

"""Ctrl-C, SIGTERM and SIGHUP: the first asks training to stop after the step, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

#: A closed terminal sends SIGHUP, which not every system has.
HANG_UP = getattr(signal, "SIGHUP", None)
SIGNALS = (signal.SIGINT, signal.SIGTERM, *([HANG_UP] if HANG_UP is not None else []))


class InterruptRequested(Exception):
    """A signal came while something ran that does not change the training's state."""


class InterruptHandler:
    """While it is entered, `signal` tells whether one came. Does nothing outside the main thread."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> InterruptHandler:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                # What the caller ignores stays ignored: `nohup netdsl run ...` outlives its terminal.
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        # The system and the shell may both tell of a closed terminal: the second time must not cut the saving short.
        closed = self._before.pop(number) if number == HANG_UP else None
        self._give_back()
        if closed is not None:
            signal.signal(number, signal.SIG_IGN)
            self._before[number] = closed

    def check(self) -> None:
        """Raise Asked if a signal has come."""
        if self.signal is not None:
            raise InterruptRequested

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._give_back()

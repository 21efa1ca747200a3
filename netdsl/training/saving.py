"""When checkpoints are written within the loop, and leaving after a signal with everything saved."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..runs.writer import RunWriter
from .clock import Clock
from .device import synchronize
from .interrupt import InterruptHandler
from .job import Job
from .run_options import Interrupted

#: In a checkpoint's state: where the run's records stood.
RECORDS = "records"


class Saver:
    """Writes the job's state as checkpoints of its run."""

    def __init__(self, job: Job, run: RunWriter, clock: Clock, stopper: InterruptHandler) -> None:
        self._job, self._run, self._clock, self._stopper = job, run, clock, stopper
        self._saved = time.perf_counter()

    def save(self, name: str, best: bool = False, record: Mapping[str, Any] | None = None) -> Path:
        """Write a checkpoint; `last` leads to it. `record` is the line of the records that follows it."""
        job = self._job
        synchronize(job.device)
        job.state.position.seconds = self._clock.seconds
        snapshot = job.state.snapshot({**job.facts, RECORDS: self._run.mark(record)})
        path = job.checkpoints.save(name, snapshot, best, job.state.position.fallback)
        self._saved = time.perf_counter()
        self._run.point_latest_here()
        return path

    def save_step(self) -> Path:
        """A checkpoint within an epoch."""
        return self.save(f"step-{self._job.state.position.step:08d}")

    def save_if_due(self) -> None:
        """A checkpoint within an epoch, `--save-minutes` after the last one of any kind."""
        if time.perf_counter() - self._saved > 60 * self._job.options.save_minutes:
            self.save_step()

    def leave_if_asked(self) -> None:
        """After a signal: save, and leave. Raises Interrupted."""
        if self._stopper.signal is not None:
            path, job = self.save_step(), self._job
            told = f"stopped after {job.state.position.step:,} updates; resume with --resume {job.folder}"
            job.reporter.note(told)
            self._run.log(told)
            raise Interrupted(self._stopper.signal, path)

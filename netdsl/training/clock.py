"""When training is over: the plan's end, limits of epochs, updates and time, the control's decision."""

from __future__ import annotations

import math
import time

from .job import Job


class Clock:
    """Time, epochs and updates that are left. `started` is when this part of the run began."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._started = time.perf_counter()
        self._before = job.state.position.seconds  #: of the parts of the run that were done before

    def over(self) -> bool:
        """Whether the plan, a limit, or the control has ended training."""
        job = self._job
        at, most = job.state.position, job.options.limits.epochs
        return bool(at.ended) or job.plan.ends_before(at.epoch, job.state.control.factor) \
            or (most is not None and at.epoch >= most) or self.steps_left() <= 0 or self.out_of_time()

    @property
    def epochs(self) -> int:
        """How many epochs it will be, for people."""
        return min(self._job.plan.epochs, self._job.options.limits.epochs or self._job.plan.epochs)

    def steps_left(self) -> float:
        """Updates until the plan's or the command line's limit; infinity without one."""
        limits = (self._job.plan.block.max_steps, self._job.options.limits.steps)
        return min((limit for limit in limits if limit is not None), default=math.inf) - self._job.state.position.step

    @property
    def seconds(self) -> float:
        """Of training, all parts of the run together."""
        return self._before + time.perf_counter() - self._started

    def out_of_time(self) -> bool:
        """Whether this part of the run has used up `--max-time`."""
        seconds = self._job.options.limits.seconds
        return seconds is not None and time.perf_counter() - self._started > seconds

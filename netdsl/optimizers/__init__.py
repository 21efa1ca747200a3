"""Table 3: the optimizers, a class each, their schedules, and the training plan. Imports `base`, `spec`."""

from __future__ import annotations

from .optimizer_table import BLOCK_ROWS, NAMES, OPTIMIZERS, ROWS, SCHEDULES
from .schedules.policies import ROWS as SCHEDULE_ROWS

__all__ = ["BLOCK_ROWS", "NAMES", "OPTIMIZERS", "ROWS", "SCHEDULES", "SCHEDULE_ROWS"]

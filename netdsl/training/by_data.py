"""What of a training follows from the size of its data; and what a run from before that goes on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..base.units import plural
from ..checks.frozen import frozen_layers
from ..checks.statistics_memory import fitting_memory
from ..ir.program import CheckedProgram
from ..layers.batch_normalization import USUAL_MEMORY
from ..lower import Executable
from ..optimizers.plan import TrainingPlan
from ..runs import checkpoint
from ..runs.store import saved_state
from .data.sampling import Sampling
from .run_options import RunOptions

#: Keys of the facts that checkpoints keep: the memory of normalizations for which the file states none, and the
#: layers whose running statistics are frozen. Older runs have neither.
MEMORY, FROZEN = "normalizationMemory", "frozenStatistics"


def set_memory(plan: TrainingPlan, executable: Executable, options: RunOptions, sampling: Sampling) -> float:
    """Give layers their memory that the file leaves to the data: the same for the whole of a run. The memory."""
    memory = float(_saved(options).get(MEMORY, USUAL_MEMORY)) if options.resume is not None \
        else fitting_memory(plan, sampling.epoch_length)
    executable.configure({MEMORY: memory})
    return memory


def memory_note(program: CheckedProgram, plan: TrainingPlan, memory: float) -> str:
    """Said where the memory is shorter than usual, for layers that take it."""
    taken = any(MEMORY in node.layer.from_data.values() and node.layer.memory is None for node in program.network)
    if not taken or memory == USUAL_MEMORY or plan.block.batch_normalization_time_constant is not None:
        return ""
    return f"batch normalization remembers {plural(int(memory), 'sample')}, as the data are few"


def frozen_note(program: CheckedProgram, plan: TrainingPlan, options: RunOptions) -> str:
    """Said where an older version did a part of a run in which the frozen layers' statistics moved."""
    if options.resume is None or FROZEN in _saved(options) or not frozen_layers(program.network, plan):
        return ""
    return "the running statistics of frozen layers stay from here on; the version that began this run moved them"


def _saved(options: RunOptions) -> dict[str, Any]:
    return {} if options.resume is None else saved_state(checkpoint.find(Path(options.resume)))

"""What of a training follows from the size of its data; and what a run from before that goes on with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..base.units import plural
from ..checks.frozen import frozen_layers
from ..checks.normalization import fitting_memory
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


def set_memory(program: CheckedProgram, plan: TrainingPlan, executable: Executable, options: RunOptions,
               sampling: Sampling) -> float:
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


def resumed_notes(program: CheckedProgram, plan: TrainingPlan, options: RunOptions) -> Iterator[str]:
    """What is computed otherwise from here on than in the part of a run that an older version did."""
    if options.resume is not None and FROZEN not in _saved(options) and frozen_layers(program.network, plan):
        yield "the frozen layers' running statistics stay from here on; the version that began this run let them move"


def _saved(options: RunOptions) -> dict[str, Any]:
    return {} if options.resume is None else saved_state(checkpoint.find(Path(options.resume)))

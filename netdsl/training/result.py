"""What a training came to: why it ended, and its result as the run's folder keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..optimizers.plan import TrainingPlan
from ..outputs import outputs_of
from ..runs.checkpoint import CheckpointManager
from ..spec import camel
from .run_options import Limits, Result
from .setup import Job
from .state import Position


def stop_reason(plan: TrainingPlan, limits: Limits, at: Position, factor: float, out_of_time: bool) -> str:
    """Why training ended before the plan's end, or what was left out; empty where all of the plan was done."""
    if at.ended:
        return at.ended
    if not plan.ends_before(at.epoch, factor):
        done, most = f"stopped after {at.step:,} update{'s' * (at.step != 1)}", plan.block.max_steps
        if limits.steps is not None and at.step >= limits.steps:
            return f"{done} (--max-steps)"
        if most is not None and at.step >= most:
            return f"{done} (maxSteps)"
        return f"{done} (--max-time)" if out_of_time else f"{done} (--max-epochs)"
    if limits.minibatches is not None:
        return f"every epoch was cut to {limits.minibatches} minibatch{'es' * (limits.minibatches != 1)} (--limit)"
    if at.epoch < plan.epochs:
        return f"the rate fell below minLearningRatePerSample after {at.epoch} epoch{'s' * (at.epoch != 1)}"
    return ""


def saved_checkpoints(keeper: CheckpointManager) -> tuple[Path, Path | None]:
    """The last checkpoint and the best one."""
    last, best = keeper.leads_to("last"), keeper.leads_to("best")
    assert last is not None, "a checkpoint was saved before"
    return keeper.folder / last, keeper.folder / best if best is not None else None


def result_record(result: Result, job: Job, percentages: Sequence[str]) -> dict[str, Any]:
    """`result.json`: the result, and what those need who read it without the program."""
    best = f"checkpoints/{result.best.name}" if result.best is not None else None
    fields = {camel(key): value for key, value in asdict(result).items()}
    return {**fields, "out": str(job.folder), "checkpoint": f"checkpoints/{result.checkpoint.name}", "best": best,
            "seed": job.seed, "device": str(job.device), "sample": job.options.sample,
            "classNames": job.facts["classNames"], "percentages": list(percentages),
            "outputs": [{"output": job.program.shown_name(output.node), "kind": output.kind,
                         "labels": job.program.shown_name(output.labels) if output.labels is not None else None}
                        for output in outputs_of(job.program)]}

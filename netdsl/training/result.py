"""What a training came to: why it ended, and its result as the run's folder keeps it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..base.units import plural
from ..checks.outputs import outputs_of
from ..ir.directions import shown_directions
from ..optimizers.plan import TrainingPlan
from ..runs.checkpoint import CheckpointManager
from ..spec import camel
from .job import Job
from .run_options import Limits, Result
from .state import Position


def stop_reason(plan: TrainingPlan, limits: Limits, at: Position, factor: float, out_of_time: bool) -> str:
    """Why training ended before the plan's end, or what was left out; empty where all of the plan was done."""
    if at.ended:
        return at.ended
    if not plan.ends_before(at.epoch, factor):
        done, most = f"stopped after {plural(at.step, 'update')}", plan.block.max_steps
        if limits.steps is not None and at.step >= limits.steps:
            return f"{done} (--max-steps)"
        if most is not None and at.step >= most:
            return f"{done} (maxSteps)"
        return f"{done} (--max-time)" if out_of_time else f"{done} (--max-epochs)"
    if limits.minibatches is not None:
        return f"every epoch was cut to {plural(limits.minibatches, 'minibatch', 'minibatches')} (--limit)"
    if at.epoch < plan.epochs:
        return f"the rate fell below minLearningRatePerSample after {plural(at.epoch, 'epoch')}"
    return ""


def saved_checkpoints(checkpoints: CheckpointManager) -> tuple[Path, Path | None]:
    """The last checkpoint and the best one."""
    last, best = checkpoints.target("last"), checkpoints.target("best")
    assert last is not None, "a checkpoint was saved before"
    return checkpoints.folder / last, checkpoints.folder / best if best is not None else None


def result_record(result: Result, job: Job) -> dict[str, Any]:
    """`result.json`: the result, and what those need who read it without the program."""
    best = f"checkpoints/{result.best.name}" if result.best is not None else None
    fields = {camel(key): value for key, value in asdict(result).items() if key != "criterion"}
    return {**fields, "out": str(job.folder), "checkpoint": f"checkpoints/{result.checkpoint.name}", "best": best,
            "seed": job.seed, "device": str(job.device), "sample": job.options.sample,
            "classNames": job.facts["classNames"], "percentages": sorted(result.percentages),
            "better": shown_directions(job.program),
            "outputs": [{"output": job.program.shown_name(output.node), "kind": output.kind,
                         "labels": job.program.shown_name(output.labels) if output.labels is not None else None}
                        for output in outputs_of(job.program)]}

"""Keys that say which training samples come, and how often, against each other and against the readers."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.diagnostics import Diagnostic, Label, did_you_mean
from ..ir.network import ShapedNode
from ..ir.program import Program
from ..optimizers.plan import TrainingPlan


def sampling_conflicts(program: Program[ShapedNode]) -> Iterator[Diagnostic]:
    """What contradicts itself, and keys that have no effect."""
    plan = program.plan
    if plan is not None:
        yield from _balance(program, plan)
        yield from _without_hold_out(program, plan)


def _balance(program: Program[ShapedNode], plan: TrainingPlan) -> Iterator[Diagnostic]:
    wanted, span = plan.block.balance_classes, plan.spans.get("balanceClasses")
    if not wanted or span is None:
        return
    if isinstance(wanted, str) and wanted not in program.inputs:
        yield Diagnostic("unknown-name", f"there is no input called `{wanted}` to balance the classes of",
                         Label(span, did_you_mean(wanted, program.inputs)),
                         body=(f"The inputs are {', '.join(program.inputs)}.",))
    train = program.readers.train
    if train is not None and not train.randomize:
        spans = program.readers.spans
        yield Diagnostic("conflicting-keys", "balanced classes come in an order of their own",
                         Label(span, "takes samples by class"),
                         related=(Label(spans.get("train.randomize") or spans.get("train", span),
                                        "keeps the order of the data"),),
                         hint="leave `randomize = false` or `balanceClasses` out.")


def _without_hold_out(program: Program[ShapedNode], plan: TrainingPlan) -> Iterator[Diagnostic]:
    if plan.block.validation and program.readers.validation is None:
        return
    for key in ("fold", "stratify"):
        if key in plan.spans:
            why = "a reader has the validation data" if program.readers.validation is not None else \
                "nothing is set aside for validation"
            yield Diagnostic("doubtful", f"`{key}` has no effect: {why}", Label(plan.spans[key]), severity="warning",
                             hint="set `validation = 0.2`, or leave it out.")

"""Keys that say which training samples come, and how often, against each other and against the readers."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.suggest import did_you_mean
from ..ir.program import CheckedProgram, Phase
from ..optimizers.plan import TrainingPlan


def check_sampling(program: CheckedProgram) -> Iterator[Diagnostic]:
    """What contradicts itself, and keys that have no effect."""
    plan = program.plan
    if plan is not None:
        yield from _balance(program, plan)
        yield from _without_hold_out(program, plan)


def _balance(program: CheckedProgram, plan: TrainingPlan) -> Iterator[Diagnostic]:
    wanted, span = plan.block.balance_classes, plan.spans.get("balanceClasses")
    if not wanted or span is None:
        return
    if isinstance(wanted, str) and wanted not in program.inputs:
        yield Diagnostic(Code.UNKNOWN_NAME, f"there is no input called `{wanted}` to balance the classes of",
                         Label(span, did_you_mean(wanted, program.inputs)),
                         body=(f"The inputs are {', '.join(program.inputs)}.",))
    train = program.readers.get(Phase.TRAIN)
    if train is not None and not train.randomize:
        spans = program.readers.spans
        yield Diagnostic(Code.CONFLICTING_KEYS, "balanced classes have their own order",
                         Label(span, "takes samples by class"),
                         related=(Label(spans.get("train.randomize") or spans.get("train", span),
                                        "keeps the order of the data"),),
                         hint="leave `randomize = false` or `balanceClasses` out.")


def _without_hold_out(program: CheckedProgram, plan: TrainingPlan) -> Iterator[Diagnostic]:
    if plan.block.validation and Phase.VALIDATION not in program.readers:
        return
    for key in ("fold", "stratify"):
        if key in plan.spans:
            why = "a reader has the validation data" if Phase.VALIDATION in program.readers else \
                "nothing is set aside for validation"
            yield Diagnostic(Code.DOUBTFUL, f"`{key}` has no effect: {why}", Label(plan.spans[key]), severity="warning",
                             hint="set `validation = 0.2`, or leave it out.")

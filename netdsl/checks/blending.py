"""Mixup and cutmix: inputs whose values cannot be blended, and boxes that nothing can be pasted into."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..ir.network import ShapedNode
from ..ir.program import CheckedProgram
from ..optimizers.plan import TrainingPlan


def check_mixing(program: CheckedProgram) -> Iterator[Diagnostic]:
    """What stands against the plan's mixing; nothing where it does not mix."""
    plan = program.plan
    if plan is None or not (plan.block.mixup or plan.block.cutmix):
        return
    inputs = [program.network[name] for name in program.inputs]
    for node in inputs:
        for user in program.network.users(node.name):
            shapes = [program.network[use.node].shape for use in user.inputs]
            count = user.layer.class_numbers(shapes) if user.inputs[0].node == node.name else None
            if not user.layer.can_be_blended:
                yield _refused(plan, f"{user.layer.name()} compares whole samples", user,
                               "their blends are meaningless", "")
                return
            if count is not None and (plan.block.mixup or not has_pixels(node)):
                wanted = ":".join(map(str, (*node.shape.file_dims[:-1], count)))
                yield _refused(plan, "half of class 0 and half of class 2 is not class 1", node,
                               f"the numbers of {count} classes",
                               f"with `{node.name} = Input {{{wanted}}}` the labels are shares of the classes")
                break
    if plan.block.cutmix and not any(has_pixels(node) for node in inputs):
        yield Diagnostic(Code.DOUBTFUL, "`cutmix` has no effect: no input is an image",
                         Label(plan.spans["cutmix"], "pastes a box of pixels"),
                         hint="for vectors use `mixup`, which blends them.", severity="warning")


def has_pixels(node: ShapedNode) -> bool:
    """Whether an input has a width and a height, so that a box of it can be cut out."""
    return node.shape.rank == 3 and node.shape.dims[1] * node.shape.dims[2] > 1


def _refused(plan: TrainingPlan, why: str, node: ShapedNode, label: str, suggestion: str) -> Diagnostic:
    key = "mixup" if plan.block.mixup else "cutmix"
    return Diagnostic(Code.WRONG_INPUTS, f"`{key}` cannot blend the labels: {why}", Label(node.span, label),
                      related=(Label(plan.spans[key], "blends samples"),),
                      hint=f"{suggestion}; or leave `{key}` out." if suggestion else f"leave `{key}` out.")

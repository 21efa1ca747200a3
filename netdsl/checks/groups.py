"""Samples that belong together: which input says so, and what cannot be asked for beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..ir.network import ShapedNode
from ..ir.program import CheckedProgram


def group_input(program: CheckedProgram, roots: Iterable[str]) -> str | None:
    """The input whose equal numbers keep samples together, if what is computed has rows over groups."""
    return next((name for _, name in _uses(program, roots)), None)


def check_groups(program: CheckedProgram) -> Iterator[Diagnostic]:
    """Rows over groups that no input, or another input, gives the groups of; options that would tear a group."""
    uses = list(_uses(program, (*program.criteria, *program.metrics, *program.outputs)))
    for node, name in uses:
        position = node.layer.group_input
        assert position is not None
        label = f"`{node.layer.inputs[position]}` is read from the data before the minibatches are made"
        if not program.network[name].layer.is_input:
            yield Diagnostic(Code.WRONG_INPUTS, f"the groups of {node.layer.name()} have to come from an input",
                             Label(node.inputs[position].span, label),
                             hint="give it the input itself; what is computed from it cannot be known that early.")
        elif name != uses[0][1]:
            yield Diagnostic(
                Code.WRONG_INPUTS, f"{node.layer.name()} uses other groups than {uses[0][0].layer.name()}",
                Label(node.inputs[position].span, f"groups by `{name}`"),
                related=(Label(uses[0][0].span, f"groups by `{uses[0][1]}`"),),
                hint="a minibatch can keep the samples together in one way only: use one input for both.")
    plan = program.plan
    if uses and plan is not None and plan.block.balance_classes:
        yield Diagnostic(Code.CONFLICTING_KEYS, f"`balanceClasses` draws single samples, and {uses[0][0].layer.name()} "
                         "needs groups", Label(plan.spans.get("balanceClasses", uses[0][0].span), "is set here"),
                         related=(Label(uses[0][0].span, "this compares the samples of a group"),),
                         hint="leave `balanceClasses` out.")
    if uses and plan is not None and plan.pieces > 1:
        key = next((key for key in ("numSubminibatches", "accumulate") if key in plan.spans), "")
        yield Diagnostic(Code.CONFLICTING_KEYS, f"`{key}` divides minibatches, and {uses[0][0].layer.name()} needs "
                         "whole groups", Label(
                             plan.spans.get(key, uses[0][0].span), "this splits groups"),
                         related=(Label(uses[0][0].span, "this compares the samples of a group"),),
                         hint=f"leave `{key}` out, and use a smaller `minibatchSize` if memory is short.")


def _uses(program: CheckedProgram, roots: Iterable[str]) -> Iterator[tuple[ShapedNode, str]]:
    """The nodes whose row is over groups, and the node that gives the groups."""
    wanted = program.network.ancestors(roots)
    for node in program.network:
        if node.name in wanted and node.layer.group_input is not None:
            yield node, node.inputs[node.layer.group_input].node

"""Several views of a sample (ten crops): which values are averaged over them, and whether that suffices."""

from __future__ import annotations

from collections.abc import Mapping

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..ir.program import CheckedProgram


def averaged_nodes(program: CheckedProgram) -> tuple[str, ...]:
    """The nodes that are averaged: the outputs, and scores of which a criterion takes the softmax.

    Criteria and metrics are computed from the averages.
    """
    scores = [node.inputs[-1].node for node in program.network if node.layer.softmax_axis is not None]
    evaluating = {*program.criteria, *program.metrics}
    return tuple(name for name in dict.fromkeys((*program.outputs, *scores)) if name not in evaluating)


def softmax_axis(program: CheckedProgram, output: str) -> int | None:
    """The axis along which a criterion takes the softmax of a node (0: all elements); None if none does."""
    return next((node.layer.softmax_axis for node in program.network
                 if node.layer.softmax_axis is not None and node.inputs[-1].node == output), None)


def multi_view_diagnostic(program: CheckedProgram, phase: str, counts: Mapping[str, int]) -> Diagnostic | None:
    """The diagnostic if a criterion or metric sees the views past the averages. `counts`: inputs and their views."""
    waiting, seen = [*program.criteria, *program.metrics], set(averaged_nodes(program))
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in counts:
            return Diagnostic(
                Code.READER_SHAPE, f"the {counts[name]} views of each sample cannot be averaged",
                Label(program.network[name].span,
                      "a criterion or metric uses this input directly, not through the outputs"),
                related=(Label(program.readers.spans[phase], "the views are made here"),)
                if phase in program.readers.spans else (),
                body=("The outputs (`outputNodes`) are averaged over the views, and criteria and metrics are computed "
                      "from the averages.",),
                hint="name in `outputNodes` what the criteria and metrics compare with the labels.")
        waiting += [use.node for use in program.network[name].inputs]
    return None

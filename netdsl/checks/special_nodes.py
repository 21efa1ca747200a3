"""Criteria and metrics against their rules: one number a sample, a gradient to train on, inputs in their order."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..ir.program import CheckedProgram


def check_roles(program: CheckedProgram) -> Iterator[Diagnostic]:
    for kind in ("criterionNodes", "evaluationNodes", "testNodes"):
        for name in program.special.get(kind, ()):
            if name not in program.network:
                continue
            node = program.network[name]
            if node.shape.size != 1:
                yield Diagnostic(
                    Code.SHAPE_MISMATCH, f"`{program.shown_name(name)}` in {kind} is not one number per sample",
                    Label(node.span, f"this is {node.shape}"), related=(Label(program.spans[kind], "listed here"),),
                    hint="a criterion such as CrossEntropyWithSoftmax gives one number; ReduceSum makes one of many.",
                    severity="warning" if kind == "testNodes" else "error",
                    body=("A test does not report it.",) if kind == "testNodes" else ())
            elif kind == "criterionNodes" and node.layer.is_metric:
                yield Diagnostic(
                    Code.NO_CRITERION, f"`{program.shown_name(name)}` is a count and cannot be trained on",
                    Label(node.span, f"{node.layer.name()} has no gradient"),
                    related=(Label(program.spans[kind], "listed here"),),
                    hint="train on CrossEntropyWithSoftmax and list this in `evaluationNodes`.")


def check_order(program: CheckedProgram) -> Iterator[Diagnostic]:
    """`CrossEntropyWithSoftmax (z, labels)`: the targets come first, and training would run away silently."""
    learned = {node.name for node in program.network if node.cost.parameters}
    for node in program.network:
        if len(node.inputs) < 2 or node.layer.inputs[:1] not in (("labels",), ("label",)):
            continue
        targets, values = node.inputs[0], node.inputs[1]
        if program.network[values.node].layer.is_input and program.network.ancestors([targets.node]) & learned:
            yield Diagnostic(
                Code.WRONG_INPUTS, f"the two inputs of {node.layer.name()} are swapped: the targets come first",
                Label(targets.span, "this depends on what is learned"),
                related=(Label(values.span, "this is data"),),
                hint=f"write `{node.layer.name()} ({values.span.text}, {targets.span.text})`.")

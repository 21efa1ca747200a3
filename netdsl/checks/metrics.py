"""Metrics: a number of the whole data set is used as one."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.diagnostics import Diagnostic, Label
from ..ir.network import ShapedNode
from ..ir.program import Program


def check_metrics(program: Program[ShapedNode]) -> Iterator[Diagnostic]:
    """Set metrics that something is computed from, or that are listed elsewhere than in `evaluationNodes`."""
    for node in program.network:
        for use in node.inputs:
            source = program.network[use.node]
            if source.layer.is_set_metric:
                yield Diagnostic(
                    "wrong-inputs", f"{source.layer.name()} is one number of the whole data set, not one of a sample",
                    Label(use.span, "nothing can be computed from it"),
                    related=(Label(source.span, "made here"),) if source.span != use.span else (),
                    hint="list it in `evaluationNodes` as it is; `RatioOfSums (above, below)` makes a metric of one's "
                         "own.")
    for name in program.outputs:
        if name in program.network and program.network[name].layer.is_set_metric:
            node = program.network[name]
            yield Diagnostic(
                "wrong-inputs", f"`{program.shown_name(name)}` is one number of the data set, not one of a sample",
                Label(node.span, "no output"), related=(Label(program.spans["outputNodes"], "listed here"),),
                hint="list it in `evaluationNodes`.")

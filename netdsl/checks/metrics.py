"""Metrics: a number of the whole data set is used as one; which way is better is known; means that are none."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..ir.directions import directions
from ..ir.network import Network, ShapedNode
from ..ir.program import CheckedProgram
from ..layers.quality import Quality


def check_metrics(program: CheckedProgram) -> Iterator[Diagnostic]:
    """Set metrics that something is computed from, or that are listed elsewhere than in `evaluationNodes`."""
    for node in program.network:
        for use in node.inputs:
            source = program.network[use.node]
            if source.layer.is_set_metric:
                yield Diagnostic(
                    Code.WRONG_INPUTS,
                    f"{source.layer.name()} is one number of the whole data set, not one of a sample",
                    Label(use.span, "nothing can be computed from it"),
                    related=(Label(source.span, "made here"),) if source.span != use.span else (),
                    hint="list it in `evaluationNodes` as it is; `RatioOfSums (above, below)` makes a metric of one's "
                    "own.",
                )
    for name in program.outputs:
        if name in program.network and program.network[name].layer.is_set_metric:
            node = program.network[name]
            yield Diagnostic(
                Code.WRONG_INPUTS, f"`{program.shown_name(name)}` is one number of the data set, not one of a sample",
                Label(node.span, "no output"), related=(Label(program.spans["outputNodes"], "listed here"),),
                hint="list it in `evaluationNodes`.")


def metric_warnings(program: CheckedProgram) -> Iterator[Diagnostic]:
    """Metrics of which nobody knows which way is better, and divisions that are averaged over the samples."""
    found = directions(program)
    for name in program.metrics:
        if name in program.network:
            divisions = [*_divisions(program.network, name)]
            for division in divisions[:1]:
                yield _averaged_division(program, name, division)
            if found[name] is Quality.UNKNOWN and not divisions:
                yield _unknown_direction(program, name)


def _unknown_direction(program: CheckedProgram, name: str) -> Diagnostic:
    node, shown = program.network[name], program.shown_name(name)
    text = _written(program, name)
    write = f"`RatioOfSums {{better = \"larger\"}} {text.removeprefix('RatioOfSums').lstrip()}`" \
        if node.layer.is_set_metric else f"`Metric {{better = \"larger\"}} ({text})`"
    return Diagnostic(
        Code.DOUBTFUL, f"it is not known whether a smaller or a larger `{shown}` is better", Label(
            node.span, "treated as an error: smaller is better"), severity="warning",
        hint=f"state it: {write}, or \"smaller\".")


def _averaged_division(program: CheckedProgram, name: str, division: ShapedNode) -> Diagnostic:
    return Diagnostic(
        Code.DOUBTFUL, f"`{program.shown_name(name)}` is a ratio within each sample, averaged over the samples",
        Label(division.span, "divided by a sum over one sample"), severity="warning",
        body=("Evaluation nodes are means over samples. The mean of ratios is not the ratio of the sums over the "
              "data set: precision, recall and F1 are of the second kind.",),
        hint="for the whole data set write `RatioOfSums {better = \"larger\"} (above, below)`, or Precision, Recall or "
             "F1; if the mean is meant, write `Metric {better = \"larger\"} (...)` around it.")


def _written(program: CheckedProgram, name: str) -> str:
    """The text of a node on one line, or `x` where that is no text to copy."""
    span = program.network[name].span
    text = " ".join(span.text.split())
    return text if len(text) <= 60 and text.count("(") == text.count(")") and len(text) > 2 else "x"


def _divisions(network: Network[ShapedNode], name: str) -> Iterator[ShapedNode]:
    """The divisions of one number of a sample by another that a metric's formula has, by a sum or a count."""
    waiting, seen = [name], {name}
    for name in waiting:
        node = network[name]
        if not node.layer.is_formula:
            continue
        divisor = node.layer.divisor
        if divisor is not None and node.shape.size == 1 and _is_reduced(network, node.inputs[divisor].node):
            yield node
        waiting += [use.node for use in node.inputs if use.node not in seen]
        seen.update(use.node for use in node.inputs)


def _is_reduced(network: Network[ShapedNode], name: str) -> bool:
    """Whether a value of a sample is a sum over its elements, or counts, or is a formula of such."""
    waiting, seen = [name], {name}
    for name in waiting:
        node = network[name]
        if node.layer.is_formula and node.shape.batched:
            if node.layer.is_reducing:
                return True
            waiting += [use.node for use in node.inputs if use.node not in seen]
            seen.update(use.node for use in node.inputs)
    return False

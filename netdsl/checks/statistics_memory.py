"""Batch normalization against the data: how many samples running statistics remember, and over what they are taken."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Edit, Label
from ..base.source import Span
from ..ir.network import ShapedNode
from ..ir.program import CheckedProgram
from ..layers.batch_normalization import USUAL_MEMORY
from ..optimizers.plan import TrainingPlan
from .frozen import frozen_layers

KEY = "batchNormalizationTimeConstant"


def fitting_memory(plan: TrainingPlan, epoch: int) -> float:
    """The time constant, in samples, of layers for which the file states none; an epoch has so many samples.

    CNTK's 5,000, but at most an epoch's samples and half of the training's: running statistics that still hold
    those of the first updates say nothing of the weights at the end.
    """
    return float(min(USUAL_MEMORY, max(1, epoch), max(1, _training_samples(plan, epoch) // 2)))


def _training_samples(plan: TrainingPlan, epoch: int) -> int:
    """How many samples the plan's training sees in all."""
    every = plan.epochs * epoch
    return every if plan.block.max_steps is None else min(every, plan.block.max_steps * plan.update_size_at(0))


def long_memory(program: CheckedProgram, plan: TrainingPlan, count: int | None) -> Iterator[Diagnostic]:
    """Running statistics that remember more samples than training shows; `count` is that of the training data."""
    epoch = plan.block.epoch_size or math.ceil((count or 0) * (1 - plan.block.validation))
    if not epoch:
        return
    most = min(2 * epoch, max(1, _training_samples(plan, epoch) // 2))
    wanted = fitting_memory(plan, epoch)
    frozen = set(frozen_layers(program.network, plan))
    layers = [node for node in program.network if (node.layer.moved or node.layer.moved_inputs)
              and node.weights not in frozen]
    given = plan.settings_at(plan.epochs - 1).get(KEY)
    if given is not None:
        if layers and most < given < math.inf:
            yield _too_long(given, epoch, plan.spans[KEY], wanted, (_number(plan.spans[KEY], wanted),))
        return
    for memory in dict.fromkeys(node.layer.memory for node in layers):
        if memory is not None and most < memory < math.inf:
            spans = list(dict.fromkeys(node.option_span("normalizationTimeConstant") for node in layers
                                       if node.layer.memory == memory))
            own = all(span.source is program.source for span in spans)
            yield _too_long(memory, epoch, spans[0], wanted,
                            tuple(_number(span, wanted) for span in spans) if own else ())


def _number(span: Span, wanted: float) -> Edit:
    return Edit(span, f"{wanted:g}")


def _too_long(memory: float, epoch: int, span: Span, wanted: float, fix: tuple[Edit, ...]) -> Diagnostic:
    where = f"write {wanted:g}, or leave it out: then it is fitted to the data" if fix else \
        f"set `{KEY} = {wanted:g}` in `SGD`"
    return Diagnostic(
        Code.DOUBTFUL, "batch normalization remembers more samples than an epoch or two show it",
        Label(span, f"{memory:,g} samples; an epoch has {epoch:,}"),
        body=("Validation, test and prediction use the running mean and variance. With so long a memory they are "
              "still those of the first updates when training ends, and the network looks overfitted.",),
        hint=f"{where}.", severity="warning", fix=fix)


def missing_rank(program: CheckedProgram) -> Iterator[Diagnostic]:
    """`BatchNormalizationLayer {}` behind a convolution: a mean for every pixel is most likely not meant."""
    for node in program.network:
        rank = node.shape.rank - 1
        if node.layer.per_element and rank > 0 and math.prod(node.shape.dims[1:]) > 1 \
                and "spatialRank" not in dict(node.option_spans) and _is_behind_a_convolution(program, node):
            brace = node.span.text.find("{")
            at = node.span.start + brace + 1
            rest = node.span.text[brace + 1 :].lstrip()
            written = f"spatialRank = {rank}" + ("" if rest.startswith("}") else ", ")
            fix = (Edit(node.span.source.span(at, at), written),)
            yield Diagnostic(
                Code.DOUBTFUL, f"{node.layer.name()} has statistics for each element of an image",
                Label(node.span, f"for {node.shape}: {math.prod(node.shape.dims):,} means, where "
                                 f"{node.shape.dims[0]} channels have {node.shape.dims[0]}"),
                hint=f"behind a convolution write `spatialRank = {rank}`; `spatialRank = 0` says that each element is "
                     "meant.", severity="warning", fix=fix if brace >= 0 else ())


def _is_behind_a_convolution(program: CheckedProgram, node: ShapedNode) -> bool:
    """Whether the values come from a convolution, through nothing but what works on each element or pools."""
    while len(node.inputs) == 1:
        node = program.network[node.inputs[0].node]
        if node.layer.family == "convolution":
            return True
        if node.layer.family not in ("activation", "pooling", "dropout", "normalization"):
            return False
    return False

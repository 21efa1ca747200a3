"""What a file may say, and most likely does not mean: warnings, made before anything runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Edit, Label
from ..base.processor import may_have_gpu, multiplies_bf16
from ..base.source import Span
from ..base.units import gibibytes_text
from ..ir.program import CheckedProgram, Phase
from ..optimizers.plan import RATE_KEYS, TrainingPlan
from ..optimizers.schedules.schedule import PiecewiseConstant
from .compared import check_ranges
from .memory_estimate import estimate_memory
from .metrics import metric_warnings
from .statistics_memory import long_memory, missing_rank


def find_warnings(program: CheckedProgram, count: int | None) -> Iterator[Diagnostic]:
    """The warnings of a program; `count` is the number of training samples, where it is known."""
    yield from _softmax_twice(program)
    yield from check_ranges(program)
    yield from metric_warnings(program)
    yield from missing_rank(program)
    plan = program.plan
    if plan is not None:
        yield from _rates(plan)
        yield from _sizes(plan, count)
        yield from _without_effect(program, plan)
        yield from long_memory(program, plan, count)
        yield from _slow_precision(plan)
        yield from _memory(program, plan)


def _warning(title: str, span: Span, label: str, hint: str) -> Diagnostic:
    return Diagnostic(Code.DOUBTFUL, title, Label(span, label), hint=hint, severity="warning")


def _key(plan: TrainingPlan, *names: str) -> Span:
    """Where the first of these keys is given; else the block."""
    return next((plan.spans[name] for name in names if name in plan.spans), None) or \
        min(plan.spans.values(), key=lambda span: span.start)


def _softmax_twice(program: CheckedProgram) -> Iterator[Diagnostic]:
    for node in program.network:
        for use in node.inputs if node.layer.softmax_axis is not None else ():
            if program.network[use.node].layer.is_softmax:
                yield _warning(f"Softmax is applied twice: {node.layer.name()} has its own", use.span,
                               "this is already a Softmax", "give it the input of the Softmax; a Softmax for "
                               "`outputNodes` can stay.")


def _rates(plan: TrainingPlan) -> Iterator[Diagnostic]:
    if isinstance(plan.rate, PiecewiseConstant) and not any(stretch.value for stretch in plan.rate.stretches):
        yield _warning("the learning rate is 0, so nothing is learned", _key(plan, *RATE_KEYS), "this is 0",
                       "a rate such as 0.1 or 0.01 is usual for MomentumSGD, 0.001 for Adam.")
    elif plan.ends_before(0):
        yield _warning("training ends before it begins: the rate is below the minimum", _key(plan, *RATE_KEYS),
                       f"per sample it is below {plan.block.min_learning_rate_per_sample:g}",
                       "raise the rate, or set `minLearningRatePerSample = 0`.")
    if (plan.block.nesterov or plan.block.use_nag) and plan.optimizer.uses_momentum and plan.momentum is None:
        yield _warning("Nesterov needs a momentum, and there is none", _key(plan, "nesterov", "useNAG"),
                       "has no effect", "add `momentum = 0.9`, or leave it out.")


def _sizes(plan: TrainingPlan, count: int | None) -> Iterator[Diagnostic]:
    block, size = plan.block, plan.update_size_at(0)
    if count is not None and 0 < count < plan.minibatch_size:
        yield _warning("a minibatch is larger than the training data", _key(plan, "minibatchSize"),
                       f"{plan.minibatch_size:,} samples, of {count:,}",
                       "use a smaller one: as it is, an epoch is one update.")
    elif count is not None and 0 < count < size:
        yield _warning("an update takes more samples than the training data have", _key(plan, "accumulate"),
                       f"{block.accumulate} minibatches are {size:,} samples, of {count:,}",
                       "use fewer: as it is, an epoch is one update.")
    if 0 < block.epoch_size < size:
        yield _warning("an epoch is smaller than a minibatch", _key(plan, "epochSize"),
                       f"{block.epoch_size:,} samples, and an update takes {size:,}",
                       "`epochSize` counts samples; 0 is all of the data.")


#: Keys that layers take from the plan, and what such layers are called.
_FOR_LAYERS = {"dropoutRate": "Dropout", "batchNormalizationTimeConstant": "BatchNormalizationLayer"}


def _without_effect(program: CheckedProgram, plan: TrainingPlan) -> Iterator[Diagnostic]:
    taken = {key for node in program.network for key in node.layer.from_plan.values()}
    for key, layer in _FOR_LAYERS.items():
        # A rate of 0, which many of CNTK's files state, drops nothing where there is nothing to drop.
        if key in plan.spans and key not in taken and any(
                plan.settings_at(epoch)[key] for epoch in range(min(plan.epochs, 1000))):
            yield _warning(f"`{key}` has no effect: the network has no {layer}", plan.spans[key], "",
                           f"add a {layer} to the network, or leave the key out.")
    if "dropoutRate" not in plan.spans:
        yield from _dropout_without_rate(program)
    if plan.block.validation and Phase.VALIDATION in program.readers:
        yield _warning("`validation` sets training data aside, and there is a reader for validation too",
                       _key(plan, "validation"), "the reader decides; these are not trained on",
                       "leave one of them out.")
    if plan.block.early_stopping is not None and Phase.VALIDATION not in program.readers and not plan.block.validation:
        yield _warning("early stopping watches the training data: no validation data", _key(plan, "earlyStopping"),
                       "for data that are not trained on", "add `validation = 0.1` to the block, or a reader "
                       "`validation = ...`.")


def _dropout_without_rate(program: CheckedProgram) -> Iterator[Diagnostic]:
    for node in program.network:
        if any(key == "dropoutRate" and getattr(node.layer, own) is None for own, key in node.layer.from_plan.items()):
            fix = (Edit(node.span, "Dropout {0.5}"),) if node.span.text in ("Dropout", "Dropout {}") else ()
            yield replace(_warning("a Dropout has no rate, so it drops nothing", node.span, "neither here nor in `SGD`",
                                   "write the rate in braces, as in `Dropout {0.5}`, or `dropoutRate = 0.5` in `SGD` "
                                   "for all."), fix=fix)


def _slow_precision(plan: TrainingPlan) -> Iterator[Diagnostic]:
    if plan.block.precision == "bf16" and multiplies_bf16() is False and not may_have_gpu():
        span = _key(plan, "precision")
        written = (Edit(span, '"auto"'),) if "precision" in plan.spans else ()
        yield replace(_warning("bf16 is slow on this processor: it has no bf16 instructions", span,
                             "measured six to ten times slower than float",
                             'write `precision = "auto"`: bf16 where the device supports it, else float.'), fix=written)


def _memory(program: CheckedProgram, plan: TrainingPlan) -> Iterator[Diagnostic]:
    needed, there = estimate_memory(program).training_bytes, machine_memory()
    if needed > there > 0:
        yield _warning(f"training on the CPU needs {gibibytes_text(needed)}, this machine has {gibibytes_text(there)}",
                       _key(plan, "minibatchSize"), "with minibatches of this size",
                       "a smaller `minibatchSize`, or `numSubminibatches`, needs less for activations; a GPU has its "
                       "own memory.")


def machine_memory() -> int:
    """Bytes of memory of this machine; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0

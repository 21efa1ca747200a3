"""The training plan in words: what `check` prints as "the plan as it was read"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from ..base.units import plural
from ..spec import show_value
from .plan import TrainingPlan
from .schedules.schedule import PiecewiseConstant, Policy, Schedule

Line = tuple[str, str]


def plan_lines(plan: TrainingPlan, frozen: Mapping[str, str] | None = None) -> list[Line]:
    """(subject, what is done), one line per stretch; a subject may come several times in a row.

    `frozen` says what each pattern of `freeze` comes to in the network, where that is known.
    """
    return [*_length(plan), *_rule(plan), *_rates(plan), *_momenta(plan), *_control(plan), *_penalties(plan),
            *_parameters(plan, frozen or {}), *_network(plan), *_judging(plan), *_run(plan)]


def plan_record(plan: TrainingPlan, frozen: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The plan for the record of a run, as JSON: the keys given, the rule, and the description."""
    return {"keys": plan.keys, "rule": plan.optimizer.show(), "rate": str(plan.rate), "rateUnit": plan.rate_unit,
            "momentum": None if plan.momentum is None else str(plan.momentum),
            "momentumUnit": plan.momentum_unit if plan.momentum is not None else None,
            "description": [list(line) for line in plan_lines(plan, frozen)]}


def number(value: float) -> str:
    """A number as people write it, to six digits."""
    return show_value(float(f"{value:.6g}"))


# --- length and rule -------------------------------------------------------------------------------


def _length(plan: TrainingPlan) -> Iterator[Line]:
    block = plan.block
    size = f" of {block.epoch_size} samples" if block.epoch_size else ", each all of the training data once"
    steps = f", at most {block.max_steps} updates" if block.max_steps is not None else ""
    yield "length", f"{plural(block.max_epochs, 'epoch')}{size}{steps}"
    for when, epoch in _stretches(plan, block.minibatch_size):
        text = f"{plan.minibatch_size_at(epoch)} samples"
        if block.accumulate > 1:
            text += f"; {block.accumulate} of them make one update, of {plan.update_size_at(epoch)} samples"
        if block.num_subminibatches > 1:
            text += f", computed in {block.num_subminibatches} pieces"
        yield "minibatch", f"{when}: {text}" if when else text


def _rule(plan: TrainingPlan) -> Iterator[Line]:
    yield "rule", plan.optimizer.sentence(_momentum_in_rule(plan))


def _momentum_in_rule(plan: TrainingPlan) -> str:
    if plan.momentum is None:
        return ""
    if isinstance(plan.momentum, PiecewiseConstant) and plan.momentum.is_constant:
        return _momentum_text(plan, 0)
    return "momentum by schedule"


def _momentum_text(plan: TrainingPlan, epoch: float) -> str:
    """The momentum of an epoch, with what it means for a full minibatch where it is written otherwise."""
    assert plan.momentum is not None
    value, size = plan.momentum.at(plan.progress(epoch)), plan.update_size_at(epoch)
    full = number(plan.rates_at(0, size, epoch, 0).momentum)
    if value == 0:
        return "no momentum"
    if plan.momentum_unit == "per sample":
        return f"momentum {number(value)} per sample = {full} per minibatch of {size}"
    if plan.momentum_unit == "time constant":
        return f"momentum over {number(value)} samples = {full} per minibatch of {size}"
    return f"momentum {full}"


# --- rates -----------------------------------------------------------------------------------------


def _rates(plan: TrainingPlan) -> Iterator[Line]:
    if isinstance(plan.rate, Policy):
        yield from _policy(plan)
        return
    for when, epoch in _stretches(plan, plan.rate, plan.block.minibatch_size, *_given(plan.momentum)):
        text = ("rate " if when else "") + _rate_text(plan, epoch)
        ends = plan.ends_before(int(epoch))
        if ends:
            least = number(plan.block.min_learning_rate_per_sample)
            text = f"none: training ends, as the rate per sample is below minLearningRatePerSample = {least}"
        yield "rate", f"{when}: {text}" if when else text
        if ends:
            return


def _rate_text(plan: TrainingPlan, epoch: float) -> str:
    value, size = plan.rate.at(plan.progress(epoch)), plan.update_size_at(epoch)
    unit = {"mean": "", "per minibatch": f" per minibatch of {size}", "per sample": " per sample"}[plan.rate_unit]
    meaning = _meaning(plan, epoch)
    return f"{number(value)}{unit}" + (f" = {meaning}" if meaning else "")


def _meaning(plan: TrainingPlan, epoch: float) -> str:
    """What a rate in CNTK's units (or with unit gain) comes to in classical terms; empty where it is one."""
    size = plan.update_size_at(epoch)
    rates = plan.rates_at(0, size, epoch, 0)
    if not plan.optimizer.linear:
        on_sum = f"rate {number(rates.rate)} on the gradient summed over the minibatch"
        return "" if plan.rate_unit == "mean" else on_sum
    gain = plan.optimizer.gradient_weight(rates.momentum)
    if plan.rate_unit == "mean" and gain == 1:
        return ""
    return f"classical learning rate {number(rates.mean_rate * gain)} on the mean gradient"


def _policy(plan: TrainingPlan) -> Iterator[Line]:
    """A policy: as written, and its values along the training."""
    policy, epochs = plan.rate, plan.epochs
    unit = {"mean": "", "per minibatch": ", per minibatch", "per sample": ", per sample"}[plan.rate_unit]
    yield "rate", policy.sentence(epochs) + unit
    if policy.counts_in in ("steps", "samples"):
        yield "rate", f"{number(policy.at(plan.progress(0)))} at first; it goes by {policy.counts_in}"
        return
    at = sorted({0, epochs // 4, epochs // 2, 3 * epochs // 4} | ({policy.warm_epochs} & set(range(epochs))))
    values = [(f"epoch {e + 1}", policy.at(plan.progress(e))) for e in at]
    values.append(("the end", policy.at(plan.progress(epochs))))
    if len({value for _, value in values}) > 1:
        yield "rate", ", ".join(f"{float(f'{value:.4g}'):g} at {where}" for where, value in values)
    meaning = _meaning(plan, 0)
    if meaning and policy.at(plan.progress(0)):
        yield "rate", f"{number(policy.at(plan.progress(0)))} = {meaning}"


def _momenta(plan: TrainingPlan) -> Iterator[Line]:
    """The momentum by epoch, where it changes."""
    if plan.momentum is None or (isinstance(plan.momentum, PiecewiseConstant) and plan.momentum.is_constant):
        return
    if isinstance(plan.momentum, Policy):
        yield "momentum", plan.momentum.sentence(plan.epochs)
        return
    for when, epoch in _stretches(plan, plan.momentum, plan.block.minibatch_size):
        yield "momentum", f"{when}: {_momentum_text(plan, epoch)}" if when else _momentum_text(plan, epoch)


def _control(plan: TrainingPlan) -> Iterator[Line]:
    adjust, stopping = plan.control().adjust, plan.block.early_stopping
    if adjust is not None:
        least = f"improves by {number(100 * adjust.reduce_below)} % or less" if adjust.reduce_below \
            else "does not improve"
        yield "adjusting", f"rate times {number(adjust.decrease)} when the criterion {least}"
        if adjust.increase_above != float("inf"):
            yield "adjusting", (f"rate times {number(adjust.increase)} when it improves by more than "
                                f"{number(100 * adjust.increase_above)} %")
        if adjust.continue_reduce:
            yield "adjusting", "once reduced, after every epoch; the next one that improves too little ends training"
        if adjust.load_best_model:
            yield "adjusting", "back to the best epoch when the criterion got worse"
    if stopping is not None:
        what = "the value that chooses the best epoch" if stopping.use_metric else "the criterion"
        yield "stopping", f"early, when {what} has not improved for {plural(stopping.patience, 'epoch')}"


# --- penalties, parameters, network ----------------------------------------------------------------


def _penalties(plan: TrainingPlan) -> Iterator[Line]:
    penalties, block = plan.regularization, plan.block
    norm = ", but not on batch normalization" if block.no_penalty_in_normalization else ""
    apart = plan.optimizer.own_decay
    if apart:
        yield "weight decay", f"{number(apart)}, by the rule itself{norm}"
    if penalties.l2:
        yield "weight decay", f"{number(penalties.l2)} times the parameter, added to the mean gradient{norm}"
    if penalties.l1:
        yield "L1", f"parameters move towards 0 by {number(penalties.l1)} times the rate{norm}"
    if penalties.clip_value is not None:
        yield "clipping", f"each number of the mean gradient to within +-{number(penalties.clip_value)}"
    if penalties.clip_tensor_norm is not None:
        yield "clipping", f"the mean gradient of each parameter to a 2-norm of {number(penalties.clip_tensor_norm)}"
    if penalties.clip_norm is not None:
        yield "clipping", f"all mean gradients together to a 2-norm of {number(penalties.clip_norm)}"
    if block.gaussian_noise is not None:
        yield "noise", f"standard deviation {block.gaussian_noise.sentence(plan.epochs)} on the parameters"


def _parameters(plan: TrainingPlan, frozen: Mapping[str, str]) -> Iterator[Line]:
    block = plan.block
    if block.bias_rate_multiplier != 1 or block.bias_decay_multiplier != 1:
        yield "biases", _times(block.bias_rate_multiplier, block.bias_decay_multiplier)
    for row in block.multipliers:
        yield "parameters", f"{row.pattern}: {_times(row.rate, row.decay)}"
    if len(block.multipliers) > 1:
        yield "parameters", "of several that match, the last one applies"
    for pattern in block.freeze:
        yield "frozen", f"{pattern}: {frozen[pattern]}" if pattern in frozen else pattern
    if block.load_weights:
        yield "start", f"weights of {block.load_weights}"


def _times(rate: float, decay: float) -> str:
    return f"rate times {number(rate)}, " + (f"decay times {number(decay)}" if decay else "no decay")


def _network(plan: TrainingPlan) -> Iterator[Line]:
    block = plan.block
    for subject, schedule in (("dropout", block.dropout_rate),
                              ("normalization", block.batch_normalization_time_constant)):
        unit = "" if subject == "dropout" else "time constant "
        if isinstance(schedule, PiecewiseConstant):
            for when, epoch in _stretches(plan, schedule):
                value = unit + number(schedule.at(plan.progress(epoch)))
                yield subject, f"{when}: {value}" if when else value
        elif schedule is not None:
            yield subject, unit + schedule.sentence(plan.epochs)
    for name, alpha in (("mixup", block.mixup), ("cutmix", block.cutmix)):
        if alpha:
            yield name, f"with Beta ({number(alpha)}, {number(alpha)})"


def _judging(plan: TrainingPlan) -> Iterator[Line]:
    block = plan.block
    if block.validation:
        yield "validation", f"{number(100 * block.validation)} % of the training data set aside"
    if block.ema:
        yield "average", f"of the parameters, remembering {number(block.ema)} at each update"


def _run(plan: TrainingPlan) -> Iterator[Line]:
    block = plan.block
    exact = ", the same bits in every run" if block.deterministic else ""
    names = {"float": "32-bit floats", "bf16": "bf16 products", "auto": "bf16 products where the device supports them"}
    yield "run", f"{names[block.precision]}, seed {block.seed}{exact}"


# --- stretches -------------------------------------------------------------------------------------


def _given(schedule: Schedule | None) -> tuple[Schedule, ...]:
    return () if schedule is None else (schedule,)


def _stretches(plan: TrainingPlan, *schedules: Schedule) -> Iterator[tuple[str, float]]:
    """`epochs 1-25` and the first epoch (from 0) of every stretch in which all these lists are constant.

    One stretch that is the whole training is called "".
    """
    starts = {0}
    for schedule in schedules:
        if isinstance(schedule, PiecewiseConstant):
            values = [s.value for s in schedule.stretches]
            starts |= {int(start) for index, start in enumerate(schedule.starts())
                       if start < plan.epochs and index and values[index] != values[index - 1]}
    edges = [*sorted(starts), plan.epochs]
    for first, end in pairwise(edges):
        whole = len(edges) == 2
        yield "" if whole else f"epochs {first + 1}-{end}" if end > first + 1 else f"epoch {end}", first

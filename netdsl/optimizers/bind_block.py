"""From the `SGD` block to the plan: which rule a file gets, and what its keys say against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.failure import Failure
from ..base.source import NOWHERE, Span
from ..spec import Kind, Mismatch, Optional, ScheduleKind, show_value
from .block import TrainingBlock
from .optimizer import Optimizer, Regularization
from .plan import MOMENTUM_KEYS, RATE_KEYS, TrainingPlan
from .rules.adam import Adam
from .rules.adaptive import Adagrad, CNTKRMSProp, FSAdagrad
from .rules.sgd import MomentumSGD
from .schedules.policies import Warmup
from .schedules.schedule import PiecewiseConstant, Schedule, TrainingProgress, check_steps, constant

#: What the values of a schedule are called in messages.
NOUNS = {"minibatchSize": "size", "momentum": "momentum", "momentumPerMB": "momentum", "momentumPerSample": "momentum",
         "momentumAsTimeConstant": "time constant", "dropoutRate": "dropout rate",
         "batchNormalizationTimeConstant": "time constant", "gaussianNoiseInjectStd": "deviation"}

#: Keys that belong to one of CNTK's rules.
RULE_KEYS = {
    "normWithAveMultiplier": ("adagrad", "rmsProp"), "varianceTimeConstant": ("fsAdagrad",),
    "fsAdagradTargetAvDenom": ("fsAdagrad",), "rms_gamma": ("rmsProp",), "rms_wgt_inc": ("rmsProp",),
    "rms_wgt_dec": ("rmsProp",), "rms_wgt_max": ("rmsProp",), "rms_wgt_min": ("rmsProp",),
    "adam_meanMomentum": ("adam",), "adam_varMomentum": ("adam",), "adam_epsilon": ("adam",),
}

#: Pairs of keys that say the same thing in two ways.
EXCLUSIVE = (("optimizer", "gradUpdateType"), ("weightDecay", "L2RegWeight"), ("nesterov", "useNAG"),
             ("gradientClipping", "clippingThresholdPerSample"),
             ("gradientClippingByValue", "clippingThresholdPerSample"))


def plan_of(block: TrainingBlock, spans: Mapping[str, Span], where: Span = NOWHERE
            ) -> tuple[TrainingPlan, tuple[Diagnostic, ...]]:
    """The plan and its warnings. `spans` says which keys the file gives, `where` is the block's name.

    Raises Failure with all mistakes: `missing-option`, `conflicting-keys`, `bad-schedule` or `option-type` diagnostics.
    """
    keys = _Keys(block, spans, where)
    found = [*_check_schedules(keys), *_check_keys(keys)]
    errors = [d for d in found if d.is_error]
    if errors:
        raise Failure(errors)
    rate_key, momentum_key = keys.first(RATE_KEYS), keys.first(MOMENTUM_KEYS)
    assert rate_key is not None, "checked above"
    rate = keys.value(rate_key)
    assert isinstance(rate, Schedule)
    if block.warmup:
        rate = Warmup(schedule=rate, epochs=block.warmup)
    optimizer, regularization = _rule(keys, rate_key)
    momentum, unit = _momentum(keys, optimizer, rate_key, momentum_key)
    plan = TrainingPlan(block, optimizer, rate, RATE_KEYS[rate_key], momentum, unit, regularization, spans)
    return plan, tuple(found)


class _Keys:
    """The block's values by the names that files use, and which of them a file gives."""

    def __init__(self, block: TrainingBlock, spans: Mapping[str, Span], where: Span) -> None:
        self.block, self.spans, self.where = block, spans, where
        self.options = {o.name: o for o in block.options()}

    def value(self, name: str) -> object:
        return self.block.value_of(self.options[name])

    def is_given(self, name: str) -> bool:
        return name in self.spans or self.value(name) != self.options[name].default

    def given(self, names: Sequence[str] | Mapping[str, str]) -> list[str]:
        return [name for name in names if self.is_given(name) and self.value(name) is not None]

    def first(self, names: Mapping[str, str]) -> str | None:
        return next(iter(self.given(names)), None)

    def span(self, name: str) -> Span:
        return self.spans.get(name, self.where)

    def conflict(self, first: str, second: str, title: str, hint: str, severity: str = "error",
                 body: tuple[str, ...] = (), label: str = "and here this one") -> Diagnostic:
        """A diagnostic with both places; the mark is at the one that stands later in the file."""
        a, b = sorted((first, second), key=lambda name: self.span(name).start)
        related = (Label(self.span(a), f"`{a}` is given here"),) if a in self.spans and a != b else ()
        if self.span(a).source is not self.span(b).source:  # one of them comes from outside: it cannot delete a line
            inner = a if self.span(a).source is self.where.source else b
            hint += f" From outside the file, `SGD.{inner}=None` unsets it."
        return Diagnostic(Code.CONFLICTING_KEYS, title, Label(self.span(b), label), related, body, hint, severity)


# --- schedules -----------------------------------------------------------------------------------


def _check_schedules(keys: _Keys) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for name, o in keys.options.items():
        kind = o.kind.item if isinstance(o.kind, Optional) else o.kind
        value = keys.value(name)
        if not isinstance(kind, ScheduleKind) or not isinstance(value, Schedule) or not keys.is_given(name):
            continue
        noun = NOUNS.get(name, "learning rate")
        lists = _lists(value)
        problems = [d for steps in lists for d in check_steps(steps, name, keys.block.max_epochs, noun=noun,
                                                              max_epochs_span=keys.spans.get("maxEpochs", NOWHERE))]
        if not any(d.is_error for d in problems):
            problems += _check_values(keys, name, value, kind.item)
        found += problems
    return found


def _lists(schedule: Schedule) -> list[PiecewiseConstant]:
    """The lists in a schedule: itself, or what a Warmup holds."""
    if isinstance(schedule, Warmup):
        return _lists(schedule.schedule)
    return [schedule] if isinstance(schedule, PiecewiseConstant) else []


def _check_values(keys: _Keys, name: str, schedule: Schedule, kind: Kind) -> list[Diagnostic]:
    """The bounds of the option, for each value of a list and for a policy at every epoch."""
    if isinstance(schedule, PiecewiseConstant):
        places = [(s.value, s.span if s.span.source.text else keys.span(name)) for s in schedule.stretches]
    else:
        epochs = keys.block.max_epochs
        at = sorted({*range(0, epochs, max(1, epochs // 1000)), epochs})
        places = [(schedule.at(TrainingProgress(e, 0, 0, epochs, None)), keys.span(name)) for e in at]
    for value, span in places:
        try:
            kind.convert(value)
        except Mismatch as mismatch:
            return [
                Diagnostic(
                    Code.OPTION_TYPE,
                    f"`{name}` of SGD takes {mismatch}",
                    Label(
                        span,
                        f"this is {show_value(float(value))}"
                        if isinstance(schedule, PiecewiseConstant)
                        else f"this becomes {show_value(float(f'{value:.4g}'))}",
                    ),
                    body=(f"`{name}`: {keys.options[name].doc.rstrip('.')}.",),
                    hint=kind.suggestion(value),
                )
            ]
    return []


# --- keys against each other -----------------------------------------------------------------------


def _check_keys(keys: _Keys) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    rates, momenta = keys.given(RATE_KEYS), keys.given(MOMENTUM_KEYS)
    if not rates:
        found.append(_no_rate(keys))
    for several, what in ((rates, "the learning rate"), (momenta, "the momentum")):
        if len(several) > 1:
            found.append(keys.conflict(several[0], several[1], f"{what} is given twice, in different units",
                                       "keep one of the two.", label="and here again"))
    if len(rates) == 1 and len(momenta) == 1 and (rates[0] == "learningRate") != (momenta[0] == "momentum"):
        found.append(_mixed_units(keys, rates[0], momenta[0]))
    for first, second in EXCLUSIVE:
        if len(keys.given((first, second))) == 2:
            found.append(keys.conflict(first, second, f"`{first}` and `{second}` say the same thing",
                                       f"keep `{first}` or `{second}`."))
    found += _check_rule_keys(keys, momenta)
    return found


def _no_rate(keys: _Keys) -> Diagnostic:
    return Diagnostic(
        Code.MISSING_OPTION, "SGD needs a learning rate", Label(keys.where, "no learning rate is given here"),
        body=("A block gives one of these:",
              "    learningRate           on the mean gradient of a minibatch (classical)\n"
              "    learningRatesPerMB     CNTK's, for a minibatch of minibatchSize\n"
              "    learningRatesPerSample CNTK's, on the summed gradient"),
        hint="for example `learningRate = 0.01*30 : 0.001`, or `learningRate = CosineDecay {0.1}`.")


def _mixed_units(keys: _Keys, rate: str, momentum: str) -> Diagnostic:
    body = ("With `learningRate`, each gradient enters the velocity with the full rate (classical). CNTK's momentum "
            "keys mean unit gain: with a momentum of 0.9, it enters with a tenth of the rate. The two units cannot be "
            "mixed.",)
    partner = "momentum" if rate == "learningRate" else "momentumPerMB"
    later = max((rate, momentum), key=lambda name: keys.span(name).start)
    label = "this is classical" if later in ("learningRate", "momentum") else "this is in CNTK's units"
    return keys.conflict(rate, momentum, f"`{rate}` and `{momentum}` are in different units",
                         f"write `{partner}` beside `{rate}`.", body=body, label=label)


def _check_rule_keys(keys: _Keys, momenta: list[str]) -> list[Diagnostic]:
    """Keys that the chosen rule does not have."""
    found: list[Diagnostic] = []
    chosen = keys.block.grad_update_type or "none"
    for name, rules in RULE_KEYS.items():
        if keys.is_given(name) and chosen not in rules:
            wanted = " or ".join(f"'{rule}'" for rule in rules)
            found.append(keys.conflict(name, name, f"`{name}` belongs to gradUpdateType {wanted}",
                                       "leave it out, or set `gradUpdateType`.", label=""))
    optimizer = _row(keys)
    title = f"{optimizer.name()} has no momentum of its own to set"
    if momenta and not optimizer.uses_momentum and keys.block.optimizer is not None:
        found.append(keys.conflict("optimizer", momenta[0], title, f"leave `{momenta[0]}` out; {optimizer.name()} has "
                                   f"the options that `netdsl layers {optimizer.name()}` lists."))
    elif momenta and not optimizer.uses_momentum:
        found.append(keys.conflict("gradUpdateType", momenta[0], f"`{momenta[0]}` has no effect with this rule",
                                   "leave it out.", "warning", (f"{title}; CNTK ignored the key as well.",), ""))
    for name in keys.given(("nesterov", "useNAG")):
        if keys.value(name) and optimizer.with_nesterov() is None:
            found.append(keys.conflict("optimizer", name, f"{optimizer.name()} has no Nesterov form",
                                       f"leave `{name}` out."))
    if keys.is_given("weightDecay") and optimizer.states_decay:
        found.append(keys.conflict("optimizer", "weightDecay", "weight decay is given twice",
                                   f"keep `weightDecay`, or the option of {optimizer.name()}."))
    return found


# --- the rule ----------------------------------------------------------------------------------------


def _row(keys: _Keys) -> Optimizer:
    """The row that the file's `optimizer` or `gradUpdateType` means, without the keys of the block."""
    block = keys.block
    if block.optimizer is not None:
        return block.optimizer
    if block.grad_update_type == "adagrad":
        return Adagrad(average_multiplier=block.norm_with_ave_multiplier)
    if block.grad_update_type == "fsAdagrad":
        return FSAdagrad(variance_time_constant=block.variance_time_constant, target=block.fs_adagrad_target)
    if block.grad_update_type == "rmsProp":
        return CNTKRMSProp(gamma=block.rms_gamma, increase=block.rms_increase, decrease=block.rms_decrease,
                       maximum=block.rms_maximum, minimum=block.rms_minimum,
                       average_multiplier=block.norm_with_ave_multiplier)
    if block.grad_update_type == "adam":
        return Adam(beta1=block.adam_mean_momentum, beta2=block.adam_variance_momentum, epsilon=block.adam_epsilon,
                    corrected_epsilon=False)
    return MomentumSGD(unit_gain=not keys.given(("learningRate",)))


def _rule(keys: _Keys, rate_key: str) -> tuple[Optimizer, Regularization]:
    """The row with the keys of the block in it, and the penalties that remain outside it."""
    block, optimizer = keys.block, _row(keys)
    if block.nesterov or block.use_nag:
        optimizer = optimizer.with_nesterov() or optimizer
    l2 = block.l2_weight
    if block.weight_decay is not None:
        decayed = optimizer.with_decay(block.weight_decay)
        l2 = block.weight_decay if decayed is None else l2
        optimizer = decayed or optimizer
    threshold = block.clipping_threshold if block.clipping_threshold != float("inf") else None
    truncates = block.clipping_with_truncation
    return optimizer, Regularization(
        l2=l2, l1=block.l1_weight, clip_norm=block.gradient_clipping,
        clip_value=threshold if threshold is not None and truncates else block.gradient_clipping_by_value,
        clip_tensor_norm=threshold if not truncates else None)


def _momentum(keys: _Keys, optimizer: Optimizer, rate_key: str, momentum_key: str | None
              ) -> tuple[Schedule | None, str]:
    """The momentum's schedule and unit; CNTK's 0.9 per minibatch where its units are used and none is given."""
    if not optimizer.uses_momentum:
        return None, "per update"
    if momentum_key is None:
        # FSAdagrad and MomentumSGD of CNTK's block; a row that the file names has no hidden momentum.
        is_default = rate_key != "learningRate" and keys.block.optimizer is None
        return (constant(0.9), "per minibatch") if is_default else (None, "per update")
    schedule = keys.value(momentum_key)
    assert isinstance(schedule, Schedule)
    if isinstance(schedule, PiecewiseConstant) and schedule.is_constant and schedule.stretches[0].value == 0:
        return None, "per update"
    return schedule, MOMENTUM_KEYS[momentum_key]



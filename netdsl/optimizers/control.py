"""What happens between epochs: lowering the rate, going back to the best epoch, stopping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from .block import AutoAdjust, EarlyStopping
from .schedules.policies import Plateau


@dataclass(frozen=True)
class Decision:
    """What to do before the next epoch. `reason` says why, for the log; empty where nothing is to be done."""

    rate_factor: float = 1.0  #: what the schedule's rate is multiplied with from now on (the total so far)
    roll_back: bool = False  #: continue from the best epoch's parameters and optimizer state
    stop: bool = False
    improved: bool = False  #: this epoch is the best so far
    reason: str = ""


@dataclass
class _State:
    """All that the control remembers; plain numbers, so that it can be saved as JSON."""

    factor: float = 1.0
    best: float = math.inf
    previous: float = math.inf
    epochs: int = 0
    reduced: bool = False
    waiting: int = 0  #: epochs without improvement since the last improvement or reduction (Plateau)
    plateau_best: float = math.inf
    cooling: int = 0
    idle: int = 0  #: epochs without improvement (EarlyStopping)
    stopping_best: float = math.inf


@dataclass
class Control:
    """The state machine that the loop asks after each epoch. Restored, it continues as if never stopped.

    `Plateau` (a schedule), `AutoAdjust` and `EarlyStopping` each have a say. Smaller is better: a metric
    of which a larger value is better is handed in with the other sign.
    """

    plateau: Plateau | None = None
    adjust: AutoAdjust | None = None
    stopping: EarlyStopping | None = None
    #: Epochs for which the file lists rates: AutoAdjust leaves these alone, as CNTK does.
    listed: int = 0
    state: _State = field(default_factory=_State)

    @property
    def wants_validation(self) -> bool:
        """True if the validation data's figures are to be handed in where there are any."""
        return self.adjust is None or self.adjust.use_validation

    @property
    def factor(self) -> float:
        """What the schedule's rate is multiplied with."""
        return self.state.factor

    def after_epoch(self, criterion: float, metric: float | None = None) -> Decision:
        """The decision after an epoch with this criterion (and first metric); NaN counts as worse than all."""
        state = self.state
        state.epochs += 1
        improved = criterion < state.best
        reasons: list[str] = []
        back, finished = self._adjust(_choose(self.adjust, criterion, metric), reasons)
        back |= self._plateau(criterion, reasons)
        stop = self._stop(_choose(self.stopping, criterion, metric), reasons) or finished
        state.best = min(state.best, criterion) if not math.isnan(criterion) else state.best
        return Decision(state.factor, back, stop, improved, "; ".join(reasons))

    def _adjust(self, value: float, reasons: list[str]) -> tuple[bool, bool]:
        """CNTK's rule: whether to roll back, and whether training is over."""
        rule, state = self.adjust, self.state
        if rule is None or state.epochs % rule.interval:
            return False, False
        before = state.previous
        if math.isinf(before):
            state.previous = math.inf if math.isnan(value) else value
            return False, False
        worse = math.isnan(value) or value > before
        gain = -math.inf if math.isnan(value) else before - value
        back = worse and rule.load_best_model
        too_little = gain <= rule.reduce_below * abs(before)
        finished = rule.continue_reduce and state.reduced and too_little and not back
        if finished:
            reasons.append("too little improvement after a reduction: training ends")
        elif too_little or (rule.continue_reduce and state.reduced):
            self._change_rate(rule.decrease, reasons)
            state.reduced = True
        elif gain > rule.increase_above * abs(before):
            self._change_rate(rule.increase, reasons)
        if back:
            reasons.append("back to the best epoch")
        else:
            state.previous = value
        return back, finished

    def _change_rate(self, factor: float, reasons: list[str]) -> None:
        if self.state.epochs >= self.listed:
            self.state.factor *= factor
            reasons.append(f"rate times {factor:g}")

    def _plateau(self, value: float, reasons: list[str]) -> bool:
        """Reduce on a plateau; True to roll back."""
        rule, state = self.plateau, self.state
        if rule is None:
            return False
        if _improves(value, state.plateau_best, rule.threshold):
            state.plateau_best, state.waiting = value, 0
            return False
        if state.cooling > 0:
            state.cooling -= 1
            return False
        state.waiting += 1
        lowest = rule.minimum / rule.value if rule.value else 0.0
        if state.waiting < rule.patience or state.factor <= lowest:
            return False
        state.waiting, state.cooling = 0, rule.cooldown
        state.factor = max(state.factor * rule.factor, lowest)
        reasons.append(f"no improvement for {rule.patience} epochs: rate times {rule.factor:g}")
        return rule.roll_back

    def _stop(self, value: float, reasons: list[str]) -> bool:
        rule, state = self.stopping, self.state
        if rule is None:
            return False
        if _improves(value, state.stopping_best, rule.threshold):
            state.stopping_best, state.idle = value, 0
            return False
        state.idle += 1
        if state.idle < rule.patience:
            return False
        least = f" of more than {100 * rule.threshold:g} %" if rule.threshold else ""
        epochs = f"{rule.patience} epochs" if rule.patience > 1 else "an epoch"
        reasons.append(f"no improvement{least} for {epochs}: training ends early")
        return True

    def state_dict(self) -> dict[str, float]:
        """All that is remembered, as plain numbers (infinities included)."""
        return asdict(self.state)

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        self.state = _State(**state)  # type: ignore[arg-type]


def _choose(rule: AutoAdjust | EarlyStopping | None, criterion: float, metric: float | None) -> float:
    return metric if rule is not None and rule.use_metric and metric is not None else criterion


def _improves(value: float, best: float, threshold: float) -> bool:
    """NaN improves nothing; the first value always improves."""
    return value < best - threshold * abs(best) if math.isfinite(best) else value < best

"""What happens between epochs: AutoAdjust, Plateau, EarlyStopping, and that they survive a restart."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netdsl.optimizers.block import AutoAdjust, EarlyStopping
from netdsl.optimizers.control import Control
from netdsl.optimizers.schedules.policies import Plateau

NAN = math.nan


def adjusting(**options: object) -> Control:
    return Control(adjust=AutoAdjust(auto_adjust="adjustAfterEpoch", **options))  # type: ignore[arg-type]


def factors(control: Control, *criteria: float) -> list[float]:
    return [control.after_epoch(value).rate_factor for value in criteria]


def test_nothing_is_done_without_a_rule() -> None:
    decision = Control().after_epoch(1.0)
    assert (decision.rate_factor, decision.roll_back, decision.stop, decision.reason) == (1.0, False, False, "")


def test_auto_adjust_reduces_where_nothing_improves() -> None:
    assert factors(adjusting(), 1.0, 0.9, 0.9, 0.8) == pytest.approx([1, 1, 0.618, 0.618])


def test_auto_adjust_takes_the_improvement_relative_to_the_criterion() -> None:
    assert factors(adjusting(reduce_below=0.05), 10.0, 9.6, 9.0) == pytest.approx([1, 0.618, 0.618])


def test_auto_adjust_raises_the_rate_after_large_improvements() -> None:
    assert factors(adjusting(increase_above=0.1), 1.0, 0.5, 0.49) == pytest.approx([1, 1.382, 1.382])


def test_auto_adjust_goes_back_to_the_best_and_compares_with_it_again() -> None:
    control = adjusting()
    assert [control.after_epoch(v).roll_back for v in (1.0, 0.8, 0.9, 0.85, 0.7)] == [False, False, True, True, False]
    assert control.factor == pytest.approx(0.618**2)


def test_auto_adjust_without_roll_back() -> None:
    control = adjusting(load_best_model=False)
    assert [control.after_epoch(v).roll_back for v in (1.0, 1.1)] == [False, False]
    assert control.factor == pytest.approx(0.618)


def test_auto_adjust_treats_a_diverged_epoch_as_worse() -> None:
    control = adjusting()
    decisions = [control.after_epoch(v) for v in (1.0, NAN, 0.9)]
    assert [d.roll_back for d in decisions] == [False, True, False]
    assert decisions[-1].rate_factor == pytest.approx(0.618)


def test_continue_reduce_reduces_every_epoch_and_then_ends() -> None:
    control = adjusting(continue_reduce=True, reduce_below=0.05)
    decisions = [control.after_epoch(v) for v in (10.0, 8.0, 7.9, 7.0, 6.9)]
    assert [d.rate_factor for d in decisions] == pytest.approx([1, 1, 0.618, 0.618**2, 0.618**2])
    assert [d.stop for d in decisions] == [False, False, False, False, True]


def test_auto_adjust_waits_for_its_interval() -> None:
    assert factors(adjusting(interval=2), 1.0, 1.0, 1.0, 1.0) == pytest.approx([1, 1, 1, 0.618])


def test_the_metric_is_looked_at_where_the_file_says_so() -> None:
    control = adjusting(use_metric=True)
    control.after_epoch(1.0, 0.5)
    assert control.after_epoch(0.1, 0.5).rate_factor == pytest.approx(0.618)


def test_the_rates_that_a_list_names_are_not_adjusted() -> None:
    """CNTK takes the list's rate in the epochs that it covers (SGD.cpp: `i < m_learningRatesParam.size()`)."""
    rule = AutoAdjust(auto_adjust="adjustAfterEpoch", decrease=0.5, load_best_model=False)
    assert factors(Control(adjust=rule, listed=3), 1, 1, 1, 1) == [1, 1, 0.5, 0.25]
    assert factors(Control(adjust=rule, listed=1), 1, 1, 1, 1) == [1, 0.5, 0.25, 0.125]


def test_plateau_reduces_after_its_patience() -> None:
    control = Control(plateau=Plateau(value=0.1, factor=0.5, patience=2, threshold=0))
    assert factors(control, 1, 0.9, 0.9, 0.95, 0.9, 0.9, 0.8) == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]


def test_plateau_cools_down_and_stops_at_its_minimum() -> None:
    control = Control(plateau=Plateau(value=0.1, factor=0.1, patience=1, cooldown=1, minimum=0.005))
    assert factors(control, 1, 1, 1, 1, 1) == pytest.approx([1, 0.1, 0.1, 0.05, 0.05])


def test_plateau_ignores_improvements_below_its_threshold() -> None:
    control = Control(plateau=Plateau(value=0.1, patience=1, threshold=0.1))
    assert factors(control, 1.0, 0.95, 0.8) == pytest.approx([1, 0.1, 0.1])


def test_plateau_rolls_back_where_wanted() -> None:
    control = Control(plateau=Plateau(value=0.1, patience=1, roll_back=True))
    assert [control.after_epoch(v).roll_back for v in (1, 1)] == [False, True]


def test_early_stopping_counts_epochs_since_the_best() -> None:
    control = Control(stopping=EarlyStopping(patience=2))
    decisions = [control.after_epoch(v) for v in (1.0, 0.9, 0.95, 0.8, 0.8, NAN)]
    assert [d.stop for d in decisions] == [False] * 5 + [True]
    assert "training ends early" in decisions[-1].reason
    assert [d.improved for d in decisions] == [True, True, False, True, False, False]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(st.floats(0, 2), st.just(NAN)), min_size=2, max_size=12), st.data())
def test_a_restart_changes_nothing(criteria: list[float], data: st.DataObject) -> None:
    def make() -> Control:
        return Control(Plateau(value=0.1, patience=2), AutoAdjust(auto_adjust="adjustAfterEpoch", continue_reduce=True),
                       EarlyStopping(patience=4))

    straight, cut = make(), data.draw(st.integers(1, len(criteria) - 1))
    wanted = [straight.after_epoch(v) for v in criteria]
    first = make()
    for value in criteria[:cut]:
        first.after_epoch(value)
    second = make()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert [second.after_epoch(v) for v in criteria[cut:]] == wanted[cut:]

"""Schedules: values along the training, their laws, and what is said of lists that cannot be meant."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netdsl.base.render import render
from netdsl.base.source import Source
from netdsl.optimizers import SCHEDULES
from netdsl.optimizers.schedules.policies import (
    CosineDecay,
    CosineRestarts,
    DiscreteExponential,
    ExponentialDecay,
    InverseDecay,
    Linear,
    MultiStepDecay,
    OneCycle,
    Plateau,
    PolynomialDecay,
    SigmoidDecay,
    StepDecay,
    Warmup,
)
from netdsl.optimizers.schedules.schedule import (
    PiecewiseConstant,
    Schedule,
    Segment,
    TrainingProgress,
    check_steps,
    constant,
)

EPOCHS, STEPS_PER_EPOCH = 8, 100

#: (schedule, values at the start of epochs 0, 2, 4, 6, 8 of 8), worked out from the published formulas.
TABLE: list[tuple[Schedule, list[float]]] = [
    (constant(0.1), [0.1] * 5),
    (PiecewiseConstant((Segment(0.1, 3), Segment(0.01, 2), Segment(0.001, None))), [0.1, 0.1, 0.01, 0.001, 0.001]),
    (PiecewiseConstant((Segment(0.1, 3), Segment(0.01, 2))), [0.1, 0.1, 0.01, 0.01, 0.01]),
    (PiecewiseConstant((Segment(3, None), Segment(2, None), Segment(1, None))), [3, 1, 1, 1, 1]),
    (StepDecay(value=1, every=4, factor=0.5), [1, 1, 0.5, 0.5, 0.25]),
    (StepDecay(value=1, every=200, factor=0.5, unit="steps"), [1, 0.5, 0.25, 0.125, 0.0625]),
    (StepDecay(value=1, every=3000, factor=0.5, unit="samples"), [1, 0.5, 0.25, 0.125, 0.0625]),
    (MultiStepDecay(value=1, drops=(2, 6)), [1, 0.1, 0.1, 0.01, 0.01]),
    (ExponentialDecay(value=1, factor=0.5), [1, 1 / 4, 1 / 16, 1 / 64, 1 / 256]),
    (ExponentialDecay(value=1, factor=1 / 16, unit="training"), [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16]),
    (InverseDecay(value=1, gamma=0.5, power=2), [1, 1 / 4, 1 / 9, 1 / 16, 1 / 25]),
    (PolynomialDecay(value=1, power=2), [1, 9 / 16, 1 / 4, 1 / 16, 0]),
    (PolynomialDecay(value=1, end=0.5, over=4), [1, 0.75, 0.5, 0.5, 0.5]),
    (SigmoidDecay(value=1, gamma=-1, middle=4), [1 / (1 + math.exp(m)) for m in (-4, -2, 0, 2, 4)]),
    (Linear(from_=1, to=0), [1, 0.75, 0.5, 0.25, 0]),
    (Linear(from_=0.5, to=0.9, over=4), [0.5, 0.7, 0.9, 0.9, 0.9]),
    (CosineDecay(value=2), [2, 1 + math.sqrt(0.5), 1, 1 - math.sqrt(0.5), 0]),
    (CosineDecay(value=1, end=0.5, over=4), [1, 0.75, 0.5, 0.5, 0.5]),
    (CosineRestarts(value=1, period=4), [1, 0.5, 1, 0.5, 1]),
    (CosineRestarts(value=1, period=2, growth=2), [1, 1, 0.5, 1, (1 + math.sqrt(0.5)) / 2]),
    (OneCycle(value=1, rise=0.25, start=0.2, linear=True), [0.2, 1, 2 / 3, 1 / 3, 0]),
    (OneCycle(value=1, rise=0.5), [0.04, 0.52, 1, 0.5, 0]),
    (DiscreteExponential(value=1, factor=1000, steps=4), [1, 0.1, 0.01, 0.001, 0.001]),
    (Warmup(schedule=constant(1), epochs=4), [0, 0.5, 1, 1, 1]),
    (Warmup(schedule=Linear(from_=1, to=0), epochs=4, from_=0.5), [0.5, 0.75 * 0.75, 0.5, 0.25, 0]),
    (Plateau(value=0.1), [0.1] * 5),
]


def at(schedule: Schedule, epoch: float) -> float:
    return schedule.at(TrainingProgress(epoch, int(epoch * STEPS_PER_EPOCH), int(epoch * 1500), EPOCHS, None))


@pytest.mark.parametrize(("schedule", "values"), TABLE, ids=lambda v: str(v) if isinstance(v, Schedule) else "")
def test_values(schedule: Schedule, values: list[float]) -> None:
    assert [at(schedule, epoch) for epoch in (0, 2, 4, 6, 8)] == pytest.approx(values, abs=1e-12)


def test_the_table_has_every_row() -> None:
    rows: set[Any] = {type(schedule) for schedule, _ in TABLE if not isinstance(schedule, PiecewiseConstant)}
    assert {row.name() for row in rows} == set(SCHEDULES)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 5)), min_size=1, max_size=6), st.floats(0, 40))
def test_lists_hold_each_value_for_its_epochs(pairs: list[tuple[int, int]], epoch: float) -> None:
    steps = PiecewiseConstant(tuple(Segment(value, count) for value, count in pairs))
    spelled = [value for value, count in pairs for _ in range(count)]
    assert steps.at(TrainingProgress(epoch, 0, 0, 40, None)) == spelled[min(int(epoch), len(spelled) - 1)]


CONTINUOUS = [CosineDecay(value=1, end=0.1), Linear(from_=0.1, to=1), PolynomialDecay(value=1, power=3, end=0.1),
              OneCycle(value=1, start=0.1, end=0.1), OneCycle(value=1, start=0.1, end=0.1, linear=True),
              Warmup(schedule=CosineDecay(value=1, end=0.2), epochs=2, from_=0.5)]


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(CONTINUOUS), st.floats(0, 1.2))
def test_continuous_policies_stay_within_their_ends_and_do_not_jump(schedule: Schedule, done: float) -> None:
    here, near = at(schedule, done * EPOCHS), at(schedule, done * EPOCHS + 1e-3)
    assert 0.1 - 1e-9 <= here <= 1 + 1e-9
    assert abs(here - near) < 5e-3


def test_a_training_that_ends_after_some_steps_is_measured_by_them() -> None:
    halfway = TrainingProgress(1.0, 50, 0, 100, 100)
    assert CosineDecay(value=1).at(halfway) == pytest.approx(0.5)


# --- lists that cannot be meant ------------------------------------------------------------------


def read(text: str) -> PiecewiseConstant:
    """`10*0.1 : 0.001` with the spans of its elements, as the evaluator reads it."""
    source, stretches, position = Source("try.net", f"rate = {text}\n"), [], len("rate = ")
    for part in text.split(" : "):
        value, _, count = part.partition("*")
        stretches.append(Segment(float(value), float(count) if count else None,
                                 source.span(position, position + len(part))))
        position += len(part) + 3
    return PiecewiseConstant(tuple(stretches))


def test_page_of_swapped_counts() -> None:
    (diagnostic,) = check_steps(read("10*0.1 : 20*0.01 : 0.001"), "rate", 40, noun="learning rate")
    assert render(diagnostic) == """\
error[bad-schedule]: a repeat count must be a whole number, at least 1
 --> try.net:1:11
  |
1 | rate = 10*0.1 : 20*0.01 : 0.001
  |           ^^^ this says: learning rate 10, for 0.1 epochs

In a schedule, `value*count` means the value for that many epochs, and the
last value lasts until `maxEpochs`. Read that way, line 1 is:

    10*0.1      rate 10     for 0.1 epochs   (not a whole number)
    20*0.01     rate 20     for 0.01 epochs  (not a whole number)
    0.001       rate 0.001  until epoch 40

Hint: the count comes second: `0.1*10 : 0.01*20 : 0.001`.
"""


def test_no_guess_where_swapping_does_not_help() -> None:
    (diagnostic,) = check_steps(read("0.1*2.5 : 0.01"), "rate", 40)
    assert diagnostic.code == "bad-schedule"
    assert diagnostic.hint == ""
    assert diagnostic.primary.span.text == "2.5"


@pytest.mark.parametrize("text", ["0.1*0", "0.1*-1", "0.1*3 : 0.2*1.5 : 1"])
def test_counts_below_one_or_not_whole_are_errors(text: str) -> None:
    assert [d.code for d in check_steps(read(text), "rate", 40)] == ["bad-schedule"]


def test_a_value_after_the_end_is_a_warning_at_that_value() -> None:
    (diagnostic,) = check_steps(read("0.1*15 : 0.01*10 : 0.001 : 0.0001"), "rate", 20)
    assert (diagnostic.code, diagnostic.severity) == ("schedule-unreachable", "warning")
    assert diagnostic.primary.span.text == "0.001"
    assert check_steps(read("0.1*15 : 0.01*10"), "rate", 16) == []


def test_long_lists_are_folded() -> None:
    text = " : ".join(f"{n}*0.5" for n in range(1, 40))
    (diagnostic,) = check_steps(read(text), "rate", 100)
    assert len(diagnostic.body[1].splitlines()) == 12

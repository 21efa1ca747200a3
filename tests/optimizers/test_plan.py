"""The plan: which rule a block means, its numbers for each minibatch, what it says, and its mistakes."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch

import netdsl
from netdsl.base.diagnostics import Diagnostic
from netdsl.base.failure import Failure
from netdsl.base.render import render
from netdsl.base.source import Source
from netdsl.optimizers import ROWS, SCHEDULE_ROWS
from netdsl.optimizers.bind_block import plan_of
from netdsl.optimizers.block import OBSOLETE, AutoAdjust, Multiplier
from netdsl.optimizers.control import Control
from netdsl.optimizers.plan import TrainingBlock, TrainingPlan, fits
from netdsl.optimizers.plan_text import plan_lines, plan_record
from netdsl.optimizers.rules.adam import Adam, AdamW
from netdsl.optimizers.rules.adaptive import Adagrad, CNTKRMSProp, FSAdagrad
from netdsl.optimizers.rules.matrix import Muon
from netdsl.optimizers.rules.sgd import MomentumSGD
from netdsl.optimizers.schedules.policies import CosineDecay, Plateau, StepDecay, Warmup
from netdsl.optimizers.schedules.schedule import PiecewiseConstant, Segment, constant


def steps(*pairs: tuple[float, float | None]) -> PiecewiseConstant:
    return PiecewiseConstant(tuple(Segment(value, count) for value, count in pairs))


def plan(**keys: Any) -> TrainingPlan:
    made, warnings = plan_of(TrainingBlock(**{"max_epochs": 10, **keys}), {})
    assert not [w for w in warnings if w.is_error]
    return made


# --- which rule -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("keys", "rule"), [
    ({"learning_rate": constant(0.1)}, MomentumSGD()),
    ({"learning_rates_per_mb": constant(0.1)}, MomentumSGD(unit_gain=True)),
    ({"learning_rates_per_sample": constant(0.1), "use_nag": True}, MomentumSGD(unit_gain=True, nesterov=True)),
    ({"learning_rate": constant(0.1), "nesterov": True}, MomentumSGD(nesterov=True)),
    ({"learning_rate": constant(0.1), "optimizer": AdamW(), "weight_decay": 0.2}, AdamW(weight_decay=0.2)),
    ({"learning_rates_per_mb": constant(0.1), "grad_update_type": "none"}, MomentumSGD(unit_gain=True)),
    ({"learning_rates_per_mb": constant(0.1), "grad_update_type": "adagrad"}, Adagrad(average_multiplier=True)),
    ({"learning_rates_per_mb": constant(0.1), "grad_update_type": "fsAdagrad", "fs_adagrad_target": 0.5},
     FSAdagrad(target=0.5)),
    ({"learning_rates_per_mb": constant(0.1), "grad_update_type": "rmsProp", "rms_gamma": 0.5}, CNTKRMSProp(gamma=0.5)),
    ({"learning_rates_per_mb": constant(0.1), "grad_update_type": "adam"}, Adam(corrected_epsilon=False)),
])
def test_the_rule_of_a_block(keys: dict[str, Any], rule: object) -> None:
    assert plan(**keys).optimizer == rule


def test_classical_rates_have_no_floor_unless_the_file_gives_one() -> None:
    """CNTK's 1e-9 per sample is for its own units: 1e-6 with large minibatches is a usual rate for AdamW."""
    size = {"minibatch_size": constant(2048)}
    assert not plan(learning_rate=constant(1e-6), **size).ends_before(0)
    assert plan(learning_rates_per_mb=constant(1e-6), **size).ends_before(0)


def test_cntk_has_a_momentum_unless_the_file_states_one() -> None:
    default = plan(learning_rates_per_mb=constant(0.1))
    assert (default.momentum, default.momentum_unit) == (constant(0.9), "per minibatch")
    assert plan(learning_rates_per_mb=constant(0.1), momentum_per_mb=constant(0)).momentum is None
    assert plan(learning_rate=constant(0.1)).momentum is None
    assert plan(learning_rates_per_mb=constant(0.1), grad_update_type="adam").momentum is None
    assert plan(learning_rates_per_mb=constant(0.1), optimizer=MomentumSGD()).momentum is None


def test_penalties_and_clipping() -> None:
    found = plan(learning_rate=constant(0.1), weight_decay=0.1, l1_weight=0.2, gradient_clipping=3.0).regularization
    assert (found.l2, found.l1, found.clip_norm, found.clip_value) == (0.1, 0.2, 3.0, None)
    cut = plan(learning_rate=constant(0.1), clipping_threshold=2.0).regularization
    assert (cut.clip_value, cut.clip_tensor_norm) == (2.0, None)
    scaled = plan(learning_rate=constant(0.1), clipping_threshold=2.0, clipping_with_truncation=False).regularization
    assert (scaled.clip_value, scaled.clip_tensor_norm) == (None, 2.0)
    apart = plan(learning_rate=constant(0.1), optimizer=AdamW(), l2_weight=0.3)
    assert (apart.regularization.l2, apart.optimizer) == (0.3, AdamW())


# --- numbers --------------------------------------------------------------------------------------


def test_rates_per_minibatch_are_shared_among_its_samples() -> None:
    """The specified size counts, not that of a smaller last minibatch."""
    made = plan(learning_rates_per_mb=steps((0.2, 2), (0.1, None)), minibatch_size=steps((4, 1), (8, None)))
    assert made.rates_at(0, 4, 0, 0).rate == 0.2 / 4
    assert made.rates_at(100, 8, 1.5, 25).rate == 0.2 / 8
    last = made.rates_at(200, 3, 2.9, 50)
    assert (last.rate, last.scale, last.samples) == (0.1 / 8, 3.0, 3)
    assert last.mean_rate == pytest.approx(0.1 * 3 / 8)
    assert last.momentum == pytest.approx(0.9 ** (3 / 8))


@pytest.mark.parametrize(("key", "value", "full", "half"), [
    ("momentum_per_mb", 0.9, 0.9, math.sqrt(0.9)),
    ("momentum_per_sample", 0.99, 0.99**100, 0.99**50),
    ("momentum_as_time_constant", 200.0, math.exp(-0.5), math.exp(-0.25)),
])
def test_cntks_momentum_depends_on_the_samples(key: str, value: float, full: float, half: float) -> None:
    made = plan(learning_rates_per_mb=constant(0.1), minibatch_size=constant(100), **{key: constant(value)})
    assert made.rates_at(0, 100, 0, 0).momentum == pytest.approx(full)
    assert made.rates_at(0, 50, 0, 0).momentum == pytest.approx(half)


def test_classical_rates_are_on_the_mean_gradient() -> None:
    made = plan(learning_rate=CosineDecay(value=0.4), momentum=constant(0.9), warmup=2)
    assert made.rates_at(0, 256, 0, 0).rate == 0
    rates = made.rates_at(1280, 17, 5, 5)
    assert (rates.rate, rates.scale, rates.momentum) == (pytest.approx(0.2), 1.0, 0.9)
    assert made.rates_at(0, 256, 5, 0, factor=0.1).rate == pytest.approx(0.02)


def test_accumulated_minibatches_are_one_update() -> None:
    made = plan(learning_rates_per_mb=constant(0.1), minibatch_size=constant(32), accumulate=4, num_subminibatches=2)
    assert (made.minibatch_size, made.update_size_at(0), made.pieces) == (32, 128, 8)
    assert made.rates_at(0, 128, 0, 0).mean_rate == pytest.approx(0.1)


def test_settings_of_layers() -> None:
    made = plan(learning_rate=constant(0.1), dropout_rate=steps((0.5, 2), (0.1, None)))
    assert [made.settings_at(epoch) for epoch in (0, 1.9, 2)] == [{"dropoutRate": v} for v in (0.5, 0.5, 0.1)]


def test_training_ends_where_the_rate_is_too_small() -> None:
    made = plan(learning_rates_per_mb=steps((0.1, 3), (1e-9, None)))
    assert [made.ends_before(epoch) for epoch in (0, 2, 3)] == [False, False, True]
    lowered = plan(learning_rates_per_mb=constant(0.1))
    assert not lowered.ends_before(9)
    assert lowered.ends_before(9, factor=1e-7)
    assert lowered.ends_before(10)
    assert not plan(learning_rate=Warmup(schedule=constant(0.1), epochs=3)).ends_before(0)


def test_control_has_what_the_file_asks_for() -> None:
    assert plan(learning_rate=constant(0.1)).control() == Control()
    assert plan(learning_rate=constant(0.1), auto_adjust=AutoAdjust()).control() == Control()
    plateau = Plateau(value=0.1)
    assert plan(learning_rate=plateau, warmup=3).control().plateau == plateau


# --- parameters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "pattern", "wanted"), [
    ("model.conv1.weight", "conv1", True), ("model.conv1.weight", "model.conv1", True),
    ("model.conv1.weight", "conv1.weight", True), ("model.conv1.weight", "*.weight", True),
    ("model.conv1.weight", "conv?", True), ("model.conv1.weight", "conv", False),
    ("model.conv10.weight", "conv1", False), ("model.conv1.weight", "bias", False), ("w", "w", True), ("w", "*", True),
])
def test_patterns_fit_whole_parts_of_names(name: str, pattern: str, wanted: bool) -> None:
    assert fits(name, pattern) is wanted


def test_what_the_plan_says_of_parameters() -> None:
    made = plan(learning_rate=constant(0.1), bias_rate_multiplier=2.0, bias_decay_multiplier=0.0,
                multipliers=(Multiplier(pattern="fc", rate=3), Multiplier(pattern="fc.bias", rate=5, decay=0.5)),
                freeze=("conv1",), no_penalty_in_normalization=True)

    def said(name: str, **more: Any) -> tuple[float, float, bool]:
        group = made.group(name, torch.zeros(1), **more)
        return group.rate, group.decay, group.regularized

    assert said("conv2.weight") == (1, 1, True)
    assert said("conv2.bias") == (2, 0, True)
    assert said("fc.weight") == (3, 1, True)
    assert said("fc.bias", rate=0.5) == (5, 0, True)
    assert said("conv1.weight")[0] == 0
    assert said("norm.scale", is_normalization=True) == (1, 1, False)


def test_patterns_without_a_parameter_are_errors() -> None:
    made = plan(learning_rate=constant(0.1), freeze=("conv1", "covn2"), multipliers=(Multiplier(pattern="*.gain"),))
    found = made.check_names(["model.conv1.weight", "model.conv2.weight"])
    assert [(d.code, d.title, d.primary.text) for d in found] == [
        ("unknown-name", "no parameter matches `covn2` of `freeze`", "did you mean `conv2`?"),
        ("unknown-name", "no parameter matches `*.gain` of `multipliers`", "")]


@pytest.mark.parametrize("keys", [{}, {"momentum": constant(0.9)}, {"optimizer": Adam()}, {"ema": 0.9},
                                  {"optimizer": Muon(), "ema": 0.9}])
def test_the_memory_of_the_state_is_known_beforehand(keys: dict[str, Any]) -> None:
    made = plan(learning_rate=constant(0.1), **keys)
    weight = torch.zeros(30, 20)
    rule, average = made.build([made.group("w", weight)]), made.average({"w": weight})
    kept = rule.state_bytes() + (4 * 600 if average is not None else 0)
    assert made.state_bytes(600) == kept


# --- what it says -----------------------------------------------------------------------------------


def said(made: TrainingPlan) -> str:
    return "".join(f"{subject:<14}{text}\n" for subject, text in plan_lines(made))


def test_the_plan_of_cntks_alexnet() -> None:
    made = plan(max_epochs=112, learning_rates_per_mb=steps((0.1, 25), (0.01, 25), (0.001, 62)),
                momentum_per_mb=constant(0.9), l2_weight=0.0005, dropout_rate=constant(0.5))
    assert said(made) == """\
length        112 epochs, each all of the training data once
minibatch     256 samples
rule          SGD, momentum 0.9 (unit gain, as CNTK)
rate          epochs 1-25: rate 0.1 per minibatch of 256 = classical learning rate 0.01 on the mean gradient
rate          epochs 26-50: rate 0.01 per minibatch of 256 = classical learning rate 0.001 on the mean gradient
rate          epochs 51-112: rate 0.001 per minibatch of 256 = classical learning rate 0.0001 on the mean gradient
weight decay  0.0005 times the parameter, added to the mean gradient
dropout       0.5
run           32-bit floats, seed 0
"""


def test_the_plan_of_a_schedule_in_samples() -> None:
    made = plan(learning_rates_per_sample=steps((0.005, 4), (0.0005, None)), minibatch_size=steps((64, 2), (256, None)),
                momentum_as_time_constant=steps((0, 4), (1024, None)), max_epochs=6)
    assert said(made) == """\
length        6 epochs, each all of the training data once
minibatch     epochs 1-2: 64 samples
minibatch     epochs 3-6: 256 samples
rule          SGD, momentum by schedule (unit gain, as CNTK)
rate          epochs 1-2: rate 0.005 per sample = classical learning rate 0.32 on the mean gradient
rate          epochs 3-4: rate 0.005 per sample = classical learning rate 1.28 on the mean gradient
rate          epochs 5-6: rate 0.0005 per sample = classical learning rate 0.0283135 on the mean gradient
momentum      epochs 1-2: no momentum
momentum      epochs 3-4: no momentum
momentum      epochs 5-6: momentum over 1024 samples = 0.778801 per minibatch of 256
run           32-bit floats, seed 0
"""


def test_the_plan_of_a_policy() -> None:
    made = plan(max_epochs=8, learning_rate=CosineDecay(value=0.4), warmup=2, momentum=constant(0.9), nesterov=True,
                weight_decay=0.0001, gradient_clipping=1.0, ema=0.999, precision="auto", bias_decay_multiplier=0.0,
                accumulate=2, freeze=("conv1",), validation=0.1)
    assert said(made) == """\
length        8 epochs, each all of the training data once
minibatch     256 samples; 2 of them make one update, of 512 samples
rule          SGD, Nesterov, momentum 0.9
rate          Warmup {CosineDecay {0.4}, 2}
rate          0 at epoch 1, 0.3414 at epoch 3, 0.2 at epoch 5, 0.05858 at epoch 7, 0 at the end
weight decay  0.0001 times the parameter, added to the mean gradient
clipping      all mean gradients together to a 2-norm of 1
biases        rate times 1, no decay
frozen        conv1
validation    10 % of the training data set aside
average       of the parameters, remembering 0.999 at each update
run           bf16 products where the device supports them, seed 0
"""


@pytest.mark.parametrize("keys", [
    {"learning_rate": StepDecay(value=0.1, every=1000, unit="steps"), "max_steps": 5000, "epoch_size": 100},
    {"learning_rates_per_mb": constant(0.01), "grad_update_type": "adam"},
    {"learning_rates_per_mb": steps((0.1, 3), (0, None))},
    {"learning_rate": Plateau(value=0.1), "optimizer": AdamW(), "multipliers": (Multiplier(pattern="a", decay=0),)},
    {"learning_rates_per_mb": CosineDecay(value=0.1), "auto_adjust": AutoAdjust(auto_adjust="adjustAfterEpoch")},
    {"learning_rate": constant(1), "momentum": CosineDecay(value=0.9), "gaussian_noise": constant(0.1), "mixup": 0.2},
])
def test_every_plan_can_be_said_and_recorded(keys: dict[str, Any]) -> None:
    made = plan(**keys)
    assert all(text and text.isascii() for line in plan_lines(made) for text in line)
    record = json.loads(json.dumps(plan_record(made)))
    assert record["description"] == [list(line) for line in plan_lines(made)]
    assert len(record["keys"]) == len(keys) + 1  # and maxEpochs


# --- mistakes, from the file ------------------------------------------------------------------------

NETWORK = """network = {
    features = Input {4}
    labels = Input {3}
    z = LinearLayer {3} (features)
    criterionNodes = CrossEntropyWithSoftmax (labels, z)
}
"""


def found_in(block: str) -> list[Diagnostic]:
    """The diagnostics of a file that are about its SGD block."""
    text = NETWORK + "SGD = {\n    " + block.replace("; ", "\n    ") + "\n}\n"
    checked = netdsl.load(Source("try.net", text))
    return [d for d in checked.diagnostics if d.primary.span.start >= len(NETWORK)]


@pytest.mark.parametrize(("block", "code", "title", "marked"), [
    ("maxEpochs = 3", "missing-option", "SGD needs a learning rate", "SGD"),
    ("maxEpochs = 3; learningRate = 1; learningRatesPerMB = 2", "conflicting-keys",
     "the learning rate is given twice, in different units", "2"),
    ("maxEpochs = 3; momentumPerMB = 0.5; learningRatesPerMB = 2; momentumPerSample = 0.25", "conflicting-keys",
     "the momentum is given twice, in different units", "0.25"),
    ("maxEpochs = 3; momentum = 0.9; learningRatesPerMB = 2", "conflicting-keys",
     "`learningRatesPerMB` and `momentum` are in different units", "2"),
    ("maxEpochs = 3; learningRate = 1; optimizer = AdamW {}; gradUpdateType = 'adam'", "conflicting-keys",
     "`optimizer` and `gradUpdateType` say the same thing", "'adam'"),
    ("maxEpochs = 3; learningRate = 1; optimizer = AdamW {}; momentum = 0.5", "conflicting-keys",
     "AdamW has no momentum of its own to set", "0.5"),
    ("maxEpochs = 3; learningRate = 1; optimizer = Adam {}; nesterov = true", "conflicting-keys",
     "Adam has no Nesterov form", "true"),
    ("maxEpochs = 3; learningRate = 1; optimizer = AdamW {weightDecay = 0.5}; weightDecay = 0.1", "conflicting-keys",
     "weight decay is given twice", "0.1"),
    ("maxEpochs = 3; learningRate = 1; rms_gamma = 0.5", "conflicting-keys",
     "`rms_gamma` belongs to gradUpdateType 'rmsProp'", "0.5"),
    ("maxEpochs = 3; learningRate = 1; dropoutRate = 0.5 : 1.5", "option-type",
     "`dropoutRate` of SGD takes a number at least 0 and below 1", "1.5"),
    ("maxEpochs = 3; learningRate = 1; minibatchSize = 0.5", "option-type",
     "`minibatchSize` of SGD takes a whole number at least 1", "0.5"),
    ("maxEpochs = 3; learningRate = 1; dropoutRate = Linear {0, 2}", "option-type",
     "`dropoutRate` of SGD takes a number at least 0 and below 1", "Linear {0, 2}"),
    ("maxEpochs = 3; learningRate = 0.1*2.5 : 1", "bad-schedule",
     "a repeat count must be a whole number, at least 1", "2.5"),
    ("maxEpochs = 3; learningRate = Warmup {0.1*2.5 : 1, epochs = 1}", "bad-schedule",
     "a repeat count must be a whole number, at least 1", "2.5"),
    ("maxEpochs = 3; learningRate = 1; AutoAdjust = { loadBest = true }", "unknown-key",
     "AutoAdjust has no key `loadBest`", "loadBest"),
    ("maxEpochs = 3; learningRate = 1; AutoAdjust = 3", "option-type",
     "`AutoAdjust` of SGD takes a record { autoAdjustLR = ..., ... }", "3"),
    ("maxEpochs = 3; learningRate = 1; traceLevel = 1", "unknown-key", "SGD has no key `traceLevel`", "traceLevel"),
])
def test_mistakes(block: str, code: str, title: str, marked: str) -> None:
    (found,) = found_in(block)
    assert (found.code, found.title, found.primary.span.text) == (code, title, marked)
    assert len(found.title) <= 78


@pytest.mark.parametrize("key", OBSOLETE)
def test_keys_of_cntk_that_are_gone_say_what_to_do(key: str) -> None:
    (found,) = found_in(f"maxEpochs = 3; learningRate = 1; {key} = 1")
    assert found.code == "unknown-key"
    assert found.hint == OBSOLETE[key]


def test_a_key_that_cntk_ignores_is_a_warning() -> None:
    (found,) = found_in("maxEpochs = 3; learningRatesPerMB = 1; momentumPerMB = 0.9; gradUpdateType = 'adagrad'")
    assert (found.severity, found.title) == ("warning", "`momentumPerMB` has no effect with this rule")


def test_page_of_mixed_units() -> None:
    (found,) = found_in("learningRate = 0.1; maxEpochs = 20; momentumPerMB = 0.9")
    assert render(found) == """\
error[conflicting-keys]: `learningRate` and `momentumPerMB` are in different units
  --> try.net:10:21
   |
 8 |     learningRate = 0.1
   |                    --- `learningRate` is given here
 9 |     maxEpochs = 20
10 |     momentumPerMB = 0.9
   |                     ^^^ this is in CNTK's units

With `learningRate`, each gradient enters the velocity with the full rate
(classical). CNTK's momentum keys mean unit gain: with a momentum of 0.9, it
enters with a tenth of the rate. The two units cannot be mixed.

Hint: write `momentum` beside `learningRate`.
"""


def test_page_of_a_value_that_is_never_reached() -> None:
    (found,) = found_in("maxEpochs = 20; learningRatesPerMB = 0.1*15 : 0.01*10 : 0.001")
    assert render(found) == """\
warning[schedule-unreachable]: a value of `learningRatesPerMB` is never reached
 --> try.net:9:45
  |
8 |     maxEpochs = 20
  |                 -- training ends after epoch 20
9 |     learningRatesPerMB = 0.1*15 : 0.01*10 : 0.001
  |                                             ^^^^^ would hold from epoch 26

`maxEpochs` is 20, and the values before this one last for 25 epochs.

Hint: raise `maxEpochs` above 25, or leave the value out.
"""


def test_several_mistakes_are_all_found() -> None:
    found = found_in("maxEpochs = 3; learningRate = 0.1*0; dropoutRate = 2; weightDecay = 1; L2RegWeight = 1")
    assert [d.code for d in found] == ["bad-schedule", "option-type", "conflicting-keys"]


def test_a_good_block_of_everything_is_read() -> None:
    assert found_in("maxEpochs = 3; learningRatesPerMB = 0.1*2 : 0.01; "
                    "AutoAdjust = { autoAdjustLR = 'adjustAfterEpoch' }; "
                    "earlyStopping = EarlyStopping {5}; validation = 0.1; freeze = '*.bias'; gradUpdateType = None; "
                    "multipliers = Multiplier {'*.weight', rate = 2} : Multiplier {'z', decay = 0}") == []


TABLES = (("optimizer", ROWS), ("learningRate", SCHEDULE_ROWS), ("multipliers", (Multiplier,)))
EXAMPLES = [(key, example) for key, rows in TABLES for row in rows for example in row.examples]


@pytest.mark.parametrize(("key", "example"), EXAMPLES)
def test_examples_of_the_rows_are_read(key: str, example: str) -> None:
    rate = "" if key == "learningRate" else "learningRate = 0.1; "
    assert found_in(f"maxEpochs = 90; {rate}{key} = {example}") == []


def test_a_failure_without_spans_is_still_a_failure() -> None:
    with pytest.raises(Failure):
        plan_of(TrainingBlock(max_epochs=1), {})

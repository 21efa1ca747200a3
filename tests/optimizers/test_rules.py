"""The update rules: against torch.optim, a battery over the table, penalties, state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from netdsl.optimizers import OPTIMIZERS, ROWS
from netdsl.optimizers.optimizer import Optimizer, Regularization, RuleSettings, StepRates, TrainedParameter
from netdsl.optimizers.rules.adam import Adam, Adamax, AdamW
from netdsl.optimizers.rules.adaptive import Adadelta, Adagrad, FSAdagrad, RMSProp
from netdsl.optimizers.rules.matrix import Muon, orthogonal
from netdsl.optimizers.rules.sgd import LARS, MomentumSGD
from netdsl.optimizers.update import UpdateRule
from netdsl.optimizers.weight_average import WeightAverage

torch.set_num_threads(1)

SHAPES = ((5, 4), (4,), (3, 2, 3, 3), (1,))


def parameters(dtype: torch.dtype = torch.float64, seed: int = 0) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=draw, dtype=torch.float64).to(dtype).requires_grad_() for shape in SHAPES]


def groups(tensors: Sequence[torch.Tensor], **said: Any) -> list[TrainedParameter]:
    return [TrainedParameter(f"p{index}.weight", tensor, **said) for index, tensor in enumerate(tensors)]


def drive(tensors: Sequence[torch.Tensor], step: Callable[[int], None], steps: int = 8, start: int = 0) -> None:
    """Steps with random gradients of very different sizes, the same in every call."""
    for number in range(start, start + steps):
        draw = torch.Generator().manual_seed(1000 + number)
        for tensor in tensors:
            size = 10.0 ** torch.randint(-3, 2, (), generator=draw).item()
            noise = torch.randn(tensor.shape, generator=draw, dtype=torch.float64) * size
            tensor.grad = noise.to(tensor.dtype)
        step(number)


def rate_at(number: int) -> float:
    return 0.1 / (1 + number)


# --- the same as torch.optim ---------------------------------------------------------------------

TORCH: list[tuple[str, Optimizer, float, Regularization, Callable[..., torch.optim.Optimizer]]] = [
    ("sgd", MomentumSGD(), 0.0, Regularization(), lambda p: torch.optim.SGD(p, lr=1)),
    ("decay", MomentumSGD(), 0.0, Regularization(l2=0.1), lambda p: torch.optim.SGD(p, lr=1, weight_decay=0.1)),
    ("momentum", MomentumSGD(rate_inside=False), 0.9, Regularization(l2=0.1),
     lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, weight_decay=0.1)),
    ("nesterov", MomentumSGD(rate_inside=False, nesterov=True), 0.9, Regularization(l2=0.1),
     lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, weight_decay=0.1, nesterov=True)),
    ("adam", Adam(), 0.0, Regularization(), lambda p: torch.optim.Adam(p, lr=1)),
    ("adam l2", Adam(beta1=0.8, beta2=0.95), 0.0, Regularization(l2=0.1),
     lambda p: torch.optim.Adam(p, lr=1, betas=(0.8, 0.95), weight_decay=0.1)),
    ("adamw", AdamW(weight_decay=0.1), 0.0, Regularization(), lambda p: torch.optim.AdamW(p, lr=1, weight_decay=0.1)),
    ("adamax", Adamax(epsilon=1e-16), 0.0, Regularization(), lambda p: torch.optim.Adamax(p, lr=1, eps=1e-16)),
    ("adagrad", Adagrad(), 0.0, Regularization(), lambda p: torch.optim.Adagrad(p, lr=1, eps=1e-16)),
    ("adadelta", Adadelta(), 0.0, Regularization(), lambda p: torch.optim.Adadelta(p, lr=1, rho=0.95, eps=1e-6)),
    ("rmsprop", RMSProp(), 0.0, Regularization(), lambda p: torch.optim.RMSprop(p, lr=1)),
    ("rmsprop centered", RMSProp(decay=0.9, centered=True), 0.5, Regularization(l2=0.1),
     lambda p: torch.optim.RMSprop(p, lr=1, alpha=0.9, centered=True, momentum=0.5, weight_decay=0.1)),
    ("clip norm", MomentumSGD(), 0.0, Regularization(clip_norm=1.0), lambda p: torch.optim.SGD(p, lr=1)),
    ("clip value", MomentumSGD(), 0.0, Regularization(clip_value=0.3), lambda p: torch.optim.SGD(p, lr=1)),
]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize(("row", "momentum", "penalties", "make"), [pytest.param(*c[1:], id=c[0]) for c in TORCH])
def test_same_as_torch(row: Optimizer, momentum: float, penalties: Regularization,
                       make: Callable[..., torch.optim.Optimizer], dtype: torch.dtype) -> None:
    mine, theirs = parameters(dtype), parameters(dtype)
    rule = UpdateRule(row, groups(mine), RuleSettings(penalties, has_momentum=momentum > 0))
    optimizer = make(theirs)

    def step(number: int) -> None:
        for group in optimizer.param_groups:
            group["lr"] = rate_at(number)
        if penalties.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(theirs, penalties.clip_norm)
        if penalties.clip_value is not None:
            torch.nn.utils.clip_grad_value_(theirs, penalties.clip_value)
        optimizer.step()

    drive(mine, lambda number: rule.step(StepRates(rate_at(number), momentum)))
    drive(theirs, step)
    for a, b in zip(mine, theirs, strict=True):
        close = {"rtol": 1e-5, "atol": 1e-6} if dtype == torch.float32 or penalties.clip_norm else {}
        torch.testing.assert_close(a, b, **close)


def test_rmsprop_with_epsilon_below_the_root() -> None:
    """TensorFlow's form: sqrt (v + epsilon)."""
    weight = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    rule = UpdateRule(RMSProp(decay=0.9, epsilon=1.0, epsilon_inside=True), groups([weight]))
    weight.grad = torch.tensor([0.5, -3.0], dtype=torch.float64)
    wanted = weight.detach() - 0.1 * weight.grad / (0.1 * weight.grad**2 + 1).sqrt()
    rule.step(StepRates(0.1))
    torch.testing.assert_close(weight.detach(), wanted)


def test_rate_inside_and_outside_agree_until_the_rate_changes() -> None:
    inside, outside = parameters(), parameters()
    rules = [UpdateRule(MomentumSGD(), groups(inside)), UpdateRule(MomentumSGD(rate_inside=False), groups(outside))]
    for tensors, rule in zip((inside, outside), rules, strict=True):
        drive(tensors, lambda _, rule=rule: rule.step(StepRates(0.1, 0.9)), 4)
    torch.testing.assert_close(inside, outside)
    for tensors, rule in zip((inside, outside), rules, strict=True):
        drive(tensors, lambda _, rule=rule: rule.step(StepRates(0.01, 0.9)), 1, start=4)
    assert not torch.allclose(inside[0], outside[0], rtol=1e-3)


def test_unit_gain_is_a_classical_rate_smaller_by_one_minus_momentum() -> None:
    cntk, classical = parameters(), parameters()
    rule = UpdateRule(MomentumSGD(unit_gain=True), groups(cntk), RuleSettings(sums=True))
    drive(cntk, lambda n: rule.step(StepRates(rate_at(n) / 256, 0.9, 256, 256.0)))
    rule = UpdateRule(MomentumSGD(), groups(classical))
    drive(classical, lambda n: rule.step(StepRates(rate_at(n) * 0.1, 0.9, 256)))
    torch.testing.assert_close(cntk, classical)


# --- a battery over the table --------------------------------------------------------------------

#: Rates with which each row should make good progress on the small problem.
RATES = {"MomentumSGD": 0.1, "Adam": 0.05, "AdamW": 0.05, "Adamax": 0.1, "Lion": 0.01, "Muon": 0.05, "LARS": 0.1,
         "Adagrad": 0.3, "RMSProp": 0.05, "CNTKRMSProp": 1.0, "FSAdagrad": 0.05, "Adadelta": 1.0}


def settled(row: type[Optimizer]) -> Optimizer:
    """The row as the battery uses it: LARS's default is for large networks."""
    return LARS(trust=0.1) if row is LARS else Adadelta(epsilon=1e-2) if row is Adadelta else row()


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name())
def test_lowers_the_loss_of_a_small_problem(row: type[Optimizer]) -> None:
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(64, 6, generator=draw)
    labels = (x[:, 0] * x[:, 1] > 0).long()
    w1, b1 = torch.randn(16, 6, generator=draw) * 0.4, torch.zeros(16)
    w2, b2 = torch.randn(2, 16, generator=draw) * 0.4, torch.zeros(2)
    tensors = [t.requires_grad_() for t in (w1, b1, w2, b2)]
    rule = UpdateRule(settled(row), groups(tensors))

    def loss() -> torch.Tensor:
        return torch.nn.functional.cross_entropy(torch.tanh(x @ w1.T + b1) @ w2.T + b2, labels)

    first = loss().item()
    for _ in range(60):
        for tensor in tensors:
            tensor.grad = None
        loss().backward()
        rule.step(StepRates(RATES[row.name()], 0.9 if row.uses_momentum else 0.0, 64))
    assert loss().item() < 0.7 * first


@pytest.mark.parametrize("sums", [False, True], ids=["mean", "sum"])
@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name())
def test_a_saved_state_continues_bit_for_bit(row: type[Optimizer], sums: bool) -> None:
    settings = RuleSettings(Regularization(l2=0.01, l1=0.001), sums=sums, has_noise=True, seed=5)

    def rates(number: int) -> StepRates:
        samples = 4 if number % 3 else 3
        return StepRates(rate_at(number) / samples, 0.9, samples, float(samples) if sums else 1.0, noise=0.01)

    straight = parameters(torch.float32)
    rule = UpdateRule(row(), groups(straight), settings)
    drive(straight, lambda n: rule.step(rates(n)), 6)

    resumed = parameters(torch.float32)
    first = UpdateRule(row(), groups(resumed), settings)
    drive(resumed, lambda n: first.step(rates(n)), 3)
    saved = {name: tensor.clone() for name, tensor in first.state_dict().items()}
    second = UpdateRule(row(), groups(resumed), settings)
    second.load_state_dict(saved)
    drive(resumed, lambda n: second.step(rates(n)), 3, start=3)
    assert all(torch.equal(a, b) for a, b in zip(straight, resumed, strict=True))
    assert all(torch.equal(t, second.state_dict()[name]) for name, t in rule.state_dict().items())


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name())
def test_a_rate_of_zero_changes_nothing(row: type[Optimizer]) -> None:
    tensors, before = parameters(), parameters()
    rule = UpdateRule(row(), groups(tensors), RuleSettings(Regularization(l2=0.1, l1=0.1)))
    drive(tensors, lambda _: rule.step(StepRates(0.0, 0.5)), 3)
    torch.testing.assert_close(tensors, before)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name())
def test_the_update_runs_without_python_numbers(row: type[Optimizer], monkeypatch: pytest.MonkeyPatch) -> None:
    """What a CUDA graph needs: between `advance` and the end of `update` no tensor is read on the host."""
    monkeypatch.setattr(Optimizer, "fused", lambda *a: False)
    monkeypatch.setattr(type(row()), "fused", lambda *a: False)
    tensors = parameters(torch.float32)
    rule = UpdateRule(row(), groups(tensors), RuleSettings(Regularization(l2=0.1, l1=0.01, clip_norm=1.0)))

    def refuse(*_: object) -> None:
        raise AssertionError("a tensor was read on the host")

    def step(number: int) -> None:
        rule.advance(StepRates(rate_at(number), 0.9, 4))
        with monkeypatch.context() as patch:
            for name in ("item", "tolist", "__bool__", "__float__", "__int__"):
                patch.setattr(torch.Tensor, name, refuse)
            rule.update()

    drive(tensors, step, 2)


@pytest.mark.parametrize("row", [MomentumSGD(), MomentumSGD(nesterov=True, unit_gain=True),
                                 MomentumSGD(rate_inside=False), Adam(), AdamW(weight_decay=0.1)],
                         ids=lambda r: r.show())
@pytest.mark.parametrize("layout", ["plain", "channels last"])
def test_fused_kernels_say_the_same(row: Optimizer, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one pass on the CPU and the rule as written; and tensors in mixed layouts are left to the latter."""
    settings = RuleSettings(Regularization(l2=0.0 if isinstance(row, AdamW) else 0.1), sums=True)
    results = []
    for is_fused in (True, False):
        tensors = parameters(torch.float32)
        if layout == "channels last":
            with torch.no_grad():
                tensors[2] = tensors[2].to(memory_format=torch.channels_last).requires_grad_()
        if not is_fused:
            monkeypatch.setattr(UpdateRule, "_update_fused", lambda *a: False)
        rule = UpdateRule(row, groups(tensors), settings)
        drive(tensors, lambda n, rule=rule: rule.step(StepRates(rate_at(n) / 4, 0.9, 4, 4.0)))
        results.append(tensors)
    for fused, written in zip(*results, strict=True):
        torch.testing.assert_close(fused, written, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name())
def test_rows_say_what_they_are(row: type[Optimizer]) -> None:
    assert row.summary().endswith(".")
    assert row.examples
    assert all(o.doc.endswith(".") for o in row.options())
    assert OPTIMIZERS[row.name()] is row
    state = UpdateRule(row(), groups([torch.zeros(8, 8)])).state_bytes()
    assert state == 4 * 64 * row().state_size(True)


# --- multipliers, penalties, averages ----------------------------------------------------------------


def test_multipliers_of_rate_and_decay() -> None:
    """Caffe's biases: twice the rate, no decay."""
    weight, bias = (torch.ones(2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    rule = UpdateRule(MomentumSGD(), [TrainedParameter("w", weight), TrainedParameter("b", bias, rate=2, decay=0)],
                      RuleSettings(Regularization(l2=0.5), has_momentum=False))
    for tensor in (weight, bias):
        tensor.grad = torch.full((2,), 0.25, dtype=torch.float64)
    rule.step(StepRates(0.1))
    torch.testing.assert_close(weight, torch.full_like(weight, 1 - 0.1 * (0.25 + 0.5)))
    torch.testing.assert_close(bias, torch.full_like(bias, 1 - 0.2 * 0.25))


def test_frozen_parameters_have_no_state_and_stay() -> None:
    weight = torch.ones(2, requires_grad=True)
    rule = UpdateRule(Adam(), [TrainedParameter("w", weight, rate=0)])
    weight.grad = torch.ones(2)
    rule.step(StepRates(0.1))
    assert list(rule.state_dict()) == ["counters.step"]
    assert torch.equal(weight, torch.ones(2))


def test_a_missing_gradient_is_zero() -> None:
    weight = torch.ones(2, requires_grad=True)
    rule = UpdateRule(MomentumSGD(), groups([weight]), RuleSettings(Regularization(l2=0.5), has_momentum=False))
    rule.step(StepRates(0.1))
    torch.testing.assert_close(weight, torch.full((2,), 0.95))


def test_l1_stops_at_zero() -> None:
    weight = torch.tensor([0.05, -0.05, 1.0, -1.0], requires_grad=True)
    rule = UpdateRule(MomentumSGD(), groups([weight]), RuleSettings(Regularization(l1=1.0), has_momentum=False))
    weight.grad = torch.zeros(4)
    rule.step(StepRates(0.1))
    torch.testing.assert_close(weight, torch.tensor([0.0, 0.0, 0.9, -0.9]))


def test_noise_is_the_same_for_the_same_seed_and_of_the_stated_size() -> None:
    def noisy(seed: int) -> torch.Tensor:
        weight = torch.zeros(20000, requires_grad=True)
        rule = UpdateRule(MomentumSGD(), groups([weight]), RuleSettings(has_noise=True, seed=seed))
        assert not rule.capturable
        rule.step(StepRates(0.1, noise=0.5))
        return weight.detach()

    assert torch.equal(noisy(1), noisy(1))
    assert not torch.equal(noisy(1), noisy(2))
    assert noisy(1).std().item() == pytest.approx(0.5, rel=0.03)


def test_fsadagrad_with_gradients_that_are_zero_stays_finite() -> None:
    weight = torch.ones(3, requires_grad=True)
    rule = UpdateRule(FSAdagrad(), groups([weight]))
    weight.grad = torch.zeros(3)
    rule.step(StepRates(0.1, 0.9, 4))
    assert torch.equal(weight, torch.ones(3))


def test_muon_makes_matrices_orthogonal_and_leaves_vectors_to_adamw() -> None:
    matrix = torch.randn(6, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for given in (matrix, matrix.T):
        values = torch.linalg.svdvals(orthogonal(given))
        assert 0.6 < values.min() < values.max() < 1.3
    tensors = parameters()
    rule = UpdateRule(Muon(), groups(tensors))
    slots = {name for name in rule.state_dict() if not name.startswith("counters")}
    assert slots == {"p0.weight.velocity", "p2.weight.velocity", "p1.weight.mean", "p1.weight.square",
                     "p3.weight.mean", "p3.weight.square"}


def test_lars_steps_are_a_part_of_the_norm() -> None:
    weight = torch.full((4,), 2.0, requires_grad=True)
    rule = UpdateRule(LARS(trust=0.01), groups([weight]))
    weight.grad = torch.full((4,), 1e6)
    rule.step(StepRates(1.0, 0.9))
    torch.testing.assert_close(weight, torch.full((4,), 2.0 - 0.01 * 2.0))


def test_state_of_another_network_is_refused_by_name() -> None:
    rule = UpdateRule(Adam(), groups(parameters()))
    saved = rule.state_dict()
    with pytest.raises(ValueError, match=r"p0\.weight\.mean is missing from the saved state"):
        rule.load_state_dict({n: t for n, t in saved.items() if n != "p0.weight.mean"})
    with pytest.raises(ValueError, match=r"p0\.weight\.mean has shape \(2,\), here it is \(5, 4\)"):
        rule.load_state_dict({**saved, "p0.weight.mean": torch.zeros(2)})
    with pytest.raises(ValueError, match="not a part of this optimizer's state"):
        rule.load_state_dict({**saved, "other.mean": torch.zeros(2)})


def test_average_of_the_weights() -> None:
    weight = torch.zeros(1, requires_grad=True)
    average = WeightAverage({"w": weight}, 0.5)
    with torch.no_grad():
        weight.fill_(1.0)
    average.update()
    keep = 2 / 11
    torch.testing.assert_close(average.averages[0], torch.tensor([1 - keep]))
    average.exchange()
    torch.testing.assert_close(weight.detach(), torch.tensor([1 - keep]))
    average.exchange()
    torch.testing.assert_close(weight.detach(), torch.ones(1))
    other = WeightAverage({"w": torch.zeros(1)}, 0.5)
    other.load_state_dict(average.state_dict())
    assert other.updates == 1
    torch.testing.assert_close(other.averages[0], torch.tensor([1 - keep]))


def test_rows_are_values() -> None:
    assert replace(AdamW(), weight_decay=0.05) == AdamW(weight_decay=0.05) != AdamW()
    assert AdamW(weight_decay=0.05).show() == "AdamW {weightDecay = 0.05}"


def test_the_table_does_not_import_torch() -> None:
    code = "import netdsl.optimizers.plan, netdsl.optimizers.bind_block, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The step: against a loop written by hand in torch, in pieces, with mixing, in bf16; strategies and their trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from netdsl.base import processor
from netdsl.ir.program import CheckedProgram
from netdsl.lower import lower
from netdsl.optimizers import OPTIMIZERS
from netdsl.runs.checkpoint import read_weights
from netdsl.runs.store import read_records
from netdsl.training import Limits, train
from netdsl.training.data.mixing import Mixing, mix
from netdsl.training.data.sampling import Sampling
from netdsl.training.device import torch_settings
from netdsl.training.step import StepInput, choose_precision, slow_precision_note
from netdsl.training.strategies import Candidate, Eager, choose

from .networks import CONVNET, MLP, Patches, program

TWIN = """
    model = Sequential (
        conv := ConvolutionalLayer {6, (3:3), pad = true, activation = ReLU} : MaxPoolingLayer {(2:2), stride = 2} :
        hidden := DenseLayer {16, activation = ReLU} : out := LinearLayer {4}
    )
    features = Input {8:8:1}
    z = model ((features - 64) * 0.02)
"""


def test_bit_for_bit_the_loop_that_a_person_would_write(tmp_path: Path) -> None:
    """Classical SGD on a small convnet: 20 lines of torch with the same start and the same order of samples."""
    checked = program("maxEpochs = 2 ; minibatchSize = 16 ; learningRate = 0.05 ; momentum = 0.9 ; "
                      "optimizer = MomentumSGD {rateInside = false}", TWIN)
    result = train(checked, out=tmp_path / "run", device="cpu", seed=3)
    ours = read_weights(result.checkpoint)

    start = lower(checked.network, checked.criteria)
    start.initialize(3)
    begin = start.tensors()
    model = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(96, 16), nn.ReLU(), nn.Linear(16, 4))
    names = ("model.conv", "model.hidden", "model.out")
    twins = dict(zip(names, (model[0], model[4], model[6]), strict=True))
    with torch.no_grad():
        for name, layer in twins.items():
            layer.weight.copy_(begin[f"{name}.weight"].reshape(layer.weight.shape))
            layer.bias.copy_(begin[f"{name}.bias"].reshape(layer.bias.shape))
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
    data = Patches().open(True).in_memory()
    assert data is not None
    losses = []
    with torch_settings(torch.device("cpu"), deterministic=False):
        for minibatch in [m for epoch in range(2) for m in Sampling(72, 3).minibatches(epoch, 16)]:
            images = torch.from_numpy(data["features"][minibatch.indices]).float()
            labels = torch.from_numpy(data["labels"][minibatch.indices])
            scores = model(((images - 64) * 0.02).contiguous(memory_format=torch.channels_last))
            loss = nn.functional.cross_entropy(scores, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item() * minibatch.count)
    assert result.train["ce"] == pytest.approx(sum(losses[5:]) / 72, rel=1e-6)
    for name, layer in twins.items():
        for own in ("weight", "bias"):
            theirs = getattr(layer, own).detach()
            assert torch.equal(ours[f"{name}.{own}"].reshape(theirs.shape), theirs), f"{name}.{own}"


#: Where the rate of most (0.01) is too small or too large to learn in 40 updates.
RATES = {"Muon": 0.02, "LARS": 3, "Adadelta": 1}


@pytest.mark.parametrize("row", OPTIMIZERS)
def test_every_optimizer_runs_through_the_loop(row: str, tmp_path: Path) -> None:
    momentum = "momentum = 0.9" if OPTIMIZERS[row].uses_momentum else ""
    checked = program(f"maxEpochs = 8 ; minibatchSize = 16 ; learningRate = {RATES.get(row, 0.01)} ; "
                      f"optimizer = {row} {{}} ; {momentum}")
    result = train(checked, out=tmp_path / "run", device="cpu")
    assert result.train["ce"] < 1.0  # it starts at log 4 = 1.39


def test_overfits_32_samples(tmp_path: Path) -> None:
    checked = program("maxEpochs = 40 ; minibatchSize = 32 ; learningRate = 0.1 ; momentum = 0.9",
                      train=Patches(noisy=True))
    result = train(checked, out=tmp_path / "run", device="cpu", limits=Limits(overfit=1))
    first = read_records(result.out)[0]
    assert result.train["ce"] <= 0.01 * first["train"]["ce"]
    assert result.train["errs"] == 0
    assert result.stopped == "memorised"
    assert result.samples == 32 * result.epochs < 32 * 300


# --- pieces, mixing, precision -----------------------------------------------------------------------


def weights_after(checked: CheckedProgram, out: Path, **options: object) -> dict[str, torch.Tensor]:
    return read_weights(train(checked, out=out, device="cpu", **options).checkpoint)  # type: ignore[arg-type]


@pytest.mark.parametrize("pieces", [
    "numSubminibatches = 4", "accumulate = 2", "accumulate = 2 ; numSubminibatches = 3",
])
def test_a_minibatch_in_pieces_is_the_same_update(pieces: str, tmp_path: Path) -> None:
    accumulate = 2 if "accumulate" in pieces else 1
    plan = "maxEpochs = 2 ; learningRate = 0.05 ; momentum = 0.9"
    whole = weights_after(program(f"{plan} ; minibatchSize = 32", MLP), tmp_path / "whole")
    parts = weights_after(program(f"{plan} ; minibatchSize = {32 // accumulate} ; {pieces}", MLP), tmp_path / "parts")
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, rtol=1e-4, atol=1e-6)


def shapes_of(checked: CheckedProgram) -> dict[str, object]:
    return {name: checked.network[name].shape for name in checked.inputs}


def test_mixup_blends_images_and_labels_alike() -> None:
    images = torch.arange(3 * 64, dtype=torch.float32).reshape(3, 1, 8, 8)
    labels = torch.tensor([0, 1, 2])
    mixed = mix({"features": images, "labels": labels}, torch.tensor([0.75, 0, 0, 0, 0]),
                shapes_of(program("maxEpochs = 1 ; learningRate = 1")))  # type: ignore[arg-type]
    torch.testing.assert_close(mixed["features"][1], 0.75 * images[1] + 0.25 * images[0])
    torch.testing.assert_close(mixed["labels"], torch.tensor([[0.75, 0, 0.25, 0], [0.25, 0.75, 0, 0],
                                                              [0, 0.25, 0.75, 0]]))


def test_cutmix_gives_labels_the_share_of_the_pixels() -> None:
    images = torch.arange(2 * 64, dtype=torch.uint8).reshape(2, 1, 8, 8)
    mixed = mix({"features": images, "labels": torch.tensor([3, 1])}, torch.tensor([1, 0.25, 0.75, 0, 0.5]),
                shapes_of(program("maxEpochs = 1 ; learningRate = 1")))  # type: ignore[arg-type]
    pasted = mixed["features"][0] == images[1]
    assert pasted[0, :4, 2:6].all()
    assert pasted.sum() == 16
    torch.testing.assert_close(mixed["labels"], torch.tensor([[0, 0.25, 0, 0.75], [0, 0.75, 0, 0.25]]))


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.3, 0), (0, 1.0), (0.3, 1.0)])
def test_what_is_drawn_is_in_range_and_the_same_for_a_step(mixup: float, cutmix: float) -> None:
    mixing = Mixing(mixup, cutmix, seed=4)
    drawn = torch.stack([mixing.draw(step) for step in range(200)])
    assert torch.equal(drawn[17], mixing.draw(17))
    assert (drawn >= 0).all()
    assert (drawn <= 1).all()
    has_box = drawn[:, 2] > drawn[:, 1]
    assert has_box.any() == (cutmix > 0)
    assert (~has_box).any() == (mixup > 0)


def test_bf16_learns_and_is_not_float(tmp_path: Path) -> None:
    plan = "maxEpochs = 6 ; minibatchSize = 16 ; learningRate = 0.05 ; momentum = 0.9"
    exact = train(program(plan), out=tmp_path / "float", device="cpu")
    rounded = train(program(plan + " ; precision = 'bf16'"), out=tmp_path / "bf16", device="cpu")
    assert rounded.train["ce"] < 0.3
    assert rounded.train["ce"] != exact.train["ce"]
    assert all(t.dtype == torch.float32 for t in read_weights(rounded.checkpoint).values())


@pytest.mark.parametrize(("wanted", "flags", "bf16"), [
    ("float", ("_is_avx512_bf16_supported",), False), ("bf16", (), True), ("auto", (), False),
    ("auto", ("_is_avx512_bf16_supported",), True), ("auto", ("_is_amx_tile_supported",), True)])
def test_precision_on_the_cpu(wanted: str, flags: tuple[str, ...], bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda name=name: name in flags)
    assert choose_precision(wanted, torch.device("cpu")).bf16 is bf16


def test_what_is_said_of_slow_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """By `check` where the system tells, else by the run."""
    slow = choose_precision("bf16", torch.device("cpu"))
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    monkeypatch.setattr(processor, "may_have_gpu", lambda: False)
    monkeypatch.setattr(processor, "multiplies_bf16", lambda: None)
    assert "bf16 is slow on this device" in slow_precision_note(slow)
    monkeypatch.setattr(processor, "multiplies_bf16", lambda: False)
    assert slow_precision_note(slow) == ""
    monkeypatch.setattr(processor, "may_have_gpu", lambda: True)
    assert "bf16 is slow on this device" in slow_precision_note(slow)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert slow_precision_note(slow) == slow_precision_note(choose_precision("float", torch.device("cpu"))) == ""


def test_frozen_layers_stay_and_cost_no_gradient(tmp_path: Path) -> None:
    plan = "maxEpochs = 2 ; minibatchSize = 16 ; learningRate = 0.05"
    checked = program(plan + " ; freeze = 'conv' : '*.hidden.bias'", CONVNET)
    start = lower(checked.network, checked.criteria)
    start.initialize(0)
    after = weights_after(checked, tmp_path / "run")
    same = {name for name, tensor in start.tensors().items() if torch.equal(tensor, after[name])}
    assert same == {"model.conv.weight", "model.conv.bias", "model.hidden.bias"}


# --- strategies --------------------------------------------------------------------------------------


class Pretended:
    """A strategy of known speed that counts its runs and changes a number, as a step changes weights."""

    def __init__(self, clock: list[float], seconds: float, state: dict[str, int], fails: int = -1) -> None:
        self.clock, self.seconds, self.state, self.fails, self.runs = clock, seconds, state, fails, 0

    def run(self, work: StepInput, rates: object) -> None:
        self.runs += 1
        self.state["updates"] += 1
        if self.runs == self.fails:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        self.clock[0] += self.seconds


def pretend(*speeds: float, fails: dict[int, int] | None = None
            ) -> tuple[Eager, object, dict[str, int], list[Pretended]]:
    clock, state = [0.0], {"updates": 0}
    made = [Pretended(clock, seconds, state, (fails or {}).get(i, -1)) for i, seconds in enumerate(speeds)]
    names = ("eager", "CUDA graph", "CUDA graph, compiled")

    def keep() -> Callable[[], None]:
        before = dict(state)
        return lambda: state.update(before)

    found = [Candidate(names[i], lambda i=i: made[i]) for i in range(len(speeds))]  # type: ignore[misc, return-value]
    chosen, trial = choose(found, StepInput({}, 1), None, keep, lambda: None, lambda: clock[0])  # type: ignore[arg-type]
    return chosen, trial, state, made


@pytest.mark.parametrize(("speeds", "winner"), [((3.0, 1.0, 2.0), 1), ((1.0, 2.0, 3.0), 0), ((3.0, 2.0, 1.0), 2)])
def test_the_fastest_wins_and_the_trial_leaves_no_trace(speeds: tuple[float, ...], winner: int) -> None:
    chosen, trial, state, made = pretend(*speeds)
    assert chosen is made[winner]
    assert state == {"updates": 0}
    assert f"{1000 * speeds[0]:.2f} ms" in trial.sentence()  # type: ignore[attr-defined]


def test_what_cannot_be_captured_falls_back_and_says_why() -> None:
    chosen, trial, state, made = pretend(3.0, 1.0, 2.0, fails={1: 2, 2: 4})
    assert chosen is made[0]
    assert state == {"updates": 0}
    said = trial.sentence()  # type: ignore[attr-defined]
    assert said.startswith("step: eager (eager 3000.00 ms")
    assert said.count("operation not permitted when stream is capturing") == 2
    assert "more" not in said


def test_if_plain_eager_fails_it_is_a_failure() -> None:
    with pytest.raises(RuntimeError, match="capturing"):
        pretend(3.0, 1.0, fails={0: 1})


def test_a_single_candidate_needs_no_trial() -> None:
    chosen, trial, _, made = pretend(3.0)
    assert chosen is made[0]
    assert trial is None
    assert made[0].runs == 0


def test_compiled_steps_learn_as_eager_ones_do(tmp_path: Path) -> None:
    """The compiled forward pass in the same loop; `aot_eager` needs no compiler and takes the same path."""
    from netdsl.training import strategies, updates

    class Traced(strategies.Compiled):
        def __init__(self, step: object) -> None:
            Eager.__init__(self, step)  # type: ignore[arg-type]
            self.plain = self.step.forward
            self.forward = torch.compile(self.step.executable.module, backend="aot_eager", dynamic=False)

    plan = "maxEpochs = 2 ; minibatchSize = 24 ; learningRate = 0.05 ; momentum = 0.9"
    eager = weights_after(program(plan, TWIN), tmp_path / "eager")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(updates, "candidates", lambda step, *_: (Candidate("compiled", lambda: Traced(step)),))
        compiled = weights_after(program(plan, TWIN), tmp_path / "compiled")
    for name, tensor in eager.items():
        torch.testing.assert_close(compiled[name], tensor, rtol=1e-4, atol=1e-5)


def test_numpy_arrays_come_in_as_the_right_tensors() -> None:
    from netdsl.training.data.loader import as_tensor

    kinds = {np.dtype(np.uint8): torch.uint8, np.dtype(np.int32): torch.int64, np.dtype(np.float64): torch.float32,
             np.dtype(np.bool_): torch.int64, np.dtype(np.float32): torch.float32}
    for dtype, wanted in kinds.items():
        assert as_tensor(np.ones(3, dtype)).dtype == wanted
    frozen = np.ones(3, np.float32)
    frozen.flags.writeable = False
    assert as_tensor(frozen).tolist() == [1, 1, 1]


def test_a_job_can_be_told_by_options_alone(tmp_path: Path) -> None:
    from netdsl.training import RunOptions

    options = RunOptions(device="cpu", out=tmp_path / "run", limits=Limits(epochs=1))
    result = train(program("maxEpochs = 3 ; learningRate = 0.01"), dataclasses.replace(options, seed=1))
    assert result.epochs == 1

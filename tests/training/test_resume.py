"""A resumed run is the run that was not stopped, bit for bit: weights, losses, records, test values."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from netdsl.base.failure import Failure
from netdsl.ir.program import CheckedProgram
from netdsl.runs.store import read_records
from netdsl.training import Interrupted, Limits, Reporter, Result, train

from .networks import CONVNET, MLP, Patches, program

PLAIN = "maxEpochs = 3 ; minibatchSize = 16 ; learningRate = 0.05 ; momentum = 0.9"
#: block, network, training data: each has something that a careless resume would lose
CASES: dict[str, tuple[str, str, Patches]] = {
    "momentum, batch norm, partial minibatches": (PLAIN, CONVNET, Patches()),
    "dropout": (PLAIN + " ; dropoutRate = 0.5", CONVNET, Patches()),
    "dropout by epoch": (PLAIN + " ; dropoutRate = 0.1*1 : 0.5", CONVNET, Patches()),
    "adam": ("maxEpochs = 3 ; minibatchSize = 16 ; learningRate = 0.01 ; optimizer = Adam {}", CONVNET, Patches()),
    "augmentation": (PLAIN, CONVNET, Patches(noisy=True)),
    "CNTK's units": ("maxEpochs = 3 ; minibatchSize = 16 ; learningRatesPerMB = 0.5*1 : 0.1 ; L2RegWeight = 0.001",
                     CONVNET, Patches()),
    "epoch size": (PLAIN + " ; epochSize = 50", CONVNET, Patches()),
    "averaged weights": (PLAIN + " ; ema = 0.9", CONVNET, Patches()),
    "mixup and cutmix": (PLAIN + " ; mixup = 0.4 ; cutmix = 1", CONVNET, Patches()),
    "accumulation": (PLAIN + " ; accumulate = 2 ; numSubminibatches = 2 ; dropoutRate = 0.5", CONVNET, Patches()),
    "a rate by step": ("maxEpochs = 3 ; minibatchSize = 16 ; learningRate = CosineDecay {0.1}", CONVNET, Patches()),
    "validation split": (PLAIN + " ; validation = 0.25", CONVNET, Patches()),
    "rate control": (PLAIN.replace("3", "4", 1) + " ; AutoAdjust = { autoAdjustLR = 'adjustAfterEpoch' ; "
                     "reduceLearnRateIfImproveLessThan = 0.99999 }", CONVNET, Patches()),
    "noise on the weights": (PLAIN + " ; gaussianNoiseInjectStd = 0.01", CONVNET, Patches()),
    "vectors": (PLAIN, MLP, Patches(flat=True)),
}


def case(name: str) -> CheckedProgram:
    block, network, reader = CASES[name]
    return program(block, network, train=reader, test=dataclasses.replace(reader, first=1000, count=24))


class StopAt(Reporter):
    """Sends this process SIGINT at the given update, as a person's Ctrl-C would arrive."""

    interval = 0.0

    def __init__(self, step: int) -> None:
        self.step, self.seen = step, 0

    def show(self, update: Any) -> None:
        if update.phase == "epoch":
            self.seen += 1
            if self.seen == self.step:
                os.kill(os.getpid(), signal.SIGINT)


def facts(result: Result) -> dict[str, Any]:
    """All that has to be equal: every weight's bits, every record but its times, the result."""
    timed = {"seconds", "samplesPerSecond", "waiting"}
    records = [{key: value for key, value in line.items() if key not in timed} for line in read_records(result.out)]
    weights = {name: tensor.numpy().tobytes()
               for name, tensor in load_file(result.checkpoint / "weights.safetensors").items()}
    return {"weights": weights, "records": records, "train": result.train, "test": result.test,
            "validation": result.validation, "steps": result.steps}


@pytest.mark.parametrize("name", CASES)
def test_interrupted_and_resumed_is_the_same_run(name: str, tmp_path: Path) -> None:
    whole = train(case(name), out=tmp_path / "whole", device="cpu")
    for stop in (1, max(2, whole.steps // 2 + 1)):
        out = tmp_path / f"stopped-{stop}"
        with pytest.raises(Interrupted) as stopped:
            train(case(name), out=out, device="cpu", reporter=StopAt(stop))
        assert stopped.value.exit_code == 130
        assert json.loads((out / "checkpoints/last/state.json").read_text())["step"] == stop
        assert facts(train(case(name), resume=out, device="cpu")) == facts(whole)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(tmp_path: Path) -> None:
    name = "dropout"
    first, second, other = (train(case(name), out=tmp_path / str(i), device="cpu", seed=seed)
                            for i, seed in enumerate((5, 5, 6)))
    assert facts(first) == facts(second)
    assert facts(first)["records"] != facts(other)["records"]


def test_workers_and_their_number_change_nothing(tmp_path: Path) -> None:
    one, four = (train(case("augmentation"), out=tmp_path / str(n), device="cpu", workers=n) for n in (1, 4))
    assert facts(one) == facts(four)


def test_the_callers_random_numbers_are_left_alone(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    train(case("dropout"), out=tmp_path / "run", device="cpu")
    assert torch.equal(torch.rand(3), expected)


def test_resume_in_steps_of_one_update(tmp_path: Path) -> None:
    """The worst that can happen: stopped after every single update."""
    name = "adam"
    whole = train(case(name), out=tmp_path / "whole", device="cpu")
    out, resume = tmp_path / "bits", None
    for _ in range(whole.steps + 1):
        try:
            result = train(case(name), out=None if resume else out, resume=resume, device="cpu", reporter=StopAt(1))
            break
        except Interrupted:
            resume = out
    assert facts(result) == facts(whole)


def test_a_finished_run_resumed_tests_again_and_trains_no_more(tmp_path: Path) -> None:
    whole = train(case("dropout"), out=tmp_path / "run", device="cpu")
    again = train(case("dropout"), resume=tmp_path / "run", device="cpu")
    assert (again.steps, again.test) == (whole.steps, whole.test)


def test_resume_from_an_earlier_checkpoint_forgets_what_came_after(tmp_path: Path) -> None:
    whole = train(case("dropout"), out=tmp_path / "run", device="cpu")
    before = facts(whole)
    again = train(case("dropout"), resume=tmp_path / "run/checkpoints/epoch-0002", device="cpu")
    assert facts(again) == before


def test_limits_end_training_and_a_resumed_run_goes_on(tmp_path: Path) -> None:
    whole = train(case("dropout"), out=tmp_path / "whole", device="cpu")
    short = train(case("dropout"), out=tmp_path / "short", device="cpu", limits=Limits(steps=7))
    assert short.steps == 7
    rest = train(case("dropout"), resume=tmp_path / "short", device="cpu")
    assert facts(rest)["weights"] == facts(whole)["weights"]


# --- another network, another plan ------------------------------------------------------------------


@pytest.mark.parametrize(("block", "network", "words"), [
    (PLAIN.replace("0.05", "0.1"), CONVNET, ("plan: learningRate", "then  0.05", "now   0.1")),
    (PLAIN, CONVNET.replace("DenseLayer {16", "DenseLayer {17"), ("network: model.hidden", "DenseLayer {16}")),
])
def test_a_changed_file_is_refused_with_a_list(block: str, network: str, words: tuple[str, ...],
                                               tmp_path: Path) -> None:
    train(program(PLAIN), out=tmp_path / "run", device="cpu")
    before = sorted(str(p) for p in (tmp_path / "run").rglob("*"))
    with pytest.raises(Failure) as refused:
        train(program(block, network), resume=tmp_path / "run", device="cpu")
    (page,) = refused.value.diagnostics
    assert page.code == "checkpoint-mismatch"
    assert all(word in "\n".join(page.body) for word in words), page.body
    assert sorted(str(p) for p in (tmp_path / "run").rglob("*")) == before


def test_a_changed_plan_can_be_accepted(tmp_path: Path) -> None:
    train(program(PLAIN), out=tmp_path / "run", device="cpu")
    longer = program(PLAIN.replace("maxEpochs = 3", "maxEpochs = 5"))
    result = train(longer, resume=tmp_path / "run", device="cpu", accept_changes=True)
    assert result.epochs == 5
    assert [line["epoch"] for line in read_records(result.out) if line["event"] == "epoch"] == [1, 2, 3, 4, 5]


def test_another_rule_cannot_take_over_the_state(tmp_path: Path) -> None:
    train(program(PLAIN), out=tmp_path / "run", device="cpu")
    other = program("maxEpochs = 5 ; minibatchSize = 16 ; learningRate = 0.01 ; optimizer = Adam {}")
    with pytest.raises(Failure) as refused:
        train(other, resume=tmp_path / "run", device="cpu", accept_changes=True)
    assert refused.value.diagnostics[0].code == "checkpoint-mismatch"
    assert "--weights" in refused.value.diagnostics[0].hint


# --- a process that is killed --------------------------------------------------------------------------

SCRIPT = """
import sys, time, torch
torch.set_num_threads(1)
sys.path.insert(0, {tests!r})
from training.test_resume import case
from netdsl.training import Interrupted, Reporter, train

class Slow(Reporter):
    interval = 0.0
    def show(self, update):
        print(update.epoch, update.step, flush=True)
        time.sleep(0.02)

try:
    train(case({name!r}), out={out!r}, device="cpu", save_minutes=0.0005, reporter=Slow())
except Interrupted as stopped:
    sys.exit(stopped.exit_code)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143),
                                              (signal.SIGHUP, 129)])
def test_a_killed_process_leaves_a_run_that_goes_on_exactly(number: int, code: int, tmp_path: Path) -> None:
    name, out = "dropout", tmp_path / "killed"
    tests = str(Path(__file__).resolve().parents[1])
    text = SCRIPT.format(tests=tests, name=name, out=str(out))
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True,
                          cwd=Path(tests).parent) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.split()[:2] == ["2", "3"]:  # in the middle of the second epoch
                time.sleep(0.01)
                process.send_signal(number)
                break
        assert process.wait(60) == code
    state = json.loads((out / "checkpoints/last/state.json").read_text())
    assert 0 < state["step"] < 15
    whole = train(case(name), out=tmp_path / "whole", device="cpu")
    assert facts(train(case(name), resume=out, device="cpu")) == facts(whole)
    assert not list(out.rglob("*.tmp"))


@pytest.mark.parametrize("phase", ["validation", "test"])
def test_stopped_while_judging_nothing_is_lost(phase: str, tmp_path: Path) -> None:
    class StopWhileJudging(Reporter):
        interval = 0.0

        def show(self, update: Any) -> None:
            if update.phase == phase:
                os.kill(os.getpid(), signal.SIGTERM)

    def made() -> CheckedProgram:
        return program(PLAIN, validation=Patches(first=500, count=24), test=Patches(first=1000, count=24))

    whole = train(made(), out=tmp_path / "whole", device="cpu")
    with pytest.raises(Interrupted) as stopped:
        train(made(), out=tmp_path / "run", device="cpu", reporter=StopWhileJudging())
    assert stopped.value.exit_code == 143
    assert facts(train(made(), resume=tmp_path / "run", device="cpu")) == facts(whole)


def test_signals_are_handled_as_before_afterwards(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    train(case("vectors"), out=tmp_path / "run", device="cpu")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    class Twice(Reporter):
        interval = 0.0

        def show(self, update: Any) -> None:
            # Not os.kill: two signals that are pending at once are delivered as one.
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(case("vectors"), out=tmp_path / "run", device="cpu", reporter=Twice())

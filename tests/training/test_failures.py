"""What a user meets when training cannot go on: one page each, and everything that was complete stays complete."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import netdsl
from netdsl import training
from netdsl.base import atomic_files as storage
from netdsl.base.diagnostics import Diagnostic
from netdsl.base.failure import Failure
from netdsl.base.render import render
from netdsl.base.source import Source
from netdsl.checks.memory_estimate import Memory, estimate_memory
from netdsl.runs import checkpoint
from netdsl.runs.checkpoint import read_weights
from netdsl.runs.store import read_records
from netdsl.training import failures as diagnosis
from netdsl.training import loop, strategies
from netdsl.training.failures import largest_minibatch

from .networks import CONVNET, Patches, program

PLAN = "maxEpochs = 3 ; minibatchSize = 16 ; learningRate = 0.05 ; momentum = 0.9"
WILD = PLAN.replace("0.05", "1e30")


def page(action: Callable[[], object], code: str) -> Diagnostic:
    """The one page that an action fails with, after a look at the rules of pages."""
    with pytest.raises(Failure) as failed:
        action()
    (found,) = failed.value.diagnostics
    assert found.code == code
    assert len(found.title) <= 78
    assert not found.title.endswith(".")
    assert all(len(line) <= 100 or stands_alone(line) for line in render(found).splitlines())
    return found


def stands_alone(line: str) -> bool:
    """Whether a line is one long word, as the path of a file may be."""
    return len(line.removeprefix("Hint:").replace("-->", "").split()) == 1


# --- the criterion is no number ------------------------------------------------------------------------


def test_divergence_names_the_layer_its_inputs_and_the_rate(tmp_path: Path) -> None:
    found = page(lambda: training.train(program(WILD), out=tmp_path / "run", device="cpu"), "diverged")
    assert found.primary.span.text.startswith(("ConvolutionalLayer", "BatchNormalizationLayer", "DenseLayer"))
    text = render(found)
    assert "the rate 1e+30 on the mean gradient" in text
    assert "in epoch 1, at update 2" in text
    assert "its weight" in text
    assert "warmup" in found.hint


def test_data_that_are_no_numbers_are_blamed_on_the_data(tmp_path: Path) -> None:
    broken = program(PLAN, train=Patches(not_a_number=7))
    found = page(lambda: training.train(broken, out=tmp_path / "run", device="cpu"), "diverged")
    assert found.primary.span.text.startswith("Input")
    assert "the data have numbers that are not finite" in found.hint
    assert "64 of 1,024 not finite" in render(found)


def test_the_weights_are_those_before_the_bad_step(tmp_path: Path) -> None:
    """The step is looked at before its update: what is on disk is finite."""
    checked = program("maxEpochs = 3 ; minibatchSize = 16 ; learningRate = 0.05*1 : 1e30")
    page(lambda: training.train(checked, out=tmp_path / "run", device="cpu"), "diverged")
    state = json.loads((tmp_path / "run/checkpoints/last/state.json").read_text())
    assert state["epoch"] == 1
    assert all(t.isfinite().all() for t in read_weights(tmp_path / "run/checkpoints/last").values())


@pytest.mark.parametrize("phase", ["validation", "test"])
def test_a_criterion_that_is_no_number_on_other_data_ends_the_run(phase: str, tmp_path: Path) -> None:
    readers = {phase: Patches(first=1000, count=24, not_a_number=5)}
    found = page(lambda: training.train(program(PLAN, **readers), out=tmp_path / "run", device="cpu"), "diverged")
    assert found.title == f"the criterion on the {phase} data is not a number"
    assert "data have numbers that are not finite" in found.hint
    state = json.loads((tmp_path / "run/checkpoints/last/state.json").read_text())
    assert state["step"] == (5 if phase == "validation" else 15)  # of the training so far, which is not lost


def test_weights_that_are_no_numbers_are_found_by_a_test(tmp_path: Path) -> None:
    held = program(PLAN, test=Patches(first=1000, count=24))
    run = training.train(held, out=tmp_path / "run", device="cpu")
    snapshot = checkpoint.read(run.checkpoint)
    snapshot.weights["model.hidden.weight"][0, 0] = torch.inf
    checkpoint.write(run.checkpoint, snapshot)
    found = page(lambda: training.test(held, run.out), "diverged")
    assert found.primary.span.text.startswith("DenseLayer")
    assert "weights themselves are not finite" in found.hint


def test_training_can_go_on_regardless(tmp_path: Path) -> None:
    result = training.train(program(WILD), out=tmp_path / "run", device="cpu", nan_continue=True)
    assert result.train["ce"] != result.train["ce"]
    assert json.loads((tmp_path / "run/result.json").read_text())["train"]["ce"] is None


def test_where_steps_are_not_looked_at_one_by_one_the_place_is_found_by_repeating(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: the sums are looked at now and then, and the steps since are repeated from a copy."""
    monkeypatch.setattr(loop, "looks_at_every_step", lambda job: False)
    checked = program("maxEpochs = 6 ; minibatchSize = 16 ; learningRate = 0.05*2 : 1e30")
    found = page(lambda: training.train(checked, out=tmp_path / "run", device="cpu"), "diverged")
    assert "in epoch 3, at update 12" in render(found)
    assert "its weight" in render(found)


# --- memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:116] . DefaultCPUAllocator: can't allocate memory: you tried to "
                 "allocate 9 bytes. Error code 12 (Cannot allocate memory)"),
    MemoryError(),
])
def test_out_of_memory_shows_the_table_and_what_would_fit(error: Exception, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(strategies.Eager, "run", fail)
    checked = program(PLAN)
    memory = estimate_memory(checked)
    fixed = memory.weight_bytes + memory.gradient_bytes + memory.optimizer_bytes + memory.buffer_bytes
    available = int((fixed + 5.5 * (memory.activation_bytes + memory.input_bytes)) / 0.9)
    monkeypatch.setattr(diagnosis, "total_memory", lambda device: available)
    found = page(lambda: training.train(checked, out=tmp_path / "run", device="cpu"), "out-of-memory")
    assert found.primary.span.text == "16"
    assert "activations of 16 samples" in found.body[1]
    assert "minibatchSize = 5," in found.hint
    assert "numSubminibatches = 4" in found.hint


def test_the_minibatch_that_fits() -> None:
    memory = Memory(256, 1000, 1000, 1000, 0, 90, 10)
    assert largest_minibatch(memory, 10_000) == 60
    assert largest_minibatch(memory, 3_000) == 0


def test_other_errors_stay_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(strategies.Eager, "run", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        training.train(program(PLAN), out=tmp_path / "run", device="cpu")


# --- data ----------------------------------------------------------------------------------------------


def test_a_bad_sample_is_named(tmp_path: Path) -> None:
    broken = program(PLAN, train=Patches(broken=30))
    found = page(lambda: training.train(broken, out=tmp_path / "run", device="cpu"), "reader-file")
    assert found.title == "the sample cannot be read"
    assert "patches.bin, record 30" in found.body[0]


def test_a_dead_worker_ends_training_and_does_not_hang_it(tmp_path: Path) -> None:
    broken = program(PLAN, train=Patches(dies=70))
    found = page(lambda: training.train(broken, out=tmp_path / "run", device="cpu", workers=2), "reader-file")
    assert "a data worker died: SystemExit: killed" in found.title


def test_bad_test_data_are_found_before_the_first_epoch(tmp_path: Path) -> None:
    broken = program(PLAN, test=Patches(broken=3))
    page(lambda: training.train(broken, out=tmp_path / "run", device="cpu"), "reader-file")
    assert not (tmp_path / "run").exists()


def test_a_reader_without_samples(tmp_path: Path) -> None:
    class Empty(Patches):
        def open(self, training: bool) -> object:  # type: ignore[override]
            data = super().open(training)
            data.count = 0
            return data

    found = page(lambda: training.train(program(PLAN, train=Empty()), out=tmp_path / "run", device="cpu"),
                 "reader-file")
    assert not (tmp_path / "run").exists()
    assert "no samples" in found.title


# --- the disk ------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_checkpoint_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, real = tmp_path / "run", checkpoint.save_file

    def full_later(tensors: object, path: Path, **more: object) -> None:
        if "epoch-0002" in str(path) and path.name == checkpoint.TRAINER:
            path.write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(tensors, path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoint, "save_file", full_later)
    found = page(lambda: training.train(program(PLAN), out=out, device="cpu"), "cannot-write")
    assert "is full" in found.title
    assert sorted(p.name for p in (out / "checkpoints").iterdir()) == ["best", "epoch-0001", "last"]
    monkeypatch.undo()
    whole = training.train(program(PLAN), out=tmp_path / "whole", device="cpu")
    resumed = training.train(program(PLAN), resume=out, device="cpu")
    assert resumed.train == whole.train


def test_too_little_room_is_found_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")(10**9, 10**9, 1000)
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(strategies.Eager, "run", lambda *_: pytest.fail("it trained"))
    found = page(lambda: training.train(program(PLAN), out=tmp_path / "run", device="cpu"), "cannot-write")
    assert "1 kB are free" in found.body[0]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found = page(lambda: training.train(program(PLAN), out=tmp_path / "file/run", device="cpu"), "cannot-write")
    assert "--out" in found.hint


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    found = page(lambda: training.train(program(PLAN), out=tmp_path / "run", device="cpu"), "cannot-write")
    assert "you can write" in found.hint


@pytest.mark.parametrize("kind", ["file", "folder", "run"])
def test_nothing_is_overwritten(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "taken"
    if kind == "file":
        out.write_text("mine")
    elif kind == "folder":
        out.mkdir()
        (out / "thesis.txt").write_text("mine")
    else:
        training.train(program("maxEpochs = 1 ; learningRate = 0.01"), out=out, device="cpu")
    before = sorted((str(p), p.stat().st_mtime_ns) for p in [out, *out.rglob("*")])
    found = page(lambda: training.train(program(PLAN), out=out, device="cpu"), "cannot-write")
    assert "--resume" in found.hint
    assert sorted((str(p), p.stat().st_mtime_ns) for p in [out, *out.rglob("*")]) == before


# --- checkpoints that do not fit -----------------------------------------------------------------------


def test_weights_of_another_network_are_compared_name_by_name(tmp_path: Path) -> None:
    result = training.train(program(PLAN), out=tmp_path / "run", device="cpu")
    other = program(PLAN, CONVNET.replace("hidden := DenseLayer {16", "hidden := DenseLayer {17")
                    .replace("norm := ", "normal := "))
    found = page(lambda: training.train(other, out=tmp_path / "other", device="cpu", weights=result.checkpoint),
                 "checkpoint-mismatch")
    text = "\n".join(found.body)
    assert "model.hidden.weight  network 96 x 17, checkpoint 96 x 16" in text
    assert "--allow-missing 'model.hidden.*'" in found.hint
    assert "model.normal.running_mean" in text
    assert "model.norm.running_mean" in text
    assert found.primary.span.text.startswith("DenseLayer {17")
    assert not (tmp_path / "other").exists()


def test_named_tensors_may_start_afresh(tmp_path: Path) -> None:
    result = training.train(program(PLAN), out=tmp_path / "run", device="cpu")
    other = program("maxEpochs = 1 ; minibatchSize = 16 ; learningRate = 1e-6",
                    CONVNET.replace("hidden := DenseLayer {16", "hidden := DenseLayer {17"))
    tuned = training.train(other, out=tmp_path / "other", device="cpu", weights=result.checkpoint,
                           allow_missing=("model.hidden.*", "model.out.*"))
    before, after = read_weights(result.checkpoint), read_weights(tuned.checkpoint)
    torch.testing.assert_close(after["model.conv.weight"], before["model.conv.weight"], atol=1e-4, rtol=0)
    assert after["model.hidden.weight"].shape[0] == 17


@pytest.mark.parametrize("damage", ["no folder", "no state", "cut weights", "not json"])
def test_damaged_checkpoints_are_pages(damage: str, tmp_path: Path) -> None:
    result = training.train(program(PLAN), out=tmp_path / "run", device="cpu")
    path = result.checkpoint
    if damage == "no folder":
        path = path.with_name("epoch-0004")
    elif damage == "no state":
        (path / "state.json").unlink()
    elif damage == "cut weights":
        whole = (path / "weights.safetensors").read_bytes()
        (path / "weights.safetensors").write_bytes(whole[: len(whole) // 2])
    else:
        (path / "state.json").write_text("{half")
    found = page(lambda: training.train(program(PLAN), resume=path, device="cpu"), "checkpoint-mismatch")
    if damage == "no folder":
        assert found.hint == "beside it are best, epoch-0002, epoch-0003, last."


# --- devices -------------------------------------------------------------------------------------------


def test_a_byte_that_changed_on_the_disk_is_noticed(tmp_path: Path) -> None:
    run = training.train(program(PLAN), out=tmp_path / "run", device="cpu")
    weights = run.checkpoint / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-3] ^= 0x40
    weights.write_bytes(data)
    found = page(lambda: training.train(program(PLAN), resume=run.out, device="cpu"), "checkpoint-mismatch")
    assert "the bytes of weights.safetensors are not those that were written: checksum mismatch" in found.body[0]


def test_others_may_read_a_checkpoint_as_the_rest_of_the_run(tmp_path: Path) -> None:
    run = training.train(program(PLAN), out=tmp_path / "run", device="cpu")
    modes = {path.stat().st_mode & 0o777 for path in run.checkpoint.iterdir()}
    assert modes == {(run.out / "metrics.csv").stat().st_mode & 0o777}


def test_a_run_that_fails_before_its_first_record_leaves_no_folder(tmp_path: Path) -> None:
    bad = program(PLAN, train=Patches(broken=3))
    with pytest.raises(Failure):
        training.train(bad, out=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
    assert training.train(program(PLAN), out=tmp_path / "run", device="cpu").steps == 15


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cuda:99"])
def test_devices_that_are_not_there(device: str, tmp_path: Path) -> None:
    page(lambda: training.train(program(PLAN), out=tmp_path / "run", device=device), "no-device")
    assert not (tmp_path / "run").exists()


def test_an_epoch_that_diverges_is_lost_where_the_control_goes_back(tmp_path: Path) -> None:
    """CNTK's rule: with loadBestModel a criterion that is NaN ends the epoch and not the training."""
    checked = program("maxEpochs = 5 ; minibatchSize = 16 ; learningRate = 0.05*2 : 1e30 ; "
                      "AutoAdjust = { autoAdjustLR = 'adjustAfterEpoch' ; learnRateDecreaseFactor = 1e-31 }")
    result = training.train(checked, out=tmp_path / "run", device="cpu")
    epochs = [line for line in read_records(result.out) if line["event"] == "epoch"]
    assert [line["train"]["ce"] is None for line in epochs] == [False, False, True, False, False]
    assert epochs[4]["train"]["ce"] < epochs[1]["train"]["ce"]


def test_what_is_not_deterministic_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        assert torch.are_deterministic_algorithms_enabled()
        raise RuntimeError("cumsum_cuda_kernel does not have a deterministic implementation, but you set "
                           "'torch.use_deterministic_algorithms(True)'. You can turn off determinism")

    monkeypatch.setattr(strategies.Eager, "run", fail)
    checked = program(PLAN + " ; deterministic = true")
    found = page(lambda: training.train(checked, out=tmp_path / "run", device="cpu"), "not-deterministic")
    assert found.primary.span.text == "true"
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_label_that_is_no_class_is_named_and_not_the_rate(tmp_path: Path) -> None:
    """Behind what `check` reads of the file: class 7 of 3."""
    lines = [f"|features {k % 7} {k % 5} |labels {7 if k == 4999 else k % 3}" for k in range(5000)]
    (tmp_path / "t.ctf").write_text("\n".join(lines) + "\n")
    text = f"""network = {{ features = Input {{2}} ; labels = Input {{1}} ; z = LinearLayer {{3}} (features)
        criterionNodes = CrossEntropyWithSoftmax (labels, z) ; outputNodes = z }}
    inputs = {{ features = {{dim = 2}} ; labels = {{dim = 1}} }}
    reader = {{ train = CNTKText {{"{tmp_path}/t.ctf", input = inputs}} }}
    SGD = {{ minibatchSize = 100 ; maxEpochs = 1 ; learningRate = 0.01 }}"""
    checked = netdsl.check(Source("labels.net", text))
    found = page(lambda: training.train(checked, out=tmp_path / "run", device="cpu"), "diverged")
    assert found.hint is not None
    assert found.hint.startswith("labels are 0 to 2 here, and the data have 7")


def test_scores_under_a_criterion_on_probabilities_are_named_and_not_the_rate(tmp_path: Path) -> None:
    """Where `check` has warned and training diverges all the same."""
    (tmp_path / "t.csv").write_text("a,b,y\n" + "".join(f"{k % 7},{k % 5},{k % 2}\n" for k in range(64)))
    text = f"""network = {{ features = Input {{2}} ; labels = Input {{1}} ; z = LinearLayer {{1}} (features)
        criterionNodes = BinaryCrossEntropy (labels, Exp (z)) ; outputNodes = z }}
    reader = {{ train = CSV {{"{tmp_path}/t.csv"}} }}
    SGD = {{ minibatchSize = 8 ; maxEpochs = 20 ; learningRate = 1e30 }}"""
    checked = netdsl.check(Source("scores.net", text))
    found = page(lambda: training.train(checked, out=tmp_path / "run", device="cpu"), "diverged")
    assert found.hint is not None
    assert "takes probabilities" in found.hint

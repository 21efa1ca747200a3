"""A solver and its net train as Caffe trains them: against its update rules, written out by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datum_writer import datum, write_database
from safetensors.numpy import save_file
from torch.nn import functional

import netdsl
from netdsl.base.render import render
from netdsl.base.source import Source
from netdsl.compiler import examine, read_module
from netdsl.ir.network import totals
from netdsl.syntax.format.printer import format_module

HERE = Path(__file__).parent
COUNT, BATCH, UPDATES = 32, 8, 20

NET = """
name: "twin"
layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { scale: 0.0078125 mean_value: 100 }
  data_param { source: "train_lmdb" batch_size: 8 backend: LMDB } }
layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { scale: 0.0078125 mean_value: 100 }
  data_param { source: "test_lmdb" batch_size: 4 backend: LMDB } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 decay_mult: 1 }
  param { lr_mult: 2 decay_mult: 0 }
  convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "r" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip" param { lr_mult: 0.5 decay_mult: 2 }
  param { lr_mult: 3 } inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "acc" type: "Accuracy" bottom: "ip" bottom: "label" top: "acc" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" loss_weight: 2 }
"""
#: Rate and decay of each blob, as the net has them.
BLOBS = {"conv.weight": (1, 1), "conv.bias": (2, 0), "ip.weight": (0.5, 2), "ip.bias": (3, 1)}
SHAPES = {"conv.weight": (3, 1, 3, 3), "conv.bias": (3,), "ip.weight": (4, 48), "ip.bias": (4,)}


def images(seed: int, count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 1, 6, 6), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, seed, count in (("train_lmdb", 1, COUNT), ("test_lmdb", 2, 8)):
        write_database(tmp_path / name, [datum(image, k % 4) for k, image in enumerate(images(seed, count))])
    (tmp_path / "net.prototxt").write_text(NET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- Caffe, written out ------------------------------------------------------------------------------------


def adagrad(state: dict[str, Any], g: torch.Tensor, lr: float, s: dict[str, Any], t: int) -> torch.Tensor:
    state["h"] = state.get("h", 0) + g * g
    return lr * g / (state["h"].sqrt() + s["delta"])


def rmsprop(state: dict[str, Any], g: torch.Tensor, lr: float, s: dict[str, Any], t: int) -> torch.Tensor:
    state["h"] = s["rms_decay"] * state.get("h", 0) + (1 - s["rms_decay"]) * g * g
    return lr * g / (state["h"].sqrt() + s["delta"])


def adadelta(state: dict[str, Any], g: torch.Tensor, lr: float, s: dict[str, Any], t: int) -> torch.Tensor:
    m = s["momentum"]
    state["h"] = m * state.get("h", 0) + (1 - m) * g * g
    before = state.get("x", torch.zeros_like(g))
    step = g * ((before + s["delta"]) / (state["h"] + s["delta"])).sqrt()
    state["x"] = m * before + (1 - m) * step * step
    return lr * step


def adam(state: dict[str, Any], g: torch.Tensor, lr: float, s: dict[str, Any], t: int) -> torch.Tensor:
    b1, b2 = s["momentum"], s["momentum2"]
    state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
    state["v"] = b2 * state.get("v", 0) + (1 - b2) * g * g
    return lr * math.sqrt(1 - b2**t) / (1 - b1**t) * state["m"] / (state["v"].sqrt() + s["delta"])


def sgd(state: dict[str, Any], g: torch.Tensor, lr: float, s: dict[str, Any], t: int) -> torch.Tensor:
    state["v"] = s["momentum"] * state.get("v", 0) + lr * g
    return state["v"]


def nesterov(state: dict[str, Any], g: torch.Tensor, lr: float, s: dict[str, Any], t: int) -> torch.Tensor:
    before = state.get("v", 0)
    state["v"] = s["momentum"] * before + lr * g
    return (1 + s["momentum"]) * state["v"] - s["momentum"] * before


RULES: dict[str, Callable[..., torch.Tensor]] = {"SGD": sgd, "Nesterov": nesterov, "AdaGrad": adagrad,
                                                 "RMSProp": rmsprop, "AdaDelta": adadelta, "Adam": adam}


def rate(s: dict[str, Any], t: int) -> float:
    base, gamma = s["base_lr"], s.get("gamma", 0)
    return base * {
        "fixed": lambda: 1.0, "step": lambda: gamma ** (t // s["stepsize"]), "exp": lambda: gamma**t,
        "inv": lambda: (1 + gamma * t) ** -s["power"],
        "multistep": lambda: gamma ** sum(t >= at for at in s["stepvalue"]),
        "poly": lambda: (1 - t / UPDATES) ** s["power"],
        "sigmoid": lambda: 1 / (1 + math.exp(-gamma * (t - s["stepsize"])))}[s["lr_policy"]]()


def caffe(weights: dict[str, np.ndarray], s: dict[str, Any]) -> Iterator[float]:
    """The loss of each update, before it (sgd_solver.cpp and its fellows)."""
    s = {"momentum": 0.0, "momentum2": 0.999, "delta": 1e-8, "rms_decay": 0.99, "iter_size": 1, **s}
    w = {name: torch.from_numpy(array).double() for name, array in weights.items()}
    states: dict[str, dict[str, Any]] = {name: {} for name in w}
    x = (torch.from_numpy(images(1)).double() - 100) * 0.0078125
    y = torch.arange(COUNT) % 4
    place = 0
    for t in range(UPDATES):
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in w.items()}
        loss = torch.zeros(()).double()
        for _ in range(s["iter_size"]):
            z = functional.conv2d(x[place:place + BATCH], leaves["conv.weight"], leaves["conv.bias"]).relu()
            z = functional.linear(z.flatten(1), leaves["ip.weight"], leaves["ip.bias"])
            loss = loss + 2 * functional.cross_entropy(z, y[place:place + BATCH])
            place = (place + BATCH) % COUNT
        loss.backward()
        norm = math.sqrt(sum(float((leaf.grad ** 2).sum()) for leaf in leaves.values()))
        clip = s.get("clip_gradients", -1)
        factor = clip / norm if 0 < clip < norm else 1.0
        for name, (lr_mult, decay_mult) in BLOBS.items():
            g = leaves[name].grad * factor / s["iter_size"] + s.get("weight_decay", 0) * decay_mult * w[name]
            w[name] = w[name] - RULES[s["type"]](states[name], g, rate(s, t) * lr_mult, s, t + 1)
        yield float(loss.detach()) / s["iter_size"]


SOLVERS = [
    {"type": "SGD", "lr_policy": "fixed", "base_lr": 0.05, "momentum": 0.9, "weight_decay": 0.01},
    {"type": "SGD", "lr_policy": "step", "base_lr": 0.05, "gamma": 0.5, "stepsize": 6, "momentum": 0.9},
    {"type": "SGD", "lr_policy": "exp", "base_lr": 0.05, "gamma": 0.9, "momentum": 0.5, "iter_size": 2},
    {"type": "SGD", "lr_policy": "inv", "base_lr": 0.05, "gamma": 0.1, "power": 0.75, "momentum": 0.9,
     "clip_gradients": 1.5, "weight_decay": 0.1},
    {"type": "Nesterov", "lr_policy": "multistep", "base_lr": 0.05, "gamma": 0.3, "stepvalue": [4, 11],
     "momentum": 0.9, "iter_size": 2, "clip_gradients": 2.0, "weight_decay": 0.05},
    {"type": "SGD", "lr_policy": "poly", "base_lr": 0.05, "power": 2.0, "momentum": 0.9},
    {"type": "SGD", "lr_policy": "sigmoid", "base_lr": 0.05, "gamma": 0.4, "stepsize": 9, "momentum": 0.9},
    {"type": "AdaGrad", "lr_policy": "fixed", "base_lr": 0.02, "delta": 1e-3, "weight_decay": 0.05},
    {"type": "RMSProp", "lr_policy": "inv", "base_lr": 0.005, "gamma": 0.1, "power": 0.5, "rms_decay": 0.9,
     "delta": 1e-3, "weight_decay": 0.05},
    {"type": "AdaDelta", "lr_policy": "fixed", "base_lr": 1.0, "momentum": 0.95, "delta": 1e-4, "weight_decay": 0.05},
    {"type": "Adam", "lr_policy": "fixed", "base_lr": 0.01, "momentum": 0.9, "momentum2": 0.99, "delta": 1e-3,
     "weight_decay": 0.05},
]


def solver_text(s: dict[str, Any]) -> str:
    lines = ['net: "net.prototxt"', f"max_iter: {UPDATES}", "test_iter: 2", "test_interval: 10", "random_seed: 3"]
    for name, value in s.items():
        values = value if isinstance(value, list) else [value]
        lines += [f'{name}: "{one}"' if isinstance(one, str) else f"{name}: {one!r}" for one in values]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("s", [pytest.param(s, id=f"{s['type']}-{s['lr_policy']}") for s in SOLVERS])
def test_twenty_updates_are_caffes(folder: Path, s: dict[str, Any]) -> None:
    draw = np.random.default_rng(7)
    weights = {name: draw.normal(0, 0.2, shape).astype(np.float32) for name, shape in SHAPES.items()}
    (folder / "solver.prototxt").write_text(solver_text(s))
    names = {name.rpartition(".")[2]: name for name in netdsl.check("solver.prototxt").network.names}
    save_file({f"{names['conv' if own.startswith('conv') else 'ip']}.{own.partition('.')[2]}": array
               for own, array in weights.items()}, "start.safetensors")
    netdsl.train("solver.prototxt", ["SGD.numMBsToShowResult=1"], out="run", weights="start.safetensors", quiet=True)
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    losses = [next(iter(line["train"].values())) for line in lines if line["event"] == "minibatches"]
    wanted = list(caffe(weights, s))
    assert len(losses) == UPDATES
    np.testing.assert_allclose(losses, wanted, rtol=2e-5)
    assert np.ptp(wanted) > 0.05, "something is learned"


# --- what is written -------------------------------------------------------------------------------------------


def written(name: str, *overrides: str) -> dict[str, str]:
    """The blocks of the module that a file becomes, each as text."""
    source = Source(name, Path(name).read_text(encoding="utf-8"))
    module = read_module(source, overrides).module
    text = format_module(module, Source(source.name, ""))
    blocks: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith((" ", "}")):
            current = blocks.setdefault(line.split()[0], [])
        current.append(" ".join(line.split()))
    return {block: "\n".join(lines) for block, lines in blocks.items()}


def solver(folder: Path, text: str, name: str = "solver.prototxt") -> str:
    (folder / name).write_text(text)
    return name


FIXED = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 100 '


def test_rates_of_blobs(folder: Path) -> None:
    sgd = written(solver(folder, FIXED))["SGD"]
    assert "biasRateMultiplier" not in sgd, "the biases have different rates"
    for name, row in (("conv.bias", "rate = 2, decay = 0"), ("ip.weight", "rate = 0.5, decay = 2"),
                      ("ip.bias", "rate = 3")):
        assert f"{name}\", {row}}}" in sgd
    assert "conv.weight" not in sgd
    alike = NET.replace("lr_mult: 3", "lr_mult: 2 decay_mult: 0").replace("lr_mult: 0.5 decay_mult: 2", "lr_mult: 1")
    (folder / "net.prototxt").write_text(alike)
    sgd = written("solver.prototxt")["SGD"]
    assert "biasRateMultiplier = 2" in sgd
    assert "biasDecayMultiplier = 0" in sgd
    assert "Multiplier {" not in sgd


def test_data_become_readers(folder: Path) -> None:
    reader = written(solver(folder, FIXED))["reader"]
    train, validation = reader.split("validation =")
    assert 'LMDB {"train_lmdb", labelDim = 4' in train
    assert "randomize = false" in train
    assert 'LMDB {"test_lmdb", labelDim = 4' in validation
    assert "randomize" not in validation
    assert "test = validation" in reader
    assert "Mean {100} : Normalize {range = 0 : 1.9921875}" in " ".join(reader.split())


def test_the_length_is_counted_in_updates(folder: Path) -> None:
    sgd = written(solver(folder, FIXED + "test_interval: 30 iter_size: 2 "))["SGD"]
    for line in ("minibatchSize = 8", "accumulate = 2", "epochSize = 480", "maxEpochs = 4", "maxSteps = 100"):
        assert line in sgd
    result = netdsl.train("solver.prototxt", ["max_iter=7"], quiet=True, test=False)
    assert json.loads((Path(result.out) / "result.json").read_text())["steps"] == 7


def test_old_words_and_the_command_lines(folder: Path) -> None:
    sgd = written(solver(folder, FIXED + "solver_type: NESTEROV momentum: 0.9 "))["SGD"]
    assert "nesterov = true" in sgd
    sgd = written("solver.prototxt", "base_lr=0.5", "type=Adam", "solver_type=5")["SGD"]
    assert "learningRate = 0.5" in sgd
    assert "Adam {0.9, 0.999" in sgd
    assert "optimizer" not in written("net.prototxt").get("SGD", "")
    assert written("net.prototxt", "solver=solver.prototxt", "momentum=0.5")["SGD"].count("momentum = 0.5") == 1


def test_a_net_in_the_solver_and_two_nets(folder: Path) -> None:
    inner = solver(folder, FIXED.replace('net: "net.prototxt"', "net_param {" + NET + "}"), "inner.prototxt")
    assert written(inner) == written(solver(folder, FIXED))
    lines = NET.strip().splitlines(keepends=True)
    layers = NET.split("layer {")[1:]
    train, test = [[text for k, text in enumerate(layers) if k not in left] for left in ({1, 5}, {0})]
    for name, kept in (("train.prototxt", train), ("test.prototxt", test)):
        (folder / name).write_text(lines[0] + "".join("layer {" + text.replace("include { phase: TRAIN }", "").replace(
            "include { phase: TEST }", "") for text in kept))
    both = solver(folder, FIXED.replace('net: "net.prototxt"', 'train_net: "train.prototxt" test_net: "test.prototxt"'),
                  "both.prototxt")
    assert written(both) == written("solver.prototxt")


def test_paths_count_from_the_folder_of_the_net_as_well(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = folder / "models" / "one"
    deep.mkdir(parents=True)
    (deep / "net.prototxt").write_text(NET.replace('source: "', 'source: "data/'))
    (folder / "data").mkdir()
    for name in ("train_lmdb", "test_lmdb"):
        (folder / name).rename(folder / "data" / name)
    (deep / "solver.prototxt").write_text(FIXED.replace("net.prototxt", "models/one/net.prototxt"))
    monkeypatch.chdir(folder / "models")
    program = netdsl.check("one/solver.prototxt")
    assert len(program.readers) == 3
    assert program.network["data"].shape.file_dims == (6, 6, 1)


def test_images_of_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    layer = """layer { name: "d" type: "ImageData" top: "data" top: "label"
      transform_param { mirror: true crop_size: 5 mean_file: "mean.binaryproto" scale: 0.5 }
      image_data_param { source: "list.txt" batch_size: 2 new_height: 6 new_width: 8 root_folder: "pictures/" %s } }
    layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
    layer { name: "l" type: "%s" bottom: "ip" bottom: "label" top: "l" }"""
    Path("net.prototxt").write_text(layer % ("shuffle: true", "SoftmaxWithLoss"))
    blocks = written(solver(tmp_path, FIXED))
    reader = " ".join(blocks["reader"].split())
    assert 'MapFile {"list.txt", rootFolder = "pictures/", labelDim = 3, colorOrder = "BGR"' in reader
    assert ('transforms = Scale {8 : 6} : Mean {meanFile = "mean.binaryproto"} : RandomCrop {size = 5} : Flip {} : '
            "Normalize {range = 0 : 127.5}") in reader.replace("8:6", "8 : 6")
    assert "CenterCrop {size = 5} : Normalize" in reader
    assert "randomize" not in reader
    Path("net.prototxt").write_text(layer % ("is_color: false", "EuclideanLoss") + "\n")
    Path("net.prototxt").write_text(Path("net.prototxt").read_text().replace("num_output: 3", "num_output: 1"))
    reader = written("solver.prototxt")["reader"]
    assert 'targets = "numbers"' in reader
    assert "grayscale = true" in reader
    assert "randomize = false" in reader


@pytest.mark.parametrize(("layer", "message"), [
    ('type: "Data" data_param { source: "x" batch_size: 4 backend: LEVELDB } transform_param { crop_size: 6 }',
     "LevelDB"),
    ('type: "HDF5Data" hdf5_data_param { source: "x" batch_size: 4 }', "HDF5 is not read"),
    ('type: "WindowData" window_data_param { source: "x" batch_size: 4 crop_size: 6 }', "windows of images"),
])
def test_data_that_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(
        'layer { name: "d" top: "data" top: "label" ' + layer + ' }\nlayer { name: "ip" type: "InnerProduct" bottom: '
        '"data" top: "ip" inner_product_param { num_output: 3 } }\nlayer { name: "l" type: "SoftmaxWithLoss" '
        'bottom: "ip" bottom: "label" top: "l" }\n')
    name = solver(tmp_path, FIXED)
    found = examine(Source(name, Path(name).read_text()), ["data=6:6:3"])
    assert not found.errors, "\n".join(map(render, found.errors))
    pages = "\n".join(render(diagnostic) for diagnostic in found.diagnostics)
    assert message in " ".join(pages.split())


def test_made_up_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(
        'layer { name: "d" type: "DummyData" top: "data" top: "label" dummy_data_param { shape { dim: 4 dim: 2 dim: 5 '
        'dim: 6 } shape { dim: 4 } } }\nlayer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" '
        'inner_product_param { num_output: 3 } }\nlayer { name: "l" type: "SoftmaxWithLoss" bottom: "ip" '
        'bottom: "label" top: "l" }\n')
    name = solver(tmp_path, FIXED)
    assert "Synthetic {(6:5:2), classes = 3" in written(name)["reader"].replace("6 : 5 : 2", "6:5:2")
    netdsl.train(name, ["max_iter=3"], quiet=True, test=False)


# --- mistakes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "place", "message"), [
    ('net: "nowhere.prototxt" base_lr: 1', 'net: "nowhere.prototxt"', "the file `nowhere.prototxt` cannot be read"),
    ('base_lr: 1 lr_policy: "fixed" max_iter: 1', "base_lr: 1", "the solver names no net"),
    (FIXED.replace("fixed", "steps"), 'lr_policy: "steps"', 'the learning rate policy "steps" is not known'),
    (FIXED.replace("fixed", "step") + "gamma: 0.1", 'lr_policy: "step"', 'the policy "step" needs `stepsize`'),
    (FIXED.replace("base_lr: 0.1", ""), "net:", "the solver has no learning rate"),
    (FIXED.replace("max_iter: 100", ""), "net:", "the solver does not say how long it trains"),
    (FIXED + 'type: "Momentum"', 'type: "Momentum"', "netdsl has no solver `Momentum` of Caffe"),
    (FIXED + 'type: "RMSProp" momentum: 0.9', "momentum: 0.9", "RMSProp has no momentum"),
    (FIXED + "iter_size: 0", "iter_size: 0", "`iter_size` is a number of minibatches"),
    (FIXED + "max_itr: 5", "max_itr", "a solver of Caffe has no field `max_itr`"),
    (FIXED + 'regularization_type: "L3" weight_decay: 1', 'regularization_type: "L3"', "is L1 or L2"),
    (FIXED + "momentum: fast", "fast", "`momentum` has to be a number"),
])
def test_mistakes_of_a_solver(folder: Path, text: str, place: str, message: str) -> None:
    found = examine(Source(solver(folder, text), text)).diagnostics
    told = [(diagnostic.title, diagnostic.primary.span.text) for diagnostic in found]
    assert any(message in title and at.startswith(place) for title, at in told), told
    for diagnostic in found:
        assert "solver.prototxt" in render(diagnostic)


def test_the_corpus_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    program = netdsl.check("solver.prototxt")
    assert totals(program.network).parameters == 8407
    plan = program.plan
    assert plan is not None
    assert (plan.block.max_steps, plan.block.accumulate, plan.block.gradient_clipping) == (1000, 2, 17.5)
    assert plan.multipliers_of("left.bias") == (2, 0)
    assert [plan.rates_at(0, 8, 0, step).rate for step in (0, 399, 400, 700)] == [0.02, 0.02, 0.01, 0.005]


def test_a_well_known_database_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET.replace("train_lmdb", "examples/cifar10/cifar10_train_lmdb"))
    found = examine(Source(solver(tmp_path, FIXED), FIXED))
    assert not found.errors
    assert found.require().network["data"].shape.file_dims == (32, 32, 3)
    assert any("its name says CIFAR" in " ".join(render(diagnostic).split()) for diagnostic in found.diagnostics)


def test_of_several_test_nets_the_one_on_test_data_is_taken(folder: Path) -> None:
    both = NET.replace('include { phase: TEST }\n', 'include { phase: TEST stage: "test-on-test-set" }\n', 1)
    train = both.index('layer { name: "d"')
    layer = both[train:both.index('layer { name: "d"', train + 1)]
    both += layer.replace("phase: TRAIN", 'phase: TEST stage: "test-on-train-set"')
    (folder / "net.prototxt").write_text(both)
    for states in (("test-on-test-set", "test-on-train-set"), ("test-on-train-set", "test-on-test-set")):
        text = FIXED + "".join(f'test_state {{ stage: "{stage}" }} ' for stage in states)
        assert written(solver(folder, text))["reader"].count("train_lmdb") == 1


def test_statistics_remember_as_long_as_in_caffe(folder: Path) -> None:
    normal = 'layer { name: "n" type: "BatchNorm" bottom: "conv" top: "conv" %s }\nlayer { name: "r"'
    (folder / "net.prototxt").write_text(NET.replace('layer { name: "r"', normal % ""))
    network = written(solver(folder, FIXED))["network"]
    assert f"normalizationTimeConstant = {round(-BATCH / math.log(0.999))}" in network


def test_grey_images_and_fields_without_a_meaning(folder: Path) -> None:
    (folder / "net.prototxt").write_text(NET.replace("mean_value: 100", "force_gray: true").replace(
        "batch_size: 8", "batch_size: 8 rand_skip: 5"))
    name = solver(folder, FIXED)
    assert written(name)["reader"].count("grayscale = true") == 2
    notes = [found for found in examine(Source(name, FIXED)).diagnostics if "rand_skip" in found.title]
    assert [found.severity for found in notes] == ["note"]


@pytest.mark.parametrize("policy", ['"fixed"', '"step" gamma: 0.1 stepsize: 3', '"exp" gamma: 0.9',
                                    '"inv" gamma: 0.1 power: 0.75', '"poly" power: 1',
                                    '"multistep" gamma: 0.1 stepvalue: 3', '"sigmoid" gamma: -0.5 stepsize: 3'])
def test_each_policy_needs_its_own_fields_alone(policy: str) -> None:
    """A solver has the fields of its policy, and none of the others'."""
    net = ('net_param { layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param { '
           'shape { dim: 2 dim: 3 } shape { dim: 2 } } } layer { name: "ip" type: "InnerProduct" bottom: "data" '
           'top: "ip" inner_product_param { num_output: 2 } } layer { name: "loss" type: "SoftmaxWithLoss" '
           'bottom: "ip" bottom: "label" top: "loss" } }\n')
    result = examine(Source("solver.prototxt", f"{net}base_lr: 0.1 max_iter: 10 lr_policy: {policy}\n"))
    assert not result.errors, [error.title for error in result.errors]

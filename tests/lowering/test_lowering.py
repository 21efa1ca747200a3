"""The executable: fx against a plain interpreter and against hand-written torch, sharing, places of failures."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import netdsl
from netdsl.base.source import Source
from netdsl.lower import Executable, lower

torch.set_num_threads(1)

SMALL = ["mlp_mnist", "convnet_mnist", "lenet_mnist", "convnet_cifar10_lrn", "resnet20_cifar10", "autoencoder_mnist",
         "regression_cifar10"]


def executable(path: str, seed: int = 1) -> tuple[netdsl.CheckedProgram, Executable]:
    program = netdsl.check(f"networks/{path}.net")
    built = lower(program.network, [*program.criteria, *program.metrics, *program.outputs])
    built.initialize(seed)
    return program, built


def inputs_of(built: Executable, batch: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.rand(batch, *shape.dims, generator=generator) for name, shape in built.inputs.items()}


def interpreted(built: Executable, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Node by node in the order of the file: what the generated code has to equal."""
    values: dict[str, torch.Tensor] = {}
    for node in built.network:
        if node.name in built.network.ancestors(built.roots):
            arguments = [values[use.node] for use in node.inputs] or (
                [tensors[node.name]] if node.layer.is_input else [])
            values[node.name] = built.layers[node.weights](*arguments)
    return {name: values[name] for name in built.roots}


@pytest.mark.parametrize("path", SMALL)
def test_fx_equals_the_interpreter(path: str) -> None:
    _, built = executable(path)
    built.module.eval()
    tensors = inputs_of(built)
    wanted = interpreted(built, tensors)
    got = built(tensors)
    assert got.keys() == wanted.keys()
    for name in wanted:
        assert torch.equal(got[name], wanted[name]), name


# --- hand-written twins -----------------------------------------------------------------------------------


class ConvNet(nn.Module):
    """CNTK's ConvNet_MNIST as a person writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 5, padding=2), nn.Conv2d(32, 48, 3)
        self.conv3, self.hidden, self.classes = nn.Conv2d(48, 64, 3), nn.Linear(576, 96), nn.Linear(96, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x / 256)), 3, 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 3, 2)
        x = F.relu(self.conv3(x)).flatten(1)
        return self.classes(F.relu(self.hidden(x)))


def alexnet_in_two_groups() -> nn.Module:
    """Caffe's AlexNet: groups, LRN after ReLU with alpha / n and k = 1, pooling rounded up."""
    norm = nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0)
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), norm, pool, nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), norm,
        pool, nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), pool, nn.Flatten(), nn.Linear(9216, 4096), nn.ReLU(),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000))


def copy_weights(module: nn.Module, twin: nn.Module) -> None:
    """In order: both declare their layers from the input on."""
    ours = list(module.parameters())
    theirs = list(twin.parameters())
    assert [tuple(p.shape) for p in ours] == [tuple(p.shape) for p in theirs]
    with torch.no_grad():
        for own, other in zip(ours, theirs, strict=True):
            other.copy_(own)


@pytest.mark.parametrize(("path", "twin", "shape"), [
    ("convnet_mnist", ConvNet, (2, 1, 28, 28)),
    ("alexnet_caffe", alexnet_in_two_groups, (1, 3, 227, 227)),
])
def test_hand_written_twin(path: str, twin: type[nn.Module], shape: tuple[int, ...]) -> None:
    module, other = netdsl.compile(f"networks/{path}.net", seed=3).eval(), twin().eval()
    copy_weights(module, other)
    x = torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 255
    with torch.no_grad():
        wanted, got = other(x), module(x)
    assert torch.allclose(got, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


# --- the rest --------------------------------------------------------------------------------------------


TWO_TOWERS = """
network = {
    left = Input {6} ; right = Input {6}
    tower = Sequential (DenseLayer {4, activation = Tanh} : LinearLayer {2})
    outputNodes = Minus (tower (left), tower (right))
}
"""


def test_shared_weights_are_one_tensor() -> None:
    program = netdsl.check(Source("towers.net", TWO_TOWERS))
    module = netdsl.compile(program)
    assert len(list(module.parameters())) == 4
    x = torch.rand(5, 6)
    assert torch.equal(module(x, x), torch.zeros(5, 2))
    module(x, 2 * x).sum().backward()
    assert all(p.grad is not None for p in module.parameters())


def test_the_same_start_however_it_is_written() -> None:
    text = "network = {{ x = Input {{4}} ; {0} outputNodes = b (a (x)) }}"
    one = netdsl.compile(Source("a.net", text.format("a = DenseLayer {3} ; b = LinearLayer {2} ;")), seed=5)
    other = netdsl.compile(Source("b.net", text.format("b = LinearLayer {2} ; a = DenseLayer {3} ;")), seed=5)
    third = netdsl.compile(Source("b.net", text.format("b = LinearLayer {2} ; a = DenseLayer {3} ;")), seed=6)
    weights, again = one.tensors(), other.tensors()
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert not torch.equal(weights["a.weight"], third.tensors()["a.weight"])


def test_a_failure_inside_torch_names_the_line() -> None:
    module = netdsl.compile("networks/convnet_mnist.net")
    with pytest.raises(ValueError) as caught:
        module(torch.rand(2, 3, 9, 9))
    assert "networks/convnet_mnist.net:" in caught.value.__notes__[0]


def test_module_of_a_notebook() -> None:
    module = netdsl.compile("networks/resnet20_cifar10.net")
    twin = copy.deepcopy(module)
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(module.eval()(x), twin.eval()(features=x))
    assert "model.stem.conv.weight" in module.tensors()
    assert "features" in module.network.code


def test_names_that_torch_has_taken() -> None:
    text = """network = {
        x = Input {4}
        train = { weight = DenseLayer {4} ; bias = DenseLayer {4} ; forward = ReLU }
        outputNodes = Sequential (train.weight : type := Tanh : train.bias : train.forward) (x)
    }"""
    module = netdsl.compile(Source("names.net", text))
    assert set(module.tensors()) == {f"train.{name}.{own}" for name in ("weight", "bias") for own in ("weight", "bias")}
    assert module(torch.rand(2, 4)).shape == (2, 4)


def test_every_fx_node_knows_its_place() -> None:
    program, built = executable("resnet20_cifar10")
    calls = [n for n in built.module.graph.nodes if n.op == "call_module"]
    assert len(calls) == len(program.network)
    for call in calls:
        node = program.network[call.meta["node"]]
        assert call.meta["span"] == node.span
        assert call.meta["shape"] == node.shape

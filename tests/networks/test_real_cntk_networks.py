"""Three whole networks against real CNTK: outputs, losses, every gradient, and five steps of training.

The files are written in our language, the residual one with the shipped library of blocks; parameters, data and
results are CNTK's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import oracle_vectors as oracle
import pytest
import torch

import netdsl
from netdsl.ir.program import CheckedProgram
from netdsl.lower import Executable, lower
from netdsl.training.build import trained_state

INPUTS = """
    features = Input {%s}
    labels   = Input {10}
    z        = model (%s)
    ce       = CrossEntropyWithSoftmax (labels, z)
    errs     = ClassificationError (labels, z)
    criterionNodes = ce ; evaluationNodes = errs ; outputNodes = z
}
"""
NETWORKS = {
    "net.mnist-convnet": """
network = {
    model = Sequential (
        conv1  := ConvolutionalLayer {32, (5:5), pad = true} : ReLU : MaxPoolingLayer {(3:3), stride = 2} :
        conv2  := ConvolutionalLayer {48, (3:3)} : ReLU : MaxPoolingLayer {(3:3), stride = (2:2)} :
        conv3  := ConvolutionalLayer {64, (3:3), activation = ReLU} :
        dense1 := DenseLayer {96} : Dropout : ReLU :
        linear := LinearLayer {10}
    )
""" + INPUTS % ("28:28:1", "features / 256"),
    "net.cifar-convnet": """
network = {
    Conv {filters} = ConvolutionalLayer {filters, (3:3), pad = true, activation = ReLU}
    model = Sequential (
        conv1  := Conv {16} : conv2 := Conv {16} : MaxPoolingLayer {(3:3), stride = 2} :
        conv3  := Conv {24} : conv4 := Conv {24} : MaxPoolingLayer {(3:3), stride = 2} :
        dense1 := DenseLayer {64, activation = ReLU} : Dropout :
        dense2 := DenseLayer {32, activation = ReLU} : Dropout :
        linear := LinearLayer {10}
    )
""" + INPUTS % ("32:32:3", "(features - 128) / 256"),
    "net.resnet2-bn": """
network = {
    include "lib/residual.net"
    model = Sequential (
        stem := ConvNormReLU {8, (3:3)} : b1 := BasicBlock {8} : b2 := BasicBlock {16, stride = 2, project = true} :
        AveragePoolingLayer {(8:8)} : linear := LinearLayer {10}
    )
""" + INPUTS % ("16:16:3", "features / 256"),
}
#: Where the oracle's names differ from those of our file: a pattern and what stands in its place.
NAMES = (
    (r"^conv0\.", "stem.conv."), (r"^bn0\.", "stem.norm."), (r"\.convs\.", ".shortcut.conv."),
    (r"\.bns\.", ".shortcut.norm."), (r"^(b\d)\.conv(\d)\.", r"\1.main.conv\2."),
    (r"^(b\d)\.bn(\d)\.", r"\1.main.norm\2."), (r"\.(W|scale)$", ".weight"), (r"\.b$", ".bias"),
    (r"\.runMean$", ".running_mean"), (r"\.runVariance$", ".running_variance"), (r"\.runCount$", ".running_count"),
)
#: Networks may differ ten times as much as single layers (the oracle's README).
FACTOR = 10.0

pytestmark = pytest.mark.parametrize("case", oracle.parameters("networks"))


@dataclass
class Ours:
    """One of the networks at CNTK's initial parameters, in float64."""

    case: oracle.Case
    program: CheckedProgram
    executable: Executable

    def minibatch(self, index: int) -> dict[str, torch.Tensor]:
        """Four rows of the data; the features want a gradient."""
        rows = slice(4 * index, 4 * index + 4)
        inputs = {name: torch.from_numpy(values[rows].astype(np.float64))
                  for name, values in oracle.arrays(self.case, "inputs").items()}
        inputs["features"].requires_grad_()
        return inputs

    def run(self, index: int, training: bool = True) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """A minibatch and what the network makes of it, by the file's names."""
        inputs = self.minibatch(index)
        self.executable.module.train(training)
        values = self.executable(inputs)
        return inputs, {name: values[self.program.aliases[name]] for name in ("z", "ce", "errs")}

    def load(self, tensors: Mapping[str, np.ndarray]) -> None:
        own = self.executable.tensors()
        with torch.no_grad():
            for name, values in tensors.items():
                own[ours(name)].copy_(torch.from_numpy(laid_out(name, values, own[ours(name)].shape)))


def ours(name: str) -> str:
    """`b1.bn2.scale` of the oracle -> `model.b1.main.norm2.weight`."""
    for pattern, replacement in NAMES:
        name = re.sub(pattern, replacement, name)
    return f"model.{name}"


def laid_out(name: str, values: np.ndarray, shape: torch.Size) -> np.ndarray:
    """An array of the oracle as our tensor of it: a dense weight has its outputs first, and flat inputs."""
    if name.startswith(("dense", "linear")) and name.endswith(".W"):
        values = values.reshape(-1, values.shape[-1]).T
    return np.ascontiguousarray(values, dtype=np.float64).reshape(shape)


def built(case: oracle.Case) -> Ours:
    torch.set_num_threads(1)
    block = case["trajectory"]["sgd"].replace("SGD = {", "SGD = { maxEpochs = 1000; ")
    program = netdsl.check(netdsl.Source(case["id"], NETWORKS[case["id"]] + block))
    executable = lower(program.network, (*program.outputs, *program.criteria, *program.metrics))
    executable.initialize(0)  # running statistics; the parameters are CNTK's
    executable.module.double()
    network = Ours(case, program, executable)
    network.load(oracle.arrays(case, "params"))
    return network


def compare(network: Ours, wanted: Mapping[str, np.ndarray], got: Mapping[str, torch.Tensor], what: str) -> None:
    """Tensors of the oracle (by its names) against ours (by ours)."""
    for name, values in wanted.items():
        tensor = got[ours(name)]
        oracle.assert_close(tensor, laid_out(name, values, tensor.shape), f"{what} {name}", FACTOR)


def test_forward_and_gradients(case: oracle.Case) -> None:
    network = built(case)
    assert sum(tensor.numel() for tensor, _ in network.executable.parameters().values()) == case["numberOfParameters"]
    train, test = case["train"], case["test"]
    inputs, values = network.run(0)
    oracle.assert_close(values["z"], oracle.array(case, train["z"]), "z", FACTOR)
    assert values["ce"].sum().item() == pytest.approx(train["ceSum"], rel=1e-4)
    assert values["errs"].sum().item() == train["errorCount"]
    values["ce"].sum().backward()
    wanted = oracle.arrays(case, "grads", train)
    oracle.assert_close(inputs["features"].grad, wanted.pop("features"), "gradient of the features", FACTOR)
    gradients = {name: tensor.grad for name, (tensor, _) in network.executable.parameters().items()}
    assert {ours(name) for name in wanted} == set(gradients)
    compare(network, wanted, gradients, "gradient of")
    compare(network, oracle.arrays(case, "stateAfter", train), network.executable.tensors(), "state")
    _, values = network.run(0, training=False)
    oracle.assert_close(values["z"], oracle.array(case, test["z"]), "z in testing", FACTOR)
    assert values["ce"].sum().item() == pytest.approx(test["ceSum"], rel=1e-4)
    assert values["errs"].sum().item() == test["errorCount"]


def test_five_steps_of_training(case: oracle.Case) -> None:
    network, wanted = built(case), case["trajectory"]
    plan = network.program.plan
    assert plan is not None
    rule = trained_state(plan, network.executable, torch.device("cpu")).rule
    for step, index in enumerate(wanted["minibatchOrder"]):
        _, values = network.run(index)
        assert values["ce"].mean().item() == pytest.approx(wanted["loss"][step], rel=1e-4)
        assert values["errs"].mean().item() == wanted["error"][step]
        values["ce"].mean().backward()
        rule.step(plan.rates_at(4 * step, 4, step / 1000, step))
        for tensor, _ in network.executable.parameters().values():
            tensor.grad = None
    tensors = network.executable.tensors()
    compare(network, oracle.arrays(case, "finalParams", wanted), tensors, "after five steps")
    compare(network, oracle.arrays(case, "finalState", wanted), tensors, "after five steps")
    for name, norm in wanted["finalParamNorms"].items():
        assert tensors[ours(name)].norm().item() == pytest.approx(norm, rel=1e-4), name
    _, values = network.run(0, training=False)
    oracle.assert_close(values["z"], oracle.array(case, wanted["finalTestZ"]), "z after five steps", FACTOR)

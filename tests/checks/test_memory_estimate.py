"""The memory estimate against what torch's autograd really keeps."""

from __future__ import annotations

import pytest
import torch

import netdsl
from netdsl.checks.memory_estimate import estimate_memory
from netdsl.lower import lower

BATCH = 2


def kept_bytes(path: str) -> int:
    """Bytes of the storages that autograd saves in one forward pass, parameters left out."""
    program = netdsl.check(path)
    executable = lower(program.network, program.criteria)
    executable.initialize(0)
    executable.configure({"dropoutRate": 0.5})
    inputs = {name: torch.rand(BATCH, *shape.dims) for name, shape in executable.inputs.items()}
    owned = {tensor.untyped_storage().data_ptr() for tensor in executable.tensors().values()}
    storages: dict[int, int] = {}
    alive = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        alive.append(tensor)  # a freed storage could give its address to another one
        if tensor.untyped_storage().data_ptr() not in owned:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        values = executable(inputs)
        sum(values[name].mean() for name in program.criteria)
    return sum(storages.values())


@pytest.mark.parametrize("network", ["convnet_mnist", "convnet_cifar10", "resnet20_cifar10", "alexnet_imagenet"])
def test_activations_are_what_autograd_keeps(network: str) -> None:
    path = f"networks/{network}.net"
    estimate = estimate_memory(netdsl.check(path)).activation_bytes
    assert kept_bytes(path) / BATCH == pytest.approx(estimate, rel=0.1)


def test_the_parts_add_up() -> None:
    program = netdsl.check("networks/convnet_mnist.net")
    memory = estimate_memory(program, minibatch=64)
    assert memory.weight_bytes == 4 * 98_778 == memory.gradient_bytes
    assert memory.optimizer_bytes == 4 * 98_778  # momentum
    assert memory.training_bytes == 3 * 4 * 98_778 + memory.buffer_bytes + 64 * memory.activation_bytes

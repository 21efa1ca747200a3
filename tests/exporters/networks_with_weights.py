"""Shipped networks with weights as training leaves them: nothing zero, no statistics at their start."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

import netdsl
from netdsl.checks.outputs import outputs_of
from netdsl.ir.program import CheckedProgram
from netdsl.lower import network_module

ROOT = Path(__file__).parents[2]
#: What is exported in the fast suite; the others are `slow`.
FAST = ("autoencoder_mnist", "convnet_mnist", "fcn_segmentation", "lenet_mnist", "mlp_mnist", "regression_cifar10",
        "resnet20_cifar10")
SLOW = tuple(sorted({path.stem for path in (ROOT / "networks").glob("*.net")} - set(FAST)))


def shipped(name: str) -> CheckedProgram:
    return netdsl.load(ROOT / "networks" / f"{name}.net").require_network()


def random_weights(program: CheckedProgram, path: Path, seed: int = 1) -> Path:
    """A safetensors file for the outputs of a network: starts as usual, biases and statistics moved from theirs."""
    module = network_module(program, [output.node for output in outputs_of(program)], seed)
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, tensor in module.tensors().items():
        own = name.rpartition(".")[2]
        noise = torch.rand(tensor.shape, generator=generator) - 0.5
        if own == "running_variance":
            noise = noise + 1
        elif own in ("bias", "running_mean"):
            noise = 0.2 * noise
        elif own == "value":  # of a ParameterTensor, which may be a variance
            noise = noise + 0.6
        elif tensor.dim() == 1:
            noise = noise + tensor.detach()
        else:
            noise = tensor.detach()
        tensors[name] = noise.contiguous()
    save_file(tensors, path)
    return path

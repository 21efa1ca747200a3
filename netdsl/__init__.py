"""netdsl: a language for neural networks, and the compiler and trainer behind it.

    program = netdsl.check("networks/convnet_mnist.net")   # raises Failure with every mistake
    module  = netdsl.compile(program)                       # an nn.Module: module(images) -> scores
    netdsl.load_weights(module, "runs/mine")                # the weights of a run
    result  = netdsl.train(program, out="runs/mine")

The command line is written with these.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .base.diagnostics import Diagnostic, Failure
from .base.source import Files, Source
from .compiler import CheckResult, check, load
from .ir.program import CheckedProgram

if TYPE_CHECKING:
    from torch import nn


def compile(program: CheckedProgram | str | Path | Source, *, outputs: Sequence[str] = (), seed: int = 0,
            device: str = "cpu") -> nn.Module:
    """The network as an nn.Module that takes its inputs and gives its outputs.

    With one output the result is a tensor, with several a dict by node name. Weights start from `seed`;
    `load_weights` puts trained ones in.
    """
    from .lower import network_module

    checked = program if isinstance(program, CheckedProgram) else check(program)
    return network_module(checked, tuple(outputs), seed).to(device)


def load_weights(module: nn.Module, checkpoint: str | Path) -> nn.Module:
    """Put the weights of a checkpoint (a run's folder, a checkpoint's, a safetensors file) into a compiled module.

    Returns the module. Raises Failure unless every tensor of the module is in the checkpoint, in its shape.
    """
    from .training.evaluation.inference import load_into

    return load_into(module, checkpoint)


def train(program: CheckedProgram | str | Path | Source, **options: Any) -> Any:
    """Train as the program's plan says; options as in `netdsl.training.train`."""
    from .training import train as run

    return run(program if isinstance(program, CheckedProgram) else check(program), **options)


__all__ = [
    "CheckResult",
    "CheckedProgram",
    "Diagnostic",
    "Failure",
    "Files",
    "Source",
    "__version__",
    "check",
    "compile",
    "load",
    "load_weights",
    "train",
]

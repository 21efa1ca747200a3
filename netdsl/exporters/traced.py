"""What torch's exporters are given, and how they are kept quiet."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from ..lower import Executable


class Outputs(nn.Module):
    """The outputs of a network as a tuple, in order."""

    def __init__(self, executable: Executable) -> None:
        super().__init__()
        self.network, self.roots = executable.module, executable.roots
        self.batched = {name: executable.network[name].shape.batched for name in executable.roots}

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values = self.network(*tensors)
        found: list[torch.Tensor] = []
        for name in self.roots:
            # A value that is an input, a weight or another output has that one's name already.
            taken = any(values[name] is other for other in (*tensors, *found)) or not self.batched[name]
            found.append(values[name].clone() if taken else values[name])
        return tuple(found)


@contextmanager
def quiet() -> Iterator[None]:
    """torch's exporter warns of what does not concern this network (torchvision, its own deprecations)."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

"""Network[ShapedNode] -> Executable: a torch.fx GraphModule on CPU or CUDA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from .layers.base import Layer, Shape
from .seeds import generator_for


class LayerModule(nn.Module):
    """One use of a layer: owns its parameters and calls the row's `forward`.

    Buffers and parameters have the names that the row gives them. What `forward` may need beside
    them: `inputs`, `output` (Shapes), `prepared` (what `prepare` returned), `settings` (values that
    the training plan provides, such as the dropout rate).
    """

    def __init__(self, layer: Layer, inputs: Sequence[Shape], output: Shape) -> None:
        super().__init__()
        self.layer, self.inputs, self.output = layer, tuple(inputs), output
        self.prepared = layer.prepare(inputs, output)
        self.settings: dict[str, Any] = {}
        self.owned = layer.parameters(inputs)
        for name, parameter in self.owned.items():
            tensor = torch.empty(parameter.dims)
            if parameter.learned:
                self.register_parameter(name, nn.Parameter(tensor))
            else:
                self.register_buffer(name, tensor)

    def initialize(self, seed: int, name: str) -> None:
        """Fill every tensor from the run's seed and its own full name."""
        for own, parameter in self.owned.items():
            parameter.init.fill(getattr(self, own).data, generator_for(seed, f"{name}.{own}"))

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return self.layer.forward(self, *tensors)

    def extra_repr(self) -> str:
        return self.layer.show()

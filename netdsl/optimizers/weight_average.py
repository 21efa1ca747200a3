"""The running average of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class WeightAverage:
    """An exponential average of the parameters (EMA), to evaluate and to save instead of them.

    average = d * average + (1 - d) * parameter after every update, with d = min(decay, (1 + n) / (10 + n))
    at the n-th, so that the start is forgotten soon.
    """

    def __init__(self, named: Mapping[str, torch.Tensor], decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.names, self.parameters = list(named), list(named.values())
        self.averages = [p.detach().clone() for p in self.parameters]

    def update(self) -> None:
        import torch

        self.updates += 1
        keep = min(self.decay, (1 + self.updates) / (10 + self.updates))
        with torch.no_grad():
            torch._foreach_lerp_(self.averages, self.parameters, 1 - keep)

    def exchange(self) -> None:
        """Put the averages where the parameters are and the other way round; a second call undoes it."""
        import torch

        with torch.no_grad():
            for parameter, average in zip(self.parameters, self.averages, strict=True):
                kept = parameter.detach().clone()
                parameter.copy_(average)
                average.copy_(kept)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """`<parameter>.average`, and `counters.updates`."""
        import torch

        state = {f"{name}.average": tensor for name, tensor in zip(self.names, self.averages, strict=True)}
        return state | {"counters.updates": torch.tensor(float(self.updates), dtype=torch.float64)}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        self.updates = int(state["counters.updates"])
        for name, average in zip(self.names, self.averages, strict=True):
            average.copy_(state[f"{name}.average"])

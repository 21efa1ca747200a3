"""Whether what was exported computes what the network computes, on random inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ..layers.layer import Shape
from ..lower import Executable

#: How far results may differ, as a share of the largest value: what another order of additions makes in float32.
TOLERANCE = 1e-5

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Agreement:
    """The worst difference, and at which output (a node's name)."""

    worst: float
    output: str

    @property
    def is_close(self) -> bool:
        return self.worst <= TOLERANCE

    @property
    def text(self) -> str:
        return f"{self.worst:.1g}" if self.worst else "the last bit"


def compared(executable: Executable, other: Callable[[Tensors], Tensors], batches: tuple[int, ...] = (1, 3)
             ) -> Agreement:
    """The network against another form of it, which takes tensors by input name and gives them by node name."""
    found = Agreement(0.0, executable.roots[0])
    for batch in batches:
        inputs, expected = _finite_run(executable, batch)
        values = other(inputs)
        for name in executable.roots:
            worst = difference(expected[name].detach().numpy(), values[name].detach().numpy())
            if not worst <= found.worst:
                found = Agreement(worst, name)
    return found


def _finite_run(executable: Executable, batch: int) -> tuple[dict[str, torch.Tensor], Tensors]:
    """Random inputs and what the network makes of them: images as bytes have them (0 to 255), or, where that is too
    much (exponentials), from 0 to 1.
    """
    for most in (255.0, 1.0):
        inputs = random_inputs(executable.inputs, batch, most)
        with torch.inference_mode():
            values = executable(inputs)
        if all(value.isfinite().all() for value in values.values()):
            break
    return inputs, values


def random_inputs(inputs: Mapping[str, Shape], batch: int, most: float) -> dict[str, torch.Tensor]:
    """Images from 0 to `most`, other inputs from a normal distribution; float32."""
    generator = torch.Generator().manual_seed(batch)
    return {name: most * torch.rand(batch, *shape.dims, generator=generator) if shape.rank > 1
            else torch.randn(batch, *shape.dims, generator=generator) for name, shape in inputs.items()}


def difference(expected: np.ndarray, found: np.ndarray) -> float:
    """The largest difference as a share of the largest expected value; infinite for other shapes, or other NaN."""
    if expected.shape != found.shape or not np.array_equal(np.isfinite(expected), np.isfinite(found)):
        return float("inf")
    finite = np.isfinite(expected)
    if not finite.any():
        return 0.0
    expected, found = expected[finite].astype(np.float64), found[finite].astype(np.float64)
    return float(np.abs(expected - found).max() / max(np.abs(expected).max(), 1e-30))

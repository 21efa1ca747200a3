"""How parameters start: CNTK's kinds, with its rules for fan-in and fan-out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

#: kind -> (sentence for the reference page). CNTK's spelling; case does not matter in a file.
KINDS: dict[str, str] = {
    "uniform": "uniform in [-0.05, 0.05]",
    "uniform1": "uniform in [-1, 1]",
    "gaussian": "normal with standard deviation 0.2 / sqrt(fanIn)",
    "normal": "normal with standard deviation 1 (set it with initValueScale)",
    "xavier": "uniform in +-sqrt(3 / fanIn)",
    "glorotUniform": "uniform in +-sqrt(6 / (fanIn + fanOut))",
    "glorotNormal": "normal with variance 2 / (fanIn + fanOut)",
    "heUniform": "uniform in +-sqrt(6 / fanIn)",
    "heNormal": "normal with variance 2 / fanIn",
    "truncNormal": "normal with standard deviation 1, cut at two standard deviations",
    "bilinear": "the kernel of bilinear up-sampling",
    "zero": "0",
    "fixedValue": "the value given",
}


@dataclass(frozen=True)
class Initializer:
    """One parameter's start. `fan_in` and `fan_out` are numbers of connections of one output/input."""

    kind: str = "fixedValue"
    scale: float = 1.0
    value: float = 0.0
    fan_in: int = 1
    fan_out: int = 1
    kernel: tuple[int, ...] = ()  #: extents of a bilinear kernel, torch's order

    def standard_deviation(self) -> float:
        """The standard deviation that this start has (TruncNormal: before cutting)."""
        i, o = self.fan_in, self.fan_out
        plain = {
            "uniform": 0.05 / math.sqrt(3), "uniform1": 1 / math.sqrt(3), "gaussian": 0.2 / math.sqrt(i),
            "normal": 1.0, "xavier": 1 / math.sqrt(i), "glorotUniform": math.sqrt(2 / (i + o)),
            "glorotNormal": math.sqrt(2 / (i + o)), "heUniform": math.sqrt(2 / i), "heNormal": math.sqrt(2 / i),
            "truncNormal": 1.0,
        }
        return plain.get(self.kind, 0.0) * self.scale

    def fill(self, tensor: torch.Tensor, generator: torch.Generator) -> None:
        """Write the start into a tensor in place (float32 on the CPU), drawing from `generator`."""
        import torch

        with torch.no_grad():
            if self.kind in ("zero", "fixedValue"):
                tensor.fill_(0.0 if self.kind == "zero" else self.value)
            elif self.kind == "bilinear":
                tensor.copy_(_bilinear(tensor.shape, self.kernel).to(tensor.dtype) * self.scale)
            elif self.kind in ("gaussian", "normal", "glorotNormal", "heNormal"):
                tensor.normal_(0.0, 1.0, generator=generator).mul_(self.standard_deviation())
            elif self.kind == "truncNormal":
                torch.nn.init.trunc_normal_(tensor, 0.0, 1.0, -2.0, 2.0, generator=generator)
                tensor.mul_(self.scale)
            else:
                limit = math.sqrt(3) * self.standard_deviation()
                tensor.uniform_(-limit, limit, generator=generator)


def _bilinear(shape: torch.Size, kernel: tuple[int, ...]) -> torch.Tensor:
    """Weights [C_in, C_out or 1, ...kernel] that interpolate linearly along each kernel axis."""
    import torch

    weight = torch.ones(())
    for extent in kernel:
        factor = (extent + 1) // 2
        center = factor - 1 if extent % 2 == 1 else factor - 0.5
        line = 1 - (torch.arange(extent, dtype=torch.float32) - center).abs() / factor
        weight = weight[..., None] * line
    result = torch.zeros(shape)
    channels = min(shape[0], shape[1]) if shape[1] > 1 else shape[0]
    for channel in range(channels):
        result[channel, channel if shape[1] > 1 else 0] = weight
    return result


def constant(value: float) -> Initializer:
    return Initializer("fixedValue", value=value)

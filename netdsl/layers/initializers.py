"""How parameters start: CNTK's kinds, with its rules for fan-in and fan-out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..spec import Choice, Number, option

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
#: The kinds that a layer's `init` takes: those that need nothing but the shape.
WEIGHT_KINDS: tuple[str, ...] = tuple(kind for kind in KINDS if kind not in ("bilinear", "fixedValue"))

#: Standard deviation of a normal distribution that is cut at two standard deviations.
TRUNCATED = 0.8796256610342398


class InitializationError(Exception):
    """A start that cannot be made: a file that is missing or does not fit.

    `option` names the option that asked for it, `hint` says what to do.
    """

    def __init__(self, title: str, option: str, hint: str = "") -> None:
        super().__init__(title)
        self.title, self.option, self.hint = title, option, hint


@dataclass(frozen=True)
class Initializer:
    """One parameter's start. `fan_in` and `fan_out` are numbers of connections of one output/input."""

    kind: str = "fixedValue"  #: one of KINDS, or "file"
    scale: float = 1.0
    value: float = 0.0
    fan_in: int = 1
    fan_out: int = 1
    kernel: tuple[int, ...] = ()  #: extents of a bilinear kernel, torch's order
    path: str = ""  #: kind "file": a text file with one row of numbers a line
    transposed: bool = False  #: kind "file": the lines of the file are columns of the tensor
    option: str = "init"  #: the option that asked for this start, for messages

    def standard_deviation(self) -> float:
        """The standard deviation that this start has; 0 where nothing is drawn."""
        return self.spread() * (TRUNCATED if self.kind == "truncNormal" else 1.0)

    def spread(self) -> float:
        """The standard deviation of the distribution drawn from (before truncNormal cuts)."""
        i, o = self.fan_in, self.fan_out
        plain = {
            "uniform": 0.05 / math.sqrt(3), "uniform1": 1 / math.sqrt(3), "gaussian": 0.2 / math.sqrt(i),
            "normal": 1.0, "xavier": 1 / math.sqrt(i), "glorotUniform": math.sqrt(2 / (i + o)),
            "glorotNormal": math.sqrt(2 / (i + o)), "heUniform": math.sqrt(2 / i), "heNormal": math.sqrt(2 / i),
            "truncNormal": 1.0,
        }
        return plain.get(self.kind, 0.0) * self.scale

    def fill(self, tensor: torch.Tensor, generator: torch.Generator) -> None:
        """Write the start into a tensor in place (on the CPU), drawing from `generator`.

        Raises InitializationError where a file is missing or does not fit.
        """
        import torch

        with torch.no_grad():
            if self.kind in ("zero", "fixedValue"):
                tensor.fill_(0.0 if self.kind == "zero" else self.value)
            elif self.kind == "bilinear":
                tensor.copy_(_bilinear(tensor.shape, self.kernel).to(tensor.dtype) * self.scale)
            elif self.kind == "file":
                tensor.copy_(_from_file(self, tensor.shape))
            elif self.kind in ("gaussian", "normal", "glorotNormal", "heNormal"):
                tensor.normal_(0.0, 1.0, generator=generator).mul_(self.spread())
            elif self.kind == "truncNormal":
                torch.nn.init.trunc_normal_(tensor, 0.0, 1.0, -2.0, 2.0, generator=generator)
                tensor.mul_(self.scale)
            else:
                limit = abs(math.sqrt(3) * self.spread())
                tensor.uniform_(-limit, limit, generator=generator)


def fans(dims: Sequence[int], filter_rank: int = 0, output_rank: int = 1) -> tuple[int, int]:
    """Fan-in and fan-out of a tensor by CNTK's rule; `dims` in the order of the file.

    The first `filter_rank` axes are a filter. Of the others, the first `output_rank` axes are outputs
    (counted from the end where negative), and what is left are inputs.
    """
    pixels, rest = math.prod(dims[:filter_rank]), tuple(dims[filter_rank:])
    outputs, inputs = (rest[:output_rank], rest[output_rank:]) if output_rank > 0 else (
        rest[output_rank:], rest[:output_rank])
    return pixels * math.prod(inputs), pixels * math.prod(outputs)


def weight_start(kind: str, scale: float, fan: tuple[int, int], kernel: tuple[int, ...] = ()) -> Initializer:
    """The start of a weight by its layer's options `init` and `initValueScale`."""
    return Initializer(kind, scale, fan_in=fan[0], fan_out=fan[1], kernel=kernel)


def constant(value: float) -> Initializer:
    """Every element the same."""
    return Initializer("fixedValue", value=value)


# --- options that the rows share -------------------------------------------------------------


def init_option(default: str = "glorotUniform", kinds: Sequence[str] = WEIGHT_KINDS) -> Any:
    return option(Choice(tuple(kinds)), default, "How the weights start.", drawn="")


def init_value_scale_option(default: float = 1.0) -> Any:
    return option(Number(), default, "Multiplies the start of the weights.", drawn="")


def init_bias_option() -> Any:
    return option(Number(), 0.0, "The value at which the bias starts.", drawn="")


# --- kinds that are not drawn ----------------------------------------------------------------


def _bilinear(shape: torch.Size, kernel: tuple[int, ...]) -> torch.Tensor:
    """Weights [C_in, C_out or 1, ...kernel] that interpolate linearly along each kernel axis."""
    import torch

    weight = torch.ones(())
    for extent in kernel:
        factor = (extent + 1) // 2
        line = 1 - (torch.arange(extent, dtype=torch.float32) - (extent - 1) / 2).abs() / factor
        weight = weight[..., None] * line
    result = torch.zeros(shape)
    channels = min(shape[0], shape[1]) if shape[1] > 1 else shape[0]
    for channel in range(channels):
        result[channel, channel if shape[1] > 1 else 0] = weight
    return result


def _from_file(start: Initializer, shape: torch.Size) -> torch.Tensor:
    """The numbers of a text file, one row a line, as a tensor of this shape."""
    import numpy as np
    import torch

    path = Path(start.path)
    try:
        rows = np.array([[float(word) for word in line.split()] for line in path.read_text("utf-8").splitlines()
                         if line.strip()], dtype=np.float32, ndmin=2)
    except OSError as error:
        raise InitializationError(f"cannot read the initial values of a parameter from {path}", start.option,
                                  f"the system says: {error.strerror}.") from None
    except ValueError:
        raise InitializationError(f"{path} is not a table of numbers", start.option,
                                  "every line needs the same number of values, separated by spaces.") from None
    if start.transposed:
        rows = rows.T
    if rows.size != shape.numel() or (len(shape) == 2 and rows.shape != tuple(shape)):
        lines, numbers = (rows.shape[1], rows.shape[0]) if start.transposed else rows.shape
        wanted = (shape[1], shape[0]) if start.transposed else tuple(shape)
        raise InitializationError(f"{path} has {lines} lines of {numbers} numbers", start.option,
                                  f"{' x '.join(map(str, wanted))} (lines x numbers) are needed.")
    return torch.from_numpy(np.ascontiguousarray(rows)).reshape(shape)

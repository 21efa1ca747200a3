"""Dropout, of elements and of whole branches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Number, Optional, option, table_row
from .layer import Example, Layer, Shape
from .torch_form import Call, TorchForm

if TYPE_CHECKING:
    import torch


@table_row
class Dropout(Layer):
    """In training, sets each element to 0 with probability `rate` and multiplies the others by 1 / (1 - rate).

    Elsewhere it is the identity. Where the file gives no `rate`, `dropoutRate` of the training block holds (a
    schedule by epoch), and 0 where that is not given either. Every element of every sample is drawn anew for
    each minibatch, from torch's global generator, which the trainer seeds for each step.

    Source: Srivastava et al. 2014; CNTK `Dropout (x)`.
    """

    keeps: ClassVar[str] = "nothing"
    passes_on: ClassVar[bool] = True
    family: ClassVar[str] = "dropout"
    label: ClassVar[str] = "dropout"
    from_plan: ClassVar[dict[str, str]] = {"rate": "dropoutRate"}
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Dropout", ((4096,),), (4096,), "the rate is that of the training block"),
        Example("Dropout {0.2}", ((8, 8, 3),), (8, 8, 3)),
    )

    rate: float | None = option(Optional(Number(0, 1, exclusive_maximum=True)), None,
                                "Probability that an element is dropped; None takes it from the training block.")

    def extra_saved_bytes(self, inputs: Sequence[Shape], output: Shape) -> int:
        return output.size  # the mask, in the input's type

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the shape is kept", output.dims == inputs[0].dims)]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        rate = self.rate if self.rate is not None else p.settings.get("rate", 0.0)
        if not rate:
            return tensors[0]
        return torch.nn.functional.dropout(tensors[0], rate, p.training)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        # Where the file gives no rate, the training block does; torch's own default is the usual one.
        return TorchForm(module=Call.of("nn.Dropout", ("p", 0.5 if self.rate is None else self.rate)))


@table_row
class StochasticDepth(Layer):
    """In training, sets a whole sample to 0 with probability `rate` and multiplies the others by 1 / (1 - rate).

    Around the branch of a residual block (`x + StochasticDepth {0.1} (branch (x))`) it leaves the branch out for some
    samples, so that the network trains at many depths. Elsewhere it is the identity.

    Source: Huang et al. 2016; torchvision `StochasticDepth` with `mode = "row"`, timm `DropPath`.
    """

    keeps: ClassVar[str] = "nothing"
    passes_on: ClassVar[bool] = True
    family: ClassVar[str] = "dropout"
    label: ClassVar[str] = "stochasticDepth"
    examples: ClassVar[tuple[Example, ...]] = (Example("StochasticDepth {0.2}", ((8, 8, 3),), (8, 8, 3)),)

    rate: float = option(Number(0, 1, exclusive_maximum=True), doc="Probability that a sample is dropped.")

    def extra_saved_bytes(self, inputs: Sequence[Shape], output: Shape) -> int:
        return 1  # the factor of the sample

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the shape is kept", output.dims == inputs[0].dims)]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        (x,) = tensors
        if not self.rate or not p.training or not p.inputs[0].batched:
            return x
        kept = torch.full((len(x), *[1] * (x.ndim - 1)), 1 - self.rate, device=x.device, dtype=x.dtype).bernoulli()
        return x * (kept / (1 - self.rate))

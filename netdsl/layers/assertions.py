"""Statements about shapes that a file makes and the compiler checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..spec import Dims, option, table_row
from .layer import Example, Layer, Shape, ShapeError
from .torch_form import IDENTITY, TorchForm

if TYPE_CHECKING:
    import torch


@table_row
class Expect(Layer):
    """x unchanged; an error in `check` where its shape is another one. An extent of 0 takes any.

    `Expect {27:27:96}` in a chain says what the author believes, and the message shows the chain of
    shapes that led to something else.
    """

    family = "assertion"
    keeps = "nothing"
    examples = (
        Example("Expect {27:27:96}", ((27, 27, 96),), (27, 27, 96)),
        Example("Expect {0:0:96}", ((27, 27, 96),), (27, 27, 96), "any width and height"),
        Example("Expect {27:27:96}", ((27, 27, 256),), None),
    )

    dims: tuple[int, ...] = option(Dims(0), doc="The shape, width first; 0 takes any extent.", drawn="")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        (shape,) = inputs
        fits = len(self.dims) == shape.rank and all(
            wanted in (0, have) for wanted, have in zip(self.dims, shape.file_dims, strict=True))
        if not fits:
            wanted = " x ".join(str(d) if d else "any" for d in self.dims)
            raise ShapeError(f"the shape is {shape}, not {wanted}", label=f"{wanted} is expected here", option="dims")
        return shape

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0]

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return IDENTITY

"""Rows that repeat their input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..spec import Dims, Integer, option, table_row
from .bounds import Bounds
from .layer import Example, SampleLayer, Shape

if TYPE_CHECKING:
    import torch


@table_row
class RowRepeat(SampleLayer):
    """The input `numRepeats` times along the first axis.

    Source: CNTK `RowRepeat (x, numRepeats)`.
    """

    family = "shape"
    examples = (Example("RowRepeat {3}", ((4, 2),), (12, 2)),)

    num_repeats: int = option(Integer(1), doc="How often.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        *rest, have = inputs[0].dims
        return Shape((*rest, have * self.num_repeats))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        return x.repeat(*(1,) * (x.ndim - 1), self.num_repeats)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]


@table_row
class Tile(SampleLayer):
    """The input several times along each axis, as tiles: `Tile {(1:1:3)}` puts three copies of the channels together.

    More numbers than the input has axes add axes at the end; axes without a number stay.

    Source: torch `tile`, ONNX `Tile`; Caffe's `Tile` along one axis.
    """

    family = "shape"
    keeps = "nothing"
    examples = (
        Example("Tile {(1:1:3)}", ((4, 2, 2),), (4, 2, 6)),
        Example("Tile {2}", ((5, 3),), (10, 3), "axes without a number stay"),
        Example("Tile {(1:2:3)}", ((4,),), (4, 2, 3), "a vector for each of 2 x 3 places"),
    )

    repeats: tuple[int, ...] = option(Dims(), doc="How often along each axis, width first.")

    def _ranked(self, shape: Shape) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Extents and repeats of one rank, in torch's order."""
        rank = max(shape.rank, len(self.repeats))
        dims = (1,) * (rank - shape.rank) + shape.dims
        return dims, (1,) * (rank - len(self.repeats)) + tuple(reversed(self.repeats))

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return Shape(tuple(d * n for d, n in zip(*self._ranked(inputs[0]), strict=True)))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        dims, repeats = self._ranked(p.inputs[0])
        return x.reshape(x.shape[0], *dims).repeat(1, *repeats)

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("every element is there as often", output.size == inputs[0].size * math.prod(self.repeats))]

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return inputs[0]

"""Pooling over regions of interest: rectangles that come with each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Dims, Number, option, table_row
from .bounds import Bounds, hull
from .broadcast import with_batch
from .layer import Example, Layer, Shape, ShapeError, expect_rank

if TYPE_CHECKING:
    import torch


@table_row
class ROIPooling(Layer):
    """The largest values of a grid over each region of interest: `ROIPooling (input, ROIs, (6:6))`.

    `input` is a map `W x H x C`, `ROIs` holds the corners of R regions, `4 x R`: left, top, right, bottom, in pixels of
    the image. `spatialScale` is the map's size as a part of the image's. The output is `6 x 6 x C x R`.

    The corners are scaled, rounded (halves up) and belong to the region; it is divided into the cells of the grid,
    whose borders are rounded outwards, so that neighbouring cells may share pixels. A cell without a pixel is 0.

    Source: Girshick 2015 (Fast R-CNN); CNTK `ROIPooling`.
    """

    family: ClassVar[str] = "pooling"
    label: ClassVar[str] = "roiPool"
    inputs: ClassVar[tuple[str, ...]] = ("input", "ROIs")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("ROIPooling (x, rois, (2:3))", ((7, 6, 3), (4, 5)), (2, 3, 3, 5)),
        Example("ROIPooling (x, rois, (2:2), spatialScale = 0.5)", ((7, 6, 3), (4,)), (2, 2, 3, 1), "one region"),
        Example("ROIPooling (x, rois, (2:2))", ((7, 6, 3), (5, 3)), None, "a region has 4 numbers"),
    )

    pooled: tuple[int, ...] = option(Dims(), doc="Width and height of the grid.", name="shape", drawn="{}")
    spatial_scale: float = option(Number(0, exclusive_minimum=True), 0.0625, "The map's extent divided by the image's.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        x, rois = inputs
        expect_rank(x, 3, self.name(), "a map W x H x C")
        if len(self.pooled) != 2:
            raise ShapeError("the grid of ROIPooling has a width and a height", option="shape",
                             label=f"{len(self.pooled)} numbers here")
        if rois.rank not in (1, 2) or rois.dims[-1] != 4:
            raise ShapeError("the regions of ROIPooling are 4 x R: left, top, right, bottom of each", input=1,
                             label=f"this is {rois}")
        return Shape((rois.size // 4, x.dims[0], *reversed(self.pooled)))

    def extra_saved_bytes(self, inputs: Sequence[Shape], output: Shape) -> int:
        return 2 * output.size  # the places of the largest values

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        if not any(shape.batched for shape in p.inputs):
            return self.forward_batch(tensors[0][None], tensors[1][None])[0]
        return self.forward_batch(*with_batch(tensors, p.inputs))

    def forward_batch(self, x: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:
        """x (N, C, H, W) and rois (N, ..., 4) to (N, R, C, height, width), a region at a time to save memory."""
        import torch

        corners = torch.floor(rois.reshape(x.shape[0], -1, 4) * self.spatial_scale + 0.5)
        width, height = self.pooled
        across = _cells(corners[..., 0], corners[..., 2], width, x.shape[3])
        down = _cells(corners[..., 1], corners[..., 3], height, x.shape[2])
        pooled = []
        for region in range(corners.shape[1]):
            columns = _largest(x[:, :, :, None, :], across[:, region, None, None])  # (N, C, H, width)
            rows = _largest(columns.transpose(2, 3)[:, :, None], down[:, region, None, :, None])
            pooled.append(torch.where(torch.isneginf(rows), 0, rows))
        return torch.stack(pooled, dim=1)

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return hull([inputs[0], (0.0, 0.0)])  # a cell without a pixel


def _cells(first: torch.Tensor, last: torch.Tensor, cells: int, extent: int) -> torch.Tensor:
    """(N, R, cells, extent): which pixels belong to each cell of a region from `first` to `last`."""
    import torch

    size = ((last - first + 1).clamp(min=1) / cells)[..., None]
    index = torch.arange(cells, device=first.device)
    start, end = torch.floor(index * size) + first[..., None], torch.ceil((index + 1) * size) + first[..., None]
    pixel = torch.arange(extent, device=first.device)
    return (pixel >= start[..., None]) & (pixel < end[..., None])


def _largest(x: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """The largest along the last axis of what is inside; minus infinity where nothing is."""
    import torch

    return torch.where(inside, x, -torch.inf).max(dim=-1).values

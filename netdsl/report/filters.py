"""The first layer's filters as a picture: what a network looks for in an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.image_grid import image_grid
from ..ir.program import CheckedProgram, Phase

#: More filters than this are not shown.
_MOST = 128


@dataclass(frozen=True)
class FilterBank:
    """Filters, each height x width x 1 or 3, as uint8; grey is 0, each is stretched by its own largest weight."""

    name: str
    pixels: tuple[np.ndarray, ...]
    total: int


def first_filters(program: CheckedProgram, checkpoint: Path) -> FilterBank | None:
    """The filters of the first layer with weights, if they can be drawn as images of its input.

    Raises ValueError for weights that cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(checkpoint / "weights.safetensors", "np") as file:
            names = set(file.keys())
            node = next((node for node in program.network if f"{node.weights}.weight" in names), None)
            weight = np.asarray(file.get_tensor(f"{node.weights}.weight"), np.float32) if node is not None else None
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    if node is None or weight is None:
        return None
    filters = _as_images(weight, program.network[node.inputs[0].node].shape.dims)
    if filters is None:
        return None
    bgr = _is_bgr(program)
    return FilterBank(node.name, tuple(_stretched(f, bgr) for f in filters[:_MOST]), len(filters))


def _as_images(weight: np.ndarray, dims: tuple[int, ...]) -> np.ndarray | None:
    """Filters x channels x height x width; rows of a dense layer on an image count as filters of its size."""
    if weight.ndim == 2 and len(dims) == 3 and weight.shape[1] == np.prod(dims):
        weight = weight.reshape(-1, *dims)
    if weight.ndim != 4 or min(weight.shape[2:]) < 3:
        return None
    if weight.shape[1] not in (1, 3):
        return None
    return weight


def _is_bgr(program: CheckedProgram) -> bool:
    reader = program.readers.get(Phase.TRAIN) or program.readers.get(Phase.TEST)
    return reader is not None and reader.color_order_of(reader.features_input) == "BGR"


def _stretched(weights: np.ndarray, bgr: bool) -> np.ndarray:
    """Channels first, any numbers -> height x width x channels with 0 at mid grey."""
    weights = np.nan_to_num(weights, nan=0.0, posinf=0.0, neginf=0.0)
    most = float(np.abs(weights).max()) or 1.0
    pixels = np.moveaxis(np.rint(127.5 + 127.5 * weights / most), 0, -1).astype(np.uint8)
    return pixels[..., ::-1] if bgr and pixels.shape[-1] == 3 else pixels


def filter_sheet(bank: FilterBank, columns: int = 16) -> np.ndarray:
    """All filters side by side with a gap of a pixel, as one picture (height x width x 1 or 3)."""
    height, width, _ = bank.pixels[0].shape
    return image_grid(bank.pixels, min(columns, len(bank.pixels)), (height + 1, width + 1))[:-1, :-1]

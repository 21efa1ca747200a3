"""Pictures side by side: the sheet of samples and the filters in a report are laid out here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def image_grid(pictures: Sequence[np.ndarray], columns: int, cell: tuple[int, int]) -> np.ndarray:
    """Pictures (height x width x 1 or 3, uint8) in rows of `columns` on white, each at the top left of its cell.

    `cell` is height and width with the space around a picture. Grey and coloured pictures together are coloured.
    """
    rows, channels = -(-len(pictures) // columns), max(pixels.shape[2] for pixels in pictures)
    grid = np.full((rows * cell[0], columns * cell[1], channels), 255, dtype=np.uint8)
    for number, pixels in enumerate(pictures):
        top, left = corner(number, columns, cell)
        grid[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return grid


def corner(number: int, columns: int, cell: tuple[int, int]) -> tuple[int, int]:
    """Top and left of a picture's cell, in pixels."""
    row, column = divmod(number, columns)
    return row * cell[0], column * cell[1]

"""The table of weight files: a row for each kind that is read besides our own checkpoints and safetensors."""

from __future__ import annotations

from pathlib import Path

from .darknet.darknet_weights import DarknetWeights
from .weight_format import WeightFormat

WEIGHT_FORMATS: tuple[WeightFormat, ...] = (DarknetWeights(),)


def weight_format_of(path: Path) -> WeightFormat | None:
    """The row that reads a file, by the end of its name; None for our own files."""
    return next((row for row in WEIGHT_FORMATS if path.suffix.lower() in row.suffixes), None)

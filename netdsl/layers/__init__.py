"""Table 1: the layers, a class each, a file for each family. Imports `base`, `spec`."""

from __future__ import annotations

from .layer_table import LAYERS, NAMES, ROWS

__all__ = ["LAYERS", "NAMES", "ROWS"]

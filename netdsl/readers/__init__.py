"""Table 2: the readers, their transforms, and the embedded samples, a class each. Imports `base`, `spec`."""

from __future__ import annotations

from .reader_table import NAMES, READERS, ROWS, SAMPLE_ROWS, SAMPLES, TRANSFORM_ROWS, TRANSFORMS
from .synthetic.sample_data import sample_folder

__all__ = ["NAMES", "READERS", "ROWS", "SAMPLES", "SAMPLE_ROWS", "TRANSFORMS", "TRANSFORM_ROWS", "sample_folder"]

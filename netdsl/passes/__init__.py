"""Passes: functions from network to network, in the order of PIPELINE."""

from __future__ import annotations

from .prune import prune
from .shapes import Inference, infer_shapes

PIPELINE = (prune, infer_shapes)

__all__ = ["PIPELINE", "Inference", "infer_shapes", "prune", "verify"]

from .verify import verify  # noqa: E402

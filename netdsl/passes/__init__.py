"""Passes: program -> program, in the order of `run_passes.py`, with shape inference in the middle. Imports `ir` and
what is below it.
"""

from __future__ import annotations

from .run_passes import GRAPH_PASSES, SHAPED_PASSES, GraphPass, Passed, ShapedPass, run_passes

__all__ = ["GRAPH_PASSES", "SHAPED_PASSES", "GraphPass", "Passed", "ShapedPass", "run_passes"]

"""numpy, imported when it is first used: a file without data at hand is checked without it (70 ms)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
else:
    from ..base.lazy import LazyModule

    np = LazyModule("numpy")

__all__ = ["np"]

"""numpy, imported when it is first used: a file without data at hand is checked without it (70 ms)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
else:

    class _NumPy:
        def __getattr__(self, name: str) -> Any:
            import numpy

            value = getattr(numpy, name)
            setattr(self, name, value)  # found without this function from now on
            return value

    np = _NumPy()

__all__ = ["np"]

"""AST -> program: lazy evaluation of the text into a graph of layers. Imports `base`, `syntax`, `ir` and the
tables.
"""

from __future__ import annotations

from .elaborator import elaborate

__all__ = ["elaborate"]

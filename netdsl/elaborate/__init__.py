"""AST -> Program: lazy evaluation of the text into a graph of layers."""

from __future__ import annotations

from .elaborator import elaborate

__all__ = ["elaborate"]

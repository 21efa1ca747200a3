"""Syntax errors in the user's words."""

from __future__ import annotations

from lark import Lark, UnexpectedInput

from ..diagnostics import Diagnostic, Label
from ..source import Source


def explain(source: Source, parser: Lark, unexpected: UnexpectedInput, start: str) -> Diagnostic:
    """The page for the first text that could not be read."""
    at = unexpected.pos_in_stream if unexpected.pos_in_stream is not None else len(source.text)
    return Diagnostic("syntax", "this cannot be read here", Label(source.span(at, at + 1), ""))

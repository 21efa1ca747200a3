"""A text made of pieces of files, where each character knows the place it came from.

CNTK replaces `$x$` in a configuration before it reads it. What is read then is no longer the file's text, yet
messages have to point into the file.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..base.source import Source, Span


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters that came from one place: one by one, or (`whole`) all from a `$variable$` that they replace."""

    text: str
    origin: Span
    whole: bool = False
    variable: str = ""  #: the variable whose value this is


@dataclass(frozen=True)
class MappedText:
    """A text and the origin of its pieces."""

    pieces: tuple[Piece, ...]

    @staticmethod
    def of(span: Span) -> MappedText:
        """A piece of a file as it stands there."""
        return MappedText((Piece(span.text, span),))

    @staticmethod
    def whole(source: Source) -> MappedText:
        return MappedText.of(source.span(0, len(source.text)))

    @staticmethod
    def join(parts: Iterable[MappedText]) -> MappedText:
        return MappedText(tuple(piece for part in parts for piece in part.pieces if piece.text))

    @cached_property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @cached_property
    def _starts(self) -> list[int]:
        starts, at = [], 0
        for piece in self.pieces:
            starts.append(at)
            at += len(piece.text)
        return starts

    def slice(self, start: int, end: int) -> MappedText:
        """A part of the text. A part of a replaced variable still stands for the whole of it."""
        found = []
        for index in range(max(bisect.bisect_right(self._starts, start) - 1, 0), len(self.pieces)):
            piece, at = self.pieces[index], self._starts[index]
            if at >= end:
                break
            low, high = max(start - at, 0), min(end - at, len(piece.text))
            if low < high:
                origin = piece.origin if piece.whole else piece.origin.source.span(
                    piece.origin.start + low, piece.origin.start + high)
                found.append(Piece(piece.text[low:high], origin, piece.whole, piece.variable))
        return MappedText(tuple(found))

    def span(self, start: int, end: int) -> Span:
        """Where a part of the text came from: from its first character to its last, if they are of one file."""
        first, last = self._place(start, False), self._place(max(start, end - 1), True)
        together = last.source is first.source and last.end >= first.start
        return Span(first.source, first.start, last.end) if together else first

    def _place(self, offset: int, end: bool) -> Span:
        if not self.pieces:
            return Span.nowhere("")
        index = max(bisect.bisect_right(self._starts, offset) - 1, 0)
        piece = self.pieces[index]
        if piece.whole:
            return piece.origin
        at = min(piece.origin.start + offset - self._starts[index], piece.origin.end)
        return piece.origin.source.span(at, min(at + 1, piece.origin.end) if end else at)

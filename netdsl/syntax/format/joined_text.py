"""The texts of several files as one, in the order in which a module has them."""

from __future__ import annotations

from ...base.source import Source, Span
from .. import ast


class JoinedText:
    """The text that comments and line breaks of a module are taken from.

    It is the text of its file, with the other files (`Module.texts`) at the places where their members stand. A place
    in one of them is an offset in the joined text.
    """

    def __init__(self, module: ast.Module, source: Source) -> None:
        self._own = source
        self._inserted: list[tuple[int, int]] = []  #: offset in the own text, length of what is put in there
        self._bases: dict[Source, int] = {}
        parts, done, length = [], 0, 0
        for at, other in sorted(module.texts, key=lambda text: text[0]):
            if other is source or other in self._bases:
                continue
            before, text = source.text[done:at], f"\n{other.text}\n"
            self._bases[other] = length + len(before) + 1
            self._inserted.append((at, len(text)))
            parts += [before, text]
            done, length = at, length + len(before) + len(text)
        self.source = Source(source.name, "".join([*parts, source.text[done:]])) if parts else source
        self.comments = [moved for comment in module.comments if (moved := self._moved(comment)) is not None]

    def offset(self, source: Source, offset: int) -> int | None:
        """A place in the joined text; None for a file that is no part of it. What is put in stands behind its place."""
        if source is self._own:
            return offset + sum(length for at, length in self._inserted if at < offset)
        base = self._bases.get(source)
        return None if base is None else base + offset

    def _moved(self, comment: Span) -> Span | None:
        start = self.offset(comment.source, comment.start)
        return None if start is None else Span(self.source, start, start + comment.end - comment.start)

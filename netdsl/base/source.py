"""Texts and places in them: what every later stage points at when it explains itself."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A text with the name it is shown under (a path, ``command line``, ``notebook``)."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        for position, character in enumerate(self.text):
            if character == "\n":
                starts.append(position + 1)
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        line = bisect.bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (counted from 1), without its end."""
        start = self._line_starts[number - 1]
        end = self._line_starts[number] if number < len(self._line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def span(self, start: int, end: int) -> Span:
        return Span(self, start, end)

    # Two sources are the same text read twice only if they are the same object;
    # comparing megabytes of text for every span would be quadratic.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a source text, as offsets; lines and columns are computed when drawn."""

    source: Source
    start: int
    end: int

    @staticmethod
    def nowhere(name: str) -> Span:
        """The one way to say that something is about a file (or a folder, a run) as a whole: no line, no excerpt."""
        return Span(Source(name, ""), 0, 0)

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def end_position(self) -> tuple[int, int]:
        """Line and column just after the last character."""
        return self.source.position(self.end)

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of the other."""
        return Span(self.source, self.start, other.end)

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


NOWHERE = Span.nowhere("built-in")


class Files:
    """Where the language reads texts from: the disk, with texts in memory laid over it.

    Tests, notebooks and editors hand in `texts`; the core itself never opens a file.
    """

    def __init__(self, texts: Mapping[str, str] | None = None, disk: bool = True) -> None:
        self._texts = dict(texts or {})
        self._disk = disk

    def read(self, path: str) -> Source:
        """The text at a path. Raises FileNotFoundError, or UnicodeDecodeError if not UTF-8."""
        if path in self._texts:
            return Source(path, self._texts[path])
        if not self._disk:
            raise FileNotFoundError(path)
        return Source(path, Path(path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))

    def exists(self, path: str) -> bool:
        return path in self._texts or (self._disk and Path(path).is_file())

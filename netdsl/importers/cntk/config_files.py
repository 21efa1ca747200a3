"""The files of a configuration as one text: `a.cntk+b.cntk`, `include=`, and what the command line adds."""

from __future__ import annotations

from collections.abc import Sequence

from ...base.codes import Code
from ...base.failure import Failure, failure
from ...base.source import Files, Source, Span
from ..mapped_text import MappedText
from .config_context import COMMAND_LINE, find_file
from .config_text import without_comments

_INCLUDE = "include="


def joined_files(source: Source, files: Files, overrides: Sequence[str]
                 ) -> tuple[MappedText, list[Source], list[Span]]:
    """All of the text, comments gone; the files that it came from; the comments."""
    reading = _Files(files)
    if "+" in source.name and not files.exists(source.name):
        for name in source.name.split("+"):
            reading.add(files.read(name), name)
    else:
        reading.add(source, source.name)
    for text in overrides:
        whole = MappedText.whole(Source(COMMAND_LINE, text))
        newline = MappedText.whole(Source(COMMAND_LINE, "\n"))
        reading.parts += [whole, newline]
    return MappedText.join(reading.parts), reading.sources, reading.comments


class _Files:
    """Files as they are read one after the other, each once."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.parts: list[MappedText] = []
        self.sources: list[Source] = []
        self.comments: list[Span] = []

    def add(self, source: Source, name: str) -> None:
        if any(known.name == name for known in self.sources):
            return
        self.sources.append(source)
        text, comments = without_comments(source)
        self.comments += comments
        if _INCLUDE not in text.text:
            self.parts.append(text)
            return
        at = 0
        for line in text.text.splitlines(keepends=True):
            piece = text.slice(at, at + len(line))
            at += len(line)
            if line.startswith(_INCLUDE):
                self._include(piece)
            else:
                self.parts.append(piece)

    def _include(self, line: MappedText) -> None:
        paths = line.text[len(_INCLUDE):].rstrip("\r\n \t")
        place = line.span(len(_INCLUDE), len(_INCLUDE) + len(paths))
        if "$" in paths:
            raise failure(Code.INCLUDE_NOT_FOUND, "`include=` takes no `$x$`", place, "a variable is used here",
                          hint="write the path itself; CNTK wants it as well.")
        for path in paths.split("+"):
            found = find_file(self.files, path.strip("\"' "), place, [source.name for source in self.sources])
            self.add(found, found.name)


def require_config(source: Source) -> None:
    """Raises Failure for files that have the ending of a configuration and are something else."""
    text = source.text.lstrip()
    if text.startswith("#!MLF!#"):
        raise _other(source, "a list of labels (HTK's master label file)",
                     "it is data, which a configuration names in `mlfFile`.")
    if not text:
        raise _other(source, "empty", "a configuration has a `command` and sections with actions.")


def _other(source: Source, what: str, hint: str) -> Failure:
    return failure(Code.NO_NETWORK, f"`{source.name}` is {what}, no configuration", Span.nowhere(source.name),
                   hint=hint)

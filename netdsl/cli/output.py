"""Where text goes: results to stdout, messages to stderr; colour only on a terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import IO, Any, TextIO

import click

from ..base.atomic_files import finite


class ReaderGone(Exception):
    """Nobody reads our output any more (`netdsl check x | head`)."""


def out_json(document: Any) -> None:
    """A result as JSON, which has no NaN and no infinity: null instead, so that every reader takes it."""
    out(json.dumps(finite(document), indent=2))


def out(text: str = "", nl: bool = True) -> None:
    """A result, to stdout. Raises ReaderGone, which click leaves alone: of a broken pipe it makes an error."""
    try:
        click.echo(text, nl=nl, color=color_wanted(sys.stdout))
    except BrokenPipeError:
        raise ReaderGone from None


class _Lasting:
    """A stream whose reader may go: what is written from then on goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def without_reader() -> Iterator[tuple[TextIO, TextIO]]:
    """For long work that must not end because its output is read no more (`netdsl run x | head`, a closed terminal).

    Gives the streams as they were, which still say that the reader has gone.
    """
    streams = sys.stdout, sys.stderr
    try:
        with redirect_stdout(_Lasting(streams[0])), redirect_stderr(_Lasting(streams[1])):
            yield streams
    finally:
        for stream in streams:
            try:
                stream.flush()
            except OSError:  # what is left in the buffer would fail again when Python ends
                with suppress(OSError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def err(text: str = "", nl: bool = True) -> None:
    """A message, to stderr."""
    click.echo(text, err=True, nl=nl, color=color_wanted(sys.stderr))


def color_wanted(stream: IO[Any]) -> bool:
    """NO_COLOR and FORCE_COLOR decide; else whether the stream is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def write_file(path: str, data: str | bytes) -> None:
    """Write a result in one piece; `-` is stdout."""
    from ..base.atomic_files import write_result

    if path == "-":
        if isinstance(data, bytes):
            sys.stdout.buffer.write(data)
        else:
            out(data, nl=not data.endswith("\n"))
        return
    write_result(Path(path), data)


def room(stream: IO[Any] | None = None, piped: int = 100) -> int:
    """How many columns a table may have: the terminal's, or `piped` where the text goes to a file or a pipe."""
    stream = stream or sys.stdout
    return shutil.get_terminal_size((piped, 24)).columns if stream.isatty() or "COLUMNS" in os.environ else piped


def on_terminal(text: str, stream: IO[Any] | None = None) -> str:
    """A sentence on as many lines as the terminal needs; on one line where it goes to a file or a pipe."""
    from ..base.text_table import wrapped_line

    return "\n".join(wrapped_line(text, room(stream, piped=max(20, len(text)))))

"""Where text goes: results to stdout, messages to stderr; colour only on a terminal."""

from __future__ import annotations

import os
import sys
from typing import IO, Any

import click


class ReaderGone(Exception):
    """Nobody reads our output any more (`netdsl check x | head`)."""


def out(text: str = "", nl: bool = True) -> None:
    """A result, to stdout. Raises ReaderGone, which click leaves alone: of a broken pipe it makes an error."""
    try:
        click.echo(text, nl=nl, color=color_wanted(sys.stdout))
    except BrokenPipeError:
        raise ReaderGone from None


def err(text: str = "", nl: bool = True) -> None:
    """A message, to stderr."""
    click.echo(text, err=True, nl=nl, color=color_wanted(sys.stderr))


def color_wanted(stream: IO[Any]) -> bool:
    """NO_COLOR and FORCE_COLOR decide; else whether the stream is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def write_file(path: str, data: str | bytes) -> None:
    """Write a result in one piece: a temporary file beside it, renamed when whole. `-` is stdout."""
    from ..diagnostics import failure
    from ..source import Source

    if path == "-":
        if isinstance(data, bytes):
            sys.stdout.buffer.write(data)
        else:
            out(data, nl=not data.endswith("\n"))
        return
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode("utf-8"))
        os.replace(temporary, path)
    except OSError as error:
        if os.path.exists(temporary):
            os.unlink(temporary)
        source = Source(path, "")
        raise failure("cannot-write", f"`{path}` cannot be written: {error.strerror}", source.span(0, 0)) from None


def plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"

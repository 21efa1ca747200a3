"""Examples at the end of a command's `--help`, and in docs/cli.md; the tests parse every one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

C = TypeVar("C", bound=click.Command)


def examples(*pairs: tuple[str, str]) -> Callable[[C], C]:
    """`@examples (("netdsl check x.net", "why"), ...)`, above `@click.command`."""
    lines = [text for line, why in pairs for text in (f"  {line}", f"      {why}")]

    def add(command: C) -> C:
        command.epilog = "\n".join(["\b", "Examples:", *lines])
        return command

    return add


def example_lines(command: click.Command) -> list[str]:
    """The command lines of the examples, without what is said of them."""
    return [line.strip() for line in (command.epilog or "").splitlines()[2::2]]

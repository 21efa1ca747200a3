"""`netdsl show FILE [NAME=VALUE ...]`"""

from __future__ import annotations

import click

from ..describe.expand import resolved_text
from .common_options import file_and_overrides, loaded
from .help_examples import examples
from .output import out


@examples(
    ("netdsl show digits.net SGD.maxEpochs=3", "the file with the change in it"),
)
@click.command()
@file_and_overrides
def show(file: str, overrides: tuple[str, ...]) -> int:
    """The FILE as resolved: what it includes and what is overridden, in place. Runs the same."""
    out(resolved_text(loaded(file, overrides)), nl=False)
    return 0

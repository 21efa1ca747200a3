"""`netdsl fmt FILE...`"""

from __future__ import annotations

import click

from ..base.codes import Code
from ..base.diagnostics import Diagnostic
from ..base.failure import Failure, failure
from ..base.source import Files, Source, Span
from ..base.units import plural
from ..compiler import read_source
from ..importers import format_of
from ..syntax.format.printer import format_text
from .completion import complete_file
from .help_examples import examples
from .output import err, out, write_file


def _require_own(source: Source) -> None:
    """Raises Failure for a file of another system, which may well parse as one of ours and is not to be rewritten."""
    row = format_of(source.name, source.text)
    if row is not None:
        raise failure(Code.NO_FILE, f"`{source.name}` is {row.title}: only `.net` files are formatted",
                      Span.nowhere(source.name), hint=f"`netdsl import {source.name}` writes it as a `.net` file.")


@examples(
    ("netdsl fmt digits.net", "rewrite a file in the one style"),
    ("netdsl fmt --check *.net", "for a hook: change nothing, exit 1 if one is not in the style"),
)
@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=complete_file)
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 if a file is not in the style.")
@click.option("--stdout", is_flag=True, help="Print the result instead of writing the file.")
def fmt(files: tuple[str, ...], only_check: bool, stdout: bool) -> int:
    """Rewrite each FILE in the one canonical style; comments and line breaks inside lists stay."""
    changed: list[str] = []
    problems: list[Diagnostic] = []
    for file in files:
        try:
            source = read_source(file, Files())
            _require_own(source)
            text = format_text(source)
        except Failure as failed:
            problems += failed.diagnostics
            continue
        if stdout:
            out(text, nl=False)
        elif text != source.text:
            changed.append(file)
            if not only_check:
                write_file(file, text)
    if problems:
        raise Failure(problems)
    if only_check and changed:
        err("\n".join(f"{file} is not in the style" for file in changed))
        err(f"Hint: `netdsl fmt {' '.join(changed)}` rewrites {'it' if len(changed) == 1 else 'them'}.")
        return 1
    if changed and not stdout:
        out(f"rewrote {plural(len(changed), 'file')}: {', '.join(changed)}")
    return 0

"""`netdsl check FILE...`"""

from __future__ import annotations

import sys

import click

from ..base.render import render_all
from ..compiler import CheckResult, load
from ..data.verify_data import PhaseData, data_hint, data_text, verify_data
from ..describe.network_text import plan_text, reader_text, table, to_json
from .common_options import split
from .completion import complete_file_or_override
from .help_examples import examples
from .output import color_wanted, err, out, out_json, room


@examples(
    ("netdsl check digits.net", "shapes, cost, plan and data"),
    ("netdsl check digits.net SGD.maxEpochs=3 dataDir=/data/mnist", "with other values"),
    ("netdsl check digits.net --depth 2", "groups of layers in one row each"),
    ("netdsl check digits.net --data", "reads every sample once and counts the damaged ones"),
    ("netdsl check *.net --quiet", "only the mistakes of many files"),
)
@click.command()
@click.argument("arguments", nargs=-1, required=True, metavar="FILE... [NAME=VALUE]...",
                shell_complete=complete_file_or_override)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@click.option("--data", "read_data", is_flag=True, help="Also read every sample once, and count the bad ones.")
@click.option("--quiet", "-q", is_flag=True, help="Only mistakes and warnings, no table.")
@click.option("--depth", type=click.IntRange(1), help="Groups below this depth stand in one row.")
def check(arguments: tuple[str, ...], form: str, read_data: bool, quiet: bool, depth: int | None) -> int:
    """Shapes, parameters, cost, memory, plan and data of each FILE, and every mistake in it.

    NAME=VALUE sets a value by its path, as in `SGD.maxEpochs=3`. With `--data` damaged images, bad rows, samples
    of another size, and test images that are also trained on are found and named. Exit code 1 if a file has errors,
    or its data more bad samples than `maxErrors` allows.
    """
    files, overrides = split(arguments)
    if not files:
        raise click.UsageError("name a `.net` file to check", click.get_current_context())
    failed = False
    documents = []
    for index, file in enumerate(files):
        checked = load(file, overrides)
        failed = failed or bool(checked.errors)
        if form == "json":
            documents.append(to_json(checked))
            if read_data:
                found = _verified(checked)
                documents[-1]["data"] = {part.phase: part.to_json() for part in found}
                failed = failed or any(part.failed for part in found)
            continue
        if not quiet:
            parts = [table(checked, room(), depth)]
            if checked.program is not None and not checked.errors:
                parts += _section("training plan", plan_text(checked.program, room() - 4))
                parts += _section("data", reader_text(checked.program, room() - 4))
            text = "\n".join(part for part in parts if part)
            if len(files) > 1:
                text = f"{'' if index == 0 else chr(10)}== {file}\n\n{text}"
            out(text)
        if checked.diagnostics:
            err(render_all(checked.diagnostics, color=color_wanted(sys.stderr)), nl=False)
        if read_data:
            found = _verified(checked)
            failed = failed or any(part.failed for part in found)
            _show_data(found)
    if form == "json":
        out_json(documents[0] if len(documents) == 1 else documents)
    return 1 if failed else 0


def _verified(checked: CheckResult) -> list[PhaseData]:
    """What reading all data finds; nothing where the file itself could not be understood."""
    if checked.program is None:
        return []
    return list(verify_data(checked.program))


def _show_data(found: list[PhaseData]) -> None:
    if not found:
        return
    out("every sample read once:")
    out("\n".join(f"    {line}".rstrip() for line in data_text(found)))
    hint = data_hint(found)
    if hint:
        err(f"Hint: {hint}")


def _section(title: str, lines: list[str]) -> list[str]:
    return ["\n".join([f"{title}:", *(f"    {line}" for line in lines)]) + "\n"] if lines else []

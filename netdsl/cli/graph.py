"""`netdsl graph FILE`"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from ..base.units import any_of
from ..drawing import FORMATS, draw, draw_plan
from ..runs.store import network_name
from .common_options import file_and_overrides, loaded
from .completion import complete_format
from .help_examples import examples
from .output import err, write_file


@examples(
    ("netdsl graph digits.net", "digits.svg"),
    ("netdsl graph digits.net -o digits.png --direction lr", "a picture, left to right"),
    ("netdsl graph digits.net --format text", "in the terminal"),
    ("netdsl graph digits.net --plan", "the learning rate over the epochs"),
)
@click.command()
@file_and_overrides
@click.option("--format", "form", shell_complete=complete_format,
              help=f"{any_of(list(FORMATS))}; by default from the name in --out, else svg.")
@click.option("--out", "-o", help="Where to write; `-` is standard output. By default FILE with the format's ending.")
@click.option("--depth", type=click.IntRange(0), help="Groups below this depth are drawn as one box.")
@click.option("--direction", type=click.Choice(["tb", "lr"]), default="tb", help="Top to bottom, or left to right.")
@click.option("--all", "expand", is_flag=True, help="Draw repeated groups one by one, and activations as boxes.")
@click.option("--plan", is_flag=True, help="Draw the learning rate over the epochs instead of the network.")
def graph(file: str, overrides: tuple[str, ...], form: str | None, out: str | None, depth: int | None,
          direction: str, expand: bool, plan: bool) -> int:
    """Draw the network of FILE: shapes on the edges, options and parameters on the boxes."""
    form = form or (Path(out).suffix[1:] if out and Path(out).suffix[1:] else "svg")
    names = {**{name: name for name in FORMATS}, **{row.extension: name for name, row in FORMATS.items()}}
    if form not in names:
        raise click.UsageError(f"there is no format `{form}`; formats: {', '.join(FORMATS)}",
                               click.get_current_context())
    row = FORMATS[names[form]]
    if plan and row.write_chart is None:
        holders = ", ".join(other.name for other in FORMATS.values() if other.write_chart)
        raise click.UsageError(f"{row.name} cannot hold a plan; formats that can: {holders}",
                               click.get_current_context())
    checked = loaded(file, overrides)
    program = checked.require_network()
    if plan and program.plan is None:
        raise click.UsageError(f"{file} has no training block, so there is no plan to draw",
                               click.get_current_context())
    width = shutil.get_terminal_size((100, 24)).columns  # of text; the other formats have their own size
    data = draw_plan(program, row.name, width=width) if plan else draw(
        program, row.name, depth=depth, direction=direction, collapse=not expand, fold=not expand, width=width)
    target = out or ("-" if row.name == "text" else f"{network_name(file)}{'.plan' if plan else ''}.{row.extension}")
    write_file(target, data)
    if target != "-":
        err(f"wrote {target}")
    return 0

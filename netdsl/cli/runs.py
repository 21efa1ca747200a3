"""`netdsl runs`"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..base.codes import Code
from ..base.failure import failure
from ..base.source import Span
from ..base.text_table import Column, aligned, listed, text_table
from ..base.units import difference_text, duration, value_text
from ..runs.side_by_side import Change, changes, chosen, in_order, telling_values, values_side_by_side
from ..runs.store import Run, find_runs, open_run
from .completion import complete_key, complete_run
from .help_examples import examples
from .output import err, out, out_json, room
from .weights_options import format_option


class _ListByDefault(click.Group):
    """`runs DIR` is `runs list DIR`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListByDefault)
def runs() -> None:
    """List runs (`runs [DIR]`), compare some, write the report of one."""


@examples(
    ("netdsl runs", "all runs below the folder runs"),
    ("netdsl runs sweep --sort errs", "the best first"),
    ("netdsl runs --where 'errs<5%' --where network=digits", "some of them"),
)
@runs.command("list")
@click.argument("folder", default="runs", metavar="[DIR]")
@click.option("--sort", "key", metavar="KEY", shell_complete=complete_key,
              help="Smallest first; `--sort=-KEY` largest first. KEY is a value (errs, test.errs), an override "
              "(SGD.learningRate), epochs, seconds, started, network, ...")
@click.option("--where", "conditions", multiple=True, metavar="KEY=VALUE", shell_complete=complete_key,
              help="Only runs that match, also with !=, <, <=, >, >=: \"errs<5%\", \"network=conv*\".")
@format_option("text", "json")
def list_command(folder: str, key: str | None, conditions: tuple[str, ...], form: str) -> int:
    """The runs in a folder, oldest first, with the values that they ended with and what the command line changed."""
    path = Path(folder)
    if not path.is_dir():
        hint = "`netdsl run FILE` makes the first one." if folder == "runs" else "name a folder of runs."
        raise failure(Code.NO_FILE, f"there is no folder `{folder}`", Span.nowhere(folder), hint=hint)
    found = find_runs(path)
    try:
        found = chosen(found, conditions)
        found = in_order(found, key) if key is not None else found
    except ValueError as wrong:
        raise click.UsageError(str(wrong), click.get_current_context()) from None
    if form == "json":
        out_json([run.to_json() for run in found])
        return 0
    if not found:
        err(f"there are no runs in {folder}" + (" for which this holds" if conditions else ""))
        return 0
    out("\n".join(text_table(LIST_COLUMNS, [_row(run, path) for run in found], room(piped=1 << 20))))
    return 0


#: What is given up first where the terminal is narrow: how long it took, then which epoch was the best, ...
LIST_COLUMNS = (Column("run", cut=7), Column("network", cut=4, least=0), Column("status", cut=3, least=8),
                Column("epochs"), Column("best", cut=2, least=0), Column("time", cut=1, least=0),
                Column("values", cut=6, least=20), Column("changed", cut=5, least=8))


def _row(run: Run, below: Path) -> tuple[str, ...]:
    planned = f"/{run.planned_epochs}" if run.planned_epochs else ""
    seconds = (run.result or {}).get("seconds")
    folder = run.folder.relative_to(below) if run.folder != below else run.folder
    phase, values = telling_values(run)
    errors_first = sorted(values.items(), key=lambda pair: pair[0] not in run.percentages)
    shown = ", ".join(f"{name} {value_text(value, name in run.percentages)}" for name, value in errors_first)
    return (str(folder), run.network, run.status, f"{len(run.epochs)}{planned}", _best(run),
            duration(seconds) if seconds is not None else "", f"{phase}: {shown}" if phase else "",
            " ".join(run.overrides))


def _best(run: Run) -> str:
    """`epoch 7 by errs`: the epoch whose checkpoint is the best one, and what says so."""
    result = run.result or {}
    name, _, number = Path(str(result.get("best") or "")).name.partition("-")
    if not number.isdigit() or not result.get("bestBy"):
        return ""
    return f"{name} {int(number)} by {result['bestBy']}"


@examples(
    ("netdsl runs compare digits clothes", "the latest runs of two networks"),
    ("netdsl runs compare runs/a runs/b runs/c", "three runs"),
)
@runs.command("compare")
@click.argument("names", nargs=-1, required=True, metavar="A B...", shell_complete=complete_run)
@format_option("text", "json")
def compare_command(names: tuple[str, ...], form: str) -> int:
    """What differs between runs: overrides, network, plan, data, machine; and their values side by side.

    A, B, ... are folders of runs, or names of networks for their latest runs.
    """
    if len(names) < 2:
        raise click.UsageError("name two runs or more: Missing argument 'B'", click.get_current_context())
    compared = [open_run(name) for name in names]
    found, values = changes(compared), values_side_by_side(compared)
    if form == "json":
        out_json(_document(compared, found, values))
        return 0
    letters = [_letter(index) for index in range(len(compared))]
    out("\n".join(listed([(letter, str(run.folder)) for letter, run in zip(letters, compared, strict=True)])))
    out()
    percent = frozenset().union(*(run.percentages for run in compared))
    out("\n".join(_values_table(letters, values, percent)) if values else "none of them has recorded any values")
    out("\nchanged:" if found else "\nnothing differs in overrides, network, plan, data and machine")
    part = ""
    for change in found:
        if change.part != part:
            part = change.part
            out(f"    {part}")
        out(f"        {change.key}")
        for value in dict.fromkeys(change.values):
            whose = ", ".join(letter for letter, own in zip(letters, change.values, strict=True) if own == value)
            out(f"            {whose}  {'is missing' if value is None else value}")
    return 0


def _letter(index: int) -> str:
    """A to Z, then AA, AB, ..."""
    return (_letter(index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)


def _values_table(letters: list[str], values: list[tuple[str, tuple[float | None, ...]]],
                  percent: frozenset[str]) -> list[str]:
    """Values below each other and runs side by side; the other way round where there is no room for that."""
    rows = []
    for name, each in values:
        share = name.rpartition(".")[2] in percent
        cells = ["" if value is None else value_text(value, share) for value in each]
        if len(each) == 2:
            one, two = each
            cells.append("" if one is None or two is None else difference_text(two - one, share))
        rows.append((name, *cells))
    heads = (*letters, "B - A") if len(letters) == 2 else tuple(letters)
    lines = aligned([("", *heads), *rows])
    if max(map(len, lines)) <= room():
        return lines
    return aligned([("", *(name for name, _ in values)), *zip(heads, *(row[1:] for row in rows), strict=True)])


def _document(compared: list[Run], found: list[Change], values: list[tuple[str, tuple[float | None, ...]]]
              ) -> dict[str, Any]:
    """Of two runs also as `first` and `second`."""
    def sides(each: Sequence[Any]) -> dict[str, Any]:
        return {"values": list(each)} | (dict(zip(("first", "second"), each, strict=True)) if len(each) == 2 else {})

    described = sides([run.to_json() for run in compared])
    return {"runs": described.pop("values"), **described,
            "changes": [{"part": change.part, "key": change.key, **sides(change.values)} for change in found],
            "values": [{"name": name, **sides(each)} for name, each in values]}


@examples(
    ("netdsl runs report digits", "report.html in the latest run's folder"),
    ("netdsl runs report runs/a -o a.html", "in another file"),
)
@runs.command("report")
@click.argument("run", metavar="RUN", shell_complete=complete_run)
@click.option("--out", "-o", "target", metavar="FILE.html", help="By default report.html in the run's folder.")
def report_command(run: str, target: str | None) -> int:
    """Write the report of a run: curves, confusion matrix, worst samples, filters, diagram, plan, machine.

    One HTML file that needs nothing else. RUN is a folder, or a network's name for its latest run.
    """
    from ..report import write_report

    path = write_report(open_run(run), Path(target) if target is not None else None)
    err(f"wrote {path}")
    return 0

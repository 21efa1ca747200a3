"""`netdsl runs`"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from ..base.codes import Code
from ..base.diagnostics import failure
from ..base.source import Span
from ..runs.store import Run, changes, find_runs, metrics_side_by_side, open_run
from .output import err, out
from .weights_options import columns, format_option, value_text


class _ListByDefault(click.Group):
    """`runs DIR` is `runs list DIR`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListByDefault)
def runs() -> None:
    """List runs (`runs [DIR]`), compare two, write the report of one."""


@runs.command("list")
@click.argument("folder", default="runs", metavar="[DIR]")
@format_option("text", "json")
def list_command(folder: str, form: str) -> int:
    """The runs in a folder, oldest first, with the values that they ended with."""
    path = Path(folder)
    if not path.is_dir():
        hint = "`netdsl run FILE` makes the first one." if folder == "runs" else "name a folder of runs."
        raise failure(Code.NO_FILE, f"there is no folder `{folder}`", Span.nowhere(folder), hint=hint)
    found = find_runs(path)
    if form == "json":
        out(json.dumps([run.to_json() for run in found], indent=2))
        return 0
    if not found:
        err(f"there are no runs in {folder}")
        return 0
    rows: list[tuple[str, ...]] = [("run", "network", "status", "epochs", "best", "seconds", "values")]
    rows += [_row(run, path) for run in found]
    out("\n".join(_left(rows)))
    return 0


def _row(run: Run, below: Path) -> tuple[str, ...]:
    planned = f"/{run.planned_epochs}" if run.planned_epochs else ""
    seconds = (run.result or {}).get("seconds")
    folder = run.folder.relative_to(below) if run.folder != below else run.folder
    return (str(folder), run.network, run.status, f"{len(run.epochs)}{planned}", _best(run),
            f"{seconds:,.0f}" if seconds is not None else "", _values(run))


def _best(run: Run) -> str:
    """`epoch 7 by errs`: the epoch whose checkpoint is the best one, and what says so."""
    result = run.result or {}
    name, _, number = Path(str(result.get("best") or "")).name.partition("-")
    if not number.isdigit() or not result.get("bestBy"):
        return ""
    return f"{name} {int(number)} by {result['bestBy']}"


def _values(run: Run) -> str:
    """The values of the most telling phase: test, else validation, else training."""
    values = run.values()
    phase = next((phase for phase in ("test", "validation", "train") if phase in values), None)
    if phase is None:
        return ""
    return f"{phase}: " + ", ".join(f"{name} {value_text(value, name in run.percentages)}"
                                    for name, value in values[phase].items())


def _left(rows: Sequence[Sequence[str]]) -> list[str]:
    return columns(rows, left=len(rows[0]))


@runs.command("compare")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@format_option("text", "json")
def compare_command(first: str, second: str, form: str) -> int:
    """What differs between two runs: overrides, network, plan, data, machine; and their values side by side.

    A and B are folders of runs, or names of networks for their latest runs.
    """
    a, b = open_run(first), open_run(second)
    found, values = changes(a, b), metrics_side_by_side(a, b)
    if form == "json":
        side_by_side = [{"name": name, "first": one, "second": two} for name, one, two in values]
        out(json.dumps({"first": a.to_json(), "second": b.to_json(), "changes": [asdict(c) for c in found],
                        "values": side_by_side}, indent=2))
        return 0
    out(f"A  {a.folder}\nB  {b.folder}\n")
    percent = a.percentages | b.percentages
    rows: list[tuple[str, ...]] = [("", "A", "B", "B - A")]
    for name, one, two in values:
        share = name.rpartition(".")[2] in percent
        difference = "" if one is None or two is None else _difference(two - one, share)
        rows.append((name, *("" if v is None else value_text(v, share) for v in (one, two)), difference))
    out("\n".join(columns(rows)) if values else "neither has recorded any values")
    out("\nchanged:" if found else "\nnothing differs in overrides, network, plan, data and machine")
    part = ""
    for change in found:
        if change.part != part:
            part = change.part
            out(f"    {part}")
        out(f"        {change.key}")
        out(f"            A  {_side(change.first)}\n            B  {_side(change.second)}")
    return 0


def _difference(value: float, share: bool) -> str:
    return f"{100 * value:+.2f} %" if share else f"{value:+.4g}"


def _side(text: str | None) -> str:
    return "is not there" if text is None else text


@runs.command("report")
@click.argument("run", metavar="RUN")
@click.option("--out", "-o", "target", metavar="FILE.html", help="By default report.html in the run's folder.")
def report_command(run: str, target: str | None) -> int:
    """Write the report of a run: curves, confusion matrix, worst samples, filters, diagram, plan, machine.

    One HTML file that needs nothing else. RUN is a folder, or a network's name for its latest run.
    """
    from ..report import write_report

    path = write_report(open_run(run), Path(target) if target is not None else None)
    err(f"wrote {path}")
    return 0

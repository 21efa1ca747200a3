"""`netdsl sweep FILE NAME=A,B,...`"""

from __future__ import annotations

import click

from ..api import sweeping
from ..api.training_run import Console
from ..base.text_table import aligned
from ..base.units import plural, value_text
from .common_options import TIME, file_and_overrides, print_warnings
from .help_examples import examples
from .output import err, out, room, without_reader
from .weights_options import device_option


@examples(
    ("netdsl sweep digits.net SGD.learningRate=0.1,0.03,0.01", "three runs, one table, one plot"),
    ("netdsl sweep digits.net SGD.learningRate=0.1,0.01 network.width=32,64", "four runs"),
    ("netdsl sweep digits.net SGD.seed=1,2,3 -o runs/seeds", "how much chance does; again, it goes on"),
)
@click.command("sweep")
@file_and_overrides
@click.option("--out", "-o", metavar="FOLDER", help="The folder of the runs; by default runs/NETWORK/sweep-TIME.")
@device_option
@click.option("--max-epochs", type=click.IntRange(1), help="Stop each run after this many epochs of the plan.")
@click.option("--max-time", type=TIME, metavar="TIME", help="Stop each run after this long: 90, 30m, 1h30m.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="N minibatches of each phase of an epoch.")
@click.option("--best", metavar="METRIC", help="What runs and epochs are compared by.")
@click.option("--require-data", is_flag=True, help="Refuse to run on the embedded sample.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, only the table.")
def sweep(file: str, overrides: tuple[str, ...], out: str | None, device: str, max_epochs: int | None,
           max_time: float | None, limit: int | None, best: str | None, require_data: bool, quiet: bool) -> int:
    """Train FILE once for each combination of the values that stand between commas, and compare the runs.

    Each run has its own folder below the sweep's, with a table (sweep.csv) and the curves beside each other
    (sweep.svg). In a folder where a sweep was stopped, finished runs are kept and the others go on.
    """
    from ..training import ConsoleReporter, Interrupted, Limits, Reporter, RunOptions

    with without_reader() as (stdout, _):
        def reporter(heading: str) -> Reporter:
            return Reporter() if quiet else ConsoleReporter(stdout, stdout.isatty(), lambda: room(stdout), heading)

        options = RunOptions(device=device, best=best,
                             limits=Limits(epochs=max_epochs, seconds=max_time, minibatches=limit))
        console = Console(lambda text: None, print_warnings, reporter, lambda: room(stdout))
        try:
            found = sweeping.sweep(file, overrides, options, console, out=out, require_data=require_data,
                                   say=(lambda text: None) if quiet else err)
        except Interrupted as stopped:
            err(f"{stopped}\nHint: the same command with `--out` and the sweep's folder goes on there.")
            return stopped.exit_code
        _show(found)
    return 1 if len(found.failed) == len(found.runs) else 0


def _show(found: sweeping.SweepResult) -> None:
    keys = [override.partition("=")[0] for override in found.runs[0][0].overrides]
    percent = frozenset[str]().union(*(run.percentages for _, run in found.runs))
    rows = []
    for one, run in found.ranking:
        value = found.value(run)
        shown = found.failed.get(one.number) or ("" if value is None else
                                                 value_text(value, found.ranked_by in percent))
        rows.append((*(o.partition("=")[2] for o in one.overrides), shown, one.name))
    out("\n".join(aligned([(*keys, found.ranked_by or "value", "run"), *rows])))
    err(f"{plural(len(found.runs), 'run')} in {found.folder}: sweep.csv, sweep.svg")

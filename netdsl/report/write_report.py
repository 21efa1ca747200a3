"""From a run's folder to the file of its report."""

from __future__ import annotations

from pathlib import Path

from ..base.atomic_files import write_result
from ..runs.store import REPORT, Run
from .facts import gather
from .page import page


def write_report(run: Run, target: Path | None = None) -> Path:
    """Write the report of a run, finished or not, into its folder or to `target`. Raises Failure `cannot-write`.

    What cannot be shown (pictures of data that are gone, a file that is damaged) is left out and noted.
    """
    target = target or run.folder / REPORT
    write_result(target, page(gather(run)), hint="name another file with --out.")
    return target

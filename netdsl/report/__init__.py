"""The report of a run: one HTML file that needs nothing else, for people who want to see what came out."""

from __future__ import annotations

import os
from pathlib import Path

from ..base.codes import Code
from ..base.diagnostics import failure
from ..base.source import Span
from ..runs.store import REPORT, Run
from .facts import Facts, gather
from .page import page


def write_report(run: Run, target: Path | None = None) -> Path:
    """Write the report of a run, finished or not, into its folder or to `target`. Raises Failure `cannot-write`.

    What cannot be shown (pictures of data that are gone, a file that is damaged) is left out and noted.
    """
    target = target or run.folder / REPORT
    text = page(gather(run))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise failure(Code.CANNOT_WRITE, f"`{target.name}` cannot be written: {error.strerror or error}",
                      Span.nowhere(str(target)), hint="name another file with --out.") from error
    return target


__all__ = ["Facts", "gather", "write_report"]

"""The curve of a run as a picture for docs/results.md: `python benchmarks/curves.py RUN VALUE PICTURE.svg`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from netdsl.drawing import chart_svg
from netdsl.report.curves import charts
from netdsl.runs.store import open_run


def main(folder: str, value: str, picture: str) -> int:
    """Draw one recorded value (a criterion or metric by its name) of a run."""
    run = open_run(folder)
    chosen = [chart for chart in charts(run, run.percentages) if chart.title == value]
    if not chosen:
        print(f"{folder} has no value called {value}")
        return 1
    titled = replace(chosen[0], title=f"{run.network}: {value}, while training")
    Path(picture).write_text(chart_svg(titled))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""What other rooms ask of this one: a network, a plan or a chart as a picture."""

from __future__ import annotations

from pathlib import PurePath

from ..ir.program import CheckedProgram
from .backends.svg import svg
from .charts.chart import Chart, line_chart
from .charts.plan_chart import plan_chart
from .drawing import draw_scene
from .graph.diagram import Marks, build
from .table import FORMATS, Options


def draw(program: CheckedProgram, format: str = "svg", *, depth: int | None = None, direction: str = "tb",
         collapse: bool = True, fold: bool = True, wrap: bool = True, width: int = 100,
         marks: Marks | None = None) -> str | bytes:
    """The network of a checked program in one of FORMATS.

    `depth`: how many levels of groups are opened; None: all, unless the drawing gets too large.
    `direction`: "tb", top to bottom, or "lr", left to right. `collapse`: equal neighbours of a chain
    are drawn once with their number. `fold`: activations stand in the box of the layer before them.
    `wrap`: long chains go on in columns. `width`: columns of text, for "text".
    `marks`: what is said of nodes, by name, in colours of their own (`palette.MARKS`) instead of the families'.
    """
    return FORMATS[format].write(program, Options(depth, collapse, fold, direction == "lr", wrap, width, marks))


def draw_plan(program: CheckedProgram, format: str = "svg", *, width: int = 80) -> str | bytes:
    """The learning rate over the epochs of a program with a training block, in a format that has charts.

    Raises ValueError for a program without a plan or a format without charts (`write_chart` is None).
    """
    row = FORMATS[format]
    if program.plan is None or row.write_chart is None:
        raise ValueError("no training plan" if program.plan is None else f"{format} has no charts")
    return row.write_chart(plan_chart(program.plan, PurePath(program.source.name).name), Options(width=width))


def network_svg(program: CheckedProgram, prefix: str) -> str:
    """The network as an SVG element of an HTML page, which brings `dark_style ()`; ids begin with `prefix`."""
    return svg(draw_scene(build(program)), prefix)


def chart_svg(chart: Chart, width: float = 720.0, height: float = 380.0, prefix: str = "") -> str:
    """A chart as SVG: an element of an HTML page as in `network_svg`, or a document where there is no prefix."""
    return svg(line_chart(chart, width, height), prefix)

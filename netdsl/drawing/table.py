"""Table 4: the formats a program can be written in. The command line, the docs and the tests go by these rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..ir.program import CheckedProgram
from .backends.dot import dot
from .backends.mermaid import mermaid
from .backends.png import png
from .backends.svg import svg
from .backends.text import text
from .charts.chart import Chart, line_chart, text_chart
from .drawing import draw_scene
from .graph.diagram import Diagram, Marks, build


@dataclass(frozen=True)
class Options:
    """How to draw: which diagram, in which direction, and how wide a text may be."""

    depth: int | None = None
    collapse: bool = True
    fold: bool = True
    to_the_right: bool = False
    wrap: bool = True
    width: int = 100
    marks: Marks | None = None

    def diagram(self, program: CheckedProgram) -> Diagram:
        return build(program, self.depth, self.collapse, self.fold, self.marks)


@dataclass(frozen=True)
class Format:
    """A row: the name and file ending, one sentence, and the writers of networks and of training plans."""

    name: str
    extension: str
    doc: str
    write: Callable[[CheckedProgram, Options], str | bytes]
    write_chart: Callable[[Chart, Options], str | bytes] | None = None


def _svg(program: CheckedProgram, options: Options) -> str:
    return svg(draw_scene(options.diagram(program), to_the_right=options.to_the_right, wrap=options.wrap))


def _png(program: CheckedProgram, options: Options) -> bytes:
    return png(draw_scene(options.diagram(program), to_the_right=options.to_the_right, wrap=options.wrap))


def _dot(program: CheckedProgram, options: Options) -> str:
    return dot(options.diagram(program), to_the_right=options.to_the_right)


def _mermaid(program: CheckedProgram, options: Options) -> str:
    return mermaid(options.diagram(program), to_the_right=options.to_the_right)


def _text(program: CheckedProgram, options: Options) -> str:
    return text(options.diagram(program), options.width)


ROWS = (
    Format("svg", "svg", "A vector picture for browsers, papers and slides; tooltips name the lines of the file.",
           _svg, lambda chart, options: svg(line_chart(chart))),
    Format("png", "png", "The same picture in pixels, twice the size of the screen's.",
           _png, lambda chart, options: png(line_chart(chart))),
    Format("text", "txt", "Lines of text with the connections at the left, for the terminal.",
           _text, lambda chart, options: text_chart(chart, options.width)),
    Format("mermaid", "mmd", "Mermaid, which GitHub, GitLab and most wikis draw inside a page.", _mermaid),
    Format("dot", "dot", "DOT, for Graphviz: another layout, or your own style.", _dot),
)

FORMATS: dict[str, Format] = {row.name: row for row in ROWS}

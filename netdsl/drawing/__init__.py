"""Drawings of networks and charts of curves: `draw (program, "svg")`, `chart_svg (chart)`. Imports `ir`, tables.

Other rooms import from here alone: how a diagram is built (graph/), laid out (layout/) and written (backends/) is
nobody else's business, and a chart is data that they fill in. The formats are the rows of FORMATS.
"""

from __future__ import annotations

from .backends.svg import dark_style
from .charts.chart import Chart, Series
from .charts.hover import HoverLayer, hover_layer
from .charts.plan_chart import rate_line
from .charts.ticks import spans_decades
from .door import chart_svg, draw, draw_plan, network_svg
from .graph.builder import Mark
from .graph.diagram import Marks
from .scene import Point
from .table import FORMATS, Format, Options

__all__ = ["FORMATS", "Chart", "Format", "HoverLayer", "Mark", "Marks", "Options", "Point", "Series", "chart_svg",
           "dark_style", "draw", "draw_plan", "hover_layer", "network_svg", "rate_line", "spans_decades"]

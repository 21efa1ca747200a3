"""Charts of plans and runs: places of points, axes, gaps; the heat map and the grid of images."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netdsl
from netdsl.base.source import Source
from netdsl.drawing.backends.svg import svg
from netdsl.drawing.charts.chart import Chart, Series, line_chart, text_chart
from netdsl.drawing.charts.plan_chart import plan_chart
from netdsl.drawing.charts.ticks import linear_axis, log_axis, tick_text
from netdsl.drawing.scene import Line, Scene, Text

NETWORK = """
network = {
    features = Input {4} ; labels = Input {3} ; z = LinearLayer {3} (features)
    criterionNodes = CrossEntropyWithSoftmax (labels, z) ; outputNodes = z
}
SGD = { maxEpochs = 10 ; %s }
"""


def plan(rate: str) -> Chart:
    program = netdsl.check(Source("plan.net", NETWORK % rate))
    assert program.plan is not None
    return plan_chart(program.plan, "plan.net")


# -- plans ------------------------------------------------------------------------------------------


def test_steps_are_flat_with_upright_jumps() -> None:
    chart = plan("learningRate = 0.1*4 : 0.01*3 : 0.001")
    (series,) = chart.series
    assert chart.log
    assert [(round(x, 1), y) for x, y in series.points] == [
        (0, 0.1), (4, 0.1), (4, 0.01), (7, 0.01), (7, 0.001), (10, 0.001)]


def test_the_unit_of_the_rate_is_on_the_axis() -> None:
    assert plan("learningRatesPerMB = 0.5 ; minibatchSize = 10").y_label == "learning rate per minibatch"
    assert plan("learningRate = 0.5").y_label == "learning rate"


def test_one_rate_is_a_level_line() -> None:
    (series,) = plan("learningRate = 0.5").series
    assert {y for _, y in series.points} == {0.5}
    assert not plan("learningRate = 0.5").log


def test_a_cosine_is_smooth_on_a_linear_axis() -> None:
    chart = plan("learningRate = CosineDecay {0.1}")
    (series,) = chart.series
    assert not chart.log
    assert all(abs(a[1] - b[1]) < 0.001 for a, b in zip(series.points, series.points[1:], strict=False))
    middle = min(series.points, key=lambda point: abs(point[0] - 5))
    assert middle[1] == pytest.approx(0.05, rel=0.02)


# -- line charts --------------------------------------------------------------------------------------


def chart(*series: Series, **fields: object) -> Chart:
    return Chart("loss", "epoch", "loss", series, **fields)  # type: ignore[arg-type]


def drawn_lines(scene: Scene) -> list[Line]:
    return [item for item in scene.flat() if isinstance(item, Line) and item.stroke_width == 2.0]


def test_points_are_where_the_axes_say() -> None:
    scene = line_chart(chart(Series("a", ((0, 0), (5, 30), (10, 60)))))
    (line,) = drawn_lines(scene)
    (x0, y0), (x1, y1), (x2, y2) = line.points
    assert x1 - x0 == pytest.approx(x2 - x1)
    assert y0 - y1 == pytest.approx(y1 - y2)
    assert y0 > y2
    labels = {item.text: item for item in scene.flat() if isinstance(item, Text)}
    assert labels["60"].y == pytest.approx(y2 + 4)
    assert labels["10"].x == pytest.approx(x2)


def test_on_a_logarithmic_axis_decades_are_equally_far_apart() -> None:
    (line,) = drawn_lines(line_chart(chart(Series("a", ((0, 1), (1, 0.1), (2, 0.01))), log=True)))
    (_, a), (_, b), (_, c) = line.points
    assert b - a == pytest.approx(c - b)


def test_values_that_are_no_numbers_make_gaps() -> None:
    series = Series("a", ((0, 1), (1, 2), (2, math.nan), (3, math.inf), (4, 1), (5, 1), (6, math.nan), (7, 3)))
    lines = drawn_lines(line_chart(chart(series)))
    assert [len(line.points) for line in lines] == [2, 2, 2]
    assert all(math.isfinite(value) for line in lines for point in line.points for value in point)


@pytest.mark.parametrize("series", [(), (Series("a", ()),), (Series("a", ((3, 7),)),), (Series("a", ((0, 0), (1, 0))),),
                                    (Series("a", ((0, math.nan),)),)])
@pytest.mark.parametrize("log", [False, True])
def test_charts_of_little_are_drawn(series: tuple[Series, ...], log: bool) -> None:
    ElementTree.fromstring(svg(line_chart(chart(*series, log=log))))
    assert text_chart(chart(*series, log=log)).startswith("loss")


def test_the_legend_names_several_series() -> None:
    scene = line_chart(chart(Series("training", ((0, 1), (1, 2))), Series("test", ((0, 2), (1, 1)), dashed=True)))
    assert {"training", "test"} <= {item.text for item in scene.flat() if isinstance(item, Text)}
    assert len({line.stroke for line in drawn_lines(scene)}) == 2


def test_a_text_chart_is_ascii_and_falls_as_its_values_do() -> None:
    shown = text_chart(chart(Series("a", tuple((x, 10 - x) for x in range(11)))), width=60, height=10)
    assert shown.isascii()
    rows = [line.split("|")[1] for line in shown.splitlines() if "|" in line]
    firsts = [row.index("*") for row in rows if "*" in row]
    assert firsts == sorted(firsts)
    assert max(len(line) for line in shown.splitlines()) <= 60


# -- axes -----------------------------------------------------------------------------------------------


@given(st.floats(-1e6, 1e6), st.floats(1e-2, 1e6))
def test_linear_axes_hold_their_values_with_few_round_ticks(low: float, extent: float) -> None:
    high = low + extent
    axis = linear_axis(low, high)
    assert axis.low <= low + 1e-6 * extent
    assert axis.high >= high - 1e-6 * extent
    assert 2 <= len(axis.ticks) <= 9
    assert len({axis.label(tick) for tick in axis.ticks}) == len(axis.ticks)
    assert -0.01 <= axis.place(low) <= axis.place(high) <= 1.01


@given(st.floats(1e-12, 1e6), st.floats(1, 1e6))
def test_log_axes_run_over_whole_decades(low: float, factor: float) -> None:
    axis = log_axis(low, low * factor)
    assert axis.low <= low * 1.0001
    assert axis.high >= low * factor * 0.9999
    assert len(axis.ticks) <= 9
    assert all(math.log10(tick) == pytest.approx(round(math.log10(tick))) for tick in axis.ticks)


@pytest.mark.parametrize(("value", "shown"), [(0, "0"), (0.5, "0.5"), (1e-5, "1e-05"), (20000, "20,000"),
                                              (2_000_000, "2M")])
def test_numbers_on_axes(value: float, shown: str) -> None:
    assert tick_text(value) == shown

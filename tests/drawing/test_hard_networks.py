"""Networks that are wide, deep or unrolled: their drawings keep a shape and a size that a person can read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_diagrams import diagram as random_diagram
from random_diagrams import random_sizes
from test_layout import assert_boxes_apart, assert_edges_drawn, assert_lines_apart, assert_lines_clear

import netdsl
from netdsl.base.source import Source
from netdsl.drawing.drawing import box_faces, draw_scene, lay_out_diagram
from netdsl.drawing.graph.diagram import Box, Diagram, Group, build
from netdsl.drawing.layout.place import place

HARD = Path(__file__).parent / "hard"
NETWORKS = Path(__file__).resolve().parents[2] / "networks"
#: A U is as tall as its levels are many; it has a test of its own.
ALL = [*sorted(path for path in HARD.glob("*.net") if path.stem != "unet"), *sorted(NETWORKS.glob("*.net"))]


def diagram(name: str, **options: object) -> Diagram:
    return build(netdsl.check(HARD / f"{name}.net"), **options)  # type: ignore[arg-type]


def parts(drawn: Diagram, level: str = "") -> dict[str, int]:
    """Label -> number of repetitions, of the boxes and groups of a group."""
    items: tuple[Box | Group, ...] = (*drawn.boxes, *drawn.groups)
    return {item.label: item.repeat for item in items if drawn.parent.get(item.name, "") == level}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_drawing_has_the_shape_of_a_page_and_is_not_mostly_blank(path: Path) -> None:
    """Width through height within 1:4 and 4:1; where it is larger than a screen, within 1:2.5 and 2.5:1, and boxes with
    their surroundings (28 pixels) cover a good part of it."""
    drawn = build(netdsl.check(path))
    layout, scene = lay_out_diagram(drawn, box_faces(drawn)), draw_scene(drawn)
    aspect = scene.width / scene.height
    assert 1 / 4 <= aspect <= 4
    if scene.width * scene.height > 1920 * 1080:
        assert 1 / 2.5 <= aspect <= 2.5
        used = sum((spot.width + 56) * (spot.height + 56) for spot in layout.boxes.values())
        assert used >= 0.19 * layout.width * layout.height


def test_a_u_net_is_drawn_as_a_u() -> None:
    """Down on the left, up on the right; each skip leads straight across, to the group at its height."""
    drawn = diagram("unet")
    layout = lay_out_diagram(drawn, box_faces(drawn))
    assert_boxes_apart(drawn, layout)
    assert_lines_clear(layout)
    assert_lines_apart(layout)
    assert_edges_drawn(drawn, layout)
    down = [layout.groups[name] for name in ("down1", "down2", "down3", "down4", "bottom")]
    up = [layout.groups[name] for name in ("up4", "up3", "up2", "up1")]
    assert all(upper.bottom < lower.y for upper, lower in pairwise(down))
    assert all(lower.y > upper.bottom for lower, upper in pairwise(up))
    assert max(spot.right for spot in down) < min(spot.x for spot in up)
    for left, right in zip(down, reversed(up), strict=False):
        assert abs(left.bottom - right.bottom) < 1
    skips = [wire for wire in layout.wires if wire.source.startswith("down") and wire.target.startswith("up")
             and wire.target in layout.groups]
    assert [len(wire.points) for wire in skips] == [4, 4, 4, 4]  # down, across, up
    assert 0.25 < layout.width / layout.height < 1
    first, last = layout.boxes["up2.up"], layout.boxes["up2.y.conv2"]
    assert first.y > last.bottom  # values flow upwards
    assert {"up2.up", "z", "ce"} <= layout.upwards
    assert not {"features", "bottom.pool"} & layout.upwards


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=3, max_size=5), st.integers(1, 3),
       st.integers(0, 2), st.integers(0, 3), st.sets(st.integers(0, 40)), st.integers(0, 1000))
def test_any_u_keeps_the_rules(rows: list[tuple[int, int]], bottom: int, head: int, tail: int, grouped: set[int],
                               seed: int) -> None:
    """Boxes or groups of two in the arms; the first and the last of the network may be the U's own."""
    left = head + sum(down for down, _ in rows)
    count = left + bottom + sum(up for _, up in rows) + tail
    edges, source, target = [(i, i + 1) for i in range(count - 1)], head - 1, count - tail
    for down, up in rows:
        source, target = source + down, target - up
        edges.append((source, target))
    groups: list[tuple[int, int]] = []
    for start in sorted(grouped):
        ends = {a for a, b in edges if b > a + 1} | {b - 1 for a, b in edges if b > a + 1}
        if start + 1 < count and start not in ends and (not groups or groups[-1][1] < start):
            groups.append((start, start + 1))
    drawn = random_diagram(count, edges, groups)
    layout = place(drawn, random_sizes(drawn, seed), {group.name: 60.0 for group in drawn.groups})
    assert_boxes_apart(drawn, layout)
    assert_lines_clear(layout)
    assert_lines_apart(layout)
    assert_edges_drawn(drawn, layout)
    assert layout.upwards


@pytest.mark.parametrize("path", sorted(HARD.glob("*.net")), ids=lambda path: path.stem)
@pytest.mark.parametrize("depth", [None, 0, 1, 2])
def test_nothing_overlaps_and_nothing_runs_back(path: Path, depth: int | None) -> None:
    drawn = build(netdsl.check(path), depth)
    layout = lay_out_diagram(drawn, box_faces(drawn), wrap=False)
    assert_boxes_apart(drawn, layout)
    assert_lines_clear(layout)
    if all(box.repeat == 1 for box in drawn.boxes):  # lines leave the sheets behind a repeated box
        assert_edges_drawn(drawn, layout)
    assert not any(edge.feedback for edge in drawn.edges)  # none of these networks is a cycle
    for wire in layout.wires:
        assert all(a[1] <= b[1] + 0.01 for a, b in pairwise(wire.points)), wire


def test_the_steps_of_an_unrolled_recurrence_are_drawn_once() -> None:
    drawn = diagram("gru")
    assert parts(drawn, "state") == {"Cell": 1, "value2 ... value17": 16}
    step = next(group for group in drawn.groups if group.repeat == 16)
    assert not step.side_by_side
    sources = {edge.source for edge in drawn.edges if step.name in drawn.around(edge.target)}
    assert {"features", "start", "Cell.wz", "Cell.uh"} <= sources
    assert len(drawn.boxes) < 40
    assert drawn.parameters == 3 * (64 * 40 + 64 * 64 + 64) + 40 * 64 + 40


def test_equal_branches_are_drawn_once() -> None:
    drawn = diagram("wide")
    found = {group.label: (group.repeat, group.side_by_side, group.total) for group in drawn.groups}
    assert found == {"expert.expert1 ... expert12": (12, True, 12 * 3136),
                     "other.expert1 ... expert4": (4, True, 4 * 5472)}
    assert len(drawn.incoming["joined"]) == 2


def test_two_branches_stay_two() -> None:
    drawn = build(netdsl.check(Source("two.net", """network = {
        features = Input {8}
        left = DenseLayer {4} (features) ; right = DenseLayer {4} (features)
        z = left - right ; outputNodes = z }""")))
    assert {"left", "right", "z"} <= set(drawn.box)


def test_branches_that_take_other_values_stay_apart() -> None:
    drawn = build(netdsl.check(Source("apart.net", """network = {
        a = Input {8} ; b = Input {8} ; c = Input {8}
        z = Splice (DenseLayer {4} (a) : DenseLayer {4} (b) : DenseLayer {4} (c)) ; outputNodes = z }""")))
    assert sum(box.layer == "Dense" for box in drawn.boxes) == 3


def test_the_blocks_of_a_transformer_and_its_heads_are_drawn_once() -> None:
    drawn = diagram("vit")
    repeats = {group.label: (group.repeat, group.side_by_side) for group in drawn.groups if group.repeat > 1}
    assert repeats == {"layerStack1.block1 ... block12": (12, False), "head.head1 ... head3": (3, True)}
    assert len(drawn.boxes) < 60


def test_a_normalization_written_by_hand_is_one_group_with_its_parameters() -> None:
    drawn = diagram("scales")
    assert set(parts(drawn)) == {"features", "labels", "hidden1", "first", "hidden2", "second", "z.sum", "z", "ce",
                                 "errs"}
    assert {"norm1.scale", "norm1.shift"} <= set(parts(drawn, "first"))
    assert drawn.group["first"].parameters == 64
    assert set(parts(diagram("norm"), "model.block1")) == {"main", "y"}  # the sum goes by its member


def test_a_function_keeps_its_group_and_an_expression_has_none() -> None:
    drawn = build(netdsl.check(Source("residual.net", """network = {
        Residual (x) = x + DenseLayer {8} (x)
        features = Input {8}
        first = Residual (features)
        second = first + DenseLayer {8} (first)
        z = LinearLayer {3} (second) ; outputNodes = z }""")))
    assert {group.label for group in drawn.groups} == {"first"}
    assert set(parts(drawn)) == {"features", "first", "second.dense", "second", "z"}

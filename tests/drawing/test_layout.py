"""What every layout must be, whatever the diagram: nothing overlaps, lines keep clear of boxes and flow one way."""

from __future__ import annotations

import time
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_diagrams import box, diagram, diagrams, random_network, random_sizes

from netdsl.drawing.graph.diagram import Diagram, Edge, Group
from netdsl.drawing.layout.place import BoxPlace, Layout, RoutedEdge, place

quick = settings(max_examples=80, deadline=None)
directions = st.booleans()
seeds = st.integers(0, 1000)


def laid_out(drawn: Diagram, seed: int, to_the_right: bool = False, wrap: bool = False) -> Layout:
    titles = {group.name: 20.0 + 37 * (len(group.name) * seed % 5) for group in drawn.groups}
    return place(drawn, random_sizes(drawn, seed), titles, to_the_right=to_the_right, wrap=wrap)


def overlap(a: BoxPlace, b: BoxPlace) -> bool:
    return (a.x < b.right - 0.01 and b.x < a.right - 0.01 and a.y < b.bottom - 0.01 and b.y < a.bottom - 0.01)


def within(a: BoxPlace, b: BoxPlace) -> bool:
    return a.x >= b.x - 0.01 and a.y >= b.y - 0.01 and a.right <= b.right + 0.01 and a.bottom <= b.bottom + 0.01


def groups_around(drawn: Diagram, name: str) -> list[str]:
    found = []
    while name := drawn.parent.get(name, ""):
        found.append(name)
    return found


def assert_boxes_apart(drawn: Diagram, layout: Layout) -> None:
    for a, b in combinations(layout.boxes, 2):
        assert not overlap(layout.boxes[a], layout.boxes[b]), (a, b)
    for name, spot in (*layout.boxes.items(), *layout.groups.items()):
        assert within(spot, BoxPlace(0, 0, layout.width, layout.height)), name
        for group, frame in layout.groups.items():
            if group in groups_around(drawn, name):
                assert within(spot, frame), (name, group)
            elif group != name and name not in groups_around(drawn, group):
                assert not overlap(spot, frame), (name, group)


def segments(wire: RoutedEdge) -> list[BoxPlace]:
    return [BoxPlace(min(a[0], b[0]), min(a[1], b[1]), abs(a[0] - b[0]), abs(a[1] - b[1]))
            for a, b in pairwise(wire.points)]


def assert_lines_clear(layout: Layout) -> None:
    """Lines are horizontal or vertical and run through no box, not even their own."""
    for wire in layout.wires:
        for piece in segments(wire):
            assert min(piece.width, piece.height) < 0.5, wire  # half a pixel out of true is not seen
            for name, spot in layout.boxes.items():
                inner = BoxPlace(spot.x + 0.5, spot.y + 0.5, spot.width - 1, spot.height - 1)
                crosses = (piece.x < inner.right and inner.x < piece.right + 0.001
                           and piece.y < inner.bottom and inner.y < piece.bottom + 0.001)
                assert not crosses, (name, wire)


def assert_lines_apart(layout: Layout) -> None:
    """No line lies on the line of another value for more than a pixel."""
    pieces = [(wire.source, piece) for wire in layout.wires for piece in segments(wire)]
    for (source, a), (other, b) in combinations(pieces, 2):
        if source == other:
            continue
        along_x = min(a.right, b.right) - max(a.x, b.x)
        along_y = min(a.bottom, b.bottom) - max(a.y, b.y)
        upright = max(a.width, b.width) < 0.5 and abs(a.x - b.x) < 1 and along_y > 1
        level = max(a.height, b.height) < 0.5 and abs(a.y - b.y) < 1 and along_x > 1
        assert not upright, (source, other, a, b)
        assert not level, (source, other, a, b)


def assert_lines_flow(layout: Layout, axis: int) -> None:
    for wire in layout.wires:
        if not wire.feedback:
            assert all(a[axis] <= b[axis] + 0.01 for a, b in pairwise(wire.points)), wire


def touches(point: tuple[float, float], wire: RoutedEdge) -> bool:
    return any(piece.x - 0.1 <= point[0] <= piece.right + 0.1 and piece.y - 0.1 <= point[1] <= piece.bottom + 0.1
               for piece in segments(wire))


def assert_edges_drawn(drawn: Diagram, layout: Layout) -> None:
    """From each box lines lead to all its users, and their arrows end on the users' borders."""
    for source in drawn.box:
        for is_back in (False, True):
            wires = [wire for wire in layout.wires if wire.source == source and wire.feedback == is_back]
            targets = sorted(edge.target for edge in drawn.edges if edge.source == source and edge.feedback == is_back)
            assert sorted(wire.target for wire in wires if wire.target in drawn.box) == targets
            start = layout.boxes[source]
            reached = [wire for wire in wires if on_border(wire.points[0], start)]
            for wire in reached:
                reached.extend(other for other in wires if other not in reached and touches(other.points[0], wire))
            assert len(reached) == len(wires), source
            for wire in wires:
                if wire.target in drawn.box:
                    assert on_border(wire.points[-1], layout.boxes[wire.target]), wire


def on_border(point: tuple[float, float], spot: BoxPlace) -> bool:
    x, y = point
    inside = spot.x - 0.1 <= x <= spot.right + 0.1 and spot.y - 0.1 <= y <= spot.bottom + 0.1
    near = min(abs(x - spot.x), abs(x - spot.right), abs(y - spot.y), abs(y - spot.bottom))
    return inside and near < 0.1


@quick
@given(diagrams(), seeds, directions)
def test_random_diagrams(drawn: Diagram, seed: int, to_the_right: bool) -> None:
    layout = laid_out(drawn, seed, to_the_right)
    assert_boxes_apart(drawn, layout)
    assert_lines_clear(layout)
    assert_lines_apart(layout)
    assert_lines_flow(layout, 0 if to_the_right else 1)
    assert_edges_drawn(drawn, layout)


@quick
@given(diagrams(recurrent=True), seeds, directions)
def test_random_recurrent_diagrams(drawn: Diagram, seed: int, to_the_right: bool) -> None:
    layout = laid_out(drawn, seed, to_the_right)
    assert_boxes_apart(drawn, layout)
    assert_lines_clear(layout)
    assert_edges_drawn(drawn, layout)


@quick
@given(st.integers(10, 60), st.lists(st.integers(0, 40), max_size=5), seeds, directions)
def test_long_chains_in_columns(count: int, skips: list[int], seed: int, to_the_right: bool) -> None:
    """Columns keep all the rules but the one direction."""
    edges = [(i, i + 1) for i in range(count - 1)] + [(i, i + 4) for i in skips if i + 4 < count]
    drawn = diagram(count, edges, [(2, count - 3)])
    layout = laid_out(drawn, seed, to_the_right, wrap=True)
    assert_boxes_apart(drawn, layout)
    assert_lines_clear(layout)
    assert_edges_drawn(drawn, layout)


def test_columns_make_a_long_chain_fit_a_slide() -> None:
    drawn = diagram(40, [(i, i + 1) for i in range(39)], [])
    straight, wrapped = laid_out(drawn, 1), laid_out(drawn, 1, wrap=True)
    assert straight.height > 8 * straight.width
    assert 1 < wrapped.width / wrapped.height < 2.2


@quick
@given(diagrams(recurrent=True), seeds)
def test_the_same_diagram_has_the_same_layout(drawn: Diagram, seed: int) -> None:
    again = diagram_copy(drawn)
    assert laid_out(drawn, seed) == laid_out(again, seed)


def diagram_copy(drawn: Diagram) -> Diagram:
    return Diagram(drawn.title, tuple(drawn.boxes), tuple(drawn.groups), tuple(drawn.edges), 0, 0)


def test_a_chain_is_one_straight_line() -> None:
    drawn = diagram(12, [(i, i + 1) for i in range(11)], [(3, 6)])
    layout = laid_out(drawn, 3)
    assert len({wire.points[0][0] for wire in layout.wires}) == 1
    assert all(len(wire.points) == 2 for wire in layout.wires)


def test_a_skip_connection_runs_beside_the_straight_main_path() -> None:
    drawn = diagram(6, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (1, 4)], [])
    layout = laid_out(drawn, 3)
    main = {layout.boxes[name].x + layout.boxes[name].width / 2 for name in layout.boxes}
    assert max(main) - min(main) < 0.01
    (skip,) = [wire for wire in layout.wires if len(wire.points) > 2]
    assert max(x for x, _ in skip.points) > max(layout.boxes[name].right for name in ("b2", "b3"))


def test_a_recurrence_goes_back_beside_its_boxes() -> None:
    drawn = diagram(3, [(0, 1), (1, 2)], [], back=[(2, 0)])
    layout = laid_out(drawn, 5)
    (back,) = [wire for wire in layout.wires if wire.feedback]
    assert back.points[0][1] > back.points[-1][1]
    assert max(x for x, _ in back.points) > max(spot.right for spot in layout.boxes.values())


def test_a_group_that_a_line_leaves_and_enters_again_is_drawn() -> None:
    """A record may hold the first and the last step of what is computed elsewhere between."""
    edges = tuple(Edge(f"b{i}", f"b{i + 1}", "8") for i in range(4))
    drawn = Diagram("tangled", tuple(box(f"b{i}") for i in range(5)), (
        Group("g", "g", "", ("b0", "b2", "b4"), 0), Group("h", "h", "", ("b1", "b3"), 0)), edges, 0, 0)
    for to_the_right in (False, True):
        layout = laid_out(drawn, 1, to_the_right)
        assert_boxes_apart(drawn, layout)
        assert_lines_clear(layout)
        assert_edges_drawn(drawn, layout)


@pytest.mark.parametrize("width", [2, 4, 7])
def test_branches_are_centred_around_what_they_come_from(width: int) -> None:
    edges = [(0, i) for i in range(1, width + 1)] + [(i, width + 1) for i in range(1, width + 1)]
    drawn = diagram(width + 2, edges, [])
    sizes = {name: type(size)(100, 40, 0) for name, size in random_sizes(drawn, 1).items()}
    layout = place(drawn, sizes, {})
    middle = layout.width / 2
    for name in ("b0", f"b{width + 1}"):
        assert abs(layout.boxes[name].x + 50 - middle) < 1


def test_two_thousand_boxes_take_seconds_and_time_grows_with_their_number() -> None:
    def seconds(count: int) -> float:
        drawn = random_network(count, 7)
        started = time.process_time()
        place(drawn, random_sizes(drawn, 1), {group.name: 60.0 for group in drawn.groups})
        return time.process_time() - started

    small, large = min(seconds(500) for _ in range(2)), seconds(2000)
    assert large < 12
    assert large < 4 * small * 3  # four times the boxes; three times for the noise of a shared machine

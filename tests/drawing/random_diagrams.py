"""Random diagrams for property tests: acyclic, with nested groups, boxes of any size, and recurrences on demand."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from netdsl.drawing.graph.diagram import Box, Diagram, Edge, Group
from netdsl.drawing.layout.place import Size


def box(name: str, role: str = "layer", **fields: object) -> Box:
    return Box(name, name, "Layer", "other", (), "8 x 8 x 3", 0, role, **fields)  # type: ignore[arg-type]


def diagram(count: int, edges: list[tuple[int, int]], groups: list[tuple[int, int]],
            back: list[tuple[int, int]] = ()) -> Diagram:  # type: ignore[assignment]
    """Boxes b0, b1, ...; edges by number; groups as ranges [first, last] that nest or are apart."""
    names = [f"b{i}" for i in range(count)]
    members: dict[str, list[str]] = {}
    parent_of: dict[str, str] = {}
    ranges = sorted(set(groups), key=lambda r: (r[0], -r[1]))
    for first, last in ranges:
        around = [r for r in ranges if r != (first, last) and r[0] <= first and last <= r[1]]
        inner = max(around, key=lambda r: (r[0], -r[1]), default=None)
        parent_of[f"g{first}_{last}"] = f"g{inner[0]}_{inner[1]}" if inner else ""
        members[f"g{first}_{last}"] = []
    for number, name in enumerate(names):
        for first, last in ranges:
            group = f"g{first}_{last}"
            if first == number and parent_of[group]:
                members[parent_of[group]].append(group)
        around = [r for r in ranges if r[0] <= number <= r[1]]
        if around:
            inner = max(around, key=lambda r: (r[0], -r[1]))
            members[f"g{inner[0]}_{inner[1]}"].append(name)
    made = tuple(Group(name, name, parent_of[name], tuple(inside), 0) for name, inside in members.items())
    targets = sorted([(b, a, False) for a, b in edges] + [(b, a, True) for a, b in back])
    return Diagram("random", tuple(box(name) for name in names), made,
                   tuple(Edge(f"b{a}", f"b{b}", "8", is_back) for b, a, is_back in targets), 0, 0)


@st.composite
def diagrams(draw: st.DrawFn, recurrent: bool = False) -> Diagram:
    count = draw(st.integers(1, 24))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    edges = [(min(a, b), max(a, b)) for a, b in draw(st.lists(pairs, max_size=2 * count)) if a != b]
    chosen: list[tuple[int, int]] = []
    for a, b in draw(st.lists(pairs, max_size=6)):
        first, last = min(a, b), max(a, b)
        if all(last < f or first > l or (f <= first and last <= l) or (first <= f and l <= last) for f, l in chosen):
            chosen.append((first, last))
    back = [(max(a, b), min(a, b)) for a, b in draw(st.lists(pairs, max_size=3))] if recurrent else []
    return diagram(count, edges, chosen, back)


def random_sizes(drawn: Diagram, seed: int) -> dict[str, Size]:
    chance = random.Random(seed)
    return {b.name: Size(chance.uniform(40, 260), chance.uniform(20, 120), chance.choice((0, 30, 140)))
            for b in drawn.boxes}


def random_network(count: int, seed: int) -> Diagram:
    """A long network with skips of up to five steps and groups of ten, for tests of time."""
    chance = random.Random(seed)
    edges = [(max(0, i - chance.randint(1, 5)), i) for i in range(1, count)] + [(i - 1, i) for i in range(1, count)]
    return diagram(count, edges, [(i, i + 9) for i in range(0, count - 10, 20)])

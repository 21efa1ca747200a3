"""Networks that narrow and widen again (U-Net): down on the left, up on the right, skips straight across.

A level is a U if its main path has at least three skips, one inside the other. What stands before and behind the U is
put into two groups that are not drawn, `HEAD` and `TAIL`. The right arm is laid out as any group and then drawn upside
down: its values flow upwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..graph.diagram import Diagram, Group
from ..scene import Point
from .edge_routing import TRACK
from .layered import Cell, Net
from .levels import Block, Piece

#: Names that no node of a file can have.
HEAD, TAIL = "<head>", "<tail>"

_FEWEST_SKIPS = 3
#: Room between the arms; between cells of an arm, from the label of the upper one to the lower one.
_BETWEEN, _APART = 90.0, 34.0


@dataclass(frozen=True)
class USpine:
    """A U of members of the top level. `rows` are (left, right) from the top: the left ones downwards, of which the
    last gives the skip, the right ones upwards, of which the first takes it; `bottom` lies between the last two."""

    rows: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    bottom: tuple[str, ...]

    @property
    def left(self) -> tuple[str, ...]:
        return tuple(name for names, _ in self.rows for name in names)

    @property
    def right(self) -> tuple[str, ...]:
        return tuple(name for _, names in self.rows for name in names)


def find_shape(diagram: Diagram) -> tuple[Diagram, USpine] | None:
    """The diagram with its head and tail in groups, and its U; None if the top level is none."""
    followers = _followers(diagram)
    spine = _spine(followers)
    place = {name: position for position, name in enumerate(spine)}
    skips = [(place[name], place[target]) for name in spine for target in followers[name]
             if target in place and place[target] > place[name] + 1]
    nested = all(a[0] < b[0] and a[1] > b[1] for a, b in pairwise(skips))
    if len(skips) < _FEWEST_SKIPS or not nested or skips[-1][1] - skips[-1][0] < 2:
        return None
    first, last = skips[0][0], skips[0][1]
    before = _upstream(followers, spine[first])
    inside = set(spine[first:last + 1])
    behind = [name for name in diagram.top if name not in inside and name not in before]
    links = {(a, b) for a in followers for b in followers[a]}
    own = {*zip(spine[first:last], spine[first + 1:last + 1], strict=True), *((spine[i], spine[j]) for i, j in skips)}
    strange = {(a, b) for a, b in links if (a in inside or b in inside) and (a, b) not in own}
    if any(not (b == spine[first] and a in before) and not (a == spine[last] and b in behind) for a, b in strange):
        return None
    if any(a in before and b in behind for a, b in links):
        return None
    grouped = _grouped(diagram, [name for name in diagram.top if name in before], behind)
    return grouped, _shape(spine, skips, bool(before), bool(behind))


def _followers(diagram: Diagram) -> dict[str, list[str]]:
    """Members of the top level -> those that take their values."""
    outermost = {box.name: ([*diagram.around(box.name)] or [box.name])[-1] for box in diagram.boxes}
    found: dict[str, dict[str, None]] = {name: {} for name in diagram.top}
    for edge in diagram.edges:
        source, target = outermost[edge.source], outermost[edge.target]
        if source != target and not edge.feedback:
            found[source][target] = None
    return {name: list(targets) for name, targets in found.items()}


def _spine(followers: Mapping[str, Sequence[str]]) -> list[str]:
    """The longest path; empty where groups are tangled in a cycle."""
    waiting = Counter(target for targets in followers.values() for target in targets)
    order = [name for name in followers if not waiting[name]]
    for name in order:  # grows while it is read
        for target in followers[name]:
            waiting[target] -= 1
            if not waiting[target]:
                order.append(target)
    if len(order) < len(followers):
        return []
    length: dict[str, int] = {}
    following: dict[str, str] = {}
    for name in reversed(order):
        longest = max(followers[name], key=length.__getitem__, default="")
        length[name] = 1 + length.get(longest, 0)
        following[name] = longest
    path = [max(order, key=length.__getitem__, default="")]
    while path[-1]:
        path.append(following[path[-1]])
    return path[:-1]


def _upstream(followers: Mapping[str, Sequence[str]], name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        wanted = waiting.pop()
        fresh = [giver for giver, takers in followers.items() if wanted in takers and giver not in found]
        found.update(fresh)
        waiting.extend(fresh)
    return found


def _grouped(diagram: Diagram, before: Sequence[str], behind: Sequence[str]) -> Diagram:
    new = [Group(name, "", "", tuple(members), 0) for name, members in ((HEAD, before), (TAIL, behind)) if members]
    return replace(diagram, groups=(*new, *diagram.groups))


def _shape(spine: list[str], skips: Sequence[tuple[int, int]], has_head: bool, has_tail: bool) -> USpine:
    rows = []
    left, right = skips[0][0], skips[0][1] + 1
    for number, (source, target) in enumerate(skips):
        down, up = spine[left:source + 1], spine[target:right]
        if not number:
            down, up = [HEAD] * has_head + down, up + [TAIL] * has_tail
        rows.append((tuple(down), tuple(up)))
        left, right = source + 1, target
    return USpine(tuple(rows), tuple(spine[left:right]))


@dataclass(frozen=True)
class Arm:
    """A member of the level: its cell, the room that its label takes, and its ports across by net."""

    cell: Cell
    label: float
    ways_in: Mapping[str, float]
    ways_out: Mapping[str, float]


def lay_out_u(shape: USpine, arms: Mapping[str, Arm], nets: Mapping[str, Net]) -> Block:
    """Place the members; `nets` are those of the level by name, each with the member that gives it as its source."""
    given = {net.source.name: net for net in nets.values()}
    left_width = _column(arms, [*shape.left, *shape.bottom], given, 0.0)
    right_width = _column(arms, [*reversed(shape.right)], given, left_width + _BETWEEN)
    along, ends = 0.0, []
    for left, right in shape.rows:
        height = max(_stack(arms, left), _stack(arms, right))
        _place_down(arms, left, along + height - _stack(arms, left))
        _place_up(arms, right, along + height)
        ends.append(along + height)
        along += height + max(arms[left[-1]].label, 14.0) + 2 * TRACK + _APART
    _place_down(arms, shape.bottom, along)
    along += _stack(arms, shape.bottom)
    pieces = [*_lines(shape, arms, given, ends, along)]
    cells = [arm.cell for arm in arms.values()]
    return Block(left_width + _BETWEEN + right_width, along + max(arms[shape.bottom[-1]].label, 14.0) + TRACK, cells,
                 pieces)


def _column(arms: Mapping[str, Arm], names: Sequence[str], given: Mapping[str, Net], start: float) -> float:
    """Place members so that the main line runs straight through their ways out; the width that they take."""
    out = {name: next(iter(arms[name].ways_out.values()), 0.0) for name in names}
    before = max(arms[name].cell.before + out[name] for name in names)
    after = max(arms[name].cell.after - out[name] for name in names)
    for name in names:
        arms[name].cell.across = start + before - out[name]
    return before + after


def _stack(arms: Mapping[str, Arm], names: Sequence[str]) -> float:
    return sum(arms[name].cell.length for name in names) + sum(_gap(arms, name) for name in names[:-1])


def _gap(arms: Mapping[str, Arm], name: str) -> float:
    return max(arms[name].label, 14.0) + TRACK + 16.0


def _place_down(arms: Mapping[str, Arm], names: Sequence[str], along: float) -> None:
    for name in names:
        arms[name].cell.start = along
        along += arms[name].cell.length + _gap(arms, name)


def _place_up(arms: Mapping[str, Arm], names: Sequence[str], along: float) -> None:
    """The first of the members ends at `along`, the others stand above it."""
    for name in names:
        arms[name].cell.start = along - arms[name].cell.length
        along = arms[name].cell.start - _gap(arms, name)


def _lines(shape: USpine, arms: Mapping[str, Arm], given: Mapping[str, Net], ends: Sequence[float],
           deepest: float) -> list[Piece]:
    def port(name: str, net: Net, going_in: bool) -> float:
        ways = arms[name].ways_in if going_in else arms[name].ways_out
        return arms[name].cell.across + ways.get(net.name, 0.0)

    down = [*shape.left, *shape.bottom]
    up = [name for row in reversed(shape.rows) for name in row[1]]
    pieces = []
    for upper, lower in pairwise(down):
        net, top = given[upper], arms[upper].cell.start + arms[upper].cell.length
        pieces.append(_line(net, lower, (port(upper, net, False), top), (port(lower, net, True),
                                                                         arms[lower].cell.start), -16.0))
    net = given[down[-1]]
    start, end = port(down[-1], net, False), port(up[0], net, True)
    low = deepest + max(arms[down[-1]].label, 14.0)
    bottom = arms[up[0]].cell.start + arms[up[0]].cell.length
    pieces.append(Piece(net, ((start, deepest), (start, low), (end, low), (end, bottom)), up[0]))
    for lower, upper in pairwise(up):
        net, bottom = given[lower], arms[upper].cell.start + arms[upper].cell.length
        pieces.append(_line(net, upper, (port(lower, net, False), arms[lower].cell.start),
                            (port(upper, net, True), bottom), 16.0))
    for (left, right), end in zip(shape.rows, ends, strict=True):
        net, across = given[left[-1]], port(left[-1], given[left[-1]], False)
        level = end + max(arms[left[-1]].label, 14.0) + TRACK / 2
        to = port(right[0], net, True)
        pieces.append(Piece(net, ((across, end), (across, level), (to, level), (to, end)), right[0]))
    return pieces


def _line(net: Net, target: str, start: Point, end: Point, turn: float) -> Piece:
    """From one member to the next of an arm, with a bend `turn` before the end where they do not stand in one line."""
    if abs(start[0] - end[0]) < 0.5:
        return Piece(net, (start, (start[0], end[1])), target)
    return Piece(net, (start, (start[0], end[1] + turn), (end[0], end[1] + turn), end), target)

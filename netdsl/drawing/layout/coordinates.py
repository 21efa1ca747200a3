"""Places across the ranks of a level: straight main lines, no overlap, lines short.

The idea is Brandes and Koepf's (2001): cells that should stand in one straight line form blocks, and
whole blocks are placed. Which lines are straight is chosen by what the reader of a network expects:
the long run of a skip connection, and the main path through the layers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .layered import Cell, Link, main_arrival, main_departure

#: Least distance between neighbours in a rank: two boxes; a box and a line; two lines.
_BOXES_APART, _LINE_APART, _LINES_APART = 28.0, 18.0, 12.0

#: Rounds of moving blocks to the mean of their neighbours; networks settle within about ten.
_ROUNDS = 24

_FAR = 1e9


@dataclass(eq=False)
class _Block:
    """Cells in one straight line; `shift` of a cell is its reference relative to the block's."""

    cells: list[tuple[Cell, float]]
    place: float = 0.0
    left: list[tuple[_Block, float]] = field(default_factory=list)  #: neighbours, and the least distance to them
    right: list[tuple[_Block, float]] = field(default_factory=list)
    #: loose links: the block at the other end, and where this block would stand relative to it
    pulls: list[tuple[_Block, float]] = field(default_factory=list)

    def limits(self) -> tuple[float, float]:
        low = max((block.place + distance for block, distance in self.left), default=-_FAR)
        high = min((block.place - distance for block, distance in self.right), default=_FAR)
        return low, high


def place_across(ranks: Sequence[Sequence[Cell]]) -> None:
    """Give every cell its place across; the left end of the level is 0."""
    straight = [link for upper in ranks for link in _straight_links(upper)]
    blocks, block_of = _blocks(ranks, straight)
    _neighbours(ranks, block_of)
    _pulls(ranks, block_of, set(straight))
    order = _left_to_right(blocks)
    _first_places(order)
    for turn in range(_ROUNDS):
        moved = 0.0
        for block in order if turn % 2 else reversed(order):
            moved = max(moved, _relax(block))
        if moved < 0.5:
            break
    left = min((block.place + shift - cell.before for block in blocks for cell, shift in block.cells), default=0.0)
    for block in blocks:
        for cell, shift in block.cells:
            cell.across = block.place + shift - left


def _straight_links(rank: Sequence[Cell]) -> list[Link]:
    """The links below a rank that are drawn straight: at most one per cell and side, without crossings."""
    wanted = sorted(((_priority(link), link) for cell in rank for link in cell.down),
                    key=lambda pair: (-pair[0], pair[1].upper.index))
    chosen: list[Link] = []
    for priority, link in wanted:
        if not priority:
            break
        at = bisect_left(chosen, link.upper.index, key=lambda other: other.upper.index)
        if at < len(chosen) and chosen[at].lower.index <= link.lower.index:
            continue
        if at < len(chosen) and chosen[at].upper is link.upper:
            continue
        if at and chosen[at - 1].lower.index >= link.lower.index:
            continue
        chosen.insert(at, link)
    return chosen


def _priority(link: Link) -> int:
    """How much a link should be straight: 3 a passing line, 2 the main path, 1 the end of a line, 0 not."""
    bends = (link.upper.kind == "bend") + (link.lower.kind == "bend")
    if bends == 2:
        return 3
    if main_departure(link.upper, link.upper_port) is link and main_arrival(link.lower) is link:
        return 2 - bends
    return 0


def _blocks(ranks: Sequence[Sequence[Cell]], straight: Sequence[Link]) -> tuple[list[_Block], dict[Cell, _Block]]:
    below = {link.upper: link for link in straight}
    block_of: dict[Cell, _Block] = {}
    blocks = []
    for rank in ranks:
        for cell in rank:
            if cell in block_of:
                continue
            block = _Block([])
            blocks.append(block)
            shift = 0.0
            while True:
                block.cells.append((cell, shift))
                block_of[cell] = block
                if cell not in below:
                    break
                link = below[cell]
                shift += link.upper_port - link.lower_port
                cell = link.lower
    return blocks, block_of


def _neighbours(ranks: Sequence[Sequence[Cell]], block_of: dict[Cell, _Block]) -> None:
    shift = {cell: shift for block in block_of.values() for cell, shift in block.cells}
    for rank in ranks:
        for left, right in pairwise(rank):
            distance = shift[left] + left.after + _apart(left, right) + right.before - shift[right]
            block_of[left].right.append((block_of[right], distance))
            block_of[right].left.append((block_of[left], distance))


def _apart(left: Cell, right: Cell) -> float:
    boxes = (left.kind == "box") + (right.kind == "box")
    return (_LINES_APART, _LINE_APART, _BOXES_APART)[boxes]


def _pulls(ranks: Sequence[Sequence[Cell]], block_of: dict[Cell, _Block], straight: set[Link]) -> None:
    shift = {cell: shift for block in block_of.values() for cell, shift in block.cells}
    for rank in ranks:
        for cell in rank:
            for link in [*cell.down, *cell.returns]:
                upper, lower = block_of[link.upper], block_of[link.lower]
                if link in straight or upper is lower:
                    continue
                offset = shift[link.lower] + link.lower_port - shift[link.upper] - link.upper_port
                upper.pulls.append((lower, offset))
                lower.pulls.append((upper, -offset))


def _left_to_right(blocks: Sequence[_Block]) -> list[_Block]:
    """Blocks after everything that stands to their left; straight links do not cross, so this exists."""
    waiting = {block: len(block.left) for block in blocks}
    ready = [block for block in reversed(blocks) if not block.left]
    order = []
    while ready:
        block = ready.pop()
        order.append(block)
        for right, _ in block.right:
            waiting[right] -= 1
            if not waiting[right]:
                ready.append(right)
    assert len(order) == len(blocks), "straight links cross"
    return order


def _first_places(order: Sequence[_Block]) -> None:
    """Half way between all the way to the left and all the way to the right."""
    for block in order:
        block.place = max((left.place + distance for left, distance in block.left), default=0.0)
    leftmost = {block: block.place for block in order}
    end = max(leftmost.values(), default=0.0)
    for block in reversed(order):
        block.place = min((right.place - distance for right, distance in block.right), default=end)
    for block in order:
        block.place = (block.place + leftmost[block]) / 2


def _relax(block: _Block) -> float:
    """Move a block towards the mean of what pulls at it, as far as its neighbours let it; how far it went."""
    if not block.pulls:
        return 0.0
    wanted = sum(other.place + offset for other, offset in block.pulls) / len(block.pulls)
    low, high = block.limits()
    before, block.place = block.place, min(max(wanted, low), max(low, high))
    return abs(block.place - before)

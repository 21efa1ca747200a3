"""How a shape came about: the chain of layers that led to a node, as the block of a message.

It starts with the history that both sides share, then follows one side after the other; steps that
keep the shape are folded; at most `ROWS` rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..base.text_table import Column, text_table
from ..base.units import inflected, plural
from ..ir.network import Node, ShapedNode

ROWS = 12
WIDTH = 78

Shaped = Mapping[str, ShapedNode]
Row = tuple[str, str, str, str]  # line, lead, value, shape


def history(node: Node, shaped: Shaped) -> tuple[str, ...]:
    """Paragraphs: a sentence and the block of rows; nothing if there is no more than one step."""
    paths = [_trunk(use.node, shaped) for use in node.inputs if shaped[use.node].shape.batched]
    if not paths:
        return ()
    distinct = list(dict.fromkeys(tuple(path) for path in paths))
    if len(distinct) == 1:
        if len(distinct[0]) < 2:
            return ()
        rows = _fold([shaped[name] for name in distinct[0]])
        return ("This is how the shape came about:", _table(rows))
    if len(distinct) > 2:
        return ()
    common = _common(distinct)
    rows = _fold([shaped[name] for name in distinct[0][:common]])
    for side, path in zip(("left side", "right side"), distinct, strict=False):
        rest = [shaped[name] for name in path[common:]]
        if rest:
            rows.append(("", "|- ", f"{side}:", ""))
            rows += [(line, "|  ", value, shape) for line, _, value, shape in _fold(rest, shaped[path[common - 1]]
                                                                                   if common else None)]
        else:
            line = str(shaped[path[-1]].span.line)
            rows.append(("", "|- ", f"{side}: the value of line {line}, unchanged", ""))
    start = "Both sides come from one value. This is how their shapes came about:" if common else \
        "This is how the shapes came about:"
    return (start, _table(rows))


def _trunk(name: str, shaped: Shaped) -> list[str]:
    """From an input of the network to the node, following first inputs that depend on data."""
    path = [name]
    while True:
        uses = [u.node for u in shaped[path[-1]].inputs if shaped[u.node].shape.batched]
        if not uses:
            return path[::-1]
        path.append(uses[0])


def _common(paths: Sequence[Sequence[str]]) -> int:
    count = 0
    for left, right in zip(*paths, strict=False):
        if left != right:
            break
        count += 1
    return count


def _fold(nodes: Sequence[ShapedNode], before: ShapedNode | None = None) -> list[Row]:
    """Rows for the nodes; runs that keep the shape become one row, but for the last node."""
    rows: list[Row] = []
    kept = 0
    previous = before
    for index, node in enumerate(nodes):
        same = previous is not None and previous.shape.dims == node.shape.dims
        if same and index < len(nodes) - 1:
            kept += 1
        else:
            if kept:
                rows.append(("", "", f"({plural(kept, 'step')} that {inflected(kept, 'keeps', 'keep')} the shape)", ""))
                kept = 0
            rows.append((str(node.span.line), "", node.layer.show().removesuffix(" {}"), str(node.shape)))
        previous = node
    if len(rows) > ROWS:
        rows = [*rows[: ROWS // 2], ("", "", f"... {len(rows) - ROWS + 1} more ...", ""), *rows[-ROWS // 2 + 1 :]]
    return rows


def _table(rows: Sequence[Row]) -> str:
    shapes = max(len(row[3]) for row in rows) if rows else 0
    room = WIDTH - 4 - 6 - 2 - max(shapes, 5)
    columns = [Column("line", right=True), Column("value".ljust(room), cut=1, least=room), Column("shape")]
    lines = text_table(columns, [(line, lead + value, shape) for line, lead, value, shape in rows], WIDTH - 4)
    return "\n".join(f"    {line}" for line in lines)

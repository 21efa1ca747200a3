"""The printer of every table of text: columns as wide as their cells need, and no wider than the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from .units import clip_text

#: Between two columns.
GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column: its heading, to which side its cells are flush, and what happens where the table is too wide.

    Columns lose their width in the order of `cut` (1 first; 0: never), down to `least` characters; with
    `least = 0` a column is left out whole before the next one is touched.
    """

    title: str = ""
    right: bool = False
    cut: int = 0
    least: int = 12


def text_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None, *,
               rule: bool = False) -> list[str]:
    """Lines of aligned cells, under the headings where there are any; `rule` draws a line below those.

    A row with fewer cells than columns is a heading of a group: it is printed as it is. `width` is how
    much room there is; None: any.
    """
    full = [tuple(row) for row in rows if len(row) == len(columns)]
    titled = any(column.title for column in columns)
    sizes = [max((len(cell) for cell in (column.title, *(row[i] for row in full))), default=0)
             for i, column in enumerate(columns)]
    sizes = _fitted(columns, sizes, width)
    lines = [_line(columns, [column.title for column in columns], sizes)] if titled else []
    lines += [_line(columns, row, sizes) if len(row) == len(columns) else clip_text("".join(row), width or 1 << 30)
              for row in rows]
    if rule and titled:
        lines.insert(1, "-" * max(len(line) for line in lines))
    return lines


def aligned(rows: Sequence[Sequence[str]], left: int = 1, width: int | None = None) -> list[str]:
    """Rows without headings of their own: the first `left` columns flush left, the others flush right."""
    return text_table([Column(right=i >= left) for i in range(len(rows[0]))], rows, width) if rows else []


def listed(rows: Sequence[tuple[str, str]], indent: int = 0, width: int | None = None) -> list[str]:
    """Names and what is said of them, one below the other (`rule  SGD, momentum 0.9`), wrapped to the width."""
    size = max((len(name) for name, _ in rows), default=0)
    lines = []
    for name, text in rows:
        head = " " * indent + name.ljust(size) + GAP
        pieces = [text] if width is None else textwrap.wrap(
            text, max(20, width - len(head)), break_long_words=False, break_on_hyphens=False) or [""]
        lines += [((head if i == 0 else " " * len(head)) + piece).rstrip() for i, piece in enumerate(pieces)]
    return lines


def wrapped_line(line: str, width: int) -> list[str]:
    """A line on as many lines as it takes, those after the first indented by four more; long words stay whole."""
    indent = len(line) - len(line.lstrip())
    return textwrap.wrap(line, max(20, width), subsequent_indent=" " * (indent + 4), break_long_words=False,
                         break_on_hyphens=False, drop_whitespace=True) or [line]


def _fitted(columns: Sequence[Column], sizes: list[int], width: int | None) -> list[int]:
    """Sizes whose sum fits: columns are cut, or left out (size -1), as they say."""
    if width is None:
        return sizes
    fitted = list(sizes)
    for index in sorted((i for i, column in enumerate(columns) if column.cut), key=lambda i: columns[i].cut):
        over = _total(fitted) - width
        if over <= 0:
            break
        column = columns[index]
        if column.least == 0:
            fitted[index] = -1
        else:
            fitted[index] = max(min(sizes[index], max(column.least, len(column.title))), fitted[index] - over)
    return fitted


def _total(sizes: Sequence[int]) -> int:
    kept = [size for size in sizes if size >= 0]
    return sum(kept) + len(GAP) * (len(kept) - 1)


def _line(columns: Sequence[Column], cells: Sequence[str], sizes: Sequence[int]) -> str:
    shown = [(column, clip_text(cell, size), size) for column, cell, size in zip(columns, cells, sizes, strict=True)
             if size >= 0]
    return GAP.join(cell.rjust(size) if column.right else cell.ljust(size) for column, cell, size in shown).rstrip()

"""Pictures of tables of numbers and of images: a confusion matrix, a grid of samples or filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import palette
from .scene import Image, Item, Rect, Scene, Text
from .text_metrics import shortened, text_width

_MARGIN, _SMALL = 24.0, 11.0

#: Ends of the scale of a heat map: nothing, and the most.
_PALE, _DARK = (0xF4, 0xF7, 0xFA), (0x1F, 0x4E, 0x7D)

#: With more classes than this the numbers in the cells are left out: they would be too small to read.
_MOST_NUMBERED = 20


def confusion_matrix(counts: Sequence[Sequence[int]], classes: Sequence[str], title: str = "Confusion matrix") -> Scene:
    """`counts[true][predicted]` as a heat map, each row shaded by its own sum."""
    size = len(classes)
    cell = 38.0 if size <= _MOST_NUMBERED else max(760.0 / size, 4.0)
    names = [shortened(name, _SMALL, 120) for name in classes] if size <= _MOST_NUMBERED else []
    side = max((text_width(name, _SMALL) for name in names), default=0.0)
    left, top = _MARGIN + 22 + side, 66.0
    width, height = left + size * cell + _MARGIN, top + size * cell + side + 40
    right = sum(row[position] for position, row in enumerate(counts))
    total = sum(sum(row) for row in counts)
    note = f"{right:,} of {total:,} right ({100 * right / total:.2f} %)" if total else ""
    items: list[Item] = [Text(_MARGIN, 28, title, 15, palette.TEXT, bold=True),
                         Text(_MARGIN, 46, note, _SMALL, palette.FAINT)]
    for row, line in enumerate(counts):
        items += _heat_row(line, row, left, top + row * cell, cell, size <= _MOST_NUMBERED)
    for position, name in enumerate(names):
        middle = (position + 0.5) * cell
        items.append(Text(left - 8, top + middle + 4, name, _SMALL, palette.TEXT, anchor="end"))
        items.append(Text(left + middle + 4, top + size * cell + 8 + text_width(name, _SMALL) / 2, name, _SMALL,
                          palette.TEXT, anchor="middle", turned=True))
    items.append(Text(left + size * cell / 2, height - 12, "predicted", 12, palette.TEXT, anchor="middle"))
    items.append(Text(_MARGIN, top + size * cell / 2, "true", 12, palette.TEXT, anchor="middle", turned=True))
    return Scene(max(width, 260.0), height, title, f"Confusion matrix of {size} classes. {note}.", tuple(items),
                 palette.BACKGROUND)


def _heat_row(counts: Sequence[int], row: int, left: float, y: float, cell: float, numbered: bool) -> Iterator[Item]:
    total = sum(counts) or 1
    for column, count in enumerate(counts):
        share = count / total
        x = left + column * cell
        yield Rect(x, y, cell, cell, _shade(share), "#ffffff" if cell > 8 else None)
        if numbered and count:
            ink = "#ffffff" if share > 0.45 else palette.TEXT
            yield Text(x + cell / 2, y + cell / 2 + 4, f"{count}" if count < 10_000 else f"{count / 1000:.0f}k", _SMALL,
                       ink, bold=row == column, anchor="middle")


def _shade(share: float) -> str:
    """Shares of a row; the root makes a few mistakes among many visible."""
    strength = min(max(share, 0.0), 1.0) ** 0.5
    return "#" + "".join(f"{round(low + (high - low) * strength):02x}" for low, high in zip(_PALE, _DARK, strict=True))


@dataclass(frozen=True)
class Tile:
    """An image of a grid: a PNG file's bytes and what stands below it; `wrong` marks a mistake."""

    png: bytes
    text: str = ""
    wrong: bool = False


def image_grid(tiles: Sequence[Tile], title: str, *, note: str = "", columns: int = 8, size: float = 84.0) -> Scene:
    """Images in rows, each in a square of `size` with a line of text below."""
    columns = max(min(columns, len(tiles)), 1)
    has_text = any(tile.text for tile in tiles)
    step, down = size + 12, size + (26 if has_text else 12)
    top = 64.0 if note else 46.0
    items: list[Item] = [Text(_MARGIN, 28, title, 15, palette.TEXT, bold=True),
                         Text(_MARGIN, 46, note, _SMALL, palette.FAINT)]
    for number, tile in enumerate(tiles):
        x, y = _MARGIN + number % columns * step, top + number // columns * down
        items.append(Image(x, y, size, size, tile.png))
        frame = palette.ROLES["criterion"].color if tile.wrong else palette.BORDER
        items.append(Rect(x, y, size, size, None, frame, 2.0 if tile.wrong else 1.0))
        ink = palette.ROLES["criterion"].color if tile.wrong else palette.FAINT
        text = shortened(tile.text, _SMALL, size + 8)
        items.append(Text(x + size / 2, y + size + 14, text, _SMALL, ink, anchor="middle"))
    rows = -(-len(tiles) // columns)
    width = max(2 * _MARGIN + columns * step - 12, text_width(title, 15, bold=True) + 2 * _MARGIN,
                text_width(note, _SMALL) + 2 * _MARGIN)
    return Scene(width, top + rows * down + 8, title, f"{len(tiles)} images. {note}".strip(), tuple(items),
                 palette.BACKGROUND)

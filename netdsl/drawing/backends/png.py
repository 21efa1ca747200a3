"""A scene as PNG, drawn with Pillow and its built-in font: no system package, the same picture everywhere."""

from __future__ import annotations

import io
import math
from itertools import pairwise
from typing import TYPE_CHECKING

from ..scene import Line, Point, Rect, Scene, Text, arrow_head, rounded
from ..text_metrics import text_width

if TYPE_CHECKING:
    from PIL import ImageDraw as Drawing
    from PIL import ImageFont as Font

#: Shapes are drawn this much larger and shrunk, which smooths their edges; text is smooth by itself.
_OVERSAMPLING = 2

#: Above this many pixels the scale is reduced, so that a drawing never needs more than about 300 MB.
_MOST_PIXELS = 24_000_000


def png(scene: Scene, scale: float = 2.0) -> bytes:
    """The scene as a PNG file, with `scale` pixels of the file for one of the scene."""
    from PIL import Image as Pictures
    from PIL import ImageDraw

    scale = min(scale, math.sqrt(_MOST_PIXELS / (scene.width * scene.height)))
    size = (math.ceil(scene.width * scale), math.ceil(scene.height * scale))
    large = (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING)
    picture = Pictures.new("RGB", large, scene.background)
    canvas = _Canvas(ImageDraw.Draw(picture), scale * _OVERSAMPLING)
    for item in scene.flat():
        if isinstance(item, Rect):
            canvas.rect(item)
        elif isinstance(item, Line):
            canvas.line(item)
    picture = picture.resize(size, Pictures.Resampling.BOX)
    letters = _Letters(scale)
    for item in scene.flat():
        if isinstance(item, Text):
            letters.draw(picture, item)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", dpi=(96 * scale, 96 * scale))
    return buffer.getvalue()


class _Canvas:
    """Shapes on a picture of `scale` pixels per unit."""

    def __init__(self, draw: Drawing.ImageDraw, scale: float) -> None:
        self.draw, self.scale = draw, scale

    def rect(self, rect: Rect) -> None:
        s = self.scale
        box = (rect.x * s, rect.y * s, (rect.x + rect.width) * s, (rect.y + rect.height) * s)
        radius = max(rect.top_radius, rect.bottom_radius) * s
        above, below = rect.top_radius > 0, rect.bottom_radius > 0
        width = max(1, round(rect.stroke_width * s))
        solid = rect.stroke if rect.stroke and not rect.dashed else None
        self.draw.rounded_rectangle(box, radius, fill=rect.fill, outline=solid, width=width,
                                    corners=(above, above, below, below))
        if rect.stroke and rect.dashed:
            x, y, right, low = rect.x, rect.y, rect.x + rect.width, rect.y + rect.height
            around: tuple[Point, ...] = ((x, y), (right, y), (right, low), (x, low), (x, y))
            self.line(Line(around, rect.stroke, rect.stroke_width, rect.top_radius, dashed=True))

    def line(self, line: Line) -> None:
        points = [(x * self.scale, y * self.scale) for x, y in _flattened(line)]
        width = max(1, round(line.stroke_width * self.scale))
        for piece in _dashes(points, 5 * self.scale, 4 * self.scale) if line.dashed else [points]:
            self.draw.line(piece, fill=line.stroke, width=width, joint="curve")
        if line.arrow:
            self.draw.polygon([(x * self.scale, y * self.scale) for x, y in arrow_head(line.points)], fill=line.stroke)


class _Letters:
    """Text on a picture of `scale` pixels per unit; fonts are made once per size."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.fonts: dict[float, Font.FreeTypeFont | Font.ImageFont] = {}

    def draw(self, picture: object, text: Text) -> None:
        from PIL import Image as Pictures
        from PIL import ImageDraw, ImageFont

        size = text.size * self.scale
        font = self.fonts.get(size) or self.fonts.setdefault(size, ImageFont.load_default(size))
        anchor = {"start": "ls", "middle": "ms", "end": "rs"}[text.anchor]
        stroke = size / 45 if text.bold else 0
        words = text.text.replace("\n", " ")  # Pillow would break the line
        at = (text.x * self.scale, text.y * self.scale)
        assert isinstance(picture, Pictures.Image)
        if not text.turned:
            ImageDraw.Draw(picture).text(at, words, fill=text.fill, font=font, anchor=anchor, stroke_width=stroke)
            return
        wide, high = math.ceil(text_width(text.text, size)) + 4, math.ceil(size * 1.5)
        mask = Pictures.new("L", (wide, high), 0)
        ImageDraw.Draw(mask).text((wide / 2, size), words, fill=255, font=font, anchor="ms", stroke_width=stroke)
        mask = mask.rotate(90, expand=True)
        picture.paste(text.fill, (round(at[0] - size), round(at[1] - wide / 2)), mask)


def _flattened(line: Line) -> list[Point]:
    """The line with its rounded corners as short straight pieces."""
    points: list[Point] = []
    for command, given in rounded(line.points, line.radius):
        if command != "Q":
            points.append(given[0])
            continue
        start, control, end = points[-1], given[0], given[1]
        for step in range(1, 7):
            t = step / 6
            a, b, c = (1 - t) * (1 - t), 2 * t * (1 - t), t * t
            points.append((a * start[0] + b * control[0] + c * end[0], a * start[1] + b * control[1] + c * end[1]))
    return points


def _dashes(points: list[Point], on: float, off: float) -> list[list[Point]]:
    """The line cut into dashes of length `on` with gaps of length `off`."""
    pieces: list[list[Point]] = []
    drawing, left = True, on
    piece = [points[0]]
    for start, end in pairwise(points):
        length, done = math.dist(start, end), 0.0
        while length - done > left:
            done += left
            at = (start[0] + (end[0] - start[0]) * done / length, start[1] + (end[1] - start[1]) * done / length)
            if drawing:
                pieces.append([*piece, at])
            drawing, left, piece = not drawing, off if drawing else on, [at]
        left -= length - done
        if drawing:
            piece.append(end)
    if drawing and len(piece) > 1:
        pieces.append(piece)
    return pieces

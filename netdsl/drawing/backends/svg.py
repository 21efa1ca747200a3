"""A scene as SVG: presentation attributes, so that browsers, slides and editors all read it alike.

A style sheet exchanges the colours where a browser shows the picture to someone who likes dark pages; programs that
know no such thing leave it aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from .. import palette
from ..scene import Cluster, Item, Line, Rect, Scene, Text, arrow_head, rounded

_FONTS = "Inter, Segoe UI, Helvetica, Arial, DejaVu Sans, sans-serif"
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(scene: Scene, prefix: str = "") -> str:
    """The scene as an SVG document, with title and description for screen readers.

    With a `prefix` it is meant to stand in a page of HTML among others: its ids begin with the prefix, and the page
    brings the style sheet (`dark_style`) once.
    """
    width, height = _number(scene.width), _number(scene.height)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' role="img" aria-labelledby="{prefix}title {prefix}description" font-family={quoteattr(_FONTS)}>',
        f'<title id="{prefix}title">{_text(scene.title)}</title>',
        f'<desc id="{prefix}description">{_text(scene.description)}</desc>',
        *([] if prefix else [f"<style>{dark_style()}</style>"]),
        f'<rect width="{width}" height="{height}" rx="8" fill="{scene.background}"/>',
    ]
    for item in scene.items:
        lines.extend(_item(item))
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def dark_style() -> str:
    """Rules that turn a drawing's colours into those for a dark page, where the viewer prefers one."""
    rules = [f'text[fill="{light}"]{{fill:{dark}}}' for light, dark in palette.DARK_TEXTS.items()]
    rules += [f':is(rect,path)[fill="{light}"]{{fill:{dark}}}' for light, dark in palette.DARK_AREAS.items()]
    rules += [f'[stroke="{light}"]{{stroke:{dark}}}' for light, dark in palette.DARK_LINES.items()]
    rules += [f'polygon[fill="{light}"]{{fill:{palette.DARK_LINES[light]}}}'
              for light in (palette.LINE, palette.RETURN)]
    return "@media (prefers-color-scheme:dark){" + "".join(rules) + "}"


def _item(item: Item) -> Iterator[str]:
    if isinstance(item, Cluster):
        yield f"<g class={quoteattr(item.kind)}>" if item.kind else "<g>"
        if item.title:
            yield f"<title>{_text(item.title)}</title>"
        for inner in item.items:
            yield from _item(inner)
        yield "</g>"
    elif isinstance(item, Rect):
        yield _rect(item)
    elif isinstance(item, Text):
        yield _text_line(item)
    elif isinstance(item, Line):
        yield from _line(item)


def _paint(fill: str | None, stroke: str | None, stroke_width: float, dashed: bool) -> str:
    paint = f' fill="{fill or "none"}"'
    if stroke:
        paint += f' stroke="{stroke}"' + (f' stroke-width="{_number(stroke_width)}"' if stroke_width != 1 else "")
        paint += ' stroke-dasharray="5 4"' if dashed else ""
    return paint


def _rect(rect: Rect) -> str:
    paint = _paint(rect.fill, rect.stroke, rect.stroke_width, rect.dashed)
    if rect.top_radius == rect.bottom_radius:
        radius = f' rx="{_number(rect.top_radius)}"' if rect.top_radius else ""
        return (f'<rect x="{_number(rect.x)}" y="{_number(rect.y)}" width="{_number(rect.width)}"'
                f' height="{_number(rect.height)}"{radius}{paint}/>')
    return f'<path d="{_half_rounded(rect)}"{paint}/>'


def _half_rounded(rect: Rect) -> str:
    """Outline of a rectangle with different radii above and below."""
    n, top, low = _number, rect.top_radius, rect.bottom_radius
    wide, high = rect.width, rect.height
    return (f"M{n(rect.x)} {n(rect.y + top)}q0 {n(-top)} {n(top)} {n(-top)}h{n(wide - 2 * top)}"
            f"q{n(top)} 0 {n(top)} {n(top)}v{n(high - top - low)}q0 {n(low)} {n(-low)} {n(low)}"
            f"h{n(2 * low - wide)}q{n(-low)} 0 {n(-low)} {n(-low)}z")


def _text_line(text: Text) -> str:
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    weight = ' font-weight="600"' if text.bold else ""
    turn = f' transform="rotate(-90 {_number(text.x)} {_number(text.y)})"' if text.turned else ""
    return (f'<text x="{_number(text.x)}" y="{_number(text.y)}" font-size="{_number(text.size)}"{weight}{anchor}{turn}'
            f' fill="{text.fill}">{_text(text.text)}</text>')


def _line(line: Line) -> Iterator[str]:
    path = "".join(command + " ".join(f"{_number(x)} {_number(y)}" for x, y in points)
                   for command, points in rounded(line.points, line.radius))
    yield f'<path d="{path}"{_paint(None, line.stroke, line.stroke_width, line.dashed)}/>'
    if line.arrow:
        head = " ".join(f"{_number(x)},{_number(y)}" for x, y in arrow_head(line.points))
        yield f'<polygon points="{head}" fill="{line.stroke}"/>'


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", text))


def _number(value: float) -> str:
    """Two digits behind the point are a fortieth of a printer's dot; no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value != int(value) else str(int(value))

"""Widths of text, so that boxes fit around it without asking a font.

A drawing is shown with whatever sans-serif font the viewer has. The widths are those of DejaVu Sans,
the widest of the usual ones, so that text in Helvetica, Arial or Segoe UI fits too.
"""

from __future__ import annotations

from ..base.units import clip_while, clipped_middle

#: Widths of the printable ASCII characters in thousandths of the font size (DejaVu Sans, rounded up to 20).
_WIDTHS = {
    280: "'ijl",
    300: "IJ",
    320: " ,.",
    340: "/:;\\|",
    360: "f",
    380: "-",
    400: "()[]t",
    420: "!r",
    480: '"',
    520: "*_`",
    540: "?sz",
    560: "Lc",
    580: "Fk",
    600: "vxy",
    620: "PTYaeo",
    640: "$0123456789ESbdghnpqu{}",
    660: "K",
    700: "ABCRVXZ",
    740: "U",
    760: "HN",
    780: "DG",
    800: "&OQ",
    820: "w",
    840: "#+<=>^~",
    880: "M",
    960: "%",
    980: "m",
    1000: "W",
    1020: "@",
}
_WIDTH_OF = {character: width for width, characters in _WIDTHS.items() for character in characters}

#: Characters outside ASCII: as wide as a wide letter; East Asian ones fill the em.
_OTHER, _EM = 840, 1000

#: Bold letters of the same fonts are wider by this factor (measured on names of layers: 1.09 to 1.13).
_BOLD = 1.12


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a line of text in the unit of `size` (an upper estimate)."""
    thousandths = sum(_WIDTH_OF.get(c) or (_EM if ord(c) >= 0x2E80 else _OTHER) for c in text)
    return thousandths / 1000 * size * (_BOLD if bold else 1)


def shortened(text: str, size: float, width: float, *, bold: bool = False) -> str:
    """The text, cut in the middle with `...` if it is wider than `width`: names differ at their ends."""
    return clip_while(lambda shown: text_width(shown, size, bold=bold) > width, text, clipped_middle)

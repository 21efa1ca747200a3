"""Colours and words of the drawings: one row per family of layers, and the few for everything else.

The families' colours are dark enough for white text (contrast at least 4.5) and stay apart for the
common kinds of colour blindness by lightness as well as by hue.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paint:
    """A family's colour and its name in the legend."""

    color: str
    words: str


FAMILIES: dict[str, Paint] = {
    "convolution": Paint("#2f5d8c", "convolution"),
    "dense": Paint("#5a4a8a", "dense"),
    "pooling": Paint("#2f7d5b", "pooling"),
    "normalization": Paint("#7a6a1f", "normalization"),
    "attention": Paint("#7d3f78", "attention"),
    "activation": Paint("#a23b3b", "activation"),
    "dropout": Paint("#8a6548", "dropout"),
    "arithmetic": Paint("#4f5b69", "arithmetic"),
    "comparison": Paint("#5f5566", "comparison"),
    "linear": Paint("#3f5f7f", "linear algebra"),
    "reduction": Paint("#3d6e72", "reduction"),
    "shape": Paint("#69737d", "shape"),
    "criterion": Paint("#a0451a", "criterion"),
    "source": Paint("#66707a", "parameter"),
    "other": Paint("#5c6670", "other"),
}


def paint(family: str) -> Paint:
    """A family's colour; a family without one is drawn as `other`, with its own name in the legend."""
    return FAMILIES.get(family) or Paint(FAMILIES["other"].color, family)


#: Boxes that are not layers: data, criteria and metrics, dashed; groups drawn as one box.
ROLES: dict[str, Paint] = {
    "data": Paint("#47576b", "data"),
    "criterion": Paint("#a0451a", "criterion"),
    "metric": Paint("#8a6d00", "metric"),
    "group": Paint("#52606d", "group"),
}

#: How a node of a drawing of differences is drawn; the sign stands before its name.
MARKS: dict[str, tuple[str, Paint]] = {
    "added": ("+", Paint("#2f7d5b", "added")),
    "removed": ("-", Paint("#a23b3b", "removed")),
    "changed": ("~", Paint("#8f5f00", "changed")),
    "": ("", Paint("#6b7785", "the same")),
}

TEXT = "#1f2933"
FAINT = "#52606d"
LINE = "#6b7886"
#: Lines that lead back to an earlier step.
RETURN = "#7a4fa3"
BORDER = "#c3ccd6"
BACKGROUND = "#ffffff"
#: The lines of a chart's grid.
GRID = "#e3e8ee"

#: Fill of a group drawn as one box.
CLOSED = "#e3e8ef"

#: Fill of group frames, by level; deeper ones alternate.
FRAMES = ("#f4f6f9", "#e9edf3")

#: Colour on a light page -> its stand-in on a dark one, for texts, for areas and for lines. Families keep their
#: colour: their white text can be read on either.
DARK_TEXTS = {TEXT: "#e6ebf1", FAINT: "#a7b3c0", "#47576b": "#b4c3d4", "#a0451a": "#f08a4b", "#8a6d00": "#d9b44a",
              "#2f7d5b": "#58b88d", "#a23b3b": "#e58a8a", "#8f5f00": "#d9a94a", "#6b7785": "#a3afbc"}
DARK_AREAS = {BACKGROUND: "#1d242d", FRAMES[0]: "#212934", FRAMES[1]: "#28313d", CLOSED: "#2b3542", TEXT: "#465363"}
DARK_LINES = {RETURN: "#b48be0", LINE: "#8694a4", BORDER: "#465363", GRID: "#323c48", TEXT: "#e6ebf1", FAINT: "#a7b3c0",
              "#47576b": "#8fa3ba", "#a0451a": "#f08a4b", "#8a6d00": "#d9b44a",
              "#0b63a5": "#5aa9e6", "#c8551b": "#f08a4b", "#2f7d5b": "#58b88d", "#8a3f75": "#c77fb3",
              "#a23b3b": "#e58a8a", "#8f5f00": "#d9a94a", "#6b7785": "#8f9dab"}


def words(family: str) -> str:
    """The family's name in a legend."""
    return paint(family).words

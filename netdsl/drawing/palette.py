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
    "activation": Paint("#a23b3b", "activation"),
    "dropout": Paint("#8a6548", "dropout"),
    "arithmetic": Paint("#4f5b69", "arithmetic"),
    "comparison": Paint("#5f5566", "comparison"),
    "linear": Paint("#3f5f7f", "linear algebra"),
    "reduction": Paint("#3d6e72", "reduction"),
    "shape": Paint("#69737d", "shape"),
    "recurrent": Paint("#8a3f75", "recurrence"),
    "sequence": Paint("#8a3f75", "sequence"),
    "attention": Paint("#9a4a1f", "attention"),
    "embedding": Paint("#6a3f8a", "embedding"),
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

TEXT = "#1f2933"
FAINT = "#52606d"
LINE = "#6b7886"
BORDER = "#c3ccd6"
BACKGROUND = "#ffffff"

#: Fill of a group drawn as one box.
CLOSED = "#e3e8ef"

#: Fill of group frames, by level; deeper ones alternate.
FRAMES = ("#f4f6f9", "#e9edf3")


def words(family: str) -> str:
    """The family's name in a legend."""
    return paint(family).words

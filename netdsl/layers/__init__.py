"""Table 1: the layers. A row is a class; this is the list of all rows, in the order of the docs."""

from __future__ import annotations

from . import activation
from .base import Layer

_FAMILIES = (activation,)


def _rows() -> tuple[type[Layer], ...]:
    """Every public Layer class with a forward of its own family files (not their bases)."""
    found: list[type[Layer]] = []
    for module in _FAMILIES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Layer) and value.__module__ == module.__name__ \
                    and value.examples:
                found.append(value)
    return tuple(found)


ROWS: tuple[type[Layer], ...] = _rows()
LAYERS: dict[str, type[Layer]] = {row.name(): row for row in ROWS}
#: Every name that a file may use, aliases included.
NAMES: dict[str, type[Layer]] = {**LAYERS, **{alias: row for row in ROWS for alias in row.aliases}}

"""The table of CNTK's core library: a row for each function that BrainScript texts can call."""

from __future__ import annotations

from functools import lru_cache

from .library_layers import LAYERS
from .library_missing import MISSING
from .library_nodes import NODES
from .library_row import LibraryRow, Spelled
from .library_spelled import write_crop
from .library_values import VALUES

#: heading of docs/cntk.md -> rows
LIBRARY: dict[str, tuple[LibraryRow, ...]] = {
    "Layers": LAYERS, "Operations": NODES, "Values, lists and texts": VALUES, "Not supported yet": MISSING}

#: C++ operations of `new ComputationNode [operation = ...]` whose name is not that of the library's function
OPERATIONS = {
    "InputValue": "Input", "SparseInputValue": "SparseInput", "LearnableParameter": "ParameterTensor",
    "RectifiedLinear": "ReLU", "Reshape": "NewReshape", "LegacyReshape": "Reshape", "If": "BS.Boolean.If",
    "ErrorPrediction": "ClassificationError",
}
#: Operations that only `new ComputationNode` makes
OBJECTS: dict[str, LibraryRow] = {row.name: row for row in (
    Spelled("Crop (x, reference, offsetX = None, offsetY = None)", write_crop, "with its offsets alone"),)}


@lru_cache(maxsize=1)
def by_name() -> dict[str, LibraryRow]:
    """The rows by their names with namespaces; names of CNTK2 that are those of the library are the library's."""
    return {row.name: row for rows in LIBRARY.values() for row in rows}


def find_row(name: str) -> LibraryRow | None:
    """The row of a name with its namespace."""
    rows = by_name()
    if name.startswith("CNTK2.") and name not in rows:
        return rows.get(name.removeprefix("CNTK2."))
    return rows.get(name)


@lru_cache(maxsize=1)
def namespaces() -> frozenset[str]:
    """`BS`, `BS.Parameters`, ..."""
    found = set()
    for name in by_name():
        parts = name.split(".")[:-1]
        found |= {".".join(parts[: n + 1]) for n in range(len(parts))}
    return frozenset(found)


__all__ = ["LIBRARY", "OBJECTS", "OPERATIONS", "by_name", "find_row", "namespaces"]

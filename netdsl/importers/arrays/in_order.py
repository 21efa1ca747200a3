"""Arrays of a file that has no names worth the word: one after the other, as the network has its tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...base.codes import Code
from ...base.failure import Failure, failure
from ...base.lazy import LazyModule
from ...base.source import Span
from ..weight_format import FoundArrays, Wanted

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

Arrays = Mapping[str, "np.ndarray[Any, Any]"]


def arrays_in_order(found: Arrays, wanted: Wanted, path: Path) -> FoundArrays:
    """Each array as the tensor at its place, where as many numbers are wanted there. Raises Failure."""
    if len(found) != len(wanted) or any(array.size != math.prod(shape) for array, shape in zip(
            found.values(), wanted.values(), strict=True)):
        raise _out_of_step(found, wanted, path)
    result = FoundArrays()
    for (theirs, array), (ours, shape) in zip(found.items(), wanted.items(), strict=True):
        result[ours], result.how[ours] = np.array(array, order="C").reshape(shape), (theirs, "in order")
    return result


def _out_of_step(found: Arrays, wanted: Wanted, path: Path) -> Failure:
    theirs = [(name, tuple(array.shape)) for name, array in found.items()]
    ours = list(wanted.items())
    rows = []
    for k in range(max(len(theirs), len(ours))):
        mine, other = ours[k] if k < len(ours) else None, theirs[k] if k < len(theirs) else None
        if mine is None or other is None or math.prod(mine[1]) != math.prod(other[1]):
            rows.append(f"    {k + 1}: network {_shown(mine)}, file {_shown(other)}")
    more = [f"    and {len(rows) - 8} more"] if len(rows) > 8 else []
    return failure(Code.CHECKPOINT_MISMATCH, f"the arrays of `{path.name}` do not fit the network one after the other",
                   Span.nowhere(str(path)),
                   body=(f"The file has {len(theirs)} arrays without the network's names, and the network {len(ours)} "
                         "tensors. These places differ:", "\n".join(rows[:8] + more)),
                   hint="say which is which in a map: --map FILE with lines `theirs -> ours`.")


def _shown(item: tuple[str, tuple[int, ...]] | None) -> str:
    return f"{item[0]} ({' x '.join(map(str, item[1])) or '1'})" if item is not None else "nothing"

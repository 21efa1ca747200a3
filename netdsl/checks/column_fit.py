"""What the training data decide for all data of a file: words of categories, fills, means and standard deviations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

from ..ir.network import ShapedNode
from ..ir.program import Program
from ..readers.reader import DataError


def share_fit(program: Program[ShapedNode], stored: Mapping[str, Any] | None = None) -> Program[ShapedNode]:
    """The program with what a checkpoint (`stored`) says of its columns in all readers; else what training data say.

    Where the training data cannot be read, every reader goes by its own data; what is wrong with them has a page of
    its own.
    """
    given = cache(lambda: stored or training_fit(program))
    changed = {phase: reader.with_fit(given) for phase in ("train", "validation", "test")
               if (reader := getattr(program.readers, phase)) is not None and (stored or phase != "train")}
    return dataclasses.replace(program, readers=dataclasses.replace(program.readers, **changed))


def training_fit(program: Program[ShapedNode]) -> Mapping[str, Any]:
    """What the training data say; nothing where they are not there or are damaged."""
    train = program.readers.train
    if train is None:
        return {}
    try:
        return train.fit()
    except DataError:
        return {}

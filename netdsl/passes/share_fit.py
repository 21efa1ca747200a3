"""What the training data decide for all data of a file: words of categories, fills, means and standard deviations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

from ..ir.program import CheckedProgram, Phase
from ..readers.reader import DataError


def share_fit(program: CheckedProgram, stored: Mapping[str, Any] | None = None) -> CheckedProgram:
    """The program with what a checkpoint (`stored`) says of its columns in all readers; else what training data say.

    Where the training data cannot be read, every reader goes by its own data; what is wrong with them is reported
    by the checks.
    """
    given = cache(lambda: stored or training_fit(program))
    changed = {phase: reader.with_fit(given) for phase, reader in program.readers.items()
               if stored or phase is not Phase.TRAIN}
    return dataclasses.replace(program, readers=program.readers.replaced(changed))


def training_fit(program: CheckedProgram) -> Mapping[str, Any]:
    """What the training data say; nothing where they are missing or are damaged."""
    train = program.readers.get(Phase.TRAIN)
    try:
        return train.fit() if train is not None else {}
    except DataError:
        return {}

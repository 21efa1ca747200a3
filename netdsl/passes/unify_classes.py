"""One numbering of the classes in the data of all phases: that of training, or a checkpoint's."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache

from ..ir.program import CheckedProgram, Phase
from ..readers.reader import DataError, Description, describe_reader


def unify_class_ids(program: CheckedProgram, stored: Sequence[str] = ()) -> CheckedProgram:
    """The program with one numbering of classes in all of its data: a checkpoint's (`stored`), else that of training.

    Otherwise a set that lacks a class would number those after it one lower.
    """
    given = cache(lambda: trained_classes(program, stored))
    changed = {phase: reader.with_classes(lambda data: given().get(data, ()))
               for phase, reader in program.readers.items() if stored or phase is not Phase.TRAIN}
    return dataclasses.replace(program, readers=program.readers.replaced(changed))


def trained_classes(program: CheckedProgram, stored: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Names of classes by input. A checkpoint keeps those of the first input that has any."""
    for phase, reader in program.readers.items():
        names = class_names_by_input(describe_reader(reader)) if stored or phase is Phase.TRAIN else {}
        if names and stored:
            return {**(names if phase is Phase.TRAIN else {}), next(iter(names)): tuple(stored)}
        if names:
            return names
    return {}


def class_names_by_input(description: Description | DataError) -> dict[str, tuple[str, ...]]:
    streams = description.streams if isinstance(description, Description) else ()
    return {stream.name: stream.class_names for stream in streams if stream.class_names}

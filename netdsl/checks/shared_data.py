"""What the readers of a program have in common that they should not: test data that are the training data."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.source import Span
from ..ir.program import CheckedProgram, Phase
from ..readers.files import locate, short


def shared_sources(program: CheckedProgram) -> Iterator[Diagnostic]:
    """A warning where a phase is measured on files or folders that are trained on."""
    train = program.readers.get(Phase.TRAIN)
    if train is None:
        return
    trained = {_identity(path) for path in train.sources()}
    for phase in (Phase.VALIDATION, Phase.TEST):
        reader = program.readers.get(phase)
        shared = [path for path in reader.sources() if _identity(path) in trained] if reader is not None else []
        if shared:
            span = program.readers.spans.get(phase, Span.nowhere(program.source.name))
            names = ", ".join(short(path) for path in shared[:3]) + (" and more" if len(shared) > 3 else "")
            related = (Label(program.readers.spans["train"], "trained on"),) if "train" in program.readers.spans else ()
            yield Diagnostic(
                Code.DOUBTFUL, f"the {phase} data are among the training data: {names}",
                Label(span, "this measures on data that the network has learned"), related=related, severity="warning",
                hint="use data that are not trained on, or hold some out: `validation = 0.2` in `SGD`."
                if phase == "validation" else "use data that are not trained on.")


def _identity(path: str) -> str:
    """One text for every way to name a file or folder."""
    return os.path.realpath(path if os.path.isdir(path) else locate(path) or path)

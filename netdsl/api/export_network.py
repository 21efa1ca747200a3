"""A network with its weights as a file of another system, for the command line and Python alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..base.failure import Failure
from ..exporters import FORMATS, Exported, ExportOptions, ExportRequest
from ..ir.program import CheckedProgram
from ..runs.store import checkpoint_in, checkpoint_of, described_checkpoint, network_name


def export_network(program: CheckedProgram, form: str, checkpoint: str | None, out: str | Path | None,
                   options: ExportOptions, *, epoch: str | None, untrained: bool, tell: Callable[[str], None]
                   ) -> Exported:
    """Write the network in a format of the table; `tell` hears which checkpoint it is. Raises Failure."""
    row, file = FORMATS[form], program.source.name
    path = None if untrained else _checkpoint(file, checkpoint, epoch)
    tell("untrained: the weights are as training would start" if path is None
         else f"checkpoint: {described_checkpoint(path)}")
    target = Path(out) if out is not None else Path(f"{network_name(file)}{row.suffix}")
    request = ExportRequest(program, path, target, options)
    row.check(request)
    return row.write(request)


def _checkpoint(file: str, given: str | None, epoch: str | None) -> Path:
    try:
        return checkpoint_in(checkpoint_of(file, given), epoch)
    except Failure as missing:
        if given is not None:
            raise
        raise Failure([replace(page, hint=f"{page.hint.rstrip('.')}; --untrained exports it without training.")
                       for page in missing.diagnostics]) from missing


__all__ = ["FORMATS", "ExportOptions", "Exported", "export_network"]

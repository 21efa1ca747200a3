"""Files of other systems as `.net` files, with their weights: `netdsl import`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.atomic_files import write_result
from ..base.codes import Code
from ..base.diagnostics import Diagnostic
from ..base.failure import failure
from ..base.source import Span
from ..compiler import load
from ..describe.imported_text import imported_text, read_again, written_name
from ..importers.weight_table import weight_format_of
from ..ir.program import CheckedProgram


@dataclass(frozen=True)
class ImportedFile:
    """What was written: a `.net` file, and the weights beside it where there are some."""

    path: Path
    text: str
    program: CheckedProgram  #: what the written text means: the same as the original
    notes: tuple[Diagnostic, ...] = ()  #: warnings, and what the original says that has no meaning here
    weights: Path | None = None
    report: str = ""  #: what became of the weights, in words


def import_file(file: str | Path, overrides: Sequence[str] = (), *, out: str | Path | None = None,
                weights: str | Path | None = None, map: str | Path = "", allow_missing: Sequence[str] = (),
                force: bool = False) -> ImportedFile:
    """Write a file of CNTK, Caffe, darknet or ONNX as a `.net` file that means the same: `netdsl import`.

    out            the file to write; None: beside the original, with the ending `.net`
    weights        a file with weights of that system: written as safetensors under the names of the `.net` file;
                   a file that has weights itself (ONNX, a model of CNTK) needs none
    map            which tensor of the weights is which: a file, "auto", or one of netdsl's maps
    allow_missing  patterns of tensors that may be missing in it
    force          write over a file that is there

    The text is read again and compared with the original before it is written. Raises Failure.
    """
    target = Path(out) if out is not None else Path(written_name(str(file)))
    _require_new(target, Path(file), force)
    text, again, notes = text_of_import(file, overrides, str(target))
    given = Path(weights) if weights is not None else Path(file) if weight_format_of(Path(file)) is not None else None
    stored, report = None, ""
    if given is not None:
        from ..training.evaluation.imported_weights import stored_weights

        stored = target.with_suffix(".safetensors")
        _require_new(stored, given, force)
        data, report = stored_weights(again, given, tuple(allow_missing), str(map))
        write_result(stored, data)
    write_result(target, text)
    return ImportedFile(target, text, again, notes, stored, report)


def text_of_import(file: str | Path, overrides: Sequence[str], name: str
                   ) -> tuple[str, CheckedProgram, tuple[Diagnostic, ...]]:
    """The `.net` text of a file, the program it means, and what is to be said of the original. Raises Failure."""
    checked = load(file, tuple(overrides))
    program = checked.require_network()
    text = imported_text(checked)
    return text, read_again(program, text, name), tuple(d for d in checked.diagnostics if not d.is_error)


def _require_new(target: Path, original: Path, force: bool) -> None:
    same = target.exists() and original.exists() and target.samefile(original)
    if same or (target.exists() and not force):
        raise failure(Code.CANNOT_WRITE, f"`{target}` is there already: nothing is overwritten",
                      Span.nowhere(str(target)), hint="name another file with --out." if same else
                      "name another file with --out, or write over it with --force.")

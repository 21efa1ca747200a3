"""Two networks compared: `netdsl diff`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..base.atomic_files import write_result
from ..base.codes import Code
from ..base.failure import failure
from ..base.source import Source, Span
from ..compiler import CheckResult, load
from ..describe.diff_picture import diff_picture
from ..describe.diff_text import diff_text
from ..describe.program_diff import ProgramDiff, compare
from ..drawing import FORMATS
from ..ir.program import CheckedProgram
from ..runs.store import file_of
from .programs import Network


@dataclass(frozen=True, repr=False)
class Difference:
    """What differs between two networks. Its text is what `netdsl diff` prints; `parts` is the data behind it."""

    then: CheckedProgram
    now: CheckedProgram
    parts: ProgramDiff

    @property
    def equal(self) -> bool:
        """Whether nothing differs but names."""
        return self.parts.is_equal

    def text(self, width: int | None = 100, *, all: bool = False) -> str:
        return diff_text(self.parts, width, all)

    def to_json(self) -> dict[str, Any]:
        return self.parts.to_json()

    def picture(self, out: str | Path | None = None, *, format: str | None = None, depth: int | None = None,
                direction: Literal["tb", "lr"] = "tb") -> str | bytes:
        """Both networks in one drawing, also written to a file whose ending says the format. Raises Failure."""
        form = _format_of(out, format)
        data = diff_picture(self.then, self.now, self.parts, form, direction, depth)
        if out is not None:
            write_result(Path(out), data)
        return data

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Difference {self.parts.names[0]} -> {self.parts.names[1]}: {'equal' if self.equal else 'different'}>"

    def _repr_svg_(self) -> str:
        return str(self.picture())


def diff(then: Network, now: Network) -> Difference:
    """What differs between two networks: nodes, shapes, cost, plan and data: `netdsl diff`.

    Each is a `.net` file, a file of CNTK, Caffe, darknet or ONNX, a run's folder, or what `check` made of one.
    Raises Failure for one that has errors.
    """
    programs = _program(then), _program(now)
    return Difference(*programs, compare(*programs, names=(_name(then), _name(now))))


def _program(given: Network) -> CheckedProgram:
    if isinstance(given, CheckedProgram):
        return given
    checked = given if isinstance(given, CheckResult) else load(
        given if isinstance(given, Source) else file_of(str(given)))
    return checked.require_network()


def _name(given: Network) -> str:
    if isinstance(given, CheckedProgram | CheckResult):
        return given.source.name
    return given.name if isinstance(given, Source) else str(given)


def _format_of(out: str | Path | None, given: str | None) -> str:
    """The format that is asked for, or that the ending of a file says; else svg."""
    ending = given or (Path(out).suffix[1:] if out is not None else "") or "svg"
    names = {**{name: name for name in FORMATS}, **{row.extension: name for name, row in FORMATS.items()}}
    if ending not in names:
        raise failure(Code.WRONG_ARGUMENTS, f"there is no picture format `{ending}`", Span.nowhere(str(out or ending)),
                      hint=f"formats are {', '.join(FORMATS)}.")
    return names[ending]


__all__ = ["Difference", "diff"]

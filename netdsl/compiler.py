"""The front of the compiler in one call: text -> checked program, with everything that was found."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from .base.codes import Code
from .base.diagnostics import Diagnostic
from .base.failure import Failure, failure
from .base.recursion import paused_collector
from .base.render import in_file_order
from .base.source import Files, Source, Span
from .base.suggest import did_you_mean
from .base.units import plural
from .checks.axis_order import add_axis_hints
from .checks.check_program import check_program
from .checks.reader_data import add_label_hints
from .elaborate import elaborate
from .elaborate.overrides import with_overrides
from .importers import Imported, ImportRequest, format_of
from .importers.format_table import is_binary, kind_of, parts_of
from .importers.weight_table import weight_format_of
from .ir.network import NetworkTotals, Node, ShapedNode, totals
from .ir.program import CheckedProgram, Origin, Program
from .passes import run_passes
from .passes.run_passes import Passed
from .passes.shapes import infer_shapes
from .syntax import ast
from .syntax.parser import parse, shipped


@dataclass(frozen=True, repr=False)
class CheckResult:
    """A file after every check. `program` is None where its text could not be evaluated at all.

    `nodes` are the rows of the table, shaped as far as shapes are known; `failed` the nodes whose
    rule does not hold; `unused` those of another system's file that no list of nodes needs: checked, and not run.
    """

    source: Source
    module: ast.Module | None
    program: CheckedProgram | None
    failed: tuple[Node, ...]
    diagnostics: tuple[Diagnostic, ...]
    unused: tuple[ShapedNode, ...] = ()

    def __repr__(self) -> str:
        warnings = len(self.diagnostics) - len(self.errors)
        return (f"<CheckResult {self.source.name}: {plural(len(self.errors), 'error')}, {plural(warnings, 'warning')}, "
                f"{self.program!r}>")

    def _repr_html_(self) -> str | None:
        return self.program._repr_html_() if self.program is not None and not self.errors else None

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.is_error)

    @property
    def totals(self) -> NetworkTotals:
        assert self.program is not None
        return totals(self.program.network)

    def require_network(self) -> CheckedProgram:
        """The program for what needs no data: problems with the data alone do not count."""
        errors = tuple(d for d in self.errors if d.code not in (Code.READER_FILE, Code.READER_SHAPE))
        if errors:
            raise Failure(errors)
        assert self.program is not None
        return self.program

    def require(self) -> CheckedProgram:
        """The program; raises Failure with every error if there is one."""
        if self.errors:
            raise Failure(self.errors)
        assert self.program is not None
        return self.program


def read_source(path: str, files: Files) -> Source:
    """The text of a file as a Source. Raises Failure where it cannot be read.

    A shipped network is found by its name wherever netdsl is installed: `networks/alexnet_imagenet.net`.
    """
    try:
        if is_binary(path) and files.exists(path):
            return Source(path, "")
        parts = parts_of(path)
        if parts and not files.exists(path):
            return Source(path, "".join(read_source(part, files).text for part in parts))
        return files.read(path if files.exists(path) else _shipped(path))
    except (OSError, UnicodeDecodeError) as error:
        kind = kind_of(path) if isinstance(error, UnicodeDecodeError) else ""
        why = f"it is {kind}" if kind else "it does not exist" if isinstance(error, FileNotFoundError) else \
            "it is a folder" if isinstance(error, IsADirectoryError) else \
            "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        folder = Path(path).parent
        beside = [file.name for file in folder.glob("*.net")] if isinstance(error, FileNotFoundError) else []
        raise failure(Code.NO_FILE, f"`{path}` cannot be read: {why}", Span.nowhere(path),
                      hint=did_you_mean(Path(path).name, beside) or _cure(path, kind)) from None


def _cure(path: str, kind: str) -> str:
    """What to do with a file that is no text; empty where its kind says nothing."""
    if "UTF-16" in kind:
        return "save it as UTF-8, for example with `iconv -f UTF-16 -t UTF-8`."
    if weight_format_of(Path(path)) is not None:
        return f"name the network's file, and these with `--weights {path}` or `-c {path}`."
    return ""


def _shipped(path: str) -> str:
    """The place of a shipped network that a path without its folders names; else the path itself."""
    parts = PurePath(path).parts
    name = parts[-1] if parts and parts[:-1] in ((), ("networks",)) else ""
    place = shipped("networks") / name
    return str(place) if name and place.is_file() else path


def examine(source: Source, overrides: Sequence[str] = (), files: Files | None = None,
            sample: str | None = None) -> CheckResult:
    """Parse, elaborate, infer and check; never raises Failure. `sample` is a folder with sample data."""
    with paused_collector():
        return _examine(source, overrides, files or Files(), sample)


def read_module(source: Source, overrides: Sequence[str] = (), files: Files | None = None) -> Imported:
    """The AST of a file: parsed if it is a `.net` file, else read by the row of its format. Raises Failure."""
    row = format_of(source.name, source.text)
    if row is None:
        return Imported(parse(source), tuple(overrides), unused_names=True)
    return row.read(ImportRequest(source, tuple(overrides), files or Files()))


def _examine(source: Source, overrides: Sequence[str], files: Files, sample: str | None) -> CheckResult:
    try:
        read = read_module(source, overrides, files)
        module = with_overrides(read.module, read.overrides)
    except Failure as failed:
        return CheckResult(source, None, None, (), failed.diagnostics)
    program, problems = elaborate(module, files, sample)
    problems = [*read.notes, *(p for p in problems if read.unused_names or p.code != Code.UNUSED_NAME)]
    if program is None:
        return CheckResult(source, module, None, (), tuple(in_file_order(problems)))
    passed = run_passes(program)
    problems += passed.diagnostics
    unused = _unused(program, passed, problems) if not read.unused_names else ()
    if passed.failed:
        problems = add_label_hints(passed.failed, passed.program, problems)
        problems = add_axis_hints(passed.failed, passed.program, problems)
    else:
        problems += check_program(passed.program, whole=not any(d.is_error for d in problems))
    ordered = tuple(in_file_order(problems))
    origin = Origin(module, tuple(overrides), files, tuple(d for d in ordered if not d.is_error))
    checked = dataclasses.replace(passed.program, origin=origin)
    return CheckResult(source, module, checked, passed.failed, ordered, unused)


def _unused(program: Program, passed: Passed, problems: list[Diagnostic]) -> tuple[ShapedNode, ...]:
    """The nodes that no list of nodes needs, with their shapes. A mistake in one is a warning: nothing runs it."""
    known = {node.name for node in (*passed.program.network, *passed.failed)}
    if all(node.name in known for node in program.network):
        return ()
    whole = infer_shapes(program)
    problems += [dataclasses.replace(problem, severity="warning") for problem in whole.diagnostics
                 if problem not in passed.diagnostics]
    return tuple(node for node in whole.program.network if node.name not in known)


def load(file: str | Path | Source, overrides: Sequence[str] = (), files: Files | None = None,
         sample: str | None = None) -> CheckResult:
    """A `.net` file (a path, or a Source with its text) read and examined as far as it goes.

    `overrides` are `path=value` texts as on the command line. Does not raise for mistakes in the
    file: they are in `.diagnostics`. Raises Failure only if the file cannot be read at all.
    `sample` is a folder with the file's embedded sample data, to be taken instead of the real data.
    """
    files = files or Files()
    source = file if isinstance(file, Source) else read_source(str(file), files)
    return examine(source, tuple(overrides), files, sample)


def check(file: str | Path | Source | CheckResult, overrides: Sequence[str] = ()) -> CheckedProgram:
    """The checked program of a file. Raises Failure with every mistake found."""
    return (file if isinstance(file, CheckResult) else load(file, overrides)).require()

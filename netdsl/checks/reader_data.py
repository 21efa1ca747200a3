"""What readers deliver against what the network takes; data that are missing or wrong."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Edit, Label
from ..base.source import Span
from ..base.suggest import suggest
from ..ir.network import Node, ShapedNode
from ..ir.program import CheckedProgram, Phase
from ..readers.files import short
from ..readers.reader import DataError, Description, Stream, describe_reader
from .axis_order import ORDER, meant_shape, write_shape
from .labels import first_label_hint, labels_said


def check_stream(program: CheckedProgram, phase: str, description: Description, stream: Stream, node: ShapedNode
            ) -> Iterator[Diagnostic]:
    if stream.dims is None:
        return
    delivered = 1
    for extent in stream.dims:
        delivered *= extent
    same_size = delivered == node.shape.size
    flat = len(stream.dims) == 1 or node.shape.rank == 1
    class_index = stream.classes is not None and node.shape.file_dims in ((1,), (*stream.dims[:-1], 1))
    if tuple(stream.dims) == node.shape.file_dims or (same_size and flat) or class_index:
        return
    shown = " x ".join(str(d) for d in stream.dims)
    body: tuple[str, ...] = ()
    fix: tuple[Edit, ...] = ()
    if stream.classes is not None:
        label, why = f"the reader has {stream.classes} classes", f"the network takes {node.shape}"
        body = tuple(f"Samples of the {fact}." for fact in description.facts if fact.startswith("classes: "))
        hint = f"either the data has the wrong number of classes, or `{node.name}` needs {stream.classes} of them."
        body, hint = (*body, *labels_said(stream)), first_label_hint(stream, node.shape.size) or hint
    else:
        label, why = f"the reader delivers {shown}", f"the network takes {node.shape}"
        hint, fix = _shape_cure(program, phase, stream.dims, node)
    yield Diagnostic(
        Code.READER_SHAPE, f"the {phase} reader and the network disagree about `{node.name}`",
        Label(program.readers.spans.get(phase, node.span), label), related=(Label(node.span, why),),
        body=body, hint=hint, fix=fix)


def _shape_cure(program: CheckedProgram, phase: str, dims: Sequence[int], node: ShapedNode
                ) -> tuple[str, tuple[Edit, ...]]:
    """What to write where the data have another shape than the input: their shape, or a transform."""
    form, fix = write_shape(node, dims)
    if meant_shape(node, tuple(dims)) is not None:
        return f"{ORDER}: write {form}.", fix
    scaled = ":".join(map(str, node.shape.file_dims))
    takes_transforms = len(dims) == node.shape.rank == 3 and program.readers[Phase(phase)].option("transforms")
    other = f", or make the reader deliver {node.shape}: `transforms = Scale {{{scaled}}}`" if takes_transforms else ""
    return f"write {form}{other}.", fix


def add_label_hints(
    failed: Sequence[Node], program: CheckedProgram, problems: Iterable[Diagnostic]
) -> list[Diagnostic]:
    """The problems of failed criteria; adds a hint about the labels where the reader matches the network's output."""
    found = list(problems)
    train = program.readers.get(Phase.TRAIN)
    description = describe_reader(train) if train is not None else None
    if not isinstance(description, Description):
        return found
    for node in failed:
        names = [use.node for use in node.inputs]
        if len(names) < 2 or any(name not in program.network for name in names[:2]):
            continue
        labels, output = program.network[names[0]], program.network[names[1]]
        stream = description.stream(labels.name)
        classes = stream.classes if stream is not None else None
        if not labels.layer.is_input or classes is None or output.shape.size != classes or labels.shape.size == classes:
            continue
        for index, d in enumerate(found):
            if d.code == Code.SHAPE_MISMATCH and node.span.start <= d.primary.span.start < node.span.end:
                related = (*d.related, Label(labels.span, f"the data has {classes} classes"))
                found[index] = dataclasses.replace(
                    d, related=related, body=(), hint=f"the data and the last layer agree: write "
                                                      f"`{labels.name} = Input {{{classes}}}`.")
    return found


def find_missing_files(
    program: CheckedProgram, described: Mapping[Phase, Description | DataError]
) -> Iterator[Diagnostic]:
    """One problem for all files of all readers that are not there."""
    if program.readers.sample is not None:
        return
    missing: dict[str, str] = {}
    for phase, description in described.items():
        for path in description.missing if isinstance(description, Description) else ():
            missing.setdefault(path, phase)
    if not missing:
        return
    paths = list(missing)
    title = f"`{short(paths[0])}` is not there" if len(paths) == 1 else f"{len(paths)} data files do not exist"
    shown = "\n".join(f"    {path}" for path in paths[:8]) + ("\n    ..." if len(paths) > 8 else "")
    body = ("I looked for this:" if len(paths) == 1 else "I looked for these:", shown, *_neighbours(paths[0]))
    yield data_diagnostic(program, missing[paths[0]], DataError(
        title, body=body, hint="set the folder with an override such as `dataDir=PATH`, or fetch it with "
                               "`netdsl data`." if "dataDir" in program.settings else "correct the path."), "warning")


def _neighbours(path: str) -> tuple[str, ...]:
    """What the folder of a missing file holds, or from where its path counts."""
    folder, count = os.path.dirname(path) or ".", ""
    if not os.path.isabs(path):
        count = "Paths are relative to the folder in which the command runs."
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return (f"There is no folder `{folder}`{_nearest_folder(folder)} {count}".rstrip(),)
    listed = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "") if names else "nothing"
    return (f"The folder is there; it holds {listed}. {count}".rstrip(),)


def _nearest_folder(folder: str) -> str:
    """`; did you mean ...?` for a folder that is not there, by those beside its first part that is not; else a dot."""
    while (parent := os.path.dirname(folder)) and not os.path.isdir(parent):
        folder = parent
    try:
        beside = [entry.name for entry in os.scandir(parent or ".") if entry.is_dir()]
    except OSError:
        beside = []
    near = suggest(os.path.basename(folder), beside)
    return f"; did you mean `{os.path.join(parent, near)}`?" if near else "."


def data_diagnostic(program: CheckedProgram, phase: str, wrong: DataError, severity: str = "error") -> Diagnostic:
    """A DataError as a problem that points at the reader, or at its option that names the file."""
    spans = program.readers.spans
    span = spans.get(f"{phase}.{wrong.option}") or spans.get(phase)
    if span is None:
        span = Span.nowhere(program.source.name)
    path = "" if f"`{wrong.path}`" in wrong.title else wrong.path
    where = ", ".join(part for part in (path, wrong.place) if part)
    body = ((f"In {where}.",) if where else ()) + wrong.body
    return Diagnostic(Code.READER_FILE, wrong.title, Label(span, f"read for `{phase}`"), body=body, hint=wrong.hint,
                      severity=severity)

"""Where class numbers begin: labels that count from 1, and data that count otherwise than the training data."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.source import Span
from ..ir.program import CheckedProgram
from ..readers.reader import DataError, Description, Stream


def labels_said(stream: Stream) -> tuple[str, ...]:
    """A line for a diagnostic, where the labels of the data do not begin with the first class."""
    if stream.label_span is None or stream.label_span[0] <= stream.labels_from:
        return ()
    low, high = stream.label_span
    return (f"The labels are {low} to {high}: no sample has class {stream.labels_from}.",)


def first_label_hint(stream: Stream, wanted: int) -> str:
    """The fix where a network of so many classes fits the labels once they are counted from the smallest one."""
    if not labels_said(stream) or stream.label_span is None or stream.classes is None:
        return ""
    low, _ = stream.label_span
    if stream.classes - (low - stream.labels_from) != wanted:
        return ""
    return f"if the labels count from {low}, set `firstLabel = {low}` for each reader."


def unused_first_class(program: CheckedProgram, training: Description | DataError | None) -> Iterator[Diagnostic]:
    """A warning where the network takes as many classes as the largest label says, and none has the first one."""
    for stream in training.streams if isinstance(training, Description) else ():
        if not labels_said(stream) or stream.name not in program.network or stream.label_span is None:
            continue
        node = program.network[stream.name]
        low, high = stream.label_span
        if node.shape.size == high - stream.labels_from + 1 and low - stream.labels_from == 1:
            yield Diagnostic(
                Code.DOUBTFUL, f"the labels are {low} to {high}: no sample has class {stream.labels_from}",
                Label(program.readers.spans.get("train", node.span), f"labels for `{node.name}`"), severity="warning",
                related=(Label(node.span, f"{node.shape.size} classes"),),
                hint=f"if the labels count from {low}, set `firstLabel = {low}` for each reader, and the network needs "
                     f"{node.shape.size - 1} classes; else leave it as it is.")


def labels_begin_elsewhere(program: CheckedProgram, phase: str, description: Description,
                           training: Description | DataError | None) -> Iterator[Diagnostic]:
    """The error for data whose labels are counted from another number than those of the training data."""
    for stream in description.streams if isinstance(training, Description) and phase != "train" else ():
        assert isinstance(training, Description)
        trained = training.stream(stream.name)
        if trained is None or stream.label_span is None or trained.label_span is None \
                or trained.labels_from == stream.labels_from:
            continue
        spans = program.readers.spans
        where = spans.get(phase, Span.nowhere(program.source.name))
        yield Diagnostic(
            Code.READER_SHAPE, f"the {phase} reader and the training reader disagree about `firstLabel`",
            Label(where, f"`firstLabel` is {stream.labels_from}"),
            related=(Label(spans.get("train", where), f"`firstLabel` is {trained.labels_from}"),),
            hint="give both readers the same `firstLabel`.")

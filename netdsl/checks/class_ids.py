"""Classes of one set of data against those of another or of a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.failure import Failure
from ..base.source import Span
from ..base.suggest import did_you_mean
from ..ir.network import ShapedNode
from ..ir.program import CheckedProgram, Phase
from ..passes.unify_classes import trained_classes, unify_class_ids
from ..readers.files import short
from ..readers.reader import DataError, Description, Reader, Stream, describe_reader
from .reader_data import check_stream

#: Among more names a similar one is not looked for.
_FEW = 2000


def apply_checkpoint_classes(program: CheckedProgram, stored: Sequence[str], phase: Phase) -> CheckedProgram:
    """The program with the classes numbered as a checkpoint's names say, if it has any, else as for training.

    Raises Failure where the data of a phase have other classes than the checkpoint.
    """
    program = unify_class_ids(program, stored)
    reader = program.readers.get(phase)
    described = describe_reader(reader) if reader is not None else None
    if isinstance(described, Description):
        trained = trained_classes(program, stored) if stored else {}
        problems = []
        for stream in described.streams:
            problem = compare_classes(program, phase, stream, trained.get(stream.name, ()), "checkpoint")
            if problem is not None:
                problems.append(problem)
            elif stream.class_names and stream.name in program.network:
                problems += check_stream(program, phase, described, stream, program.network[stream.name])
        if problems:
            raise Failure(problems)
    return program


def may_lack_classes(stream: Stream, node: ShapedNode, training: Description | DataError | None) -> bool:
    """Whether a set may have fewer classes than the network.

    A set whose classes are numbers may lack the highest ones of the training data. Where the training data, which
    name all classes, are not there, the names in a checkpoint may number those of this set.
    """
    trained = training.stream(stream.name) if isinstance(training, Description) else None
    if trained is not None and trained is not stream and not stream.class_names and not stream.per_pixel \
            and trained.classes == node.shape.size and stream.classes is not None:
        return stream.classes < node.shape.size
    return isinstance(training, Description) and bool(training.missing) and bool(stream.class_names) \
        and len(stream.class_names) == stream.classes and stream.classes < node.shape.size


def find_class_differences(
    program: CheckedProgram, phase: Phase, description: Description, training: Description | DataError | None
) -> dict[str, Diagnostic]:
    """By input: what stands against one numbering of the training data's classes and of these."""
    if phase is Phase.TRAIN or not isinstance(training, Description):
        return {}
    alike = type(program.readers.get(Phase.TRAIN)) is type(program.readers.get(phase))
    problems: dict[str, Diagnostic | None] = {}
    for stream in description.streams:
        other = training.stream(stream.name)
        if other is None or not (stream.class_names or other.class_names):
            continue
        if stream.class_names and other.class_names:
            problems[stream.name] = compare_classes(program, phase, stream, other.class_names, "training data")
        elif alike and stream.classes and other.classes:
            problems[stream.name] = _names_and_numbers(program, phase, stream.class_names, other.class_names)
    return {data: problem for data, problem in problems.items() if problem is not None}


def _names_and_numbers(
    program: CheckedProgram, phase: Phase, here: tuple[str, ...], there: tuple[str, ...]
) -> Diagnostic:
    """The problem for classes that are names in one set and numbers in the other."""
    title = f"the {phase} data have names of classes, and the training data have numbers" if here else \
        f"the {phase} data have numbers of classes, and the training data have names"
    ours, theirs = (f"names: {_listed(names)}" if names else "numbers only" for names in (here, there))
    return _class_diagnostic(
        program,
        phase,
        title,
        ours,
        theirs,
        "write all classes the same way; one cell that is not a whole number makes all of them names.",
        "training data",
    )


def compare_classes(program: CheckedProgram, phase: Phase, stream: Stream, known: tuple[str, ...], by: str
                    ) -> Diagnostic | None:
    """The problem for data with classes that training has not, or with the same ones in another order."""
    found = stream.class_names
    if not known or found == known[: len(found)]:
        return None
    data = "training" if phase is Phase.TRAIN else phase
    extra = [name for name in found if name not in known] or found[len(known):]
    reader = program.readers[phase]
    if extra:
        have = "do not have" if by == "training data" else "does not have"
        guess = did_you_mean(extra[0], known) if len(known) <= _FEW else ""
        return _class_diagnostic(program, phase, f"the {data} data have classes that the {by} {have}",
                           f"only here: {_listed(extra)}", f"known: {_listed(known)}", _one_list(reader, guess), by)
    place = next(number for number, name in enumerate(found) if name != known[number])
    return _class_diagnostic(program, phase, f"the {data} data number the classes differently from the {by}",
                       f"class {place} is `{short(found[place])}`", f"class {place} is `{short(known[place])}`",
                       _one_list(reader, ""), by)


def _class_diagnostic(program: CheckedProgram, phase: Phase, title: str, here: str, there: str, hint: str, by: str
                ) -> Diagnostic:
    """`here` is said of the data, `there` of what numbers the classes: the training data or a checkpoint."""
    spans = program.readers.spans
    where = next((spans[place] for place in (f"{phase}.folder", f"{phase}.file", phase) if place in spans),
                 Span.nowhere(program.source.name))
    trained = spans.get("train") if by == "training data" else None
    body: tuple[str, ...] = (
        "The number of a class is its position in the list of names that the network was trained with.",)
    if trained is None:
        body += (f"Of the {by}: {there}.",)
    return Diagnostic(Code.READER_SHAPE, title, Label(where, here), body=body, hint=hint,
                      related=(Label(trained, there),) if trained is not None else ())


def _one_list(reader: Reader, guess: str) -> str:
    """How the classes of all data come to have the same numbers."""
    listed = reader.class_list
    suggestion = f", or list the classes of all data in `{listed}`, for each reader the same" if listed else ""
    call = f"{guess} Call" if guess else "call"
    return f"{call} the same {reader.class_word} by the same names{suggestion}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(short(name) for name in names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")

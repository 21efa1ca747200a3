"""Compare the parts of a program: reader against inputs, criteria against the rule, budgets. Changes nothing."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from ..base.diagnostics import Diagnostic, Failure, Label, did_you_mean
from ..elaborate.budget import OPERATORS
from ..ir.network import Node, ShapedNode, totals
from ..ir.program import Program
from ..readers.files import short
from ..readers.reader import DataError, Description, Reader, Stream
from ..spec import show_value
from .blending import check_mixing
from .column_sizes import uneven_columns
from .compared import check_compared
from .groups import check_groups
from .labels import first_label_hint, labels_begin_elsewhere, labels_said, unused_first_class
from .memory_estimate import estimate_memory
from .metrics import check_metrics
from .multi_view import multi_view_diagnostic
from .shared_data import shared_sources
from .warnings import find_warnings

ShapedProgram = Program[ShapedNode]
PHASES = ("train", "test", "validation")
#: Among more names a similar one is not looked for.
_FEW = 2000


def check_program(program: ShapedProgram) -> list[Diagnostic]:
    """Every disagreement between the parts of a program whose shapes are known."""
    found = [*_criteria(program), *check_metrics(program), *check_groups(program), *_swapped(program),
             *_budgets(program)]
    # Each is asked once: it may mean to read a file.
    described = {phase: describe_reader(reader) for phase in PHASES
                 if (reader := getattr(program.readers, phase)) is not None}
    for phase, description in described.items():
        found += _reader(program, phase, description, described.get("train"))
    found += shared_sources(program)
    return [*found, *_missing(program, described), *find_warnings(program, _count(described.get("train"))),
            *unused_first_class(program, described.get("train")), *check_compared(program, described),
            *check_mixing(program), *filter(None, [uneven_columns(program, described.get("train"))])]


def _count(description: Description | DataError | None) -> int | None:
    return description.count if isinstance(description, Description) else None


def _criteria(program: ShapedProgram) -> Iterator[Diagnostic]:
    for kind in ("criterionNodes", "evaluationNodes"):
        for name in program.special.get(kind, ()):
            if name not in program.network:
                continue
            node = program.network[name]
            if node.shape.size != 1:
                yield Diagnostic(
                    "shape-mismatch", f"`{program.shown_name(name)}` in {kind} is not one number per sample",
                    Label(node.span, f"this is {node.shape}"), related=(Label(program.spans[kind], "listed here"),),
                    hint="a criterion such as CrossEntropyWithSoftmax gives one number; ReduceSum makes one of many.")
            elif kind == "criterionNodes" and node.layer.is_metric:
                yield Diagnostic(
                    "no-criterion", f"`{program.shown_name(name)}` counts, and cannot be trained on",
                    Label(node.span, f"{node.layer.name()} has no gradient"),
                    related=(Label(program.spans[kind], "listed here"),),
                    hint="train on CrossEntropyWithSoftmax and list this in `evaluationNodes`.")


def _swapped(program: ShapedProgram) -> Iterator[Diagnostic]:
    """`CrossEntropyWithSoftmax (z, labels)`: the targets come first, and training would run away silently."""
    learned = {node.name for node in program.network if node.cost.parameters}
    for node in program.network:
        if len(node.inputs) < 2 or node.layer.inputs[:1] not in (("labels",), ("label",)):
            continue
        targets, values = node.inputs[0], node.inputs[1]
        if program.network[values.node].layer.is_input and program.network.ancestors([targets.node]) & learned:
            yield Diagnostic(
                "wrong-inputs", f"the two inputs of {node.layer.name()} are swapped: the targets come first",
                Label(targets.span, "this depends on what is learned"),
                related=(Label(values.span, "this is data"),),
                hint=f"write `{node.layer.name()} ({values.span.text}, {targets.span.text})`.")


def _budgets(program: ShapedProgram) -> Iterator[Diagnostic]:
    if not program.budgets:
        return
    total = totals(program.network)
    memory = estimate_memory(program)
    values = {"parameters": total.parameters, "parameterTensors": total.parameter_tensors, "macs": total.macs,
              "neurons": total.neurons, "activationBytes": memory.activation_bytes,
              "trainingBytes": memory.training_bytes}
    for budget in program.budgets:
        value = values[budget.quantity]
        if not OPERATORS[budget.operator](value, budget.limit):
            largest = sorted(program.network, key=lambda n: -n.cost.parameters)[:3]
            body = ("The largest by parameters: " + ", ".join(f"{n.name} ({n.cost.parameters:,})" for n in largest)
                    + ".",) if budget.quantity == "parameters" else ()
            yield Diagnostic("budget", f"the budget `{budget.quantity} {budget.operator} {show_value(budget.limit)}` "
                             "is not kept", Label(budget.span, f"the network has {value:,}"), body=body)


# --- the reader -----------------------------------------------------------------------------------------


def describe_reader(reader: Reader) -> Description | DataError:
    """What a reader says of itself, or what is wrong with its data."""
    try:
        return reader.describe()
    except DataError as wrong:
        return wrong


def _reader(program: ShapedProgram, phase: str, description: Description | DataError,
            training: Description | DataError | None) -> Iterator[Diagnostic]:
    if isinstance(description, DataError):
        yield data_diagnostic(program, phase, description)
        return
    yield from (data_diagnostic(program, phase, wrong, "warning") for wrong in description.warnings)
    inputs = {node.name: node for node in program.network if node.layer.is_input}
    others = _class_pages(program, phase, description, training)
    yield from others.values()
    for stream in description.streams:
        node = inputs.get(stream.name)
        if node is not None and stream.name not in others and not _may_lack_classes(stream, node, training):
            yield from _stream(program, phase, description, stream, node)
    yield from labels_begin_elsewhere(program, phase, description, training)
    page = multi_view_diagnostic(program, phase, {s.name: s.views for s in description.streams if s.views > 1})
    if page is not None:
        yield page
    delivered = {stream.name for stream in description.streams}
    why = description.unlabelled
    for name, node in inputs.items():
        if name not in delivered:
            yield Diagnostic(
                "reader-shape", f"the {phase} reader delivers nothing for the input `{name}`",
                Label(program.readers.spans.get(phase, node.span), f"it delivers {', '.join(sorted(delivered))}"),
                related=(Label(node.span, did_you_mean(name, delivered) or "this input"),),
                body=(f"{why.title}.",) if why is not None else (),
                hint=why.hint if why is not None else
                f"rename the input, or name the reader's data after it: "
                f"`featuresInput = \"{name}\"` or `labelsInput = \"{name}\"`.")


# --- one numbering of the classes -------------------------------------------------------------------------


def unify_class_ids(program: ShapedProgram, stored: Sequence[str] = ()) -> ShapedProgram:
    """The program with one numbering of classes in all of its data: a checkpoint's (`stored`), else that of training.

    Otherwise a set that lacks a class would number those behind it one lower.
    """
    given = cache(lambda: _trained_classes(program, stored))
    changed = {phase: reader.with_classes(lambda data: given().get(data, ())) for phase in PHASES
               if (reader := getattr(program.readers, phase)) is not None and (stored or phase != "train")}
    return dataclasses.replace(program, readers=dataclasses.replace(program.readers, **changed))


def apply_checkpoint_classes(program: ShapedProgram, stored: Sequence[str], phase: str) -> ShapedProgram:
    """The program with the classes numbered as a checkpoint's names say, if it has any, else as for training.

    Raises Failure where the data of a phase have other classes than the checkpoint.
    """
    program = unify_class_ids(program, stored)
    reader = getattr(program.readers, phase)
    described = describe_reader(reader) if reader is not None else None
    if isinstance(described, Description):
        trained = _trained_classes(program, stored) if stored else {}
        pages = []
        for stream in described.streams:
            page = _classes_differ(program, phase, stream, trained.get(stream.name, ()), "checkpoint")
            if page is not None:
                pages.append(page)
            elif stream.class_names and stream.name in program.network:
                pages += _stream(program, phase, described, stream, program.network[stream.name])
        if pages:
            raise Failure(pages)
    return program


def _trained_classes(program: ShapedProgram, stored: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Names of classes by input. A checkpoint keeps those of the first input that has any."""
    train = program.readers.train
    for reader in (train, program.readers.test, program.readers.validation) if stored else (train,):
        names = _class_names(describe_reader(reader)) if reader is not None else {}
        if names and stored:
            return {**(names if reader is train else {}), next(iter(names)): tuple(stored)}
        if names:
            return names
    return {}


def _class_names(description: Description | DataError) -> dict[str, tuple[str, ...]]:
    streams = description.streams if isinstance(description, Description) else ()
    return {stream.name: stream.class_names for stream in streams if stream.class_names}


def _may_lack_classes(stream: Stream, node: ShapedNode, training: Description | DataError | None) -> bool:
    """Whether a set has fewer classes than the network while the training data, which name them all, are not there.

    The names in a checkpoint may number them (`numbered_as`).
    """
    return isinstance(training, Description) and bool(training.missing) and bool(stream.class_names) \
        and len(stream.class_names) == stream.classes and stream.classes < node.shape.size


def _class_pages(program: ShapedProgram, phase: str, description: Description, training: Description | DataError | None
                 ) -> dict[str, Diagnostic]:
    """By input: what stands against one numbering of the training data's classes and of these."""
    if phase == "train" or not isinstance(training, Description):
        return {}
    alike = type(program.readers.train) is type(getattr(program.readers, phase))
    pages: dict[str, Diagnostic | None] = {}
    for stream in description.streams:
        other = training.stream(stream.name)
        if other is None or not (stream.class_names or other.class_names):
            continue
        if stream.class_names and other.class_names:
            pages[stream.name] = _classes_differ(program, phase, stream, other.class_names, "training data")
        elif alike and stream.classes and other.classes:
            pages[stream.name] = _names_and_numbers(program, phase, stream.class_names, other.class_names)
    return {data: page for data, page in pages.items() if page is not None}


def _names_and_numbers(program: ShapedProgram, phase: str, here: tuple[str, ...], there: tuple[str, ...]) -> Diagnostic:
    """The page for classes that are names in one set and numbers in the other."""
    title = f"the {phase} data have names of classes, and the training data have numbers" if here else \
        f"the {phase} data have numbers of classes, and the training data have names"
    ours, theirs = (f"names: {_listed(names)}" if names else "numbers only" for names in (here, there))
    return _class_page(program, phase, title, ours, theirs, "write the classes of all data alike; a cell that is no "
                       "whole number makes all of them names.", "training data")


def _classes_differ(program: ShapedProgram, phase: str, stream: Stream, known: tuple[str, ...], by: str
                    ) -> Diagnostic | None:
    """The page for data with classes that training has not, or with the same ones in another order."""
    found = stream.class_names
    if not known or found == known[: len(found)]:
        return None
    data = "training" if phase == "train" else phase
    extra = [name for name in found if name not in known] or found[len(known):]
    reader = getattr(program.readers, phase)
    if extra:
        have = "do not have" if by == "training data" else "does not have"
        guess = did_you_mean(extra[0], known) if len(known) <= _FEW else ""
        return _class_page(program, phase, f"the {data} data have classes that the {by} {have}",
                           f"only here: {_listed(extra)}", f"known: {_listed(known)}", _one_list(reader, guess), by)
    place = next(number for number, name in enumerate(found) if name != known[number])
    return _class_page(program, phase, f"the {data} data number the classes otherwise than the {by}",
                       f"class {place} is `{short(found[place])}`", f"class {place} is `{short(known[place])}`",
                       _one_list(reader, ""), by)


def _class_page(program: ShapedProgram, phase: str, title: str, here: str, there: str, hint: str, by: str
                ) -> Diagnostic:
    """`here` is said of the data, `there` of what numbers the classes: the training data or a checkpoint."""
    spans = program.readers.spans
    where = next((spans[place] for place in (f"{phase}.folder", f"{phase}.file", phase) if place in spans),
                 program.source.span(0, 0))
    trained = spans.get("train") if by == "training data" else None
    body: tuple[str, ...] = ("The number of a class is its place among the names that the network was trained with.",)
    if trained is None:
        body += (f"Of the {by}: {there}.",)
    return Diagnostic("reader-shape", title, Label(where, here), body=body, hint=hint,
                      related=(Label(trained, there),) if trained is not None else ())


def _one_list(reader: Reader, guess: str) -> str:
    """How the classes of all data come to have the same numbers."""
    option = next((name for name in ("classFile", "classes") if type(reader).option(name) is not None), "")
    what = "folders" if option == "classFile" else "classes"
    cure = f", or list the classes of all data in `{option}`, for each reader the same" if option else ""
    call = f"{guess} Call" if guess else "call"
    return f"{call} the same {what} by the same names{cure}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(short(name) for name in names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _missing(program: ShapedProgram, described: Mapping[str, Description | DataError]) -> Iterator[Diagnostic]:
    """One page for all files of all readers that are not there."""
    if program.readers.sample is not None:
        return
    missing: dict[str, str] = {}
    for phase, description in described.items():
        for path in description.missing if isinstance(description, Description) else ():
            missing.setdefault(path, phase)
    if not missing:
        return
    paths = list(missing)
    title = f"`{short(paths[0])}` is not there" if len(paths) == 1 else f"{len(paths)} files of data are not there"
    shown = "\n".join(f"    {path}" for path in paths[:8]) + ("\n    ..." if len(paths) > 8 else "")
    body = ("This was looked for:" if len(paths) == 1 else "These were looked for:", shown, *_neighbours(paths[0]))
    yield data_diagnostic(program, missing[paths[0]], DataError(
        title, body=body, hint="set the folder with an override such as `dataDir=PATH`, or fetch it with "
                               "`netdsl data`."), "warning")


def _neighbours(path: str) -> tuple[str, ...]:
    """What the folder of a missing file holds, or from where its path counts."""
    folder, count = os.path.dirname(path) or ".", ""
    if not os.path.isabs(path):
        count = "Paths count from the folder in which the command runs."
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return (f"There is no folder `{folder}`. {count}".rstrip(),)
    listed = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "") if names else "nothing"
    return (f"The folder is there; it holds {listed}. {count}".rstrip(),)


def add_label_hints(failed: Sequence[Node], program: ShapedProgram, problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The pages of failed criteria, with a word on the labels where the reader sides with the network's output."""
    found = list(problems)
    description = describe_reader(program.readers.train) if program.readers.train is not None else None
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
            if d.code == "shape-mismatch" and node.span.start <= d.primary.span.start < node.span.end:
                related = (*d.related, Label(labels.span, f"the data has {classes} classes"))
                found[index] = dataclasses.replace(
                    d, related=related, body=(), hint=f"the data and the last layer agree: write "
                                                      f"`{labels.name} = Input {{{classes}}}`.")
    return found


def _stream(program: ShapedProgram, phase: str, description: Description, stream: Stream, node: ShapedNode
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
    if stream.classes is not None:
        label, why = f"the reader has {stream.classes} classes", f"the network takes {node.shape}"
        body = tuple(f"Samples of the {fact}." for fact in description.facts if fact.startswith("classes: "))
        hint = f"either the data has other classes than meant, or `{node.name}` needs {stream.classes} of them."
        body, hint = (*body, *labels_said(stream)), first_label_hint(stream, node.shape.size) or hint
    else:
        label, why = f"the reader delivers {shown}", f"the network takes {node.shape}"
        hint = f"either give `{node.name}` the shape {':'.join(str(d) for d in stream.dims)}, or make the reader " \
               f"deliver {node.shape}, for example with `Scale {{{':'.join(str(d) for d in node.shape.file_dims)}}}`."
    yield Diagnostic(
        "reader-shape", f"the {phase} reader and the network disagree about `{node.name}`",
        Label(program.readers.spans.get(phase, node.span), label), related=(Label(node.span, why),),
        body=body, hint=hint)


def data_diagnostic(program: ShapedProgram, phase: str, wrong: DataError, severity: str = "error") -> Diagnostic:
    """A DataError as a page that points at the reader, or at its option that names the file."""
    spans = program.readers.spans
    span = spans.get(f"{phase}.{wrong.option}") or spans.get(phase)
    if span is None:
        span = program.source.span(0, 0)
    path = "" if f"`{wrong.path}`" in wrong.title else wrong.path
    where = ", ".join(part for part in (path, wrong.place) if part)
    body = ((f"In {where}.",) if where else ()) + wrong.body
    return Diagnostic("reader-file", wrong.title, Label(span, f"read for `{phase}`"), body=body, hint=wrong.hint,
                      severity=severity)

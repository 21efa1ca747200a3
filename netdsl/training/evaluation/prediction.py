"""What a network says of given samples: which data to make of the names given, and answers with class names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.codes import Code
from ...base.failure import Failure, failure
from ...base.source import Span
from ...checks.outputs import Output, data_inputs, outputs_of
from ...checks.reader_data import data_diagnostic
from ...describe.answers import Head, Value
from ...ir.program import CheckedProgram, Phase
from ...passes.share_fit import training_fit
from ...readers.formats.folder import image_paths, read_class_file
from ...readers.formats.image_formats import SkippedFiles
from ...readers.reader import DataError, Dataset, Description, Reader, Stream, Wanted, describe_reader


@dataclass(frozen=True)
class Answer:
    """What came of one sample: a value for each output by its name, or what is wrong with it."""

    sample: str
    values: Mapping[str, Value]
    error: str = ""
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        if self.error:
            return {"input": self.sample, "error": self.error}
        outputs = {name: value.to_json() for name, value in self.values.items()}
        # Of a network with one output of classes these stand at the top, where a script looks for them.
        alone = next(iter(outputs.values())) if len(outputs) == 1 else {}
        top = {"predictions": alone["predictions"]} if "predictions" in alone else {}
        return {"input": self.sample, **top, "outputs": outputs}


# --- samples ------------------------------------------------------------------------------------------


def _ignore(note: DataError) -> None:
    """Nobody wants to hear of it."""


def named_files(names: Iterable[str], listed: Iterable[str] = (), tell: Callable[[DataError], None] = _ignore
                ) -> list[str]:
    """The images that names mean: `-` stands for the lines of `listed`, a folder for the images in it.

    What is skipped in a folder is told. Raises DataError for a folder without images. Files that are not there are
    found out later, one by one.
    """
    found: list[str] = []
    for name in names:
        if name == "-":
            found += [line.strip() for line in listed if line.strip()]
        elif Path(name).is_dir():
            skipped = SkippedFiles()
            images = list(image_paths(name, skipped=skipped))
            if not images:
                raise DataError(f"there are no images in the folder `{name}`", path=name,
                                body=(f"{skipped}.",) if skipped.counts else (), hint=skipped.suggestion)
            if skipped.surprising:
                tell(DataError(str(skipped), path=name, hint=skipped.suggestion))
            found += images
        else:
            found.append(name)
    return found


def wanted_inputs(program: CheckedProgram, outputs: Sequence[Output]) -> dict[str, tuple[int, ...]]:
    """The inputs that the outputs are computed from, with their extents, channels first."""
    above = program.network.ancestors(output.node for output in outputs)
    return {name: program.network[name].shape.dims for name in program.inputs if name in above}


@contextmanager
def given_data(program: CheckedProgram, state: Mapping[str, Any], names: Sequence[str],
               standard_input: Iterable[str] = (), tell: Callable[[DataError], None] = _ignore
               ) -> Iterator[list[Dataset]]:
    """The data that names mean, for the outputs of a network, made ready as the test reader does it.

    Names are images, folders of them, or files in the reader's format; where the outputs need several inputs from
    different files, one name for each. `-` is standard input: a path on each line, or the rows of a table. `state` is
    what the checkpoint says beside its tensors: which column is which feature, and the like. What is allowed and
    perhaps not meant, such as photos that are stored turned, is told. Raises Failure where the
    file has no reader that says how.
    """
    outputs = outputs_of(program)
    wanted = wanted_inputs(program, outputs)
    phase, reader = _reader(program)
    fit = state.get("fit") or training_fit(program)
    reader = reader.with_fit(lambda: fit)
    opened: list[Dataset] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            missing = [name for name in wanted if name not in reader.input_names()]
            if missing:
                raise DataError(f"the outputs need the input `{missing[0]}`, which the {phase} reader does not deliver",
                                body=(f"It delivers {', '.join(reader.input_names())}.",))
            opened = reader.open_given(_by_kind(reader, wanted, names, standard_input, Path(folder), tell), wanted)
            for dataset in opened:
                for note in dataset.notes():
                    tell(note)
        except DataError as error:
            raise Failure([data_diagnostic(program, phase, error)]) from error
        try:
            yield opened
        finally:
            for dataset in opened:
                dataset.close()


def _by_kind(reader: Reader, wanted: Wanted, names: Sequence[str], standard_input: Iterable[str], folder: Path,
             tell: Callable[[DataError], None]) -> list[list[str]]:
    """The files for each of the reader's kinds. Raises DataError."""
    kinds = reader.given_kinds(wanted)
    if len(kinds) > 1 and len(names) != len(kinds):
        inputs = [name for name in reader.input_names() if name in wanted]
        raise DataError(f"the outputs need {len(kinds)} inputs, and {len(names)} {'is' if len(names) == 1 else 'are'} "
                        "given", body=(f"The network takes {' and '.join(f'`{name}`' for name in inputs)}.",),
                        hint="name a file or a folder for each of them, in this order.")
    groups = [[name] for name in names] if len(kinds) > 1 else [list(names)]
    return [named_files(group, standard_input, tell) if kind == "images" else
            [_rows_file(name, standard_input, folder) for name in group]
            for kind, group in zip(kinds, groups, strict=False)]


def _rows_file(name: str, standard_input: Iterable[str], folder: Path) -> str:
    """A file of rows; those of standard input are put into one."""
    if name != "-":
        return name
    path = folder / "standard-input"
    path.write_text("".join(standard_input), encoding="utf-8")
    return str(path)


def needs_names(program: CheckedProgram) -> bool:
    """Whether predictions need data by name, or the reader makes its samples itself."""
    _, reader = _reader(program)
    return bool(reader.given_kinds(wanted_inputs(program, outputs_of(program))))


def _reader(program: CheckedProgram) -> tuple[Phase, Reader]:
    for phase in (Phase.TEST, Phase.VALIDATION, Phase.TRAIN):
        if phase in program.readers:
            return phase, program.readers[phase]
    raise failure(Code.NO_TRAINING, "the file has no reader, so nothing says how an image becomes an input",
                  Span.nowhere(program.source.name), hint=_missing_reader(program))


def _missing_reader(program: CheckedProgram) -> str:
    images = [program.network[name].shape.dims for name in program.inputs if program.network[name].shape.rank == 3]
    size = f", transforms = Scale {{{images[0][2]}:{images[0][1]}}}" if images else ""
    what = f'ImageFolder {{"val"{size}}}' if images else 'CSV {"rows.csv"}'
    return f"add one: `reader = {{ test = {what} }}`."


# --- names --------------------------------------------------------------------------------------------


def given_names(path: str, counts: Sequence[int]) -> tuple[str, ...]:
    """Names of classes from a list, or Keras' index. Raises Failure where it is none or has none of the `counts`."""
    source = Span.nowhere(path)
    try:
        names = tuple(title for _, title in read_class_file(path))
    except DataError as error:
        raise failure(Code.NO_FILE, error.title, source, body=error.body,
                      hint="name a file with a line for each class, or Keras' JSON index.") from error
    if counts and len(names) not in counts:
        raise failure(Code.READER_SHAPE, f"the list names {len(names):,} classes, the network has {counts[0]:,}",
                      source, hint="name a list with a line for each class, in the order in which they were trained.")
    return names


def heads_of(program: CheckedProgram, state: Mapping[str, Any], top: int = 5, classes: Sequence[str] = ()
             ) -> tuple[Head, ...]:
    """Every output with the names of its classes or elements: the given ones, a checkpoint's, else the readers'.

    `state` is what a checkpoint says beside its tensors (`saved_state`).
    """
    streams = _streams(program)
    heads = []
    for output in outputs_of(program):
        inputs = data_inputs(program.network, output.labels) if output.labels is not None else []
        names = next((found for name in inputs if (found := _stored(state, name) or _described(streams, name))), ())
        if output.of == "classes":
            if len(classes) == output.classes:
                names = tuple(classes)
            elif not names and len(state.get("classNames", ())) == output.classes:
                names = tuple(state["classNames"])  # of a checkpoint that does not say of which input
        pixels = output.pixels.input if output.pixels is not None else ""
        note = next((stream.note for stream in streams if stream.name == pixels and stream.note), "")
        heads.append(Head(output, program.shown_name(output.node), names, top, note))
    return tuple(heads)


def names_by_input(description: Description) -> dict[str, list[str]]:
    """The names of classes and of numbers that a reader's data have, by input: what checkpoints keep."""
    return {stream.name: list(stream.names) for stream in description.streams if stream.names}


def _stored(state: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(state.get("inputNames", {}).get(name, ()))


def _described(streams: Sequence[Stream], name: str) -> tuple[str, ...]:
    return next((stream.names for stream in streams if stream.name == name and stream.names), ())


def _streams(program: CheckedProgram) -> list[Stream]:
    """What the readers say of their data; those of training number the others'."""
    found: list[Stream] = []
    for reader in program.readers.values():
        described = describe_reader(reader)
        found += described.streams if isinstance(described, Description) else ()
    return found


def class_names(program: CheckedProgram, stored: Sequence[str] | None = None) -> tuple[str, ...]:
    """Names by class number: the checkpoint's, else the readers'."""
    return tuple(stored or ()) or next((stream.class_names for stream in _streams(program) if stream.class_names), ())


# --- answers ------------------------------------------------------------------------------------------


def answers(dataset: Dataset, predictions: Iterable[Any], heads: Sequence[Head]) -> Iterator[Answer]:
    """An answer for every sample in turn, with a value for each output."""
    for index, prediction in enumerate(predictions):
        wrong = dataset.failures.get(index)
        if wrong is not None:
            body = wrong.body[0].rstrip(".") if wrong.body else ""
            yield Answer(prediction.name, {}, wrong.title + (f" ({body})" if body else ""), wrong.hint)
        else:
            yield Answer(prediction.name, {head.name: head.value(prediction.outputs[head.name]) for head in heads})

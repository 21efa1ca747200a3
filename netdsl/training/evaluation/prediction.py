"""What a network says of given samples: which data to make of the names given, and answers with class names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...base.codes import Code
from ...base.diagnostics import Failure, failure
from ...base.source import Span
from ...checks.reader_data import data_diagnostic
from ...ir.program import CheckedProgram, Phase
from ...readers.files import missing_file
from ...readers.formats.folder import image_paths, read_class_file
from ...readers.given import GivenImages, image_reader
from ...readers.reader import DataError, Dataset, Reader, describe_reader


@dataclass(frozen=True)
class Guess:
    """One class that a sample may be of."""

    number: int
    name: str
    share: float


@dataclass(frozen=True)
class Answer:
    """What came of one sample: the likeliest classes, or plain outputs, or what is wrong with it."""

    sample: str
    guesses: tuple[Guess, ...] = ()
    outputs: dict[str, np.ndarray] | None = None
    error: str = ""
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        if self.error:
            return {"input": self.sample, "error": self.error}
        if self.outputs is not None:
            return {"input": self.sample, "outputs": {name: array.tolist() for name, array in self.outputs.items()}}
        return {"input": self.sample, "predictions": [
            {"class": guess.number, "name": guess.name, "share": guess.share} for guess in self.guesses]}


# --- samples ------------------------------------------------------------------------------------------


def named_files(names: Iterable[str], listed: Iterable[str] = ()) -> list[str]:
    """The files that names mean: `-` stands for the lines of `listed`, a folder for the images in it.

    Raises DataError for a folder without images. Files that are not there are found out later, one by one.
    """
    found: list[str] = []
    for name in names:
        if name == "-":
            found += [line.strip() for line in listed if line.strip()]
        elif Path(name).is_dir():
            images = list(image_paths(name))
            if not images:
                raise DataError(f"there are no images in the folder `{name}`", path=name)
            found += images
        else:
            found.append(name)
    return found


def given_data(program: CheckedProgram, files: Sequence[str]) -> list[Dataset]:
    """The files as data for the network, made ready as the test reader does: images, or tables of rows.

    Raises Failure where the file has no reader that says how.
    """
    phase, reader = _reader(program)
    images = image_reader(reader)
    try:
        if images is not None:
            name = images.features_input
            if name in program.network:
                return [GivenImages(files, images, program.network[name].shape.dims)]
            raise DataError(f"the reader delivers `{name}`, which the network does not take")
        if hasattr(reader, "file"):
            return [_table(reader, file) for file in files]
    except DataError as error:
        raise Failure([data_diagnostic(program, phase, error)]) from error
    raise failure(Code.NO_FILE, f"{type(reader).name()} reads a data set as a whole, not files one by one",
                  program.readers.spans.get(phase, Span.nowhere(program.source.name)), "the reader of the test data",
                  hint="predict on a file whose test reader is ImageFolder, MapFile, IDX, CIFAR10, CSV or CNTKText.")


def _table(reader: Reader, file: str) -> Dataset:
    if not Path(file).exists():
        raise missing_file(file)
    return replace(reader, file=file).open(False)  # type: ignore[call-arg]


def _reader(program: CheckedProgram) -> tuple[str, Reader]:
    for phase in (Phase.TEST, Phase.VALIDATION, Phase.TRAIN):
        reader = program.readers.get(phase)
        if reader is not None:
            return phase, reader
    raise failure(Code.NO_TRAINING, "the file has no reader, so nothing says how an image becomes an input",
                  Span.nowhere(program.source.name), hint=_missing_reader(program))


def _missing_reader(program: CheckedProgram) -> str:
    images = [program.network[name].shape.dims for name in program.inputs if program.network[name].shape.rank == 3]
    size = f", transforms = Scale {{{images[0][2]}:{images[0][1]}}}" if images else ""
    what = f'ImageFolder {{"val"{size}}}' if images else 'CSV {"rows.csv"}'
    return f"add one: `reader = {{ test = {what} }}`."


# --- classes ------------------------------------------------------------------------------------------


def given_names(path: str, count: int | None) -> tuple[str, ...]:
    """The names of `count` classes from a list, or Keras' index. Raises Failure where it is none or names others."""
    source = Span.nowhere(path)
    try:
        names = tuple(title for _, title in read_class_file(path))
    except DataError as error:
        raise failure(Code.NO_FILE, error.title, source, body=error.body,
                      hint="name a file with a line for each class, or Keras' JSON index.") from error
    if count is not None and len(names) != count:
        raise failure(Code.READER_SHAPE, f"the list names {len(names):,} classes, the network has {count:,}", source,
                      hint="name a list with a line for each class, in the order in which they were trained.")
    return names


def class_names(program: CheckedProgram, stored: Sequence[str] = ()) -> tuple[str, ...]:
    """Names by class number: the checkpoint's, else the readers'."""
    if stored:
        return tuple(stored)
    for reader in program.readers.values():  # those of training come first: they number the others'
        described = describe_reader(reader)
        if isinstance(described, DataError):
            continue
        for stream in described.streams:
            if stream.class_names:
                return stream.class_names
    return ()


# --- answers ------------------------------------------------------------------------------------------


def shares(scores: np.ndarray) -> np.ndarray:
    """Scores as shares of 1: the softmax, or the scores themselves where they are probabilities already."""
    values = scores.astype(np.float64).ravel()
    if (values >= 0).all() and abs(values.sum() - 1) < 1e-3:
        return values
    values = np.exp(values - values.max())
    return np.asarray(values / values.sum())


def answers(dataset: Dataset, predictions: Iterable[Any], output: str | None, names: Sequence[str], top: int
            ) -> Iterator[Answer]:
    """An answer for every sample in turn. `output` names the classes' scores; None: the outputs as they are."""
    failures: dict[int, DataError] = getattr(dataset, "failures", {})
    for index, prediction in enumerate(predictions):
        wrong = failures.get(index)
        if wrong is not None:
            body = wrong.body[0].rstrip(".") if wrong.body else ""
            yield Answer(prediction.name, error=wrong.title + (f" ({body})" if body else ""), hint=wrong.hint)
        elif output is None:
            yield Answer(prediction.name, outputs=prediction.outputs)
        else:
            scores = shares(prediction.outputs[output])
            order = np.argsort(-scores, kind="stable")[:top]
            yield Answer(prediction.name, tuple(
                Guess(int(k), names[k] if k < len(names) else f"class {k}", float(scores[k])) for k in order))

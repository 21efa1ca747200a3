"""An ONNX file as `predict` takes it: with the metadata of `netdsl export`, or any other one for arrays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Source, Span
from ..base.units import inflect, plural
from ..checks.outputs import Output
from ..describe.answers import Head
from ..ir.program import CheckedProgram
from ..readers.reader import DataError
from ..training.evaluation.inference import predictions_by
from ..training.evaluation.prediction import Answer, answers, given_data, given_names, heads_of
from .onnx_metadata import OUTPUTS, SOURCE, STATE
from .onnx_network import OnnxNetwork, open_session

#: What arrays in a file may be for a model that says nothing of images.
_KINDS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
          "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_}
_IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")


def is_onnx(file: object) -> bool:
    return isinstance(file, str | Path) and Path(file).suffix.lower() == ".onnx"


class OnnxFile:
    """A model in a file. Raises Failure where there is none, or onnxruntime is missing."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise failure(Code.NO_FILE, f"there is no file `{path}`", Span.nowhere(str(path)))
        self.session = open_session(self.path)

    @cached_property
    def metadata(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.session.get_modelmeta().custom_metadata_map
        return found

    @property
    def is_ours(self) -> bool:
        """Whether `netdsl export` wrote it."""
        return SOURCE in self.metadata and OUTPUTS in self.metadata

    @property
    def source(self) -> Source:
        """The `.net` file that the model was made from."""
        return Source(str(self.path.with_suffix(".net")), self.metadata[SOURCE])

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.metadata.get(STATE, "{}"))
        return found

    @property
    def said(self) -> str:
        """What the model is, on one line."""
        if not self.is_ours:
            return f"{self.path}: a model without netdsl's metadata; its outputs are given as they are"
        facts = [self.metadata.get(f"netdsl.{key}", "?") for key in ("network", "weights", "version")]
        return f"{self.path}: {facts[0]}, {facts[1]}, exported by netdsl {facts[2]}"

    # -- with netdsl's metadata ------------------------------------------------------------------------

    def heads(self, program: CheckedProgram, top: int, classes: str | None) -> tuple[Head, ...]:
        """The outputs with the names of their classes: the model's, or those of a list. Raises Failure."""
        heads = heads_of(program, self.state, top)
        if classes is None:
            return heads
        counts = [head.output.classes for head in heads if head.output.of == "classes"]
        return heads_of(program, self.state, top, given_names(classes, counts))

    def answers(self, program: CheckedProgram, heads: Sequence[Head], inputs: Sequence[str], minibatch: int,
                standard_input: Iterable[str], tell: Callable[[DataError], None]) -> Iterator[Answer]:
        """As from the checkpoint, but for who computes. Raises Failure."""
        names = {str(output["name"]): str(output["node"]) for output in json.loads(self.metadata[OUTPUTS])}
        shapes = {value.name: program.network[value.name].shape for value in self.session.get_inputs()}
        network = OnnxNetwork(self.session, names, shapes)
        nodes = [head.output.node for head in heads]
        with given_data(program, self.state, inputs, standard_input, tell) as datasets:
            for dataset in datasets:
                found = predictions_by(program, network, nodes, dataset, torch.device("cpu"), minibatch)
                yield from answers(dataset, found, heads)

    # -- of other programs -----------------------------------------------------------------------------

    def raw_heads(self, top: int, classes: str | None) -> tuple[Head, ...]:
        """The outputs as numbers; with a list of classes those of its length as scores of them. Raises Failure."""
        outputs = [Output(value.name, tuple(_extent(d) for d in value.shape[1:]))
                   for value in self.session.get_outputs()]
        names = given_names(classes, [output.classes for output in outputs]) if classes is not None else ()
        return tuple(Head(replace(output, of="classes"), output.node, names, top)
                     if names and output.classes == len(names) else Head(output, output.node) for output in outputs)

    def raw_answers(self, heads: Sequence[Head], inputs: Sequence[str], minibatch: int) -> Iterator[Answer]:
        """The outputs for arrays of `.npy` files and rows of `.csv` files, one file for each input. Raises Failure."""
        wanted = self.session.get_inputs()
        if len(inputs) != len(wanted):
            raise self._wrong(f"the model takes {plural(len(wanted), 'input')}, and {plural(len(inputs), 'file')} "
                              f"{inflect(len(inputs), 'is', 'are')} given",
                              "name a .npy or .csv file for each input, in the order of the model: "
                              f"{', '.join(value.name for value in wanted)}.")
        arrays = [self._array(Path(name), value) for name, value in zip(inputs, wanted, strict=True)]
        if len({len(array) for array in arrays}) > 1:
            raise self._wrong(f"the files have {' and '.join(str(len(array)) for array in arrays)} samples",
                              "every input needs as many.")
        fixed = next((value.shape[0] for value in wanted if isinstance(value.shape[0], int)), None)
        step = fixed or minibatch
        for start in range(0, len(arrays[0]), step):
            part = [array[start : start + step] for array in arrays]
            missing = step - len(part[0]) if fixed else 0  # a model of a fixed minibatch: the last sample again
            fed = [np.concatenate([piece, np.repeat(piece[-1:], missing, axis=0)]) for piece in part]
            values = self.session.run(None, {value.name: piece for value, piece in zip(wanted, fed, strict=True)})
            for row in range(len(part[0])):
                yield Answer(f"{inputs[0]}:{start + row + 1}", {
                    head.name: head.value(np.asarray(value[row], dtype=np.float32))
                    for head, value in zip(heads, values, strict=True)})

    def _array(self, path: Path, value: Any) -> np.ndarray:
        """A file's numbers in the type and shape of an input, samples first."""
        if path.suffix.lower() in _IMAGES or path.is_dir():
            raise self._no_images(path, value)
        try:
            array = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _rows(path)
        except (OSError, ValueError) as error:
            raise self._wrong(f"`{path}` cannot be read as numbers", "name a .npy file, or a .csv file of numbers.",
                              (f"The reason: {str(error).splitlines()[0].rstrip('.')}.",)) from error
        dims = [_extent(d) for d in value.shape[1:]]
        if list(array.shape) == dims:
            array = array[None]
        flat = int(np.prod(dims))
        if 0 not in dims and array.size % flat == 0 and array.shape[0] * flat == array.size:
            array = array.reshape(-1, *dims)
        if array.ndim != len(dims) + 1 or any(want not in (0, have) for want, have in
                                              zip(dims, array.shape[1:], strict=True)):
            shown = " x ".join(map(str, array.shape))
            raise self._wrong(f"`{path}` holds {shown} numbers, and `{value.name}` takes {_shown(value)}",
                              "give the array this shape.")
        return np.ascontiguousarray(array.astype(_KINDS.get(value.type, np.float32)))

    def _no_images(self, path: Path, value: Any) -> Failure:
        return self._wrong(
            f"the model does not say how `{path}` becomes its input",
            "save the prepared images as a .npy array of this shape; or export the model by `netdsl export --to onnx`, "
            "which writes this down.",
            (f"Its input `{value.name}` is {_shown(value)}. What is missing: to what size images are brought and what "
             "is cut off, the order of the colours, and what is subtracted from the pixels and by what they are "
             "divided. Models of `netdsl export` have this in their metadata.",))

    def _wrong(self, title: str, hint: str, body: tuple[str, ...] = ()) -> Failure:
        return failure(Code.READER_SHAPE, title, Span.nowhere(str(self.path)), hint=hint, body=body)


def _rows(path: Path) -> np.ndarray:
    """Rows of numbers; a first row of words is left out."""
    text = path.read_text(encoding="utf-8")
    first = text.partition("\n")[0]
    separator = next((mark for mark in (",", ";", "\t") if mark in first), None)
    try:
        [float(cell) for cell in first.split(separator)]
        skipped = 0
    except ValueError:
        skipped = 1
    return np.loadtxt(path, delimiter=separator, skiprows=skipped, ndmin=2, dtype=np.float64)


def _extent(extent: object) -> int:
    return extent if isinstance(extent, int) else 0


def _shown(value: Any) -> str:
    return " x ".join("N" if not place and not isinstance(extent, int) else str(extent)
                      for place, extent in enumerate(value.shape))


__all__ = ["OnnxFile", "is_onnx"]

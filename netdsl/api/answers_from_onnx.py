"""An exported ONNX model at work on files that a user names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..compiler import load
from ..describe.answers import Head
from ..exporters.onnx_file import OnnxFile, is_onnx
from ..ir.program import CheckedProgram, Phase
from ..readers.reader import DataError
from ..training.evaluation.prediction import Answer, needs_names
from .programs import ready_program


@dataclass(frozen=True)
class OnnxModel:
    """A model with its outputs; `program` is None for one that netdsl did not export."""

    file: OnnxFile
    program: CheckedProgram | None
    heads: tuple[Head, ...]

    @staticmethod
    def of(path: str | Path, overrides: Sequence[str], *, top: int, classes: str | None) -> OnnxModel:
        """Raises Failure."""
        file = OnnxFile(path)
        if not file.is_ours:
            return OnnxModel(file, None, file.raw_heads(top, classes))
        program = load(file.source, overrides).require()
        # Transforms may read files that only the sample has (a mean image).
        phases = tuple(Phase) if program.readers.sample is not None else ()
        program = ready_program(program, phases=phases).program
        return OnnxModel(file, program, file.heads(program, top, classes))

    @property
    def needs_names(self) -> bool:
        return self.program is None or needs_names(self.program)

    def answers(self, inputs: Sequence[str], minibatch: int, standard_input: Iterable[str] = (),
                tell: Callable[[DataError], None] = lambda note: None) -> Iterator[Answer]:
        """An answer for every sample of the inputs, in turn. Raises Failure."""
        if self.program is None:
            return self.file.raw_answers(self.heads, inputs, minibatch)
        return self.file.answers(self.program, self.heads, inputs, minibatch, standard_input, tell)


__all__ = ["OnnxModel", "is_onnx"]

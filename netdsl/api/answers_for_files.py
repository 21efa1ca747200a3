"""A trained network at work on files that a user names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..base.codes import Code
from ..base.failure import failure
from ..base.source import Span
from ..describe.answers import Head
from ..ir.program import CheckedProgram
from ..readers.reader import DataError
from ..runs.checkpoint import find
from ..runs.store import saved_state
from ..training import RunOptions
from ..training import predict as run
from ..training.evaluation.prediction import Answer, answers, given_data, given_names, heads_of, needs_names


def heads_for(program: CheckedProgram, path: Path, *, top: int, classes: str | None) -> tuple[Head, ...]:
    """The network's outputs, their classes named by a checkpoint or by a list (`classes`). Raises Failure."""
    state = saved_state(find(path))
    heads = heads_of(program, state, top)
    if not heads:
        raise failure(Code.NO_CRITERION, "the network has no outputs, so there is nothing to answer with",
                      Span.nowhere(program.source.name), hint="name them in the network: `outputNodes = z`.")
    if classes is None:
        return heads
    counts = [head.output.classes for head in heads if head.output.of == "classes"]
    return heads_of(program, state, top, given_names(classes, counts))


def answers_for(program: CheckedProgram, inputs: Sequence[str], path: Path, heads: Sequence[Head], *,
                minibatch: int, options: RunOptions, standard_input: Iterable[str] = (),
                tell: Callable[[DataError], None] = lambda note: None) -> Iterator[Answer]:
    """An answer for every sample of the inputs, in turn; `tell` hears of what is perhaps not meant. Raises Failure."""
    with given_data(program, saved_state(find(path)), inputs, standard_input, tell) as datasets:
        for dataset in datasets:
            predictions = run(program, path, dataset, outputs=[head.output.node for head in heads],
                              options=options, minibatch_size=minibatch)
            yield from answers(dataset, predictions, heads)


__all__ = ["answers_for", "heads_for", "needs_names"]

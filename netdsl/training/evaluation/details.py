"""What a test counts beside its values: confusion of classes, hits of labels, the worst samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ...base.classes import NO_CLASS
from ...checks.outputs import MOST_CLASSES, Output, outputs_of
from ...describe.answers import finite, precision_and_recall
from ...ir.program import CheckedProgram
from ..step import Tensors

WORST_SAMPLES = 16
#: Targets of so many numbers stand beside the worst samples.
MOST_NUMBERS = 16


@dataclass(frozen=True)
class WorstSample:
    """A sample with a high criterion: where it is from, and for each output what it is and what it was taken for.

    `label` and `predicted` are those of the first output that has classes. `heads` holds both for every output: a
    class, or a list of numbers.
    """

    index: int
    name: str
    criterion: float
    label: int | None = None
    predicted: int | None = None
    heads: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def wrong(self) -> bool:
        """Whether a class was taken for another; of samples without classes always."""
        classes = [pair for pair in self.heads.values() if isinstance(pair["label"], int)]
        return not classes or any(pair["label"] != pair["predicted"] for pair in classes)


@dataclass(frozen=True)
class HeadCounts:
    """What was counted of one output. Names are shown names."""

    output: str
    labels: str
    kind: str
    #: [true class, predicted class] -> samples (of a map: positions with a class)
    confusion: np.ndarray | None = None
    #: [label, true, predicted] -> samples, for independent labels
    hits: np.ndarray | None = None

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {"output": self.output, "labels": self.labels, "kind": self.kind}
        if self.confusion is not None:
            precision, recall = precision_and_recall(self.confusion)
            document |= {"confusion": self.confusion.tolist()}
        elif self.hits is not None:
            pairs = [precision_and_recall(counts) for counts in self.hits]
            precision, recall = (np.array([pair[k][1] for pair in pairs]) for k in (0, 1))
            document |= {"hits": self.hits.tolist()}
        else:
            return document
        return document | {"precision": [finite(value) for value in precision.tolist()],
                           "recall": [finite(value) for value in recall.tolist()]}


@dataclass
class Details:
    """Counts and worst samples, gathered minibatch by minibatch."""

    program: CheckedProgram
    outputs: tuple[Output, ...]
    criterion: str
    counts: dict[str, torch.Tensor]
    worst: list[WorstSample] = field(default_factory=list)

    @staticmethod
    def roots(program: CheckedProgram) -> tuple[str, ...]:
        """The nodes whose values are needed beside the criteria and metrics."""
        evaluated = [output for output in outputs_of(program) if output.labels is not None]
        names = [name for output in evaluated for name in (output.node, output.labels) if name is not None]
        return tuple(name for name in dict.fromkeys(names) if not program.network[name].layer.is_input)

    @staticmethod
    def start(program: CheckedProgram, device: torch.device) -> Details:
        outputs = tuple(output for output in outputs_of(program) if output.labels is not None)
        counts = {}
        for output in outputs:
            size = _cells(program, output)
            if size:
                counts[output.node] = torch.zeros(size, dtype=torch.int64, device=device)
        criterion = program.criteria[0] if program.criteria else program.metrics[0]
        return Details(program, outputs, criterion, counts)

    def add(self, inputs: Tensors, values: Tensors, indices: np.ndarray, names: Sequence[str]) -> None:
        """`inputs` are as delivered, `values` those of the `roots`, criteria and metrics."""
        pairs: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        for output in self.outputs:
            assert output.labels is not None
            given = inputs.get(output.labels, values.get(output.labels))
            found = inputs.get(output.node, values.get(output.node))
            if given is None or found is None:
                continue
            if output.of == "classes" and output.classes > 1:
                truth, taken = _class_numbers(output, given), _classes_of(output, found)
                self._count(output, truth, taken)
                if not output.is_map:
                    pairs[output.node] = truth, taken
            elif output.of == "shares":
                self._count_shares(output, given, found)
            elif output.kind == "numbers":
                given, found = given.reshape(len(given), -1), found.reshape(len(found), -1)
                if given.shape[1] == found.shape[1] <= MOST_NUMBERS:
                    pairs[output.node] = given, found
        self._add_worst(values, pairs, indices, names)

    def _count(self, output: Output, truth: torch.Tensor, taken: torch.Tensor) -> None:
        counts = self.counts.get(output.node)
        if counts is None:
            return
        side = round(len(counts) ** 0.5)
        truth, taken = truth.flatten(), taken.flatten()
        known = (truth >= 0) & (truth < side)  # pixels without a class
        counts += torch.bincount(truth[known] * side + taken[known], minlength=len(counts))

    def _count_shares(self, output: Output, given: torch.Tensor, found: torch.Tensor) -> None:
        """[label, true, predicted]: a label is predicted where its share is above one half."""
        counts = self.counts.get(output.node)
        if counts is None:
            return
        likely = (found > (0.0 if output.scale == "scores" else 0.5)).flatten(1)
        if given.dtype == torch.int64 and given.dim() == 1 and likely.shape[1] > 1:
            given = torch.nn.functional.one_hot(given.clamp(min=0), likely.shape[1])
        given = given.reshape(len(given), -1)  # labels of one output come as (N,)
        if given.shape != likely.shape:
            return
        if output.kind == "image":  # every pixel of a mask
            given, likely = given.flatten()[:, None], likely.flatten()[:, None]
        cells = torch.arange(likely.shape[1], device=likely.device) * 4 + (given > 0.5) * 2 + likely
        counts += torch.bincount(cells[given != NO_CLASS], minlength=len(counts))

    def _add_worst(self, values: Tensors, pairs: dict[str, tuple[torch.Tensor, torch.Tensor]], indices: np.ndarray,
                   names: Sequence[str]) -> None:
        value = values[self.criterion].flatten().float()
        top = value.topk(min(WORST_SAMPLES, len(value)))
        for number, row in zip(top.values.tolist(), top.indices.tolist(), strict=True):
            heads: dict[str, dict[str, Any]] = {
                self.program.shown_name(node): {"label": truth[row].tolist(), "predicted": taken[row].tolist()}
                for node, (truth, taken) in pairs.items()}
            first = next((pair for pair in heads.values() if isinstance(pair["label"], int)), {})
            self.worst.append(WorstSample(int(indices[row]), names[row] if names else f"sample {indices[row]}", number,
                                          first.get("label"), first.get("predicted"), heads))
        self.worst = sorted(self.worst, key=lambda sample: -sample.criterion)[:WORST_SAMPLES]

    def result(self) -> tuple[tuple[HeadCounts, ...], tuple[WorstSample, ...]]:
        heads = []
        for output in self.outputs:
            assert output.labels is not None
            counts = self.counts.get(output.node)
            matrix = hits = None
            if counts is not None and output.of == "classes":
                side = round(len(counts) ** 0.5)
                matrix = counts.reshape(side, side).cpu().numpy()
            elif counts is not None:
                hits = counts.reshape(-1, 2, 2).cpu().numpy()
            heads.append(HeadCounts(self.program.shown_name(output.node), self.program.shown_name(output.labels),
                                    output.kind, matrix, hits))
        return tuple(heads), tuple(self.worst)


def _cells(program: CheckedProgram, output: Output) -> int:
    """How many numbers are counted of an output; 0: nothing."""
    size = program.network[output.node].shape.size
    if output.of == "classes":
        return output.classes**2 if 1 < output.classes <= MOST_CLASSES else 0
    if output.of == "shares":
        labels = 1 if output.kind == "image" else size
        return 4 * labels if labels <= MOST_CLASSES else 0
    return 0


def _classes_of(output: Output, values: torch.Tensor) -> torch.Tensor:
    """The largest along the axis of the classes: (N,), or (N, ...) for a map."""
    return values.argmax(output.torch_axis) if output.axis else values.flatten(1).argmax(1)


def _class_numbers(output: Output, labels: torch.Tensor) -> torch.Tensor:
    """The classes that labels say: numbers of classes, or a number for each class of which the largest counts."""
    positions = int(np.prod(output.dims)) // output.classes
    if labels[0].numel() == positions and output.classes > 1:
        return labels.long()  # as it is delivered, or as one number
    return _classes_of(output, labels)

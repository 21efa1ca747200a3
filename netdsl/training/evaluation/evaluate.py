"""Judging a network on a whole data set: criterion, metrics, confusion matrix, worst samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import torch
from torch import fx

from ...base.diagnostics import Failure
from ...base.units import plural, value_text
from ...checks.multi_view import averaged_nodes
from ...ir.program import CheckedProgram, Phase
from ...lower import Executable, argument_name
from ...readers.reader import DataError
from ..data.loader import Loader
from ..data.sampling import Sampling
from ..failures import first_bad, not_finite
from ..progress import ProgressUpdate, Reporter, Stopwatch
from ..running_metrics import RunningMetrics
from ..step import Precision, Tensors, network_inputs, per_sample
from .view_average import ViewAverage

#: Above so many classes a confusion matrix is no table for people any more.
MOST_CLASSES = 1000
WORST_SAMPLES = 16
#: What the sum of several criteria is called.
SUM = "criterion"


@dataclass(frozen=True)
class WorstSample:
    """A sample with a high criterion: where it is from, what it is, what the network took it for."""

    index: int
    name: str
    criterion: float
    label: int | None = None
    predicted: int | None = None


@dataclass(frozen=True, repr=False)
class EvalResult:
    """What a data set came to; values are means over its samples, by node name."""

    values: dict[str, float]
    samples: int
    confusion: np.ndarray | None = None  #: [true class, predicted class] -> samples
    worst: tuple[WorstSample, ...] = ()
    skipped: tuple[DataError, ...] = ()  #: bad samples that were skipped
    percentages: frozenset[str] = frozenset()  #: names of values that are shares

    def details(self) -> dict[str, Any]:
        """What the run's folder keeps beside the values: the confusion matrix and the worst samples."""
        return {"samples": self.samples, "confusion": None if self.confusion is None else self.confusion.tolist(),
                "worst": [asdict(sample) for sample in self.worst]}
    def lines(self) -> list[tuple[str, str]]:
        """`("errs", "2.31 %")` for each value."""
        return [(name, value_text(value, name in self.percentages)) for name, value in self.values.items()]

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {text}" for name, text in self.lines())
        return f"<EvalResult {plural(self.samples, 'sample')}: {values}>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{text}</td></tr>" for name, text in self.lines())
        return f"<table>{rows}</table><p>{plural(self.samples, 'sample')}</p>"


@dataclass(frozen=True, eq=False)
class Evaluator:
    """A data set, ready to judge the network by. `roots` are criteria and metrics."""

    program: CheckedProgram
    executable: Executable
    feed: Loader
    sampling: Sampling
    minibatch_size: int
    precision: Precision
    phase: Phase
    views: Mapping[str, int] = field(default_factory=dict)  #: inputs that come as several views of a sample
    detail: bool = False  #: also the confusion matrix and the worst samples
    skipped: tuple[DataError, ...] = ()

    def run(self, reporter: Reporter, limit: int | None = None, stopping: Callable[[], None] = lambda: None
            ) -> EvalResult:
        """Judge by the whole set (or `limit` minibatches from all over it), in inference mode.

        `stopping` is called between minibatches and may raise to leave.
        """
        totals = RunningMetrics(self.executable, (*self.program.criteria, *self.program.metrics),
                                self.precision.device)
        details = Details.start(self.program, self.precision.device) if self.detail else None
        sampling = self.sampling if limit is None else self.sampling.subsample(limit * self.minibatch_size)
        totals.reserve(sampling.count)
        minibatches = sampling.minibatches(0, self.minibatch_size)
        steps = sampling.steps(0, self.minibatch_size)
        watch = Stopwatch(reporter.interval)
        with eval_mode(self.executable), torch.inference_mode():
            for done, delivery in enumerate(self.feed.deliver(minibatches), 1):
                inputs = network_inputs(self.executable.inputs, self.feed.expand(delivery.raw))
                with self.precision.context():
                    values = per_sample(self.executable, self._values(inputs), inputs)
                totals.add(values)
                totals.samples += delivery.minibatch.count
                watch.samples = totals.samples
                if details is not None:
                    details.add(inputs, values, delivery.minibatch.indices, delivery.names)
                if watch.due():
                    self._show(reporter, totals, watch, done, steps)
                stopping()
        matrix, worst = details.result() if details else (None, ())
        return EvalResult(totals.results(), totals.samples, matrix, worst, self.skipped)

    def page(self, found: EvalResult) -> Failure | None:
        """Why what was found cannot be believed: a criterion that is not a number, with the first bad layer."""
        if all(math.isfinite(found.values[name]) for name in self.program.criteria):
            return None
        with eval_mode(self.executable), torch.inference_mode():
            for delivery in self.feed.deliver(self.sampling.minibatches(0, self.minibatch_size)):
                inputs = network_inputs(self.executable.inputs, self.feed.expand(delivery.raw))
                culprit = first_bad(self.executable, self._first_views(inputs), self.precision)
                if culprit is not None:
                    return not_finite(self.program, culprit, self.phase)
        return not_finite(self.program, None, self.phase)

    def _values(self, inputs: Tensors) -> Tensors:
        given = {argument_name(name): tensor for name, tensor in inputs.items()}
        views = {name: count for name, count in self.views.items() if count > 1 and name in inputs}
        if not views:
            return self.executable.module(**given)  # type: ignore[no-any-return]
        # Criteria and metrics are computed from the outputs' averages over the views.
        return substituted(self.executable.module, self._first_views(inputs), self._averages(inputs, views))

    def _first_views(self, inputs: Tensors) -> Tensors:
        return {name: tensor[:, 0] if self.views.get(name, 1) > 1 else tensor for name, tensor in inputs.items()}

    @cached_property
    def _averages(self) -> ViewAverage:
        return ViewAverage.of(self.program, averaged_nodes(self.program), self.executable)

    def _show(self, reporter: Reporter, totals: RunningMetrics, watch: Stopwatch, done: int, steps: int) -> None:
        values, percent = shown(self.program, totals.quick_results())
        reporter.glimpse(ProgressUpdate(self.phase, 1, 1, done, steps, values, percent, None, watch.speed,
                                 self.feed.waited / watch.seconds, watch.seconds / done * (steps - done)))


@contextmanager
def eval_mode(executable: Executable) -> Iterator[None]:
    """The module in inference mode, and back in the mode it was in."""
    was = executable.module.training
    executable.module.eval()
    try:
        yield
    finally:
        executable.module.train(was)


def substituted(module: fx.GraphModule, inputs: Tensors, values: Mapping[str, torch.Tensor]) -> Tensors:
    """Run a network with some nodes' values given, by node name, instead of computed."""
    given = {node: values[node.meta["node"]] for node in module.graph.nodes
             if node.meta.get("node") in values and node.op == "call_module"}
    arguments = [inputs[name] for name in _placeholders(module, inputs)]
    return fx.Interpreter(module).run(*arguments, initial_env=given)  # type: ignore[no-any-return, arg-type]


def _placeholders(module: fx.GraphModule, inputs: Tensors) -> list[str]:
    by_argument = {argument_name(name): name for name in inputs}
    return [by_argument[str(node.target)] for node in module.graph.nodes if node.op == "placeholder"]


def shown(program: CheckedProgram, values: Mapping[str, float]) -> tuple[dict[str, float], frozenset[str]]:
    """Values by the names that a person gave the nodes, and which of them are shares.

    Of several criteria their sum, which is what is trained, comes first.
    """
    named = {program.shown_name(node): value for node, value in values.items()}
    if len(program.criteria) > 1 and all(node in values for node in program.criteria) and SUM not in named:
        named = {SUM: sum(values[node] for node in program.criteria), **named}
    return named, percentages(program, values)


def ranked_names(program: CheckedProgram) -> list[str]:
    """The values by which epochs can be compared, by shown name."""
    names = [program.shown_name(node) for node in (*program.metrics, *program.criteria)]
    return list(dict.fromkeys([*names, *[SUM] * (len(program.criteria) > 1)]))


def percentages(program: CheckedProgram, nodes: Iterable[str]) -> frozenset[str]:
    """The shown names of the nodes that are shares."""
    return frozenset(program.shown_name(node) for node in nodes if program.network[node].layer.percent)


def criterion_name(program: CheckedProgram) -> str:
    """The name of what is trained: the criterion's, or that of the sum of several."""
    return SUM if len(program.criteria) > 1 else program.shown_name(program.criteria[0])


@dataclass
class Details:
    """Confusion matrix and worst samples, gathered minibatch by minibatch."""

    criterion: str
    label: str | None  #: the input with the classes
    output: str | None
    counts: torch.Tensor | None
    worst: list[WorstSample]

    @staticmethod
    def start(program: CheckedProgram, device: torch.device) -> Details:
        label, output = classes_and_output(program)
        classes = program.network[output].shape.size if output is not None else 0
        counts = torch.zeros(classes * classes, dtype=torch.int64, device=device) if 1 < classes <= MOST_CLASSES \
            else None
        return Details(program.criteria[0] if program.criteria else program.metrics[0], label, output, counts, [])

    def add(self, inputs: Tensors, values: Tensors, indices: np.ndarray, names: Sequence[str]) -> None:
        label, predicted = None, None
        if self.output is not None and self.label is not None and self.output in values:
            predicted = values[self.output].flatten(1).argmax(1)
            given = inputs[self.label]
            label = given if given.dtype == torch.int64 and given.dim() == 1 else given.flatten(1).argmax(1)
            if self.counts is not None:
                side = round(len(self.counts) ** 0.5)
                self.counts += torch.bincount(label * side + predicted, minlength=len(self.counts))
        value = values[self.criterion].flatten().float()
        top = value.topk(min(WORST_SAMPLES, len(value)))
        for number, row in zip(top.values.tolist(), top.indices.tolist(), strict=True):
            self.worst.append(WorstSample(
                int(indices[row]), names[row] if names else f"sample {indices[row]}", number,
                int(label[row]) if label is not None else None, int(predicted[row]) if predicted is not None else None))
        self.worst = sorted(self.worst, key=lambda sample: -sample.criterion)[:WORST_SAMPLES]

    def result(self) -> tuple[np.ndarray | None, tuple[WorstSample, ...]]:
        matrix = None
        if self.counts is not None:
            side = round(len(self.counts) ** 0.5)
            matrix = self.counts.reshape(side, side).cpu().numpy()
        return matrix, tuple(self.worst)


def classes_and_output(program: CheckedProgram) -> tuple[str | None, str | None]:
    """The input that holds classes and the output that predicts them: of one size, or (None, None)."""
    for output in program.outputs:
        size = max(program.network[output].shape.dims, default=1)
        if size != program.network[output].shape.size:
            continue  # classes for every pixel: no confusion of samples
        uses = {use.node for node in program.network if node.name in (*program.criteria, *program.metrics)
                for use in node.inputs}
        for name in program.inputs:
            if name in uses and size > 1 and program.network[name].shape.size == size:
                return name, output
    return None, None

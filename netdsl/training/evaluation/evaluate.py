"""Judging a network on a whole data set: criterion, metrics, confusion matrix, worst samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import torch
from torch import fx

from ...base.failure import Failure
from ...base.units import plural, value_text
from ...checks.multi_view import averaged_nodes
from ...ir.program import CheckedProgram, Phase
from ...lower import Executable
from ...readers.reader import DataError
from ..data.loader import Loader
from ..data.sampling import Sampling
from ..failures import first_bad, not_finite
from ..progress import ProgressUpdate, Reporter, Stopwatch
from ..running_metrics import RunningMetrics
from ..step import Precision, Tensors, network_inputs, per_sample
from .details import Details, HeadCounts, WorstSample
from .view_average import ViewAverage

#: What the sum of several criteria is called.
SUM = "criterion"


@dataclass(frozen=True, repr=False)
class EvalResult:
    """What a data set came to; values are means over its samples, by node name."""

    values: dict[str, float]
    samples: int
    heads: tuple[HeadCounts, ...] = ()  #: of each output that has classes or labels
    worst: tuple[WorstSample, ...] = ()
    skipped: tuple[DataError, ...] = ()  #: bad samples that were skipped
    percentages: frozenset[str] = frozenset()  #: names of values that are shares

    def lines(self) -> list[tuple[str, str]]:
        """`("errs", "2.31 %")` for each value."""
        return [(name, value_text(value, name in self.percentages)) for name, value in self.values.items()]

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {text}" for name, text in self.lines())
        return f"<EvalResult {plural(self.samples, 'sample')}: {values}>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{text}</td></tr>" for name, text in self.lines())
        return f"<table>{rows}</table><p>{plural(self.samples, 'sample')}</p>"

    @property
    def confusion(self) -> np.ndarray | None:
        """[true class, predicted class] -> samples, of the first output that has classes."""
        return next((head.confusion for head in self.heads if head.confusion is not None), None)

    def details(self) -> dict[str, Any]:
        """What JSON and the run's folder have beside the values: what was counted of each output, the worst samples.

        `confusion` is that of the first output with classes.
        """
        matrix = self.confusion.tolist() if self.confusion is not None else None
        return {"samples": self.samples, "confusion": matrix, "heads": [head.to_json() for head in self.heads],
                "worst": [asdict(sample) for sample in self.worst]}


@dataclass(frozen=True, eq=False)
class Evaluator:
    """A data set, ready to evaluate the network on. `roots` are criteria and metrics."""

    program: CheckedProgram
    executable: Executable
    loader: Loader
    sampling: Sampling
    minibatch_size: int
    precision: Precision
    phase: Phase
    views: Mapping[str, int] = field(default_factory=dict)  #: inputs that come as several views of a sample
    detail: bool = False  #: also the confusion matrix and the worst samples
    skipped: tuple[DataError, ...] = ()

    def run(self, reporter: Reporter, limit: int | None = None, stopping: Callable[[], None] = lambda: None
            ) -> EvalResult:
        """Evaluate on the whole set (or `limit` minibatches from all over it), in inference mode.

        `stopping` is called between minibatches and may raise to leave.
        """
        totals = RunningMetrics(self.executable, self.program.evaluated(self.phase), self.precision.device)
        details = Details.start(self.program, self.precision.device) if self.detail else None
        sampling = self.sampling if limit is None else self.sampling.subsample(limit * self.minibatch_size)
        totals.reserve(sampling.count)
        minibatches = sampling.minibatches(0, self.minibatch_size)
        steps = sampling.steps(0, self.minibatch_size)
        watch = Stopwatch(reporter.interval)
        with eval_mode(self.executable), torch.inference_mode():
            for done, batch in enumerate(self.loader.load(minibatches), 1):
                inputs = network_inputs(self.executable.inputs, self.loader.expand(batch.raw))
                with self.precision.context():
                    values = per_sample(self.executable, self._values(inputs), inputs)
                totals.add(values)
                totals.samples += batch.minibatch.count
                watch.samples = totals.samples
                if details is not None:
                    details.add(inputs, values, batch.minibatch.indices, batch.names)
                if watch.due():
                    self._show(reporter, totals, watch, done, steps)
                stopping()
        heads, worst = details.result() if details else ((), ())
        return EvalResult(totals.results(), totals.samples, heads, worst, self.skipped)

    def failure_for(self, found: EvalResult) -> Failure | None:
        """Why what was found cannot be believed: a criterion that is not a number, with the first bad layer."""
        if all(math.isfinite(found.values[name]) for name in self.program.criteria):
            return None
        with eval_mode(self.executable), torch.inference_mode():
            for batch in self.loader.load(self.sampling.minibatches(0, self.minibatch_size)):
                inputs = network_inputs(self.executable.inputs, self.loader.expand(batch.raw))
                culprit = first_bad(self.executable, self._first_views(inputs), self.precision)
                if culprit is not None:
                    return not_finite(self.program, culprit, self.phase)
        return not_finite(self.program, None, self.phase)

    def _values(self, inputs: Tensors) -> Tensors:
        views = {name: count for name, count in self.views.items() if count > 1 and name in inputs}
        if not views:
            return self.executable(inputs)
        # Criteria and metrics are computed from the outputs' averages over the views.
        return substitute(self.executable, self._first_views(inputs), self._averages(inputs, views))

    def _first_views(self, inputs: Tensors) -> Tensors:
        return {name: tensor[:, 0] if self.views.get(name, 1) > 1 else tensor for name, tensor in inputs.items()}

    @cached_property
    def _averages(self) -> ViewAverage:
        return ViewAverage.of(self.program, averaged_nodes(self.program), self.executable)

    def _show(self, reporter: Reporter, totals: RunningMetrics, watch: Stopwatch, done: int, steps: int) -> None:
        values, percent = shown(self.program, totals.quick_results())
        reporter.show(ProgressUpdate(self.phase, 1, 1, done, steps, values, percent, None, watch.speed,
                                     self.loader.waited / watch.seconds, watch.seconds / done * (steps - done)))


@contextmanager
def eval_mode(executable: Executable) -> Iterator[None]:
    """The module in inference mode, and back in the mode it was in."""
    was = executable.module.training
    executable.module.eval()
    try:
        yield
    finally:
        executable.module.train(was)


def substitute(executable: Executable, inputs: Tensors, values: Mapping[str, torch.Tensor]) -> Tensors:
    """Run a network with some nodes' values given, by node name, instead of computed."""
    module = executable.module
    given = {node: values[node.meta["node"]] for node in module.graph.nodes
             if node.meta.get("node") in values and node.op == "call_module"}
    found: dict[str, torch.Tensor] = fx.Interpreter(module).run(*executable.arguments(inputs), initial_env=given)
    return found


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

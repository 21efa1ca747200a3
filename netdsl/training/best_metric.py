"""By which value epochs are compared, and what the control between epochs looks at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ..ir.directions import directions
from ..ir.program import CheckedProgram
from ..layers.quality import Quality
from .evaluation.evaluate import criterion_name, shown


@dataclass(frozen=True)
class BestMetric:
    """Epochs by one value, in the direction that is better for it. Values are those of the data set, by node name."""

    program: CheckedProgram
    wanted: str | None  #: the name of a criterion or metric; None: the first metric, else the criterion
    validated: bool  #: there are validation data, and they decide

    @property
    def name(self) -> str:
        """The value that chooses the best epoch, by its shown name."""
        if self.wanted is not None or self.program.metrics:
            return self.wanted or self.program.shown_name(self.program.metrics[0])
        return criterion_name(self.program)

    @property
    def label(self) -> str:
        """`errs`, or `valid errs` where there are validation data."""
        return "valid " * self.validated + self.name

    @cached_property
    def larger_is_better(self) -> bool:
        """Of the value that chooses; of several criteria the sum is to become small."""
        return any(quality is Quality.LARGER and self.program.shown_name(node) == self.name
                   for node, quality in directions(self.program).items())

    @property
    def sentence(self) -> str:
        """`the best by valid errs (smaller is better)`"""
        return f"the best by {self.label} ({'larger' if self.larger_is_better else 'smaller'} is better)"

    def criterion(self, values: Mapping[str, float]) -> float:
        return sum(values[name] for name in self.program.criteria)

    def to_lower(self, values: Mapping[str, float]) -> float:
        """The value that chooses, with the sign that makes smaller better."""
        value = self._chosen(values)
        return -value if self.larger_is_better else value

    def _chosen(self, values: Mapping[str, float]) -> float:
        return shown(self.program, values)[0].get(self.name, math.nan)

    def better(self, values: Mapping[str, float], best: float | None) -> float | None:
        """The value of an epoch if it is better than the best so far; a criterion that is no number never is."""
        value = self._chosen(values)
        if not math.isfinite(self.criterion(values)) or math.isnan(value):
            return None
        improves = best is None or (value > best if self.larger_is_better else value < best)
        return value if improves else None

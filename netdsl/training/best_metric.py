"""By which value epochs are compared, and what the control between epochs looks at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..ir.program import CheckedProgram
from .evaluation.evaluate import criterion_name, shown


@dataclass(frozen=True)
class BestMetric:
    """Epochs by one value, the smaller the better. Values are means over the samples, by node name."""

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

    def criterion(self, values: Mapping[str, float]) -> float:
        return sum(values[name] for name in self.program.criteria)

    def metric(self, values: Mapping[str, float]) -> float | None:
        """The first metric, if there is one."""
        return values[self.program.metrics[0]] if self.program.metrics else None

    def better(self, values: Mapping[str, float], best: float | None) -> float | None:
        """The value of an epoch if it is better than the best so far; a criterion that is no number never is."""
        value = shown(self.program, values)[0].get(self.name, math.nan)
        if not math.isfinite(self.criterion(values)) or math.isnan(value):
            return None
        return value if best is None or value < best else None

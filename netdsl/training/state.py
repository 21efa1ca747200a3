"""Everything that a step or an epoch changes, in one place: what checkpoints hold and resume restores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from ..lower import Executable
from ..optimizers.control import Control
from ..optimizers.optimizer import StepRates
from ..optimizers.update import UpdateRule
from ..optimizers.weight_average import WeightAverage
from ..runs.checkpoint import Snapshot
from .running_metrics import RunningMetrics


@dataclass
class Position:
    """Where training stands. Whole numbers and plain values, saved as JSON."""

    epoch: int = 0  #: epochs done
    taken: int = 0  #: samples of the epoch under way that are done
    step: int = 0  #: updates done
    samples: int = 0  #: samples seen in all
    epoch_step: int = 0  #: updates done when the epoch under way began
    rate: float = 0.0  #: of the last update, on the mean gradient, for a full minibatch
    momentum: float = 0.0
    best: float | None = None  #: the best value so far of the metric that chooses checkpoints
    best_name: str | None = None
    best_by: str = ""  #: the shown name of that metric
    fallback: str | None = None  #: the checkpoint to roll back to: the best by what controls the rate
    ended: str = ""  #: why training is over before the plan's last epoch
    seconds: float = 0.0  #: of training, all parts of a run that was resumed together
    marked_samples: int = 0  #: samples and sums of the epoch at the last line of `metrics.jsonl`
    marked_sums: list[float] = field(default_factory=list)


@dataclass
class State:
    """A training's tensors and numbers. The trained tensors are changed in place and never replaced."""

    executable: Executable
    rule: UpdateRule
    average: WeightAverage | None
    control: Control
    totals: RunningMetrics
    position: Position = field(default_factory=Position)

    def advance(self, samples: int, full: StepRates) -> None:
        """An update with so many samples is done; `full` is what the plan says there for a full minibatch."""
        at = self.position
        at.rate, at.momentum = full.mean_rate, full.momentum
        at.taken, at.samples, at.step = at.taken + samples, at.samples + samples, at.step + 1
        self.totals.samples += samples

    def begin_epoch(self, epoch: int) -> None:
        """The samples of the epoch before are all taken; its sums are forgotten."""
        at = self.position
        at.epoch, at.taken, at.epoch_step = epoch, 0, at.step
        at.marked_samples, at.marked_sums = 0, []
        self.totals.clear()

    # -- checkpoints ----------------------------------------------------------------------------

    def snapshot(self, facts: Mapping[str, Any]) -> Snapshot:
        """For the disk. `weights` are those to use and to test: the averages, where the file wants them."""
        weights = dict(self.executable.tensors())
        trainer = {f"slots.{name}": tensor for name, tensor in self.rule.state_dict().items()}
        trainer |= self.totals.tensors()
        if self.average is not None:
            averages = dict(zip(self.average.names, self.average.averages, strict=True))
            trainer |= {f"trained.{name}": weights[name] for name in averages}
            trainer["average.updates"] = torch.tensor(float(self.average.updates), dtype=torch.float64)
            weights |= averages
        state = {**facts, **asdict(self.position), "totalSamples": self.totals.samples,
                 "control": self.control.state_dict()}
        return Snapshot(weights, trainer, state)

    def restore(self, saved: Snapshot) -> None:
        """Back to a snapshot, position included. The weights' names and shapes have been compared."""
        self.restore_weights(saved)
        state = saved.state
        known = {"best_by": "", **state}  # which checkpoints did not always hold
        self.position = Position(**{name: known[name] for name in asdict(Position())})
        self.totals.load(saved.trainer, state["totalSamples"])
        self.control.load_state_dict(state["control"])

    def restore_weights(self, saved: Snapshot) -> None:
        """Parameters, buffers and the optimizer's state only: a roll-back. Raises ValueError on another rule."""
        mine = self.executable.tensors()
        trained = {name.removeprefix("trained."): tensor for name, tensor in saved.trainer.items()
                   if name.startswith("trained.")}
        with torch.no_grad():
            for name, tensor in mine.items():
                tensor.copy_(trained.get(name, saved.weights[name]))
            self.rule.load_state_dict({name.removeprefix("slots."): tensor for name, tensor in saved.trainer.items()
                                       if name.startswith("slots.")})
            if self.average is not None:
                updates = saved.trainer.get("average.updates")
                if updates is None:
                    raise ValueError("the averages of the weights are missing from the saved state")
                self.average.load_state_dict({"counters.updates": updates, **{
                    f"{name}.average": saved.weights[name] for name in self.average.names}})

    # -- in memory --------------------------------------------------------------------------------

    def keep(self) -> Callable[[], None]:
        """Copy all of it on the device; what is returned puts it back, as often as wanted."""
        saved = self.snapshot({})
        copies = Snapshot({name: tensor.detach().clone() for name, tensor in saved.weights.items()},
                          {name: tensor.detach().clone() for name, tensor in saved.trainer.items()}, saved.state)
        return lambda: self.restore(copies)

    def bytes(self) -> int:
        """Memory of the tensors that a checkpoint holds."""
        saved = self.snapshot({})
        return sum(t.numel() * t.element_size() for t in [*saved.weights.values(), *saved.trainer.values()])

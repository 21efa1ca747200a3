"""What criteria and metrics have come to over the samples so far: added up on the device, read when asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from ..layers.accumulation import Rows, Sums
from ..layers.layer import Layer
from ..lower import Executable


@dataclass(frozen=True)
class _Part:
    """A node's place among the sums. A mean has one number, or two (with the sum of the weights)."""

    name: str
    first: int
    numbers: int
    layer: Layer
    weights: str | None = None  #: key of the samples' weights


class RunningMetrics:
    """Accumulates criteria and metrics: means over samples, and whatever the rows of set metrics say.

    Everything but rows that are kept lies in one tensor of float64 sums, so two parts of a data set are
    merged by adding. `add` reads no value and allocates nothing that lasts, so it can be captured in a
    CUDA graph; the caller counts `samples`. Reading results is the only synchronisation of the loop.
    """

    def __init__(self, executable: Executable, names: Iterable[str], device: torch.device) -> None:
        self.names = tuple(dict.fromkeys(names))
        self.device = device
        self.samples = 0
        self.parts: list[_Part] = []
        self.kept: dict[str, _KeptRows] = {}
        count = 0
        for name in self.names:
            node = executable.network[name]
            key, numbers = executable.sample_weights.get(name), 1
            if node.layer.is_set_metric:
                added = node.layer.accumulation([executable.network[use.node].shape for use in node.inputs])
                numbers = added.numbers if isinstance(added, Sums) else 0
                if isinstance(added, Rows):
                    self.kept[name] = _KeptRows(added.columns, device)
            self.parts.append(_Part(name, count, numbers + (key is not None), node.layer, key))
            count += self.parts[-1].numbers
        self.sums = torch.zeros(count, dtype=torch.float64, device=device)

    def reserve(self, samples: int) -> None:
        """Make room for the rows of so many samples, the most that will be added before the next `clear`."""
        for rows in self.kept.values():
            rows.reserve(samples)

    def add(self, values: Mapping[str, torch.Tensor]) -> None:
        """Add what the network gave for one minibatch; the caller counts its samples."""
        pieces = [self._piece(part, values) for part in self.parts if part.numbers]
        if pieces:
            self.sums += torch.cat(pieces)
        for name, rows in self.kept.items():
            rows.add(values[name].detach())

    def _piece(self, part: _Part, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        value = values[part.name].detach()
        if part.layer.is_set_metric:
            return value.to(torch.float64).reshape(part.numbers)
        if part.weights is None:
            return value.sum(dtype=torch.float64).reshape(1)
        weight = values[part.weights].to(torch.float64)
        weighted = torch.where(weight == 0, 0.0, weight * value.to(torch.float64))
        return torch.stack((weighted.sum(), weight.sum()))

    def quick_results(self) -> dict[str, float]:
        """The value of each node that needs no look at every row: cheap enough for a line of progress."""
        sums = self.sums.cpu()
        return {part.name: self._result(part, sums, max(1, self.samples), 0) for part in self.parts
                if part.name not in self.kept}

    def results(self, before: Sequence[float] = (), samples_before: int = 0) -> dict[str, float]:
        """The value of each node over all that was added, by name; or over what came after an earlier point:
        `before` are the sums there, and `samples_before` the samples.
        """
        now = self.sums.cpu()
        sums = now - torch.tensor(before, dtype=torch.float64) if before else now
        samples = max(1, self.samples - samples_before)
        return {part.name: self._result(part, sums, samples, samples_before) for part in self.parts}

    def _result(self, part: _Part, sums: torch.Tensor, samples: int, samples_before: int) -> float:
        own = sums[part.first : part.first + part.numbers]
        if part.name in self.kept:
            return part.layer.result(self.kept[part.name].filled(self.samples)[samples_before:])
        if part.layer.is_set_metric:
            return part.layer.result(own)
        if part.weights is None:
            return own.item() / samples
        return (own[0] / own[1]).item() if own[1] else 0.0

    def merge(self, other: RunningMetrics) -> None:
        """Add what another part of the data set came to."""
        for name, rows in self.kept.items():
            rows.append(self.samples, other.kept[name].filled(other.samples))
        self.sums += other.sums.to(self.device)
        self.samples += other.samples

    def clear(self) -> None:
        """Forget everything."""
        self.sums.zero_()
        self.samples = 0
        for rows in self.kept.values():
            rows.count.zero_()

    # -- checkpoints ----------------------------------------------------------------------------

    def tensors(self) -> dict[str, torch.Tensor]:
        """All that was added, for a checkpoint."""
        return {"totals": self.sums, **{f"totals.{name}": rows.filled(self.samples)
                                        for name, rows in self.kept.items()}}

    def load(self, saved: Mapping[str, torch.Tensor], samples: int) -> None:
        """Go on from the tensors of a checkpoint, which are of so many samples."""
        self.sums.copy_(saved["totals"])
        self.samples = samples
        for name, rows in self.kept.items():
            rows.append(0, saved[f"totals.{name}"])


class _KeptRows:
    """The rows of a metric that needs all of them, in a table on the device. `count` is how many are filled."""

    def __init__(self, columns: int, device: torch.device) -> None:
        self.table = torch.empty(0, columns, device=device)
        self.count = torch.zeros(1, dtype=torch.int64, device=device)

    def reserve(self, rows: int) -> None:
        if rows > len(self.table):
            larger = self.table.new_empty(rows, self.table.shape[1])
            larger[: len(self.table)] = self.table
            self.table = larger

    def add(self, rows: torch.Tensor) -> None:
        # Trial steps, which are undone, may run past the end: they begin again at the top.
        places = (self.count + torch.arange(len(rows), device=self.table.device)) % len(self.table)
        self.table.index_copy_(0, places, rows.to(self.table.dtype))
        self.count += len(rows)

    def append(self, at: int, rows: torch.Tensor) -> None:
        """Lay rows down after the first `at`."""
        self.reserve(at + len(rows))
        self.table[at : at + len(rows)] = rows.to(self.table.device)
        self.count.fill_(at + len(rows))

    def filled(self, samples: int) -> torch.Tensor:
        return self.table[:samples]

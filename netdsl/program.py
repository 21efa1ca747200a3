"""What a `.net` file means: a network, its special nodes, readers and a training plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .diagnostics import Diagnostic
from .network import Network, Node
from .optimizers.plan import TrainingPlan
from .readers.base import Reader, Sample
from .source import Source, Span

N = TypeVar("N", bound=Node, covariant=True)

#: The lists of nodes with a meaning, as members of `network`.
SPECIAL = ("featureNodes", "labelNodes", "criterionNodes", "evaluationNodes", "outputNodes")


@dataclass(frozen=True)
class Readers:
    """The reader block: where samples come from in each phase."""

    train: Reader | None = None
    test: Reader | None = None
    validation: Reader | None = None
    sample: Sample | None = None
    #: where each entry and option stands: "train", "train.folder"
    spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True)
class Budget:
    """A limit that the file sets: `parameters <= 63e6`."""

    quantity: str
    operator: str
    limit: float
    span: Span


@dataclass(frozen=True)
class Program(Generic[N]):
    """A file after elaboration. `network` holds Nodes before the passes, ShapedNodes after."""

    source: Source
    network: Network[N]
    #: special list -> node names ("criterionNodes": ("ce",)), and where each list stands
    special: Mapping[str, tuple[str, ...]]
    spans: Mapping[str, Span]
    #: names of the network's members that stand for a node: alias -> node name ("z": "model.fc8")
    aliases: Mapping[str, str]
    readers: Readers
    plan: TrainingPlan | None
    #: values of plain members at the top (dataDir, ...), for overrides and records
    settings: Mapping[str, object] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def criteria(self) -> tuple[str, ...]:
        return self.special.get("criterionNodes", ())

    @property
    def metrics(self) -> tuple[str, ...]:
        return self.special.get("evaluationNodes", ())

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.special.get("outputNodes", ())

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input nodes, in the order of the file."""
        return tuple(node.name for node in self.network if getattr(node.layer, "is_data", False))

    def shown_name(self, node: str) -> str:
        """The name a person would use: the member that stands for the node, else the node's path."""
        return next((alias for alias, name in self.aliases.items() if name == node), node)

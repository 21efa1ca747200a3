"""What a `.net` file means: a network, its special nodes, readers and a training plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from ..base.diagnostics import Diagnostic
from ..base.source import Files, Source, Span
from ..base.units import plural
from ..optimizers.plan import TrainingPlan
from ..readers.reader import Reader, Sample
from ..syntax import ast
from .network import Network, Node
from .shown_names import shown_names

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
class Origin:
    """What a program was made from: enough to make it again on other data, and to write it down as resolved."""

    module: ast.Module
    overrides: tuple[str, ...]
    files: Files
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, repr=False)
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
    #: node of a special list -> the element that stands for it there (`0.4 * se`)
    written: Mapping[str, Span] = field(default_factory=dict)
    #: None for a program that was not made from a text
    origin: Origin | None = field(default=None, compare=False)

    #: What a notebook shows of a program. The package sets it: the table and the drawing are made in rooms above.
    html: ClassVar[Callable[[Program[Any]], str] | None] = None

    def __repr__(self) -> str:
        return f"<Program {self.source.name}: {plural(len(self.network), 'node')}>"

    def _repr_html_(self) -> str | None:
        show = type(self).html
        return show(self) if show is not None else None

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
        return tuple(node.name for node in self.network if getattr(node.layer, "is_input", False))

    @cached_property
    def _shown(self) -> Mapping[str, str]:
        return shown_names(tuple(self.network), self.aliases, (*self.criteria, *self.metrics), self.written)

    def shown_name(self, node: str) -> str:
        """The name a person would use: the member that stands for the node, a short one, else the node's path."""
        return self._shown.get(node, node)

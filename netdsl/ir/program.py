"""What a `.net` file means: a network, its special nodes, readers and a training plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar

from ..base.diagnostics import Diagnostic
from ..base.source import Files, Source, Span
from ..base.units import plural
from ..optimizers.plan import TrainingPlan
from ..readers.reader import Reader, Sample
from ..syntax import ast
from .network import Network, Node, ShapedNode
from .shown_names import shown_names

#: The lists of nodes with a meaning, as members of `network`.
SPECIAL = ("featureNodes", "labelNodes", "criterionNodes", "evaluationNodes", "testNodes", "outputNodes")


class Phase(StrEnum):
    """What data are for. The order is the order in which people read them: in tables, messages and records."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class Readers(Mapping[Phase, Reader]):
    """The reader block: where samples come from in each phase that has a reader."""

    by_phase: Mapping[Phase, Reader] = field(default_factory=dict)
    sample: Sample | None = None
    #: where each entry and option stands: "train", "train.folder"
    spans: Mapping[str, Span] = field(default_factory=dict)

    def __getitem__(self, phase: Phase) -> Reader:
        return self.by_phase[phase]

    def __iter__(self) -> Iterator[Phase]:
        return (phase for phase in Phase if phase in self.by_phase)

    def __len__(self) -> int:
        return len(self.by_phase)

    def replaced(self, by_phase: Mapping[Phase, Reader]) -> Readers:
        """The same block with other readers in some phases."""
        return replace(self, by_phase={**self.by_phase, **by_phase})


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


@dataclass(frozen=True, kw_only=True, repr=False)
class _ProgramParts:
    """What a program has beside its network, the same before and after shapes are known."""

    source: Source
    network: Network[Node]
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
    html: ClassVar[Callable[[Any], str] | None] = None

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
    def roots(self) -> tuple[str, ...]:
        """The nodes that any special list names, each once."""
        return tuple(dict.fromkeys(name for names in self.special.values() for name in names))

    @cached_property
    def _shown(self) -> Mapping[str, str]:
        return shown_names(tuple(self.network), self.aliases, (*self.criteria, *self.metrics), self.written)

    def shown_name(self, node: str) -> str:
        """The name a person would use: the member that stands for the node, a short one, else the node's path."""
        return self._shown.get(node, node)


@dataclass(frozen=True, kw_only=True, repr=False)
class Program(_ProgramParts):
    """A file after elaboration: what it says, with no shape known yet."""


@dataclass(frozen=True, kw_only=True, repr=False)
class CheckedProgram(_ProgramParts):
    """A program whose shapes and costs are known: what everything behind the compiler takes."""

    network: Network[ShapedNode]

    def evaluated(self, phase: Phase) -> tuple[str, ...]:
        """The nodes that are reported in a phase: criteria and metrics; of a test also what `testNodes` lists."""
        more = self.special.get("testNodes", ()) if phase is Phase.TEST else ()
        numbers = [name for name in more if name in self.network and self.network[name].shape.size == 1]
        return tuple(dict.fromkeys((*self.criteria, *self.metrics, *numbers)))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input nodes, in the order of the file."""
        return tuple(node.name for node in self.network if node.layer.is_input)

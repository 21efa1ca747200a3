"""What a `.net` file means: a network, its special nodes, readers and a training plan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ..base.diagnostics import Diagnostic
from ..base.source import Source, Span
from ..optimizers.plan import TrainingPlan
from ..readers.reader import Reader, Sample
from .network import Network, Node, ShapedNode

#: The lists of nodes with a meaning, as members of `network`.
SPECIAL = ("featureNodes", "labelNodes", "criterionNodes", "evaluationNodes", "outputNodes")


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


@dataclass(frozen=True, kw_only=True)
class _ProgramParts:
    """What a program has beside its network, the same before and after shapes are known."""

    source: Source
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

    def shown_name(self, node: str) -> str:
        """The name a person would use: the member that stands for the node, else the node's path.

        A criterion or metric made by operators, whose path says nothing (`value1`), goes by its text (`0.4 * se`)
        where that is short and its alone.
        """
        alias = next((alias for alias, name in self.aliases.items() if name == node), None)
        if alias is not None:
            return alias
        special = {name: _text(self.written.get(name)) for name in (*self.criteria, *self.metrics)}
        text = special.get(node, "") if _NAMELESS.fullmatch(node) else ""
        return text if text and list(special.values()).count(text) == 1 and text not in self.aliases else node


@dataclass(frozen=True, kw_only=True)
class Program(_ProgramParts):
    """A file after elaboration: what it says, with no shape known yet."""

    network: Network[Node]


@dataclass(frozen=True, kw_only=True)
class CheckedProgram(_ProgramParts):
    """A program whose shapes and costs are known: what everything behind the compiler takes."""

    network: Network[ShapedNode]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input nodes, in the order of the file."""
        return tuple(node.name for node in self.network if node.layer.is_input)


#: A text longer than this is no name.
_LONGEST_NAME = 40
#: What elaboration calls the nodes of operators.
_NAMELESS = re.compile(r"value\d+")


def _text(span: Span | None) -> str:
    """The text of a place on one line, or nothing where it is too long for a name."""
    text = " ".join(span.text.split()) if span is not None else ""
    return text if len(text) <= _LONGEST_NAME else ""

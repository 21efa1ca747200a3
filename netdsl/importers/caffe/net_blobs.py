"""Who makes the blob that a layer reads: names are resolved from top to bottom, for each phase.

A layer may write over what it reads (`bottom` and `top` of one name); what reads the name above it gets the old blob,
what reads it below the new one. A net may be another one in training and in testing. Here both are read at once: a
layer that both have is one use, and where they would read different blobs there is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.source import Span
from ...base.suggest import did_you_mean
from .net_layers import Layer, NetState, is_in
from .prototext import Message, Scalar


class Made(NamedTuple):
    """A blob: the use of a layer that makes it, and which of its tops it is."""

    use: int
    top: int


@dataclass
class Use:
    """A layer in the net: the blobs that it reads, and the phases that have it."""

    number: int
    layer: Layer
    phases: tuple[str, ...]
    bottoms: tuple[Made, ...]
    #: The layer that gives the same blobs in another phase; data layers only.
    others: dict[str, Layer] = field(default_factory=dict)
    readers: list[list[int]] = field(default_factory=list)  #: for each top the uses that read it

    @property
    def span(self) -> Span:
        return self.layer.span


@dataclass(frozen=True)
class Types:
    """Types of layers that are resolved in a way of their own."""

    data: Collection[str]
    weighted: Collection[str]  #: they have weights, which are found by the layers' names


def resolve(layers: Sequence[Layer], states: Sequence[NetState], types: Types, problems: list[Diagnostic]) -> list[Use]:
    """The uses of layers that the net has in any of the phases, in the order of the file."""
    return _Resolver(layers, states, types, problems).run()


def is_complete(layers: Sequence[Layer], state: NetState) -> bool:
    """Whether every blob that a layer of the net reads is made above it."""
    made: set[str] = set()
    for layer in layers:
        if is_in(layer, state):
            if any(name not in made for name, _ in layer.bottoms):
                return False
            made |= {name for name, _ in layer.tops}
    return True


class _Resolver:
    def __init__(self, layers: Sequence[Layer], states: Sequence[NetState], types: Types,
                 problems: list[Diagnostic]) -> None:
        self.layers, self.states, self.types, self.problems = layers, states, types, problems
        self.uses: list[Use] = []
        #: By phase: name of a blob -> the latest blob of that name.
        self.latest: dict[str, dict[str, Made]] = {state.phase: {} for state in states}
        self.names: dict[str, Layer] = {}

    def run(self) -> list[Use]:
        for index, layer in enumerate(self.layers):
            phases = tuple(state.phase for state in self.states if is_in(layer, state))
            if phases and not self._joins_data(layer, phases) and not self._joins_twin(layer, phases):
                self._use(index, layer, phases)
        return self.uses

    def _joins_data(self, layer: Layer, phases: tuple[str, ...]) -> bool:
        """Whether a data layer gives what one of another phase gives: it is then the same use."""
        if layer.type not in self.types.data:
            return False
        for use in self.uses:
            if (use.layer.type in self.types.data and not set(use.phases) & set(phases)
                    and [name for name, _ in use.layer.tops] == [name for name, _ in layer.tops]):
                use.phases = (*use.phases, *phases)
                use.others |= dict.fromkeys(phases, layer)
                for phase in phases:
                    self.latest[phase] |= {name: Made(use.number, top) for top, (name, _) in enumerate(layer.tops)}
                return True
        return False

    def _joins_twin(self, layer: Layer, phases: tuple[str, ...]) -> bool:
        """Whether a layer is one of another phase written out again, as people do it to normalize by other statistics
        in testing (`use_global_stats`): it is then the same use."""
        for use in reversed(self.uses):
            if use.layer.name == layer.name and not set(use.phases) & set(phases) and is_twin(use.layer, layer):
                now = tuple(self.latest[phase].get(name) for phase in phases[:1] for name, _ in layer.bottoms)
                if now == use.bottoms:
                    use.phases = (*use.phases, *phases)
                    for phase in phases:
                        self.latest[phase] |= {name: Made(use.number, top)
                                               for top, (name, _) in enumerate(layer.tops)}
                    return True
        return False

    def _use(self, index: int, layer: Layer, phases: tuple[str, ...]) -> None:
        use = Use(len(self.uses), layer, phases, (), readers=[[] for _ in layer.tops])
        found = [self._bottom(index, layer, name, span, phases) for name, span in layer.bottoms]
        use.bottoms = tuple(made for made in found if made is not None)
        for made in use.bottoms:
            self.uses[made.use].readers[made.top].append(use.number)
        use.layer = self._named(layer, phases)
        for top, (name, span) in enumerate(layer.tops):
            self._check_top(use, name, span, phases)
            for phase in phases:
                self.latest[phase][name] = Made(use.number, top)
        self.uses.append(use)

    def _bottom(self, index: int, layer: Layer, name: str, span: Span, phases: tuple[str, ...]) -> Made | None:
        made = {phase: self.latest[phase].get(name) for phase in phases}
        if None in made.values():
            missing = [phase for phase, blob in made.items() if blob is None]
            self.problems.append(self._unknown(index, layer, name, span, missing[0]))
            return None
        blobs = list(dict.fromkeys(made.values()))
        if len(blobs) > 1:
            places = [Label(self.uses[blob.use].span, f"what {phase} reads is made here")
                      for phase, blob in made.items() if blob is not None]
            self.problems.append(Diagnostic(
                Code.NOT_SUPPORTED, f"`{name}` is another blob in training than in testing", Label(span, "read here"),
                related=tuple(places),
                hint="read the net of one phase: `phase=TRAIN` or `phase=TEST` behind the file's name."))
        return blobs[0]

    def _unknown(self, index: int, layer: Layer, name: str, span: Span, phase: str) -> Diagnostic:
        below = [other for other in self.layers[index:] if name in [top for top, _ in other.tops]]
        if below and self._needs(below[0], {top for top, _ in layer.tops} - {name}, index):
            return Diagnostic(Code.CYCLE, f"`{name}` is needed to compute itself", Label(span, "this is read here"),
                              related=(Label(below[0].span, f"`{name}` is made here, and needs this layer"),),
                              body=("A net of Caffe is read from top to bottom, and has no loops.",))
        if below and below[0] is layer:
            return Diagnostic(Code.CYCLE, f"`{name}` is needed to compute itself",
                              Label(span, "nothing above makes it"))
        if below:
            return Diagnostic(Code.UNKNOWN_NAME, f"`{name}` is read before it is made", Label(span, "it is read here"),
                              related=(Label(below[0].span, "and made only here"),),
                              hint="a net of Caffe is read from top to bottom: move the layer that makes it up.")
        elsewhere = next((top for top in self.layers[:index] if name in [t for t, _ in top.tops]), None)
        if elsewhere is not None:
            return Diagnostic(
                Code.UNKNOWN_NAME, f"no layer of the phase {phase} makes `{name}`", Label(span, "it is read here"),
                related=(Label(elsewhere.span, "this layer makes it, and belongs to another phase or stage"),),
                hint="read the net of one phase alone: `phase=TRAIN` or `phase=TEST` behind the file's name (and "
                     "`stage=NAME` where the net has stages).")
        return Diagnostic(Code.UNKNOWN_NAME, f"no layer above makes `{name}`", Label(span, "this bottom is unknown"),
                          hint=did_you_mean(name, self.latest[phase]))

    def _needs(self, layer: Layer, tops: set[str], index: int) -> bool:
        """Whether a layer below needs one of these tops, directly or through others below."""
        waiting, seen = [name for name, _ in layer.bottoms], set[str]()
        while waiting:
            name = waiting.pop()
            if name in tops:
                return True
            if name not in seen:
                seen.add(name)
                waiting += [bottom for other in self.layers[index:] if name in [top for top, _ in other.tops]
                            for bottom, _ in other.bottoms]
        return False

    def _check_top(self, use: Use, name: str, span: Span, phases: Sequence[str]) -> None:
        before = next((self.latest[phase][name] for phase in phases if name in self.latest[phase]), None)
        if before is None or name in [bottom for bottom, _ in use.layer.bottoms]:
            return
        if before.use == use.number:
            self.problems.append(Diagnostic(Code.DUPLICATE_NAME, f"a layer has the top `{name}` twice",
                                            Label(span, "this is the second one")))
            return
        self.problems.append(Diagnostic(
            Code.DUPLICATE_NAME, f"two layers make the blob `{name}`", Label(span, "this is the second one"),
            related=(Label(self.uses[before.use].span, "the first one"),),
            hint="give one of them another top; only a layer that reads a blob may write over it."))

    def _named(self, layer: Layer, phases: Sequence[str]) -> Layer:
        """The layer under a name of its own. Two layers of one name are an error where they have weights."""
        before = self.names.setdefault(layer.name, layer)
        together = any(is_in(before, state) for state in self.states if state.phase in phases)
        if before is layer or not together:
            return layer
        weighted = {before.type, layer.type} & set(self.types.weighted)
        other = next((top for top, _ in layer.tops if top not in self.names), f"{layer.name}_{len(self.uses)}")
        self.problems.append(Diagnostic(
            Code.DUPLICATE_NAME, f"two layers are called `{layer.name}`", Label(layer.span, "the second one"),
            related=(Label(before.span, "the first one"),), severity="error" if weighted else "warning",
            hint="weights are found by the names of layers: give each one of its own." if weighted else
                 f"the second one is called `{other}` here."))
        self.names[other] = layer
        return replace(layer, name=other)


#: What two layers of one name may say differently in two phases and still be the same.
_PHASE_FIELDS = ("include", "exclude", "param", "use_global_stats", "phase")


def is_twin(a: Layer, b: Layer) -> bool:
    """Whether two layers say the same, but for the phase they are in."""
    return a.type == b.type and _plain(a.message) == _plain(b.message)


def _plain(message: Message) -> list[tuple[str, object]]:
    return [(f.name, f.value.value if isinstance(f.value, Scalar) else _plain(f.value)) for f in message.fields
            if f.name not in _PHASE_FIELDS and not (isinstance(f.value, Message) and not _plain(f.value))]


def outputs(uses: Sequence[Use], ends: Collection[str]) -> list[Made]:
    """Blobs that no layer reads, but for those of the given types (losses and metrics)."""
    return [Made(use.number, top) for use in uses if use.layer.type not in ends
            for top, readers in enumerate(use.readers)
            if all(uses[reader].layer.type in ends for reader in readers)]

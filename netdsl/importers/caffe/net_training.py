"""A net with its solver: which files they are in, and the `reader` and `SGD` blocks that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...base.codes import Code
from ...base.diagnostics import Diagnostic
from ...base.failure import Failure, failure
from ...base.source import Source, Span
from ...syntax import ast
from ..building import Builder
from ..import_format import ImportRequest, without_meaning
from .blob_rates import multiplier_members
from .data_source import found_path
from .known_fields import Problems
from .net_layers import PHASES, Layer, NetState, is_in, net_of
from .net_module import NetModule
from .net_readers import batch_of, reader_member
from .net_translation import TranslatedUse
from .prototext import Field, Message, ParsedText, Scalar, parse_text
from .solver import SOLVER, UNUSED_WHY, SolverReading, Trained, is_solver


@dataclass
class TrainingFiles:
    """The net that a command is about, and the solver that trains it, where there is one."""

    source: Source  #: of the net
    net: ParsedText
    overrides: tuple[str, ...]  #: those that are left
    solver: SolverReading | None = None
    problems: Problems = field(default_factory=lambda: Problems([], []))

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that the solver chooses; of several test nets the last that is not one on the training data."""
        if self.solver is None:
            return ()
        values = self.solver.values
        tests = [state for state in values["test_state"]
                 if not any("train" in stage.lower() for stage, _ in state.texts("stage"))] or values["test_state"]
        states = [values["train_state"], *tests[-1:]]
        return tuple(dict.fromkeys(stage for state in states if state is not None for stage, _ in state.texts("stage")))

    def members(self, found: Mapping[int, TranslatedUse], network: NetModule) -> list[ast.Member]:
        """What stands beside `network`. Raises Failure."""
        members: list[ast.Member] = []
        reader = reader_member(found, network, self.problems)
        if reader is not None:
            members.append(reader)
        if self.solver is not None:
            multipliers = multiplier_members(found, network, Builder(self.solver.span))
            members.append(self.solver.member(Trained(batch_of(found), multipliers)))
        if any(problem.is_error for problem in self.problems.diagnostics):
            raise Failure(self.problems.diagnostics)
        return members

    @property
    def notes(self) -> list[Diagnostic]:
        return [*self.problems.diagnostics, *without_meaning(self.problems.unused, UNUSED_WHY)]


def training_files(request: ImportRequest, parsed: ParsedText) -> TrainingFiles:
    """The net and the solver of a file that is either; `solver=FILE` names one for a net. Raises Failure."""
    if is_solver(parsed.message):
        own, rest = _own_fields(request.overrides)
        fields = [f for f in parsed.message.fields if f.name not in {changed.name for changed in own}]
        message = Message((*fields, *own), parsed.message.span)
        return _of_solver(request, replace(parsed, message=message), request.source, rest)
    given = [text for text in request.overrides if text.partition("=")[0].strip() == "solver"]
    if not given:
        return TrainingFiles(request.source, parsed, request.overrides)
    path = given[-1].partition("=")[2].strip().strip("\"'")
    rest = tuple(text for text in request.overrides if text not in given)
    own, rest = _own_fields(rest)
    place = Source("command line", given[-1])
    source = _read(request, path, request.source.name, place.span(0, len(place.text)))
    text = parse_text(source)
    fields = [f for f in text.message.fields if f.name not in {changed.name for changed in own}]
    problems = Problems([], [])
    solver = SolverReading(Message((*fields, *own), text.message.span), _place(source), problems)
    return TrainingFiles(request.source, parsed, rest, solver, problems)


def _of_solver(request: ImportRequest, parsed: ParsedText, source: Source, rest: tuple[str, ...]) -> TrainingFiles:
    problems = Problems([], [])
    solver = SolverReading(parsed.message, _place(source), problems)
    if any(problem.is_error for problem in problems.diagnostics):
        raise Failure(problems.diagnostics)
    train, net_source = _net(request, solver, source, ("net_param", "train_net_param"), ("net", "train_net"))
    if train is None:
        raise failure(Code.NO_NETWORK, "the solver names no net", solver.span, "`net` is missing",
                      hint='write `net: "train_val.prototxt"`.')
    test, _ = _net(request, solver, source, ("test_net_param",), ("test_net",))
    if test is not None and test is not train:
        train = joined(train, test)
    return TrainingFiles(net_source, train, rest, solver, problems)


def _net(request: ImportRequest, solver: SolverReading, source: Source, inner: Sequence[str], paths: Sequence[str],
         ) -> tuple[ParsedText | None, Source]:
    """A net that stands in the solver, or in a file that it names."""
    values = solver.values
    for name in inner:
        found = values[name][-1] if isinstance(values[name], list) and values[name] else values[name] or None
        if isinstance(found, Message):
            return ParsedText(found, ()), source
    for name in paths:
        path = values[name][-1] if isinstance(values[name], list) and values[name] else values[name]
        if path:
            read = _read(request, str(path), source.name, values.place(name))
            return parse_text(read), read
    return None, source


def _read(request: ImportRequest, path: str, beside: str, place: Span) -> Source:
    where = path if request.files.exists(path) else found_path(path, beside)
    try:
        return request.files.read(where)
    except (OSError, UnicodeDecodeError):
        raise failure(Code.NO_FILE, f"the file `{path}` cannot be read", place, "it is named here",
                      hint="paths count from the current folder, or from that of this file.") from None


def _place(source: Source) -> Span:
    """Where messages about a solver as a whole point: its first line."""
    text = source.text
    start = len(text) - len(text.lstrip())
    end = text.find("\n", start)
    return source.span(start, end if end >= 0 else len(text))


def _own_fields(overrides: Sequence[str]) -> tuple[list[Field], tuple[str, ...]]:
    """`base_lr=0.1`: what the command line says in the solver's own words; the rest is left."""
    own: list[Field] = []
    rest: list[str] = []
    for text in overrides:
        name, _, value = (part.strip() for part in text.partition("="))
        if name not in SOLVER or not value:
            rest.append(text)
            continue
        kind = SOLVER[name].kind
        written = value if value[:1] in "\"'" or kind != "text" else f'"{value}"'
        own += parse_text(Source("command line", f"{name}: {written}")).message.fields
    return own, tuple(rest)


# --- two nets ------------------------------------------------------------------------------------------


def joined(train: ParsedText, test: ParsedText) -> ParsedText:
    """The nets of `train_net` and `test_net` as one with phases: layers of one name and type are in both."""
    first = [layer for layer in net_of(train.message).layers if is_in(layer, NetState("TRAIN"))]
    second = [layer for layer in net_of(test.message).layers if is_in(layer, NetState("TEST"))]
    shared = {(layer.name, layer.type) for layer in first} & {
        (layer.name, layer.type) for layer in second if layer.bottoms}
    fields: list[Field] = []
    rest = list(second)
    for layer in first:
        key = (layer.name, layer.type)
        if key in shared:
            while rest:  # what the test net has above it
                other = rest.pop(0)
                if (other.name, other.type) == key:
                    break
                if (other.name, other.type) not in shared:
                    fields.append(_in_phase(other, PHASES[1]))
        fields.append(_in_phase(layer, "" if key in shared else PHASES[0]))
    fields += [_in_phase(layer, PHASES[1]) for layer in rest if (layer.name, layer.type) not in shared]
    return ParsedText(Message(tuple(fields), train.message.span), train.comments)


def _in_phase(layer: Layer, phase: str) -> Field:
    """The layer, in one phase or, with "", in both."""
    kept = [f for f in layer.message.fields if f.name not in ("include", "exclude", "phase")]
    if phase:
        rule = Message((Field("phase", Scalar("word", phase, layer.span), layer.span, layer.span),), layer.span)
        kept.append(Field("include", rule, layer.span, layer.span))
    return Field("layer", Message(tuple(kept), layer.message.span), layer.span, layer.span)



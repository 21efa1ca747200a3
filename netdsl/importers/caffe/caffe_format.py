"""The row of the table of formats that reads nets of Caffe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.failure import Failure, failure
from ...base.source import Source, Span
from ...syntax import ast
from ..building import Builder
from ..import_format import Imported, ImportFormat, ImportRequest, without_meaning
from .deploy_reader import Preparation, deploy_reader, image_input
from .known_fields import Problems
from .layer_rows import DATA_TYPES, WEIGHTED_TYPES
from .net_blobs import Types, Use, is_complete, resolve
from .net_layers import PHASES, NetFile, NetState, is_in, net_of, stages_of
from .net_module import NetModule, write_network
from .net_training import training_files
from .net_translation import TranslatedUse, translate
from .prototext import ParsedText, parse_text


@dataclass(frozen=True)
class ReadNet:
    """A net with everything that was found on the way; what the solver's part builds on."""

    parsed: ParsedText
    file: NetFile
    uses: tuple[Use, ...]
    translated: Mapping[int, TranslatedUse]
    network: NetModule
    notes: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class Choices:
    """What the command line says of a net, beside overrides in our form."""

    phases: tuple[str, ...]
    level: int
    stages: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    overrides: tuple[str, ...]  #: the rest


class CaffeNet(ImportFormat):
    """`deploy.prototxt` and the net of `train_val.prototxt`."""

    name = "caffe"
    title = "a net of Caffe"
    suffixes = (".prototxt",)

    def recognises(self, text: str) -> bool:
        is_net = re.search(r"^\s*layers?\s*:?\s*\{", text, re.MULTILINE) and re.search(
            r"\btype\s*:\s*[\"'A-Z]", text) and re.search(r"\b(?:bottom|top)\s*:\s*[\"']", text)
        is_solver = re.search(r"^\s*base_lr\s*:", text, re.MULTILINE) and re.search(
            r"^\s*(?:net|train_net|net_param|train_net_param)\s*[:{]", text, re.MULTILINE)
        return bool(is_net or is_solver)

    def read(self, request: ImportRequest) -> Imported:
        parsed = parse_text(request.source)
        files = training_files(request, parsed)
        choices = choices_of(files.overrides, files.net)
        net = read_net(files.source, files.net, replace(choices, stages=choices.stages or files.stages))
        members = [network_member(net.network, files.source), *files.members(net.translated, net.network)]
        picture = image_input(net.translated)
        if len(members) == 1 and picture is not None:
            how, rest = Preparation.of(choices.overrides)
            choices = replace(choices, overrides=rest)
            members.append(deploy_reader(picture, net.network, how, files.source, files.problems))
        module = ast.Module(tuple(members), request.source.span(0, len(request.source.text)), parsed.comments)
        return Imported(module, choices.overrides, (*net.notes, *files.notes))


def network_member(network: NetModule, source: Source) -> ast.Member:
    first, last = network.members[0].span, network.members[-1].span
    build = Builder(Span(source, first.start, max(first.start, last.end)))
    return build.assign("network", build.record(network.members))


def read_net(source: Source, parsed: ParsedText, choices: Choices) -> ReadNet:
    """A net as members of `network`. Raises Failure with every mistake found."""
    file = net_of(parsed.message)
    if not file.layers:
        raise failure(Code.NO_NETWORK, "this file has no layers", Span.nowhere(source.name), hint=_what_it_is(parsed))
    problems = Problems(file.problems, [])
    states = [_state(file, phase, choices, problems) for phase in _phases(file, choices)]
    uses = resolve(file.layers, states, Types(DATA_TYPES, WEIGHTED_TYPES), problems.diagnostics)
    if not uses:
        raise failure(Code.NO_NETWORK, "no layer belongs to this phase", Span.nowhere(source.name),
                      hint="the net's stages are " + ", ".join(f"`stage={name}`" for name in stages_of(file.layers)))
    translated = translate(uses, problems, choices.shapes)
    _raise_errors(problems)
    network = write_network(uses, translated, source)
    _raise_errors(problems)
    notes = [*problems.diagnostics, *without_meaning(problems.unused, "Caffe's own business")]
    return ReadNet(parsed, file, tuple(uses), translated, network, tuple(notes))


def _raise_errors(problems: Problems) -> None:
    if any(problem.is_error for problem in problems.diagnostics):
        raise Failure(problems.diagnostics)


def _phases(file: NetFile, choices: Choices) -> tuple[str, ...]:
    stated = file.state.text("phase") if file.state is not None else ""
    if choices.phases:
        return choices.phases
    return (stated,) if stated in PHASES else PHASES


def _state(file: NetFile, phase: str, choices: Choices, problems: Problems) -> NetState:
    """The state of a phase. Where the net is complete with a stage only and none is chosen, the first such stage."""
    state = NetState(phase, choices.level, choices.stages)
    if choices.stages or is_complete(file.layers, state):
        return state
    fitting = [stage for stage in stages_of(file.layers)
               if is_complete(file.layers, NetState(phase, choices.level, (stage,)))]
    if not fitting:
        return state
    place = next(layer.span for layer in file.layers
                 if is_in(layer, NetState(phase, choices.level, (fitting[0],))) and not is_in(layer, state))
    problems.add(Code.DOUBTFUL, f"in the phase {phase} the net needs a stage", place,
                 f"`{fitting[0]}` is taken", severity="note",
                 hint=f"the net's stages: {', '.join(f'`stage={stage}`' for stage in stages_of(file.layers))}.")
    return NetState(phase, choices.level, (fitting[0],))


def _what_it_is(parsed: ParsedText) -> str:
    if any(parsed.message.all(name) for name in ("net", "train_net", "base_lr", "max_iter")):
        return "it is a solver; the file that its `net` names has the layers."
    return "a net of Caffe has `layer { ... }` for each layer."


def choices_of(overrides: tuple[str, ...], parsed: ParsedText) -> Choices:
    """`phase=TEST`, `stage=deploy`, `level=1` and `data=28:28:1` out of the overrides; the rest is left."""
    phases: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    level, rest, shapes = 0, list[str](), dict[str, tuple[int, ...]]()
    tops = {name for layer in net_of(parsed.message).layers if layer.type in DATA_TYPES for name, _ in layer.tops}
    for text in overrides:
        name, _, value = (part.strip() for part in text.partition("="))
        if name == "phase":
            if value.upper() not in PHASES:
                raise _bad_choice(text, "`phase` is TRAIN or TEST")
            phases = (value.upper(),)
        elif name == "stage":
            stages = tuple(part.strip() for part in value.split(",") if part.strip())
        elif name == "level":
            if not re.fullmatch(r"-?\d+", value):
                raise _bad_choice(text, "`level` is a whole number")
            level = int(value)
        elif name in tops:
            if not re.fullmatch(r"[1-9]\d*(\s*:\s*[1-9]\d*)*", value.strip("()")):
                raise _bad_choice(text, f"the size of `{name}` is written width first: 28:28:1")
            shapes[name] = tuple(int(part) for part in reversed(value.strip("()").split(":")))
        else:
            rest.append(text)
    return Choices(phases, level, stages, shapes, tuple(rest))


def _bad_choice(text: str, why: str) -> Failure:
    source = Source("command line", text)
    return Failure([Diagnostic(Code.OVERRIDE, why, Label(source.span(0, len(text)), "this is something else"))])

"""The layers of a net, whatever the age of its file: today's `layer`, the older `layers`, and the first form of all.

Also what decides which layers a net has: the phase, the level and the stages (`include`, `exclude`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.source import Span
from ...base.suggest import did_you_mean
from .old_layers import FIRST_FORM_TYPES, SECOND_FORM_TYPES, TRANSFORM_FIELDS, upgraded_first_form
from .prototext import Field, Message, Scalar

PHASES = ("TRAIN", "TEST")

#: What a layer may have beside the message of its kind.
LAYER_FIELDS = ("name", "type", "bottom", "top", "phase", "loss_weight", "param", "blobs", "propagate_down", "include",
                "exclude", "transform_param", "loss_param", "blobs_lr", "weight_decay", "blob_share_mode")


@dataclass(frozen=True)
class ParamSpec:
    """What a net says of one blob of a layer: a name under which it is shared, and its multipliers."""

    name: str = ""
    lr_mult: float = 1.0
    decay_mult: float = 1.0
    span: Span | None = None


@dataclass(frozen=True)
class Layer:
    """A layer of the file, in today's words. Every text goes with its place."""

    name: str
    type: str
    bottoms: tuple[tuple[str, Span], ...]
    tops: tuple[tuple[str, Span], ...]
    params: tuple[ParamSpec, ...]
    message: Message
    span: Span  #: of its name, or of what stands for it; where messages about the layer point
    type_span: Span
    end: int = 0  #: the offset behind the whole layer

    def parameter(self, name: str) -> Message:
        """The message of the layer's kind: `convolution_param { ... }`; empty where it has none."""
        return self.message.merged(name)

    @property
    def loss_weights(self) -> tuple[float, ...]:
        return tuple(float(f.value.value) for f in self.message.all("loss_weight")
                     if isinstance(f.value, Scalar) and f.value.kind == "number")

    @property
    def transform(self) -> Message:
        """What is done to the data: `transform_param`, and what older files say of it in the data's own message."""
        old = [f for f in self.message.fields if f.name.endswith("_data_param") or f.name == "data_param"]
        moved = [inner for f in old if isinstance(f.value, Message) for inner in f.value.fields
                 if inner.name in TRANSFORM_FIELDS]
        return Message((*moved, *self.message.merged("transform_param").fields), self.span)


@dataclass(frozen=True)
class NetState:
    """What `include` and `exclude` ask for."""

    phase: str
    level: int = 0
    stages: tuple[str, ...] = ()


@dataclass
class NetFile:
    """A net as the file has it: its layers in order, before any phase is chosen."""

    name: str
    layers: list[Layer]
    message: Message
    problems: list[Diagnostic] = field(default_factory=list)
    state: Message | None = None


def net_of(message: Message) -> NetFile:
    """The layers of a net. What cannot be read is in `problems`."""
    net = NetFile(message.text("name"), [], message)
    states = message.messages("state")
    net.state = states[-1] if states else None
    net.layers += _inputs(message, net.problems)
    found = [f for f in message.fields if f.name in ("layer", "layers")]
    found, upgrade_problems = upgraded_first_form(found)
    net.problems += upgrade_problems
    for f in found:
        if isinstance(f.value, Message):
            net.layers.append(_layer(f, f.value, net.problems))
        else:
            net.problems.append(Diagnostic(Code.SYNTAX, f"`{f.name}` has to be a message in braces",
                                           Label(f.span, "this is no message")))
    known = ("name", "input", "input_shape", "input_dim", "force_backward", "state", "debug_info", "layer", "layers")
    net.problems += [
        Diagnostic(Code.UNKNOWN_KEY, f"a net of Caffe has no field `{f.name}`", Label(f.name_span, "it is left out"),
                   severity="warning", hint=did_you_mean(f.name, known))
        for f in message.fields if f.name not in known]
    return net


def _inputs(message: Message, problems: list[Diagnostic]) -> list[Layer]:
    """`input: "data" input_shape { ... }` (or four times `input_dim`) as layers of type Input."""
    names, shapes, dims = message.all("input"), message.all("input_shape"), message.all("input_dim")
    layers = []
    for index, f in enumerate(names):
        if not isinstance(f.value, Scalar):
            continue
        fields: list[Field] = []
        if shapes:
            fields = [Field("shape", s.value, s.span, s.name_span) for s in shapes[index : index + 1]]
        elif dims[4 * index : 4 * index + 4]:
            own = dims[4 * index : 4 * index + 4]
            inner = tuple(Field("dim", d.value, d.span, d.name_span) for d in own)
            fields = [Field("shape", Message(inner, own[0].span.to(own[-1].span)), own[0].span, own[0].name_span)]
        parameter = Message(tuple(fields), f.span)
        name = str(f.value.value)
        layers.append(Layer(name, "Input", (), ((name, f.value.span),), (),
                            Message((Field("input_param", parameter, f.span, f.span),), f.span), f.span, f.span,
                            f.span.end))
    if shapes and dims:
        problems.append(Diagnostic(Code.CONFLICTING_KEYS, "`input_shape` and `input_dim` are both there",
                                   Label(dims[0].span, "Caffe takes one of them"),
                                   hint="remove the `input_dim` lines."))
    return layers


def _layer(f: Field, message: Message, problems: list[Diagnostic]) -> Layer:
    named, typed = message.last("name"), message.last("type")
    tops = tuple(message.texts("top"))
    name = message.text("name") or (tops[0][0] if tops else "")
    span = named.span if named is not None else typed.span if typed is not None else f.name_span
    type_span = typed.value.span if typed is not None else f.name_span
    return Layer(name, _type(f, message, type_span, problems), tuple(message.texts("bottom")), tops,
                 _params(message), message, span, type_span, f.span.end)


def _type(f: Field, message: Message, span: Span, problems: list[Diagnostic]) -> str:
    """The layer's type by its name of today."""
    typed = message.last("type")
    if typed is None or not isinstance(typed.value, Scalar):
        problems.append(Diagnostic(Code.MISSING_OPTION, "a layer has no `type`", Label(span, "this layer"),
                                   hint='every layer says what it is: `type: "Convolution"`.'))
        return ""
    text = str(typed.value.value)
    if typed.value.kind == "number" and typed.value.is_whole:
        number = int(float(typed.value.value))
        return next((name for _, (code, name) in SECOND_FORM_TYPES.items() if code == number), str(number))
    if f.name == "layers" or typed.value.kind == "word":
        return SECOND_FORM_TYPES.get(text, (0, FIRST_FORM_TYPES.get(text, text)))[1]
    return text


def _params(message: Message) -> tuple[ParamSpec, ...]:
    """One for each blob; in older files the names, rates and decays are lists beside each other."""
    specs = []
    for f in message.all("param"):
        if isinstance(f.value, Message):
            specs.append(ParamSpec(f.value.text("name"), _number(f.value, "lr_mult"), _number(f.value, "decay_mult"),
                                   f.span))
        else:
            specs.append(ParamSpec(str(f.value.value), span=f.span))
    rates, decays = message.all("blobs_lr"), message.all("weight_decay")
    for index in range(max(len(rates), len(decays))):
        old = specs[index] if index < len(specs) else ParamSpec()
        rate, decay = _at(rates, index, old.lr_mult), _at(decays, index, old.decay_mult)
        span = rates[index].span if index < len(rates) else decays[index].span
        specs[index : index + 1] = [ParamSpec(old.name, rate, decay, old.span or span)]
    return tuple(specs)


def _number(message: Message, name: str) -> float:
    f = message.last(name)
    return float(f.value.value) if f and isinstance(f.value, Scalar) and f.value.kind == "number" else 1.0


def _at(fields: Sequence[Field], index: int, default: float) -> float:
    value = fields[index].value if index < len(fields) else None
    return float(value.value) if isinstance(value, Scalar) and value.kind == "number" else default


# --- phases -----------------------------------------------------------------------------------------------


def is_in(layer: Layer, state: NetState) -> bool:
    """Whether a net in this state has the layer (Caffe's `FilterNet`)."""
    include, exclude = layer.message.messages("include"), layer.message.messages("exclude")
    if include:
        return any(_meets(rule, state) for rule in include)
    return not any(_meets(rule, state) for rule in exclude)


def _meets(rule: Message, state: NetState) -> bool:
    phase, low, high = rule.text("phase"), rule.last("min_level"), rule.last("max_level")
    phase = {"0": "TRAIN", "1": "TEST", "0.0": "TRAIN", "1.0": "TEST"}.get(phase, phase)
    return ((not phase or phase == state.phase)
            and (low is None or state.level >= _whole(low, state.level))
            and (high is None or state.level <= _whole(high, state.level))
            and all(stage in state.stages for stage, _ in rule.texts("stage"))
            and all(stage not in state.stages for stage, _ in rule.texts("not_stage")))


def _whole(f: Field, default: int) -> int:
    value = f.value
    return int(float(value.value)) if isinstance(value, Scalar) and value.is_whole else default


def stages_of(layers: Iterable[Layer]) -> list[str]:
    """Every stage that a rule of the net names, for messages."""
    rules = [rule for layer in layers for key in ("include", "exclude") for rule in layer.message.messages(key)]
    return list(dict.fromkeys(stage for rule in rules for key in ("stage", "not_stage")
                              for stage, _ in rule.texts(key)))

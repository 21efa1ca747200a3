"""The fields that a message of Caffe may have: kinds, defaults, and reading them with every mistake at its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from ...base.source import Span
from ...base.suggest import did_you_mean
from ...base.units import any_of
from .prototext import Field, Message


@dataclass(frozen=True)
class Known:
    """A field: what it may hold, and what it is where it is not given."""

    kind: str  #: "whole", "number", "flag", "text", "choice" or "message"
    default: Any = None
    repeated: bool = False
    choices: tuple[str, ...] = ()  #: of a choice, in the order of their numbers
    effect: bool = True  #: False: accepted, and without a meaning here


def whole(default: int | None = None, repeated: bool = False) -> Known:
    return Known("whole", default, repeated)


def number(default: float | None = None, repeated: bool = False) -> Known:
    return Known("number", default, repeated)


def flag(default: bool | None = None) -> Known:
    return Known("flag", default)


def text(default: str = "", repeated: bool = False) -> Known:
    return Known("text", default, repeated)


def choice(*choices: str, default: str | None = None) -> Known:
    return Known("choice", choices[0] if default is None else default, choices=choices)


def message(repeated: bool = False) -> Known:
    return Known("message", None, repeated)


def unused(kind: str = "text") -> Known:
    """A field that has no meaning outside of Caffe: which engine computes, how much memory it may take."""
    return Known(kind, effect=False)


#: `engine: CUDNN` and its like.
ENGINE = Known("text", effect=False)

FILLER: dict[str, Known] = {
    "type": text("constant"), "value": number(0.0), "min": number(0.0), "max": number(1.0), "mean": number(0.0),
    "std": number(1.0), "sparse": whole(-1),
    "variance_norm": choice("FAN_IN", "FAN_OUT", "AVERAGE"),
}


@dataclass
class Problems:
    """What is found while a net is read: errors and warnings, and fields without a meaning (for one note)."""

    diagnostics: list[Diagnostic]
    unused: list[tuple[str, Span]]

    @property
    def errors(self) -> int:
        """How many errors there are so far."""
        return sum(problem.is_error for problem in self.diagnostics)

    def add(self, code: Code, title: str, span: Span, label: str = "", **more: Any) -> None:
        self.diagnostics.append(Diagnostic(code, title, Label(span, label), **more))


class Values:
    """What a message says, by the names of its fields: a value, a list, or the default."""

    def __init__(self, values: Mapping[str, Any], spans: Mapping[str, Span], span: Span) -> None:
        self._values, self._spans, self.span = values, spans, span

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __contains__(self, name: str) -> bool:
        """Whether the file says it."""
        return name in self._spans

    def place(self, *names: str) -> Span:
        """Where the first of the fields stands that the file has; else the whole."""
        return next((self._spans[name] for name in names if name in self._spans), self.span)


def read_fields(given: Message, known: Mapping[str, Known], what: str, span: Span, problems: Problems) -> Values:
    """A message by its known fields. Unknown ones are warnings (forks of Caffe add them), wrong values errors."""
    found: dict[str, Any] = {name: [] if kind.repeated else kind.default for name, kind in known.items()}
    spans: dict[str, Span] = {}
    for f in given.fields:
        kind = known.get(f.name)
        if kind is None:
            problems.add(Code.UNKNOWN_KEY, f"{what} of Caffe has no field `{f.name}`", f.name_span, "it is left out",
                         severity="warning", hint=did_you_mean(f.name, known))
            continue
        if not kind.effect:
            problems.unused.append((f.name, f.span))
            continue
        value = _value(f, kind, problems)
        if value is None:
            continue
        spans.setdefault(f.name, f.span)
        if kind.repeated:
            found[f.name].append(value)
        elif kind.kind == "message" and found[f.name] is not None:
            found[f.name] = Message((*found[f.name].fields, *value.fields), found[f.name].span)
        else:
            found[f.name] = value
    return Values(found, spans, span)


_SAID = {"whole": "a whole number", "number": "a number", "flag": "`true` or `false`", "text": "a text in quotes",
         "message": "a message in braces"}
_FLAGS = {"true": True, "t": True, "True": True, "false": False, "f": False, "False": False}


def _value(f: Field, kind: Known, problems: Problems) -> Any:
    """The value of a field; None where it is of a wrong kind, which is then among the problems."""
    value = f.value
    if isinstance(value, Message):
        if kind.kind == "message":
            return value
    elif kind.kind == "choice":
        if value.kind == "word" and value.value in kind.choices:
            return value.value
        if value.is_whole and 0 <= float(value.value) < len(kind.choices):
            return kind.choices[int(float(value.value))]
        problems.add(Code.OPTION_TYPE, f"`{f.name}` has to be {any_of([f'`{name}`' for name in kind.choices])}",
                     value.span, "this is not one of them", hint=did_you_mean(str(value.value), kind.choices))
        return None
    elif kind.kind == "whole" and value.is_whole:
        return int(float(value.value))
    elif kind.kind == "number" and value.kind == "number":
        return float(value.value)
    elif kind.kind == "flag" and (str(value.value) in _FLAGS or value.value in (0.0, 1.0)):
        return _FLAGS.get(str(value.value), bool(value.value == 1.0))
    elif kind.kind == "text" and value.kind in ("string", "word"):
        return str(value.value)
    problems.add(Code.OPTION_TYPE, f"`{f.name}` has to be {_SAID[kind.kind]}", f.value.span,
                 "this is a message" if isinstance(value, Message) else "this is not")
    return None

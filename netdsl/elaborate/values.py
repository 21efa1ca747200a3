"""What expressions evaluate to, and the scopes that give nodes their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from ..base.diagnostics import Diagnostic
from ..base.failure import Failure
from ..base.source import Span
from ..ir.network import Use
from ..layers.layer import Layer
from ..spec import Applicable, LanguageValue, Spec
from ..syntax import ast
from .limits import ORDINARY_DEPTH, meter


class Interpreter(Protocol):
    """What thunks, applications and operators need of the evaluator; it is made of them, so they do not name it."""

    running: list[Thunk]
    used: set[Span]
    spec_spans: dict[int, tuple[Any, Span, dict[str, Span]]]

    def evaluate(self, expression: ast.Expression, environment: Environment, place: NamedPlace) -> Any: ...

    def label(self, e: ast.Expression, environment: Environment) -> str: ...

    def apply(self, function: Any, arguments: Sequence[Any], span: Span, place: NamedPlace) -> Any: ...

    def construct(self, row: type[Layer], span: Span, place: NamedPlace) -> Any: ...

    def add_node(self, layer: Layer, inputs: Sequence[Use], name: str, span: Span, trace: tuple[Span, ...],
                 weights: str | None = None, option_spans: tuple[tuple[str, Span], ...] = ()) -> Ref: ...

    def constant(self, value: float, span: Span, place: NamedPlace) -> Ref: ...

    def cycle(self, thunk: Thunk) -> Failure: ...


# --- places: where an evaluation happens -------------------------------------------------------------


class Scope:
    """A path in the file under which nodes get their names.

    Unnamed steps are counted by label, by the order in which they are written; a scope's own name
    goes to the one value that the scope stands for.
    """

    __slots__ = ("_claimed", "_counts", "_entered", "_outer", "_path", "_taken")

    def __init__(self, path: str = "", outer: Scope | None = None) -> None:
        #: the last part of the path as long as nobody has asked for the whole
        self._path, self._outer = path, outer
        self._counts: dict[str, int] = {}
        self._taken: dict[str, Span] = {}
        self._claimed = False
        self._entered = False

    @property
    def path(self) -> str:
        """`model.conv1`: joined when it is needed, since a recursion that never ends makes ever longer ones."""
        if self._outer is not None:
            parts, scope = [self._path], self._outer
            while scope._outer is not None:
                parts.append(scope._path)
                scope = scope._outer
            parts.append(scope._path)
            self._path, self._outer = ".".join(part for part in reversed(parts) if part), None
        return self._path

    def counted(self, label: str) -> Scope:
        """The scope of the next unnamed thing: `convolution1`, `convolution2`, ..."""
        count = self._counts.get(label, 0) + 1
        while f"{label}{count}" in self._taken:
            count += 1
        self._counts[label] = count
        return Scope(f"{label}{count}", self)

    def named(self, name: str) -> Scope:
        return Scope(name, self)

    def reserve(self, name: str, span: Span) -> Span | None:
        """Keep a name for a named step; the place that has it already, or None."""
        return self._taken.get(name) or self._taken.__setitem__(name, span)  # type: ignore[func-returns-value]

    def claim(self, label: str, tail: bool) -> str:
        """The name of a value made here: the scope's own if it stands for the whole, else counted."""
        if tail and self.path and not self._claimed:
            self._claimed = True
            return self.path
        return self.counted(label).path

    def enter(self) -> Scope:
        """The scope of a record written here; a second record in one scope gets a scope of its own."""
        if self._entered:
            return self.counted("block")
        self._entered = True
        return self


@dataclass(frozen=True, slots=True)
class Trace:
    """The uses that led to an evaluation, innermost first."""

    span: Span
    outer: Trace | None

    LIMIT: ClassVar[int] = 6

    def spans(self) -> tuple[Span, ...]:
        found: list[Span] = []
        trace: Trace | None = self
        while trace is not None and len(found) < Trace.LIMIT:
            found.append(trace.span)
            trace = trace.outer
        return tuple(found)


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """Scope, whether the value is what the scope stands for, and the uses that led here."""

    scope: Scope
    tail: bool = True
    trace: Trace | None = None

    def inner(self) -> NamedPlace:
        """For a part of the expression that is not its result."""
        return NamedPlace(self.scope, False, self.trace) if self.tail else self

    def at(self, scope: Scope) -> NamedPlace:
        return NamedPlace(scope, True, self.trace)

    def used_by(self, span: Span) -> NamedPlace:
        return NamedPlace(self.scope, self.tail, Trace(span, self.trace))

    def trace_spans(self) -> tuple[Span, ...]:
        return self.trace.spans() if self.trace else ()


# --- lazy values ---------------------------------------------------------------------------------------


class Environment:
    """Names and their thunks or values; lookups go outward.

    `hides` are names of the outermost environment that are not seen from here: the optimizers inside
    `network`, for example.
    """

    __slots__ = ("_what", "hides", "names", "outer")

    def __init__(self, names: dict[str, Any], outer: Environment | None, what: str | Scope = "",
                 hides: frozenset[str] = frozenset()) -> None:
        self.names, self.outer, self._what, self.hides = names, outer, what, hides

    @property
    def what(self) -> str:
        """How a message calls it."""
        if isinstance(self._what, Scope):
            return f"`{self._what.path}`" if self._what.path else "`network`"
        return self._what

    def find(self, name: str) -> Any:
        """The thunk or value; KeyError if there is none."""
        environment: Environment | None = self
        hidden = False
        while environment is not None:
            hidden = hidden or name in environment.hides
            if name in environment.names and not (hidden and environment.outer is None):
                return environment.names[name]
            environment = environment.outer
        raise KeyError(name)

    def visible(self) -> Iterator[str]:
        """Every name that a lookup from here can find."""
        hidden: frozenset[str] = frozenset()
        for environment in self.chain():
            hidden |= environment.hides
            yield from (n for n in environment.names if environment.outer is not None or n not in hidden)

    def chain(self) -> Iterator[Environment]:
        environment: Environment | None = self
        while environment is not None:
            yield environment
            environment = environment.outer


class Thunk:
    """An expression that is evaluated when it is first needed, at most once."""

    __slots__ = ("_error", "_state", "_value", "environment", "evaluator", "expression", "name", "place", "span")

    NEW, RUNNING, DONE, FAILED = range(4)

    def __init__(self, evaluator: Interpreter, expression: ast.Expression, environment: Environment, place: NamedPlace,
                 name: ast.Identifier | None = None) -> None:
        self.evaluator, self.expression, self.environment, self.place = evaluator, expression, environment, place
        self.name = name
        self.span = expression.span
        self._state = Thunk.NEW
        self._value: Any = None
        self._error: BaseException | None = None

    def compute(self) -> Any:
        return self.evaluator.evaluate(self.expression, self.environment, self.place)

    def force(self) -> Any:
        if self._state == Thunk.DONE:
            return self._value
        if self._state == Thunk.FAILED:
            assert self._error is not None
            raise self._error
        if self._state == Thunk.RUNNING:
            raise self.evaluator.cycle(self)
        self._state = Thunk.RUNNING
        self.evaluator.running.append(self)
        if len(self.evaluator.running) > ORDINARY_DEPTH:
            meter().nested(len(self.evaluator.running), self.span)
        try:
            self._value = self.compute()
            self._state = Thunk.DONE
        except BaseException as error:
            self._state, self._error = Thunk.FAILED, error
            raise
        finally:
            self.evaluator.running.pop()
        return self._value


@dataclass(frozen=True, slots=True)
class Ready:
    """An already computed value behind the Thunk interface: for arguments that are computed already."""

    value: Any
    span: Span
    place: NamedPlace | None = None
    name: ast.Identifier | None = None
    expression: ast.Expression | None = None

    def force(self) -> Any:
        return self.value


Lazy = Thunk | Ready


def force(item: Any) -> Any:
    return item.force() if isinstance(item, Thunk | Ready) else item


# --- values -------------------------------------------------------------------------------------------


class ListValue(LanguageValue):
    """`a:b:c` or `array[...]`: lazy items; always flat, lists inside lists are spliced when looked at."""

    __slots__ = ("_flat", "base", "items", "span")

    def __init__(self, items: Sequence[Lazy], span: Span, base: int = 0, flat: bool = False) -> None:
        self.items, self.span, self.base = items, span, base
        self._flat: list[Lazy] | None = list(items) if flat else None

    def description(self) -> str:
        return "a list"

    def flat(self) -> list[Lazy]:
        if self._flat is None:
            used = meter()
            used.enter("the list", self.span)
            try:
                self._flat = self._spliced()
            finally:
                used.leave()
            used.list_of(len(self._flat), self.span)
        return self._flat

    def _spliced(self) -> list[Lazy]:
        found: list[Lazy] = []
        problems: list[Diagnostic] = []  # all mistakes of a list are told at once
        for item in self.items:
            try:
                value = item.force() if _may_be_list(item) else None
                found.extend(value.flat() if isinstance(value, ListValue) else [item])
            except Failure as failed:
                problems += failed.diagnostics
        if problems:
            raise Failure(problems)
        return found


_NO_LIST = (ast.Number, ast.String, ast.Boolean, ast.Function)


def _may_be_list(item: Lazy) -> bool:
    """Literals are not lists; looking at them would only cost laziness."""
    return type(item.expression) not in _NO_LIST


@dataclass(frozen=True, slots=True, eq=False)
class RecordValue(LanguageValue):
    """`{ ... }`: members by name."""

    members: dict[str, Lazy]
    environment: Environment
    span: Span
    names: dict[str, Span] = field(default_factory=dict)

    def description(self) -> str:
        return "a record"


@dataclass(frozen=True, slots=True, eq=False)
class FunctionValue(Applicable):
    """A function with the environment it was defined in; `groups` are the brackets still to be applied."""

    name: str
    groups: tuple[tuple[ast.Parameter, ...], ...]
    body: ast.Expression
    environment: Environment
    span: Span

    def __str__(self) -> str:
        return self.name or "function"


@dataclass(frozen=True, slots=True, eq=False)
class RowValue(Applicable):
    """The name of a table row, not yet applied: `ReLU`, `ConvolutionalLayer`."""

    row: type[Spec]

    def description(self) -> str:
        return f"the {self.row.what} {self.row.name()}"

    def __str__(self) -> str:
        return self.row.name()


@dataclass(frozen=True, slots=True, eq=False)
class LayerValue(Applicable):
    """A constructed layer: its options bound, its weights named; applying it makes a node."""

    layer: Layer
    name: str
    span: Span
    trace: tuple[Span, ...]
    option_spans: tuple[tuple[str, Span], ...]
    activation: Any = None  #: a function value to apply to the result

    def description(self) -> str:
        return f"the layer {self.layer.name()}"

    def __str__(self) -> str:
        return self.layer.show()


@dataclass(frozen=True, slots=True, eq=False)
class Chain(Applicable):
    """`Sequential (...)` or `f >> g`: functions applied one after the other, each under its own scope."""

    steps: tuple[tuple[Any, Scope | None, Span], ...]
    span: Span

    def __str__(self) -> str:
        return "Sequential"


@dataclass(frozen=True, slots=True, eq=False)
class Branches(Applicable):
    """`Parallel (f:g, combine)` and `MergeBinary`: functions of one input, their results combined."""

    functions: tuple[tuple[Any, Scope | None, Span], ...]
    combine: Any
    as_list: bool  #: hand the results to `combine` as one list, or one by one
    span: Span

    def __str__(self) -> str:
        return "Parallel"


@dataclass(frozen=True, slots=True, eq=False)
class Builtin(Applicable):
    """A function of the language that is not a layer."""

    name: str
    parameters: tuple[str, ...]
    defaults: Mapping[str, Any]
    call: Callable[..., Any]  #: (evaluator, {name: Lazy}, call span, place) -> value
    doc: str = ""
    example: tuple[str, str] = ("", "")  #: expression and what it shows as

    def description(self) -> str:
        return f"the function {self.name}"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Ref(LanguageValue):
    """A node of the network."""

    node: str

    def description(self) -> str:
        return "a node of the network"


def describe(value: Any) -> str:
    """A value as a message names it."""
    from ..spec import describe_value

    if isinstance(value, ListValue):
        return "a list"
    return describe_value(value)

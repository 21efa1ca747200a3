"""Expressions -> values, lazily; uses of layers become nodes on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base.codes import Code
from ..base.diagnostics import Diagnostic
from ..base.failure import Failure, failure
from ..base.source import Files, Span
from ..base.suggest import did_you_mean
from ..ir.network import Node, Use
from ..layers import NAMES as LAYER_NAMES
from ..layers.layer import Layer
from ..spec import Applicable, show_value
from ..syntax import ast
from . import errors
from .apply import apply, call, construct
from .includes import Includes
from .limits import is_whole, meter
from .operators import binary, conditional, unary
from .overrides import Definition
from .values import (
    Environment,
    FunctionValue,
    ListValue,
    NamedPlace,
    Ready,
    RecordValue,
    Ref,
    RowValue,
    Scope,
    Thunk,
    force,
)


class ExpressionEvaluator:
    """Evaluates one program; collects the nodes that its evaluation makes."""

    def __init__(self, files: Files, builtins: dict[str, Any]) -> None:
        self.files = files
        self.nodes: dict[str, Node] = {}
        self.running: list[Thunk] = []
        self.warnings: list[Diagnostic] = []
        self.used: set[Span] = set()  #: where the names that were looked up are defined
        self.root = Environment(builtins, None, "the built-in library")
        #: where readers, transforms and optimizers were written: id -> (spec, span, option spans)
        self.spec_spans: dict[int, tuple[Any, Span, dict[str, Span]]] = {}
        self._includes = Includes(files)

    # -- expressions ----------------------------------------------------------------------------

    def evaluate(self, expression: ast.Expression, environment: Environment, place: NamedPlace) -> Any:
        return _EVALUATE[type(expression)](self, expression, environment, place)

    def number(self, e: ast.Number, environment: Environment, place: NamedPlace) -> float:
        return e.value

    def boolean(self, e: ast.Boolean, environment: Environment, place: NamedPlace) -> bool:
        return e.value

    def string(self, e: ast.String, environment: Environment, place: NamedPlace) -> str:
        if any(isinstance(part, str) and "{" in part for part in e.parts):
            self.warnings += errors.names_in_braces(e, environment, self.used)
        if len(e.parts) == 1 and isinstance(e.parts[0], str):
            return e.parts[0]
        parts = [part if isinstance(part, str) else self._interpolated(part, environment, place) for part in e.parts]
        meter().text_of(sum(map(len, parts)), e.span)
        return "".join(parts)

    def _interpolated(self, part: ast.Interpolation, environment: Environment, place: NamedPlace) -> str:
        value = self.evaluate(part.value, environment, place.inner())
        if isinstance(value, str):
            return value
        if isinstance(value, bool | float):
            return show_value(value)
        raise errors.wrong_type("only strings, numbers and booleans can go into a string", part.span, value, place)

    def name(self, e: ast.Name, environment: Environment, place: NamedPlace) -> Any:
        try:
            found = environment.find(e.text)
        except KeyError:
            raise errors.unknown_name(e.text, e.span, environment, place) from None
        if isinstance(found, Thunk | Ready):
            if found.name is not None:
                self.used.add(found.name.span)
            return found.force()
        return found

    def unary(self, e: ast.Unary, environment: Environment, place: NamedPlace) -> Any:
        return unary(self, e, self.evaluate(e.operand, environment, place.inner()), place)

    def binary(self, e: ast.Binary, environment: Environment, place: NamedPlace) -> Any:
        return binary(self, e, environment, place)

    def conditional(self, e: ast.Conditional, environment: Environment, place: NamedPlace) -> Any:
        return conditional(self, e, environment, place)

    def parentheses(self, e: ast.Parentheses, environment: Environment, place: NamedPlace) -> Any:
        return self.evaluate(e.value, environment, place)

    def list_(self, e: ast.List, environment: Environment, place: NamedPlace) -> ListValue:
        return self.list_of(e.items, e.span, environment, place)

    def list_of(self, items: Sequence[ast.Expression | ast.Step], span: Span, environment: Environment,
                place: NamedPlace) -> ListValue:
        """Items as thunks, each under its own scope: named steps by name, others counted by label."""
        for item in items:
            if isinstance(item, ast.Step):
                first = place.scope.reserve(item.name.text, item.name.span)
                if first is not None and first != item.name.span:
                    raise errors.duplicate(item.name.text, item.name.span, first, "the step")
        thunks = []
        for item in items:
            if isinstance(item, ast.Step):
                scope = place.scope.named(item.name.text)
                thunks.append(Thunk(self, item.value, environment, place.at(scope)))
            else:
                thunks.append(Thunk(self, item, environment, self._item_place(item, environment, place)))
        return ListValue(thunks, span)

    def _item_place(self, item: ast.Expression, environment: Environment, place: NamedPlace) -> NamedPlace:
        label = self.label(item, environment)
        return place.at(place.scope.counted(label)) if label else place.inner()

    def label(self, e: ast.Expression, environment: Environment) -> str:
        """What an unnamed step is called: the layer's label, or the function's own name."""
        while isinstance(e, ast.Call | ast.Parentheses):
            e = e.callee if isinstance(e, ast.Call) else e.value
        if isinstance(e, ast.Function | ast.Binary | ast.Unary | ast.Conditional):
            return "function" if isinstance(e, ast.Function) else "value"
        if isinstance(e, ast.Select):
            return _lower_first(e.name.text)
        if not isinstance(e, ast.Name):
            return ""
        try:
            found = environment.find(e.text)
        except KeyError:
            return _lower_first(e.text)
        if isinstance(found, RowValue) and issubclass(found.row, Layer):
            return found.row.step_label()
        # A name that stands for something made elsewhere keeps the name it got there; the scope
        # serves functions, whose nodes are made at each application.
        return _lower_first(e.text)

    def function(self, e: ast.Function, environment: Environment, place: NamedPlace) -> FunctionValue:
        parameters = tuple(ast.Parameter(p, None, p.span) for p in e.parameters)
        return FunctionValue("", (parameters,), e.body, environment, e.span)

    def select(self, e: ast.Select, environment: Environment, place: NamedPlace) -> Any:
        # `{ ... }.out`: the record stands for the whole, so its members are named under it.
        value = self.evaluate(e.value, environment, place if isinstance(e.value, ast.Record) else place.inner())
        if not isinstance(value, RecordValue):
            raise errors.wrong_type(f"`.{e.name.text}` selects a member of a record", e.value.span, value, place)
        member = value.members.get(e.name.text)
        if member is None:
            raise failure(Code.UNKNOWN_NAME, f"the record has no member `{e.name.text}`", e.name.span,
                          did_you_mean(e.name.text, value.members), related=errors.uses(place),
                          body=(f"Its members are: {', '.join(sorted(value.members)) or '(none)'}.",))
        self.used.add(value.names.get(e.name.text, e.name.span))
        return force(member)

    def index(self, e: ast.Index, environment: Environment, place: NamedPlace) -> Any:
        value = self.evaluate(e.value, environment, place.inner())
        if not isinstance(value, ListValue):
            raise errors.no_list_to_index(e, value, place)
        index = self.evaluate(e.index, environment, place.inner())
        items = value.flat()
        low, high = value.base, value.base + len(items) - 1
        if not is_whole(index):
            raise errors.wrong_type("an index has to be a whole number", e.index.span, index, place)
        if not low <= index <= high:
            raise failure(Code.INDEX, f"there is no element {int(index)} in a list of {len(items)}", e.index.span,
                          f"this is {int(index)}", related=errors.uses(place),
                          hint=f"its elements are {low} to {high}." if items else "the list is empty.")
        return items[int(index) - value.base].force()

    def call(self, e: ast.Call, environment: Environment, place: NamedPlace) -> Any:
        return call(self, e, environment, place)

    def record(self, e: ast.Record, environment: Environment, place: NamedPlace) -> RecordValue:
        return self.record_of(e.members, e.span, environment, place, place.scope)

    def record_of(self, members: Sequence[ast.Member], span: Span, environment: Environment, place: NamedPlace,
                  what: str | Scope = "") -> RecordValue:
        """Members as thunks that see each other; each names what is made in it."""
        scope = place.scope.enter() if place.tail else place.scope.counted("block")
        inner = Environment({}, environment, what)
        record = RecordValue({}, inner, span, {})
        for member in self.expand(members):
            name = member.name
            if name.text in record.names:
                raise errors.duplicate(name.text, name.span, record.names[name.text], "the name")
            record.names[name.text] = name.span
            record.members[name.text] = self._member(
                member, inner, NamedPlace(scope.named(name.text), True, place.trace)
            )
        inner.names.update(record.members)
        return record

    def _member(self, member: Definition, environment: Environment,
                place: NamedPlace) -> Thunk | Ready:
        if isinstance(member, ast.Define):
            value = FunctionValue(member.name.text, member.groups, member.value, environment, member.name.span)
            return Ready(value, member.span, place, member.name)
        if isinstance(member, ast.AssignElements):
            function = ast.Function((member.index,), member.value, member.value.span)
            array = ast.Array(member.low, member.high, function, member.span)
            return Thunk(self, array, environment, place, member.name)
        return Thunk(self, member.value, environment, place, member.name)

    def array(self, e: ast.Array, environment: Environment, place: NamedPlace) -> ListValue:
        low = self.whole_number(e.low, environment, place)
        high = self.whole_number(e.high, environment, place)
        function = self.evaluate(e.function, environment, place.inner())
        if not isinstance(function, Applicable):
            raise errors.wrong_type("`array [a..b] (i => ...)` needs a function", e.function.span, function, place)
        return self.elements(function, low, high, e.function, environment, place)

    def elements(self, function: Any, low: int, high: int, written: ast.Expression | None, environment: Environment,
                 place: NamedPlace, span: Span | None = None) -> ListValue:
        """The list of function (i) for i = low..high; every element is a scope, counted by label."""
        body = function.body if isinstance(function, FunctionValue) else written
        label = self.label(body, function.environment if isinstance(function, FunctionValue) else environment) \
            if body is not None else ""
        where = span or (written.span if written is not None else body.span if body is not None else None)
        assert where is not None
        meter().list_of(high + 1 - low, where)
        items = [_Element(self, function, index, where, place.at(place.scope.counted(label or "element")))
                 for index in range(low, high + 1)]
        # An element may refer to earlier ones, so the list must not look at them to be indexed.
        return ListValue(items, where, low, flat=True)

    def whole_number(self, e: ast.Expression, environment: Environment, place: NamedPlace) -> int:
        value = self.evaluate(e, environment, place.inner())
        if not is_whole(value):
            raise errors.wrong_type("the bounds of an array have to be whole numbers", e.span, value, place)
        return int(value)

    # -- applications and nodes -----------------------------------------------------------------

    def apply(self, function: Any, arguments: Sequence[Any], span: Span, place: NamedPlace) -> Any:
        return apply(self, function, arguments, span, place)

    def construct(self, row: type[Layer], span: Span, place: NamedPlace) -> Any:
        """A row with its defaults, made at a place."""
        return construct(self, row, [], {}, span, place)

    def add_node(self, layer: Layer, inputs: Sequence[Use], name: str, span: Span, trace: tuple[Span, ...],
                 weights: str | None = None, option_spans: tuple[tuple[str, Span], ...] = ()) -> Ref:
        """A new node; a second use of a layer gets its name with `_2`."""
        meter().step(span)
        unique, count = name, 1
        while unique in self.nodes:
            count += 1
            unique = f"{name}_{count}"
        self.nodes[unique] = Node(name=unique, layer=layer, inputs=tuple(inputs), weights=weights or unique,
                                  span=span, trace=trace, option_spans=option_spans)
        return Ref(unique)

    def constant(self, value: float, span: Span, place: NamedPlace) -> Ref:
        """A plain number where a node is needed."""
        layer = LAYER_NAMES["Constant"](value=value)
        return self.add_node(layer, (), place.scope.counted("constant").path, span, place.trace_spans())

    def cycle(self, thunk: Thunk) -> Failure:
        return errors.cycle(thunk, self.running)

    # -- includes ---------------------------------------------------------------------------------

    def expand(self, members: Sequence[ast.Member]) -> list[Definition]:
        """Definitions only: with includes and overrides in place."""
        return self._includes.expand(members)

    def diagnostics_of(self, work: Callable[[], Any], problems: list[Diagnostic]) -> Any:
        """Do something; collect its diagnostics and continue with None if it fails."""
        try:
            return work()
        except Failure as failed:
            problems.extend(failed.diagnostics)
            return None


class _Element(Thunk):
    """An element of `array [...]`: the function applied to the index when first looked at."""

    __slots__ = ("function", "number")

    def __init__(
        self, evaluator: ExpressionEvaluator, function: Any, number: int, span: Span, place: NamedPlace
    ) -> None:
        super().__init__(evaluator, ast.Name("element", span), evaluator.root, place)
        self.function, self.number = function, number

    def compute(self) -> Any:
        argument = Ready(float(self.number), self.span)
        return self.evaluator.apply(self.function, [argument], self.span, self.place)


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]


_EVALUATE: dict[type, Callable[[ExpressionEvaluator, Any, Environment, NamedPlace], Any]] = {
    ast.Number: ExpressionEvaluator.number,
    ast.Boolean: ExpressionEvaluator.boolean,
    ast.String: ExpressionEvaluator.string,
    ast.Name: ExpressionEvaluator.name,
    ast.Unary: ExpressionEvaluator.unary,
    ast.Binary: ExpressionEvaluator.binary,
    ast.Conditional: ExpressionEvaluator.conditional,
    ast.Parentheses: ExpressionEvaluator.parentheses,
    ast.List: ExpressionEvaluator.list_,
    ast.Function: ExpressionEvaluator.function,
    ast.Select: ExpressionEvaluator.select,
    ast.Index: ExpressionEvaluator.index,
    ast.Call: ExpressionEvaluator.call,
    ast.Record: ExpressionEvaluator.record,
    ast.Array: ExpressionEvaluator.array,
}

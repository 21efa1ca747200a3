"""Calls: functions, layers and rows of the other tables applied to what stands in their brackets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span
from ..base.suggest import did_you_mean
from ..base.units import plural
from ..ir.network import Use
from ..layers.layer import Layer
from ..readers import TRANSFORMS
from ..spec import Applicable, BoundArgument, Spec, bind, signature_body
from ..syntax import ast
from . import errors
from .limits import STEPS_OF_A_LAYER, meter
from .schedules import read_schedule
from .values import (
    Branches,
    Builtin,
    Chain,
    Environment,
    FunctionValue,
    Interpreter,
    LayerValue,
    Lazy,
    ListValue,
    NamedPlace,
    Ready,
    RecordValue,
    Ref,
    RowValue,
    Scope,
    Thunk,
)

Named = Mapping[str, tuple[Lazy, ast.Identifier]]


def call(evaluator: Interpreter, e: ast.Call, environment: Environment, place: NamedPlace) -> Any:
    """`f (a, b = 1)` or `F {a, b = 1}`."""
    # `a = DenseLayer {10} (x)`: the layer made for this one use is what `a` stands for.
    callee = evaluator.evaluate(e.callee, environment, place if isinstance(e.callee, ast.Call) else place.inner())
    positional: list[Lazy] = []
    named: dict[str, tuple[Lazy, ast.Identifier]] = {}
    for argument in e.arguments:
        thunk = Thunk(evaluator, argument.value, environment, place.inner(), argument.name)
        if argument.name is None:
            positional.append(thunk)
        elif argument.name.text in named:
            raise errors.duplicate(argument.name.text, argument.name.span, named[argument.name.text][1].span,
                                   "the argument")
        else:
            named[argument.name.text] = (thunk, argument.name)
    own = place if place.tail else place.at(place.scope)
    if isinstance(callee, RowValue):
        if e.braces or not issubclass(callee.row, Layer):
            return construct(evaluator, _with_braces(callee.row), positional, named, e.span, place)
        return call_row(evaluator, callee.row, positional, named, e, place)
    if isinstance(callee, FunctionValue):
        if not place.tail:
            own = place.at(place.scope.counted(evaluator.label(e.callee, environment) or "value"))
        return call_function(evaluator, callee, positional, named, e.span, own.used_by(e.span))
    if isinstance(callee, Builtin):
        return call_builtin(evaluator, callee, positional, named, e.span, place)
    if isinstance(callee, Applicable):
        if named:
            identifier = next(iter(named.values()))[1]
            raise failure(Code.WRONG_ARGUMENTS, f"`{identifier.text}` cannot be given here by name", identifier.span,
                          "this layer is made; it takes its inputs only", related=errors.uses(place))
        return apply(evaluator, callee, positional, e.span, place)
    raise errors.not_callable(callee, e.span, e.callee.span, place)


def apply(evaluator: Interpreter, function: Any, arguments: Sequence[Lazy], span: Span, place: NamedPlace) -> Any:
    """A function or layer applied to positional arguments; `span` is where it is applied."""
    if isinstance(function, FunctionValue):
        return call_function(evaluator, function, arguments, {}, span, place)
    if isinstance(function, LayerValue):
        return apply_layer(evaluator, function, arguments, span, place)
    if isinstance(function, RowValue) and issubclass(function.row, Layer):
        layer = construct(evaluator, function.row, [], {}, span, place)
        return layer if isinstance(layer, Ref) else apply_layer(evaluator, layer, arguments, span, place)
    if isinstance(function, Chain):
        return apply_chain(evaluator, function, arguments, span, place)
    if isinstance(function, Branches):
        return apply_branches(evaluator, function, arguments, span, place)
    if isinstance(function, Builtin):
        return call_builtin(evaluator, function, arguments, {}, span, place)
    raise errors.not_a_layer(function, span, place, "what is applied")


# --- functions of the file ---------------------------------------------------------------------------


def call_function(evaluator: Interpreter, function: FunctionValue, positional: Sequence[Lazy], named: Named, span: Span,
                  place: NamedPlace) -> Any:
    parameters = function.groups[0]
    title = f"`{function.name}`" if function.name else "the function"
    names = [p.name.text for p in parameters]
    if len(positional) > len(parameters):
        raise errors.arguments(function, f"{title} takes {plural(len(names), 'argument')}, "
                               f"here {'is' if len(positional) == 1 else 'are'} {len(positional)}",
                               positional[len(parameters)].span, "this one is too many", place)
    bound: dict[str, Lazy] = dict(zip(names, positional, strict=False))
    for name, (value, identifier) in named.items():
        if name not in names:
            raise errors.arguments(function, f"{title} has no parameter `{name}`", identifier.span,
                                   did_you_mean(name, names), place)
        if name in bound:
            raise errors.duplicate(name, identifier.span, bound[name].span, "the argument")
        bound[name] = value
    what = f"the parameters of {title}" if names else ""
    inner = Environment(dict(bound), function.environment, what)
    for parameter in parameters:
        name = parameter.name.text
        if name in bound:
            continue
        if parameter.default is None:
            raise errors.arguments(function, f"{title} needs its parameter `{name}`", span, f"`{name}` is missing here",
                                   place)
        # A default sees the parameters before it and is evaluated for each call.
        inner.names[name] = Thunk(evaluator, parameter.default, inner, place.inner(), parameter.name)
    if len(function.groups) > 1:
        return FunctionValue(function.name, function.groups[1:], function.body, inner, function.span)
    used = meter()
    used.enter(function.name or "a function", span)
    try:
        return evaluator.evaluate(function.body, inner, place)
    finally:
        used.leave()


def call_builtin(evaluator: Interpreter, builtin: Builtin, positional: Sequence[Lazy], named: Named, span: Span,
                 place: NamedPlace) -> Any:
    if len(positional) > len(builtin.parameters):
        count = plural(len(builtin.parameters), "argument")
        raise failure(Code.WRONG_ARGUMENTS, f"{builtin.name} takes {count}, here are {len(positional)}",
                      positional[len(builtin.parameters)].span, "this one is too many",
                      related=errors.uses(place), hint="the elements of a list are joined by `:`, not `,`.")
    bound: dict[str, Any] = dict(zip(builtin.parameters, positional, strict=False))
    for name, (value, identifier) in named.items():
        if name not in builtin.parameters:
            raise failure(Code.WRONG_ARGUMENTS, f"{builtin.name} has no parameter `{name}`", identifier.span,
                          did_you_mean(name, builtin.parameters), related=errors.uses(place),
                          body=(f"Its parameters are {', '.join(builtin.parameters)}.",),
                          hint=f"a step of a list is named with `:=`: `{name} := ...`."
                          if "functions" in builtin.parameters else "")
        bound[name] = value
    for name in builtin.parameters:
        if name not in bound:
            if name not in builtin.defaults:
                raise failure(Code.WRONG_ARGUMENTS, f"{builtin.name} needs its parameter `{name}`", span,
                              f"`{name}` is missing here", related=errors.uses(place))
            bound[name] = Ready(builtin.defaults[name], span)
    return builtin.call(evaluator, bound, span, place)


# --- rows of the tables ---------------------------------------------------------------------------------


def argument_for(evaluator: Interpreter, lazy: Lazy, place: NamedPlace, name_span: Span | None = None) -> BoundArgument:
    """A thunk as an option's argument: plain value, schedule or unapplied function, as the kind wants."""

    def schedule() -> Any:
        if isinstance(lazy, Thunk):
            return read_schedule(evaluator, lazy.expression, lazy.environment, lazy.place)
        return lazy.force()

    def function() -> Any:
        # Its layer, if it is one, is made at the first application, under the owner's name.
        return lazy.force()

    return BoundArgument(lazy.span, lambda: plain(lazy.force()), schedule, function, name_span)


def plain(value: Any) -> Any:
    """Lists and records as Python lists and dictionaries of plain values; everything else as it is."""
    if isinstance(value, ListValue):
        return [plain(item.force()) for item in value.flat()]
    if isinstance(value, RowValue) and not issubclass(value.row, Layer) \
            and not any(o.required for o in value.row.options()):
        return value.row()  # `optimizer = Adam`, `Flip` among transforms: the row with its defaults
    if isinstance(value, RecordValue):
        return {name: plain(member.force()) for name, member in value.members.items()}
    return value


def construct(evaluator: Interpreter, row: type[Spec], positional: Sequence[Lazy], named: Named, span: Span,
              place: NamedPlace) -> Any:
    """`Row {options}`: a layer value (a node, for rows without inputs), or the Spec of another table."""
    meter().step(span, STEPS_OF_A_LAYER)
    arguments = [argument_for(evaluator, lazy, place) for lazy in positional]
    options = {name: argument_for(evaluator, lazy, place, identifier.span)
               for name, (lazy, identifier) in named.items()}
    try:
        bound = bind(row, arguments, options, span)
    except Failure as failed:
        raise _of_two_tables(row, failed) from None
    if not isinstance(bound.spec, Layer):
        evaluator.spec_spans[id(bound.spec)] = (bound.spec, span, dict(bound.spans))
        return bound.spec
    layer, activation = bound.spec.split_activation()
    name = place.scope.claim(layer.step_label(), place.tail)
    given = tuple(bound.spans.items())
    if not layer.inputs:
        return evaluator.add_node(layer, (), name, span, place.trace_spans(), option_spans=given)
    return LayerValue(layer, name, span, place.trace_spans(), given, activation)


def _with_braces(row: type[Spec]) -> type[Spec]:
    """`Mean {123 : 117 : 104}`: of a layer without options and a transform of one name, the transform."""
    return TRANSFORMS[row.name()] if issubclass(row, Layer) and not row.options() and row.name() in TRANSFORMS else row


def _of_two_tables(row: type[Spec], failed: Failure) -> Failure:
    """Of wrong options of a layer whose name a transform has too: that the transform is meant inside `reader` only."""
    if not issubclass(row, Layer) or row.name() not in TRANSFORMS:
        return failed
    hint = f"inside `reader`, `{row.name()}` is a transform of images; here it is the layer. Write the transform there."
    return Failure([dataclasses.replace(d, hint=d.hint or hint) for d in failed.diagnostics])


def call_row(evaluator: Interpreter, row: type[Layer], positional: Sequence[Lazy], named: Named, e: ast.Call,
             place: NamedPlace) -> Any:
    """`Row (inputs and options)` in the order that the row states."""
    if not row.inputs:
        return construct(evaluator, row, positional, named, e.span, place)
    inputs = {_input_name(name) for name in row.inputs}
    order = row.call or (*(_input_name(n) for n in row.inputs), *row.positional())
    if len(positional) > len(order):
        count = plural(len(order), "argument")
        raise failure(Code.WRONG_INPUTS, f"{row.name()} takes at most {count}, here are {len(positional)}",
                      positional[len(order)].span, "this one is too many", related=errors.uses(place),
                      body=(f"    {row.name()} ({', '.join(order)})",))
    given: dict[str, tuple[Lazy, ast.Identifier | None]] = {
        name: (lazy, None) for name, lazy in zip(order, positional, strict=False)}
    for name, (lazy, identifier) in named.items():
        if name in given:
            raise _unjoined_inputs(row, positional, identifier, e, place) or errors.duplicate(
                name, identifier.span, given[name][0].span, "the argument")
        if name not in order and row.option(name) is None:
            raise failure(Code.UNKNOWN_OPTION, f"{row.name()} has no option or input `{name}`", identifier.span,
                          did_you_mean(name, order), body=(f"    {row.name()} ({', '.join(order)})",))
        given[name] = (lazy, identifier)
    if row.of_nodes is not None and any(isinstance(lazy.force(), Ref) for name, (lazy, _) in given.items()
                                        if name not in inputs):
        return call_row(evaluator, row.of_nodes, positional, named, e, place)
    if row.style == "layer" and positional and not any(name in inputs for name in given) and not named:
        raise errors.wrong_inputs(row.name(), row.inputs, 0, e.span, place)
    own = place.at(place.scope.counted(row.step_label())) if not place.tail else place
    options = {name: argument_for(evaluator, lazy, place, identifier.span if identifier else None)
               for name, (lazy, identifier) in given.items() if name not in inputs}
    arguments = [given[_input_name(n)][0] for n in row.inputs if _input_name(n) in given]
    missing = [_input_name(n) for n in row.inputs if _input_name(n) not in given]
    if len(missing) > row.optional_inputs:
        raise _missing_inputs(row, missing, order, e, place)
    try:
        bound = bind(row, [], options, e.span)
    except Failure as failed:
        raise _options_in_parentheses(failed, e) from None
    layer, activation = bound.spec.split_activation()
    name = own.scope.claim(layer.step_label(), True)
    value = LayerValue(layer, name, e.callee.span.to(e.span), place.trace_spans(), tuple(bound.spans.items()),
                       activation)
    return apply_layer(evaluator, value, arguments, e.span, place)


def _options_in_parentheses(failed: Failure, e: ast.Call) -> Failure:
    """`DenseLayer (64)`: the numbers in parentheses were read as its input."""
    _, hint, fix = errors.option_in_parentheses(e)
    if not fix or any(d.code != Code.MISSING_OPTION for d in failed.diagnostics):
        return failed
    return Failure([dataclasses.replace(d, hint=hint, fix=fix) for d in failed.diagnostics[:1]])


def _unjoined_inputs(row: type[Layer], positional: Sequence[Lazy], second: ast.Identifier, e: ast.Call,
                     place: NamedPlace) -> Failure | None:
    """`Splice (a, b, axis = 3)`: inputs of a row that takes any number of them, separated like arguments."""
    if not row.inputs[-1:] or not row.inputs[-1].endswith("...") or len(positional) < 2:
        return None
    written = [" ".join(lazy.span.text.split()) for lazy in positional]
    rest = [f"{a.name.text} = {' '.join(a.value.span.text.split())}" for a in e.arguments if a.name is not None]
    call = f"{row.name()} ({', '.join([' : '.join(written), *rest])})"
    return failure(Code.WRONG_INPUTS, f"the inputs of {row.name()} are a list, joined by `:`", positional[1].span,
                   f"read as the option `{second.text}`", related=errors.uses(place),
                   hint=f"write `{call}`." if len(call) <= 100 else "join them by `:`, in place of the commas.")


def _missing_inputs(
    row: type[Layer], missing: list[str], order: Sequence[str], e: ast.Call, place: NamedPlace
) -> Failure:
    if row.style == "layer":
        body = signature_body(row)
        hint = f"`{row.name()} (...)` applies it to its input; options alone go in braces: `{row.name()} {{...}}`."
    else:
        given = len(row.inputs) - len(missing)
        body = ("It is called with", f"    {row.name()} ({', '.join(order)})") if len(order) > 1 else ()
        if given and not row.optional_inputs and not any(a.name for a in e.arguments):
            return errors.wrong_inputs(row.name(), row.inputs, given, e.span, place, f"`{missing[0]}` is missing here",
                                       body)
        hint = "" if e.arguments else f"in a list, and as an option, it is written without brackets: `{row.name()}`."
    return failure(Code.WRONG_INPUTS, f"{row.name()} needs its input `{missing[0]}`", e.span,
                   f"`{missing[0]}` is missing here", related=errors.uses(place), body=body, hint=hint)


def _input_name(name: str) -> str:
    return name.removesuffix("...")


def apply_layer(
    evaluator: Interpreter, value: LayerValue, arguments: Sequence[Lazy], span: Span, place: NamedPlace
) -> Ref:
    """A constructed layer on its inputs: a node, and one more for its activation."""
    layer = value.layer
    inputs: list[Use] = []
    variadic = bool(layer.inputs) and layer.inputs[-1].endswith("...")
    for argument in arguments:
        result = argument.force()
        if isinstance(result, ListValue) and variadic:
            inputs += [use_of(evaluator, item, item.force(), layer, place) for item in result.flat()]
        else:
            inputs.append(use_of(evaluator, argument, result, layer, place))
    least = len(layer.inputs) - layer.optional_inputs
    if not (least <= len(inputs) <= len(layer.inputs) or (variadic and inputs)):
        raise errors.wrong_inputs(layer.name(), layer.inputs, len(inputs), span, place)
    trace = value.trace if value.trace else tuple(s for s in place.trace_spans() if s != value.span)
    node = evaluator.add_node(layer, inputs, value.name, value.span, trace, value.name, value.option_spans)
    if value.activation is None:
        return node
    where = dict(value.option_spans).get("activation", value.span)
    scope = Scope(f"{node.node}.activation")
    result = apply(evaluator, value.activation, [Ready(node, where)], where, NamedPlace(scope, True, place.trace))
    return _as_ref(result, where, place)


def use_of(evaluator: Interpreter, argument: Lazy, value: Any, layer: Layer | None, place: NamedPlace) -> Use:
    """An argument as an input; a plain number becomes a constant node."""
    if isinstance(value, float) and not isinstance(value, bool):
        value = evaluator.constant(value, argument.span, place)
    if not isinstance(value, Ref):
        called = f"an input of {layer.name()}" if layer else "an operand"
        raise errors.wrong_type(f"{called} has to be a node of the network", argument.span, value, place,
                                hint=errors.APPLY
                                if isinstance(value, Applicable) else "")
    return Use(value.node, argument.span)


def _as_ref(value: Any, span: Span, place: NamedPlace) -> Ref:
    if not isinstance(value, Ref):
        raise errors.wrong_type("an activation has to give a node of the network", span, value, place)
    return value


# --- compositions -----------------------------------------------------------------------------------------


def apply_chain(evaluator: Interpreter, chain: Chain, arguments: Sequence[Lazy], span: Span, place: NamedPlace) -> Any:
    if len(arguments) != 1:
        raise errors.wrong_inputs("a Sequential", ("x",), len(arguments), span, place)
    current: Lazy = arguments[0]
    value = current.force()
    for function, scope, step in chain.steps:
        own = NamedPlace(scope, True, place.trace) if scope is not None else place.inner()
        value = apply(evaluator, function, [current], step, own.used_by(step))
        current = Ready(value, step)
    return value


def apply_branches(evaluator: Interpreter, branches: Branches, arguments: Sequence[Lazy], span: Span,
                   place: NamedPlace) -> Any:
    results = []
    for function, scope, step in branches.functions:
        own = NamedPlace(scope, True, place.trace) if scope is not None else place.inner()
        results.append(Ready(apply(evaluator, function, arguments, step, own.used_by(step)), step))
    combined: list[Lazy] = [Ready(ListValue(results, branches.span), branches.span)] if branches.as_list else [*results]
    return apply(evaluator, branches.combine, combined, branches.span, place)

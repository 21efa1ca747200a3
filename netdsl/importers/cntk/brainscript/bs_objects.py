"""`new ComputationNode [operation = ... ; inputs = ...]` and other objects that a text makes without the library."""

from __future__ import annotations

from typing import Any, Protocol

from ....base.codes import Code
from ....base.diagnostics import Diagnostic, Label
from ....base.suggest import did_you_mean
from ....layers import NAMES
from ....layers.layer import Layer
from ....syntax import ast
from ...building import Builder
from ...import_format import not_supported
from .bs_arguments import Arguments
from .bs_library import OBJECTS, OPERATIONS, by_name, find_row
from .bs_parser import NEW
from .bs_scopes import Scope
from .library_row import LibraryRow, Same

#: Options that a C++ operation calls otherwise than the library's function
_OPTIONS = {"shape": "dims", "kernelShape": "kernelDims", "mapCount": "mapDims", "strideShape": "stride",
            "pool": "poolKind", "dimPadding": "autoPadding", "dimPadLower": "lowerPad", "dimPadUpper": "upperPad"}
_REDUCTIONS = {"sum": "ReduceSum", "logsum": "ReduceLogSum", "mean": "ReduceMean", "min": "ReduceMin",
               "max": "ReduceMax"}


class Translator(Protocol):
    """What translates the parts of an object; it calls `write_object`, so this file does not name it."""

    problems: list[Diagnostic]
    arguments: Arguments

    def value(self, e: ast.Expression, scope: Scope) -> Any: ...

    def library_call(self, row: LibraryRow, e: ast.Call, scope: Scope) -> ast.Expression: ...


def write_object(translator: Translator, e: ast.Call, scope: Scope) -> ast.Expression:
    """An object as a call of what it stands for."""
    assert isinstance(e.callee, ast.Name)
    kind, value = e.callee.text.removeprefix(NEW), e.arguments[0].value
    if kind == "ComputationNode" and isinstance(value, ast.Record):
        return _node(translator, e, value, scope)
    if kind in ("TensorShape", "BoolVector") and isinstance(value, ast.Record):
        items = [m.value for m in value.members if isinstance(m, ast.Assign) and m.name.text in ("dims", "items")]
        if len(items) == 1:
            translated: ast.Expression = translator.value(items[0], scope)
            return translated
    if kind == "ComputationNetwork":
        return translator.value(value, scope)  # type: ignore[no-any-return]
    translator.problems.append(not_supported(f"`new {kind}`", e.callee.span, "an object of CNTK's own code"))
    return e


def _node(translator: Translator, e: ast.Call, record: ast.Record, scope: Scope) -> ast.Expression:
    """`new ComputationNode [operation = 'Plus' ; inputs = (a : b)]`.

    Options that are not in the record are the arguments of the function around it.
    """
    assert isinstance(e.callee, ast.Name)
    fields = {m.name.text: m for m in record.members if isinstance(m, ast.Assign)}
    operation = fields.pop("operation", None)
    name = operation.value.parts[0] if operation is not None and isinstance(operation.value, ast.String) \
        and len(operation.value.parts) == 1 else None
    if operation is None or not isinstance(name, str):
        place = operation.value.span if operation is not None else record.span
        translator.problems.append(not_supported("`new ComputationNode` whose operation is computed", place,
                                                 "the name of an operation is wanted here, as a string"))
        return e
    inputs = _inputs(fields.pop("inputs", None))
    function = _function(name, fields)
    row = OBJECTS.get(name) or find_row(function)
    if row is None or row.definition is None:
        translator.problems.append(Diagnostic(
            Code.NOT_SUPPORTED, f"netdsl has no operation `{name}`",
            Label(operation.value.span, did_you_mean(name, [*OPERATIONS, *by_name()]))))
        return e
    return _call(translator, e, row, inputs, fields, scope)


def _function(name: str, fields: dict[str, ast.Assign]) -> str:
    """The library's function of a C++ operation."""
    if name == "ReduceElements":
        kind = fields.pop("reductionOp", None)
        if kind is not None and isinstance(kind.value, ast.String) and kind.value.parts:
            return _REDUCTIONS.get(str(kind.value.parts[0]).casefold(), name)
    if name == "Convolution" and (flag := fields.pop("transpose", None)) is not None:
        return "ConvolutionTranspose" if isinstance(flag.value, ast.Boolean) and flag.value.value else name
    fields.pop("isImage", None)
    return OPERATIONS.get(name, name)


def _inputs(member: ast.Assign | None) -> list[ast.Expression]:
    value = member.value if member is not None else None
    while isinstance(value, ast.Parentheses) or _is_as_nodes(value):
        value = value.value if isinstance(value, ast.Parentheses) else value.arguments[0].value  # type: ignore[union-attr]
    if value is None:
        return []
    return [item for item in value.items if not isinstance(item, ast.Step)] if isinstance(value, ast.List) else [value]


def _is_as_nodes(e: ast.Expression | None) -> bool:
    return isinstance(e, ast.Call) and isinstance(e.callee, ast.Name) and e.callee.text == "_AsNodes"


def _call(translator: Translator, e: ast.Call, row: LibraryRow, inputs: list[ast.Expression],
          fields: dict[str, ast.Assign], scope: Scope) -> ast.Expression:
    builder, wanted = Builder(e.span), _input_parameters(row)
    options = {_OPTIONS.get(name, name): member for name, member in fields.items()}
    if row.name == "ClassificationError" and len(inputs) == 3:
        options["topN"] = builder.assign("topN", inputs.pop())
    variadic = row.name in ("RowStack", "Splice")
    given = {wanted[0]: builder.list(inputs)} if variadic else dict(zip(wanted, inputs, strict=False))
    if not variadic and len(inputs) > len(wanted):
        translator.problems.append(not_supported(
            f"`{row.short_name}` of {len(inputs)} inputs", e.span, f"it takes {len(wanted)}: {', '.join(wanted)}"))
        return e
    arguments = []
    for name in row.positional:
        value = given.get(name) or _option(name, options, scope, builder)
        if value is not None:
            arguments.append(ast.Argument(None, value, value.span))
    for name in row.optional:
        value = given.get(name) or _option(name, options, scope, builder)
        if value is not None:
            arguments.append(ast.Argument(ast.Identifier(name, value.span), value, value.span))
    known = {*row.positional, *row.optional, "tag", "precision", "imageLayout"}
    for name, member in options.items():
        if name not in known:
            translator.arguments.dropped.append((name, member.name.span))
    call = ast.Call(builder.name(row.name), tuple(arguments), False, e.span)
    return translator.library_call(row, call, scope)


def _option(name: str, options: dict[str, ast.Assign], scope: Scope, builder: Builder) -> ast.Expression | None:
    """An option of the record, or the argument of that name of the function around it."""
    if name in options:
        return options[name].value
    around = next((s for s in scope.chain() if s.function), None)
    return builder.name(name) if around is not None and name in around.names else None


def _input_parameters(row: LibraryRow) -> list[str]:
    """Those of CNTK's parameters that are nodes."""
    ours = NAMES.get(row.our_name) if isinstance(row, Same) else None
    if ours is None or not issubclass(ours, Layer) or not isinstance(row, Same):
        return list(row.positional)
    inputs = {name.removesuffix("...") for name in ours.inputs}
    return [name for name in (*row.positional, *row.optional) if row.our_parameter(name) in inputs]

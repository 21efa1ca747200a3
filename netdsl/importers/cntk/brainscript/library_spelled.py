"""How calls of CNTK's functions are written in our language where name and arguments alone do not say it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ....syntax import ast
from ...building import Builder
from .library_row import Given

_MATRIX = ("outputDim", "inputDim")

_ALONG_AXIS = ("CrossEntropyAlongAxis (labels, z, axis) = "
               "ReduceLogSum (z, axis = axis) - ReduceSum (labels .* z, axis = axis)")


def _is_zero(e: ast.Expression | None) -> bool:
    return e is None or (isinstance(e, ast.Number) and e.value == 0)


def _named(given: Given, row: str, names: Mapping[str, str], skip: tuple[str, ...] = (), braces: bool | None = None
           ) -> ast.Call:
    """The call with another name, without some arguments; names that are given change by the mapping."""
    arguments = []
    positional = iter(given.row.positional)
    for argument in given.call.arguments:
        name = argument.name.text if argument.name is not None else next(positional)
        if name in skip:
            continue
        if argument.name is not None and name in names:
            argument = dataclasses.replace(argument, name=ast.Identifier(names[name], argument.name.span))
        arguments.append(argument)
    return dataclasses.replace(given.call, callee=ast.Name(row, given.call.callee.span), arguments=tuple(arguments),
                               braces=given.call.braces if braces is None else braces)


def write_parameter(given: Given) -> ast.Expression:
    """`init = 'fixedValue', value = v` is `initValue = v`; `value` alone is not read. An empty option is none."""
    init, skip = given.get("init"), []
    fixed = isinstance(init, ast.String) and init.parts and str(init.parts[0]).casefold() in ("fixedvalue", "zero")
    names: dict[str, str] = {}
    row = "Parameter" if given.row.positional == _MATRIX else "ParameterTensor"
    for option in ("init", "initValue", "initFromFilePath", "initFromLiteral"):
        value = given.get(option)
        if isinstance(value, ast.String) and not value.parts:
            skip.append(option)
    extra: list[ast.Argument] = []
    if fixed:
        skip.append("init")
        assert isinstance(init, ast.String)
        if "value" in given.arguments and str(init.parts[0]).casefold() == "fixedvalue":
            names["value"] = "initValue"
        else:
            skip.append("value")
            extra = [_option(given.builder, "initValue", given.builder.value(0))]
    elif "value" in given.arguments:
        skip.append("value")
        given.note("value")
    if isinstance(init, ast.String) and init.parts and str(init.parts[0]).casefold() in ("fromfile", "fromliteral"):
        skip.append("init")
    call = _named(given, row, names, tuple(skip))
    return dataclasses.replace(call, arguments=(*call.arguments, *extra))


def _option(builder: Builder, name: str, value: ast.Expression) -> ast.Argument:
    return ast.Argument(builder.identifier(name), value, builder.span)


def write_literal(given: Given) -> ast.Expression:
    """A matrix written as text: a row of numbers on each line."""
    literal = given["literal"]
    if not isinstance(literal, ast.String) or len(literal.parts) != 1 or not isinstance(literal.parts[0], str):
        given.refuse("`ConstantFromString` of a text that is computed", "write the text in the brackets")
        return given.call
    rows = [line.split() for line in literal.parts[0].splitlines() if line.strip()]
    dims = [float(len(rows)), float(len(rows[0]) if rows else 0)]
    return given.builder.make("ParameterTensor", dims, initFromLiteral=literal, learningRateMultiplier=0)


def write_sparse_image(given: Given) -> ast.Expression:
    shape = given.builder.list([given[name] for name in given.row.positional])
    return given.builder.make("Input", shape, sparse=True)


def write_pass(given: Given) -> ast.Expression:
    given.note(given.row.short_name)
    return given.builder.call("Pass", given["node"])


def write_first(given: Given) -> ast.Expression:
    if given.row.short_name == "Print":
        given.note("Print")
    return given[given.row.positional[0]]


def write_legacy_pooling(given: Given) -> ast.Expression:
    """`MaxPooling (x, w, h, sx, sy)`"""
    kind, b = given.row.short_name, given.builder
    window = b.list([given["windowWidth"], given["windowHeight"]])
    stride = b.list([given["horizontalSubsample"], given["verticalSubsample"]])
    return b.call(b.make(f"{kind}Layer", window, stride=stride), given["input"])


def write_legacy_reshape(given: Given) -> ast.Expression:
    """`Reshape (x, rows, imageWidth = w, imageHeight = h, imageChannels = c)`; one that is 0 follows from the rows."""
    b, rows = given.builder, given["numRows"]
    dims = [given.get(name) for name in ("imageWidth", "imageHeight", "imageChannels")]
    known = [d for d in dims if d is not None and not _is_zero(d)]
    if not known:
        return b.call("Reshape", given["input"], rows)
    if len(known) < 2:
        given.refuse("`Reshape` into an image of which only one extent is known", "write two of the three extents")
        return given.call
    left: ast.Expression = rows
    for d in known:
        left = b.binary(left, "/", d)
    shape: list[ast.Expression | ast.Step] = [left if d is None or _is_zero(d) else d for d in dims]
    return b.call("Reshape", given["input"], b.list(shape))


def write_slice(given: Given) -> ast.Expression:
    axis = given.get("axis")
    if isinstance(axis, ast.Unary) and axis.operator == "-":
        given.refuse("`Slice` along time", "sequences are not built yet")
        return given.call
    b, node = given.builder, given.get("input") or given["_"]
    if "input" in given.row.positional:
        return _named(given, "Slice", {"input": "x"})
    options = {} if axis is None else {"axis": axis}
    return b.call("Slice", given["beginIndex"], given["endIndex"], node, **options)


def write_along_axis(given: Given) -> ast.Expression:
    """The cross entropy; along an axis it gives a value for each place, by the logarithm of the sum."""
    axis = given.get("axis")
    names = {"labelSequence": "labels", "outProbVectorSequence": "z"}
    if axis is None or _is_zero(axis):
        return _named(given, "CrossEntropyWithSoftmax", names, ("axis",))
    b = given.builder
    labels, z = given["labelSequence"], given["outProbVectorSequence"]
    given.define(_ALONG_AXIS)
    return b.call("CrossEntropyAlongAxis", labels, z, axis)


def write_format(given: Given) -> ast.Expression:
    form = given["format"]
    if not (isinstance(form, ast.String) and not form.parts):
        given.refuse("`Format` with a format", "`Format (value)` writes a value as a file would")
    return given.builder.call("Format", given["value"])


def write_list(given: Given) -> ast.Expression:
    return given.builder.call("Repeat", 1, given["x"])


def write_concatenation(given: Given) -> ast.Expression:
    b = given.builder
    return ast.Parentheses(ast.List((given["aOrScalar"], given["bOrScalar"]), b.span), b.span)


def write_pooling_layer(given: Given) -> ast.Expression:
    """`_PoolingLayer {kind, shape, ...}`: a function of the input."""
    b, x = given.builder, "x"
    options: dict[str, object] = {"autoPadding": given.get("pad") or b.value(False)}
    options |= {name: given[name] for name in given.row.optional if name != "pad" and name in given.arguments}
    body = b.call("Pooling", b.name(x), given["poolKind"], given["filterShape"], **options)
    return ast.Function((b.identifier(x),), body, b.span)


def write_crop(given: Given) -> ast.Expression:
    """CNTK finds offsets that are not given from what both inputs come from; ours are from the middle."""
    if "offsetX" not in given.arguments or "offsetY" not in given.arguments:
        given.refuse("`Crop` that finds its own offsets", "CNTK takes them from what both inputs are computed from")
    return _named(given, "Crop", {})

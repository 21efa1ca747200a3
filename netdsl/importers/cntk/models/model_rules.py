"""The table of a model's operations: for each a rule that writes it with the rows of netdsl."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ....syntax import ast
from .model_file import ModelNode
from .model_layers import LAYER_RULES
from .model_steps import (
    Expressions,
    GraphView,
    Step,
    Unsupported,
    axis_number,
    merged,
    operation,
    reduced_axes,
    reshaped,
    short_number,
)

Rule = Callable[[GraphView, ModelNode], Step]


def _function(row: str, small: bool, group: str, view: GraphView, node: ModelNode) -> Step:
    return Step(node.inputs, lambda values: view.build.call(row, *values), small, group, stem=_stem(row))


def _stem(row: str) -> str:
    """What a value of a row is called: `softmax`."""
    return row.lower().removeprefix("reduce")


_RESULTS = {"-": "difference", ".*": "product", "./": "quotient"}


def _infix(operator: str, view: GraphView, node: ModelNode) -> Step:
    return Step(node.inputs, lambda v: operation(view.build, v[0], operator, v[1]), small=True,
                stem=_RESULTS[operator])


def _minus(view: GraphView, node: ModelNode) -> Step:
    """A difference; or what CNTK makes of a criterion: see the two forms."""
    left, right = node.inputs
    product = view.node(right, "TransposeTimes")
    if product is not None and len(product.inputs) == 2:
        labels, scores = product.inputs
        total = view.node(left, "ReduceElements")
        if total is not None and total.options.get("reductionOpName") == "LogSum" and total.inputs == (scores,):
            return Step((labels, scores), lambda v: view.build.call("CrossEntropyWithSoftmax", *v),
                        group="criterion", stem="ce")
        chosen = view.node(scores, "Hardmax")
        if chosen is not None and view.number(left) == 1:
            return Step((labels, chosen.inputs[0]), lambda v: view.build.call("ClassificationError", *v),
                        group="evaluation", stem="errs")
    return _infix("-", view, node)


def _negate(view: GraphView, node: ModelNode) -> Step:
    def make(values: Expressions) -> ast.Expression:
        plain = isinstance(values[0], ast.Name | ast.Call)
        value = values[0] if plain else ast.Parentheses(values[0], view.build.span)
        return ast.Unary("-", value, view.build.span)

    return Step(node.inputs, make, small=True, stem="negative")


def _select(view: GraphView, node: ModelNode) -> Step:
    """`If`; or ELU, which CNTK's Python writes as `x < 0 ? alpha * elu (x) : x`."""
    condition, below, above = node.inputs
    less, product = view.node(condition, "Less"), view.node(below, "ElementTimes")
    if less is not None and less.inputs[0] == above and view.number(less.inputs[1]) == 0 and product is not None:
        alpha, inner = view.number(product.inputs[0]), view.node(product.inputs[1], "ELU")
        if alpha is not None and inner is not None and inner.inputs == (above,):
            options: dict[str, Any] = {} if alpha == 1 else {"alpha": alpha}
            return Step((above,), lambda v: view.build.call("ELU", *v, **options), stem="elu")
    return Step(node.inputs, lambda v: view.build.call("If", *v), stem="choice")


def _clip(view: GraphView, node: ModelNode) -> Step:
    low, high, value = node.inputs if view.model.format == "v1" else (*node.inputs[1:], node.inputs[0])
    return Step((low, high, value), lambda v: view.build.call("Clip", *v), stem="clip")


def _slice(view: GraphView, node: ModelNode) -> Step:
    parts = node.options.get("parts")
    if parts is None:
        axes = node.options.get("axisVec") or [node.options.get("axis")]
        begins, ends, strides = (node.options.get(f"{key}Vec") or [node.options.get(key, usual)] * len(axes)
                                 for key, usual in (("beginIndex", 0), ("endIndex", 0), ("sliceStrides", 1)))
        parts = list(zip(map(axis_number, axes), begins, ends, strides, strict=True))
    if any(stride != 1 for *_, stride in parts):
        raise Unsupported("slice with steps")

    def make(values: Expressions) -> ast.Expression:
        value = values[0]
        for axis, begin, end, _ in parts:
            value = view.build.call("Slice", begin, end, value, axis=axis)
        return value

    return Step(node.inputs, make, stem="slice")


def _splice(view: GraphView, node: ModelNode) -> Step:
    axis = axis_number(node.options.get("axis", 1))
    return Step(node.inputs, lambda v: view.build.call("Splice", _bare_list(v, view), axis=axis), stem="joined")


def _bare_list(values: Expressions, view: GraphView) -> ast.Expression:
    return ast.List(tuple(values), view.build.span) if len(values) > 1 else values[0]


def _reshape(view: GraphView, node: ModelNode) -> Step:
    shape, begin, end = reshaped(node)
    rank = view.ranks.get(node.inputs[0], 1)
    options: dict[str, int] = {}
    if begin > 1:
        options["beginAxis"] = begin
    if end and end <= rank:
        options["endAxis"] = end
    if not shape:
        if begin == 1 and not options:
            shape = (1,)
        else:
            raise Unsupported("reshape that takes axes away without giving others")
    return Step(node.inputs, lambda v: view.build.call("Reshape", v[0], view.build.value(shape), **options),
                stem="reshaped")


def _transpose(view: GraphView, node: ModelNode) -> Step:
    order = node.options.get("permutation")
    if order is not None:
        axes = [axis + 1 for axis in order]
    elif node.options.get("axisVec"):
        axes = [axis_number(axis) for axis in node.options["axisVec"]]
    else:
        pair = node.options.get("axes") or (node.options.get("axis1"), node.options.get("axis2"))
        first, second = map(axis_number, pair)
        return Step(node.inputs, lambda v: view.build.call("TransposeDimensions", v[0], first, second),
                    stem="transposed")
    return Step(node.inputs, lambda v: view.build.call("TransposeAxes", v[0], view.build.value(axes)),
                stem="transposed")


#: What a reduction is called in the file, and its row.
_REDUCTIONS = {"Sum": "ReduceSum", "Mean": "ReduceMean", "LogSum": "ReduceLogSum", "Max": "ReduceMax",
               "Min": "ReduceMin", "Prod": "ReduceProd", "Argmax": "Argmax", "Argmin": "Argmin"}


def _reduce(view: GraphView, node: ModelNode) -> Step:
    name = str(node.options.get("reductionOpName"))
    if name not in _REDUCTIONS:
        raise Unsupported(f"reduction `{name}`")
    axes, rank = reduced_axes(node), view.ranks.get(node.inputs[0], 1)
    options = {} if axes is None else {"axis": view.build.value(axes)}
    dropped = not node.options.get("reductionKeepDimensions", True) and axes is not None and rank > 1

    def make(values: Expressions) -> ast.Expression:
        value: ast.Expression = view.build.call(_REDUCTIONS[name], values[0], **options)
        for axis in sorted(axes or (), reverse=True) if dropped else ():
            value = view.build.call("FlattenDimensions", value, max(1, axis - 1), 2)
        return value

    return Step(node.inputs, make, stem=_stem(_REDUCTIONS[name]))


def _dropout(view: GraphView, node: ModelNode) -> Step:
    rate = node.options.get("dropoutRate")
    options = {} if rate is None else {"rate": short_number(float(rate))}
    return Step(node.inputs, lambda v: view.build.call("Dropout", *v, **options), stem="dropout")


def _softmax(row: str, view: GraphView, node: ModelNode) -> Step:
    axis = node.options.get("axis")
    options = {} if axis is None or not axis_number(axis) else {"axis": axis_number(axis)}
    return Step(node.inputs, lambda v: view.build.call(row, *v, **options), stem=_stem(row))


def _padding(view: GraphView, node: ModelNode) -> Step:
    modes = ("constant", "reflect", "symmetric")
    mode = modes[int(node.options.get("paddingMode") or 0)]
    if mode == "symmetric":
        raise Unsupported("symmetric padding")
    head, foot = (merged([int(size) for size in node.options.get(key) or (0,)]) for key in ("paddingHead",
                                                                                          "paddingFoot"))
    options = {"lowerPad": view.build.value(head), "upperPad": view.build.value(foot)}
    if mode != "constant":
        options["mode"] = view.build.value(mode)
    elif number := float(node.options.get("paddingConstantValue") or 0):
        options["value"] = view.build.value(short_number(number))
    return Step(node.inputs, lambda v: view.build.call("Padding", *v, **options), stem="padded")


#: Operations that are a function of the same meaning here; of one value, and arithmetic if they are small.
_SMALL = {"Exp": "Exp", "Log": "Log", "Sqrt": "Sqrt", "Floor": "Floor", "Abs": "Abs", "Reciprocal": "Reciprocal",
          "Sin": "Sin", "Cos": "Cosine", "Tan": "Tan", "Asin": "Asin", "Acos": "Acos", "Atan": "Atan", "Sinh": "Sinh",
          "Cosh": "Cosh", "Asinh": "Asinh", "Atanh": "Atanh", "Pow": "Pow", "Equal": "Equal", "NotEqual": "NotEqual",
          "Less": "Less", "LessEqual": "LessEqual", "Greater": "Greater", "GreaterEqual": "GreaterEqual",
          "LogPlus": "LogPlus"}
_SAME = {"Sigmoid": "Sigmoid", "StableSigmoid": "Sigmoid", "Tanh": "Tanh", "ReLU": "ReLU", "ELU": "ELU",
         "Softplus": "Softplus", "Softsign": "Softsign", "Pass": "Pass", "NoOp": "Pass", "StopGradient": "StopGradient",
         "StraightThrough": "StraightThrough", "SumAll": "ReduceSum", "SumElements": "ReduceSum",
         "DiagTimes": "DiagTimes", "KhatriRaoProduct": "KhatriRaoProduct", "CosDistance": "CosDistance",
         "Mean": "Mean", "InvStdDev": "InvStdDev", "PerDimMeanVarNormalization": "PerDimMeanVarNormalization",
         "PerDimMeanVarDeNormalization": "PerDimMeanVarDeNormalization"}
_CRITERIA = {"CrossEntropyWithSoftmax": "CrossEntropyWithSoftmax", "CrossEntropy": "CrossEntropy",
             "SquaredError": "SquareError", "Logistic": "Logistic", "LambdaRank": "LambdaRank"}
_METRICS = {"ClassificationError": "ClassificationError", "NDCG": "NDCG1Eval", "NDCG1Eval": "NDCG1Eval"}

RULES: dict[str, Rule] = {
    **{name: partial(_function, row, True, "output") for name, row in _SMALL.items()},
    **{name: partial(_function, row, False, "output") for name, row in _SAME.items()},
    **{name: partial(_function, row, False, "criterion") for name, row in _CRITERIA.items()},
    **{name: partial(_function, row, False, "evaluation") for name, row in _METRICS.items()},
    "Minus": _minus, "ElementTimes": partial(_infix, ".*"), "ElementDivide": partial(_infix, "./"),
    "Negate": _negate, "Select": _select, "Clip": _clip, "Slice": _slice, "Splice": _splice, "Reshape": _reshape,
    "TransposeAxes": _transpose, "ReduceElements": _reduce, "Dropout": _dropout,
    "Softmax": partial(_softmax, "Softmax"), "LogSoftmax": partial(_softmax, "LogSoftmax"),
    "Hardmax": partial(_softmax, "Hardmax"), "Pad": _padding, **LAYER_RULES,
}

#: Operations over the steps of a sequence.
RECURRENT = frozenset(("PastValue", "FutureValue", "Delay", "OptimizedRNNStack", "Where", "PackedIndex", "GatherPacked",
                       "ScatterPacked", "ReconcileDynamicAxis", "ToSequence", "ToSequenceLike", "UnpackSequence"))


def step_of(view: GraphView, node: ModelNode) -> Step:
    """A node by the rule of its operation. Raises Unsupported."""
    rule = RULES.get(node.operation)
    if rule is None:
        what = f"operation `{node.operation}` of CNTK"
        raise Unsupported(f"{what}, which runs over the steps of a sequence" if node.operation in RECURRENT else what)
    return rule(view, node)

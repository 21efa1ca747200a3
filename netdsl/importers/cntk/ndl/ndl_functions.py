"""The table of NDL's functions: how each is called there and how a `.net` file says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ....syntax import ast
from ...building import Builder
from .ndl_syntax import Call


class Use(Protocol):
    """A call of a function, as its row sees it: arguments and options as expressions of the `.net` file."""

    call: Call
    build: Builder

    def node(self, index: int) -> ast.Expression:
        """An argument that is a node."""

    def number(self, index: int) -> ast.Expression:
        """An argument that is a number: written as one, by name, or as a node `Constant(number)`."""

    def extents(self, index: int) -> ast.Expression:
        """An argument that is a number or several."""

    def text(self, index: int) -> str:
        """An argument that is a word, in lower case. It has to be known when the file is read."""

    def option(self, name: str) -> ast.Expression | None:
        """An option that is a number, a list or true or false; None where it is not given."""

    def word(self, name: str, default: str = "") -> str:
        """An option that is a word. It has to be known when the file is read."""

    def string(self, name: str) -> ast.Expression | None:
        """An option that is a text, such as a path; None where it is not given."""

    def flag(self, name: str, default: bool) -> bool:
        """An option that is true or false and has to be known when the file is read."""

    def flags(self, name: str) -> list[bool]:
        """An option that is true or false, or several of them; empty where it is not given."""

    def layout(self, default: str) -> None:
        """Note which order of axes the call means, by its option `imageLayout`."""

    def refuse(self, what: str, hint: str = "") -> ast.Expression:
        """Report that netdsl does not have something; the expression stands in its place until that is raised."""


@dataclass(frozen=True)
class NdlFunction:
    """A row: a function of NDL."""

    name: str
    arguments: str  #: as messages show them
    counts: tuple[int, ...]  #: how many arguments it may have; a negative last one: that many or more
    write: Callable[[Use], ast.Expression]
    aliases: tuple[str, ...] = ()
    options: tuple[str, ...] = ()  #: those that change what it means
    how: str = "same"  #: for the table of docs/cntk.md

    def accepts(self, count: int) -> bool:
        return count in self.counts or (self.counts[-1] < 0 and count >= -self.counts[-1])


def _applied(row: str, count: int = 1, aliases: tuple[str, ...] = (), name: str = "") -> NdlFunction:
    """A function whose arguments are all nodes, with the row that does the same."""
    arguments = ", ".join("xyz"[:count])
    how = "same" if not name else f"`{row}`"
    return NdlFunction(name or row, arguments, (count,),
                       lambda use: use.build.call(row, *(use.node(i) for i in range(count))), aliases, how=how)


def _operator(name: str, sign: str, aliases: tuple[str, ...] = ()) -> NdlFunction:
    return NdlFunction(name, "x, y", (2,), lambda use: use.build.binary(use.node(0), sign, use.node(1)), aliases,
                       how=f"`x {sign} y`")


# --- inputs and parameters -----------------------------------------------------------------------


def _dims(use: Use) -> ast.Expression:
    return use.build.list([use.number(i) for i in range(len(use.call.arguments))])


def _image_dims(use: Use) -> ast.Expression:
    return use.build.list([use.number(i) for i in range(3)])


def _input(use: Use, dims: ast.Expression, sparse: bool) -> ast.Expression:
    axis = use.word("dynamicAxis")
    options: dict[str, object] = {"sparse": True} if sparse else {}
    return use.build.make("Input", dims, **options, **({"dynamicAxis": axis} if axis else {}))


def _image_input(use: Use, sparse: bool) -> ast.Expression:
    use.layout("HWC")
    return _input(use, _image_dims(use), sparse)


#: NDL's name of a start -> the name in a `.net` file.
INITIAL = {"uniform": "uniform", "gaussian": "gaussian", "henormal": "heNormal", "bilinear": "bilinear"}


def _start(use: Use) -> dict[str, object]:
    kind = use.word("init", "uniform").lower()
    if kind == "fixedvalue":
        value = use.option("value")
        return {"initValue": 0.0 if value is None else value}
    if kind == "fromfile":
        path = use.string("initFromFilePath")
        if path is None:
            use.refuse("start of a parameter from a file without a path",
                       "say in `initFromFilePath` which file holds the numbers.")
        return {"initFromFilePath": path or ""}
    if kind not in INITIAL:
        use.refuse(f"start of a parameter called `{kind}` in NDL",
                   "NDL has `uniform`, `gaussian`, `fixedValue`, `fromFile`, `heNormal` and `bilinear`.")
    scale = use.option("initValueScale")
    seed = use.option("randomSeed")
    return {"init": INITIAL.get(kind, "uniform"), **({} if scale is None else {"initValueScale": scale}),
            **({} if seed is None else {"randomSeed": seed}), **({"initFilterRank": 2} if kind == "bilinear" else {})}


def _parameter(use: Use) -> ast.Expression:
    options = _start(use)
    rate = use.option("learningRateMultiplier")
    learned = all(use.flag(name, True) for name in ("needGradient", "needsGradient", "computeGradient"))
    if not learned:
        options["learningRateMultiplier"] = 0.0
    elif rate is not None:
        options["learningRateMultiplier"] = rate
    return use.build.make("ParameterTensor", _dims(use), **options)


def _image_parameter(use: Use) -> ast.Expression:
    use.layout("HWC")
    return _parameter(use)


def _constant(use: Use) -> ast.Expression:
    extents = {name: value for name in ("rows", "cols") if (value := use.option(name)) is not None}
    return use.build.make("Constant", use.number(0), **extents)


# --- convolution and pooling ---------------------------------------------------------------------


def _given(use: Use, *names: str) -> dict[str, object]:
    return {name: value for name in names if (value := use.option(name)) is not None}


def _convolution(use: Use) -> ast.Expression:
    return _flat_convolution(use) if len(use.call.arguments) == 7 else _tensor_convolution(use)


def _flat_convolution(use: Use) -> ast.Expression:
    """`Convolution(W, x, kernelWidth, kernelHeight, maps, strideX, strideY, zeroPadding = false)`"""
    use.layout("HWC")
    padding = use.option("zeroPadding")
    automatic = {"autoPadding": padding} if padding is not None and not _is_true(padding) else {}
    if padding is None:
        automatic = {"autoPadding": use.build.value(False)}
    return use.build.call("Convolution", use.node(0), use.node(1), use.build.list([use.number(2), use.number(3)]),
                          mapDims=use.number(4), stride=use.build.list([use.number(5), use.number(6)]), **automatic)


def _is_true(value: ast.Expression) -> bool:
    return isinstance(value, ast.Boolean) and value.value


def _tensor_convolution(use: Use) -> ast.Expression:
    """`Convolution(W, x, {5, 5, 3}, mapCount = 16, stride = {1, 1, 3}, ...)`"""
    use.layout("CHW")
    maps = use.option("mapCount") or use.option("mapDims")
    options: dict[str, object] = {"mapDims": maps} if maps is not None else {}
    options |= _given(use, "stride", "autoPadding", "lowerPad", "upperPad")
    shared = use.flags("sharing")
    if not any(shared) and shared:
        return use.build.call("LocalConvolution", use.node(0), use.node(1), use.extents(2), **options)
    if not all(shared):
        return use.refuse("convolution that shares its weights along some axes only",
                          "with `sharing = false` for all axes every position has weights of its own.")
    if use.flag("transpose", False):
        options |= _given(use, "outputShape")
        return use.build.call("ConvolutionTranspose", use.node(0), use.node(1), use.extents(2), **options)
    return use.build.call("Convolution", use.node(0), use.node(1), use.extents(2), **options)


def _pooling(use: Use) -> ast.Expression:
    use.layout("CHW")
    kind = use.text(1)
    if kind not in ("max", "average"):
        return use.refuse(f"pooling of the kind `{kind}`", "NDL has 'max' and 'average'.")
    return use.build.call("Pooling", use.node(0), kind, use.extents(2),
                          **_given(use, "stride", "autoPadding", "lowerPad", "upperPad"))


def _flat_pooling(use: Use, kind: str) -> ast.Expression:
    """`MaxPooling(x, windowWidth, windowHeight, strideX, strideY)`, which never pads."""
    use.layout("HWC")
    return use.build.call("Pooling", use.node(0), kind, use.build.list([use.number(1), use.number(2)]),
                          stride=use.build.list([use.number(3), use.number(4)]), autoPadding=False)


def _unpooling(use: Use) -> ast.Expression:
    use.layout("CHW")
    return use.build.call("MaxUnpooling", use.node(0), use.node(1), use.extents(2),
                          **_given(use, "stride", "autoPadding", "lowerPad", "upperPad"))


def _batch_normalization(use: Use) -> ast.Expression:
    inputs = [use.node(i) for i in range(len(use.call.arguments))]
    return use.build.call("BatchNormalization", *inputs, **_given(use, "spatial", "normalizationTimeConstant",
                                                                 "blendTimeConstant", "epsilon"))


# --- shapes and criteria -------------------------------------------------------------------------


def _reshape(use: Use) -> ast.Expression:
    image = [use.option(name) for name in ("imageWidth", "imageHeight", "imageChannels")]
    if all(extent is not None for extent in image):
        use.layout("HWC")
        dims = use.build.list([extent for extent in image if extent is not None])
    else:
        dims = use.number(1)
    return use.build.call("Reshape", use.node(0), dims)


def _row_stack(use: Use) -> ast.Expression:
    nodes = [use.node(i) for i in range(len(use.call.arguments))]
    return use.build.call("RowStack", use.build.list(nodes))


def _row_slice(use: Use) -> ast.Expression:
    return use.build.call("RowSlice", use.number(0), use.number(1), use.node(2))


def _row_repeat(use: Use) -> ast.Expression:
    return use.build.call("RowRepeat", use.node(0), use.number(1))


def _crop(use: Use) -> ast.Expression:
    if len(use.call.arguments) == 2:
        return use.build.call("Crop", use.node(0), use.node(1))
    return use.build.call("Crop", use.node(0), use.node(1), offsetX=use.number(2), offsetY=use.number(3))


def _error(use: Use) -> ast.Expression:
    best = {"topN": use.number(2)} if len(use.call.arguments) == 3 else {}
    return use.build.call("ClassificationError", use.node(0), use.node(1), **best)


def _logistic(use: Use) -> ast.Expression:
    row = "Logistic" if len(use.call.arguments) == 2 else "WeightedLogistic"
    return use.build.call(row, *(use.node(i) for i in range(len(use.call.arguments))))


def _negative_samples(use: Use) -> ast.Expression:
    return use.build.call("CosDistanceWithNegativeSamples", use.node(0), use.node(1), use.number(2), use.number(3))


_LEARNED = ("init", "initValueScale", "value", "learningRateMultiplier", "needGradient", "needsGradient",
            "computeGradient", "randomSeed", "initFromFilePath", "kernelWidth", "kernelHeight")
_WINDOW = ("stride", "autoPadding", "lowerPad", "upperPad")

_ROWS: tuple[NdlFunction, ...] = (
    NdlFunction("InputValue", "rows, ...", (-1,), lambda use: _input(use, _dims(use), False), ("Input",),
                ("dynamicAxis",), "`Input`"),
    NdlFunction("SparseInputValue", "rows, ...", (-1,), lambda use: _input(use, _dims(use), True), ("SparseInput",),
                ("dynamicAxis",), "`Input {..., sparse = true}`"),
    NdlFunction("ImageInput", "width, height, channels", (3, 4), lambda use: _image_input(use, False), ("Image",),
                ("dynamicAxis",), "`Input {width:height:channels}`"),
    NdlFunction("SparseImageInput", "width, height, channels", (3, 4), lambda use: _image_input(use, True),
                ("SparseImage",), ("dynamicAxis",), "`Input {width:height:channels, sparse = true}`"),
    NdlFunction("LearnableParameter", "rows, ...", (-1,), _parameter, ("Parameter",), _LEARNED, "`ParameterTensor`"),
    NdlFunction("ImageParameter", "..., width, height, channels", (-3,), _image_parameter, (), _LEARNED,
                "`ParameterTensor {width:height:channels}`"),
    NdlFunction("Constant", "value", (1,), _constant, ("Const",), ("rows", "cols")),
    *(_applied(row) for row in (
        "Abs", "Acos", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Dropout", "Exp", "Floor", "Hardmax", "InvStdDev",
        "Log", "LogSoftmax", "Mean", "Negate", "Pass", "Reciprocal", "Sigmoid", "Sin", "Sinh", "Softmax", "Sqrt",
        "StopGradient", "Tan", "Tanh", "SumElements", "SumColumnElements", "Transpose")),
    _applied("Cosine", 1, ("Cos",)), _applied("ReLU", 1, ("ReLU",), "RectifiedLinear"),
    _operator("Plus", "+"), _operator("Minus", "-"), _operator("Times", "*"), _operator("ElementTimes", ".*"),
    _operator("ColumnElementTimes", ".*"), _operator("RowElementTimes", ".*"), _operator("Scale", ".*"),
    *(_applied(row, 2) for row in (
        "CrossEntropy", "DiagTimes", "Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogPlus", "NotEqual",
        "TransposeTimes")),
    _applied("CrossEntropyWithSoftmax", 2, ("CEWithSM",)), _applied("SquareError", 2, ("SE",)),
    _applied("CosDistance", 2, ("CosDist",)), _applied("KhatriRaoProduct", 2, ("ColumnwiseCrossProduct",)),
    _applied("If", 3),
    _applied("PerDimMeanVarNormalization", 3, ("PerDimMVNorm",)),
    _applied("PerDimMeanVarDeNormalization", 3, ("PerDimMVDeNorm",)),
    NdlFunction("ClassificationError", "labels, z, topN", (2, 3), _error, ("ErrorPrediction",),
                how="same; a third argument is `topN`"),
    NdlFunction("Logistic", "labels, p, weight", (2, 3), _logistic, how="same; with a weight `WeightedLogistic`"),
    NdlFunction("CosDistanceWithNegativeSamples", "x, y, shift, samples", (4,), _negative_samples,
                ("CosWithNegSamples",)),
    NdlFunction("Convolution", "W, x, kernelWidth, kernelHeight, maps, strideX, strideY` or `W, x, kernel", (3, 7),
                _convolution, ("Convolve",), ("zeroPadding", "mapCount", "mapDims", "sharing", "transpose",
                                              "outputShape", *_WINDOW)),
    NdlFunction("Pooling", "x, kind, window", (3,), _pooling, (), _WINDOW),
    NdlFunction("MaxPooling", "x, width, height, strideX, strideY", (5,), lambda use: _flat_pooling(use, "max"),
                how="`Pooling (x, 'max', ...)`"),
    NdlFunction("AveragePooling", "x, width, height, strideX, strideY", (5,),
                lambda use: _flat_pooling(use, "average"), how="`Pooling (x, 'average', ...)`"),
    NdlFunction("MaxUnpooling", "x, pooled, window", (3,), _unpooling, (), _WINDOW),
    NdlFunction("BatchNormalization", "x, scale, bias, runMean, runVariance, runCount", (5, 6), _batch_normalization,
                (), ("spatial", "normalizationTimeConstant", "blendTimeConstant", "epsilon")),
    NdlFunction("Reshape", "x, rows", (2,), _reshape, (), ("imageWidth", "imageHeight", "imageChannels")),
    NdlFunction("RowStack", "x, y, ...", (-1,), _row_stack),
    NdlFunction("RowSlice", "start, rows, x", (3,), _row_slice),
    NdlFunction("RowRepeat", "x, times", (2,), _row_repeat),
    NdlFunction("Crop", "x, reference, offsetX, offsetY", (2, 4), _crop),
)

#: What NDL has and netdsl has not -> what to call it in a message.
MISSING: dict[str, str] = {
    **dict.fromkeys(("PastValue", "Delay", "FutureValue"), "recurrence"),
    **dict.fromkeys(("ClassBasedCrossEntropyWithSoftmax", "CBCEWithSM"), "class-based cross-entropy"),
    **dict.fromkeys(("SequenceWithSoftmax", "SEWithSM", "LatticeSequenceWithSoftmax"),
                    "sequence criterion on lattices"),
    **dict.fromkeys(("ForwardBackward", "LabelsToGraph", "EditDistanceError"), "connectionist temporal classification"),
    **dict.fromkeys(("GMMLogLikelihood", "GMMLL"), "mixture of normal distributions"),
    **dict.fromkeys(("MatrixL1Reg", "L1Reg", "MatrixL2Reg", "L2Reg"), "norm of a matrix as a criterion"),
    "LookupTable": "look-up of several words in one vector", "ReconcileDynamicAxis": "second sequence axis",
    "ROIPooling": "pooling of regions", "DummyCriterion": "criterion computed outside the network",
    "Diagonal": "diagonal of a matrix as an operation", "CRF": "conditional random field",
    "Cast": "change of precision",
}

FUNCTIONS: tuple[NdlFunction, ...] = _ROWS
_BY_NAME = {name.lower(): row for row in _ROWS for name in (row.name, *row.aliases)}
_MISSING = {name.lower(): what for name, what in MISSING.items()}


def function_of(name: str) -> NdlFunction | None:
    """The row of a function, whatever the case of its name."""
    return _BY_NAME.get(name.lower())


def missing_function(name: str) -> str | None:
    """What a function of NDL does that netdsl does not have; None for any other name."""
    return _MISSING.get(name.lower())


def function_names() -> Iterable[str]:
    return (name for row in _ROWS for name in (row.name, *row.aliases))

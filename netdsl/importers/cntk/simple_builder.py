"""SimpleNetworkBuilder: a stack of layers by their sizes -> the record of the `network` block, with CNTK's names."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.codes import Code
from ...base.diagnostics import Diagnostic
from ...base.failure import Failure, failure
from ...base.source import Span
from ...base.suggest import did_you_mean
from ...syntax import ast
from ..building import Builder
from ..import_format import not_supported
from ..mapped_text import MappedText
from .config_context import ConfigContext
from .config_keys import SIMPLE_KEYS
from .config_section import Section
from .config_values import number_of

#: `layerTypes` -> the row; None for layers without a function.
_FUNCTIONS: dict[str, str | None] = {"sigmoid": "Sigmoid", "rectifiedlinear": "ReLU", "tanh": "Tanh", "none": None,
                                     "": None}
#: `trainingCriterion`, `evalCriterion` -> the row, and the name of its node: CNTK's, but where that is the row's.
_CRITERIA: dict[str, tuple[str, str]] = {
    "crossentropywithsoftmax": ("CrossEntropyWithSoftmax", "ce"),
    "squareerror": ("SquareError", "se"), "logistic": ("Logistic", "logistic"),
    "classificationerror": ("ClassificationError", "EvalClassificationError"),
    "errorprediction": ("ClassificationError", "EvalClassificationError"),
}
#: What CNTK has and netdsl has not -> what to call it.
_MISSING_CRITERIA: dict[str, str] = {
    "classcrossentropywithsoftmax": "class-based cross-entropy",
    "noisecontrastiveestimation": "noise contrastive estimation",
    "crf": "conditional random field", "sequencewithsoftmax": "sequence criterion on lattices",
    "latticesequencewithsoftmax": "sequence criterion on lattices",
}
#: `rnnType` -> what it makes.
_MISSING_KINDS: dict[str, str] = {
    "simplernn": "recurrent network", "lstm": "LSTM", "classlm": "class-based recurrent language model",
    "lblm": "log-bilinear language model", "nplm": "neural probabilistic language model",
    "classlstm": "class-based LSTM language model", "ncelstm": "LSTM with noise contrastive estimation",
    "clstm": "conditional LSTM", "crf": "LSTM with a conditional random field",
}


def read_network(context: ConfigContext, key: str) -> tuple[ast.Record, list[Diagnostic]]:
    """The network of the section `SimpleNetworkBuilder`, and notes. Raises Failure."""
    holder = context.action.holder(key) or context.action
    section = holder.section(key)
    if section is None:
        raise failure(Code.SYNTAX, f"`{key}` is not a section", context.action.value_span(key),
                      hint=f"write `{key} = [ layerSizes = 784:200:10 ; ... ]`.")
    _refuse_other_kinds(section)
    context.report_keys(section, SIMPLE_KEYS)
    return _Stack(section).record(), []


def _refuse_other_kinds(section: Section) -> None:
    """Networks that are no stack of layers."""
    kinds = [item.text for item in section.items("rnnType")]
    for kind in kinds:
        what = _MISSING_KINDS.get(kind.casefold())
        if what is not None:
            raise Failure([not_supported(f"{what} (`rnnType = {kind}`)", section.value_span("rnnType"))])
        if kind.casefold() != "simplenet":
            raise failure(Code.OPTION_TYPE, f"there is no network of the kind `{kind}`", section.value_span("rnnType"),
                          did_you_mean(kind, ["SIMPLENET", *(name.upper() for name in _MISSING_KINDS)]))


@dataclass(frozen=True)
class _Criterion:
    row: str
    name: str  #: of its node
    span: Span


class _Stack:
    def __init__(self, section: Section) -> None:
        self._section = section
        self._build = Builder(section.span)
        self._members: list[ast.Member] = []
        self._sizes = [(_size_of(item), item.span(0, len(item.text))) for item in section.items("layerSizes")]
        if len(self._sizes) < 2:
            raise failure(Code.MISSING_OPTION, "`layerSizes` needs at least two sizes, of the input and of the output",
                          section.value_span("layerSizes") if "layerSizes" in section else section.span,
                          hint="write `layerSizes = 784:200:10`: the inputs, each hidden layer, the outputs.")
        self._functions = self._layer_types()
        self._training = self._criterion("trainingCriterion")
        self._metric = self._criterion("evalCriterion")

    # --- keys ------------------------------------------------------------------------------------

    def _layer_types(self) -> list[tuple[str | None, Span]]:
        """The function of each hidden layer; the last one that is given holds for the rest."""
        given: list[tuple[str | None, Span]] = []
        for item in self._section.items("layerTypes"):
            if item.text.casefold() not in _FUNCTIONS:
                raise failure(Code.OPTION_TYPE, f"there is no layer type `{item.text}`", item.span(0, len(item.text)),
                              did_you_mean(item.text, ("Sigmoid", "RectifiedLinear", "Tanh", "None")))
            given.append((_FUNCTIONS[item.text.casefold()], item.span(0, len(item.text))))
        given = given or [("Sigmoid", self._section.span)]
        hidden = len(self._sizes) - 2
        return (given + [given[-1]] * hidden)[:hidden]

    def _criterion(self, key: str) -> _Criterion:
        value = self._section.value(key)
        if value is None or not value.text:
            raise failure(Code.MISSING_OPTION, f"`SimpleNetworkBuilder` has no `{key}`", self._section.span,
                          hint=f"write `{key} = CrossEntropyWithSoftmax`, or another one.")
        name, span = value.text.casefold(), value.span(0, len(value.text))
        if name in _MISSING_CRITERIA:
            raise Failure([not_supported(f"{_MISSING_CRITERIA[name]} (`{value.text}`)", span)])
        if name not in _CRITERIA or (key == "trainingCriterion" and _CRITERIA[name][0] == "ClassificationError"):
            known = ["CrossEntropyWithSoftmax", "SquareError", "Logistic"]
            known += ["ClassificationError"] if key == "evalCriterion" else []
            raise failure(Code.OPTION_TYPE, f"`{value.text}` is no {key}", span, did_you_mean(value.text, known),
                          hint=f"there are {', '.join(known)}.")
        return _Criterion(*_CRITERIA[name], span)

    def _start(self) -> dict[str, object]:
        scale = self._section.number("initValueScale")
        options: dict[str, object] = {"init": "uniform" if self._section.boolean("uniformInit", True) else "gaussian"}
        return options if scale is None or scale == 1 else {**options, "initValueScale": scale}

    # --- nodes -----------------------------------------------------------------------------------

    def _add(self, name: str, value: ast.Expression) -> str:
        self._members.append(Builder(value.span).assign(name, value))
        return name

    def record(self) -> ast.Record:
        """All of it, in the order in which a person would write it down."""
        build = self._build
        (inputs, inputs_span), (outputs, outputs_span) = self._sizes[0], self._sizes[-1]
        features = self._add("features", Builder(inputs_span).make("Input", inputs))
        labels = self._add("labels", Builder(outputs_span).make("Input", outputs))
        last = self._layers(self._normalized(features))
        criterion = self._criterion_node(self._training, labels, last)
        metric = criterion if self._metric.row == self._training.row else \
            self._criterion_node(self._metric, labels, last)
        output = self._outputs(labels, last)
        lists = {"featureNodes": features, "labelNodes": labels, "criterionNodes": criterion,
                 "evaluationNodes": metric, "outputNodes": output}
        return build.record([*self._members, *(build.assign(name, build.name(node)) for name, node in lists.items())])

    def _normalized(self, features: str) -> str:
        if not self._section.boolean("applyMeanVarNorm"):
            return features
        build = Builder(self._section.key_span("applyMeanVarNorm"))
        parts = [build.name(self._add(name, build.call(row, build.name(features))))
                 for name, row in (("MeanOfFeatures", "Mean"), ("InvStdOfFeatures", "InvStdDev"))]
        return self._add("MVNormalizedFeatures", build.call("PerDimMeanVarNormalization", build.name(features), *parts))

    def _layers(self, value: str) -> str:
        drop = self._section.boolean("addDropoutNodes")
        for index, (function, _) in enumerate(self._functions):
            build = Builder(self._sizes[index + 1][1])
            total = self._affine(index, value)
            value = self._add(f"H{index + 1}", total if function is None else build.call(function, total))
            if drop:
                value = self._add(f"Drop{value}", build.call("Dropout", build.name(value)))
        return self._add("HLast", self._affine(len(self._functions), value))

    def _affine(self, index: int, value: str) -> ast.Expression:
        """`W * value + B`, with both parameters; the bias is a matrix of one column, as in CNTK."""
        (inputs, _), (outputs, span) = self._sizes[index], self._sizes[index + 1]
        build = Builder(span)
        weights = self._add(f"W{index}", build.make("ParameterTensor", [outputs, inputs], **self._start()))
        bias = self._add(f"B{index}", build.make("ParameterTensor", [outputs, 1], initValue=0))
        return build.binary(build.binary(build.name(weights), "*", build.name(value)), "+", build.name(bias))

    def _criterion_node(self, criterion: _Criterion, labels: str, last: str) -> str:
        build = Builder(criterion.span)
        return self._add(criterion.name, build.call(criterion.row, build.name(labels), build.name(last)))

    def _outputs(self, labels: str, last: str) -> str:
        build, output = Builder(self._section.key_span("needPrior")), last
        if self._section.boolean("needPrior"):
            prior = self._add("Prior", build.call("Mean", build.name(labels)))
            logarithm = self._add("LogOfPrior", build.call("Log", build.name(prior)))
            output = self._add("ScaledLogLikelihood", build.binary(build.name(last), "-", build.name(logarithm)))
        self._add("PosteriorProb", self._build.call("Softmax", self._build.name(last)))
        return output


def _size_of(item: MappedText) -> int:
    number = number_of(item, "layerSizes")
    if number != int(number) or number < 1:
        raise failure(Code.OPTION_TYPE, f"`{item.text}` is no size of a layer", item.span(0, len(item.text)),
                      "a whole number from 1 on is wanted")
    return int(number)

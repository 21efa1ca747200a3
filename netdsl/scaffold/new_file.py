"""The text of a new file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from ..base.source import Source
from ..syntax.format.printer import format_text
from .draft import FileDraft


def file_text(made: FileDraft, name: str) -> str:
    """The text of the file, in the one canonical style."""
    remember = max(100, min(5000, made.images // 4))
    network = [*_FUNCTIONS[made.like](remember), "", "model = Sequential (", *_indented(_STEPS[made.like](made)), ")"]
    rate = {"mlp": 0.05, "convnet": 0.1, "resnet": 0.1, "alexnet": 0.01}[made.like]
    lines = [
        f"# {made.title}.",
        f"#     netdsl check {name}      shapes, parameters, cost, and every mistake before anything runs",
        f"#     netdsl graph {name}      a drawing of the network",
        f"#     netdsl run {name}        train and test; everything goes to the folder `runs`",
        "",
        f'dataDir = "{made.data}"    # another folder: netdsl run {name} dataDir=PATH',
        "",
        "# Brings the images' values to about -1..1; the readers below use it.",
        f"normal = {made.scaling}",
        "",
        "network = {",
        f"    imageShape = {made.width}:{made.height}:{made.channels}    # width : height : channels",
        f"    labelDim   = {made.classes}",
        "",
        *_indented(network),
        "",
        "    features = Input {imageShape}    # what the reader delivers, by these names",
        "    labels   = Input {labelDim}",
        "    z        = model (features)",
        "",
        "    ce   = CrossEntropyWithSoftmax (labels, z)",
        "    errs = ClassificationError (labels, z)    # the share of samples in the wrong class",
        "",
        "    criterionNodes  = ce      # what training makes small",
        "    evaluationNodes = errs    # what is shown beside it",
        "    outputNodes     = z",
        "}",
        "",
        "reader = {",
        *_indented(made.reader),
        "}",
        "",
        "SGD = {",
        f"    minibatchSize = {made.minibatch}",
        f"    maxEpochs     = {made.epochs}",
        f"    learningRate  = OneCycle {{{rate}}}    # up in the first part of the training, then down to nearly 0",
        "    momentum      = 0.9",
        "    weightDecay   = 0.0005",
        *_indented(made.sgd),
        "}",
    ]
    return format_text(Source(name, "\n".join(lines) + "\n"))


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" if line else "" for line in lines)


def _no_functions(remember: int) -> list[str]:
    return ["# `name := layer` names a step; `:` joins the steps."]


def _convolution_functions(remember: int) -> list[str]:
    return ["# A function: `Conv {32}` is a convolution with 32 filters, normalized, then ReLU.",
            "Conv {filters, stride = 1} = Sequential (",
            "    conv := ConvolutionalLayer {filters, (3:3), stride = stride, pad = true, bias = false, "
            "init = 'heNormal'} :",
            f"    norm := BatchNormalizationLayer {{spatialRank = 2, normalizationTimeConstant = {remember}}} :",
            "    relu := ReLU",
            ")",
            "Pool {} = MaxPoolingLayer {(2:2), stride = 2}"]


def _residual_functions(remember: int) -> list[str]:
    return [
        "Norm {} = BatchNormalizationLayer {spatialRank = 2, "
        f"normalizationTimeConstant = {remember}}}",
        "Conv {filters, size, stride = 1} =",
        "    ConvolutionalLayer {filters, size, stride = stride, pad = true, bias = false, init = 'heNormal'}",
        "",
        "# ReLU (x + two convolutions of x); with a stride, x itself goes through a 1 x 1 convolution.",
        "Block {filters, stride = 1} (x) = {",
        "    main = Sequential (",
        "        conv1 := Conv {filters, (3:3), stride} : norm1 := Norm {} : relu1 := ReLU :",
        "        conv2 := Conv {filters, (3:3)} : norm2 := Norm {}",
        "    ) (x)",
        "    shortcut = if stride == 1 then x",
        "               else Sequential (conv := Conv {filters, (1:1), stride} : norm := Norm {}) (x)",
        "    y        = ReLU (main + shortcut)",
        "}.y",
    ]


def _alexnet_functions(remember: int) -> list[str]:
    return ["Conv {filters, size, stride = 1, pad = true} =",
            "    ConvolutionalLayer {filters, size, stride = stride, pad = pad, activation = ReLU, init = 'heNormal'}",
            "Dense {outputs} = DenseLayer {outputs, activation = ReLU, init = 'heNormal'}",
            "Norm {} = LocalResponseNormalizationLayer {radius = 2, bias = 1, alpha = 0.0001, beta = 0.75}",
            "Pool {} = MaxPoolingLayer {(3:3), stride = 2}"]


def _mlp_steps(made: FileDraft) -> list[str]:
    return ["hidden1 := DenseLayer {512, activation = ReLU, init = 'heNormal'} : Dropout {0.2} :",
            "hidden2 := DenseLayer {256, activation = ReLU, init = 'heNormal'} : Dropout {0.2} :",
            "classes := LinearLayer {labelDim}"]


def _convnet_steps(made: FileDraft) -> list[str]:
    stages = max(1, min(5, int(math.log2(max(2, min(made.width, made.height) // 4)))))
    steps = []
    for stage in range(1, stages + 1):
        filters = min(256, 32 * 2 ** (stage - 1))
        steps.append(f"conv{stage}a := Conv {{{filters}}} : conv{stage}b := Conv {{{filters}}} : Pool {{}} :")
    return [*steps, "GlobalAveragePoolingLayer {} : Dropout {0.2} :", "classes := LinearLayer {labelDim}"]


def _resnet_steps(made: FileDraft) -> list[str]:
    large = min(made.width, made.height) >= 96
    widths = (32, 64, 128, 256) if large else (16, 32, 64)
    if large:
        steps = [f"stem := Conv {{{widths[0]}, (7:7), stride = 2}} : Norm {{}} : ReLU : "
                 "MaxPoolingLayer {(3:3), stride = 2, pad = true} :"]
    else:
        steps = [f"stem := Conv {{{widths[0]}, (3:3)}} : Norm {{}} : ReLU :"]
    for number, filters in enumerate(widths, 1):
        stride = ", stride = 2" if number > 1 else ""
        steps.append(f"block{number}a := Block {{{filters}{stride}}} : block{number}b := Block {{{filters}}} :")
    return [*steps, "GlobalAveragePoolingLayer {} :", "classes := LinearLayer {labelDim}"]


def _alexnet_steps(made: FileDraft) -> list[str]:
    return ["conv1 := Conv {96, (11:11), stride = 4, pad = false} : Norm {} : Pool {} : Expect {27:27:96} :",
            "conv2 := Conv {256, (5:5)} : Norm {} : Pool {} : Expect {13:13:256} :",
            "conv3 := Conv {384, (3:3)} :",
            "conv4 := Conv {384, (3:3)} :",
            "conv5 := Conv {256, (3:3)} : Pool {} : Expect {6:6:256} :",
            "fc6   := Dense {4096} : Dropout {0.5} :",
            "fc7   := Dense {4096} : Dropout {0.5} :",
            "fc8   := LinearLayer {labelDim, init = 'normal', initValueScale = 0.01}"]


_FUNCTIONS: dict[str, Callable[[int], list[str]]] = {
    "mlp": _no_functions, "convnet": _convolution_functions, "resnet": _residual_functions,
    "alexnet": _alexnet_functions,
}
_STEPS: dict[str, Callable[[FileDraft], list[str]]] = {
    "mlp": _mlp_steps, "convnet": _convnet_steps, "resnet": _resnet_steps, "alexnet": _alexnet_steps,
}

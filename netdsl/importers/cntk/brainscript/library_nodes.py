"""Operations of CNTK's library: element by element, products, shapes, convolutions, criteria."""

from __future__ import annotations

from collections.abc import Iterable

from .library_row import Composed, LibraryRow, Same, Spelled
from .library_spelled import (
    write_along_axis,
    write_legacy_pooling,
    write_legacy_reshape,
    write_literal,
    write_parameter,
    write_pass,
    write_slice,
    write_sparse_image,
)

_ONE_INPUT = (
    "Abs", "Acos", "Asin", "Asinh", "Atanh", "Ceil", "Cosh", "Cosine", "Exp", "Floor", "Hardmax", "LogSoftmax", "Log",
    "Negate", "Pass", "Reciprocal", "ReLU", "RectifiedLinear", "Round", "Sigmoid", "Sin", "Sinh", "Sqrt",
    "StopGradient", "StraightThrough", "Tanh", "Dropout")
_TWO_INPUTS = (
    "ElementDivide", "ElementTimes", "Minus", "Plus", "Less", "LessEqual", "Equal", "NotEqual", "Greater",
    "GreaterEqual", "LogPlus", "KhatriRaoProduct", "ColumnwiseCrossProduct", "ColumnElementTimes", "CosDistance")
_OF_CNTK2 = ("Square", "Relu", "Identity")  # names that only CNTK2 has, or with another parameter
_INIT = ("learningRateMultiplier = 1, init = '', initValueScale = 1, value = 0, initValue = '', initFilterRank = 0, "
         "initOutputRank = 1, initFromFilePath = '', initFromLiteral = '', initOnCPUOnly = true, randomSeed = -1")
_PADS = "stride = 1, sharing = true, autoPadding = true, lowerPad = 0, upperPad = 0"
_CONVOLUTION = {"weightNode": "W", "inputValueNode": "x"}
_VALUE = ("`value` is read with `init = 'fixedValue'` only, as CNTK does it; alone it has no effect, which is said in "
          "a warning")


def _elementwise() -> Iterable[LibraryRow]:
    for name in (*_ONE_INPUT, *_OF_CNTK2):
        yield Same(f"{'CNTK2.' if name in _OF_CNTK2 else ''}{name} (_)", names={"_": "x"},
                   ours={"RectifiedLinear": "ReLU", "Relu": "ReLU", "Identity": "Pass"}.get(name, ""))
    for name in _TWO_INPUTS:
        yield Same(f"{name} (_, y)", names={"_": "x"})


NODES: tuple[LibraryRow, ...] = (
    # --- inputs and parameters
    Same("Input (dims, dynamicAxis = '', sparse = false)"),
    Same("CNTK2.Input (shape, dynamicAxis = '')", names={"shape": "dims"}),
    Same("SparseInput (dims, dynamicAxis = '')", ours="Input", written={"sparse": "true"}),
    Same("ImageInput (imageWidth, imageHeight, imageChannels, dynamicAxis = '')"),
    Spelled("SparseImageInput (imageWidth, imageHeight, imageChannels, dynamicAxis = '')", write_sparse_image,
            "`Input {(w:h:c), sparse = true}`"),
    Spelled(f"ParameterTensor {{dims, {_INIT}}}", write_parameter, _VALUE, "ParameterTensor"),
    Spelled(f"CNTK2._Parameter {{shape, {_INIT}}}", write_parameter, f"`ParameterTensor`; {_VALUE}"),
    Spelled(f"Parameter {{outputDim, inputDim, {_INIT}}}", write_parameter, _VALUE, "Parameter"),
    Spelled(f"LearnableParameter {{outputDim, inputDim, {_INIT}}}", write_parameter, _VALUE, "Parameter"),
    Same("ConstantTensor (val, dims)", names={"val": "value"}),
    Same("Constant (val, rows = 1, cols = 1)", names={"val": "value"}),
    Spelled("ConstantFromString (literal)", write_literal,
            "`ParameterTensor` with `initFromLiteral` and `learningRateMultiplier = 0`, its extents counted"),
    # --- element by element
    *_elementwise(),
    Same("Clip (minValue, maxValue, x)"),
    Same("CNTK2.Clip (_, minValue, maxValue)", names={"_": "x"}),
    Same("Scale (scalarScalingFactor, matrix)", names={"scalarScalingFactor": "factor", "matrix": "x"}),
    Same("Softmax (z, axis = 0)", names={"z": "x"}),
    Same("PerDimMeanVarNormalization (x, mean, invStdDev)"),
    Same("PerDimMeanVarDeNormalization (dataVectorSequence, meanVector, invStdDevVector)"),
    Same("Mean (dataVectorSequence)"),
    Same("InvStdDev (dataVectorSequence)"),
    Same("MeanVarNorm (feat)"),
    Same("LogPrior (labels)"),
    Spelled("Trace (node, say = '', logFrequency = 100, logFirst = 10, logGradientToo = false, "
            "onlyUpToRow = 100000000, onlyUpToT = 100000000, format = None)", write_pass,
            "`Pass`: nothing is printed while training"),
    Spelled("Cast (node)", write_pass, "`Pass`: the precision is that of the run"),
    # --- products
    Same("Times (x, y, outputRank = 1, inferInputRankToMap = -1)"),
    Same("TransposeTimes (leftMatrix, rightMatrix)", names={"leftMatrix": "x", "rightMatrix": "y"}),
    Same("DiagTimes (diagonalMatrixAsColumnVector, matrix)",
         names={"diagonalMatrixAsColumnVector": "diagonal", "matrix": "y"}),
    Same("CosDistanceWithNegativeSamples (aVectorSequence, anotherVectorSequence, numShifts, numNegSamples)",
         names={"aVectorSequence": "x", "anotherVectorSequence": "y"}),
    Composed("MatrixL1Reg (matrix)", "MatrixL1Reg (matrix) = ReduceSum (Abs (matrix))"),
    Composed("MatrixL2Reg (matrix)", "MatrixL2Reg (matrix) = Sqrt (ReduceSum (matrix .* matrix))"),
    # --- reductions
    *(Same(f"{name} (_, axis = None)", names={"_": "x"})
      for name in ("ReduceSum", "ReduceLogSum", "ReduceMean", "ReduceMin", "ReduceMax")),
    Same("SumElements (matrix)", names={"matrix": "x"},
         note="the sum of a sample; CNTK's is that of a minibatch, which makes no difference to a criterion"),
    Same("SumColumnElements (z)", names={"z": "x"}),
    # --- shapes
    Same("NewReshape (input, dims, beginAxis = 0, endAxis = 0)", ours="Reshape", names={"input": "x"}),
    Same("CNTK2.Reshape (_, shape, beginAxis = 0, endAxis = 0)", names={"_": "x", "shape": "dims"}),
    Spelled("Reshape (input, numRows, imageWidth = 0, imageHeight = 0, imageChannels = 0)", write_legacy_reshape,
            "`Reshape (x, dims)`; the samples of a minibatch stay as they are"),
    Same("ReshapeDimension (x, axis, tensorShape)"),
    Same("FlattenDimensions (x, axis, num)"),
    Same("SplitDimension (x, axis, N)"),
    Same("Transpose (x)"),
    Same("TransposeDimensions (_, axis1, axis2)", names={"_": "x"}),
    Spelled("Slice (beginIndex, endIndex, input, axis = 1)", write_slice,
            "the same, but `axis = -1` (time) is not supported", "Slice"),
    Spelled("CNTK2.Slice (_, beginIndex, endIndex, axis = 1)", write_slice, "`Slice (beginIndex, endIndex, x)`"),
    Same("RowSlice (beginIndex, numRows, input)", names={"input": "x"}),
    Same("RowRepeat (input, numRepeats)", names={"input": "x"}),
    Same("RowStack (inputs, axis = 1)"),
    Same("Splice (_, axis = 1)", names={"_": "inputs"}),
    # --- convolution and pooling
    Same(f"Convolution (weightNode, inputValueNode, kernelDims, mapDims = 0, {_PADS}, dilation = 1, "
         "maxTempMemSizeInSamples = 0)", names=_CONVOLUTION, unshared="LocalConvolution",
         note="`sharing = false` is `LocalConvolution`"),
    Same(f"ConvolutionTranspose (weightNode, inputValueNode, kernelDims, mapDims = 0, {_PADS}, outputShape = None, "
         "dilation = 1, maxTempMemSizeInSamples = 0)", names=_CONVOLUTION),
    Same("Pooling (input, poolKind, kernelDims, stride = 1, autoPadding = true, lowerPad = 0, upperPad = 0, "
         "ceilOutDim = false, includePad = false)"),
    Same("ROIPooling (input, ROIs, shape, spatialScale = 0.0625)"),
    Same("MaxUnpooling (unpoolInput, poolInput, kernelDims, stride = 1, autoPadding = true, lowerPad = 0, "
         "upperPad = 0)"),
    Spelled("MaxPooling (input, windowWidth, windowHeight, horizontalSubsample, verticalSubsample)",
            write_legacy_pooling, "`MaxPoolingLayer {(w:h), stride = (sx:sy)} (x)`"),
    Spelled("AveragePooling (input, windowWidth, windowHeight, horizontalSubsample, verticalSubsample)",
            write_legacy_pooling, "`AveragePoolingLayer {(w:h), stride = (sx:sy)} (x)`"),
    Same("BatchNormalization (input, scale, bias, runMean, runVariance, runCount = None, spatial = false, "
         "normalizationTimeConstant = 0, blendTimeConstant = 0, epsilon = 0.00001, useCntkEngine = true, "
         "disableRegularization = false)", note="`disableRegularization = true` is refused"),
    # --- criteria
    Spelled("CrossEntropyWithSoftmax (labelSequence, outProbVectorSequence, axis = 0)", write_along_axis,
            "the same; with an axis, a value for each place: written out once, as `CrossEntropyAlongAxis`",
            "CrossEntropyWithSoftmax"),
    Same("ClassificationError (labelSequence, outVectorSequence, topN = 1, axis = 0)",
         names={"labelSequence": "labels", "outVectorSequence": "z"}),
    Same("ErrorPrediction (labelSequence, outVectorSequence, topN = 1, axis = 0)",
         names={"labelSequence": "labels", "outVectorSequence": "z"}, ours="ClassificationError"),
    Composed("CNTK2.CrossEntropyWithSoftmax_new (L, z)",
             "CrossEntropyWithSoftmax_new (L, z) = ReduceLogSum (z) - TransposeTimes (L, z)"),
    Composed("CNTK2.ClassificationError_new (L, z)",
             "ClassificationError_new (L, z) = 1 - TransposeTimes (L, Hardmax (z))"),
    Same("CrossEntropy (refProbVectorSequence, outProbVectorSequence)",
         names={"refProbVectorSequence": "labels", "outProbVectorSequence": "p"}),
    Same("SquareError (aMatrix, anotherMatrix)", names={"aMatrix": "labels", "anotherMatrix": "z"}),
    Same("Logistic (label, probability)", names={"label": "labels", "probability": "p"}),
    Same("WeightedLogistic (label, probability, instanceWeight)",
         names={"label": "labels", "probability": "p", "instanceWeight": "weight"}),
    Same("LambdaRank (gain, prediction, queryId)"),
    Same("NDCG1Eval (gain, prediction, queryId)"),
    # --- macros of the NDL book
    Composed("BFF (in, rows, cols)", """
BFF (in, rows, cols) = {
    B = Parameter {rows, 1, initValue = 0}
    W = Parameter {rows, cols}
    z = W * in + B
}"""),
    Composed("SBFF (in, rows, cols)", """
SBFF (in, rows, cols) = {
    B  = Parameter {rows, 1, initValue = 0}
    W  = Parameter {rows, cols}
    Eh = Sigmoid (W * in + B)
}"""),
    # --- BS.Parameters
    Composed("BS.Parameters.WeightParam (outputDim, inputDim)",
             "WeightParam (outputDim, inputDim) = ParameterTensor {(outputDim : inputDim), init = 'uniform'}",
             "written out once, as `WeightParam`, with a seed for each; CNTK starts all of them with seed 1"),
    Composed("BS.Parameters.DiagWeightParam (outputDim)",
             "DiagWeightParam (outputDim) = ParameterTensor {outputDim, init = 'uniform'}",
             "written out once, as `DiagWeightParam`, with a seed for each; CNTK starts all of them with seed 1"),
    Composed("BS.Parameters.BiasParam (dim)", "BiasParam (dim) = ParameterTensor {dim, initValue = 0}"),
    Composed("BS.Parameters.ScalarParam ()", "ScalarParam () = ParameterTensor {1, initValue = 0}"),
    Composed("BS.Parameters.StabilizeElements (x, inputDim = 0, enabled = true)",
             "StabilizeElements (x, inputDim, enabled = true) = if enabled "
             "then (Log (1 + Exp (4 * ParameterTensor {inputDim, initValue = 0.99537863})) / 4) .* x else x",
             "written out once, as `StabilizeElements`; it needs its `inputDim`"),
    Composed("BS.Parameters.Stabilize (x, enabled = true)",
             "Stabilize (x, enabled = true) = if enabled "
             "then (Log (1 + Exp (4 * ParameterTensor {1, initValue = 0.99537863})) / 4) .* x else x"),
    # --- BS.Boolean
    *(Same(f"BS.Boolean.{name} (a, b)", names={"a": "x", "b": "y"}) for name in ("And", "Or", "Xor")),
    Same("BS.Boolean.Not (x)"),
    Same("BS.Boolean.If (cond, thenVal, elseVal)"),
    # --- BS.Constants
    Same("BS.Constants.OnesTensor (dims)"),
    Composed("BS.Constants.Range (dim)", "Range (dim) = Splice (array [0..dim - 1] (i => Constant (i)))"),
    Composed("BS.Constants.ZeroesLike (x)", "ZeroOf (x) = ReduceSum (RowSlice (0, 1, x)) * 0"),
    Composed("BS.Constants.ZeroSequenceLike (x)", "ZeroOf (x) = ReduceSum (RowSlice (0, 1, x)) * 0"),
    Same("BS.Constants.ZeroesLike1 (x)", ours="ZeroesLike"),
    Composed("BS.Constants.OnesLike (x)", "OneOf (x) = ReduceSum (RowSlice (0, 1, x)) * 0 + 1"),
)

"""Layers of CNTK's library, and what puts layers together."""

from __future__ import annotations

from .library_row import Composed, LibraryRow, Same

LAYERS: tuple[LibraryRow, ...] = (
    Same("LinearLayer {outDim, bias = true, init = 'glorotUniform', initValueScale = 1, inputRank = None, "
         "mapRank = None, initBias = 0}"),
    Same("DenseLayer {outDim, bias = true, activation = (x => x), init = 'glorotUniform', initValueScale = 1, "
         "inputRank = None, mapRank = None, initBias = 0}"),
    Same("EmbeddingLayer {outDim, init = 'glorotUniform', initValueScale = 1, embeddingPath = '', "
         "transpose = false}"),
    Same("ConvolutionalLayer {numOutputChannels, filterShape, bias = true, activation = (x => x), "
         "init = 'glorotUniform', initValueScale = 1, initBias = 0, stride = 1, pad = false, lowerPad = 0, "
         "upperPad = 0, dilation = 1, maxTempMemSizeInSamples = 0}"),
    Same("ConvolutionTransposeLayer {numOutputChannels, filterShape, numInputChannels, bias = true, "
         "activation = (x => x), init = 'glorotUniform', initValueScale = 0.001, initBias = 0, stride = 1, "
         "pad = false, lowerPad = 0, upperPad = 0, outputShape = None, dilation = 1, maxTempMemSizeInSamples = 0}"),
    Same("BilinearUpsamplingLayer {numChannels, kernelSize, stride}"),
    Same("MaxPoolingLayer {filterShape, stride = 1, pad = false, lowerPad = 0, upperPad = 0, ceilOutDim = false}"),
    Same("AveragePoolingLayer {filterShape, stride = 1, pad = false, lowerPad = 0, upperPad = 0, ceilOutDim = false, "
         "includePad = false}"),
    Same("MaxUnpoolingLayer {filterShape, stride = 1, pad = false, lowerPad = 0, upperPad = 0}"),
    Same("BatchNormalizationLayer {spatialRank = 0, initialScale = 1, normalizationTimeConstant = 5000, "
         "blendTimeConstant = 0, epsilon = 0.00001, useCntkEngine = false, disableRegularization = false}",
         written={"normalizationTimeConstant": "5000"}),
    Same("LayerNormalizationLayer {initScale = 1, initBias = 0}", written={"epsilon": "0"}),
    Same("StabilizerLayer {steepness = 4}"),
    Same("FeatureMVNLayer {}"),
    Same("LogPriorLayer {}"),
    Same("Sequential (arrayOfFunctions)", names={"arrayOfFunctions": "functions"}),
    Same("Parallel (arrayOfFunctions, combineFunction)",
         names={"arrayOfFunctions": "functions", "combineFunction": "combine"}),
    Composed("MergeBinary (arrayOfFunctions, combineFunction)",
             "MergeTwo (functions, combine) = (x, y) => combine (functions[0] (x), functions[1] (y))",
             "CNTK's takes two inputs, one for each function; written out once, as `MergeTwo`"),
    Same("LayerStack {n, c}", names={"n": "count", "c": "layer"}),
    Same("Identity (x)"),
)

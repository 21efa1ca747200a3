"""Functions of CNTK's library that netdsl does not have yet, each with the reason.

To switch one on: take its line out, and put a row of another kind into the table of its group.
"""

from __future__ import annotations

from collections.abc import Iterable

from .library_row import LibraryRow, Missing


def _rows(what: str, why: str, hint: str, signatures: Iterable[str]) -> tuple[LibraryRow, ...]:
    return tuple(Missing(signature, what, why, hint) for signature in signatures)


_RECURRENCE = _rows(
    "recurrence", "recurrence is not built yet",
    "networks that read their sample at once (layers, convolution, pooling) are read; loops over time are not yet.", (
        "RecurrentLSTMLayer {outputDim, cellShape = None, goBackwards = false, usePeepholes = false, "
        "trainInitialState = false, init = 'glorotUniform', initValueScale = 1, enableSelfStabilization = false, "
        "allowOptimizedEngine = false}",
        "RecurrentLSTMLayerStack {layerDims, cellShapes = None, usePeepholes = false, init = 'glorotUniform', "
        "initValueScale = 1, enableSelfStabilization = false, allowOptimizedEngine = false}",
        "DelayLayer {T = 1, defaultHiddenActivation = 0}",
        "PastValue (dims, input, timeStep = 1, initialState = None, defaultHiddenActivation = 0.1)",
        "FutureValue (dims, input, timeStep = 1, initialState = None, defaultHiddenActivation = 0.1)",
        "_PFValue (pastOrFuture, dims, input, timeStep = 1, initialState = None, defaultHiddenActivation = 0.1)",
        "Delay (dims, input, timeStep = 1, initialState = None, defaultHiddenActivation = 0.1)",
        "CNTK2.PastValue (_, shape, timeStep = 1, defaultHiddenActivation = 0.1)",
        "CNTK2.FutureValue (_, shape, timeStep = 1, defaultHiddenActivation = 0.1)",
        "OptimizedRNNStack (weights, input, hiddenDims, numLayers = 1, bidirectional = false, recurrentOp = 'lstm', "
        "axis = -1)",
        "RNNStack (x, W, hiddenSize = 10, numLayers = 1, bidirectional = false, rnnMode = 'lstm')",
        "BS.Boolean.Toggle (clk, initialValue = 0)",
        "BS.Loop.Iteration (x)", "BS.Loop.Count (x)", "BS.Loop.IsFirst (x)", "BS.Loop.IsLast (x)",
        "BS.Loop.IsFirstN (N, x)", "BS.Loop.IsLastN (N, x)", "BS.Loop._IsWithin (DelayFn, N, x)",
        "BS.Loop.Previous (x, initialState = None)", "BS.Loop.Next (x, initialState = None)",
        "BS.Loop.PreviousOrDefault (x, defaultValue = 0)", "BS.Loop.NextOrDefault (x, defaultValue = 0)",
        "BS.RNNs.LSTMBlock (outputDim, cellShape = None, usePeepholes = false, init = 'glorotUniform', "
        "initValueScale = 1, enableSelfStabilization = false)",
        "BS.RNNs.LSTMP (outputDim, cellDim = outputDim, x, aux = None, auxDim = 0, prevState, "
        "enableSelfStabilization = false, inputDim = 0)",
        "BS.RNNs.PreviousHC (lstmState, initialState = None, layerIndex = 0)",
        "BS.RNNs.NextHC (lstmState, initialState = None, layerIndex = 0)",
        "BS.RNNs.PreviousHCWithTrainedInitialState {shape = 0}", "BS.RNNs.NextHCWithTrainedInitialState {shape = 0}",
        "BS.RNNs.NoAuxInputHook (input, lstmState)",
        "BS.RNNs.RecurrentLSTMP (outputDim, cellDim = None, x, inputDim = 0, previousHook = None, "
        "augmentInputHook = None, augmentInputDim = 0, layerIndex = 0, enableSelfStabilization = false)",
        "BS.RNNs.RecurrentLSTMPStack (layerDims, cellDims = None, input, inputDim = 0, previousHook = None, "
        "augmentInputHook = None, augmentInputDim = 0, enableSelfStabilization = false)",
        "BS.RNNs.RecurrentBidirectionalLSTMPStack (layerDims, cellDims = None, input, inputDim = 0, "
        "previousHook = None, nextHook = None, enableSelfStabilization = false)",
        "BS.RNNs.GRU (outputDim, cellDim = None, x, inputDim = 0, aux = None, auxDim = 0, prevState, "
        "enableSelfStabilization = false)",
        "BS.RNNs.RecurrentGRU (outputDim, cellDim = None, x, inputDim = 0, previousHook = None, "
        "augmentInputHook = None, augmentInputDim = 0, layerIndex = 0, enableSelfStabilization = false)",
        "BS.RNNs.RecurrentGRUStack (layerDims, cellDims = None, input, inputDim = 0, previousHook = None, "
        "augmentInputHook = None, augmentInputDim = 0, enableSelfStabilization = false)",
        "BS.RNNs.RecurrentBidirectionalGRUStack (layerDims, cellDims = None, input, inputDim = 0, "
        "previousHook = None, nextHook = None, enableSelfStabilization = false)",
    ))

_SEQUENCES = _rows(
    "operations on sequences", "sequences are not built yet", "", (
        "DynamicAxis ()", "EnvironmentInput (propertyName)",
        "Shift (input, fromOffset, boundaryValue, boundaryMode = -1, dim = -1)",
        "ReconcileDynamicAxis (dataInput, layoutInput)", "ReconcileMBLayout (dataInput, layoutInput)",
        "CastAs (type, data)", "GatherPacked (indexSequence, sourceData)",
        "PackedIndex (nodeWithLayoutToPackFor, indexSequence)", "ScatterPacked (cond, indexSequence, sourceData)",
        "TimeReverse (vectorSequence)", "Where (cond)",
        "BS.Sequences.BroadcastSequenceAs (type, data1)", "BS.Sequences.PastValueWindow (N, in, axis = 2)",
        "BS.Sequences.FoldL (binaryOp, x0, x)", "BS.Sequences.FoldR (binaryOp, x0, x)",
        "BS.Sequences._Fold (binaryOp, x0, x)", "BS.Sequences.Map (lambda, x)", "BS.Sequences.Gather (cond, x)",
        "BS.Sequences.Scatter (cond, y)", "BS.Sequences.First (x)", "BS.Sequences.Last (x)",
        "BS.Seq2Seq.CreateAugmentWithFixedWindowAttentionHook (attentionDim, attentionSpan, decoderDynamicAxis, "
        "encoderOutput, enableSelfStabilization = false)",
        "BS.Seq2Seq.GetTopNTensor (D, scores)", "BS.Seq2Seq.GreedySequenceDecoderFrom (modelAsTrained)",
        "BS.Seq2Seq.BeamSearchSequenceDecoderFrom (modelAsTrained, beamDepth)",
        "Embedding (embeddingDim, input, inputDim = 0, initFrom = '', embeddingPath = '', sparseInput = false, "
        "learningRateWeight = 0)",
    ))

_CRITERIA = _rows(
    "criterion or metric of that kind", "criteria on sequences and lattices are not built", "", (
        "EditDistanceError (leftInput, rightInput, subPen = 1, delPen = 1, insPen = 1, squashInputs = false, "
        "tokensToIgnore = None)",
        "LatticeSequenceWithSoftmax (labels, evaluation, scaledLogLikelihood, lattice, symListPath, phonePath, "
        "stateListPath, transProbPath, latticeConfigPath = 'LatticeNode.config', hSmoothingWeight = 0.95, "
        "frameDropThresh = 1e-10, doReferenceAlign = false, seqGammarUsesMBR = false, seqGammarAMF = 14, "
        "seqGammarLMF = 14, seqGammarBMMIFactor = 0, seqGammarWordPen = 0)",
        "ForwardBackward (graph, features, blankTokenId, delayConstraint = -1)", "LabelsToGraph (labels)",
        "ClassBasedCrossEntropyWithSoftmax (labelClassDescriptorVectorSequence, mainInputInfo, mainWeight, "
        "classLogProbsBeforeSoftmax)",
        "GMMLogLikelihood (unnormalizedPriorVector, meansAsRows, logStdDevAsRows, dataVectorSequence)",
        "SequenceWithSoftmax (labels, prediction, loglikelihood)",
        "NoiseContrastiveEstimation (labels, input, inputWeights, biasWeights)",
        "CRF (labels, positionDependentScores, transitionScores)",
        "DummyCriterion (objectives, derivatives, prediction)",
        "EpochAccumulator (input)",
    ))

_MODELS = _rows(
    "BrainScript that reads or edits a saved model", "models are not read into a network text yet",
    "weights of a model are taken with `--weights`.", (
        "BS.Network.Load (pathName)", "BS.Network.CloneFunction (inputNodes, outputNodes, parameters = 'learnable')",
        "BS.Network.Edit (inputModel, editFunctions, additionalRoots)",
        "BS.Network.Editing.ReplaceLinksToNode (old, replacement)",
        "BS.Network.Editing.ReplaceLinksToNamedNode (name, replacement)",
    ))

_OTHER = _rows(
    "such operation", "nobody needed it yet", "", (
        "CNTK2.GetRandomSample (_, numSamples, sampleWithReplacement)",
        "CNTK2.GetInclusionFrequency (_, numSamples, sampleWithReplacement)",
        "QuantizedTimes (leftMatrix, rightMatrix, bitSmoothingA = 1, bitSmoothingB = 1, outputRank = 1, "
        "inferInputRankToMap = -1)",
        "Chr (c)", "IsSameObject (a, b)",
    ))

MISSING = (*_RECURRENCE, *_SEQUENCES, *_CRITERIA, *_MODELS, *_OTHER)

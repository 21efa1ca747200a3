"""The keys of configurations: what becomes of each. docs/cntk.md is made from these tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What becomes of a key."""

    SAME = "same"
    MENDED = "mended"  #: it means the same and is said otherwise, or one thing about it is put right
    NO_MEANING = "no meaning"  #: accepted, with a note
    NOT_SUPPORTED = "not supported"  #: `check` warns, `run` refuses


@dataclass(frozen=True)
class ConfigKey:
    """A key, what becomes of it, and how or why."""

    name: str
    state: State = State.SAME
    says: str = ""
    #: Values (in small letters) of a key that is not supported which change nothing.
    harmless: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyTable:
    """The keys of one kind of section."""

    title: str
    keys: dict[str, ConfigKey]  #: by their names in small letters

    @property
    def names(self) -> list[str]:
        return [key.name for key in self.keys.values()]

    def get(self, name: str) -> ConfigKey | None:
        return self.keys.get(name.casefold())


def _table(title: str, *groups: Iterable[ConfigKey]) -> KeyTable:
    return KeyTable(title, {key.name.casefold(): key for group in groups for key in group})


def _same(*names: str) -> list[ConfigKey]:
    return [ConfigKey(name) for name in names]


def _mended(**says: str) -> list[ConfigKey]:
    return [ConfigKey(name, State.MENDED, text) for name, text in says.items()]


def _idle(why: str, *names: str) -> list[ConfigKey]:
    return [ConfigKey(name, State.NO_MEANING, why) for name in names]


def _lacking(why: str, *names: str, harmless: tuple[str, ...] = ("false", "f", "0")) -> list[ConfigKey]:
    return [ConfigKey(name, State.NOT_SUPPORTED, why, harmless) for name in names]


_DEVICE = "netdsl chooses the device (`--device`) and its memory by itself"
_LOG = "what is printed and logged is an option of the commands"
_FOLDER = "a run has a folder of its own, `runs/NAME/...`; `--resume` continues it"
_ONE_PROCESS = "a run trains in one process"
_SEQUENCES = "samples are not sequences of varying length yet"
_LATTICES = "there is no training on lattices"

SGD_KEYS = _table(
    "SGD",
    _same("maxEpochs", "minibatchSize", "epochSize", "numSubminibatches", "learningRatesPerMB",
          "learningRatesPerSample", "minLearningRatePerSample", "momentumPerMB", "momentumPerSample",
          "momentumAsTimeConstant", "useNAG", "gradUpdateType", "normWithAveMultiplier", "varianceTimeConstant",
          "fsAdagradTargetAvDenom", "rms_gamma", "rms_wgt_inc", "rms_wgt_dec", "rms_wgt_max", "rms_wgt_min",
          "adam_meanMomentum", "adam_varMomentum", "adam_epsilon", "L2RegWeight", "L1RegWeight",
          "disableRegInBatchNormalization", "clippingThresholdPerSample", "gradientClippingWithTruncation",
          "gaussianNoiseInjectStd", "dropoutRate", "batchNormalizationTimeConstant", "keepCheckPointFiles",
          "numMBsToShowResult", "firstMBsToShowResult", "AutoAdjust"),
    _mended(useAdagrad="`gradUpdateType = 'adagrad'`",
            saveBestModelPerCriterion="the best epoch is kept in any case, by the first evaluation node (`--best`)"),
    _idle(_LOG, "traceLevel", "perfTraceLevel", "sigFigs", "tensorBoardLogDir", "tensorBoardNumMBsToLogResult",
          "numMBsToCUDAProfile", "traceNodeNamesReal", "traceNodeNamesCategory", "traceNodeNamesSparse"),
    _idle(_DEVICE, "maxSamplesInRAM", "packThresholdSizeInKB", "maxTempMemSizeInSamplesForCNN"),
    _idle(_FOLDER, "modelPath", "makeMode"),
    _idle(_ONE_PROCESS, "ParallelTrain", "distributedMBReading"),
    _idle("CNTK has no such key and does not read it", "unroll"),
    _idle("it had no effect on CNTK's training", "batchNormalizationBlendTimeConstant"),
    _idle("statistics are taken from all of the data", "UseAllDataForPreComputedNode"),
    _idle("the tests of netdsl check the gradients of every layer", "gradientcheck"),
    _lacking("list the node in `criterionNodes` or `evaluationNodes` of the network", "trainCriterionNodeName",
             "evalCriterionNodeName", harmless=("",)),
    _lacking(_SEQUENCES, "truncated"),
    _lacking("there is no adaptation of one network to another", "adaptationRegType", "adaptationRegWeight",
             harmless=("none", "0", "0.0")),
    _idle(_LATTICES, "hSmoothingWeight", "frameDropThresh", "doReferenceAlign", "seqGammarUsesMBR", "seqGammarAMF",
          "seqGammarLMF", "seqGammarBMMIFactor", "seqGammarWordPen"),
)

ADJUST_KEYS = _table(
    "AutoAdjust",
    _same("autoAdjustLR", "reduceLearnRateIfImproveLessThan", "continueReduce", "learnRateAdjustInterval",
          "learnRateDecreaseFactor", "increaseLearnRateIfImproveMoreThan", "learnRateIncreaseFactor", "loadBestModel",
          "useCVSetControlLRIfCVExists", "useEvalCriterionControlLR"),
    _idle("a part of the search for a rate (`searchBeforeEpoch`), which is not supported",
          "numPrevLearnRates", "numBestSearchEpoch", "numSamples4Search", "numMiniBatch4LRSearch"),
    _lacking("the minibatch is not changed by results; `minibatchSize` can be a schedule", "autoAdjustMinibatch"),
    _idle("a part of `autoAdjustMinibatch`, which is not supported", "minibatchSizeTuningFrequency",
          "minibatchSizeTuningMax", "minibatchSearchCriterionErrorMargin"),
)

ACTION_KEYS = _table(
    "Sections with an action",
    _same("SGD", "BrainScriptNetworkBuilder", "SimpleNetworkBuilder", "NDLNetworkBuilder", "ndlMacros"),
    _mended(action="`train` becomes the file; `test` and `eval` its `reader.test`; for the others there are commands: "
                   "`write` is `netdsl predict`, `cv` is `netdsl runs`, `dumpNode` is `netdsl info`, `plot` is "
                   "`netdsl graph`",
            ExperimentalNetworkBuilder="the older name of BrainScriptNetworkBuilder",
            reader="`reader.train`; of a section that tests `reader.test`",
            cvReader="`reader.validation`",
            evalNodeNames="`testNodes` of the network: what `netdsl test` reports",
            minibatchSize="of a test: it has no effect on what is reported",
            epochSize="of a test: all of the data are taken; `--limit` takes fewer",
            numMBsToShowResult="in a section that trains as in `SGD`"),
    _idle("`netdsl predict` says what is written and where", "outputPath", "outputNodeNames", "format",
          "nodeUnitTest", "writeSequenceKey"),
    _idle("`netdsl info` prints the tensors of a checkpoint, `netdsl graph` draws a network", "nodeName",
          "nodeNameRegex", "printValues", "printMetadata", "outputFile", "outputDOTFile", "renderCmd"),
    _idle(_FOLDER, "modelPath", "makeMode", "outputModelPath"),
    _idle(_LOG, "traceLevel", "perfTraceLevel"),
    _idle(_DEVICE, "deviceId", "maxTempMemSizeInSamplesForCNN", "maxTempMemSizeInSamples"),
    _idle(_ONE_PROCESS, "distributedMBReading", "dataParallel"),
    _idle("CNTK reads it in a network builder only", "defaultHiddenActivity"),
    _idle("every epoch's results are in `netdsl runs`", "crossValidationInterval", "sleepTimeBetweenRuns"),
    _lacking("files for speech recognition and language models are not written", "writer", harmless=()),
    _lacking("edits of saved models in MEL are not supported", "editPath", harmless=()),
)

TOP_KEYS = _table(
    "The top of the file",
    _same("ndlMacros"),
    _mended(command="the first section named here that trains becomes the file, those that test its `reader.test`; "
                    "`command=Train2` on the command line chooses another one",
            precision="`SGD.precision`; double is computed in float32"),
    _idle(_DEVICE, "deviceId", "numCPUThreads", "initOnCPUOnly", "excludedDevices", "shareNodeValueMatrices",
          "optimizeGradientAccumulation", "hyperCompressMemory", "traceGPUMemoryAllocations", "numGPUThreads",
          "forceDeterministicAlgorithms", "forceConstantRandomSeed", "maxTempMemSizeInSamplesForCNN"),
    _idle(_LOG, "traceLevel", "stderr", "appendLogFile", "progressTracing", "timestamping", "doneFile",
          "profilerEnabled", "profilerDirectory", "profilerBufferSize", "profilerSyncGpu", "perfTraceLevel"),
    _idle(_FOLDER, "modelPath", "makeMode", "currentDirectory"),
    _idle(_ONE_PROCESS, "parallelTrain", "distributedMBReading"),
    _idle("inputs of images are read as width, height, channels, CNTK's `cudnn` layout", "imageLayout"),
)

READER_KEYS = _table(
    "reader",
    _same("file", "input", "maxErrors", "skipSequenceIds", "grayscale"),
    _mended(readerType="the name of the reader: CNTKTextFormatReader is `CNTKText`, ImageReader `MapFile`, "
                       "UCIFastReader `CSV`",
            type="the name of the reader: ImageDeserializer is `MapFile`, Base64ImageDeserializer `Base64Images`",
            module="it follows from `type`",
            deserializers="one is the reader, several are `Joined`",
            randomize="`randomize` of the reader; none and false keep the order of the data",
            features="`featuresInput` and the transforms of an ImageReader",
            labels="`labelsInput` and `labelDim` of an ImageReader",
            multiViewCrop="`MultiViewCrop`",
            frameMode="the samples of these readers are single frames"),
    _idle(_LOG, "verbosity", "traceLevel"),
    _idle("data are read ahead by several threads as memory allows, and all of them are shuffled",
          "randomizationWindow", "sampleBasedRandomizationWindow", "randomizationSeed", "chunkSizeInBytes",
          "keepDataInMemory", "cacheIndex", "numCPUThreads", "prefetch", "multiThreadedDeserialization",
          "useMersenneTwisterRand", "useLocalTimeline", "checkData", "readMethod", "miniBatchMode", "rollingWindow",
          "nbruttsineachrecurrentiter", "wordclass", "seed"),
    _lacking(_SEQUENCES, "truncated", "truncationLength"),
)

STREAM_KEYS = _table(
    "Streams of `input`, `features`, `labels`",
    _same("dim", "alias", "format", "labelDim", "transforms"),
    _mended(start="the columns of a table are counted from 0 by CNTK, from 1 by `CSV`",
            labelType="`category` is a class, `regression` a number",
            labelMappingFile="`classes`: the names of the classes by number",
            **dict.fromkeys(("width", "height", "channels", "interpolations", "scaleMode", "padValue"), "`Scale`"),
            **dict.fromkeys(("cropType", "cropSize", "sideRatio", "areaRatio", "aspectRatio", "jitterType", "hflip"),
                            "`Crop`"),
            **dict.fromkeys(("brightnessRadius", "contrastRadius", "saturationRadius"), "`Color`"),
            **dict.fromkeys(("intensityFile", "intensityStdDev"), "`Intensity`"),
            meanFile="`Mean`; an image of another size is an error here, and nothing was subtracted there"),
    _idle("`sideRatio` took its place, and CNTK does not read it any more", "cropRatio"),
    _idle("images are stored as the network takes them", "mbFormat"),
    _idle("the largest number of samples decides", "definesMBSize"),
    _idle("it belongs to speech readers", "contextWindow", "phoneBoundaries", "sectionType"),
)

#: The tables by the kind of section, in the order of the docs.
SIMPLE_KEYS = _table(
    "SimpleNetworkBuilder",
    _mended(layerSizes="`features`, a matrix `W0` and a bias `B0` for each layer, and `labels`, under CNTK's names",
            layerTypes="`Sigmoid`, `ReLU` (RectifiedLinear), `Tanh` or none behind each hidden layer, as `H1`, `H2`",
            trainingCriterion="`criterionNodes`: CrossEntropyWithSoftmax, SquareError or Logistic; others are refused",
            evalCriterion="`evaluationNodes`: those, or ClassificationError (ErrorPrediction)",
            applyMeanVarNorm="`MVNormalizedFeatures`: `PerDimMeanVarNormalization` of the inputs",
            needPrior="`ScaledLogLikelihood`: the last layer less the logarithm of `Mean (labels)`",
            addDropoutNodes="`DropH1`, `DropH2`, ...: a Dropout behind each hidden layer",
            uniformInit="`init` of the matrices: `'uniform'` or `'gaussian'`",
            initValueScale="`initValueScale` of the matrices",
            rnnType="only SIMPLENET, a stack of layers; recurrent and class-based networks are refused by name"),
    _idle(_DEVICE, "deviceId"),
    _idle("CNTK reads it for recurrent and class-based networks only", "recurrentLayer", "defaultHiddenActivity",
          "maOrder", "lookupTableOrder", "lookupTableOrderSizes", "streamSizes", "labelEmbeddingSize",
          "constForgetGateValue", "constInputGateValue", "constOutputGateValue", "forgetGateInitVal",
          "inputGateInitVal", "outputGateInitVal", "sparseinput", "auxfeatdim", "directConnect", "word2cls",
          "cls2index", "vocabSize", "nbrClass", "noise_number", "outputLayerSize"),
)

TABLES = (TOP_KEYS, ACTION_KEYS, SIMPLE_KEYS, SGD_KEYS, ADJUST_KEYS, READER_KEYS, STREAM_KEYS)

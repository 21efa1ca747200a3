"""What other programs call things: PyTorch's, Keras', Caffe's and CNTK's names, and the ones here."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

#: Their names, in small letters without `_` -> what a file writes.
_NAMES = {
    "DenseLayer": "dense linear fullyconnected fc innerproduct affine",
    "ConvolutionalLayer": "conv1d conv2d conv3d conv convolution1d convolution2d convolution3d convolutionlayer",
    "ConvolutionalLayer {..., groups = n}": "depthwiseconv2d separableconv2d",
    "ConvolutionTransposeLayer": "convtranspose1d convtranspose2d conv2dtranspose deconvolution deconv",
    "MaxPoolingLayer": "maxpool1d maxpool2d maxpooling1d maxpooling2d maxpool",
    "AveragePoolingLayer": "avgpool1d avgpool2d averagepooling2d averagepool avgpool avgpooling",
    "GlobalAveragePoolingLayer": "adaptiveavgpool2d globalaveragepooling2d globalavgpool globalaveragepooling gap",
    "GlobalMaxPoolingLayer": "adaptivemaxpool2d globalmaxpooling2d globalmaxpool globalmaxpooling",
    "BatchNormalizationLayer": "batchnorm batchnorm1d batchnorm2d batchnorm3d bn",
    "LayerNormalizationLayer": "layernorm layernormalization",
    "GroupNormalizationLayer": "groupnorm groupnormalization",
    "InstanceNormalizationLayer": "instancenorm1d instancenorm2d instancenorm3d instancenorm instancenormalization mvn",
    "LocalResponseNormalizationLayer": "lrn localresponsenorm localresponsenormalization",
    "RMSNormalizationLayer": "rmsnorm",
    "MultiHeadAttentionLayer": "attention attentionlayer multiheadattention selfattention crossattention mha "
                               "dotproductattention scaleddotproductattention",
    "PositionalEmbeddingLayer": "positionalencoding positionalembedding positionembedding",
    "RotaryEmbedding": "rope",
    "PatchEmbeddingLayer": "patchembed patchembedding",
    "SqueezeExciteLayer": "squeezeexcitation squeezeandexcitation selayer",
    "StochasticDepth": "droppath",
    "GLU": "swiglu geglu reglu",
    "EmbeddingLayer": "embedding",
    "Upsample": "upsampling2d interpolate",
    "Dropout": "dropout2d dropout1d dropoutlayer spatialdropout2d",
    "Flatten": "flattenlayer",
    "Pass": "id",
    "ReLU": "relulayer relu1",
    "SiLU": "swish",
    "Splice": "concat concatenate cat",
    "Plus": "eltwise add addlayer",
    "ElementTimes": "multiply mul",
    "ClassificationError": "accuracy errorprediction categoricalaccuracy topkcategoricalaccuracy",
    "CrossEntropyWithSoftmax": "crossentropyloss categoricalcrossentropy sparsecategoricalcrossentropy softmaxwithloss "
                               "softmaxcrossentropy nllloss",
    "BinaryCrossEntropyWithSigmoid": "bcewithlogitsloss sigmoidcrossentropyloss",
    "BinaryCrossEntropy": "bceloss bce",
    "SquareError": "mse mseloss meansquarederror euclideanloss",
    "AbsoluteError": "mae l1loss meanabsoluteerror",
    "CosineDecay": "cosineannealinglr cosineannealing cosinelr cosine",
    "StepDecay": "steplr",
    "MultiStepDecay": "multisteplr",
    "ExponentialDecay": "exponentiallr",
    "OneCycle": "onecyclelr",
    "Plateau": "reducelronplateau",
    "MomentumSGD": "sgdoptimizer nesterov momentum",
    "ImageFolder": "imagedatagenerator dataloader imagefolderdataset image_reader",
    "CNTKText": "cntktextformatreader ctf",
    "MapFile": "imagedeserializer",
    "Normalize": "normalization",
    "Flip": "randomhorizontalflip horizontalflip randomflip",
}
NAMES = {theirs: ours for ours, names in _NAMES.items() for theirs in names.split()}

#: Their options, in small letters without `_` -> the options here, of which a row has one.
_OPTIONS = {
    "numOutputChannels outDim": "numoutput outchannels filters units outfeatures numfilters outputs channels "
                                        "numhidden width outputchannels",
    "filterShape": "kernelsize kernel kernelshape filtersize poolsize ksize size windowsize",
    "stride": "strides subsample step",
    "pad": "padding zeropadding autopadding",
    "activation": "nonlinearity act activationfunction",
    "bias": "usebias biasterm",
    "init": "kernelinitializer weightinit weightfiller initializer",
    "rate": "p prob probability dropoutratio keepprob",
    "learningRate": "lr baselr initiallr stepsize alpha",
    "minibatchSize": "batchsize batch mbsize",
    "maxEpochs": "epochs numepochs nepochs epoch maxepoch",
    "maxSteps": "maxiter steps iterations maxsteps",
    "weightDecay": "l2 l2reg decay weightdecay",
    "gradientClipping": "clipnorm gradclip clipgradients gradientclip",
    "gradientClippingByValue": "clipvalue",
    "beta1": "b1", "beta2": "b2",
    "epsilon": "eps",
    "labelSmoothing": "smoothing labelsmooth",
    "groups": "group cardinality",
    "dilation": "dilationrate",
    "seed": "randomseed manualseed",
    "warmup": "warmupepochs warmupsteps",
    "earlyStopping": "patience",
}
OPTIONS = {theirs: tuple(ours.split()) for ours, names in _OPTIONS.items() for theirs in names.split()}

#: Options that an optimizer has elsewhere and that stand in the block here.
_OF_THE_BLOCK = ("learningRate", "weightDecay", "minibatchSize", "gradientClipping", "momentum", "nesterov")


def _folded(name: str) -> str:
    return name.replace("_", "").casefold()


def our_name(name: str) -> str:
    """What a file writes for the name of a layer elsewhere; empty if it is not known."""
    return NAMES.get(_folded(name), "")


def our_option(name: str, known: Collection[str]) -> str:
    """Which of the known options is meant by the name of an option elsewhere; empty if none is."""
    return next((ours for ours in OPTIONS.get(_folded(name), ()) if ours in known), "")


def elsewhere(name: str, what: str) -> str:
    """A hint where an optimizer is given what the `SGD` block says."""
    ours = our_option(name, _OF_THE_BLOCK) or (name if name in _OF_THE_BLOCK else "")
    return f"`{ours}` is a key of the `SGD` block, beside `optimizer`." if what == "optimizer" and ours else ""


def cure_of_option(name: str, value: Any) -> str:
    """What to write for an option of elsewhere with this value: `padding = 'same'` is `pad = true`."""
    if _folded(name) == "padding" and isinstance(value, str) and value.casefold() in ("same", "valid"):
        return f"write `pad = {'true' if value.casefold() == 'same' else 'false'}`."
    return ""


def suggestion_for_value(option: str, value: Any, known: Collection[str]) -> str:
    """What to write where an option is given what another one takes: `pad = 2`."""
    if option == "pad" and "lowerPad" in known and isinstance(value, int | float) and not isinstance(value, bool):
        return f"the padding in pixels is `lowerPad = {value:g}, upperPad = {value:g}`; `pad = true` keeps the size."
    return ""

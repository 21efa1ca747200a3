"""The table of Caffe's layer types: a row for each, and why the others are not supported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from . import rows_data, rows_loss, rows_neuron, rows_norm, rows_shape, rows_vision
from .layer_row import LayerRow, Refused


class Others(Refused):
    """What is not supported, by name."""

    reasons: ClassVar[Mapping[str, str]] = {
        "BatchReindex": "It makes samples out of others; netdsl computes each sample by itself.",
        "Filter": "It drops samples on the way; netdsl computes each sample by itself.",
        "HDF5Output": "A network of netdsl writes nothing; `netdsl predict` writes what its outputs are.",
        "Im2col": "It is a step of Caffe's convolution, and of no use by itself.",
        "LSTM": "Caffe's recurrent layers take sequences with their own marks of where one begins.",
        "LSTMUnit": "Caffe's recurrent layers take sequences with their own marks of where one begins.",
        "RNN": "Caffe's recurrent layers take sequences with their own marks of where one begins.",
        "Recurrent": "Caffe's recurrent layers take sequences with their own marks of where one begins.",
        "Python": "It is a program that stands in another file.",
        "ROIPooling": "It needs boxes of a sample, of which there are any number.",
        "Proposal": "It needs boxes of a sample, of which there are any number.",
        "PriorBox": "The boxes of detectors are not supported; the layers before them are.",
        "DetectionOutput": "The boxes of detectors are not supported; the layers before them are.",
        "MultiBoxLoss": "The boxes of detectors are not supported; the layers before them are.",
        "AnnotatedData": "The boxes of detectors are not supported; the layers before them are.",
        "InfogainLoss": "It weighs mistakes by a matrix; `classWeights` of CrossEntropyWithSoftmax weighs classes.",
        "Embed": "It looks vectors up by numbers; EmbeddingLayer does so for classes as vectors.",
        "Normalize": "This layer of the SSD fork is not supported.",
        "CTCLoss": "This layer of forks is not supported.",
    }
    types = tuple(reasons)


#: The rows of each family; the table of the docs is sorted by type.
ROWS: tuple[LayerRow, ...] = (
    rows_data.Input(), rows_data.Data(), rows_data.ImageData(), rows_data.WindowData(), rows_data.MemoryData(),
    rows_data.HDF5Data(), rows_data.DummyData(),
    rows_vision.Convolution(), rows_vision.DepthwiseConvolution(), rows_vision.Deconvolution(),
    rows_vision.InnerProduct(), rows_vision.Pooling(),
    rows_vision.LRN(), rows_vision.SPP(),
    rows_norm.BatchNorm(), rows_norm.Scale(), rows_norm.Bias(), rows_norm.MVN(),
    rows_neuron.AbsVal(), rows_neuron.Sigmoid(), rows_neuron.TanH(), rows_neuron.BNLL(), rows_neuron.ReLU6(),
    rows_neuron.ReLU(), rows_neuron.ELU(), rows_neuron.PReLU(), rows_neuron.Swish(), rows_neuron.Dropout(),
    rows_neuron.Clip(), rows_neuron.Threshold(), rows_neuron.Power(), rows_neuron.Exp(), rows_neuron.Log(),
    rows_neuron.Eltwise(),
    rows_shape.Concat(), rows_shape.Slice(), rows_shape.Split(), rows_shape.Silence(), rows_shape.Flatten(),
    rows_shape.Reshape(), rows_shape.Permute(), rows_shape.Crop(), rows_shape.Tile(), rows_shape.Softmax(),
    rows_shape.ArgMax(), rows_shape.Reduction(), rows_shape.Parameter(), rows_shape.Interp(),
    rows_loss.SoftmaxWithLoss(), rows_loss.EuclideanLoss(), rows_loss.SigmoidCrossEntropyLoss(),
    rows_loss.HingeLoss(), rows_loss.ContrastiveLoss(), rows_loss.SmoothL1Loss(),
    rows_loss.MultinomialLogisticLoss(), rows_loss.Accuracy(),
    Others(),
)
#: The row of each type.
LAYER_TYPES: dict[str, LayerRow] = {name: row for row in ROWS for name in row.types}
DATA_TYPES = frozenset(name for name, row in LAYER_TYPES.items() if row.role == "data")
#: Types that have weights, for which the names of layers count.
WEIGHTED_TYPES = frozenset(name for name, row in LAYER_TYPES.items() if row.tensors)
#: Types whose reading of a blob does not keep it from being an output of the net.
ENDS = frozenset(name for name, row in LAYER_TYPES.items() if row.role in ("loss", "metric"))

"""The table of Caffe's layer types: a row for each, and why the others are not supported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


_MODULES = (rows_data, rows_vision, rows_norm, rows_neuron, rows_shape, rows_loss)


def _rows() -> Iterator[LayerRow]:
    """A row of every class of the families that has names in files."""
    for module in _MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, LayerRow) and "types" in vars(value):
                yield value()
    yield Others()


ROWS: tuple[LayerRow, ...] = tuple(_rows())
#: The row of each type.
LAYER_TYPES: dict[str, LayerRow] = {name: row for row in ROWS for name in row.types}
DATA_TYPES = frozenset(name for name, row in LAYER_TYPES.items() if row.role == "data")
#: Types that have weights, for which the names of layers count.
WEIGHTED_TYPES = frozenset(name for name, row in LAYER_TYPES.items() if row.tensors)
#: Types whose reading of a blob does not keep it from being an output of the net.
ENDS = frozenset(name for name, row in LAYER_TYPES.items() if row.role in ("loss", "metric"))

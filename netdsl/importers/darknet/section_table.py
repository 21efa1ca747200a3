"""The table of darknet's sections: a row for each type."""

from __future__ import annotations

from .section_heads import Crnn, Detection, Gru, Iseg, Lstm, Region, Rnn, Yolo
from .section_joins import Cost, Route, ShortcutSection
from .section_layers import (
    Activation,
    AveragePool,
    BatchNorm,
    Connected,
    Convolutional,
    Crop,
    Deconvolutional,
    Dropout,
    L2Norm,
    Logistic,
    MaxPool,
    Normalization,
    Reorg,
    Softmax,
    Upsample,
)
from .section_local import Local
from .section_type import SectionType

SECTIONS: tuple[SectionType, ...] = (
    Convolutional(), Deconvolutional(), MaxPool(), AveragePool(), Connected(), Dropout(), Softmax(), Route(),
    ShortcutSection(), Upsample(), Reorg(), Crop(), Cost(), Normalization(), BatchNorm(), Logistic(), Activation(),
    L2Norm(), Yolo(), Region(), Detection(), Local(), Iseg(), Rnn(), Gru(), Lstm(), Crnn(),
)
BY_NAME = {name: row for row in SECTIONS for name in row.names}

"""Batch normalization that remembers longer than training lasts, or has a mean for each pixel."""

from __future__ import annotations

import pytest

from netdsl.base.diagnostics import Diagnostic, apply_fix
from netdsl.base.source import Source
from netdsl.compiler import examine

TEXT = """network = {{
    features = Input {{8:8:3}} ; labels = Input {{2}}
    z = Sequential (conv := ConvolutionalLayer {{4, (3:3), pad = true}} :
                    norm := BatchNormalizationLayer {{{options}}} :
                    ReLU : {dropout} LinearLayer {{2}}) (features)
    criterionNodes = CrossEntropyWithSoftmax (labels, z) ; outputNodes = z
}}
reader = {{ train = Synthetic {{dims = 8:8:3, classes = 2, count = {count}}} }}
SGD = {{ minibatchSize = 10 ; maxEpochs = {epochs} ; learningRate = 0.05 {more} }}
"""


def text(options: str = "spatialRank = 2", count: int = 100, epochs: int = 10, more: str = "", dropout: str = ""
         ) -> str:
    return TEXT.format(options=options, count=count, epochs=epochs, more=more, dropout=dropout)


def warnings(written: str) -> tuple[Source, list[Diagnostic]]:
    source = Source("small.net", written)
    checked = examine(source)
    assert not checked.errors
    return source, list(checked.diagnostics)


@pytest.mark.parametrize(("options", "more", "count", "epochs", "number"), [
    ("spatialRank = 2, normalizationTimeConstant = 4096", "", 100, 10, 100),
    ("spatialRank = 2", "; batchNormalizationTimeConstant = 5000", 100, 10, 100),
    ("spatialRank = 2, normalizationTimeConstant = 100", "; batchNormalizationTimeConstant = 100 : 5000", 100, 10, 100),
    ("spatialRank = 2, normalizationTimeConstant = 4096", "; validation = 0.5", 1000, 10, 500),
    ("spatialRank = 2, normalizationTimeConstant = 4096", "; epochSize = 50", 60000, 10, 50),
    ("spatialRank = 2, normalizationTimeConstant = 4096", "", 6000, 1, 3000),
    ("spatialRank = 2, normalizationTimeConstant = 4096", "; maxSteps = 60", 60000, 9, 300),
])
def test_a_memory_longer_than_training(options: str, more: str, count: int, epochs: int, number: int) -> None:
    source, (found,) = warnings(text(options, count, epochs, more))
    assert "remembers more samples" in found.title
    assert f"{number}" in found.hint
    assert [edit.text for edit in found.fix] == [f"{number}"]
    assert warnings(apply_fix(found.fix, source))[1] == []


@pytest.mark.parametrize(("options", "more", "count", "epochs"), [
    ("spatialRank = 2", "", 100, 10), ("spatialRank = 2, normalizationTimeConstant = 150", "", 100, 10),
    ("spatialRank = 2, normalizationTimeConstant = 4096", "", 60000, 1),
    ("spatialRank = 2, normalizationTimeConstant = 4096", "; freeze = 'norm'", 100, 10),
    ("spatialRank = 2, normalizationTimeConstant = Infinity", "", 100, 10),
    ("spatialRank = 2, normalizationTimeConstant = 0", "", 100, 10),
    ("spatialRank = 2, normalizationTimeConstant = -1", "", 100, 10),
    ("spatialRank = 2, normalizationTimeConstant = 4096", "; batchNormalizationTimeConstant = 100", 100, 10),
])
def test_a_memory_that_fits(options: str, more: str, count: int, epochs: int) -> None:
    assert warnings(text(options, count, epochs, more))[1] == []


@pytest.mark.parametrize(("options", "written"), [
    ("", "spatialRank = 2"), ("epsilon = 0.001", "spatialRank = 2, epsilon = 0.001")])
def test_a_mean_for_each_pixel_behind_a_convolution(options: str, written: str) -> None:
    source, (found,) = warnings(text(options))
    assert "each element of an image" in found.title
    assert apply_fix(found.fix, source) == text(written)


def test_a_mean_for_each_pixel_that_is_meant() -> None:
    assert warnings(text("spatialRank = 0"))[1] == []
    dense = text("").replace("conv := ConvolutionalLayer {4, (3:3), pad = true}", "DenseLayer {8}")
    assert warnings(dense)[1] == []


def test_a_dropout_without_a_rate_from_anywhere() -> None:
    source, (found,) = warnings(text(dropout="Dropout :"))
    assert found.title == "a Dropout has no rate, so it drops nothing"
    assert warnings(apply_fix(found.fix, source))[1] == []
    assert warnings(text(dropout="Dropout :", more="; dropoutRate = 0.2"))[1] == []
    assert warnings(text(dropout="Dropout {0} :"))[1] == []

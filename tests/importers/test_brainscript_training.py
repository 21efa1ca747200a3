"""A CNTK network trains to the losses of the `.net` file that a person would write for it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import netdsl
from netdsl.api.importing import import_file

CNTK = """command = fit
fit = {{
    action = "train"
    BrainScriptNetworkBuilder = {network}
    SGD = {{ epochSize = 0 ; minibatchSize = 8 ; maxEpochs = 2 ; learningRatesPerSample = 0.01 ; momentumPerMB = 0.9 }}
    reader = {{
        readerType = "CNTKTextFormatReader" ; file = "rows.ctf"
        input = {{ x = {{ dim = 32 ; format = "dense" }} ; t = {{ dim = 3 ; format = "dense" }} }}
    }}
}}
"""
NET = """network = {network}
SGD = {{ epochSize = 0 ; minibatchSize = 8 ; maxEpochs = 2 ; learningRatesPerSample = 0.01 ; momentumPerMB = 0.9 }}
reader = {{ train = CNTKText {{"rows.ctf", input = {{ x = {{dim = 32}}; t = {{dim = 3}} }}}} }}
"""
#: what is tried -> the network in BrainScript, and as it is written by hand
TWINS = {
    "convolution": ("""{
        model = Sequential (ConvolutionalLayer {4, (3:3), pad = true} :
                            BatchNormalizationLayer {spatialRank = 2} : ReLU :
                            MaxPoolingLayer {(2:2), stride = 2} : LinearLayer {3})
        x = Input {4:4:2} ; t = Input {3} ; z = model (x / (2 ** 1 ** 2))
        criterionNodes = CrossEntropyWithSoftmax (t, z) ; evaluationNodes = ClassificationError (t, z)
    }""", """{
        model = Sequential (ConvolutionalLayer {4, (3:3), pad = true} :
                            BatchNormalizationLayer {spatialRank = 2, normalizationTimeConstant = 5000} : ReLU :
                            MaxPoolingLayer {(2:2), stride = 2} : LinearLayer {3})
        x = Input {4:4:2} ; t = Input {3} ; z = model (x * 0.25)
        criterionNodes = CrossEntropyWithSoftmax (t, z) ; evaluationNodes = ClassificationError (t, z)
    }"""),
    "tags and old forms": ("""(new ComputationNetwork [
        x = Input (32, tag = 'feature') ; t = Input (3, tag = 'label')
        W = Parameter (5, 32, init = 'uniform', initOnCPUOnly = true)
        b = Parameter (5, 1, init = 'fixedValue', value = 0.1)
        V = ParameterTensor ((3:5), init = 'gaussian')
        z = V * Tanh (W * x + b)
        ce = CrossEntropyWithSoftmax (t, z, tag = 'criterion') ; sq = SquareError (t, z, tag = 'criterion')
        er = ErrorPrediction (t, z, tag = 'eval')
    ])""", """{
        x = Input {32} ; t = Input {3}
        W = ParameterTensor {(5:32), init = 'uniform'} ; b = ParameterTensor {(5:1), initValue = 0.1}
        V = ParameterTensor {(3:5), init = 'gaussian'}
        z = V * Tanh (W * x + b)
        ce = CrossEntropyWithSoftmax (t, z) ; sq = SquareError (t, z) ; er = ClassificationError (t, z)
        criterionNodes = ce ; evaluationNodes = er : sq
    }"""),
}


@pytest.mark.parametrize("name", TWINS)
def test_losses_are_those_of_the_file_written_by_hand(name: str, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random.seed(1)
    rows = [[round(random.random() * 4, 3) for _ in range(32)] for _ in range(24)]
    Path("rows.ctf").write_text("".join(
        f"|x {' '.join(map(str, row))} |t {' '.join('1' if k == i % 3 else '0' for k in range(3))}\n"
        for i, row in enumerate(rows)))
    theirs, ours = TWINS[name]
    Path("one.cntk").write_text(CNTK.format(network=theirs))
    Path("two.net").write_text(NET.format(network=ours))
    import_file("one.cntk", out="three.net")
    results = [netdsl.train(file, device="cpu", quiet=True, out=f"runs/{file}").train
               for file in ("one.cntk", "two.net", "three.net")]
    assert list(results[0].values()) == list(results[1].values()) == list(results[2].values())
    assert len(results[0]) == (3 if name.startswith("tags") else 2)

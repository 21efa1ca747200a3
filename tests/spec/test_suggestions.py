"""What a page says to write for a value that an option cannot take."""

from __future__ import annotations

from pathlib import Path

import pytest

import netdsl
from netdsl.base.diagnostics import apply_fix
from netdsl.base.source import Source

FILE = """network = {
    hidden = 16
    x = Input {4} ; t = Input {2}
    model = Sequential (DenseLayer {hidden, activation = ReLU} : LinearLayer {2})
    criterionNodes = SquareError (t, model (x))
}
reader = { train = CSV {"table.csv", labels = "a", featuresInput = "x", labelsInput = "t"} }
SGD = { maxEpochs = 4 ; learningRate = 0.1 ; MORE }
"""


@pytest.mark.parametrize(("key", "hint"), [
    ('optimizer = "adam"', "write `Adam {}`, without quotes."),
    ('optimizer = "AdamW"', "write `AdamW {}`, without quotes."),
    ('optimizer = "CNTKRMSProp"', "write `CNTKRMSProp {}`, without quotes."),
    ('optimizer = "unheard of"', "write its name without quotes, and its options in braces."),
    ("validation = 20", "it is a share: 20 % is `0.2`."), ("ema = 99.9", "it is a share: 99.9 % is `0.999`."),
    ("dropoutRate = 50", "it is a share: 50 % is `0.5`."), ("validation = -1", ""), ("validation = 200", ""),
])
def test_what_to_write_instead(key: str, hint: str) -> None:
    error, = netdsl.load(Source("file.net", FILE.replace("MORE", key))).errors
    assert error.hint == hint


def test_a_name_that_stands_further_out() -> None:
    wrong = netdsl.load(Source("file.net", FILE.replace("; MORE", "")), ["network.model.hidden=64"]).errors
    assert [d.hint for d in wrong] == [""]
    fixed = apply_fix(wrong[0].fix, wrong[0].primary.span.source)
    assert fixed == "network.hidden=64"
    checked = netdsl.load(Source("file.net", FILE.replace("; MORE", "")), [fixed])
    assert checked.program is not None
    assert checked.program.network["model.dense1"].shape.size == 64
    nameless, = netdsl.load(Source("file.net", FILE.replace("; MORE", "")), ["network.model.out=64"]).errors
    assert "give what is to change a name in the file (`out = ...`" in nameless.hint


def test_a_folder_with_a_mistake_in_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    for path, near in (("data/minst/a.csv", "data/mnist"), ("dta/mnist/a.csv", "data")):
        found = netdsl.load(Source("file.net", FILE.replace("; MORE", "").replace("table.csv", path)))
        warning, = (d for d in found.diagnostics if d.code == "reader-file")
        assert f"did you mean `{near}`?" in warning.body[-1]
        assert warning.hint == "correct the path.", "the file has no dataDir to set"

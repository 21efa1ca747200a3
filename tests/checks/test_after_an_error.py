"""After an error nothing is said that rests on the part of the file that could not be read."""

from __future__ import annotations

from pathlib import Path

import pytest

import netdsl
from netdsl.base.diagnostics import apply_fix
from netdsl.base.source import Source
from netdsl.compiler import examine

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "tests" / "errors").glob("*/*.net"))

TEXT = """network = {
    features = Input {28:28:1} ; labels = Input {10}
    model = Sequential (ConvolutionalLayer {8, (3:3)} : BatchNormalizationLayer {spatialRank = 2} : Dropout :
                        hidden := DenseLayer {64} : LinearLayer {10})
    z = model (features)
    ce = CrossEntropyWithSoftmax (labels, z)
    errs = ClassificationError (labels, z)
    criterionNodes = ce ; evaluationNodes = errs ; outputNodes = z
    budget = parameters >= 1000 : macs >= 1000
}
reader = { train = Synthetic {28:28:1, classes = 10, count = 1000} ; validation = Synthetic {28:28:1, classes = 10} }
SGD = { minibatchSize = 64 ; maxEpochs = 2 ; learningRate = 0.05 ; dropoutRate = 0.5 ; freeze = "hidden"
        batchNormalizationTimeConstant = 500 ; earlyStopping = EarlyStopping {3} }
"""


def test_the_file_itself_is_right() -> None:
    assert examine(Source("file.net", TEXT)).diagnostics == ()


@pytest.mark.parametrize(("right", "wrong"), [
    ("ConvolutionalLayer {8", "Conv2d {8"), ("DenseLayer {64}", "DenseLayer {}"), ("LinearLayer {10}", "64"),
    ("model (features)", "modle (features)"), ("model (features)", "features (model)"),
    ("Sequential (Conv", "Sequential [Conv"), ("hidden := DenseLayer {64}", "hidden := DenseLayer {64, sise = 2}"),
    ("ConvolutionalLayer {8, (3:3)}", "ConvolutionalLayer {8, (30:30)}"), ("LinearLayer {10}", "LinearLayer {11}"),
    ("Input {28:28:1}", "Input {1:28:28}"), ("Input {28:28:1}", "Input {n}"), ("ce = Cross", "cee = Cross"),
    ("labels = Input {10}", "labels = Input {10, sparce = true}"), ("(labels, z)\n    errs", "(labels)\n    errs"),
    ("validation = Synthetic {28", "validation = Synthetik {28"), ("train = Synthetic {28", "train = Synthetic {n"),
    ("validation = Synthetic", "valid = Synthetic"), ("reader = {", "data = {"), ("SGD = {", "Adam = {"),
    ("learningRate = 0.05", "lr = 0.05"), ("maxEpochs = 2 ;", ""),
])
def test_no_warning_beside_an_error(right: str, wrong: str) -> None:
    assert right in TEXT
    checked = examine(Source("file.net", TEXT.replace(right, wrong, 1)))
    assert checked.errors
    assert [d.title for d in checked.diagnostics if not d.is_error] == []
    assert not [d.title for d in checked.errors if "budget" in d.title or "fits `hidden`" in d.title]


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_pages_of_errors_stand_alone(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    overrides = case.with_suffix(".overrides")
    checked = netdsl.load(case, overrides.read_text().splitlines() if overrides.exists() else ())
    warnings = {d.code for d in checked.diagnostics if not d.is_error}
    # What stands in the text itself is wrong whatever else is; so are data that are not there.
    assert not checked.errors or warnings <= {"reader-file", "schedule-unreachable"}


@pytest.mark.parametrize(("name", "meant"), [
    ("data", "reader"), ("dataset", "reader"), ("input", "reader"), ("Reader", "reader")])
def test_a_block_of_another_name_is_an_error(name: str, meant: str) -> None:
    source = Source("file.net", TEXT.replace("reader = {", f"{name} = {{"))
    error, = examine(source).errors
    assert error.title == f"`{name}` is not a block of the file"
    assert apply_fix(error.fix, source) == TEXT


@pytest.mark.parametrize("name", ["Adam", "MomentumSGD", "training", "optimizer", "solver", "sgd"])
def test_a_training_block_of_another_name_is_an_error(name: str) -> None:
    source = Source("file.net", TEXT.replace("SGD = {", f"{name} = {{"))
    error, = examine(source).errors
    assert error.title == f"`{name}` is not a block of the file"
    again = Source("file.net", apply_fix(error.fix, source))
    assert examine(again).diagnostics == ()
    assert (f"optimizer = {name} {{}}" in again.text) == (name in ("Adam", "MomentumSGD"))


@pytest.mark.parametrize("shape", ["1:28:28", "28:1:28"])
def test_axes_in_another_order(shape: str) -> None:
    """The reader says what is meant; without one, a single channel in front does."""
    wrong = TEXT.replace("features = Input {28:28:1}", f"features = Input {{{shape}}}")
    for text in (wrong, wrong.replace("(3:3)", "(5:5)"), wrong.replace("(3:3)", "(3:3), pad = true")):
        source = Source("file.net", text)
        error, *_ = examine(source).errors
        assert "width:height:channels" in error.hint
        assert not examine(Source("file.net", apply_fix(error.fix, source))).errors


def test_axes_in_another_order_without_a_reader() -> None:
    text = TEXT[: TEXT.index("reader =")].replace("Input {28:28:1}", "Input {1:28:32}")
    source = Source("file.net", text)
    error, = examine(source).errors
    assert apply_fix(error.fix, source) == text.replace("1:28:32", "32:28:1")
    right = Source("file.net", text.replace("1:28:32", "9:8:40"))
    assert not [d for d in examine(right).diagnostics if "width:height" in d.hint]

"""What criteria compare: classes beyond the outputs, one output, masks, scores and probabilities, mixing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import netdsl
from netdsl.base.source import Source


def found(text: str) -> dict[str, str]:
    """Titles of what `check` says, and the hints."""
    return {d.title: d.hint or "" for d in netdsl.load(Source("x.net", text)).diagnostics}


def table(folder: Path, labels: tuple[object, ...]) -> Path:
    path = folder / "data.csv"
    rows = [f"{k}.5,{k % 3},{label}" for k, label in enumerate(labels * 4)]
    path.write_text("\n".join(["a,b,kind", *rows]) + "\n")
    return path


def network(criterion: str, *, labels: int = 1, outputs: int = 1, scores: str = "LinearLayer {N} (features)",
            data: str = "", sgd: str = "") -> str:
    reader = f"reader = {{ train = {data} }}" if data else ""
    return f"""network = {{
        features = Input {{2}} ; labels = Input {{{labels}}}
        z = {scores.replace("N", str(outputs))}
        ce = {criterion} ; errs = ClassificationError (labels, z)
        criterionNodes = ce ; evaluationNodes = errs ; outputNodes = z
    }}
    {reader}
    SGD = {{ maxEpochs = 1 ; learningRate = 0.1 ; minibatchSize = 4{sgd} }}"""


BINARY, SOFTMAX = "BinaryCrossEntropyWithSigmoid (labels, z)", "CrossEntropyWithSoftmax (labels, z)"


def test_labels_of_one_and_two_under_a_binary_criterion(tmp_path: Path) -> None:
    data = f'CSV {{"{table(tmp_path, (1, 2))}"}}'
    (title, hint), = found(network(BINARY, data=data)).items()
    assert title == "BinaryCrossEntropyWithSigmoid takes labels of 0 and 1, and the train data have 2"
    assert "firstLabel = 1" in hint
    assert not found(network(BINARY, data=data.replace("}", ", firstLabel = 1}")))


def test_three_classes_under_a_binary_criterion(tmp_path: Path) -> None:
    data = f'CSV {{"{table(tmp_path, (0, 1, 2))}"}}'
    (title, hint), = found(network(BINARY, data=data)).items()
    assert "takes labels of 0 and 1" in title
    assert "`labels = Input {3}`, a last layer of 3 outputs and `CrossEntropyWithSoftmax`" in hint
    assert not found(network(SOFTMAX, data=data, labels=3, outputs=3))
    assert not found(network(SOFTMAX, data=data, labels=1, outputs=3))


def test_numbers_outside_of_zero_and_one_under_a_binary_criterion(tmp_path: Path) -> None:
    reader = f'CSV {{"{table(tmp_path, (0.5, 7))}", targets = "numbers"}}'
    assert any("takes labels of 0 and 1, and the train data have 7" in title
               for title in found(network(BINARY, data=reader)))


def test_a_metric_for_one_class_on_several_labels(tmp_path: Path) -> None:
    (tmp_path / "weather.csv").write_text("a,b,rain,wind\n1,2,0,1\n2,1,1,1\n3,3,1,0\n0,1,0,0\n")
    data = f'CSV {{"{tmp_path / "weather.csv"}", labels = "rain":"wind", targets = "numbers"}}'
    (title, hint), = found(network(BINARY, data=data, labels=2, outputs=2)).items()
    assert title == "ClassificationError looks at the largest of 2 labels only"
    assert "`HammingLoss`" in hint
    followed = network(BINARY, data=data, labels=2, outputs=2).replace("ClassificationError", "HammingLoss")
    assert not found(followed)
    assert not found(network(BINARY, data=f'CSV {{"{table(tmp_path, (0, 1))}"}}', labels=2, outputs=2))  # one class


def test_a_class_beyond_the_outputs(tmp_path: Path) -> None:
    data = f'CSV {{"{table(tmp_path, (0, 1, 2, 3))}"}}'
    (title, hint), = found(network(SOFTMAX, data=data, outputs=3)).items()
    assert title == "the train data have class 3, and CrossEntropyWithSoftmax compares 3 classes"
    assert "give `z` 4 outputs" in hint
    assert not found(network(SOFTMAX, data=data, outputs=4))


@pytest.mark.parametrize("criterion", [SOFTMAX, "CrossEntropy (labels, Sigmoid (z))"])
def test_a_choice_among_one_is_refused(criterion: str) -> None:
    assert any(title.endswith("of one number has no classes to choose from") for title in found(network(criterion)))


def test_softmax_of_one_number_is_refused() -> None:
    texts = found(network(BINARY, scores="LinearLayer {1} (features) ; p = Softmax (z)").replace("= z\n", "= p\n"))
    assert "Softmax of one number is always 1" in texts


@pytest.mark.parametrize(("scores", "threshold"), [
    ("LinearLayer {1} (features)", None), ("Sigmoid (LinearLayer {1} (features))", 0.5),
    ("1 / (1 + Exp (-(LinearLayer {1} (features))))", 0.5),
    ("Reshape (HardSigmoid (LinearLayer {1} (features)), 1)", 0.5)])
def test_one_output_is_compared_with_a_threshold_that_fits(scores: str, threshold: float | None) -> None:
    program = netdsl.load(Source("x.net", network("SquareError (labels, z)", scores=scores))).require()
    assert program.network["errs"].layer.threshold == threshold  # type: ignore[attr-defined]


@pytest.mark.parametrize(("criterion", "scores", "words"), [
    ("CrossEntropy (labels, z)", "LinearLayer {N} (features)", "takes probabilities, and gets scores"),
    ("CrossEntropy (labels, z)", "Tanh (LinearLayer {N} (features))", "gets numbers from -1 to 1"),
    ("BinaryCrossEntropy (labels, z)", "ReLU (LinearLayer {N} (features))", "gets numbers from 0 on"),
    ("BinaryCrossEntropy (labels, z)", "2 * Sigmoid (LinearLayer {N} (features))", "gets numbers from 0 to 2"),
    ("Logistic (labels, z)", "LinearLayer {N} (features)", "takes probabilities, and gets scores"),
    (BINARY, "Sigmoid (LinearLayer {N} (features))", "takes scores, and gets numbers between 0 and 1"),
    (BINARY, "ReLU (LinearLayer {N} (features))", "takes scores, and these are never negative"),
    (SOFTMAX, "Sigmoid (LinearLayer {N} (features))", "takes scores, and gets numbers between 0 and 1"),
    (SOFTMAX, "Softmax (LinearLayer {N} (features))", "Softmax is applied twice"),
])
def test_scores_and_probabilities_are_told_apart(criterion: str, scores: str, words: str) -> None:
    texts = found(network(criterion, labels=3, outputs=3, scores=scores))
    assert [title for title in texts if words in title], texts


@pytest.mark.parametrize(("criterion", "scores"), [
    ("CrossEntropy (labels, z)", "Softmax (LinearLayer {N} (features))"),
    ("CrossEntropy (labels, z)", "0.5 * (Softmax (LinearLayer {N} (features)) + Softmax (LinearLayer {N} (features)))"),
    ("CrossEntropy (labels, ElementDivide (Exp (z), ReduceSum (Exp (z))))", "LinearLayer {N} (features)"),
    ("BinaryCrossEntropy (labels, z)", "Clip (0.01, 0.99, LinearLayer {N} (features))"),
    ("BinaryCrossEntropy (labels, 1 - z)", "Sigmoid (LinearLayer {N} (features))"),
    ("BinaryCrossEntropy (labels, z)", "Reshape (Sigmoid (LinearLayer {N} (features)), N)"),
    (SOFTMAX, "LinearLayer {N} (features)"), (SOFTMAX, "ReLU (LinearLayer {N} (features))"),
    (BINARY, "LinearLayer {N} (features)"),
])
def test_what_fits_is_not_doubted(criterion: str, scores: str) -> None:
    assert not found(network(criterion, labels=3, outputs=3, scores=scores))


# --- masks and mixing -------------------------------------------------------------------------------------------


def masked(folder: Path, criterion: str, channels: int = 3, sgd: str = "") -> str:
    for name, shape in (("images", (8, 8, 3)), ("masks", (8, 8))):
        (folder / name).mkdir(exist_ok=True)
        Image.fromarray(np.zeros(shape, np.uint8)).save(folder / name / "0.png")
    classes = max(2, channels)
    return f"""network = {{
        features = Input {{8:8:3}} ; labels = Input {{8:8:{channels}}}
        z = ConvolutionalLayer {{{channels}, (1:1)}} (features)
        criterionNodes = {criterion} ; outputNodes = z
    }}
    reader = {{ train = ImageMasks {{"{folder}/images", "{folder}/masks", classes = {classes}}} }}
    SGD = {{ maxEpochs = 1 ; learningRate = 0.1 ; minibatchSize = 1{sgd} }}"""


def test_a_mask_has_an_axis_of_classes(tmp_path: Path) -> None:
    assert "CrossEntropyWithSoftmax treats all pixels of a mask as classes of one sample" in \
        found(masked(tmp_path, SOFTMAX))
    assert not found(masked(tmp_path, SOFTMAX.replace(")", ", axis = 3)")))


def test_a_sigmoid_for_each_class_of_a_mask(tmp_path: Path) -> None:
    assert [title for title in found(masked(tmp_path, BINARY)) if "counts pixels without a class" in title]
    assert not found(masked(tmp_path, BINARY.replace(")", ", axis = 3)")))
    assert not found(masked(tmp_path, BINARY, channels=1))


def test_a_mask_is_no_quantity(tmp_path: Path) -> None:
    assert [title for title in found(masked(tmp_path, "SquareError (labels, z)")) if "as quantities" in title]


@pytest.mark.parametrize("key", ["mixup = 0.2", "cutmix = 1"])
def test_class_numbers_cannot_be_blended(key: str, tmp_path: Path) -> None:
    titles = found(network(SOFTMAX, outputs=3, sgd=f" ; {key}"))
    (title, hint), = [(title, hint) for title, hint in titles.items() if "cannot blend" in title]
    assert "half of class 0" in title
    assert "`labels = Input {3}`" in hint
    assert not [t for t in found(network(SOFTMAX, labels=3, outputs=3, sgd=f" ; {key}")) if "cannot blend" in t]
    assert not [t for t in found(network(BINARY, sgd=f" ; {key}")) if "cannot blend" in t]


def test_numbers_of_a_mask_can_be_pasted_and_not_blended(tmp_path: Path) -> None:
    criterion = "CrossEntropyWithSoftmax (labels, z, axis = 3)"
    text = masked(tmp_path, criterion, sgd=" ; cutmix = 1").replace("labels = Input {8:8:3}", "labels = Input {8:8:1}")
    assert not found(text)
    assert any("`labels = Input {8:8:3}`" in hint for hint in found(text.replace("cutmix = 1", "mixup = 1")).values())


def test_boxes_need_images() -> None:
    assert "`cutmix` has no effect: no input is an image" in found(network(BINARY, sgd=" ; cutmix = 1"))


def test_queries_are_not_blended() -> None:
    text = """network = { x = Input {3} ; gain = Input {1} ; q = Input {1} ; z = LinearLayer {1} (x)
        criterionNodes = LambdaRank (gain, z, q) ; outputNodes = z }
    SGD = { maxEpochs = 1 ; learningRate = 0.1 ; mixup = 0.2 }"""
    assert any("LambdaRank compares whole samples" in title for title in found(text))

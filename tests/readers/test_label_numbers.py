"""Labels that count from 1, and class numbers in the forms in which Keras and others write them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from netdsl.base.source import Source
from netdsl.compiler import CheckResult, examine
from netdsl.ir.program import Phase

LABELS = np.arange(20) % 5 + 1


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The same labels, 1 to 5, in every format."""
    x = np.random.default_rng(0).integers(0, 255, (20, 2, 2), dtype=np.uint8)
    (tmp_path / "x.idx").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, *x.shape) + x.tobytes())
    (tmp_path / "y.idx").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 20) + LABELS.astype(np.uint8).tobytes())
    np.save(tmp_path / "x.npy", x.reshape(20, 4))
    for kind in ("int64", "uint8", "float64", "float32"):
        np.save(tmp_path / f"{kind}.npy", LABELS.astype(kind))
        np.save(tmp_path / f"{kind}-column.npy", LABELS.astype(kind)[:, None])
    (tmp_path / "t.csv").write_text("a,b,c,d,y\n" + "".join(f"1,2,3,4,{label}\n" for label in LABELS))
    (tmp_path / "t.ctf").write_text("".join(f"|features 1 2 3 4 |labels {label}:1\n" for label in LABELS))
    return tmp_path


def check(folder: Path, train: str, classes: int, test: str = "") -> CheckResult:
    text = f"""network = {{
    features = Input {{4}} ; labels = Input {{{classes}}}
    z = LinearLayer {{{classes}}} (features)
    criterionNodes = CrossEntropyWithSoftmax (labels, z) ; outputNodes = z
}}
reader = {{ train = {train} {"; test = " + test if test else ""} }}
"""
    return examine(Source("t.net", text.replace("@", str(folder))))


def labels(checked: CheckResult) -> list[int]:
    found = checked.require().readers.get(Phase.TRAIN).open(True).in_memory()["labels"]
    return (found.argmax(1) if found.ndim == 2 else found).tolist()


def ctf(dim: int, more: str = "") -> str:
    labels = f'{{dim = {dim} ; format = "sparse"{more}}}'
    return f'CNTKText {{"@/t.ctf", input = {{features = {{dim = 4}} ; labels = {labels}}}}}'


READERS = {
    "csv": 'CSV {"@/t.csv"+}', "idx": 'IDX {"@/x.idx", "@/y.idx"+}', "npy": 'NumPy {"@/x.npy", "@/int64.npy"+}',
    "uint8": 'NumPy {"@/x.npy", "@/uint8-column.npy"+}', "float": 'NumPy {"@/x.npy", "@/float64.npy"+}',
    "float32": 'NumPy {"@/x.npy", "@/float32-column.npy"+}',
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_labels_that_count_from_one(reader: str, data: Path) -> None:
    page, = check(data, reader.replace("+", ""), 5).errors
    assert page.code == "reader-shape"
    assert "The labels are 1 to 5: no sample has class 0." in page.body
    assert "`firstLabel = 1`" in page.hint
    checked = check(data, reader.replace("+", ", firstLabel = 1"), 5)
    assert not checked.diagnostics
    assert labels(checked) == (LABELS - 1).tolist()


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_class_that_no_sample_has_is_doubted(reader: str, data: Path) -> None:
    checked = check(data, reader.replace("+", ""), 6)
    page, = checked.diagnostics
    assert (page.severity, page.title) == ("warning", "the labels are 1 to 5: no sample has class 0")
    assert labels(checked) == LABELS.tolist()


def test_labels_of_cntk_text(data: Path) -> None:
    page, = check(data, ctf(5), 5).errors
    assert page.title == "row 5 has index 5 of `labels`, out of range"
    assert "`firstLabel = 1`" in page.hint
    for text in (ctf(5, " ; firstLabel = 1"),):
        assert labels(check(data, text, 5)) == (LABELS - 1).tolist()
    page, = check(data, ctf(6), 6).diagnostics
    assert page.title == "the labels are 1 to 5: no sample has class 0"
    (data / "t.ctf").write_text("|features 1 2 3 4 |labels 0:1\n")
    page, = check(data, ctf(5, " ; firstLabel = 1"), 5).errors
    assert page.title == "row 1 has index 0 of `labels`, out of range"


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_data_that_count_otherwise_than_training_are_an_error(reader: str, data: Path) -> None:
    """Test data without the last class would have fitted, each class one off."""
    checked = check(data, reader.replace("+", ", firstLabel = 1"), 5, reader.replace("+", ""))
    assert "the test reader and the training reader disagree about `firstLabel`" in [
        page.title for page in checked.errors]


@pytest.mark.parametrize(("reader", "more", "said"), [
    ("npy", ", firstLabel = 2", "class 1 is out of range: there are 4 classes, counted from 2"),
    ("idx", ", labelDim = 5", "class 5 is out of range: there are 5 classes, counted from 0"),
    ("idx", ", labelDim = 3, firstLabel = 1", "class 5 is out of range: there are 3 classes, counted from 1"),
    ("csv", ", firstLabel = 2", "row 2 has the class 1, and `firstLabel` is 2"),
])
def test_labels_out_of_range(reader: str, more: str, said: str, data: Path) -> None:
    page = check(data, READERS[reader].replace("+", more), 5).errors[0]
    assert said in page.title
    if reader == "idx" and "firstLabel" not in more:
        assert "set `firstLabel = 1`" in page.hint


@pytest.mark.parametrize(("values", "classes"), [
    (np.array([0.0, 1.0, 1.0]), 2), (np.array([[0], [1], [2]]), 3), (np.array([[0.0], [1.0], [2.0]]), 3),
    (np.array([True, False, True]), 2), (np.array([[True], [False], [True]]), 2),
    (np.array([0.5, 1.0, 2.0]), None), (np.array([[0.0], [1.0], [2.5]]), None), (np.array([[-1], [0], [1]]), None),
    (np.array([0.0, 1.0, 250_000.0]), None), (np.eye(3), None),
])
def test_which_arrays_are_classes(values: np.ndarray, classes: int | None, data: Path) -> None:
    np.save(data / "l.npy", values)
    np.save(data / "f.npy", np.zeros((3, 4), dtype=np.float32))
    train = 'NumPy {"@/f.npy", "@/l.npy"}'.replace("@", str(data))
    reader = check(data, train, 3).program.readers.get(Phase.TRAIN)
    stream = reader.describe().streams[1]
    assert stream.classes == classes
    delivered = reader.open(True).in_memory()["labels"]
    if classes is None:
        assert delivered.dtype == np.float32
    else:
        assert (delivered.dtype, delivered.tolist()) == (np.int64, values.reshape(-1).astype(int).tolist())


def test_what_labels_are_can_be_said(data: Path) -> None:
    numbers = check(data, 'NumPy {"@/x.npy", "@/int64.npy", targets = "numbers"}', 1)
    assert (
        numbers.program.readers.get(Phase.TRAIN).open(True).in_memory()["labels"].tolist() == LABELS[:, None].tolist()
    )
    np.save(data / "l.npy", np.linspace(0, 1, 20))
    page = check(data, 'NumPy {"@/x.npy", "@/l.npy", targets = "class"}', 2).errors[0]
    assert page.title == "classes are whole numbers"

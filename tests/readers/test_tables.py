"""Tables as people have them: decimal commas, words, gaps, per cent; what the training data decide for other data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import netdsl
from netdsl.base.source import Source
from netdsl.compiler import examine
from netdsl.ir.program import Phase
from netdsl.readers import READERS
from netdsl.readers.reader import DataError, Dataset, Reader
from netdsl.training.evaluation.inference import evaluate


def csv(path: Path, text: str | bytes, **options: object) -> Reader:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return READERS["CSV"](file=str(path), **options)


def arrays(reader: Reader) -> dict[str, np.ndarray]:
    dataset: Dataset = reader.open(training=True)
    return dataset.batch(range(dataset.count), None).arrays  # type: ignore[arg-type]


def features(path: Path, text: str | bytes, **options: object) -> list[list[float]]:
    found: list[list[float]] = arrays(csv(path, text, **options))["features"].astype(float).round(6).tolist()
    return found


# --- how numbers are written ------------------------------------------------------------------


@pytest.mark.parametrize(("cell", "options", "value"), [
    ("5,13", {"decimal": ","}, 5.13), ("-0,5", {"decimal": ","}, -0.5), (",5", {"decimal": ","}, 0.5),
    ("1,5e3", {"decimal": ","}, 1500), ("7", {"decimal": ","}, 7),
    ("246,072", {"thousands": ","}, 246072), ("1,234,567.5", {"thousands": ","}, 1234567.5),
    ("12,34,567", {"thousands": ","}, 1234567), ("999", {"thousands": ","}, 999),
    ("1.234.567,89", {"thousands": ".", "decimal": ","}, 1234567.89),
    ("1234,5", {"thousands": ".", "decimal": ","}, 1234.5),
    ("1 234,5", {"thousands": " ", "decimal": ","}, 1234.5), ("1\u202f234", {"thousands": " "}, 1234),
    ("1\u00a0234\u00a0567", {"thousands": " "}, 1234567), ("1'234.5", {"thousands": "'"}, 1234.5),
    ("1\u2019234", {"thousands": "'"}, 1234), ("\u22125", {}, -5), ("+3", {}, 3),
    ("5%", {}, 0.05), ("5 %", {}, 0.05), ("12,5 %", {"decimal": ","}, 0.125), ("-100%", {}, -1),
    ("True", {}, 1), ("FALSE", {}, 0), ("true", {"decimal": ","}, 1),
])
def test_notations_of_numbers(cell: str, options: dict[str, str], value: float, tmp_path: Path) -> None:
    assert features(tmp_path / "t.csv", f"a;b\n{cell};x\n", separator=";", **options) == [[pytest.approx(value)]]
    assert features(tmp_path / "u.csv", f'a,b\n"{cell}",x\n', **options) == [[pytest.approx(value)]]


@pytest.mark.parametrize(("cell", "options", "suggestion"), [
    ("5,13", {}, '`decimal = ","` reads it as 5.13.'),
    ("246,072", {}, '`decimal = ","` reads it as 246.072, or `thousands = ","` reads it as 246072'),
    ("1,234,567", {}, '`thousands = ","` reads it as 1234567'),
    ("1.234,5", {"decimal": ","}, '`decimal = ","` with `thousands = "."` reads it as 1234.5'),
    ("12,34", {"thousands": ","}, '`decimal = ","` reads it as 12.34'),
    ("1 234", {}, '`thousands = " "` reads it as 1234'),
    ("5.13", {"decimal": ","}, ""), ("1.2.3", {}, ""), ("12 km", {}, '`categories = "a"`'),
])
def test_cells_in_another_notation_name_the_option(cell: str, options: dict[str, str], suggestion: str, tmp_path: Path
                                                   ) -> None:
    with pytest.raises(DataError, match="row 3 has no number in column `a`") as caught:
        features(tmp_path / "t.csv", f"a;b\n1;x\n{cell};y\n", separator=";", **options)
    assert suggestion in caught.value.hint


def test_a_column_is_written_in_one_way(tmp_path: Path) -> None:
    """5 beside 5 % would be a hundred times as much."""
    with pytest.raises(DataError, match="row 3 has `%` in column `a`, and other rows have not"):
        features(tmp_path / "t.csv", "a,b\n5,x\n7%,y\n0%,x\n")
    with pytest.raises(DataError, match="row 2 has true or false in column `a`"):
        features(tmp_path / "t.csv", "a,b\ntrue,x\n2,y\n")
    assert features(tmp_path / "t.csv", "a,b\n0,x\n50%,y\n0%,x\n") == [[0], [0.5], [0]]
    assert features(tmp_path / "t.csv", "a,b\n0,x\ntrue,y\n1,x\n") == [[0], [1], [1]]


# --- encodings and separators -----------------------------------------------------------------


@pytest.mark.parametrize(("encoding", "option"), [
    ("latin-1", "latin1"), ("cp1252", "cp1252"), ("utf-16", None), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
    ("utf-8", None), ("utf-8-sig", None), ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"),
])
def test_encodings(encoding: str, option: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netdsl.readers.files._BLOCK", 7)
    text = "größe,art\n1,grün\n2,weiß\n" + "3,grün\n" * 20
    reader = csv(tmp_path / "t.csv", text.encode(encoding), encoding=option, columns=("größe",), labels=("art",))
    assert arrays(reader)["features"][:3].tolist() == [[1], [2], [3]]
    assert reader.describe().streams[1].class_names == ("grün", "weiß")


def test_another_encoding_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not UTF-8") as caught:
        arrays(csv(tmp_path / "t.csv", "größe,art\n1,2\n".encode("latin-1")))
    assert "encoding" in caught.value.hint
    with pytest.raises(DataError, match="is not shift_jis text"):
        arrays(csv(tmp_path / "t.csv", b"a,b\n1,\xff\xff\n", encoding="shift_jis"))
    assert "no character encoding `latin11`" in pages(tmp_path, 'CSV {"t.csv", encoding = "latin11"}')[0].title


@pytest.mark.parametrize(("sign", "name"), [(";", ";"), ("\t", "tab"), ("|", "|")])
def test_another_separator_is_named(sign: str, name: str, tmp_path: Path) -> None:
    text = f"sepal length{sign}species\n5.1{sign}setosa\n"
    for options in ({}, {"labels": ("species",)}, {"labels": (1,), "header": False}):
        with pytest.raises(DataError) as caught:
            arrays(csv(tmp_path / "t.csv", text, **options))
        assert f'`separator = "{name}"`' in caught.value.hint
    assert features(tmp_path / "t.csv", text, separator=name) == [[pytest.approx(5.1)]]


# --- words, gaps, standardization ---------------------------------------------------------------


TITANIC = "class,sex,age,survived\n3,male,22,0\n1,female,38,1\n3,female,,1\n2,male,NA,0\n1,male,54,1\n"


def test_words_are_one_hot_in_alphabetical_order(tmp_path: Path) -> None:
    found = features(tmp_path / "t.csv", TITANIC, categories=("class", "sex"), fill="mean")
    mean = (22 + 38 + 54) / 3
    assert found == [[0, 0, 1, 0, 1, 22], [1, 0, 0, 1, 0, 38], [0, 0, 1, 1, 0, pytest.approx(mean)],
                     [0, 1, 0, 0, 1, pytest.approx(mean)], [1, 0, 0, 0, 1, 54]]


@pytest.mark.parametrize(("fill", "value"), [("mean", 38), ("median", 38), (0.0, 0), (-1.0, -1)])
def test_gaps_are_filled(fill: str | float, value: float, tmp_path: Path) -> None:
    reader = csv(tmp_path / "t.csv", TITANIC, columns=("age",), fill=fill)
    assert arrays(reader)["features"][:, 0].tolist() == [22, 38, value, value, 54]


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "NaN", "?", "-", "null", "none", "#N/A", " NA "])
def test_what_is_a_gap(cell: str, tmp_path: Path) -> None:
    text = f"a,b,c\n1,5,x\n{cell},6,y\n"
    assert features(tmp_path / "t.csv", text, fill=9.0) == [[1, 5], [9, 6]]
    with pytest.raises(DataError, match="row 3 has no value in column `a`") as caught:
        features(tmp_path / "t.csv", text)
    assert "`fill" in caught.value.hint
    with pytest.raises(DataError, match="row 3 has no value in column `a`"):  # a target is never filled
        arrays(csv(tmp_path / "t.csv", text, labels=("a",), columns=("b",), targets="numbers", fill="mean"))


def test_what_is_a_gap_can_be_said(tmp_path: Path) -> None:
    assert features(tmp_path / "t.csv", "a,b\n1,x\n999x,y\n", fill=0.0, missing=("999x",)) == [[1], [0]]
    found = features(tmp_path / "t.csv", "a,b\nNA,x\nZA,y\nNA,y\n", categories=("a",), missing=("",))
    assert found == [[1, 0], [0, 1], [1, 0]]  # Namibia
    found = features(tmp_path / "t.csv", "a,b\nNA,x\nZA,y\n", categories=("a",), fill="mean")
    assert found == [[0], [1]]


def test_a_column_of_gaps_has_no_mean(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column `a` has no value at all"):
        features(tmp_path / "t.csv", "a,b\n,x\n,y\n", fill="mean")
    assert features(tmp_path / "t.csv", "a,b\n,x\n,y\n", fill=3.0) == [[3], [3]]


def test_columns_are_standardized(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal([3, 2000, 1985], [2, 500, 20], (60, 3)).round(2)
    text = "rooms,feet,year,price\n" + "".join(f"{a},{b},{c},1\n" for a, b, c in values)
    found = arrays(csv(tmp_path / "t.csv", text, standardize=True, targets="numbers"))["features"]
    np.testing.assert_allclose(found, (values - values.mean(0)) / values.std(0), rtol=1e-5, atol=1e-6)
    assert features(tmp_path / "t.csv", "a,b,c\n7,2,x\n7,4,y\n", standardize=True) == [[0, -1], [0, 1]]
    # Times in seconds differ in digits that float32 does not have.
    times = features(tmp_path / "t.csv", "a,b\n1700000001,x\n1700000003,y\n", standardize=True)
    assert times == [[-1], [1]]


# --- what the training data decide ---------------------------------------------------------------


def network(inputs: int, train: str, test: str = "", more: str = "", classes: int = 2) -> str:
    readers = f"train = {train}" + (f" ; test = {test}" if test else "")
    return f"""network = {{
    features = Input {{{inputs}}} ; labels = Input {{{classes}}}
    z = LinearLayer {{{classes}}} (features)
    ce = CrossEntropyWithSoftmax (labels, z) ; err = ClassificationError (labels, z)
    criterionNodes = ce ; evaluationNodes = err ; outputNodes = z
}}
reader = {{ {readers} }}
SGD = {{ minibatchSize = 4 ; maxEpochs = 2 ; learningRate = 0.1 {more} }}
"""


def check(folder: Path, text: str) -> netdsl.CheckResult:
    return examine(Source("t.net", text.replace("@", str(folder))))


def pages(folder: Path, reader: str) -> list[netdsl.Diagnostic]:
    return [d for d in check(folder, network(1, reader)).diagnostics if d.is_error]


def opened(checked: netdsl.CheckResult, phase: str) -> dict[str, np.ndarray]:
    return arrays(checked.require().readers[Phase(phase)])


OPTIONS = 'categories = "sex", fill = "mean", standardize = true'


def test_other_data_take_words_fills_and_means_of_the_training_data(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("sex,age,y\nm,20,a\nf,40,b\nm,,b\n")
    (tmp_path / "test.csv").write_text("y,extra,age,sex\nb,1,60,m\nb,1,,m\n")  # columns go by their names
    checked = check(tmp_path, network(3, f'CSV {{"@/train.csv", {OPTIONS}}}', f'CSV {{"@/test.csv", {OPTIONS}}}'))
    assert not checked.errors
    deviation = np.sqrt((100 + 100 + 0) / 3)
    np.testing.assert_allclose(opened(checked, "train")["features"],
                               [[0, 1, -10 / deviation], [1, 0, 10 / deviation], [0, 1, 0]], rtol=1e-6)
    assert "columns that the training data do not have are not used: extra" in \
        checked.require().readers[Phase.TEST].describe().facts
    test = opened(checked, "test")
    np.testing.assert_allclose(test["features"], [[0, 1, 30 / deviation], [0, 1, 0]], rtol=1e-6)
    assert test["labels"].tolist() == [1, 1]


def test_a_word_that_training_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("sex,y\nmale,a\nfemale,b\n")
    (tmp_path / "test.csv").write_text("sex,y\nmale,a\nfemal,b\n")
    test = 'CSV {"@/test.csv", categories = "sex"}'
    page, = check(tmp_path, network(2, 'CSV {"@/train.csv", categories = "sex"}', test)).errors
    assert page.title == "row 3 has a word that the training data do not have: `femal`"
    assert "did you mean `female`?" in page.hint
    (tmp_path / "other.csv").write_text("sex,y\nalien,a\n")
    page, = check(tmp_path, network(2, 'CSV {"@/train.csv", categories = "sex"}', test.replace("test", "other"))).errors
    assert page.hint.startswith("`unknownCategories")  # nothing like it: no suggestion and no gap
    checked = check(tmp_path, network(2, 'CSV {"@/train.csv", categories = "sex"}',
                                      test.replace("}", ', unknownCategories = "zeros"}')))
    assert opened(checked, "test")["features"].tolist() == [[0, 1], [0, 0]]


def test_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b,y\n1,2,x\n3,4,z\n")
    (tmp_path / "test.csv").write_text("a,c,y\n1,2,x\n3,4,z\n")
    page, = check(tmp_path, network(2, 'CSV {"@/train.csv"}', 'CSV {"@/test.csv"}')).errors
    assert page.title == "`test.csv` has no column `b`, which the training data have"
    (tmp_path / "test.csv").write_text("b,a,y\n1,2,x\n3,4,z\n")
    page, = check(tmp_path, network(2, 'CSV {"@/train.csv"}', 'CSV {"@/test.csv", columns = "b":"a"}')).errors
    assert page.title == "the features are not the columns that the training data have"


def test_a_checkpoint_keeps_what_training_decided(tmp_path: Path) -> None:
    """The training data are gone: their words, fills and means are those of the run."""
    (tmp_path / "train.csv").write_text("sex,age,y\nm,20,a\nf,40,b\nm,,b\nf,33,a\n")
    (tmp_path / "test.csv").write_text("sex,age,y\nm,60,b\nm,,b\n")
    text = network(3, f'CSV {{"@/train.csv", {OPTIONS}}}', f'CSV {{"@/test.csv", {OPTIONS}}}')
    text = text.replace("@", str(tmp_path))
    checked = examine(Source("t.net", text))
    result = netdsl.train(checked.require(), device="cpu", out=tmp_path / "run")
    (tmp_path / "train.csv").write_text("sex,age,y\nx,2,a\nf,4,b\nx,,b\nf,3,a\n")
    again = evaluate(examine(Source("t.net", text)).program, tmp_path / "run")
    assert again.values == result.test
    (tmp_path / "train.csv").unlink()
    assert evaluate(examine(Source("t.net", text)).program, tmp_path / "run").values == result.test


# --- several inputs from one file ---------------------------------------------------------------


def test_classes_and_numbers_from_one_file(tmp_path: Path) -> None:
    text = "w,h,kind,price,colour\n1,2,shoe,9.5,red\n3,4,hat,8,blue\n5,6,shoe,7,red\n"
    reader = csv(tmp_path / "t.csv", text, labels=("kind",), inputs=READERS["CSV"].option("inputs").kind.convert(
        {"price": {"columns": "price", "kind": "numbers"}, "colour": {"columns": "colour"},
         "also": {"columns": ["h"], "kind": "features"}}))
    found = arrays(reader)
    assert {name: array.tolist() for name, array in found.items()} == {
        "features": [[1], [3], [5]], "labels": [1, 0, 1], "price": [[9.5], [8], [7]], "colour": [1, 0, 1],
        "also": [[2], [4], [6]]}
    streams = {stream.name: stream for stream in reader.describe().streams}
    assert (streams["labels"].class_names, streams["colour"].class_names) == (("hat", "shoe"), ("blue", "red"))
    without = replace(reader, labels=None, columns=("w",))
    assert set(arrays(without)) == {"features", "price", "colour", "also"}


def test_several_heads_train_from_one_file(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = "".join(f"{a:.2f},{b:.2f},{'u' if a > 0 else 'v'},{'r' if b > 0 else 's'},{3 * a:.2f}\n"
                   for a, b in random.normal(size=(60, 2)))
    (tmp_path / "t.csv").write_text("a,b,first,second,third\n" + rows)
    text = """network = {
    features = Input {2} ; first = Input {2} ; second = Input {2} ; third = Input {1}
    z = LinearLayer {2} (features) ; y = LinearLayer {2} (features) ; x = LinearLayer {1} (features)
    a = CrossEntropyWithSoftmax (first, z) ; b = CrossEntropyWithSoftmax (second, y) ; c = SquareError (third, x)
    e = ClassificationError (first, z) ; f = ClassificationError (second, y)
    criterionNodes = a : b : c ; evaluationNodes = e : f ; outputNodes = z : y : x
}
data = CSV {"@/t.csv", columns = "a":"b", inputs = {first = {columns = "first"} ; second = {columns = "second"}
            third = {columns = "third" ; kind = "numbers"}}}
reader = { train = data ; test = data }
SGD = { minibatchSize = 10 ; maxEpochs = 20 ; learningRate = 0.1 }
"""
    checked = check(tmp_path, text)
    assert not checked.errors
    result = netdsl.train(checked.require(), device="cpu", out=tmp_path / "run")
    assert result.test["e"] <= 0.05
    assert result.test["f"] <= 0.05
    assert result.test["c"] < 0.01


def test_rows_without_labels_are_read(tmp_path: Path) -> None:
    """`only` takes the training data's columns by name, or all columns of a table without a header."""
    train = csv(tmp_path / "train.csv", "a,b,kind,price\n1,2,x,5\n3,4,y,6\n", labels=("kind",), columns=("a", "b"))
    for text, wanted in (("a,b\n7,8\n", [[7, 8]]), ("id,b,a\n1,8,7\n", [[7, 8]]), ("b,kind,a\n8,,7\n", [[7, 8]])):
        reader = replace(train, file=str(tmp_path / "new.csv")).with_fit(train.fit).only({"features"})
        (tmp_path / "new.csv").write_text(text)
        assert {name: array.tolist() for name, array in arrays(reader).items()} == {"features": wanted}
    plain = csv(tmp_path / "train.csv", "1,2,0\n3,4,1\n")
    for text, wanted in (("7,8\n", [[7, 8]]), ("7,8,1\n", [[7, 8]])):
        reader = replace(plain, file=str(tmp_path / "new.csv")).with_fit(plain.fit).only({"features"})
        (tmp_path / "new.csv").write_text(text)
        assert arrays(reader)["features"].tolist() == wanted

"""One numbering of the classes in all data: that of the training data, or of the checkpoint."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from known_data import random_bytes, save_png

import netdsl
from netdsl.base.failure import Failure
from netdsl.base.render import render_all
from netdsl.checks.class_ids import apply_checkpoint_classes
from netdsl.compiler import CheckResult
from netdsl.describe.network_text import reader_text
from netdsl.ir.program import Phase
from netdsl.passes.unify_classes import unify_class_ids
from netdsl.readers.reader import SampleRng
from netdsl.readers.tables.table_file import TableFile
from netdsl.training import RunOptions
from netdsl.training import test as judge
from netdsl.training.evaluation.prediction import class_names

NETWORK = """
network = {{
    features = Input {{{shape}}}
    labels = Input {{{classes}}}
    z = LinearLayer {{{classes}}} (features)
    ce = CrossEntropyWithSoftmax (labels, z)
    err = ClassificationError (labels, z)
    criterionNodes = ce
    evaluationNodes = err
    outputNodes = z
}}
SGD = {{ minibatchSize = 3 ; maxEpochs = 60 ; learningRate = 0.1 }}
reader = {{
    train = {train}
    test = {test}
}}
"""


def program(folder: Path, train: str, test: str, shape: str = "2", classes: int = 3) -> CheckResult:
    path = folder / "n.net"
    path.write_text(NETWORK.format(shape=shape, classes=classes, train=train.replace("@", str(folder)),
                                   test=test.replace("@", str(folder))))
    return netdsl.load(path)


def table(path: Path, rows: dict[str, tuple[int, int]]) -> None:
    path.write_text("a,b,kind\n" + "".join(f"{a},{b},{name}\n" for name, (a, b) in rows.items()))


def images(folder: Path, *classes: str) -> None:
    for name in classes:
        save_png(folder / name / "0.png", random_bytes(4, 4, 3))


def labels(checked: CheckResult, phase: str = "test") -> list[int]:
    dataset = unify_class_ids(checked.require()).readers[Phase(phase)].open(training=False)
    return dataset.batch(range(dataset.count), SampleRng()).arrays["labels"].tolist()


def test_folders_are_numbered_as_for_training(tmp_path: Path) -> None:
    images(tmp_path / "train", "a", "b", "c")
    images(tmp_path / "test", "a", "c")
    checked = program(tmp_path, 'ImageFolder {"@/train"}', 'ImageFolder {"@/test"}', "4:4:3")
    assert labels(checked) == [0, 2]


def test_text_classes_are_numbered_as_for_training(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", {"x": (0, 0), "y": (0, 1), "z": (1, 0)})
    table(tmp_path / "test.csv", {"z": (1, 0), "x": (0, 0)})
    assert labels(program(tmp_path, 'CSV {"@/train.csv"}', 'CSV {"@/test.csv"}')) == [2, 0]


def test_joined_data_are_numbered_as_for_training(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", {"x": (0, 0), "y": (0, 1), "z": (1, 0)})
    table(tmp_path / "test.csv", {"z": (1, 0), "x": (0, 0)})
    assert labels(program(tmp_path, 'CSV {"@/train.csv"}', 'Joined {CSV {"@/test.csv"}}')) == [2, 0]


def test_names_that_are_numbers_are_still_names(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", {"1": (0, 0), "2": (0, 1), "none": (1, 0)})
    table(tmp_path / "test.csv", {"2": (0, 1), "1": (0, 0)})
    assert labels(program(tmp_path, 'CSV {"@/train.csv"}', 'CSV {"@/test.csv"}')) == [1, 0]


def test_numbers_are_no_names(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", {"0": (0, 0), "1": (0, 1), "2": (1, 0)})
    table(tmp_path / "test.csv", {"2": (1, 0)})
    assert labels(program(tmp_path, 'CSV {"@/train.csv"}', 'CSV {"@/test.csv"}')) == [2]


@pytest.mark.parametrize("row", ["ImageFolder", "CSV"])
def test_a_class_that_training_does_not_have_is_an_error(row: str, tmp_path: Path) -> None:
    for name, classes in (("train", "abc"), ("test", "acd")):
        images(tmp_path / name, *classes)
        table(tmp_path / f"{name}.csv", dict.fromkeys(classes, (0, 1)))
    suffix, shape = (".csv", "2") if row == "CSV" else ("", "4:4:3")
    checked = program(tmp_path, f'{row} {{"@/train{suffix}"}}', f'{row} {{"@/test{suffix}"}}', shape)
    page, = checked.errors
    assert (page.code, page.title) == ("reader-shape", "the test data have classes that the training data do not have")
    assert (page.primary.text, page.related[0].text) == ("only here: d", "known: a, b, c")
    assert page.primary.span.text == f'"{tmp_path}/test{suffix}"'
    assert ("`classes`" if row == "CSV" else "`classFile`") in page.hint


def test_names_beside_numbers_are_an_error(tmp_path: Path) -> None:
    """One cell that is no number would number the other classes otherwise."""
    table(tmp_path / "train.csv", {"0": (0, 0), "1": (0, 1), "2": (1, 0)})
    table(tmp_path / "test.csv", {"1": (0, 0), "2": (0, 1), "NA": (1, 0)})
    page, = program(tmp_path, 'CSV {"@/train.csv"}', 'CSV {"@/test.csv"}').errors
    assert page.title == "the test data have names of classes, and the training data have numbers"
    assert page.primary.text == "names: 1, 2, NA"


def test_a_fixed_order_that_is_another_is_an_error(tmp_path: Path) -> None:
    table(tmp_path / "train.csv", {"x": (0, 0), "y": (0, 1), "z": (1, 0)})
    checked = program(tmp_path, 'CSV {"@/train.csv"}', 'CSV {"@/train.csv", classes = "x":"z":"y"}')
    page, = checked.errors
    assert page.title == "the test data number the classes differently from the training data"
    assert (page.primary.text, page.related[0].text) == ("class 1 is `z`", "class 1 is `y`")


def test_data_that_are_not_there_are_not_compared(tmp_path: Path) -> None:
    images(tmp_path / "test", "a", "c", "d")
    checked = program(tmp_path, 'ImageFolder {"@/train"}', 'ImageFolder {"@/test"}', "4:4:3")
    assert not checked.errors
    assert labels(checked) == [0, 1, 2]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run on the classes x, y, z, which are learned without a mistake."""
    rows = {"x": (-9, 0), "y": (0, 9), "z": (9, 0)}
    table(tmp_path / "train.csv", rows)
    checked = program(tmp_path, 'CSV {"@/train.csv"}', 'CSV {"@/train.csv"}')
    result = netdsl.train(checked.require(), device="cpu", out=tmp_path / "run")
    assert result.test["err"] == 0
    table(tmp_path / "test.csv", {name: rows[name] for name in ("x", "z")})
    return tmp_path / "run"


@pytest.mark.parametrize("there", [True, False], ids=["training data there", "gone"])
def test_a_checkpoint_decides(run: Path, there: bool) -> None:
    folder = run.parent
    if not there:
        (folder / "train.csv").unlink()
    checked = program(folder, 'CSV {"@/train.csv"}', 'CSV {"@/test.csv"}')
    assert judge(checked.require(), run, options=RunOptions(device="cpu")).values["err"] == 0


def test_a_class_that_the_checkpoint_does_not_know_is_an_error(run: Path) -> None:
    folder = run.parent
    (folder / "train.csv").unlink()
    table(folder / "test.csv", {"x": (0, 0), "w": (0, 1)})
    checked = program(folder, 'CSV {"@/train.csv"}', 'CSV {"@/test.csv"}')
    with pytest.raises(Failure) as caught:
        judge(checked.require(), run, options=RunOptions(device="cpu"))
    text = render_all(caught.value.diagnostics)
    assert "the test data have classes that the checkpoint does not have" in text
    assert "known: x, y, z" in text
    assert "only here: w" in text


def test_a_run_goes_on_with_its_classes_only(run: Path) -> None:
    folder = run.parent
    table(folder / "train.csv", {"x": (0, 0), "w": (0, 1), "y": (1, 0)})
    checked = program(folder, 'CSV {"@/train.csv"}', 'CSV {"@/train.csv"}')
    with pytest.raises(Failure, match="the training data have classes that the checkpoint does not have"):
        netdsl.train(checked.require(), device="cpu", resume=run, out=folder / "on")


def test_without_any_names_a_set_must_have_every_class(run: Path) -> None:
    folder = run.parent
    (folder / "train.csv").unlink()
    checked = program(folder, 'CSV {"@/train.csv"}', 'CSV {"@/test.csv"}')
    alone = folder / "alone.safetensors"
    alone.write_bytes((run / "checkpoints" / "last" / "weights.safetensors").read_bytes())
    with pytest.raises(Failure, match="the test reader and the network disagree about `labels`"):
        judge(checked.require(), alone, options=RunOptions(device="cpu"))


def test_a_checkpoint_without_names_decides_nothing(tmp_path: Path) -> None:
    table(tmp_path / "t.csv", {"x": (0, 0), "y": (0, 1), "z": (1, 0)})
    checked = program(tmp_path, 'CSV {"@/t.csv"}', 'CSV {"@/t.csv"}')
    dataset = apply_checkpoint_classes(checked.require(), (), Phase.TEST).readers[Phase.TEST].open(training=False)
    np.testing.assert_array_equal(dataset.batch(range(3), SampleRng()).arrays["labels"], [0, 1, 2])


@pytest.mark.parametrize("named", ["train", "test"])
def test_names_in_one_set_and_numbers_in_the_other_are_an_error(named: str, tmp_path: Path) -> None:
    for name in ("train", "test"):
        places = ((0, 0), (0, 1), (1, 0))
        table(tmp_path / f"{name}.csv", dict(zip("xyz" if name == named else "012", places, strict=True)))
    checked = program(tmp_path, 'CSV {"@/train.csv"}', 'CSV {"@/test.csv"}')
    (found,) = [d for d in checked.diagnostics if d.is_error]
    assert found.title.startswith(f"the test data have {'numbers' if named == 'train' else 'names'} of classes, and")


def test_weights_of_other_classes_are_told(run: Path, tmp_path: Path) -> None:
    for name in ("t", "u"):
        table(tmp_path / f"{name}.csv", {"x": (0, 0), "y2": (0, 1), "z": (1, 0)})
    checked = program(tmp_path, 'CSV {"@/t.csv"}', 'CSV {"@/u.csv"}')
    netdsl.train(checked.require(), device="cpu", weights=run, out=tmp_path / "new", max_steps=1)
    assert "the weights were trained with other classes: class 1 was y and is y2 here" in \
        (tmp_path / "new" / "log.txt").read_text()


def test_answers_have_the_names_of_training(tmp_path: Path) -> None:
    images(tmp_path / "train", "a", "b", "c")
    images(tmp_path / "test", "a", "c")
    checked = program(tmp_path, 'ImageFolder {"@/train"}', 'ImageFolder {"@/test"}', "4:4:3")
    assert class_names(checked.require(), None) == ("a", "b", "c")


def test_check_reads_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the training data, whose names number the others."""
    for name in ("train", "test"):
        table(tmp_path / f"{name}.csv", {"x": (0, 0), "y": (0, 1), "z": (1, 0)})
        os.utime(tmp_path / f"{name}.csv", (1, 1))
    read, loaded = [], TableFile.read
    monkeypatch.setattr(TableFile, "read", lambda table: read.append(Path(table.file).stem) or loaded(table))
    checked = program(tmp_path, 'CSV {"@/train.csv"}', 'CSV {"@/test.csv"}')
    assert labels(checked) == labels(checked, "train") == [0, 1, 2]
    assert "3 classes" in "".join(reader_text(checked.require()))
    assert sorted(read) == ["test", "train"]

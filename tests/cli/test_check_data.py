"""`check --data`, what the test data would be refused for before the first epoch, and test data that are trained on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import Command

NETWORK = """
network = {{
    features = Input {{{shape}}} ; labels = Input {{{classes}}}
    z = LinearLayer {{{classes}}} (features)
    criterionNodes = CrossEntropyWithSoftmax (labels, z) ; outputNodes = z
}}
reader = {{ {reader} }}
SGD = {{ minibatchSize = 2 ; maxEpochs = 1 ; learningRate = 0.0001 }}
"""


@pytest.fixture(autouse=True)
def _in_a_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(reader: str, shape: str = "8:8:3", classes: int = 2) -> None:
    Path("n.net").write_text(NETWORK.format(reader=reader, shape=shape, classes=classes))


def photos(folder: str, classes: str = "ab", count: int = 4, seed: int = 0, size: tuple[int, int] = (8, 8)) -> None:
    random = np.random.default_rng(seed)
    for name in classes:
        place = Path(folder) / name
        place.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(random.integers(0, 256, (*size, 3)).astype(np.uint8)).save(place / f"{number}.jpg")


def damage(path: str, keep: float) -> None:
    """Cut a file short: by half its header goes too, by a tenth only its pixels."""
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(len(content) * keep)])


def test_damaged_images_of_every_phase_are_counted_and_named(command: Command) -> None:
    photos("train"), photos("val", seed=1), photos("test", seed=2)
    damage("train/a/1.jpg", 0.95), damage("test/a/0.jpg", 0.95), damage("test/b/3.jpg", 0.95)
    Path("test/b/2.jpg").write_text("this is text")
    write('train = ImageFolder {"train"} ; validation = ImageFolder {"val"} ; '
          'test = ImageFolder {"test", maxErrors = 2}')
    answer = command("check", "-q", "--data", "n.net")
    assert answer.code == 1
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["train", "8", "1", "0"] in lines
    assert ["validation", "8", "0", "0"] in lines
    assert ["test", "8", "3", "2"] in lines
    assert "test: the image file is damaged or cut short (2)" in answer.out
    assert "test: the file is not an image that I can read (1)" in answer.out
    for name in ("train/a/1.jpg", "test/a/0.jpg", "test/b/3.jpg", "test/b/2.jpg"):
        assert name in answer.out
    assert "maxErrors = 3" in answer.err
    repaired = command("check", "-q", "--data", "n.net", "reader.train.maxErrors=3", "reader.test.maxErrors=3")
    assert repaired.code == 0
    found = json.loads(command("check", "--data", "n.net", "--format", "json").out)["data"]
    assert {phase: (part["count"], len(part["bad"])) for phase, part in found.items()} == \
        {"train": (8, 1), "validation": (8, 0), "test": (8, 3)}


def test_sound_data_pass(command: Command) -> None:
    photos("train"), photos("test", seed=1)
    write('train = ImageFolder {"train"} ; test = ImageFolder {"test"}')
    answer = command("check", "-q", "--data", "n.net")
    assert (answer.code, answer.err) == (0, "")
    assert "also" not in answer.out


def test_bad_rows_are_counted(command: Command) -> None:
    Path("t.csv").write_text("a,b,kind\n1,2,0\nx,2,1\n3,4,1\n5,,0\n")
    write('train = CSV {"t.csv"}', shape="2")
    answer = command("check", "-q", "--data", "n.net", "reader.train.maxErrors=1")
    assert answer.code == 1
    answer = command("check", "-q", "--data", "n.net", "reader.train.maxErrors=2")
    assert answer.code == 0
    assert ["train", "4", "2", "2"] in [line.split() for line in answer.out.splitlines()]
    assert "row 3" in answer.out
    assert "row 5" in answer.out


def test_samples_of_another_size_are_named(command: Command) -> None:
    photos("train", count=40)
    Image.new("RGB", (9, 8)).save("train/b/3.jpg")
    write('train = ImageFolder {"train"}')
    answer = command("check", "-q", "--data", "n.net")
    assert answer.code == 1
    assert "comes out in another size than for other samples (1)" in answer.out
    assert "train/b/3.jpg" in answer.out


def test_data_that_are_not_there_fail(command: Command) -> None:
    photos("train")
    write('train = ImageFolder {"train"} ; test = ImageFolder {"gone"}')
    answer = command("check", "-q", "--data", "n.net")
    assert answer.code == 1
    assert "test: gone: the data are not there" in answer.out


@pytest.mark.parametrize("how", ["copied", "linked"])
def test_images_that_are_also_trained_on_are_found(command: Command, how: str) -> None:
    photos("train"), photos("test", seed=1)
    content = Path("train/a/2.jpg").read_bytes()
    if how == "copied":
        Path("test/b/new.jpg").write_bytes(content)
    else:
        os.symlink(Path("train/a/2.jpg").resolve(), "test/b/new.jpg")
    write('train = ImageFolder {"train"} ; test = ImageFolder {"test"}')
    answer = command("check", "-q", "--data", "n.net")
    assert "test: 1 image is also among the training data" in answer.out
    assert "test/b/new.jpg is train/a/2.jpg" in answer.out


@pytest.mark.parametrize(("train", "test", "shared"), [
    ('ImageFolder {"train"}', 'ImageFolder {"./train"}', "train"),
    ('ImageFolder {"train"}', 'ImageFolder {"link"}', "link"),
    ('ImageFolder {"train"}', 'ImageFolder {"test"}', ""),
    ('MapFile {"l.txt"}', 'MapFile {"./l.txt"}', "l.txt"),
    ('MapFile {"l.txt"}', 'MapFile {"m.txt"}', ""),
])
def test_check_warns_where_test_data_are_trained_on(command: Command, train: str, test: str, shared: str) -> None:
    photos("train"), photos("test", seed=1)
    os.symlink("train", "link")
    for name, folder in (("l.txt", "train"), ("m.txt", "test")):
        Path(name).write_text("".join(f".../{folder}/{label}/{k}.jpg\t{n}\n" for n, label in enumerate("ab")
                                      for k in range(4)))
    write(f"train = {train} ; test = {test}")
    answer = command("check", "-q", "n.net")
    assert answer.code == 0
    assert (f"the test data are among the training data: {shared}" in answer.err) == bool(shared)


@pytest.mark.parametrize("phase", ["test", "validation"])
@pytest.mark.parametrize("keep", [0.95, 0.02])
def test_damaged_test_data_stop_a_run_before_its_first_epoch(command: Command, phase: str, keep: float) -> None:
    photos("train", count=150), photos("other", count=150, seed=1)
    damage("other/b/77.jpg", keep)
    write(f'train = ImageFolder {{"train"}} ; {phase} = ImageFolder {{"other"}}')
    answer = command("run", "-q", "n.net", "--device", "cpu", "-o", "out")
    assert answer.code == 1
    assert "other/b/77.jpg" in answer.err
    assert "`maxErrors = 10`" in " ".join(answer.err.split())
    assert "netdsl check --data" in " ".join(answer.err.split())
    assert "epoch" not in answer.out
    assert not Path("out").exists()


def test_test_data_of_another_size_stop_it_too(command: Command) -> None:
    photos("train", count=150), photos("other", count=150, seed=1)
    Image.new("RGB", (7, 8)).save("other/b/77.jpg")
    write('train = ImageFolder {"train"} ; test = ImageFolder {"other"}')
    answer = command("run", "-q", "n.net", "--device", "cpu", "-o", "out")
    assert answer.code == 1
    assert "other/b/77.jpg" in answer.err
    assert not Path("out").exists()


def test_test_data_may_lack_the_last_classes_of_a_list(command: Command) -> None:
    photos("train", "abc"), photos("test", "abc", seed=1)
    for name, classes in (("train", "abc"), ("test", "ab")):
        Path(f"{name}.txt").write_text("".join(f"...\\{name}\\{label}\\{k}.jpg\t{n}\r\n" for n, label in
                                               enumerate(classes) for k in range(4)))  # as Windows writes them
    write('train = MapFile {"train.txt"} ; test = MapFile {"test.txt"}', classes=3)
    assert command("check", "-q", "n.net").err == ""
    answer = command("run", "-q", "n.net", "--device", "cpu", "-o", "out")
    assert answer.code == 0
    assert "test ce" in answer.out
    write('train = MapFile {"test.txt"} ; test = MapFile {"train.txt"}', classes=2)
    answer = command("check", "-q", "n.net")
    assert "the test reader and the network disagree about `labels`" in answer.err
    write('train = MapFile {"test.txt"}', classes=3)
    assert command("check", "-q", "n.net").code == 1


def test_a_class_that_is_not_trained_on_is_an_error_of_check(command: Command) -> None:
    photos("train"), photos("test", "abc", seed=1)
    write('train = ImageFolder {"train"} ; test = ImageFolder {"test"}')
    answer = command("check", "-q", "n.net")
    assert answer.code == 1
    assert "the test data have classes that the training data do not have" in answer.err


def test_an_empty_class_folder_of_the_test_data_is_none(command: Command) -> None:
    photos("train", "abc"), photos("val", "ac", seed=1)
    Path("val/b").mkdir()
    write('train = ImageFolder {"train"} ; test = ImageFolder {"val"}', classes=3)
    assert command("check", "-q", "n.net").err == ""
    answer = command("run", "-q", "n.net", "--device", "cpu", "-o", "out")
    assert answer.code == 0
    assert "test ce" in answer.out


def test_photos_without_labels_train_an_auto_encoder(command: Command) -> None:
    photos("all/x")
    for source in ('ImageFolder {"all/x/a"}', 'MapFile {"list.txt"}'):
        Path("list.txt").write_text("".join(f".../all/x/a/{k}.jpg\n" for k in range(4)))
        Path("ae.net").write_text(f"""
network = {{
    features = Input {{8:8:3}}
    x = features / 256
    z = ConvolutionalLayer {{3, (3:3), pad = true}} (x)
    criterionNodes = SquareError (x, z) ; outputNodes = z
}}
reader = {{ train = {source} }}
SGD = {{ minibatchSize = 2 ; maxEpochs = 1 ; learningRate = 0.0001 }}
""")
        answer = command("run", "-q", "ae.net", "--device", "cpu")
        assert (answer.code, answer.err) == (0, "")
        assert "train se" in answer.out


def test_a_network_that_needs_labels_says_why_there_are_none(command: Command) -> None:
    photos("all")
    write('train = ImageFolder {"all/a"}')
    answer = command("check", "-q", "n.net")
    assert answer.code == 1
    assert "the train reader delivers nothing for the input `labels`" in answer.err
    assert "`a` has no sub-folders, so its images have no labels" in answer.err
    assert "put the images of each class into a sub-folder" in answer.err


def test_predict_tells_of_photos_that_are_stored_turned_and_of_files_that_it_skips(command: Command) -> None:
    photos("train", size=(8, 6))
    exif = Image.Exif()
    exif[0x0112] = 6
    Path("new").mkdir()
    Image.new("RGB", (8, 6)).save("new/phone.jpg", exif=exif)
    Image.open("train/a/0.jpg").save("new/up.jpg")
    Path("new/other.heic").write_bytes(b"x")
    write('train = ImageFolder {"train", transforms = Scale {8:8}}')
    assert command("run", "-q", "n.net", "--device", "cpu", "-o", "out").code == 0
    answer = command("predict", "n.net", "new", "-c", "out", "--device", "cpu")
    assert answer.code == 0
    assert len(answer.out.splitlines()) == 2
    assert "1 of the 2 images looked at is stored turned, and read as stored" in answer.err
    assert "1 file is skipped: .heic (1)" in answer.err
    answer = command("predict", "n.net", "new", "-c", "out", "--device", "cpu",
                     "reader.train.applyExifOrientation=true")
    assert "stored turned" not in answer.err
    Path("only").mkdir()
    Path("only/x.heic").write_bytes(b"x")
    answer = command("predict", "n.net", "only", "-c", "out", "--device", "cpu")
    assert "1 file is skipped: .heic (1)" in answer.err
    assert "Most Compatible" in answer.err

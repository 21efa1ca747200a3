"""`test`, `predict` and `info`: commands that need a checkpoint."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from netdsl.data.choose import choose_data
from netdsl.readers.formats.idx import read_idx

from .conftest import Command


@pytest.fixture(scope="session")
def images(trained: Path, cache: Path) -> Path:
    """Test images of the sample as PNG, their class in the name, and two that are no good."""
    sample = choose_data(trained / "small.net").sample
    assert sample is not None
    pixels, labels = (read_idx(str(sample / f"t10k-{name}.gz")) for name in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    folder = trained / "digits"
    folder.mkdir()
    for number, (image, label) in enumerate(zip(pixels[:12], labels, strict=False)):
        Image.fromarray(image).save(folder / f"{number:02}-is-{label}.png")
    return folder


# --- test -----------------------------------------------------------------------------------------------


def test_test_gives_what_the_run_gave(command: Command, work: Path) -> None:
    answer = command("test", "small.net", "--format", "json", "--device", "cpu")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    recorded = json.loads((work / "runs/small/1/result.json").read_text())["test"]
    assert document["samples"] == 100
    assert document["values"] == pytest.approx(recorded, rel=1e-5)
    assert "runs/small" in document["checkpoint"]
    assert "SAMPLE DATA" in answer.err


def test_test_prints_shares_in_percent(command: Command, work: Path) -> None:
    answer = command("test", "small.net", "-c", "runs/small/0", "--device", "cpu", "--details")
    recorded = json.loads((work / "runs/small/0/result.json").read_text())["test"]
    assert f"errs  {100 * recorded['errs']:.2f} %" in answer.out
    assert f"ce    {recorded['ce']:.4g}" in answer.out
    assert "100 samples" in answer.out
    assert "worst samples" in answer.out


def test_test_details_count_every_sample(command: Command, work: Path) -> None:
    document = json.loads(command("test", "small.net", "--details", "--format", "json", "--device", "cpu").out)
    confusion = np.array(document["confusion"])
    assert confusion.sum() == 100
    assert 1 - np.trace(confusion) / 100 == pytest.approx(document["values"]["errs"])
    criteria = [sample["criterion"] for sample in document["worst"]]
    assert criteria == sorted(criteria, reverse=True)


# --- predict --------------------------------------------------------------------------------------------


def test_predict_names_the_classes(command: Command, work: Path, images: Path) -> None:
    answer = command("predict", "small.net", "digits", "--format", "json", "--top", "3", "--device", "cpu")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    assert len(document) == 12
    right = [int(Path(row["input"]).stem[-1]) == row["predictions"][0]["class"] for row in document]
    assert sum(right) >= 9  # trained on the same kind of digits
    for row in document:
        shares = [guess["share"] for guess in row["predictions"]]
        assert len(shares) == 3
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1 + 1e-9


def test_predict_agrees_with_test(command: Command, work: Path, images: Path) -> None:
    """The same images through files and through the reader: the same classes."""
    confusion = json.loads(command("test", "small.net", "--details", "--format", "json", "--device", "cpu").out)
    assert np.trace(confusion["confusion"]) > 84  # so that the 16 worst samples are all that are wrong
    wrong = {sample["index"] for sample in confusion["worst"] if sample["label"] != sample["predicted"]}
    document = json.loads(command("predict", "small.net", "digits", "--format", "json", "--device", "cpu").out)
    for number, row in enumerate(document):
        right = row["predictions"][0]["class"] == int(Path(row["input"]).stem[-1])
        assert right == (number not in wrong)


def test_predict_takes_paths_from_standard_input(command: Command, work: Path, images: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    paths = sorted(str(path) for path in images.iterdir())[:2]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(paths) + "\n\n"))
    answer = command("predict", "small.net", "-", "--format", "csv", "--top", "2", "--device", "cpu")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [row["input"] for row in rows] == [paths[0], paths[0], paths[1], paths[1]]
    assert [row["rank"] for row in rows] == ["1", "2"] * 2


def test_predict_answers_the_others_when_some_are_bad(command: Command, work: Path, images: Path, tmp_path: Path
                                                      ) -> None:
    good = str(sorted(images.iterdir())[0])
    (tmp_path / "no.png").write_bytes(b"not an image at all")
    Image.new("L", (30, 20)).save(tmp_path / "size.png")
    answer = command("predict", "small.net", str(tmp_path / "no.png"), good, str(tmp_path / "gone.png"),
                     str(tmp_path / "size.png"), "--device", "cpu")
    assert answer.code == 1
    assert [line.split(":")[0] for line in answer.out.splitlines()] == [good]
    assert "3 of 4 inputs could not be read" in answer.err
    assert "no.png: the file is not an image" in answer.err
    assert "gone.png: there is no image" in answer.err
    assert "comes out as 30 x 20 x 1, and the network takes 28 x 28 x 1" in answer.err


@pytest.mark.parametrize(("text", "name"), [
    ("\n".join(f"n{k} digit {k}" for k in range(10)), "digit "),
    (json.dumps({str(k): [f"n{k}", f"number_{k}"] for k in range(10)}), "number_"),
])
def test_predict_takes_names_from_a_list(command: Command, work: Path, images: Path, tmp_path: Path, text: str,
                                         name: str) -> None:
    (tmp_path / "classes").write_text(text)
    answer = command("predict", "small.net", str(sorted(images.iterdir())[0]), "--classes", str(tmp_path / "classes"),
                     "--format", "json", "--device", "cpu")
    guess = json.loads(answer.out)[0]["predictions"][0]
    assert guess["name"] == f"{name}{guess['class']}"


def test_a_list_of_other_classes_is_refused(command: Command, work: Path, images: Path, tmp_path: Path) -> None:
    (tmp_path / "classes").write_text("a\nb\n")
    answer = command("predict", "small.net", str(images), "--classes", str(tmp_path / "classes"), "--device", "cpu")
    assert (answer.code, answer.out) == (1, "")
    assert "the list names 2 classes, the network has 10" in answer.err


def test_predict_on_rows_of_a_table(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(1)
    rows = [(*(draw.normal(size=3) + 3 * (k % 2)), "ab"[k % 2]) for k in range(60)]
    Path("t.csv").write_text("x,y,z,kind\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n")
    Path("rows.net").write_text("""network = {
    features = Input {3} ; labels = Input {2} ; z = LinearLayer {2} (features)
    ce = CrossEntropyWithSoftmax (labels, z) ; criterionNodes = ce ; outputNodes = z }
reader = { train = CSV {"t.csv"} ; test = CSV {"t.csv"} }
SGD = { minibatchSize = 8 ; maxEpochs = 5 ; learningRate = 0.1 }
""")
    assert command("train", "rows.net", "-q", "--device", "cpu").code == 0
    answer = command("predict", "rows.net", "t.csv", "--format", "json", "--device", "cpu")
    names = [row["predictions"][0]["name"] for row in json.loads(answer.out)]
    assert sum(name == "ab"[k % 2] for k, name in enumerate(names)) > 50


# --- info -----------------------------------------------------------------------------------------------


def test_info_shows_the_tensors(command: Command, work: Path) -> None:
    document = json.loads(command("info", "runs/small/0", "--format", "json").out)
    stored = load_file(work / "runs/small/0/checkpoints/last/weights.safetensors")
    assert {t["name"] for t in document["tensors"]} == set(stored)
    for tensor in document["tensors"]:
        array = stored[tensor["name"]]
        assert tuple(tensor["dims"]) == array.shape
        assert tensor["min"] == pytest.approx(float(array.min()))
        assert tensor["max"] == pytest.approx(float(array.max()))
        assert tensor["mean"] == pytest.approx(float(array.mean(dtype=np.float64)), abs=1e-9)
    assert (document["name"], document["epoch"], document["step"]) == ("small", 2, 26)
    assert set(document["values"]["train"]) == {"ce", "errs"}
    assert document["trainer"]


def test_info_as_text(command: Command, work: Path) -> None:
    out = command("info", "runs/small/0/checkpoints/best").out
    assert re.search(r"model\.hidden\.weight +784 x 24 +float32 +-0\.\d+", out)
    assert "after 2 epochs, 26 updates" in out
    assert "netdsl" in out


def test_info_of_a_plain_safetensors_file(command: Command, work: Path) -> None:
    answer = command("info", "runs/small/0/checkpoints/last/weights.safetensors")
    assert answer.code == 0
    assert "model.classes.bias" in answer.out


# --- wrong input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("test", "small.net", "-c", "nowhere"), 1, "there is no checkpoint `nowhere`"),
    (("test", "gone.net"), 1, "there is no run of `gone`"),
    (("test", "small.net", "--phase", "validation"), 1, "the file has no validation data"),
    (("test", "small.net", "-c", "small.net"), 1, "checkpoint"),
    (("test", "small.net", "--device", "tpu"), 1, "tpu"),
    (("test", "small.net", "--limit", "0"), 2, "--limit"),
    (("predict", "small.net"), 2, "INPUT"),
    (("predict", "small.net", "SGD.maxEpochs=1"), 2, "name an image"),
    (("predict", "small.net", "runs"), 1, "there are no images in the folder"),
    (("predict", "small.net", "x.png", "--classes", "gone.txt"), 1, "gone.txt"),
    (("info", "nowhere"), 1, "there is no checkpoint `nowhere`"),
    (("info", "small.net"), 1, "is not a checkpoint"),
    (("info", "model.pkl"), 1, "not in a format that can be read safely"),
    (("info",), 2, "CHECKPOINT"),
])
def test_wrong_input(command: Command, work: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    Path("model.pkl").write_bytes(b"\x80\x02}q\x00.")
    answer = command(*arguments)
    assert (answer.code, answer.out) == (code, ""), answer.err
    assert words in answer.err
    assert "Traceback" not in answer.err


def test_photos_of_another_size_are_one_page(command: Command, work: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("L", (40, 30)).save(tmp_path / name)
    answer = command("predict", "small.net", str(tmp_path), "--device", "cpu")
    assert answer.code == 1
    assert answer.err.count("the image comes out as 40 x 30 x 1, and the network takes 28 x 28 x 1") == 1
    assert "Scale {28:28}" in answer.err


def test_details_list_mistakes_only_by_the_names_of_the_classes(command: Command, work: Path, tmp_path: Path) -> None:
    shutil.copytree(work / "runs/small/1/checkpoints/last", tmp_path / "named")
    path = tmp_path / "named/state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"classNames": [f"digit-{n}" for n in range(10)]}))
    answer = command("test", "small.net", "--details", "--device", "cpu", "-c", str(tmp_path / "named"))
    listed = answer.out.partition("worst samples")[2]
    pairs = re.findall(r"  digit-(\d), predicted digit-(\d)$", listed, re.M)
    assert len(pairs) == listed.count(", predicted ") > 0
    assert all(label != taken for label, taken in pairs)


def test_a_phase_without_a_reader_marks_the_reader(command: Command, work: Path) -> None:
    answer = command("test", "small.net", "--phase", "validation", "--device", "cpu")
    assert "the reader has data for `train` and `test` only" in answer.err
    assert "--phase train" in answer.err

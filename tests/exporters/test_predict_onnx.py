"""`netdsl predict MODEL.onnx`: the answers of the checkpoint, in every format; models of other programs."""

from __future__ import annotations

import importlib.util
import json
import re
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import netdsl
import netdsl.cli

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

PHOTOS = """network = {
    features = Input {12:10:3} ; labels = Input {3}
    c = ConvolutionalLayer {4, (3:3), activation = ReLU} (features / 256)
    z = LinearLayer {3} (c)
    criterionNodes = CrossEntropyWithSoftmax (labels, z) ; outputNodes = z
}
reader = {
    train = ImageFolder {"photos", transforms = RandomCrop {sideRatio = 0.8} : Flip {} : Scale {12:10} :
                         Mean {100 : 90 : 80}}
    test  = ImageFolder {"photos", colorOrder = 'BGR', transforms = CenterCrop {sideRatio = 0.8} : Scale {12:10} :
                         Mean {100 : 90 : 80}}
}
SGD = { minibatchSize = 4 ; maxEpochs = 2 ; learningRate = 0.01 }
"""
TABLE = """network = {
    features = Input {4} ; labels = Input {1}
    z = LinearLayer {1} (DenseLayer {6, activation = Tanh} (features))
    criterionNodes = SquareError (labels, z) ; outputNodes = z
}
reader = {
    train = CSV {"rows.csv", columns = "size" : "city" : "year", labels = "price", targets = "numbers",
                 categories = "city", standardize = true}
}
SGD = { minibatchSize = 4 ; maxEpochs = 2 ; learningRate = 0.01 }
"""




def command(*arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = netdsl.cli.run(arguments)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained network of photos and its model."""
    folder = tmp_path_factory.mktemp("photos")
    with chdir(folder):
        draw = np.random.default_rng(0)
        for kind in ("cat", "dog", "owl"):
            (folder / "photos" / kind).mkdir(parents=True)
            for number in range(4):
                Image.fromarray(draw.integers(0, 256, (31, 47, 3), dtype=np.uint8)).save(f"photos/{kind}/{number}.png")
        Path("photos.net").write_text(PHOTOS)
        assert command("run", "photos.net", "-q", "--device", "cpu")[0] == 0
        assert command("export", "photos.net", "--to", "onnx")[0] == 0
    return folder


@pytest.fixture
def photos(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained)
    return trained


def assert_alike(first: str, second: str) -> None:
    """The same text, numbers to 1e-5."""
    number = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
    assert number.sub("#", first) == number.sub("#", second)
    pairs = zip(number.findall(first), number.findall(second), strict=True)
    assert all(abs(float(a) - float(b)) <= 1e-5 * max(1, abs(float(a))) for a, b in pairs)


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_the_answers_of_the_checkpoint(photos: Path, form: str) -> None:
    Path("notes.jpg").write_text("no image")
    arguments = ("photos/cat/0.png", "photos/dog", "notes.jpg", "--format", form, "--top", "2")
    code, out, err = command("predict", "photos.net", *arguments, "--device", "cpu")
    own_code, own_out, own_err = command("predict", "photos.onnx", *arguments)
    assert (code, own_code) == (1, 1)
    assert_alike(out, own_out)
    assert "cat" in own_out
    assert err.splitlines()[1:] == own_err.splitlines()[1:]
    assert own_err.startswith("model: photos.onnx: photos, after 2 epochs, exported by netdsl ")
    assert "notes.jpg" in own_err


def test_the_model_needs_nothing_beside_it(photos: Path, tmp_path_factory: pytest.TempPathFactory,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere, without the `.net` file, the data and the run."""
    _, expected, _ = command("predict", "photos.net", "photos/owl/1.png", "--device", "cpu")
    away = tmp_path_factory.mktemp("away")
    (away / "m.onnx").write_bytes(Path("photos.onnx").read_bytes())
    (away / "1.png").write_bytes(Path("photos/owl/1.png").read_bytes())
    monkeypatch.chdir(away)
    code, out, err = command("predict", "m.onnx", "1.png")
    assert code == 0, err
    assert_alike(out.replace("1.png", "photos/owl/1.png"), expected)


def test_names_of_classes_from_a_list(photos: Path) -> None:
    Path("names.txt").write_text("Katze\nHund\nEule\n")
    _, out, _ = command("predict", "photos.onnx", "photos/cat/0.png", "--classes", "names.txt")
    assert set(re.findall(r"[A-Z]\w+", out)) == {"Katze", "Hund", "Eule"}


def test_python(photos: Path) -> None:
    expected = netdsl.predict("photos.net", "photos/cat", quiet=True, device="cpu")
    found = netdsl.predict("photos.onnx", "photos/cat", quiet=True)
    assert [a.sample for a in found] == [a.sample for a in expected]
    assert_alike(json.dumps([a.to_json() for a in found]), json.dumps([a.to_json() for a in expected]))


def test_rows_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words and standardized columns are those of the training data: the model has them."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{k * 3.5},{'Rome' if k % 3 else 'Bonn'},{1950 + k},{k * 10}" for k in range(12)]
    Path("rows.csv").write_text("\n".join(["size,city,year,price", *rows]) + "\n")
    Path("new.csv").write_text("year,size,city\n1960,4.5,Rome\n2001,11,Bonn\n")
    Path("n.net").write_text(TABLE)
    assert command("run", "n.net", "-q", "--device", "cpu")[0] == 0
    code, _, err = command("export", "n.net", "--to", "onnx")
    assert code == 0, err
    _, expected, _ = command("predict", "n.net", "new.csv", "--format", "csv", "--device", "cpu")
    Path("rows.csv").unlink()
    code, out, err = command("predict", "n.onnx", "new.csv", "--format", "csv")
    assert code == 0, err
    assert_alike(out, expected)


def test_a_checkpoint_is_not_for_a_model(photos: Path) -> None:
    code, _, err = command("predict", "photos.onnx", "photos/cat", "-c", "photos")
    assert code == 2
    assert "has its weights in it" in err


def test_without_onnxruntime(photos: Path, monkeypatch: pytest.MonkeyPatch, golden: Any) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))
    code, _, err = command("predict", "photos.onnx", "photos/cat")
    assert code == 1
    golden(err, Path("tests/errors/not-installed/predict-onnx.txt"))


# --- models of other programs ---------------------------------------------------------------------------


def foreign(path: Path, batch: str | int = "n") -> None:
    """y = x W + b, written with the package `onnx` alone."""
    helper = onnx.helper
    w = onnx.numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(3, 2), "W")
    b = onnx.numpy_helper.from_array(np.array([1, -1], dtype=np.float32), "b")
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "W", "b"], ["y"])], "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [batch, 3])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [batch, 2])], [w, b])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


@pytest.mark.parametrize("batch", ["n", 1, 2])
def test_arrays_and_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: str | int) -> None:
    monkeypatch.chdir(tmp_path)
    foreign(tmp_path / "m.onnx", batch)
    x = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 1]], dtype=np.float64)
    np.save("x.npy", x)
    Path("x.csv").write_text("a;b;c\n1;0;0\n0;1;0\n1;1;1\n")
    for name in ("x.npy", "x.csv"):
        code, out, err = command("predict", "m.onnx", name)
        assert code == 0, err
        assert out == f"{name}:1: 1 0\n{name}:2: 3 2\n{name}:3: 7 8\n"
        assert "without netdsl's metadata" in err
    _, out, _ = command("predict", "m.onnx", "x.npy", "--format", "json")
    assert json.loads(out)[2]["outputs"]["y"]["values"] == [7.0, 8.0]


def test_classes_for_a_foreign_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    foreign(tmp_path / "m.onnx")
    Path("x.csv").write_text("0,1,0\n")
    Path("names.txt").write_text("left\nright\n")
    _, out, _ = command("predict", "m.onnx", "x.csv", "--classes", "names.txt", "--top", "1")
    assert out == "x.csv:1: left 3\n"


@pytest.mark.parametrize("case", ["image", "shape", "two", "text", "broken"])
def test_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Any, case: str) -> None:
    monkeypatch.chdir(tmp_path)
    foreign(tmp_path / "m.onnx")
    np.save("x.npy", np.zeros((5, 4)))
    Path("words.csv").write_text("a,b\nred,blue\n")
    Path("broken.onnx").write_bytes(b"this is no model")
    arguments = {"image": ("m.onnx", "photo.jpg"), "shape": ("m.onnx", "x.npy"), "two": ("m.onnx", "x.npy", "x.npy"),
                 "text": ("m.onnx", "words.csv"), "broken": ("broken.onnx", "x.npy")}[case]
    code, _, err = command("predict", *arguments)
    assert code == 1, err
    page = "\n".join(line for line in err.splitlines() if not line.startswith("model:")) + "\n"
    golden(page, Path("tests/exporters/pages") / f"predict-{case}.txt")

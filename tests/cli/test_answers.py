"""What `predict` and `test --details` say of outputs of every kind; data without labels; which checkpoint."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import Answer, Command

SGD = "SGD = { minibatchSize = 16 ; maxEpochs = 30 ; learningRate = 0.02 }"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(command: Command, text: str, *overrides: str) -> Answer:
    Path("n.net").write_text(text)
    answer = command("run", "n.net", *overrides, "-q", "-o", "out", "--device", "cpu")
    assert answer.code == 0, answer.err
    return answer


def predict(command: Command, *arguments: str) -> Answer:
    answer = command("predict", "n.net", *arguments, "-c", "out", "--device", "cpu")
    assert answer.code == 0, answer.err
    return answer


def outputs(command: Command, *arguments: str) -> list[dict[str, dict]]:  # type: ignore[type-arg]
    return [row["outputs"] for row in json.loads(predict(command, *arguments, "--format", "json").out)]


def rows(command: Command, *arguments: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(predict(command, *arguments, "--format", "csv").out)))


def table(path: str, names: str, *columns: np.ndarray) -> None:
    body = "\n".join(",".join(f"{value:.4f}" if isinstance(value, float) else str(value) for value in row)
                     for row in zip(*(column.tolist() for part in columns for column in np.atleast_2d(part.T)),
                                    strict=True))
    Path(path).write_text(f"{names}\n{body}\n")


# --- kinds of outputs -----------------------------------------------------------------------------------


def test_regression_gives_the_numbers_under_the_names_of_the_columns(command: Command, here: Path) -> None:
    draw = np.random.default_rng(0)
    x, matrix = draw.normal(size=(200, 3)), draw.normal(size=(3, 4))
    y = x @ matrix * 10 + 50
    table("train.csv", "a,b,c,left,top,right,bottom", x[:160], y[:160])
    table("test.csv", "a,b,c,left,top,right,bottom", x[160:], y[160:])
    table("new.csv", "a,b,c", x[160:])
    options = 'labels = "left":"top":"right":"bottom", targets = "numbers"'
    train(command, f"""network = {{ features = Input {{3}} ; labels = Input {{4}} ; z = LinearLayer {{4}} (features)
        criterionNodes = SquareError (labels, z) ; outputNodes = z }}
    reader = {{ train = CSV {{"train.csv", {options}}} ; test = CSV {{"test.csv", {options}}} }}
    {SGD}""")
    assert predict(command, "new.csv").out.splitlines()[0] == \
        "sample 0: left 55.104, top 58.084, right 51.214, bottom 76.357"
    found = outputs(command, "new.csv")
    np.testing.assert_allclose([row["z"]["values"] for row in found], y[160:], atol=0.01)
    assert found[0]["z"]["names"] == ["left", "top", "right", "bottom"]
    wide = rows(command, "new.csv")
    assert list(wide[0]) == ["input", "left", "top", "right", "bottom"]
    assert float(wide[0]["left"]) == found[0]["z"]["values"][0]
    details = command("test", "n.net", "-c", "out", "--details", "--device", "cpu").out
    assert "confusion" not in details
    report = Path("out/report.html").read_text()
    assert "Confusion matrix" not in report
    Path("train.csv").unlink()  # the checkpoint knows the names
    assert predict(command, "new.csv").out.startswith("sample 0: left 55.104")


def test_independent_labels_have_a_share_each(command: Command, here: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 3))
    y = (x > 0).astype(int)
    table("train.csv", "a,b,c,rain,wind,snow", x[:320], y[:320])
    table("test.csv", "a,b,c,rain,wind,snow", x[320:], y[320:])
    options = 'labels = "rain":"wind":"snow", targets = "numbers"'
    text = f"""network = {{ features = Input {{3}} ; labels = Input {{3}} ; z = LinearLayer {{3}} (features)
        p = Sigmoid (z) ; ce = BinaryCrossEntropyWithSigmoid (labels, z) ; criterionNodes = ce ; outputNodes = OUT }}
    reader = {{ train = CSV {{"train.csv", {options}}} ; test = CSV {{"test.csv", {options}}} }}
    {SGD.replace("0.02", "1")}"""
    for output in "zp":
        train(command, text.replace("OUT", output))
        shares = [[label["share"] for label in row[output]["shares"]] for row in outputs(command, "test.csv")]
        np.testing.assert_allclose(shares[2], [0.955, 0.048, 0.000], atol=0.001)
        assert ((np.array(shares) > 0.5) == y[320:]).mean() > 0.98
        assert predict(command, "test.csv").out.splitlines()[2] == "sample 2: rain 95.5 %, wind 4.8 %, snow 0.0 %"
        shutil.rmtree("out")


def test_json_has_null_where_a_metric_is_not_a_number(command: Command, here: Path) -> None:
    np.save("x.npy", np.random.default_rng(0).normal(size=(20, 2)).astype("float32"))
    np.save("y.npy", np.ones(20, dtype=int))  # AUC needs both classes
    train(command, f"""network = {{
        features = Input {{2}} ; labels = Input {{1}}
        z = LinearLayer {{1}} (features)
        criterionNodes = BinaryCrossEntropyWithSigmoid (labels, z) ; evaluationNodes = auc ; outputNodes = z
        auc = AUC (labels, z)
    }}
    reader = {{ train = NumPy {{"x.npy", "y.npy"}} }} ; {SGD}""", "SGD.maxEpochs=1")

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is no JSON")

    text = command("test", "n.net", "-c", "out", "--phase", "train", "--format", "json", "--device", "cpu").out
    assert json.loads(text, parse_constant=refuse)["values"]["auc"] is None


@pytest.mark.parametrize(("reader", "new"), [
    ('CSV {"t.csv", firstLabel = 1}', "t.csv"), ('NumPy {"x.npy", "y.npy", firstLabel = 1}', "x.npy"),
    ('CNTKText {"t.ctf", input = {features = {dim = 2} ; labels = {dim = 3 ; format = "sparse" ; firstLabel = 1}}}',
     "t.ctf")])
def test_labels_from_one_are_answered_as_in_the_file(command: Command, here: Path, reader: str, new: str) -> None:
    draw = np.random.default_rng(0)
    labels = np.arange(60) % 3 + 1
    x = np.stack([np.cos(2.1 * labels), np.sin(2.1 * labels)], 1) + 0.05 * draw.normal(size=(60, 2))
    np.save("x.npy", x.astype("float32"))
    np.save("y.npy", labels)
    table("t.csv", "a,b,kind", x, labels)
    Path("t.ctf").write_text("".join(f"|features {a:.4f} {b:.4f} |labels {y}:1\n"
                                     for (a, b), y in zip(x.tolist(), labels.tolist(), strict=True)))
    train(command, f"""network = {{
        features = Input {{2}} ; labels = Input {{3}}
        z = LinearLayer {{3}} (features)
        criterionNodes = CrossEntropyWithSoftmax (labels, z) ; outputNodes = z
    }}
    reader = {{ train = {reader} }} ; {SGD}""", "SGD.learningRate=1", "SGD.minibatchSize=10")
    found = [row["z"]["predictions"][0] for row in outputs(command, new)]
    assert [row["name"] for row in found] == [f"label {label}" for label in labels]
    assert [row["class"] for row in found] == [label - 1 for label in labels]
    details = command("test", "n.net", "-c", "out", "--phase", "train", "--details", "--device", "cpu").out
    assert [line.split()[-1] for line in details.splitlines()[5:8]] == ["1", "2", "3"]
    assert details.splitlines()[5].endswith("label 1")


def test_heads_have_a_confusion_each_whatever_their_order(command: Command, here: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(600, 2)).astype("float32")
    for name, column in (("colour", 0), ("size", 1)):
        np.save(f"{name}.npy", np.digitize(x[:, column], [-0.5, 0.5]).astype("int64"))
    np.save("x.npy", x)
    train(command, """network = { features = Input {2} ; size = Input {3} ; colour = Input {3}
        h = DenseLayer {16, activation = Tanh} (features) ; zc = LinearLayer {3} (h) ; zs = LinearLayer {3} (h)
        criterionNodes = CrossEntropyWithSoftmax (size, zs) : CrossEntropyWithSoftmax (colour, zc)
        errSize = ClassificationError (size, zs) ; errColour = ClassificationError (colour, zc)
        evaluationNodes = errSize : errColour ; outputNodes = zc : zs }
    data = Joined {NumPy {"x.npy", "colour.npy", labelsInput = "colour"} :
                   NumPy {"x.npy", "size.npy", featuresInput = "unused", labelsInput = "size"}}
    reader = { train = data ; test = data }
    SGD = { minibatchSize = 20 ; maxEpochs = 30 ; learningRate = 0.3 }""")
    document = json.loads(command("test", "n.net", "-c", "out", "--details", "--format", "json", "--device", "cpu").out)
    heads = {head["output"]: head for head in document["heads"]}
    for name, labels, metric in (("zc", "colour", "errColour"), ("zs", "size", "errSize")):
        matrix = np.array(heads[name]["confusion"])
        assert heads[name]["labels"] == labels
        assert matrix.sum(1).tolist() == np.bincount(np.load(f"{labels}.npy")).tolist()
        assert 1 - np.trace(matrix) / 600 == pytest.approx(document["values"][metric])
        np.testing.assert_allclose(heads[name]["recall"], np.diag(matrix) / matrix.sum(1))
        np.testing.assert_allclose(heads[name]["precision"], np.diag(matrix) / matrix.sum(0))
    assert json.loads(Path("out/test.json").read_text())["heads"] == document["heads"]
    text = command("test", "n.net", "-c", "out", "--details", "--device", "cpu").out
    assert "confusion of zc by colour" in text
    assert "confusion of zs by size" in text
    # The second reader delivers nothing that the outputs need; its labels are not asked for.
    found = outputs(command, "x.npy")
    for name, labels in (("zc", "colour"), ("zs", "size")):
        best = [row[name]["predictions"][0]["class"] for row in found]
        assert np.mean(best == np.load(f"{labels}.npy")) == pytest.approx(heads[name] and np.trace(
            np.array(heads[name]["confusion"])) / 600)
    long = rows(command, "x.npy", "--top", "1")
    assert [(row["output"], row["number"]) for row in long[:2]] == \
        [(name, str(found[0][name]["predictions"][0]["class"])) for name in ("zc", "zs")]
    assert "<h3>zc</h3>" in Path("out/report.html").read_text()


def test_a_segmentation_gives_maps(command: Command, here: Path) -> None:
    draw = np.random.default_rng(0)
    for folder in ("images", "masks"):
        Path(folder).mkdir()
    for number in range(16):
        mask = np.zeros((16, 16), np.uint8)
        mask[2 : draw.integers(6, 14), 3 : draw.integers(6, 14)] = 1 + number % 2
        image = draw.integers(0, 60, (16, 16, 3)) + np.array([[0, 0, 0], [150, 0, 0], [0, 0, 150]])[mask]
        Image.fromarray(image.astype(np.uint8)).save(f"images/{number}.png")
        mask[0, 0] = 255  # a pixel without a class
        Image.fromarray(mask).save(f"masks/{number}.png")
    train(command, """network = { features = Input {16:16:3} ; labels = Input {16:16:3}
        z = ConvolutionalLayer {3, (1:1)} (features / 256)
        ce = CrossEntropyWithSoftmax (labels, z, axis = 3) / 256 ; errs = ClassificationError (labels, z, axis = 3)
        criterionNodes = ce ; evaluationNodes = errs ; outputNodes = z }
    masks = ImageMasks {"images", "masks", classes = 3}
    reader = { train = masks ; test = masks }
    SGD = { minibatchSize = 4 ; maxEpochs = 30 ; learningRate = 2 }""")
    answer = predict(command, "images/0.png", "images/1.png", "-o", "maps")
    assert answer.out.count("16 x 16: class 0") == 2
    for number in (0, 1):
        found, wanted = Image.open(f"maps/{number}.png"), np.asarray(Image.open(f"masks/{number}.png"))
        assert (found.mode, found.size) == ("P", (16, 16))
        assert (np.asarray(found) == wanted)[wanted != 255].mean() > 0.97
    (document,) = outputs(command, "images/0.png")
    assert document["z"]["size"] == [16, 16]
    pixels = np.bincount(np.asarray(Image.open("maps/0.png")).ravel())
    assert [(entry["class"], entry["pixels"]) for entry in document["z"]["classes"]] == list(enumerate(pixels.tolist()))
    details = json.loads(command("test", "n.net", "-c", "out", "--details", "--format", "json", "--device", "cpu").out)
    matrix = np.array(details["heads"][0]["confusion"])
    assert matrix.sum() == 16 * 255  # a pixel of each mask has no class
    assert 1 - np.trace(matrix) / matrix.sum() == pytest.approx(details["values"]["errs"], abs=1e-6)


def test_an_auto_encoder_gives_images(command: Command, here: Path) -> None:
    draw = np.random.default_rng(0)
    Path("photos").mkdir()
    for number in range(12):
        Image.fromarray(draw.integers(0, 255, (8, 8, 3)).astype(np.uint8)).save(f"photos/{number}.png")
    train(command, """network = { features = Input {8:8:3} ; x = (features - 128) / 64
        z = ConvolutionalLayer {3, (1:1)} (x)
        criterionNodes = SquareError (x, z) ; outputNodes = z }
    reader = { train = ImageFolder {"photos", transforms = Scale {8:8}, colorOrder = "BGR"} }
    SGD = { minibatchSize = 4 ; maxEpochs = 60 ; learningRate = 0.002 }""")
    predict(command, "photos", "-o", "made")
    for number in range(12):
        made, wanted = (np.asarray(Image.open(f"{folder}/{number}.png")).astype(int) for folder in ("made", "photos"))
        assert abs(made - wanted).mean() < 3
    (document,) = outputs(command, "photos/1.png")
    assert (document["z"]["kind"], document["z"]["size"]) == ("image", [8, 8, 3])
    assert np.array(document["z"]["values"]).shape == (3, 8, 8)
    (written,) = outputs(command, "photos/1.png", "-o", "made")
    assert written["z"]["file"] == "made/1.png"


def test_two_images_of_a_sample_are_two_inputs(command: Command, here: Path) -> None:
    draw = np.random.default_rng(0)
    for side in ("left", "right"):
        Path(side).mkdir()
        for number in range(8):
            Image.fromarray(draw.integers(0, 255, (4, 4), dtype=np.uint8)).save(f"{side}/{number}.png")
        Path(f"{side}.txt").write_text("".join(f"{side}/{n}.png\t{n % 2}\n" for n in range(8)))
    train(command, """network = { left = Input {4:4:1} ; right = Input {4:4:1} ; same = Input {2}
        f = LinearLayer {2} ; z = f (left / 256) - f (right / 256)
        criterionNodes = CrossEntropyWithSoftmax (same, z) ; outputNodes = z }
    pairs = Joined {MapFile {"left.txt", featuresInput = "left", labelsInput = "same", grayscale = true} :
                    MapFile {"right.txt", featuresInput = "right", labelsInput = "unused", grayscale = true}}
    reader = { train = pairs }
    SGD = { minibatchSize = 4 ; maxEpochs = 2 ; learningRate = 0.1 }""")
    by_folder = outputs(command, "left", "right")
    assert len(by_folder) == 8
    (alone,) = outputs(command, "left/3.png", "right/3.png")
    for guess, wanted in zip(alone["z"]["predictions"], by_folder[3]["z"]["predictions"], strict=True):
        assert (guess["class"], guess["share"]) == pytest.approx((wanted["class"], wanted["share"]), rel=1e-5)
    Path("plain.txt").write_text("".join(f"right/{n}.png\n" for n in range(8)))
    assert outputs(command, "left.txt", "plain.txt") == by_folder  # lists, with labels and without
    half = command("predict", "n.net", "left", "-c", "out", "--device", "cpu")
    assert half.code == 1
    assert "the outputs need 2 inputs, and 1 is given" in half.err
    assert "`left` and `right`" in half.err


# --- data without labels ----------------------------------------------------------------------------------


NET = """network = {{ features = Input {{4}} ; labels = Input {{3}} ; z = LinearLayer {{3}} (features)
    ce = CrossEntropyWithSoftmax (labels, z) ; criterionNodes = ce ; outputNodes = z }}
reader = {{ train = {0} ; test = {0} }}
SGD = {{ minibatchSize = 20 ; maxEpochs = 5 ; learningRate = 0.2 }}"""
SECTIONS = '{features = {dim = 4; alias = "x"}; labels = {dim = 3; alias = "y"; format = "sparse"}}'


@pytest.mark.parametrize(("reader", "new"), [
    ('CSV {"first.csv", labels = "label"}', "new.csv"), ('CSV {"last.csv"}', "new.csv"), ('CSV {"last.csv"}', "-"),
    ('CSV {"last.csv"}', "last.csv"), ('CSV {"first.csv", labels = "label"}', "last.csv"),
    (f'CNTKText {{"train.ctf", input = {SECTIONS}}}', "new.ctf"), ('NumPy {"x.npy", "y.npy"}', "new.npy"),
    ('NumPy {"x", "y", file = "all.npz"}', "new.npy"), ('NumPy {"x", "y", file = "all.npz"}', "new.npz"),
])
def test_rows_without_labels(command: Command, here: Path, monkeypatch: pytest.MonkeyPatch, reader: str, new: str
                             ) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 4))
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    table("first.csv", "label,p0,p1,p2,p3", y, x)
    table("last.csv", "p0,p1,p2,p3,label", x, y)
    table("new.csv", "p0,p1,p2,p3", x[:5])
    texts = ["|x " + " ".join(f"{v:.4f}" for v in row) for row in x]
    Path("train.ctf").write_text("".join(f"{text} |y {label}:1\n" for text, label in zip(texts, y, strict=True)))
    Path("new.ctf").write_text("".join(f"{text}\n" for text in texts[:5]))
    x32 = np.round(x, 4).astype("float32")
    np.save("x.npy", x32)
    np.save("y.npy", y)
    np.savez("all.npz", x=x32, y=y)
    np.save("new.npy", x32[:5])
    np.savez("new.npz", anything=x32[:5])
    train(command, NET.format(reader))
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(Path("new.csv").read_text().splitlines(True)[1:])))
    shares = [{guess["class"]: guess["share"] for guess in row["z"]["predictions"]} for row in outputs(command, new)]
    expected = [{1: 0.668, 0: 0.173, 2: 0.160}, {1: 0.732, 0: 0.162, 2: 0.105}, {0: 0.726, 1: 0.261, 2: 0.013}]
    for row, wanted in zip(shares, expected, strict=False):
        assert row == pytest.approx(wanted, abs=6e-4)


def test_a_table_without_a_feature_is_refused(command: Command, here: Path) -> None:
    table("last.csv", "p0,p1,p2,p3,label", np.eye(4)[[0, 1, 2]], np.arange(3))
    train(command, NET.format('CSV {"last.csv"}'))
    for names, columns in (("p0,p1,p2", 3), ("p0,p1,q,p3", 4)):
        table("new.csv", names, np.eye(columns))
        answer = command("predict", "n.net", "new.csv", "-c", "out", "--device", "cpu")
        assert (answer.code, answer.out) == (1, "")
        assert "`new.csv` has no column `p" in answer.err


# --- which checkpoint ---------------------------------------------------------------------------------------


def test_the_best_checkpoint_by_validation_is_taken_and_named(command: Command, here: Path) -> None:
    draw = np.random.default_rng(3)
    x = draw.normal(size=(60, 4))
    table("last.csv", "p0,p1,p2,p3,label", x, draw.integers(0, 3, 60))
    plan = "maxEpochs = 6 ; learningRate = 0.1*2 : 50 ; validation = 0.3 ; keepCheckPointFiles = true"
    text = NET.format('CSV {"last.csv"}').replace('; test = CSV {"last.csv"}', "")
    train(command, text.replace("maxEpochs = 5 ; learningRate = 0.2", plan))
    result = json.loads(Path("out/result.json").read_text())
    best = Path(result["best"]).name
    assert best != Path(result["checkpoint"]).name  # else the test shows nothing
    values = [json.loads(line)["validation"] for line in Path("out/metrics.jsonl").read_text().splitlines()
              if json.loads(line)["event"] == "epoch"]
    for option, epoch in (((), int(best[-4:])), (("--epoch", "last"), 6), (("--epoch", "best"), int(best[-4:]))):
        answer = command("test", "n.net", "-c", "out", *option, "--phase", "validation", "--format", "json",
                         "--device", "cpu")
        assert json.loads(answer.out)["values"] == pytest.approx(values[epoch - 1], rel=1e-4)
        assert f"epoch-{epoch:04d} (" in answer.err
        assert "--epoch" in answer.err
    missing = command("test", "n.net", "-c", "out", "--device", "cpu")
    assert missing.code == 1
    assert "--phase validation" in " ".join(missing.err.split())


def test_without_validation_data_the_last_checkpoint_is_taken(command: Command, here: Path) -> None:
    draw = np.random.default_rng(3)
    table("last.csv", "p0,p1,p2,p3,label", draw.normal(size=(60, 4)), draw.integers(0, 3, 60))
    train(command, NET.format('CSV {"last.csv"}'), "SGD.learningRate=3")
    answer = command("test", "n.net", "-c", "out", "--format", "json", "--device", "cpu")
    assert json.loads(answer.out)["values"] == pytest.approx(json.loads(Path("out/result.json").read_text())["test"])
    assert "epoch-0005" in answer.err


def test_after_early_stopping_without_validation_data_the_test_takes_the_same_checkpoint(command: Command, here: Path
                                                                                         ) -> None:
    draw = np.random.default_rng(3)
    table("last.csv", "p0,p1,p2,p3,label", draw.normal(size=(60, 4)), draw.integers(0, 3, 60))
    plan = "maxEpochs = 6 ; learningRate = 0.1*2 : 50 ; earlyStopping = EarlyStopping {patience = 2}"
    train(command, NET.format('CSV {"last.csv"}').replace("maxEpochs = 5 ; learningRate = 0.2", plan))
    result = json.loads(Path("out/result.json").read_text())
    assert result["stopped"] == "early stopping"
    assert result["best"] != result["checkpoint"], "else the test shows nothing"
    answer = command("test", "n.net", "-c", "out", "--format", "json", "--device", "cpu")
    assert json.loads(answer.out)["values"] == pytest.approx(result["test"])


# --- several files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reader", "ending"), [
    ('CSV {"last.csv"}', "csv"), ('NumPy {"x.npy", "y.npy"}', "npy"),
    (f'CNTKText {{"train.ctf", input = {SECTIONS}}}', "ctf")])
def test_samples_of_several_files_name_their_file(command: Command, here: Path, reader: str, ending: str) -> None:
    x, y = np.eye(4)[[0, 1, 2]], np.arange(3)
    table("last.csv", "p0,p1,p2,p3,label", x, y)
    np.save("x.npy", x.astype("float32"))
    np.save("y.npy", y)
    Path("train.ctf").write_text("".join(f"|x 1 0 0 {label} |y {label}:1\n" for label in y))
    for name in ("a", "b"):
        table(f"{name}.csv", "p0,p1,p2,p3", x[:2])
        np.save(f"{name}.npy", x[:2].astype("float32"))
        Path(f"{name}.ctf").write_text("|x 1 0 0 1\n|x 0 1 0 1\n")
    train(command, NET.format(reader))
    alone, both = (command("predict", "n.net", *files, "-c", "out", "--device", "cpu").out.splitlines() for files in (
        [f"a.{ending}"], [f"a.{ending}", f"b.{ending}"]))
    assert len(alone) == 2
    assert not any(f"a.{ending}" in line for line in alone)
    assert [line.split(",")[0] for line in both] == [f"{name}.{ending}" for name in "aabb"]
    assert len({line.split(":")[0] for line in both}) == 4
    assert [line.split(": ", 1)[1] for line in both] == 2 * [line.split(": ", 1)[1] for line in alone]


@pytest.mark.parametrize("given", ["new.csv", "photo.png", "new.txt"])
def test_arrays_of_vectors_are_not_asked_for_as_images(command: Command, here: Path, given: str) -> None:
    np.save("x.npy", np.eye(4, dtype="float32"))
    np.save("y.npy", np.array([0, 1, 2, 0]))
    table("new.csv", "p0,p1,p2,p3", np.eye(4))
    Path("new.txt").write_text("1 2 3 4\n")
    Image.new("L", (4, 1)).save("photo.png")
    train(command, NET.format('NumPy {"x.npy", "y.npy"}'))
    answer = command("predict", "n.net", given, "-c", "out", "--device", "cpu")
    assert (answer.code, answer.out) == (1, "")
    assert f"`{given}` is not a file that NumPy wrote" in answer.err
    assert "`numpy.save`" in answer.err
    missing = command("predict", "n.net", "missing.npy", "-c", "out", "--device", "cpu")
    assert "there is no file `missing.npy`" in missing.err

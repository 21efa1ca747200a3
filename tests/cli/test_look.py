"""`data show`, `bench` and `run --smoke`: commands that look at a file without training it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import netdsl
from netdsl.base.source import Source
from netdsl.data.fake import declared_inputs
from netdsl.data.preview import as_pixels, chosen, pictures
from netdsl.ir.program import Phase
from netdsl.readers.reader import SampleRng

from .conftest import Command

NETWORKS = Path(__file__).parents[2] / "networks"


# --- data show ------------------------------------------------------------------------------------------


def test_the_sheet_has_all_samples(command: Command, work: Path, tmp_path: Path) -> None:
    answer = command("data", "show", "small.net", "--count", "6", "-o", str(tmp_path / "s.png"))
    assert answer.code == 0, answer.err
    assert "6 samples of 400, 28 x 28 x 1" in answer.err
    sheet = np.asarray(Image.open(tmp_path / "s.png").convert("L"))
    dark = (sheet < 40).mean()
    assert 0.2 < dark < 0.8  # digits are white on black, on a white sheet


def test_the_mean_is_left_out_and_the_transforms_stay(cache: Path) -> None:
    """The pictures are what training draws, with only the values back in 0..255."""
    text = (NETWORKS / "convnet_cifar10_dataaug.net").read_text()
    from netdsl.data.choose import choose_data

    reader = choose_data(Source("c.net", text)).checked.require().readers.get(Phase.TRAIN)
    assert reader is not None
    assert "Mean" not in reader.for_viewing().show()
    indices = [3, 14, 159]
    seen = reader.open(True).batch(indices, SampleRng(7, 2)).arrays["features"]
    shown = pictures(reader, indices, training=True, seed=7, epoch=2)
    mean = np.array([125.3, 123.0, 113.9])
    for image, picture in zip(seen, shown, strict=True):
        assert np.abs(np.moveaxis(image, 0, -1) + mean - picture.pixels).max() < 0.51
    assert all(picture.caption and not picture.caption.startswith("class") for picture in shown)


def test_blue_first_is_shown_red_first() -> None:
    image = np.zeros((3, 2, 2), dtype=np.uint8)
    image[0] = 200  # blue
    assert as_pixels(image, bgr=True)[0, 0].tolist() == [0, 0, 200]
    assert as_pixels(image)[0, 0].tolist() == [200, 0, 0]


def test_other_values_are_stretched() -> None:
    assert as_pixels(np.array([[[-1.0, 0.0, 1.0]]], dtype=np.float32)).ravel().tolist() == [0, 128, 255]


def test_samples_are_drawn_by_the_seed() -> None:
    assert chosen(1000, 5, 1) == chosen(1000, 5, 1) != chosen(1000, 5, 2)
    assert sorted(chosen(4, 32, 0)) == [0, 1, 2, 3]


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("small.net", "--phase", "validation"), 1, "no data to validate on"),
    (("vectors.net",), 1, "none of the reader's inputs is an image"),
    (("small.net", "-o", "no/such/folder.png"), 1, "cannot be written"),
    (("gone.net",), 1, "it is not there"),
    (("small.net", "--count", "0"), 2, "--count"),
])
def test_wrong_input_of_show(command: Command, work: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    Path("vectors.net").write_text("""network = {
    features = Input {5} ; labels = Input {2} ; z = LinearLayer {2} (features)
    ce = CrossEntropyWithSoftmax (labels, z) ; criterionNodes = ce ; outputNodes = z }
reader = { train = Synthetic {5, classes = 2} }
""")
    answer = command("data", "show", *arguments)
    assert (answer.code, answer.out) == (code, ""), answer.err
    assert words in answer.err


# --- bench ----------------------------------------------------------------------------------------------


def test_bench_times_every_layer(command: Command, work: Path) -> None:
    answer = command("bench", "small.net", "--iterations", "3", "--minibatch", "8", "--device", "cpu",
                     "--format", "json")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    program = netdsl.check("small.net")
    names = [node.name for node in program.network if not node.layer.is_input]
    assert [layer["name"] for layer in document["layers"]] == names
    backward = {layer["name"]: layer["backward"] for layer in document["layers"]}
    assert backward["model.hidden"] is not None
    assert backward["errs"] is None  # a metric
    assert backward["z.scaleAndShift1"] is None  # nothing before it is learned
    for times in (*(layer["forward"] for layer in document["layers"]), *document["totals"].values()):
        assert 0 < times["min"] <= times["median"] <= times["max"]
        assert times["min"] <= times["mean"] <= times["max"]
    assert list(document["totals"]) == ["forward", "backward", "update", "iteration"]
    parts = sum(document["totals"][name]["mean"] for name in ("forward", "backward", "update"))
    assert document["totals"]["iteration"]["mean"] == pytest.approx(parts)
    assert document["samplesPerSecond"] == pytest.approx(8000 / document["totals"]["iteration"]["median"])


def test_bench_as_text(command: Command, work: Path) -> None:
    out = command("bench", "small.net", "--iterations", "2", "--minibatch", "4", "--device", "cpu").out
    assert "minibatch of 4, 2 iterations after 2 to warm up, float32" in out
    assert re.search(r"^ +forward( +[\d.,]+){4}$", out, re.MULTILINE)
    assert "samples/s" in out


def test_bench_without_a_plan_times_the_forward_pass(command: Command, tmp_path: Path) -> None:
    (tmp_path / "f.net").write_text("network = { x = Input {4} ; z = LinearLayer {3} (x) ; outputNodes = z }")
    document = json.loads(command("bench", str(tmp_path / "f.net"), "--device", "cpu", "--format", "json").out)
    assert list(document["totals"]) == ["forward"]


def test_bench_of_branches_adds_gradients_up() -> None:
    """Each layer alone gives the gradients of the whole: what branches bring back is added up."""
    import torch

    from netdsl.training.benchmark import _Clock, _Layers, _made_up
    from netdsl.training.build import build
    from netdsl.training.step import choose_precision, sum_of_criteria

    program = netdsl.check(Source("b.net", """network = {
    f = Input {6} ; labels = Input {3}
    a = LinearLayer {6} (f) ; b = ReLU (a) ; c = LinearLayer {6} (b + a) ; z = LinearLayer {3} (c + b)
    ce = CrossEntropyWithSoftmax (labels, z) ; criterionNodes = ce ; outputNodes = z }"""))
    cpu = torch.device("cpu")
    executable = build(program, program.criteria, cpu, 0)
    inputs = _made_up(program, executable, 5, cpu)
    _Layers(program, executable, choose_precision("float", cpu), inputs, 5)._once(_Clock(cpu))
    alone = {name: tensor.grad.clone() for name, (tensor, _) in executable.parameters().items()}
    for tensor, _ in executable.parameters().values():
        tensor.grad = None
    (sum_of_criteria(executable(inputs), program.criteria) / 5).backward()
    for name, (tensor, _) in executable.parameters().items():
        torch.testing.assert_close(alone[name], tensor.grad)


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("small.net", "--device", "cuda:77"), 1, "cuda:77"), (("small.net", "--iterations", "0"), 2, "--iterations"),
    (("gone.net",), 1, "it is not there"), (("small.net", "SGD.maxEpoch=1"), 1, "maxEpochs"),
])
def test_wrong_input_of_bench(command: Command, work: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    answer = command("bench", *arguments)
    assert (answer.code, answer.out) == (code, ""), answer.err
    assert words in answer.err


# --- run --smoke ----------------------------------------------------------------------------------------


def test_inputs_of_all_kinds_are_made_up() -> None:
    program = netdsl.check(Source("k.net", """network = {
    f = Input {4:4:3} ; t = Input {5} ; mask = Input {4:4:7} ; classes = Input {5}
    z = LinearLayer {5} (f) ; pixels = ConvolutionalLayer {7, (1:1)} (f)
    criterionNodes = SquareError (t, z) : CrossEntropyWithSoftmax (classes, z)
    evaluationNodes = ClassificationError (mask, pixels, axis = 3) }"""))
    made = {item.name: item.make(6, np.random.default_rng(0)) for item in declared_inputs(program)}
    assert made["f"].shape == (6, 3, 4, 4)
    assert made["f"].dtype == np.float32
    assert made["classes"].shape == (6,)
    assert made["classes"].dtype == np.int64
    assert made["mask"].shape == (6, 4, 4)
    assert 0 <= made["mask"].min() <= made["mask"].max() < 7


@pytest.mark.parametrize("name", ["lenet_mnist", "autoencoder_mnist", "regression_cifar10", "resnet20_cifar10"])
def test_smoke_of_shipped_networks(command: Command, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                   ) -> None:
    monkeypatch.chdir(tmp_path)
    answer = command("run", str(NETWORKS / f"{name}.net"), "--smoke")
    assert answer.code == 0, answer.out + answer.err
    assert answer.out.count(" OK ") == 2
    assert list(tmp_path.iterdir()) == []


def test_smoke_without_a_plan(command: Command, tmp_path: Path) -> None:
    (tmp_path / "f.net").write_text("network = { x = Input {4} ; z = LinearLayer {3} (x) ; outputNodes = z }")
    answer = command("run", str(tmp_path / "f.net"), "--smoke")
    assert answer.code == 0
    assert "left out" in answer.out
    assert "z 3" in answer.out


def test_smoke_stands_alone(command: Command, work: Path) -> None:
    answer = command("run", "small.net", "--smoke", "--overfit", "1")
    assert answer.code == 2
    assert "leave --overfit out" in answer.err


def test_smoke_says_what_fails(command: Command, tmp_path: Path) -> None:
    (tmp_path / "n.net").write_text("""network = { x = Input {4} ; labels = Input {3}
    z = LinearLayer {3} (Exp (1000 + x)) ; ce = CrossEntropyWithSoftmax (labels, z)
    criterionNodes = ce ; outputNodes = z }
SGD = { maxEpochs = 1 ; learningRate = 0.1 }
""")
    answer = command("run", str(tmp_path / "n.net"), "--smoke")
    assert answer.code == 1
    assert "FAILED" in answer.out
    assert "error[" in answer.err


def test_smoke_of_a_file_with_mistakes(command: Command, tmp_path: Path) -> None:
    (tmp_path / "n.net").write_text("network = { x = Inptu {4} }")
    answer = command("run", str(tmp_path / "n.net"), "--smoke")
    assert (answer.code, answer.out) == (1, "")
    assert "did you mean" in answer.err


def test_the_sheet_is_a_png() -> None:
    from netdsl.data.preview import Picture, contact_sheet

    sheet = contact_sheet([Picture(np.zeros((5, 7, 1), np.uint8), "ein längerer Name " * 9)] * 3, "t")
    assert Image.open(io.BytesIO(sheet)).format == "PNG"

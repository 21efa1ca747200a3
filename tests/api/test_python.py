"""Python has what the command line has: options, messages, progress, reports."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import torch

import netdsl
from netdsl.cli.train import run as run_command
from netdsl.ir.program import Phase

NETWORK = """dataDir = "data/mnist"
network = {
    features = Input {28:28:1} ; labels = Input {10}
    model = Sequential (hidden := DenseLayer {24, activation = ReLU} : classes := LinearLayer {10})
    z = model (features / 256)
    criterionNodes = CrossEntropyWithSoftmax (labels, z) ; evaluationNodes = ClassificationError (labels, z)
    outputNodes = z
}
reader = {
    train  = IDX {"$dataDir$/train-images-idx3-ubyte.gz", "$dataDir$/train-labels-idx1-ubyte.gz"}
    test   = IDX {"$dataDir$/t10k-images-idx3-ubyte.gz", "$dataDir$/t10k-labels-idx1-ubyte.gz"}
    sample = SampleMNIST {train = 200, test = 50}
}
SGD = { minibatchSize = 20 ; maxEpochs = 2 ; learningRate = 0.1 ; momentum = 0.9 }
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `small.net` and a run of it that Python started."""
    folder = tmp_path_factory.mktemp("python")
    (folder / "small.net").write_text(NETWORK)
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETDSL_CACHE", str(folder / "cache"))
        os.chdir(folder)
        try:
            program = netdsl.check("small.net", ["SGD.learningRate=0.05"])
            netdsl.train(program, max_epochs=2, device="cpu", quiet=True)
        finally:
            os.chdir(before)
    return folder


@pytest.fixture(autouse=True)
def _in_folder(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work)
    monkeypatch.setenv("NETDSL_CACHE", str(work / "cache"))


def test_train_has_every_option_of_the_command_line() -> None:
    known = set(inspect.signature(netdsl.train).parameters)
    command = {option.name for option in run_command.params if isinstance(option, click.Option)} - {"smoke"}
    assert command - known == set()
    documented = inspect.getdoc(netdsl.train) or ""
    assert [name for name in known - {"program", "overrides"} if name not in documented] == []


def test_a_run_has_what_one_from_the_command_line_has(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = netdsl.train("small.net", ["SGD.maxEpochs=3"], out="runs/second", limit=4, max_steps=6, seed=7,
                          device="cpu")
    text = capsys.readouterr().out
    assert "SAMPLE DATA" in text
    assert "small.net: 8 nodes" in text
    assert "epoch 1/3 | ce " in text or "epoch 1/3 · ce " in text
    assert "stopped after 6 updates (--max-steps)" in text
    assert "run folder: runs/second" in text
    assert "report: runs/second/report.html" in text
    assert result.steps == 6
    assert Path("runs/second/report.html").is_file()
    assert Path("runs/second/overrides.txt").read_text().split() == ["SGD.maxEpochs=3", "SGD.seed=7"]
    assert "SGD.learningRate=0.05" in next(Path("runs/small").glob("2*/overrides.txt")).read_text()
    resumed = netdsl.train("small.net", ["SGD.maxEpochs=3", "SGD.seed=7"], resume="runs/second", device="cpu",
                           quiet=True, max_time="1h")
    assert capsys.readouterr().out == ""
    assert resumed.epochs == 3


def test_a_program_records_its_overrides(work: Path) -> None:
    run = next(Path("runs/small").glob("2*"))
    assert (run / "overrides.txt").read_text() == "SGD.learningRate=0.05\n"
    assert "learningRate = 0.05" in (run / "resolved.net").read_text()


def test_weights_that_training_begins_with_are_said(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = NETWORK.replace("classes := LinearLayer {10}", "head := LinearLayer {10}")
    netdsl.train(netdsl.Source("other.net", text), weights="small", allow_missing="model.head.*", out="runs/other",
                 max_steps=1, device="cpu")
    said = capsys.readouterr().out
    assert "weights from runs/small/2" in said
    assert "2 of 4 tensors; model.head.weight, model.head.bias start afresh" in said
    assert said.splitlines()[-2].startswith("run folder")
    assert "start afresh" in Path("runs/other/log.txt").read_text()


@pytest.mark.parametrize("checkpoint", [None, "small", "runs/small", "runs/small/latest",
                                        "runs/small/latest/checkpoints/last"])
def test_a_checkpoint_is_whatever_the_command_line_takes(work: Path, checkpoint: str | None) -> None:
    result = json.loads(Path("runs/small/latest/result.json").read_text())
    found = netdsl.test("small.net", checkpoint, device="cpu", quiet=True)
    assert found.values == pytest.approx(result["test"], rel=1e-5)
    if checkpoint is not None:
        module = netdsl.load_weights(netdsl.compile("small.net"), checkpoint)
        assert module(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_predict_is_the_command_line_s(work: Path) -> None:
    from netdsl.data.preview import png_of

    reader = netdsl.api.programs.ready_program("small.net").program.readers.get(Phase.TEST)  # type: ignore[attr-defined]
    batch = reader.open(False).batch([0, 1], None)
    Path("digits").mkdir(exist_ok=True)
    for number, image in enumerate(batch.arrays["features"]):
        Path(f"digits/{number}.png").write_bytes(png_of(image.reshape(28, 28, 1).astype("uint8")))
    answers = netdsl.predict("small.net", "digits", top=3, device="cpu", quiet=True)
    assert [Path(answer.sample).name for answer in answers] == ["0.png", "1.png"]
    assert "predictions" in json.dumps(answers[0].to_json())


def test_a_module_takes_its_inputs_in_order_or_by_name(work: Path) -> None:
    module = netdsl.compile("small.net").eval()
    images = torch.rand(2, 1, 28, 28)
    assert torch.equal(module(images), module(features=images))
    hidden = netdsl.compile("small.net", outputs=["model.hidden", "z"])(images)
    assert {name: tuple(tensor.shape) for name, tensor in hidden.items()} == {
        "model.hidden": (2, 24), "model.classes": (2, 10)}
    for call in (lambda: module(), lambda: module(images, images), lambda: module(image=images)):
        with pytest.raises(TypeError, match="the network takes features"):
            call()


def test_drawings(work: Path, tmp_path: Path) -> None:
    drawing = netdsl.graph("small.net", out=tmp_path / "small.svg")
    assert (tmp_path / "small.svg").read_text() == drawing.data
    assert drawing._repr_mimebundle_()["image/svg+xml"].startswith("<svg")
    assert "hidden" in str(netdsl.graph(netdsl.check("small.net"), format="text"))
    assert netdsl.graph("small.net", plan=True).format == "svg"
    assert netdsl.graph("small.net", format="png").data[:4] == b"\x89PNG"


def test_short_texts_and_pages_of_notebooks(work: Path) -> None:
    program = netdsl.check("small.net")
    assert repr(program) == "<Program small.net: 8 nodes>"
    page = program._repr_html_() or ""
    assert all(text in page for text in ("<td", "model.hidden", "Dense 24 outputs", "<svg", "19,090"))
    assert "small.net" in repr(netdsl.load("small.net"))
    result = netdsl.train("small.net", out="runs/third", max_steps=1, device="cpu", quiet=True)
    assert repr(result).startswith("<Result runs/third: 1 update, test ce ")
    assert all(text in result._repr_html_() for text in ("<table>", "errs", "runs/third"))
    found = netdsl.test("small.net", "runs/third", device="cpu", quiet=True)
    assert "errs" in repr(found)
    assert "<table>" in found._repr_html_()


def test_a_failure_is_its_whole_page(work: Path) -> None:
    with pytest.raises(netdsl.Failure) as caught:
        netdsl.check("small.net", ["SGD.maxEpoch=3"])
    page = str(caught.value)
    assert page.startswith("\nerror[unknown-key]: SGD has no key `maxEpoch`")
    assert "1 | SGD.maxEpoch=3" in page
    assert "did you mean `maxEpochs`?" in page
    assert "\n".join(caught.value._render_traceback_()).count("maxEpoch") >= 3
    assert "&#x27;" in caught.value._repr_html_() or "<pre>" in caught.value._repr_html_()


@pytest.mark.parametrize(("call", "words"), [
    (lambda: netdsl.train("small.net", max_time="1 hour 3 hours"), "is not a time"),
    (lambda: netdsl.train("small.net", limit=0), "`limit` is 0"),
    (lambda: netdsl.train("small.net", device="gpu"), "write `cuda`"),
    (lambda: netdsl.train("small.net", resume="nowhere"), "there is no checkpoint `nowhere`"),
    (lambda: netdsl.train("small.net", best="erors"), "no criterion or metric called `erors`"),
    (lambda: netdsl.test("small.net", phase="tests"), "use one of train, validation, test"),
    (lambda: netdsl.graph("small.net", format="pdf"), "use one of svg"),
    (lambda: netdsl.load_weights(netdsl.compile("small.net"), "nowhere"), "there is no checkpoint `nowhere`"),
    (lambda: netdsl.train("smal.net"), "did you mean `small.net`?"),
    (lambda: netdsl.compile("small.net", outputs="model.hiden"), "did you mean `model.hidden`?"),
])
def test_wrong_arguments_have_pages(work: Path, call: object, words: str) -> None:
    with pytest.raises(netdsl.Failure) as caught:
        call()  # type: ignore[operator]
    assert words in str(caught.value)


def test_the_package_shows_its_public_names_only() -> None:
    names = dir(netdsl)
    assert {"check", "train", "test", "predict", "graph", "compile", "load_weights", "Failure"} <= set(names)
    assert len(names) < 20
    assert all(hasattr(netdsl, name) for name in names)


def test_importing_the_package_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, netdsl; assert not {'torch', 'numpy', 'click', 'PIL'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    assert done.returncode == 0, done.stderr

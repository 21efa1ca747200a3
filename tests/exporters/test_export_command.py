"""`netdsl export` and `netdsl.export`: options, default names, pages; files of other systems."""

from __future__ import annotations

import importlib.util
import inspect
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import netdsl
import netdsl.cli
from netdsl.cli.export import export
from netdsl.exporters import FORMATS, ExportOptions
from netdsl.layers.activation import Tanh

SMALL = """network = {
    Block {n} = Sequential (DenseLayer {n, activation = ReLU} : DenseLayer {n})
    features = Input {4} ; labels = Input {2}
    z = LinearLayer {2} (Block {width} (features)) ; width = 3
    aux = LinearLayer {2} (features)
    criterionNodes = ce := CrossEntropyWithSoftmax (labels, z) + CrossEntropyWithSoftmax (labels, aux)
    outputNodes = z
}
"""
BESSEL = """network = {
    x = Input {8}
    h = DenseLayer {4, activation = Tanh} (x)
    z = LinearLayer {2} (h)
    outputNodes = z
}
"""
PROTOTXT = """name: "tiny"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 12 dim: 12 } } }
layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "p" type: "Pooling" bottom: "c" top: "p" pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "f" type: "InnerProduct" bottom: "p" top: "f" inner_product_param { num_output: 5 } }
layer { name: "s" type: "Softmax" bottom: "f" top: "s" }
"""


def command(*arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = netdsl.cli.run(arguments)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("small.net").write_text(SMALL)
    return tmp_path


def test_python_has_every_option_of_the_command_line() -> None:
    known = set(inspect.signature(netdsl.export).parameters) - {"program", "to", "overrides", "quiet"}
    options = {option.name for option in export.params if isinstance(option, click.Option)} - {"form"}
    assert known == options
    documented = inspect.getdoc(netdsl.export) or ""
    assert [name for name in known if name not in documented] == []
    assert all(f'"{name}"' in documented for name in FORMATS)


def test_every_option_of_a_format_is_one_of_the_command() -> None:
    typed = {option.name for option in export.params}
    assert set(ExportOptions.__dataclass_fields__) <= typed
    assert {name for row in FORMATS.values() for name in row.options} == set(ExportOptions.__dataclass_fields__)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_a_default_name(form: str) -> None:
    row = FORMATS[form]
    if any(importlib.util.find_spec(name) is None for name in row.modules):
        pytest.skip(f"{row.modules} are not installed")
    code, out, err = command("export", "small.net", "--to", form, "--untrained", "network.width=5")
    assert code == 0, err
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "untrained: the weights are as training would start"
    assert lines[1] == f"wrote small{row.suffix}"
    assert Path(f"small{row.suffix}").stat().st_size > 0
    assert sorted(path.name for path in Path.cwd().glob(".*")) == []  # nothing half-written


def test_safetensors_have_the_file_s_names_and_the_criterion_s_weights() -> None:
    netdsl.export("small.net", "safetensors", untrained=True, quiet=True)
    tensors = load_file("small.safetensors")
    assert "z.linear1.weight" in tensors or any(name.startswith("z") for name in tensors)
    assert any(name.startswith("aux") for name in tensors)  # a criterion needs it, an output does not
    with safe_open("small.safetensors", "pt") as file:
        assert file.metadata()["netdsl"] == netdsl.__version__
    module = netdsl.load_weights(netdsl.compile("small.net"), "small.safetensors")
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in module.tensors().items())


def test_a_net_runs_by_itself(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("base.net").write_text(SMALL)
    Path("own.net").write_text('include "base.net"\nnetwork.width = 7\n')
    away = tmp_path_factory.mktemp("away")
    files = netdsl.export("own.net", "net", untrained=True, out=away / "given.net", quiet=True)
    monkeypatch.chdir(files[0].parent)
    module = netdsl.load_weights(netdsl.compile("given.net"), "given.safetensors")
    x = torch.randn(3, 4)
    original = netdsl.compile(netdsl.load(files[0]).require_network(), seed=0)
    assert module(x).shape == original(x).shape == (3, 2)
    assert any(tensor.shape[0] == 7 for tensor in module.tensors().values())


PAGES = {
    "option": ("small.net", "--to", "torch", "--untrained", "--opset", "18"),
    "itself": ("small.net", "--to", "net", "--untrained", "-o", "small.net"),
    "no-outputs": ("nothing.net", "--to", "torch", "--untrained"),
    "no-input": ("weights.net", "--to", "exported-program", "--untrained"),
    "layer": ("bessel.net", "--to", "onnx", "--untrained"),
}


@pytest.mark.parametrize("case", PAGES)
def test_pages(case: str, golden: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if case == "layer":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")
    Path("nothing.net").write_text("network = { x = Input {2} ; y = Input {2} }\n")
    Path("bessel.net").write_text(BESSEL)
    Path("weights.net").write_text("network = { w = ParameterTensor {3} ; z = ReLU (w) ; outputNodes = z }\n")
    if case == "layer":  # a function that ONNX does not have
        monkeypatch.setattr(Tanh, "forward", lambda self, p, *tensors: torch.special.bessel_j0(tensors[0]))
    code, _, err = command("export", *PAGES[case])
    assert code == 1, err
    page = "\n".join(line for line in err.splitlines() if "untrained:" not in line)
    golden(page + "\n", Path("tests/exporters/pages") / f"export-{case}.txt")
    assert Path("small.net").read_text() == SMALL


def test_a_network_without_a_run() -> None:
    code, _, err = command("export", "small.net", "--to", "safetensors")
    assert code == 1
    assert "error[no-file]: there is no run of `small` to take a checkpoint from" in err
    assert "--untrained exports it without training" in " ".join(err.split())


def test_without_onnx(monkeypatch: pytest.MonkeyPatch, golden: Any) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.startswith("onnx") else find(name))
    code, _, err = command("export", "small.net", "--to", "onnx", "--untrained")
    assert code == 1
    golden("\n".join(err.splitlines()[1:]) + "\n", Path("tests/errors/not-installed/export-onnx.txt"))


def test_untrained_takes_no_checkpoint() -> None:
    code, _, err = command("export", "small.net", "--to", "net", "--untrained", "-c", "runs/x")
    assert code == 2
    assert "--untrained takes no checkpoint" in err


def test_a_wrong_model_is_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint of another network, and an export whose numbers differ: no file either way."""
    netdsl.export("small.net", "safetensors", overrides=["network.width=6"], untrained=True, out="other.safetensors",
                  quiet=True)
    code, _, err = command("export", "small.net", "--to", "torch", "-c", "other.safetensors")
    assert code == 1
    assert "the checkpoint does not fit the network" in err
    from netdsl.exporters.torch_source import torch_export

    monkeypatch.setattr(torch_export.TorchSource, "state", lambda self, module, request: module.state_dict())
    code, _, err = command("export", "small.net", "--to", "torch", "--untrained")
    assert code == 1
    assert "error[cannot-export]: the PyTorch source computes other numbers for `z`" in err
    assert not Path("small.py").exists()
    assert not Path("small.safetensors").exists()


def test_a_model_too_large_for_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    from netdsl.exporters import onnx_export

    monkeypatch.setattr(onnx_export, "_MOST_BYTES", 10)
    model, beside = netdsl.export("small.net", "onnx", overrides=["network.width=300"], untrained=True, quiet=True)
    assert (model.name, beside.name) == ("small.onnx", "small.onnx.data")
    assert beside.stat().st_size > 4 * 300 * 300
    assert runtime.InferenceSession(model).run(None, {"features": torch.rand(2, 4).numpy()})[0].shape == (2, 2)


def test_an_opset_that_is_not_there() -> None:
    pytest.importorskip("onnxscript")
    code, _, err = command("export", "small.net", "--to", "onnx", "--untrained", "--opset", "999")
    assert code == 1
    assert "error[wrong-arguments]: the opset 999 cannot be written" in err


def test_a_name_that_begins_with_a_number(tmp_path: Path) -> None:
    Path("01_OneHidden.net").write_text(SMALL)
    source, _ = netdsl.export("01_OneHidden.net", "torch", untrained=True, quiet=True)
    assert "class Network01OneHidden(nn.Module):" in source.read_text()


def test_a_folder_that_is_not_there() -> None:
    for form in ("torch", "net", "safetensors", "exported-program"):
        code, _, err = command("export", "small.net", "--to", form, "--untrained", "-o", "nowhere/x.y")
        assert code == 1
        assert "error[cannot-write]" in err


def test_a_file_of_another_system() -> None:
    """What loads like a `.net` file leaves like one: a Caffe net becomes PyTorch source, and an ONNX model."""
    Path("tiny.prototxt").write_text(PROTOTXT)
    source, weights = netdsl.export("tiny.prototxt", "torch", untrained=True, quiet=True)
    assert (source.name, weights.name) == ("tiny.py", "tiny.safetensors")
    assert "self.c = nn.Conv2d(3, 4, kernel_size=3)" in source.read_text()
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    (model,) = netdsl.export("tiny.prototxt", "onnx", untrained=True, quiet=True)
    session = runtime.InferenceSession(model)
    (found,) = session.run(None, {"data": torch.rand(2, 3, 12, 12).numpy()})
    assert found.reshape(2, -1).sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert "network = {" in session.get_modelmeta().custom_metadata_map["netdsl.source"]

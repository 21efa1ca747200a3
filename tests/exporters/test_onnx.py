"""ONNX models: computed by onnxruntime as the network computes, under the file's names, with what predict needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks_with_weights import FAST, SLOW, random_weights, shipped

import netdsl
from netdsl.base.source import Source

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")


def exported(name: str, folder: Path, **options: Any) -> tuple[Any, Path, Any]:
    """A shipped network's program, its weights and its ONNX model."""
    program = shipped(name)
    weights = random_weights(program, folder / f"{name}.safetensors")
    (path,) = netdsl.export(program, "onnx", weights, out=folder / f"{name}.onnx", quiet=True, **options)
    return program, weights, path


def assert_equal(program: Any, weights: Path, path: Path, most: float = 255) -> None:
    """Outputs to 1e-5 of the largest value, by onnxruntime alone, for minibatches of 1 and 3; images 0 to `most`."""
    module = netdsl.load_weights(netdsl.compile(program), weights).eval()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs, (output,) = session.get_inputs(), session.get_outputs()
    assert [given.name for given in inputs] == list(module.input_names)
    assert all(given.shape[0] == "batch" for given in inputs)
    for batch in (1, 3):
        generator = torch.Generator().manual_seed(batch)
        tensors = [(most if len(given.shape) > 2 else 1) * torch.rand((batch, *given.shape[1:]), generator=generator)
                   for given in inputs]
        with torch.inference_mode():
            expected = module(*tensors).numpy()
        given = {value.name: tensor.numpy() for value, tensor in zip(inputs, tensors, strict=True)}
        (found,) = session.run([output.name], given)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", FAST)
def test_outputs(name: str, tmp_path: Path) -> None:
    assert_equal(*exported(name, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_outputs_of_large_networks(name: str, tmp_path: Path) -> None:
    assert_equal(*exported(name, tmp_path))


def test_names_are_those_of_the_file(tmp_path: Path) -> None:
    program, weights, path = exported("resnet20_cifar10", tmp_path)
    model = onnx.load(path)
    tensors = netdsl.load_weights(netdsl.compile(program), weights).tensors()
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    wanted = {name for name in tensors if not name.endswith("running_count")}  # that is for training
    assert wanted <= set(stored)
    assert all(np.array_equal(stored[name], tensors[name].detach().numpy()) for name in wanted)
    assert [value.name for value in model.graph.output] == ["z"]
    nodes = {node.name: node.op_type for node in model.graph.node}
    assert nodes["model.stage1.basicBlock1.main.conv1"] == "Conv"
    assert nodes["model.stage1.basicBlock1.main.norm1"] == "BatchNormalization"
    assert nodes["model.fc (1)"] == "Reshape"  # the product is the second operation of the layer
    assert nodes["model.fc"] == "Gemm"
    values = {name for node in model.graph.node for name in node.output}
    assert {"model.stem.conv", "model.stage3.basicBlock3.sum"} <= values
    assert str(Path.cwd()) not in str(model)  # nothing of this machine


def test_folded_batch_normalization(tmp_path: Path) -> None:
    program, weights, path = exported("resnet20_cifar10", tmp_path, fold_batch_norm=True)
    assert "BatchNormalization" not in {node.op_type for node in onnx.load(path).graph.node}
    assert_equal(program, weights, path)


def test_metadata(tmp_path: Path) -> None:
    _, _, path = exported("resnet20_cifar10", tmp_path, opset=19)
    model = onnx.load(path)
    assert model.opset_import[0].version == 19
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts["netdsl.version"] == netdsl.__version__
    assert facts["netdsl.network"] == "resnet20_cifar10"
    (output,) = json.loads(facts["netdsl.outputs"])
    assert (output["name"], output["node"], output["kind"], output["values"]) == ("z", "model.fc", "classes", "scores")
    (given,) = json.loads(facts["netdsl.inputs"])
    assert given["preprocessing"] == {
        "width": 32, "height": 32, "channels": 3, "colorOrder": "RGB", "views": 1,
        "transforms": ["Mean {value = (125.3:123:113.9)}"], "scale": [1, 1, 1], "offset": [-125.3, -123, -113.9]}
    again = netdsl.load(Source("again.net", facts["netdsl.source"])).require_network()
    assert len(again.network) == 79


def test_outputs_that_are_weights_inputs_or_each_other(tmp_path: Path) -> None:
    text = """network = {
        x = Input {3} ; W = ParameterTensor {3} ; y = LinearLayer {3} (x) ; again = Pass (y) ; same = Pass (x)
        outputNodes = y : W : again : same
    }"""
    program = netdsl.check(Source("odd.net", text))
    weights = random_weights(program, tmp_path / "w.safetensors")
    (path,) = netdsl.export(program, "onnx", weights, out=tmp_path / "odd.onnx", quiet=True)
    x = np.ones((2, 3), np.float32)
    y, w, again, same = onnxruntime.InferenceSession(path).run(None, {"x": x})
    assert w.shape == (3,)
    np.testing.assert_array_equal(y, again)
    np.testing.assert_array_equal(x, same)


def test_several_outputs_and_inputs(tmp_path: Path) -> None:
    text = """network = {
        a = Input {4} ; b = Input {3:2} ; y = Input {2}
        h = DenseLayer {5, activation = Tanh} (a) ; z = LinearLayer {2} (h) + LinearLayer {2} (b)
        scores = LinearLayer {2} (h)
        criterionNodes = SquareError (y, z) ; outputNodes = z : scores
    }"""
    program = netdsl.check(Source("two.net", text))
    weights = random_weights(program, tmp_path / "w.safetensors")
    (path,) = netdsl.export(program, "onnx", weights, out=tmp_path / "two.onnx", quiet=True)
    session = onnxruntime.InferenceSession(path)
    assert {value.name: value.shape for value in session.get_inputs()} == {"a": ["batch", 4], "b": ["batch", 2, 3]}
    assert [value.name for value in session.get_outputs()] == ["z", "scores"]
    module = netdsl.load_weights(netdsl.compile(program), weights)
    a, b = torch.randn(3, 4), torch.randn(3, 2, 3)
    with torch.inference_mode():
        expected = module(a, b)
    z, scores = session.run(None, {"a": a.numpy(), "b": b.numpy()})
    np.testing.assert_allclose(z, next(iter(expected.values())).numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scores, expected["scores"].numpy(), rtol=1e-5, atol=1e-6)

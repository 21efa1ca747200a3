"""ONNX models: what operators become, and the numbers of onnxruntime and CNTK."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx_models import MODELS, made

import netdsl
from netdsl.base.failure import Failure
from netdsl.base.render import render_all
from netdsl.compiler import load
from netdsl.describe.imported_text import imported_text, read_again
from netdsl.importers.onnx.operator_table import OPERATORS
from netdsl.runs import checkpoint
from netdsl.training.build import build

HERE = Path(__file__).parent / "onnx"
Arrays = dict[str, np.ndarray[Any, Any]]


def outputs(path: Path, inputs: Arrays) -> list[np.ndarray[Any, Any]]:
    """The outputs of the imported network with the model's own weights, in the order of the file."""
    program = load(path).require_network()
    executable = build(program, program.special["outputNodes"], torch.device("cpu"), seed=0)
    wanted = executable.tensors()
    assert checkpoint.load(wanted, checkpoint.read_weights(path, wanted), {}, path).fits
    executable.module.eval()
    with torch.no_grad():
        given = {name: torch.from_numpy(np.asarray(array, "float32")) for name, array in inputs.items()}
        values = executable.module(*executable.arguments(given))
    return [values[name].numpy() for name in program.special["outputNodes"]]


def runtime(path: Path, inputs: Arrays) -> list[np.ndarray[Any, Any]]:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


def assert_same(found: list[np.ndarray[Any, Any]], wanted: list[np.ndarray[Any, Any]]) -> None:
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        size = float(np.nanmax(np.abs(theirs.astype("float32"))))
        np.testing.assert_allclose(ours.reshape(-1), theirs.reshape(-1), rtol=1e-5, atol=1e-5 * max(1.0, size))


@pytest.fixture
def quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("dynamo", [False, True], ids=["script", "dynamo"])
@pytest.mark.parametrize("name", MODELS)
def test_networks_of_torch(name: str, dynamo: bool, tmp_path: Path) -> None:
    """Networks exported by both exporters of PyTorch, with an open number of samples, computed by onnxruntime."""
    pytest.importorskip("onnxscript" if dynamo else "onnx", reason="onnx is not installed")
    if name == "alexnet" and not dynamo:
        pytest.skip("the older exporter writes LocalResponseNorm with an If")
    module, x = made(name)
    path = tmp_path / f"{name}.onnx"
    if dynamo:
        shapes = ({0: torch.export.Dim("batch")},)
        torch.onnx.export(module, (x,), str(path), dynamo=True, dynamic_shapes=shapes, verbose=False)
    else:
        torch.onnx.export(module, (x,), str(path), dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}})
    given = {"x": x.numpy()}
    assert_same(outputs(path, given), runtime(path, given))
    with torch.no_grad():
        result = module(x)
    assert_same(outputs(path, given), [part.numpy() for part in (result if isinstance(result, tuple) else (result,))])
    checked = load(path)
    read_again(checked.require_network(), imported_text(checked), "again.net")


@pytest.mark.parametrize("name", ["conv", "mlp", "shapes", "upwards"])
def test_models_of_cntk(name: str) -> None:
    """What CNTK 2.7 wrote (opset 9, one sample, initializers among the inputs) computes what CNTK itself computed."""
    fixture = np.load(HERE / f"{name}.npz")
    found = outputs(HERE / f"{name}.onnx", {key[3:]: fixture[key] for key in fixture if key.startswith("in:")})
    theirs = [fixture[key] for key in fixture if key.startswith("out:")]
    for ours in found:  # the file calls its outputs otherwise
        nearest = min(float(np.abs(ours.reshape(-1) - array.reshape(-1)).max()) for array in theirs
                      if array.size == ours.size)
        assert nearest < (5e-5 if name == "upwards" else 2e-6)


@pytest.mark.parametrize("name", ["conv", "mlp", "shapes", "upwards"])
def test_written_text(name: str, golden: pytest.FixtureRequest) -> None:
    checked = load(HERE / f"{name}.onnx")
    text = imported_text(checked)
    read_again(checked.require_network(), text, f"{name}.net")
    golden(text, HERE / f"{name}.net")  # type: ignore[operator]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("name", ["convnet_mnist", "resnet20_cifar10"])
def test_shipped_networks_come_back(name: str, tmp_path: Path) -> None:
    """What `netdsl export` wrote is read again, and computes the same."""
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    program = netdsl.load(Path(__file__).parents[2] / "networks" / f"{name}.net")
    (path,) = netdsl.export(program, "onnx", out=tmp_path / f"{name}.onnx", untrained=True, quiet=True)
    shape = load(path).require_network().network["features"].shape.dims
    given = {"features": np.random.default_rng(3).uniform(0, 255, (3, *shape)).astype("float32")}
    assert_same(outputs(path, given), runtime(path, given))


@pytest.mark.parametrize(("name", "kinds"), [("tagger", ["LSTM"]), ("twoways", ["RNN", "GRU"])])
def test_recurrence_is_refused_by_name(name: str, kinds: list[str]) -> None:
    (page,) = load(HERE / f"{name}.onnx").errors
    assert page.code == "not-supported"
    assert all(f"`{kind}`" in page.title and f"1 {kind}: `" in page.body[1] for kind in kinds)


# --- single operators ----------------------------------------------------------------------------------


COMPARED = ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal")


def single(tmp_path: Path, kind: str, shape: tuple[int, ...], opset: int = 17, constants: dict[int, Any] | None = None,
           outputs_count: int = 1, inputs: int = 1, batch: int | str = "n", **attributes: Any) -> Path:
    """A model of one node: inputs first (all of one shape), numbers at the places of `constants`."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    constants = constants or {}
    names = [f"in{i}" for i in range(inputs)]
    count = max([inputs + len(constants), *(place + 1 for place in constants)])
    given, taken = [], iter(names)
    for place in range(count):
        given.append(f"c{place}" if place in constants and constants[place] is not None
                     else "" if place in constants else next(taken, ""))
    outs = [f"out{i}" for i in range(outputs_count)]
    node = helper.make_node(kind, given, outs, name=f"the_{kind.lower()}", **attributes)
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info(name, 1, [batch, *shape]) for name in names],
        [helper.make_tensor_value_info(name, 7 if kind.startswith("Arg") else 9 if kind in COMPARED else 1, None)
         for name in outs],
        [numpy_helper.from_array(np.asarray(value), f"c{place}") for place, value in constants.items()
         if value is not None])
    path = tmp_path / f"{kind}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


RANDOM = np.random.default_rng(11)


def floats(*shape: int) -> np.ndarray[Any, Any]:
    return RANDOM.standard_normal(shape).astype("float32")


def wholes(*values: int) -> np.ndarray[Any, Any]:
    return np.array(values, "int64")


IMAGE = (4, 6, 8)
#: operator, shape of a sample, further arguments of `single`
CASES: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("Conv", IMAGE, {"constants": {1: floats(6, 2, 3, 2), 2: floats(6)}, "group": 2, "pads": [1, 0, 0, 2],
                     "strides": [2, 3], "dilations": [1, 2]}),
    ("Conv", IMAGE, {"constants": {1: floats(6, 4, 3, 3)}, "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("Conv", IMAGE, {"constants": {1: floats(6, 4, 2, 4)}, "auto_pad": "SAME_LOWER"}),
    ("Conv", IMAGE, {"constants": {1: floats(6, 4, 3, 3)}, "auto_pad": "VALID"}),
    ("Conv", IMAGE, {"constants": {1: floats(6, 4, 3, 3)}, "pads": [1, 1, 1, 1], "strides": [4, 4]}),
    ("Conv", (2, 2, 2), {"constants": {1: floats(3, 2, 3, 3)}, "pads": [1, 1, 1, 1]}),
    ("ConvTranspose", IMAGE, {"constants": {1: floats(4, 3, 3, 3), 2: floats(3)}, "strides": [2, 2],
                              "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ("ConvTranspose", IMAGE, {"constants": {1: floats(4, 2, 2, 3)}, "group": 2, "strides": [1, 2]}),
    ("Gemm", (5,), {"constants": {1: floats(5, 3), 2: floats(3)}, "alpha": 0.5, "beta": 2.0}),
    ("Gemm", (5,), {"constants": {1: floats(3, 5), 2: floats(1, 3)}, "transB": 1}),
    ("MatMul", (7, 5), {"constants": {1: floats(5, 3)}}), ("MatMul", (4, 4), {"inputs": 2}),
    ("MaxPool", IMAGE, {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}),
    ("MaxPool", (2, 7, 8), {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1}),
    ("MaxPool", IMAGE, {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("AveragePool", (2, 7, 8), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("AveragePool", (2, 7, 8), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1],
                                "count_include_pad": 1}),
    ("GlobalAveragePool", IMAGE, {}), ("GlobalMaxPool", IMAGE, {}),
    ("LRN", IMAGE, {"size": 3, "alpha": 0.3, "beta": 0.6, "bias": 1.5}),
    ("BatchNormalization", IMAGE, {"constants": {1: floats(4), 2: floats(4), 3: floats(4), 4: floats(4) ** 2},
                                   "epsilon": 0.01}),
    ("BatchNormalization", (4,), {"constants": {1: floats(4), 2: floats(4), 3: floats(4), 4: floats(4) ** 2}}),
    ("InstanceNormalization", IMAGE, {"constants": {1: floats(4), 2: floats(4)}, "epsilon": 0.1}),
    ("LayerNormalization", (3, 5), {"constants": {1: floats(5), 2: floats(5)}}),
    ("LayerNormalization", (3, 5), {"constants": {1: floats(3, 5)}, "axis": 1}),
    ("Flatten", IMAGE, {}), ("Reshape", IMAGE, {"constants": {1: wholes(0, 2, -1)}}),
    ("Reshape", IMAGE, {"constants": {1: wholes(-1, 192)}}),
    ("Reshape", IMAGE, {"constants": {1: wholes(1, 8, -1)}, "batch": 1}),
    ("Transpose", IMAGE, {"perm": [0, 2, 3, 1]}), ("Transpose", IMAGE, {"perm": [0, 3, 2, 1]}),
    ("Squeeze", (1, 5, 1), {"constants": {1: wholes(1, -1)}}), ("Unsqueeze", (5, 3), {"constants": {1: wholes(2, -1)}}),
    ("Concat", IMAGE, {"inputs": 3, "axis": -2}), ("Split", IMAGE, {"outputs_count": 2, "axis": 1}),
    ("Split", IMAGE, {"outputs_count": 2, "constants": {1: wholes(5, 3)}, "axis": 3}),
    ("Slice", IMAGE, {"constants": {1: wholes(1, -5), 2: wholes(3, 2**40), 3: wholes(1, -1)}}),
    ("Slice", IMAGE, {"opset": 9, "starts": [0, 1], "ends": [2**31 - 1, -1], "axes": [0, 2]}),
    ("Gather", IMAGE, {"constants": {1: np.array(-1)}, "axis": 2}),
    ("Gather", IMAGE, {"constants": {1: wholes(3, 0, 1)}, "axis": 1}),
    ("Pad", IMAGE, {"constants": {1: wholes(0, 1, 0, 2, 0, 0, 3, 1), 2: np.float32(1.5)}}),
    ("Pad", IMAGE, {"constants": {1: wholes(0, 0, 2, 1, 0, 0, 1, 2)}, "mode": "reflect"}),
    ("Pad", IMAGE, {"opset": 9, "pads": [0, 0, 1, 1, 0, 0, 1, 1], "mode": "edge"}),
    ("Expand", (4, 1, 8), {"constants": {1: wholes(1, 1, 6, 1)}}),
    ("Softmax", IMAGE, {"axis": 1}), ("Softmax", IMAGE, {}), ("Softmax", IMAGE, {"opset": 11}),
    ("LogSoftmax", (5, 7), {"opset": 11, "axis": 2}), ("Hardmax", (9,), {"axis": 1}),
    *[(f"Reduce{kind}", IMAGE, {"opset": 11, "axes": axes, "keepdims": keeps})
      for kind in ("Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp")
      for axes, keeps in (([2, 3], 1), ([-3], 0))],
    ("ReduceSum", IMAGE, {"constants": {1: wholes(1, 3)}, "keepdims": 0}),
    ("ArgMax", IMAGE, {"axis": 1, "keepdims": 0}), ("ArgMin", IMAGE, {"axis": -1}),
    *[(kind, IMAGE, {}) for kind in ("Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Abs", "Neg", "Exp", "Floor",
                                     "Ceil", "Sin", "Cos", "Atan", "Sinh", "Asinh", "HardSwish", "Identity", "Elu",
                                     "Selu", "LeakyRelu", "HardSigmoid", "ThresholdedRelu", "Reciprocal")],
    *[(kind, IMAGE, {}) for kind in ("Tan", "Asin", "Acos", "Cosh", "Atanh")],
    *[(kind, IMAGE, {"constants": {1: floats(4, 1, 1)}}) for kind in COMPARED],
    ("Greater", IMAGE, {"constants": {1: np.float32(0.3)}}), ("Equal", IMAGE, {"inputs": 2}),
    ("Elu", IMAGE, {"alpha": 0.3}), ("Selu", IMAGE, {"alpha": 2.0, "gamma": 0.5}), ("LeakyRelu", IMAGE, {"alpha": 0.3}),
    ("HardSigmoid", IMAGE, {"alpha": 0.3, "beta": 0.4}), ("PRelu", IMAGE, {"constants": {1: floats(4, 1, 1)}}),
    ("Gelu", IMAGE, {"opset": 20}), ("Gelu", IMAGE, {"opset": 20, "approximate": "tanh"}),
    ("Clip", IMAGE, {"constants": {1: np.float32(-0.5), 2: np.float32(0.25)}}),
    ("Clip", IMAGE, {"constants": {1: None, 2: np.float32(0.25)}}),
    ("Clip", IMAGE, {"opset": 9, "min": 0.0, "max": 6.0}),
    *[(kind, IMAGE, {"constants": {1: floats(4, 1, 1)}}) for kind in ("Add", "Sub", "Mul", "Div", "Max", "Min")],
    *[(kind, IMAGE, {"constants": {1: floats(8)}}) for kind in ("Add", "Mul")],
    *[(kind, IMAGE, {"constants": {0: np.float32(-1.5)}}) for kind in ("Add", "Sub", "Mul", "Div", "Max")],
    *[(kind, IMAGE, {"constants": {1: np.float32(-1.5)}}) for kind in ("Add", "Sub", "Mul", "Div", "Min")],
    *[(kind, IMAGE, {"inputs": 2}) for kind in ("Add", "Sub", "Mul", "Div", "Max", "Min")],
    ("Pow", IMAGE, {"constants": {1: np.float32(2)}}), ("Pow", IMAGE, {"constants": {1: np.float32(3)}}),
    ("Sum", IMAGE, {"inputs": 3}), ("Mean", IMAGE, {"inputs": 2}),
    ("Resize", IMAGE, {"constants": {1: None, 2: np.array([1, 1, 2, 3], "float32")}, "mode": "nearest",
                       "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
    ("Resize", IMAGE, {"constants": {1: None, 2: np.array([1, 1, 2, 2], "float32")}, "mode": "linear"}),
    ("Upsample", IMAGE, {"opset": 9, "constants": {1: np.array([1, 1, 2, 2], "float32")}, "mode": "nearest"}),
    ("DepthToSpace", (8, 3, 5), {"blocksize": 2}), ("DepthToSpace", (8, 3, 5), {"blocksize": 2, "mode": "CRD"}),
    ("SpaceToDepth", IMAGE, {"blocksize": 2}), ("Dropout", IMAGE, {"opset": 9, "ratio": 0.3}),
]


@pytest.mark.parametrize(("kind", "shape", "more"), CASES,
                         ids=[f"{index}-{kind}" for index, (kind, *_) in enumerate(CASES)])
def test_operator(kind: str, shape: tuple[int, ...], more: dict[str, Any], tmp_path: Path) -> None:
    """One node at a time, against onnxruntime, with two samples where their number is open."""
    path = single(tmp_path, kind, shape, **more)
    random = np.random.default_rng(5)
    samples = 1 if more.get("batch") == 1 else 2
    given = {f"in{i}": random.standard_normal((samples, *shape)).astype("float32")
             for i in range(more.get("inputs", 1))}
    assert_same(outputs(path, given), runtime(path, given))


def test_every_row_is_tried() -> None:
    """Each row of the table is used by a case or by one of the networks."""
    by_networks = {"Erf", "Mish", "Swish", "MaxUnpool", "MeanVarianceNormalization", "Cast", "Constant", "Shape",
                   "Size", "ConstantOfShape", "Range", "Where", "Log", "Sqrt"}
    assert set(OPERATORS) - {kind for kind, *_ in CASES} <= by_networks | {"Not", "And", "Or", "Xor", "ReduceLogSum"}


@pytest.mark.parametrize("stored", [True, False])
def test_gelu_that_is_written_out(tmp_path: Path, stored: bool) -> None:
    """`0.5 * x * (1 + Erf (x / sqrt 2))`, as exporters wrote GELU before opset 20: numbers stored, or each in a node
    before its use."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    numbers = {"r": 2**0.5, "one": 1.0, "half": 0.5}
    nodes = [helper.make_node("Div", ["x", "r"], ["a"]), helper.make_node("Erf", ["a"], ["b"]),
             helper.make_node("Add", ["b", "one"], ["c"]), helper.make_node("Mul", ["x", "c"], ["d"]),
             helper.make_node("Mul", ["d", "half"], ["y"])]
    tensors = {name: numpy_helper.from_array(np.float32(value), name) for name, value in numbers.items()}
    if not stored:
        for name, place in (("half", 4), ("one", 2), ("r", 0)):
            nodes.insert(place, helper.make_node("Constant", [], [name], value=tensors[name]))
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", 1, ["n", 5])], [helper.make_tensor_value_info("y", 1, None)],
        list(tensors.values()) if stored else [])
    path = tmp_path / "gelu.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    given = {"x": floats(3, 5)}
    assert_same(outputs(path, given), runtime(path, given))
    assert "GELU (x)" in imported_text(load(path))
    assert "/" not in imported_text(load(path))


# --- what cannot be read ---------------------------------------------------------------------------------


def page_of(path: Path) -> str:
    return render_all(load(path).errors)


@pytest.mark.parametrize(("kind", "shape", "more", "said"), [
    ("Slice", IMAGE, {"constants": {1: wholes(0), 2: wholes(8), 3: wholes(3), 4: wholes(2)}}, "in steps of 2"),
    ("Softmax", IMAGE, {"opset": 11, "axis": 2}, "several axes together"),
    ("Reshape", IMAGE, {"constants": {1: wholes(-1, 8)}}, "it makes [-1, 8] of samples"),
    ("ReduceMean", IMAGE, {"opset": 11, "axes": [0]}, "the axis of the samples"),
    ("Transpose", IMAGE, {"perm": [1, 0, 2, 3]}, "moves the axis of the samples"),
    ("LRN", IMAGE, {"size": 4}, "an even number"),
    ("Conv", IMAGE, {"constants": {1: floats(6, 3, 3, 3)}}, "does not fit 4 channels"),
    ("MaxPool", IMAGE, {"kernel_shape": [2, 2], "dilations": [2, 2]}, "gaps (dilations)"),
    ("Resize", IMAGE, {"constants": {1: None, 2: np.array([1, 1, 1.5, 1.5], "float32")}}, "only whole factors"),
    ("Add", IMAGE, {"constants": {1: floats(5, 1, 1)}}, "its inputs do not fit"),
    ("Einsum", IMAGE, {"equation": "nchw->nc"}, "1 Einsum: `the_einsum`"),
    ("Concat", IMAGE, {"inputs": 2, "axis": 0}, "the axis of the samples"),
])
def test_refusals(kind: str, shape: tuple[int, ...], more: dict[str, Any], said: str, tmp_path: Path) -> None:
    page = " ".join(page_of(single(tmp_path, kind, shape, **more)).split())
    assert "error[not-supported]" in page
    assert f"`the_{kind.lower()}`" in page
    assert said in page


def test_open_extents_are_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    path = single(tmp_path, "Relu", (3, 4))
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "width"
    onnx.save(model, path)
    assert "no input of open size: `in0` is n x 3 x width" in " ".join(page_of(path).split())


@pytest.mark.parametrize("name", ["conv", "mlp"])
def test_every_cut_is_a_page(name: str, tmp_path: Path) -> None:
    """A file that ends anywhere is a page or, where nothing is missed, a network; never anything else."""
    data = (HERE / f"{name}.onnx").read_bytes()
    path = tmp_path / "cut.onnx"
    for size in [*range(120), *range(120, len(data), 61)]:
        path.write_bytes(data[:size])
        result = load(path)
        assert result.errors or result.program is not None
        if not result.errors:
            continue
        known = {"no-file", "not-supported", "shape-mismatch"}
        assert {d.code for d in result.errors} <= known, render_all(result.errors)


def test_bytes_that_are_changed(tmp_path: Path) -> None:
    """Bytes overwritten at random: lengths that lie, fields of wrong kinds, names that are no text."""
    data, random = (HERE / "conv.onnx").read_bytes(), np.random.default_rng(2)
    path = tmp_path / "changed.onnx"
    for _ in range(150):
        changed = bytearray(data)
        for place in random.integers(0, len(data), 3):
            changed[place] = int(random.integers(0, 256))
        path.write_bytes(bytes(changed))
        checked = load(path)
        assert render_all(checked.errors) if checked.errors else checked.program is not None
        with contextlib.suppress(Failure):  # whatever else is raised, fails
            checkpoint.read_weights(path, {})


def test_weights_beside_the_model(tmp_path: Path) -> None:
    """External data are read from the model's folder, and from nowhere else."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    path = single(tmp_path, "Gemm", (5,), constants={1: floats(5, 3), 2: floats(3)})
    given = {"in0": floats(2, 5)}
    wanted = outputs(path, given)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").is_file()
    assert_same(outputs(path, given), wanted)
    (tmp_path / "weights.bin").rename(tmp_path / "other.bin")
    os.utime(path, (1, 1))  # what was read is kept as long as the file is the same
    assert "put `weights.bin` beside the model" in " ".join(page_of(path).split())
    for place in ("/etc/passwd", "../secret", "C:/weights"):
        for tensor in model.graph.initializer:
            tensor.ClearField("raw_data")
            tensor.data_location = 1
            del tensor.external_data[:]
            tensor.external_data.add(key="location", value=place)
        path.write_bytes(model.SerializeToString())
        assert "outside the model's folder" in " ".join(page_of(path).split())


def test_import_writes_network_and_weights(tmp_path: Path) -> None:
    """`netdsl import MODEL.onnx` needs no other file for the weights."""
    from netdsl.api.importing import import_file

    found = import_file(HERE / "conv.onnx", out=tmp_path / "conv.net")
    assert found.weights == tmp_path / "conv.safetensors"
    program = netdsl.load(found.path).require_network()
    executable = build(program, program.roots, torch.device("cpu"), seed=0)
    wanted = executable.tensors()
    assert checkpoint.load(wanted, checkpoint.read_weights(found.weights, wanted), {}, found.weights).fits

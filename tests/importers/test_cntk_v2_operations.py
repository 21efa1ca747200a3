"""Operations of CNTK 2's models one by one: a small model of each, its network, and the values by numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cntk_v2_writer import Axis, Shape, file_of, function, model, variable

import netdsl
from netdsl.base.failure import Failure
from netdsl.importers.byte_reader import BadBytes
from netdsl.importers.cntk.models.dictionary_format import read_dictionary
from netdsl.importers.cntk.models.read_model import read_model

R = np.random.default_rng(4)
X = R.normal(size=(2, 4, 3, 5)).astype("f4")  # a sample is [5 x 3 x 4] in CNTK's order
ALL = Axis((2147483646, "AllStaticAxes"))
S0, S1, S2 = (Axis.static(k) for k in range(3))


def _outputs(path: Path) -> np.ndarray:
    module = netdsl.load_weights(netdsl.compile(path), path).eval()
    found = module(torch.from_numpy(X))
    return found.detach().numpy()


CASES: list[tuple[str, dict[str, Any], Any]] = [
    ("Slice", {"axis": S0, "beginIndex": 1, "endIndex": 4, "sliceStrides": 1}, X[..., 1:4]),
    ("Slice", {"axisVec": [S1, S2], "beginIndexVec": [1, 0], "endIndexVec": [3, 2], "sliceStridesVec": [1, 1]},
     X[:, 0:2, 1:3]),
    ("ReduceElements", {"axis": S2, "reductionOpName": "Max", "reductionKeepDimensions": True},
     X.max(1, keepdims=True)),
    ("ReduceElements", {"axis": S1, "reductionOpName": "Sum", "reductionKeepDimensions": False}, X.sum(2)),
    ("ReduceElements", {"axis": S0, "reductionOpName": "Min", "reductionKeepDimensions": False}, X.min(3)),
    ("ReduceElements", {"axisVec": [S0, S1], "reductionOpName": "Mean", "reductionKeepDimensions": False},
     X.mean((2, 3))),
    ("ReduceElements", {"axis": ALL, "reductionOpName": "LogSum", "reductionKeepDimensions": False},
     np.log(np.exp(X).sum((1, 2, 3)))[:, None]),
    ("ReduceElements", {"axis": S2, "reductionOpName": "Argmax", "reductionKeepDimensions": True},
     X.argmax(1)[:, None].astype("f4")),
    ("TransposeAxes", {"axis1": S0, "axis2": S2}, X.transpose(0, 3, 2, 1)),
    ("TransposeAxes", {"axisVec": [S1, S2, S0]}, X.transpose(0, 3, 1, 2)),
    ("Reshape", {"newShape": Shape((15,)), "beginAxis": S0, "endAxis": S2}, X.reshape(2, 4, 15)),
    ("Reshape", {"newShape": Shape((6, 2)), "beginAxis": S1, "endAxis": Axis.static(3)}, X.reshape(2, 2, 6, 5)),
    ("Reshape", {"newShape": Shape((-1,)), "beginAxis": S0, "endAxis": Axis.static(3)}, X.reshape(2, 60)),
    ("Pooling", {"poolingType": 0, "poolingWindowShape": Shape((3, 3)), "strides": Shape((2, 1)),
                 "autoPadding": [False], "lowerPad": Shape((0,)), "upperPad": Shape((0,))},
     np.stack([X[..., 0:3].max((2, 3)), X[..., 2:5].max((2, 3))], -1)[:, :, None]),
    ("Pooling", {"poolingType": 1, "poolingWindowShape": Shape((5, 3)), "strides": Shape((1,)), "autoPadding": [False]},
     X.mean((2, 3), keepdims=True)),
    ("Softmax", {}, None), ("Tanh", {}, np.tanh(X)), ("Negate", {}, -X), ("Sqrt", {}, np.sqrt(np.maximum(X, 0))),
    ("StableSigmoid", {}, 1 / (1 + np.exp(-X))), ("Dropout", {"dropoutRate": 0.25}, X), ("Pass", {}, X),
]


@pytest.mark.parametrize(("operation", "attributes", "expected"), CASES)
def test_one_operation(tmp_path: Path, operation: str, attributes: dict[str, Any], expected: np.ndarray | None) -> None:
    whole = model([variable("Input1", 0, (5, 3, 4), name="x")],
                  [function("F1", operation, ["Input1"], name="y", **attributes)], "F1")
    (tmp_path / "m.model").write_bytes(file_of(whole))
    if expected is None:
        shares = np.exp(X - X.max((1, 2, 3), keepdims=True))
        expected = shares / shares.sum((1, 2, 3), keepdims=True)
    found = _outputs(tmp_path / "m.model")
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-5


def test_operations_of_two_values_and_numbers(tmp_path: Path) -> None:
    """Constants of one number are written as numbers; the parentheses are those of the meaning."""
    half, two = (np.array(number, "f4") for number in (-0.5, 2))
    whole = model([variable("Input1", 0, (5, 3, 4), name="x"), variable("C1", 3, (), half, axes=()),
                   variable("C2", 3, (), two, axes=())],
                  [function("F1", "Plus", ["Input1", "C1"]), function("F2", "ElementTimes", ["F1_Output_0", "Input1"]),
                   function("F3", "Minus", ["C2", "F2_Output_0"]), function("F4", "Pow", ["F3_Output_0", "C2"]),
                   function("F5", "Clip", ["F4_Output_0", "C1", "C2"]),
                   function("F6", "Splice", ["F5_Output_0", "Input1"], name="y", axis=S1)], "F6")
    (tmp_path / "m.model").write_bytes(file_of(whole))
    expected = np.concatenate([np.clip((2 - (X - 0.5) * X) ** 2, -0.5, 2), X], 2)
    assert np.abs(_outputs(tmp_path / "m.model") - expected).max() < 1e-5


def test_weights_that_two_layers_share(tmp_path: Path) -> None:
    """One matrix in two products stands by itself; it is one tensor."""
    weight, bias = R.normal(size=(5, 5)).astype("f4"), R.normal(size=5).astype("f4")
    whole = model([variable("Input1", 0, (5,), name="x"), variable("P1", 2, (5, 5), weight, "W", ()),
                   variable("P2", 2, (5,), bias, "b", ())],
                  [function("F1", "Times", ["P1", "Input1"], outputRank=1),
                   function("F2", "Plus", ["F1_Output_0", "P2"]),
                   function("F3", "Tanh", ["F2_Output_0"]),
                   function("F4", "Times", ["P1", "F3_Output_0"], name="z", outputRank=1)], "F4")
    (tmp_path / "m.model").write_bytes(file_of(whole))
    module = netdsl.load_weights(netdsl.compile(tmp_path / "m.model"), tmp_path / "m.model").eval()
    assert len(module.tensors()) == 2
    x = R.normal(size=(3, 5)).astype("f4")
    expected = np.tanh(x @ weight + bias) @ weight
    assert np.abs(module(torch.from_numpy(x)).detach().numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("kind", ["f4", "f8", "f2"])
@pytest.mark.parametrize("split", [False, True])
def test_types_of_numbers_and_arrays_behind_the_dictionary(tmp_path: Path, kind: str, split: bool) -> None:
    weight = R.normal(size=(5, 3)).astype(kind)
    whole = model([variable("Input1", 0, (5,), name="x"), variable("P1", 2, (3, 5), weight, "W", ())],
                  [function("F1", "Times", ["P1", "Input1"], name="z", outputRank=1)], "F1")
    (tmp_path / "odd.name").write_bytes(file_of(whole, split))
    tensor = read_model(tmp_path / "odd.name").tensors["P1"]
    assert tensor.array().dtype == kind
    assert np.array_equal(tensor.array(), weight)
    found = netdsl.load_weights(netdsl.compile(tmp_path / "odd.name"), tmp_path / "odd.name").tensors()
    assert np.allclose(found["z.weight"].numpy(force=True), weight.T)


@pytest.mark.parametrize(("functions", "said"), [
    ([function("F1", "Plus", ["F1_Output_0", "Input1"])], "needs itself"),
    ([function("F1", "Plus", ["nowhere", "Input1"])], "`F1` takes `nowhere`"),
    ([function("F1", "Combine", ["F1_Output_0"])], "stands for itself"),
    ([function("F1", "Tanh", ["Input1"]) | {"op": 500}], "operation 500"),
    ([function("F1", "Tanh", ["Input1"]) | {"version": 99}], "version 99"),
    ([function("F1", "Tanh", ["Input1"]) | {"inputs": "Input1"}], "`inputs` should be a list"),
    ([function("F2", "Tanh", ["Input1"])], "the model ends in `F1`"),
])
def test_graphs_that_cannot_be(functions: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(BadBytes) as raised:
        read_dictionary(file_of(model([variable("Input1", 0, (5,), name="x")], functions, "F1")))
    assert said in str(raised.value)


def test_dictionaries_without_end() -> None:
    """A hundred dictionaries within each other, and an array that says more numbers than there are."""
    deep: Any = 1
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(BadBytes, match="deep"):
        read_dictionary(file_of({"type": deep}))
    short = variable("P1", 2, (9,), np.zeros(3, "f4"), "W", ())
    with pytest.raises(BadBytes, match=r"says \[9\] and has \[3\]"):
        read_dictionary(file_of(model([short, variable("Input1", 0, (5,))], [function("F1", "Plus", ["Input1", "P1"])],
                                      "F1")))


@pytest.mark.parametrize(("operation", "attributes", "said"), [
    ("TopK", {}, "operation `TopK` of CNTK"),
    ("PastValue", {}, "which runs over the steps of a sequence"),
    ("Slice", {"axis": S0, "beginIndex": 0, "endIndex": 4, "sliceStrides": 2}, "slice with steps"),
    ("ReduceElements", {"axis": Axis((3, "defaultBatchAxis")), "reductionOpName": "Sum"}, "axis `defaultBatchAxis`"),
    ("Convolution", {"sharing": [False], "kernelShape": Shape((3, 3, 4))}, "`sharing = false`"),
])
def test_what_has_no_row_is_named(tmp_path: Path, operation: str, attributes: dict[str, Any], said: str) -> None:
    weight = variable("P1", 2, (3, 3, 4, 2), np.zeros((2, 4, 3, 3), "f4"), "W", ())
    inputs = ["P1", "Input1"] if operation == "Convolution" else ["Input1"]
    whole = model([variable("Input1", 0, (5, 3, 4), name="x"), weight],
                  [function("F1", operation, inputs, name="y", **attributes)], "F1")
    (tmp_path / "m.model").write_bytes(file_of(whole))
    with pytest.raises(Failure) as raised:
        netdsl.check(tmp_path / "m.model")
    text = " ".join(str(raised.value).split())
    assert said in text
    assert "at byte" in text

"""Weight files of every age, bit for bit; and broken ones: a page that says at which byte reading stopped."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from caffe_networks import Blob, Net, _varint, blob_bytes, field_bytes, write_caffemodel
from caffe_runs import CaffeRun

from netdsl.base.codes import Code
from netdsl.base.failure import Failure
from netdsl.importers.byte_reader import BadBytes
from netdsl.importers.caffe.caffe_weights import CaffeModel
from netdsl.importers.caffe.stored_blobs import layers_of_bytes, read_blob
from netdsl.importers.weight_table import weight_format_of

HERE = Path(__file__).parent


def number_bytes(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def floats(blob: Blob) -> bytes:
    return np.ascontiguousarray(blob, "<f4").tobytes()


WEIGHT = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2) / 7

#: How a blob may be stored -> its bytes; all are the same blob.
BLOBS = {
    "today": blob_bytes(WEIGHT),
    "four numbers": b"".join(number_bytes(i + 1, n) for i, n in enumerate(WEIGHT.shape)) + field_bytes(
        5, floats(WEIGHT)),
    "a field for each number": field_bytes(7, b"".join(number_bytes(1, n) for n in WEIGHT.shape)) + b"".join(
        _varint(5 << 3 | 5) + struct.pack("<f", value) for value in WEIGHT.reshape(-1)),
    "double": field_bytes(7, field_bytes(1, b"".join(map(_varint, WEIGHT.shape)))) + field_bytes(
        8, WEIGHT.astype("<f8").tobytes()),
    "double, a field for each": field_bytes(7, field_bytes(1, b"".join(map(_varint, WEIGHT.shape)))) + b"".join(
        _varint(8 << 3 | 1) + struct.pack("<d", value) for value in WEIGHT.reshape(-1)),
    "with differences": blob_bytes(WEIGHT) + field_bytes(6, floats(WEIGHT * 0)),
    "in two parts": field_bytes(7, field_bytes(1, b"".join(map(_varint, WEIGHT.shape)))) + field_bytes(
        5, floats(WEIGHT.reshape(-1)[:10])) + field_bytes(5, floats(WEIGHT.reshape(-1)[10:])),
}


@pytest.mark.parametrize("form", BLOBS)
def test_forms_of_a_blob(form: str) -> None:
    layer = field_bytes(1, b"c") + field_bytes(2, b"Convolution") + field_bytes(7, BLOBS[form])
    (read,) = layers_of_bytes(field_bytes(1, b"net") + field_bytes(100, layer))
    assert (read.name, read.type) == ("c", "Convolution")
    assert np.array_equal(read.blobs[0].array(), WEIGHT)


def test_ages_of_a_net() -> None:
    """Today's layers, the older ones with a number as their type, and the first form one level down."""
    blob = blob_bytes(WEIGHT)
    today = field_bytes(100, field_bytes(1, b"c") + field_bytes(2, b"Convolution") + field_bytes(7, blob))
    older = field_bytes(2, field_bytes(2, b"data") + field_bytes(4, b"c") + number_bytes(5, 4) + field_bytes(6, blob)
                        + _varint(7 << 3 | 5) + struct.pack("<f", 1))
    first = field_bytes(2, field_bytes(1, field_bytes(1, b"c") + field_bytes(2, b"conv") + number_bytes(3, 2)
                                       + field_bytes(50, blob)) + field_bytes(2, b"data"))
    for data in (today, older, first):
        (read,) = layers_of_bytes(data)
        assert (read.name, read.type) == ("c", "Convolution")
        assert np.array_equal(read.blobs[0].array(), WEIGHT)


DENSE = """
input: "data" input_shape { dim: 1 dim: 6 }
layer { name: "fc/a" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 4 } }
layer { name: "n" type: "BatchNorm" bottom: "fc" top: "fc" }
layer { name: "out" type: "InnerProduct" bottom: "fc" top: "out"
        inner_product_param { num_output: 4 bias_term: false } }
"""
MATRIX = np.arange(24, dtype=np.float32).reshape(4, 6) / 5
SQUARE = np.arange(16, dtype=np.float32).reshape(4, 4) / 3
FOUR = np.arange(4, dtype=np.float32)


def dense_weights(**changed: list[Blob]) -> list[tuple[str, str, list[Blob]]]:
    layers = {"fc/a": ("InnerProduct", [MATRIX, FOUR]), "n": ("BatchNorm", [FOUR * 2, FOUR * 2 + 2, np.float32([2])]),
              "out": ("InnerProduct", [SQUARE])}
    return [(name, kind, changed.get(name.replace("/", "_"), blobs)) for name, (kind, blobs) in layers.items()]


def values(path: Path) -> dict[str, Any]:
    run = CaffeRun(DENSE, path)
    return {name: tensor.detach().numpy() for name, tensor in run.executable.tensors().items()}


def test_blobs_find_their_layers(tmp_path: Path) -> None:
    """By name, whatever the order; a matrix of `1 1 N K`; the factor of BatchNorm; layers that only the file has."""
    weights = [("data", "Input", []), ("aux", "InnerProduct", [SQUARE]),
               *reversed(dense_weights(fc_a=[MATRIX.reshape(1, 1, 4, 6), FOUR.reshape(1, 1, 1, 4)]))]
    found = values(write_caffemodel(tmp_path / "w.caffemodel", weights))
    assert np.array_equal(found["model.fc_a.weight"], MATRIX)
    assert np.array_equal(found["model.fc_a.bias"], FOUR)
    assert np.allclose(found["model.n.running_mean"], FOUR)
    assert np.allclose(found["model.n.running_variance"], FOUR + 1)
    assert np.array_equal(found["model.out.weight"], SQUARE)


def test_a_factor_of_zero_gives_zeros(tmp_path: Path) -> None:
    weights = dense_weights(n=[FOUR, FOUR, np.array([0], np.float32)])
    found = values(write_caffemodel(tmp_path / "w.caffemodel", weights))
    assert not found["model.n.running_mean"].any()
    assert not found["model.n.running_variance"].any()


def test_a_transposed_matrix(tmp_path: Path) -> None:
    """The file says it, and that counts for a square matrix as well."""
    option = field_bytes(117, number_bytes(1, 4) + number_bytes(6, 1))
    layer = field_bytes(1, b"out") + field_bytes(2, b"InnerProduct") + field_bytes(7, blob_bytes(SQUARE)) + option
    path = write_caffemodel(tmp_path / "w.caffemodel", dense_weights()[:2])
    path.write_bytes(path.read_bytes() + field_bytes(100, layer))
    assert np.array_equal(values(path)["model.out.weight"], SQUARE.T)


@pytest.mark.parametrize(("changed", "told"), [
    ({"out": [SQUARE[:3]]}, ["model.out.weight", "checkpoint 4 x 3"]),
    ({"out": [SQUARE, FOUR]}, ["Only the checkpoint has these", "model.out.bias"]),
    ({"n": []}, ["missing", "model.n.running_mean"]),
])
def test_what_does_not_fit_is_named(changed: dict[str, list[Blob]], told: list[str], tmp_path: Path) -> None:
    path = write_caffemodel(tmp_path / "w.caffemodel", dense_weights(**changed))
    with pytest.raises(Failure) as failed:
        values(path)
    (problem,) = failed.value.diagnostics
    assert problem.code == Code.CHECKPOINT_MISMATCH
    assert all(words in str(failed.value) for words in told)


def test_two_layers_whose_names_fall_together(tmp_path: Path) -> None:
    """`a/b` and `a_b`: the second keeps its name, and each gets its own blobs."""
    net = Net("net", (3,))
    net.dense("a_b", net.dense("a/b", "data", 3), 3)
    run = CaffeRun(net.text, write_caffemodel(tmp_path / "w.caffemodel", net.weights))
    found = {name: tensor.detach().numpy() for name, tensor in run.executable.tensors().items()}
    assert np.array_equal(found["a_b_2.weight"], net.weights[0][2][0])
    assert np.array_equal(found["a_b.weight"], net.weights[1][2][0])


def test_info_lists_the_blobs() -> None:
    row = weight_format_of(HERE / "rounding.caffemodel")
    assert isinstance(row, CaffeModel)
    stored = row.tensors(HERE / "rounding.caffemodel")
    assert sum(int(np.prod(tensor.shape)) for tensor in stored) == 972
    assert [tensor.name for tensor in stored][:3] == ["c1[0]", "c1[1]", "b1[0]"]


def test_a_mean_is_read() -> None:
    blob = read_blob(HERE / "mean.binaryproto")
    assert blob.shape == (1, 3, 4, 5)
    assert np.array_equal(blob.array().reshape(-1), np.arange(60))


# --- broken files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("blob", "why"), [
    (field_bytes(7, field_bytes(1, _varint(3))) + field_bytes(5, floats(FOUR)), "should have 3 numbers, and has 4"),
    (field_bytes(7, field_bytes(1, _varint(1 << 62))) + field_bytes(5, floats(FOUR)), "numbers, and has 4"),
    (field_bytes(7, number_bytes(1, (1 << 64) - 4)) + field_bytes(5, floats(FOUR)), "should have -4 numbers"),
    (field_bytes(5, b"\0" * 7), "take 7 bytes, which 4 does not divide"),
    (field_bytes(8, b"\0" * 12), "take 12 bytes, which 8 does not divide"),
    (number_bytes(5, 3), "should be four bytes, and is a whole number"),
    (number_bytes(7, 3), "should be bytes with a length, and is a whole number"),
    (field_bytes(7, field_bytes(1, b"\xff" * 11)), "has no end"),
    (field_bytes(7, field_bytes(1, b"\1" * 70)), "more than 64 axes"),
    (_varint(5 << 3 | 2) + _varint(1 << 40), "should be 1,099,511,627,776 bytes long"),
    (_varint(5 << 3 | 3), "kind 3"),
])
def test_broken_blobs(blob: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "w.caffemodel"
    path.write_bytes(field_bytes(100, field_bytes(1, b"c") + field_bytes(7, blob)))
    with pytest.raises(Failure) as failed:
        CaffeModel().tensors(path)
    (problem,) = failed.value.diagnostics
    assert problem.code == Code.CHECKPOINT_MISMATCH
    assert why in problem.body[0]
    assert "at byte" in problem.body[0]


@pytest.mark.parametrize("data", [b"", b"not a net at all", b"\0" * 50, field_bytes(1, b"net")])
def test_files_that_are_no_net(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.caffemodel"
    path.write_bytes(data)
    with pytest.raises(Failure, match="cannot be read as weights of Caffe"):
        CaffeModel().read(path, {})


def test_any_bytes_are_read_or_refused() -> None:
    """Truncated at every byte, and with bytes changed, put in and taken out: blobs or BadBytes, nothing else."""
    whole, draw = (HERE / "rounding.caffemodel").read_bytes(), random.Random(1)
    for end in range(0, len(whole), 7):
        _read_any(whole[:end])
    for _ in range(3000):
        data = bytearray(whole[:draw.choice((200, 800, len(whole)))])
        for _ in range(draw.randrange(1, 4)):
            at = draw.randrange(len(data))
            data[at:at + draw.randrange(2)] = bytes(draw.choice((0, 1, 127, 128, 255, draw.randrange(256)))
                                                    for _ in range(draw.randrange(3)))
        _read_any(bytes(data))


def _read_any(data: bytes) -> None:
    try:
        layers = layers_of_bytes(data)
    except BadBytes:
        return
    for layer in layers:
        for blob in layer.blobs:
            assert blob.array().size == len(blob.numbers)


def test_layers_that_only_the_file_has_are_told(tmp_path: Path) -> None:
    """As the auxiliary classifiers of GoogLeNet's file, which its deploy net does not have."""
    run = CaffeRun(DENSE, write_caffemodel(tmp_path / "w.caffemodel", [("aux/fc", "InnerProduct", [SQUARE + 1]),
                                                                       *dense_weights()]))
    told = run.report.words(list(run.executable.tensors()))
    assert told == "all 6 tensors (5 by the names of layers); the network has no `aux/fc`, which the file has"


def test_copies_of_shared_weights_are_no_further_layers(tmp_path: Path) -> None:
    """Caffe saves what two layers share with each of them; the network has it once, and nothing is left out."""
    text = 'input: "a" input: "b" input_shape { dim: 1 dim: 4 } input_shape { dim: 1 dim: 4 }\n' + "".join(
        f'layer {{ name: "ip{end}" type: "InnerProduct" bottom: "{blob}" top: "ip{end}" param {{ name: "w" }} '
        f'param {{ name: "v" }} inner_product_param {{ num_output: 4 }} }}\n' for end, blob in (("", "a"), ("_p", "b")))
    one, other = [SQUARE, SQUARE[0]], [SQUARE + 1, SQUARE[0]]
    for second, told in ((one, "all 2 tensors (2 by the names of layers)"),
                         (other, "all 2 tensors (2 by the names of layers); the network has no `ip_p`, which the file "
                                 "has")):
        path = write_caffemodel(tmp_path / "w.caffemodel", [("ip", "InnerProduct", one),
                                                            ("ip_p", "InnerProduct", second)])
        run = CaffeRun(text, path)
        assert run.report.words(list(run.executable.tensors())) == told


def test_a_depthwise_convolution_of_a_fork_needs_no_group(tmp_path: Path) -> None:
    kernel = np.arange(1, 28, dtype=np.float32).reshape(3, 1, 3, 3)
    values = []
    for kind, group in (("ConvolutionDepthwise", ""), ("DepthwiseConvolution", "group: 3"),
                        ("Convolution", "group: 3")):
        text = ('input: "data" input_shape { dim: 1 dim: 3 dim: 6 dim: 5 }\n'
                f'layer {{ name: "dw" type: "{kind}" bottom: "data" top: "dw" convolution_param {{ num_output: 3 '
                f'kernel_size: 3 {group} bias_term: false }} }}\n')
        run = CaffeRun(text, write_caffemodel(tmp_path / "w.caffemodel", [("dw", kind, [kernel])]))
        assert run.parameters == 27
        values.append(run.blobs({"data": np.linspace(-1, 1, 90, dtype=np.float32).reshape(1, 3, 6, 5)})["dw"])
    assert all(np.array_equal(value, values[2]) for value in values)

"""CNTK's model files: what CNTK 2.7 wrote is read bit for bit, gives CNTK's outputs, and damage ends in a page."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import netdsl
from netdsl.base.failure import Failure
from netdsl.cli.entry import run
from netdsl.importers.byte_reader import BadBytes
from netdsl.importers.cntk.models.dictionary_format import read_dictionary
from netdsl.importers.cntk.models.read_model import read_model
from netdsl.importers.cntk.models.stream_format import read_stream

MODELS = Path(__file__).parent / "models"
NAMES = ("mlp", "conv", "tagger", "twoways", "shapes", "upwards")
FILES = [f"{name}.{version}.model" for name in NAMES for version in ("v1", "v2")]

MLP = """network = {
    x = Input {6}
    t = Input {3}
    h = DenseLayer {5, activation = Tanh} (x)
    z = LinearLayer {3} (h)
    criterionNodes = ce := CrossEntropyWithSoftmax (t, z)
    outputNodes = z
}
"""

CONV = """network = {
    x = Input {10:8:3}
    model = Sequential (
        first := ConvolutionalLayer {4, (3:3), pad = true, bias = false} :
        BatchNormalizationLayer {spatialRank = 2} : ReLU :
        MaxPoolingLayer {(3:3), stride = 2} :
        second := ConvolutionalLayer {5, (2:3), stride = (1:2), pad = true} : ELU :
        AveragePoolingLayer {(2:1), stride = (2:1)} : Dropout :
        head := LinearLayer {4})
    y = model (x)
    outputNodes = y
}
"""


@pytest.mark.parametrize("file", FILES)
def test_every_tensor_is_read_bit_for_bit(file: str) -> None:
    stored = np.load(MODELS / f"{file.split('.')[0]}.npz")
    expected = {key.rpartition(":")[2]: stored[key] for key in stored if key.startswith(("par:", "const:"))}
    model = read_model(MODELS / file)
    assert model.tensors.keys() == expected.keys()
    for uid, tensor in model.tensors.items():
        assert tensor.array().shape == expected[uid].shape, uid
        assert tensor.array().tobytes() == expected[uid].tobytes(), uid
        assert tensor.learned == uid.startswith("Parameter")


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(("name", "text"), [("mlp", MLP), ("conv", CONV)])
def test_outputs_are_those_of_cntk(tmp_path: Path, name: str, text: str, version: str) -> None:
    (tmp_path / "net.net").write_text(text)
    stored = np.load(MODELS / f"{name}.npz")
    module = netdsl.load_weights(netdsl.compile(tmp_path / "net.net"), MODELS / f"{name}.{version}.model").eval()
    found = module(torch.from_numpy(stored["in:x"])).detach().numpy()
    assert np.abs(found - stored["out:z"]).max() < 1e-6


def test_equal_layers_are_told_apart_by_their_place(tmp_path: Path) -> None:
    """`h` and `z` of the model have other names here, and the file says them in another order."""
    (tmp_path / "net.net").write_text(MLP.replace("h = Dense", "hidden = Dense").replace("(h)", "(hidden)"))
    module = netdsl.load_weights(netdsl.compile(tmp_path / "net.net"), MODELS / "mlp.v2.model")
    stored = np.load(MODELS / "mlp.npz")
    assert np.array_equal(module.tensors()["hidden.weight"].numpy(force=True), stored["par:W:Parameter5"].T)


def test_twins_are_ambiguous_and_refused(tmp_path: Path) -> None:
    """Two towers of the same shapes on one input: nothing but their names could tell them apart."""
    text = """network = {
    x = Input {6}
    a = LinearLayer {3} (x)
    b = LinearLayer {3} (x)
    y = a + 2 * b
    outputNodes = y
}
"""
    (tmp_path / "net.net").write_text(text)
    stream = _stream([("LearnableParameter", name, (), _parameter(dims, 0.5)) for name, dims in
                      (("W1", (3, 6)), ("b1", (3,)), ("W2", (3, 6)), ("b2", (3,)))]
                     + [("InputValue", "in", (), _input(6))]
                     + [("Times", f"t{k}", (f"W{k}", "in"), struct.pack("<Qi", 1, -1)) for k in (1, 2)]
                     + [("Plus", f"p{k}", (f"t{k}", f"b{k}"), b"") for k in (1, 2)]
                     + [("Plus", "sum", ("p1", "p2"), b"")])
    (tmp_path / "twins.dnn").write_bytes(stream)
    with pytest.raises(Failure) as raised:
        netdsl.load_weights(netdsl.compile(tmp_path / "net.net"), tmp_path / "twins.dnn")
    assert "cannot be told apart" in str(raised.value)
    assert "network a.weight, b.weight; file W1, W2" in str(raised.value)


def test_a_model_of_another_network_is_refused_with_all_its_shapes(tmp_path: Path) -> None:
    (tmp_path / "net.net").write_text(MLP.replace("{5,", "{7,"))
    with pytest.raises(Failure) as raised:
        netdsl.load_weights(netdsl.compile(tmp_path / "net.net"), MODELS / "mlp.v2.model")
    assert "h.weight" in str(raised.value)


@pytest.mark.parametrize("given", ["loadWeights", "--weights", "-c"])
def test_commands_take_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                               given: str) -> None:
    """A rate of almost 0: after the run the weights are the model's, and the criterion is what CNTK computes."""
    monkeypatch.chdir(tmp_path)
    stored, model = np.load(MODELS / "mlp.npz"), str(MODELS / "mlp.v1.model")
    (tmp_path / "rows.txt").write_text("".join(
        f"|x {' '.join(map(str, x))} |t {' '.join(map(str, t))}\n"
        for x, t in zip(stored["in:x"].tolist(), stored["in:t"].tolist(), strict=True)))
    data = 'CNTKText {"rows.txt", input = {x = {dim = 6}; t = {dim = 3}}, featuresInput = "x", labelsInput = "t"}'
    start = f'loadWeights = "{model}"' if given == "loadWeights" else ""
    (tmp_path / "mlp.net").write_text(
        f"{MLP}reader = {{\n    train = {data}\n    test = {data}\n}}\n"
        f"SGD = {{\n    maxEpochs = 1\n    minibatchSize = 4\n    learningRate = 1e-30\n    {start}\n}}\n")
    if given != "-c":
        assert run(["run", "mlp.net", "-o", "run", *(["--weights", model] if given == "--weights" else [])]) == 0
        assert f"weights from {model}: all 4 tensors (4 by place in the graph)" in capsys.readouterr().out
    assert run(["test", "mlp.net", "-c", "run" if given != "-c" else model, "--format", "json"]) == 0
    value = json.loads(capsys.readouterr().out)["values"]["ce"]
    assert value == pytest.approx(float(stored["out:ce"].mean()), abs=1e-5)


@pytest.mark.parametrize("file", FILES)
def test_info_lists_tensors_nodes_and_the_version(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(MODELS / file)]) == 0
    output = capsys.readouterr().out
    model = read_model(MODELS / file)
    for tensor in model.tensors.values():
        assert tensor.path in output
    assert f"nodes: {len(model.nodes)}" in output
    assert ("v1, version 31" if ".v1." in file else "v2 (CNTK 2)") in output


def test_a_model_is_known_by_what_is_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for version in ("v1", "v2"):
        (tmp_path / f"{version}.bin2").write_bytes((MODELS / f"conv.{version}.model").read_bytes())
        assert run(["info", str(tmp_path / f"{version}.bin2")]) == 0
        assert "a model file of CNTK" in capsys.readouterr().out


# --- the older versions of the stream ---------------------------------------------------------------


def _word(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


def _dims(*dims: int) -> bytes:
    return struct.pack(f"<I{len(dims)}I", len(dims), *dims)


def _matrix(values: np.ndarray) -> bytes:
    return (b"d" + _word("BMAT") + struct.pack("<Q", values.itemsize) + _word("unnamed")
            + struct.pack("<iQQ", 0, values.size, 1) + values.tobytes() + _word("EMAT"))


def _parameter(dims: tuple[int, ...], start: float, version: int = 31) -> bytes:
    values = (np.arange(math.prod(dims), dtype="<f4") + start) / 10
    head = struct.pack("<f", 1) + _dims(*dims) if version >= 3 else struct.pack("<?QQ", True, dims[0], dims[1])
    return head + _matrix(values)


def _input(*dims: int, version: int = 31) -> bytes:
    return (struct.pack("<QQ", 0, 0) + _dims(*dims) + (struct.pack("<I", 1) + _word("*") if version >= 8 else b"")
            + (struct.pack("<f", 0) if version >= 10 else b""))


def _stream(nodes: list[tuple[str, str, tuple[str, ...], bytes]], version: int = 31) -> bytes:
    kind = _word("float") if version >= 7 else b""
    return b"".join([
        _word("BCN"), _word("BVersion"), struct.pack("<Q", version), _word("EVersion"), struct.pack("<Q", len(nodes)),
        _word("BNodeList"), *(kind + _word(op) + _word(name) + body for op, name, _, body in nodes),
        _word("ENodeList"), _word("BRelation"),
        *(_word(name) + struct.pack("<Q", len(takes)) + b"".join(map(_word, takes)) for _, name, takes, _ in nodes),
        _word("ERelation"), _word("BRootNodes"), _word("BFeatureNodes"), struct.pack("<Q", 0), _word("EFeatureNodes"),
        _word("BLabelNodes"), struct.pack("<Q", 0), _word("ELabelNodes"), _word("ERootNodes"), _word("ECN")])


@pytest.mark.parametrize("version", [1, 2, 3, 6, 12, 13, 18, 19, 31])
def test_inverse_deviations_and_missing_counts_of_old_files(version: int) -> None:
    """Before version 13 the file has 1 / sqrt (variance + epsilon), before 19 no count of samples."""
    deviation = np.array([0.5, 2, 4], "<f4")
    old = struct.pack("<ii", 0x00010004, 0x00010004) + struct.pack("<?", False) + \
        struct.pack("<?", True) + struct.pack("<d", 100) + struct.pack("<iQ", 1, 3) + struct.pack("<d?", 0.01, False)
    count = b"\1" if version == 19 else struct.pack("<Q", 3)
    new = struct.pack("<?ddi", True, 100, 0, 1) + count + struct.pack("<d?", 0.01, False)
    parameters: list[tuple[str, str, tuple[str, ...], bytes]] = [
        ("LearnableParameter", name, (), _parameter((3, 1), k, version)) for k, name in enumerate(("s", "b", "m"))]
    head = struct.pack("<f", 0) + _dims(3, 1) if version >= 3 else struct.pack("<?QQ", False, 3, 1)
    parameters.append(("LearnableParameter", "v", (), head + _matrix(deviation)))
    model = read_stream(_stream([("InputValue", "x", (), _input(4, 5, 3, version=version)), *parameters, (
        "BatchNormalization", "bn", ("x", "s", "b", "m", "v"), new if version >= 6 else old)], version))
    spread = model.tensors["v"].array().ravel()
    assert np.allclose(spread, 1 / deviation**2 - 0.01 if version < 13 else deviation, atol=1e-6)
    samples = model.tensors[model.nodes["bn"].inputs[5]].array()
    assert samples.tolist() == ([48] if version < 13 else [0] if version == 19 else [3])


def test_an_operation_with_unknown_options_is_left_behind() -> None:
    model = read_stream(_stream([("InputValue", "x", (), _input(3)), ("Mystery", "m", ("x",), b"\1\2\3" * 5),
                                 ("LearnableParameter", "w", (), _parameter((3,), 1))]))
    assert model.nodes["m"].operation == "Mystery"
    assert model.tensors["w"].array().tolist() == pytest.approx([0.1, 0.2, 0.3])


def _windows(kernel: tuple[int, ...], maps: int, layout: int, version: int = 31) -> bytes:
    """A convolution without padding, stride 1."""
    flags = struct.pack("<Q?", 1, False)
    return (_dims(*kernel) + _dims(maps) + _dims(*(1 for _ in kernel)) + struct.pack("<Q?", 1, True) + flags + _dims(0)
            + _dims(0) + struct.pack("<iiQ", 0, layout, 0) + struct.pack("<?", False) + _dims(0)
            + struct.pack("<??", False, False) + struct.pack("<?", len(kernel) == 2) + _dims(1))


@pytest.mark.parametrize("kernel", [(3, 2), (3, 2, 4)])
def test_filters_stored_as_a_matrix(tmp_path: Path, kernel: tuple[int, ...]) -> None:
    """As the rows of netdsl have it for CNTK's configurations: only the order of the numbers counts."""
    stream = _stream([("InputValue", "x", (), _input(7, 6, 4)),
                      ("LearnableParameter", "W", (), _parameter((5, 24), 1)),
                      ("Convolution", "c", ("W", "x"), _windows(kernel, 5, 1))])
    (tmp_path / "m.dnn").write_bytes(stream)
    (tmp_path / "rows.net").write_text("""network = {
    x = Input {7:6:4}
    W = ParameterTensor {5:24}
    c = Convolution (W, x, (3:2), mapDims = 5, autoPadding = false)
    outputNodes = c
}
""")
    images = torch.randn(2, 4, 6, 7)
    found = [netdsl.load_weights(netdsl.compile(tmp_path / file), tmp_path / "m.dnn").eval()(images)
             for file in ("m.dnn", "rows.net")]
    assert (found[0] - found[1]).abs().max() < 1e-4 * found[1].abs().max()


def test_a_network_of_the_simple_builder(tmp_path: Path) -> None:
    """W0, B0 and statistics of the data under the names that CNTK gives them."""
    statistic = struct.pack("<?", True) + _matrix(np.array([1, 2, 3], "<f4"))
    stream = _stream([
        ("InputValue", "features", (), _input(3)), ("InputValue", "labels", (), _input(2)),
        ("Mean", "MeanOfFeatures", ("features",), statistic),
        ("InvStdDev", "InvStdOfFeatures", ("features",), statistic),
        ("PerDimMeanVarNormalization", "MVNormalizedFeatures", ("features", "MeanOfFeatures", "InvStdOfFeatures"), b""),
        ("LearnableParameter", "W0", (), _parameter((4, 3), 1)),
        ("LearnableParameter", "B0", (), _parameter((4, 1), 9)),
        ("Times", "W0*features", ("W0", "MVNormalizedFeatures"), struct.pack("<Qi", 1, -1)),
        ("Plus", "W0*features+B0", ("W0*features", "B0"), b""), ("Sigmoid", "H1", ("W0*features+B0",), b""),
        ("LearnableParameter", "W1", (), _parameter((2, 4), 5)),
        ("LearnableParameter", "B1", (), _parameter((2, 1), 7)),
        ("Times", "W1*H1", ("W1", "H1"), struct.pack("<Qi", 1, -1)), ("Plus", "HLast", ("W1*H1", "B1"), b""),
        ("CrossEntropyWithSoftmax", "ce", ("labels", "HLast"), b""),
        ("ErrorPrediction", "ep", ("labels", "HLast"), b""),
    ])
    (tmp_path / "m.dnn").write_bytes(stream)
    program = netdsl.check(tmp_path / "m.dnn")
    assert (program.criteria, program.metrics) == (("ce",), ("ep",))
    module = netdsl.load_weights(netdsl.compile(program, outputs=["HLast"]), tmp_path / "m.dnn").eval()
    x = np.array([[0.5, 1, -2], [3, 2, 1]], "f4")
    tensors = read_model(tmp_path / "m.dnn").tensors
    weights = {name: tensors[name].array() for name in ("W0", "B0", "W1", "B1")}
    hidden = 1 / (1 + np.exp(-((x - [1, 2, 3]) * [1, 2, 3] @ weights["W0"] + weights["B0"].ravel())))
    expected = hidden @ weights["W1"] + weights["B1"].ravel()
    assert np.abs(module(torch.from_numpy(x)).detach().numpy() - expected).max() < 1e-5


def test_names_of_cntks_library(tmp_path: Path) -> None:
    """`h.arrayOfFunctions[0].W` is `h.weight`, wherever in the network `h` stands, and whatever the order."""
    names = [("model.z.W", (3, 5)), ("model.h.arrayOfFunctions[0].b", (5,)), ("model.z.b", (3,)),
             ("model.h.arrayOfFunctions[0].W", (5, 6))]
    stream = _stream([("InputValue", "x", (), _input(6)),
                      *(("LearnableParameter", name, (), _parameter(dims, k)) for k, (name, dims) in enumerate(names)),
                      ("Times", "t0", (names[3][0], "x"), struct.pack("<Qi", 1, -1)),
                      ("Plus", "s0", ("t0", names[1][0]), b""),
                      ("Times", "t1", (names[0][0], "s0"), struct.pack("<Qi", 1, -1)),
                      ("Plus", "s1", ("t1", names[2][0]), b"")])
    (tmp_path / "m.cmf").write_bytes(stream)
    (tmp_path / "net.net").write_text(MLP)
    from netdsl.importers.cntk.models.model_weights import CNTKModel

    wanted = {"h.weight": (5, 6), "h.bias": (5,), "z.weight": (3, 5), "z.bias": (3,)}
    found: Any = CNTKModel().read(tmp_path / "m.cmf", wanted)
    assert {name: how for name, (_, how) in found.how.items()} == dict.fromkeys(
        ("h.weight", "h.bias", "z.weight", "z.bias"), "by CNTK's names")
    tensors = netdsl.load_weights(netdsl.compile(tmp_path / "net.net"), tmp_path / "m.cmf").tensors()
    assert tensors["h.bias"].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize(("change", "said"), [
    (lambda data: data[: len(data) // 2], "bytes"),
    (lambda data: data[:30], ""),
    (lambda data: b"", ""),
    (lambda data: data.replace(struct.pack("<Q", 31), struct.pack("<Q", 99), 1), "99"),
    (lambda data: data.replace(_word("Times"), _word("Tim" + "\0" + "e")), "no node begins here"),
])
def test_damaged_streams_end_in_a_page(tmp_path: Path, change: Callable[[bytes], bytes], said: str,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    damaged = tmp_path / "damaged.dnn"
    damaged.write_bytes(change((MODELS / "mlp.v1.model").read_bytes()))
    assert run(["info", str(damaged)]) == 1
    output = capsys.readouterr()
    assert "cannot be read as a model file of CNTK" in output.err
    assert "at byte" in output.err
    assert said in output.err


def test_a_graph_that_needs_itself_is_refused() -> None:
    stream = _stream([("Plus", "a", ("b", "b"), b""), ("Plus", "b", ("a", "a"), b"")])
    with pytest.raises(BadBytes, match="needs itself"):
        read_stream(stream)


def test_sizes_that_lie_do_not_take_memory() -> None:
    huge = struct.pack("<f", 1) + _dims(1 << 30, 1 << 30) + b"d" + _word("BMAT") + struct.pack("<Q", 4) + \
        _word("unnamed") + struct.pack("<iQQ", 0, 1 << 30, 1 << 30) + b"\0" * 16
    with pytest.raises(BadBytes, match="bytes long"):
        read_stream(_stream([("LearnableParameter", "w", (), huge)]))


DATA = {file: (MODELS / file).read_bytes() for file in FILES}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage_is_a_mistake_of_the_file(data: st.DataObject) -> None:
    """Bytes changed, cut out or repeated anywhere: a model, or BadBytes; never another exception."""
    file = data.draw(st.sampled_from(FILES))
    content = bytearray(DATA[file])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                content[at] = data.draw(st.integers(0, 255))
            case 1:
                del content[at : at + data.draw(st.integers(1, 40))]
            case 2:
                content[at:at] = content[at : at + data.draw(st.integers(1, 40))]
            case _:
                del content[at:]
        if not content:
            break
    read = read_stream if file.endswith(".v1.model") else read_dictionary
    try:
        model = read(bytes(content))
    except BadBytes:
        return
    for tensor in model.tensors.values():
        assert tensor.array().size == tensor.size

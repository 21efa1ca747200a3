"""darknet's `.weights`: every section's numbers, versions of the header, and files that are cut off."""

from __future__ import annotations

import struct
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netdsl.base.failure import Failure
from netdsl.compiler import load
from netdsl.importers.darknet.darknet_weights import DarknetWeights, blocks
from netdsl.ir.program import CheckedProgram
from netdsl.lower import Executable
from netdsl.runs import checkpoint
from netdsl.training.build import build

HERE = Path(__file__).parent / "darknet"


def built(path: Path) -> tuple[CheckedProgram, Executable]:
    program = load(path).require_network()
    return program, build(program, tuple(node.name for node in program.network), torch.device("cpu"), seed=0)


def random_weights(executable: Executable, path: Path, version: tuple[int, int, int] = (0, 2, 0)) -> None:
    """A file for a network, with numbers that keep activations near 1."""
    wanted = {name: tuple(tensor.shape) for name, tensor in executable.tensors().items()}
    random, parts = np.random.default_rng(3), []
    for block in blocks(wanted):
        for name in block.tensors:
            shape, size = wanted[name], prod(wanted[name])
            numbers = random.uniform(0.5, 1.5, size) if len(shape) == 1 and not name.endswith((".bias", "mean")) \
                else random.standard_normal(size) * (np.sqrt(2 / prod(shape[1:])) if len(shape) > 1 else 0.1)
            parts.append(numbers.astype("<f4"))
    wide = version[0] * 10 + version[1] >= 2 and max(version) < 1000
    seen = struct.pack("<Q" if wide else "<I", 640)
    path.write_bytes(struct.pack("<3i", *version) + seen + np.concatenate(parts).tobytes())


def run(cfg: Path, weights: Path, x: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    program, executable = built(cfg)
    wanted = executable.tensors()
    checkpoint.load(wanted, checkpoint.read_weights(weights, wanted), {}, weights)
    executable.module.eval()
    inputs = {name: torch.zeros((len(x), *program.network[name].shape.dims)) for name in executable.inputs}
    with torch.no_grad():
        values = executable.module(*executable.arguments({**inputs, "features": torch.from_numpy(x)}))
    return {name: value.numpy() for name, value in values.items()}


#: section of mini.cfg -> the node of the written network that has its output
MINI = {0: "block1.conv1.leakyRelu1", 1: "block1.pool1", 2: "conv2.activation", 3: "conv2.activation", 4: "conv3.norm",
        5: "res1", 6: "up1", 7: "route2", 8: "res2", 9: "block2.reorg1.reshape2", 10: "block2.dropout1",
        11: "block2.avgpool1", 12: "block2.fc1", 13: "prob"}


def test_every_section_of_mini() -> None:
    """What darknet itself computed with these weights, section by section."""
    fixture = np.load(HERE / "mini.npz")
    values = run(HERE / "mini.cfg", HERE / "mini.weights", fixture["in"])
    sections = [key for key in fixture if key.startswith("out:")]
    assert len(sections) == 14
    for key in sections:
        found, wanted = values[MINI[int(key.split(":")[1])]].reshape(-1), fixture[key].reshape(-1)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max(), err_msg=key)


def test_small_variances() -> None:
    """darknet adds 1e-6 to the deviation, where a variance of 0 is a matter of a factor of a million."""
    shape = {"c.weight": (2, 1, 1, 1), "n.weight": (2,), "n.bias": (2,), "n.running_mean": (2,),
             "n.running_variance": (2,), "n.running_count": (1,)}
    numbers = np.array([0, 0, 1, 1, 0, 0, 0, 1e-12, 1, 1], "<f4")
    found = _read(numbers, shape)
    np.testing.assert_allclose(np.sqrt(found["n.running_variance"] + 1e-12), [1e-6, 2e-6], rtol=1e-3)


def _read(numbers: np.ndarray[Any, Any], wanted: dict[str, tuple[int, ...]], version: tuple[int, ...] = (0, 2, 0),
          seen: bytes = bytes(8)) -> dict[str, np.ndarray[Any, Any]]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.weights"
        path.write_bytes(struct.pack("<3i", *version) + seen + numbers.astype("<f4").tobytes())
        return DarknetWeights().read(path, wanted)


@pytest.mark.parametrize(("version", "size", "transposed"), [
    ((0, 1, 0), 4, False), ((0, 2, 0), 8, False), ((0, 2, 5), 8, False), ((1, 0, 0), 8, False),
    ((0, 1001, 0), 4, True), ((1001, 0, 0), 4, True)])
def test_versions(version: tuple[int, ...], size: int, transposed: bool) -> None:
    """The number of images seen takes 4 or 8 bytes; old versions store matrices with a row for each input."""
    wanted = {"fc.weight": (2, 3), "fc.bias": (2,)}
    found = _read(np.arange(8), wanted, version, bytes(size))
    np.testing.assert_array_equal(found["fc.bias"], [0, 1])
    matrix = np.arange(2, 8).reshape(3, 2).T if transposed else np.arange(2, 8).reshape(2, 3)
    np.testing.assert_array_equal(found["fc.weight"], matrix)


def test_order_of_a_connected_section_with_normalization() -> None:
    """Its matrix stands before the scales; a convolution's kernels stand behind the variances."""
    wanted = {"a.linear.weight": (1, 2), "a.norm.weight": (1,), "a.norm.bias": (1,), "a.norm.running_mean": (1,),
              "a.norm.running_variance": (1,), "a.norm.running_count": (1,)}
    found = _read(np.arange(6), wanted)
    assert [float(found[f"a.norm.{name}"][0]) for name in ("bias", "weight", "running_mean")] == [0, 3, 4]
    np.testing.assert_array_equal(found["a.linear.weight"], [[1, 2]])


def test_filters_of_local() -> None:
    """darknet keeps the filters of one place together, netdsl those of one output; compared with darknet by hand."""
    wanted = {"l.filters.p.value": (2, 6), "l.bias.p.value": (2, 1, 3)}  # 2 outputs at 3 places, 2 numbers under each
    found = _read(np.arange(18), wanted)
    np.testing.assert_array_equal(found["l.bias.p.value"].reshape(-1), range(6))
    by_output = found["l.filters.p.value"].reshape(2, 3, 2)
    np.testing.assert_array_equal(by_output[0], [[6, 7], [10, 11], [14, 15]])
    np.testing.assert_array_equal(by_output[1], [[8, 9], [12, 13], [16, 17]])


def test_batchnorm_alone_has_no_biases() -> None:
    wanted = {"n.weight": (1,), "n.bias": (1,), "n.running_mean": (1,), "n.running_variance": (1,),
              "n.running_count": (1,)}
    found = _read(np.array([2, 3, 4]), wanted)
    assert [float(found[f"n.{name}"][0]) for name in ("weight", "bias", "running_mean")] == [2, 0, 3]


@pytest.mark.parametrize("cut", [0, 3, 11, 19, 21, 24, 500, 12875])
def test_cut_off(cut: int, tmp_path: Path) -> None:
    """A file that ends too early is a page; within a section it names the section."""
    data = (HERE / "mini.weights").read_bytes()
    assert len(data) == 20 + 4 * 3214
    path = tmp_path / "cut.weights"
    path.write_bytes(data[:cut])
    _, executable = built(HERE / "mini.cfg")
    with pytest.raises(Failure) as caught:
        checkpoint.read_weights(path, executable.tensors())
    assert [d.code for d in caught.value.diagnostics] == ["checkpoint-mismatch"]


def test_cut_off_names_the_section(tmp_path: Path) -> None:
    data = (HERE / "mini.weights").read_bytes()
    path = tmp_path / "cut.weights"
    path.write_bytes(data[:-40])
    _, executable = built(HERE / "mini.cfg")
    with pytest.raises(Failure, match=r"`block2\.fc1`: it has 572 of the 582\s+numbers"):
        checkpoint.read_weights(path, executable.tensors())
    path.write_bytes(data + bytes(12))
    with pytest.raises(Failure, match=r"ends with `block2\.fc1` after 3,214 numbers, and the file has\s+3\s+more"):
        checkpoint.read_weights(path, executable.tensors())


def test_weights_up_to_a_section(tmp_path: Path) -> None:
    """darknet's `partial` writes the first sections alone: the rest is missing by name."""
    path = tmp_path / "first.weights"
    path.write_bytes((HERE / "mini.weights").read_bytes()[:20 + 4 * 248])  # conv1: 4 * 8 + 216 numbers
    _, executable = built(HERE / "mini.cfg")
    wanted = executable.tensors()
    found = checkpoint.read_weights(path, wanted)
    with pytest.raises(Failure, match=r"fc1\.weight"):
        checkpoint.load(wanted, found, {}, path)
    assert len(checkpoint.load(wanted, found, {}, path, ["*"]).loaded) >= 5


def test_no_file_of_darknet(tmp_path: Path) -> None:
    path = tmp_path / "text.weights"
    path.write_bytes(b"this is a text and no file of weights at all")
    with pytest.raises(Failure, match="Its first bytes would be the version"):
        DarknetWeights().tensors(path)
    with pytest.raises(Failure):
        DarknetWeights().tensors(tmp_path / "absent.weights")


@pytest.mark.parametrize(("wanted", "layer"), [
    ({"p.slope": (3,), "fc.bias": (2,), "fc.weight": (2, 3)}, "p"),
    ({"conv.weight": (4, 3, 1, 1)}, "conv"),
    ({"a.weight": (4, 3, 1, 1), "b.weight": (4, 4, 1, 1), "c.bias": (4,), "c.weight": (4, 4, 1, 1)}, "a"),
    ({"n.running_mean": (4,), "n.running_variance": (4,)}, "n"),
    ({"conv.weight": (4, 3, 1, 1), "n.running_mean": (4,), "n.running_variance": (4,)}, "conv"),
    ({"x.value": (4,)}, "x"),
])
def test_networks_that_are_not_darknets(wanted: dict[str, tuple[int, ...]], layer: str) -> None:
    """The numbers have no names: a network of other layers cannot say whose they are."""
    with pytest.raises(Failure, match=rf"a layer that darknet does not\s+have: `{layer}`"):
        DarknetWeights().read(HERE / "mini.weights", wanted)


def test_against_opencv(tmp_path: Path) -> None:
    """OpenCV's own reader of darknet, on random weights. It refuses the shortcuts of the other networks here."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    if not hasattr(cv2.dnn, "readNetFromDarknet"):
        pytest.skip("this OpenCV has no reader for darknet")
    program, executable = built(HERE / "chain.cfg")
    weights = tmp_path / "random.weights"
    random_weights(executable, weights)
    net = cv2.dnn.readNetFromDarknet(str(HERE / "chain.cfg"), str(weights))
    width, height, channels = program.network["features"].shape.file_dims
    x = np.random.default_rng(5).uniform(0, 1, (1, channels, height, width)).astype("float32")
    net.setInput(x)
    found = run(HERE / "chain.cfg", weights, x)["prob"].reshape(-1)
    np.testing.assert_allclose(found, net.forward().reshape(-1), rtol=1e-4, atol=1e-6)


#: parameters with the statistics of normalizations, as darknet stores them
COUNTS = {"local": 2009, "chain": 14084, "residual": 9072, "mini": 3214, "heads": 368}


@pytest.mark.parametrize("name", COUNTS)
def test_numbers_stored(name: str) -> None:
    _, executable = built(HERE / f"{name}.cfg")
    wanted = {key: tuple(tensor.shape) for key, tensor in executable.tensors().items()}
    assert sum(prod(wanted[key]) for block in blocks(wanted) for key in block.tensors) == COUNTS[name]

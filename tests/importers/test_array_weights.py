"""Files of arrays: NumPy's, PyTorch's, neon's; nothing in them is run."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import netdsl
from netdsl.base.failure import Failure
from netdsl.cli.entry import run
from netdsl.importers.arrays.neon_weights import NeonWeights
from netdsl.importers.weight_table import WEIGHT_FORMATS

MODELS = Path(__file__).parent / "models"

NET = """network = {
    x = Input {6}
    h = DenseLayer {5, activation = Tanh} (x)
    z = LinearLayer {3} (h)
    y = Sigmoid (z)
    outputNodes = y
}
"""


class Evil:
    """What a hostile pickle does: it calls a function when it is read."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch ran",)


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.net").write_text(NET)
    return Path("net.net")


def _refused(path: str, said: str) -> None:
    with pytest.raises(Failure) as raised:
        netdsl.load_weights(netdsl.compile("net.net"), path)
    assert said in " ".join(str(raised.value).split())
    assert not Path("ran").exists()


# --- neon ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numpy_name", ["numpy.core", "numpy._core"])
def test_neon_gives_its_outputs(net: Path, numpy_name: str) -> None:
    """The fixture's last layer is a logistic one; neon has the samples in columns."""
    content = (MODELS / "neon_like.prm").read_bytes().replace(b"numpy.core", numpy_name.encode())
    Path("neon.prm").write_bytes(content)
    stored = np.load(MODELS / "neon_like.npz")
    module = netdsl.load_weights(netdsl.compile(net), "neon.prm").eval()
    found = module(torch.from_numpy(stored["in:x"].T.copy())).detach().numpy()
    assert np.abs(found.T - _expected(stored)).max() < 1e-6


def _expected(stored: np.lib.npyio.NpzFile) -> np.ndarray:
    scores = np.log(stored["out:y"])  # a softmax: its logarithms are the scores but for a number for each sample
    arrays = NeonWeights().arrays(MODELS / "neon_like.prm")
    hidden = np.tanh(arrays["fc1.W"] @ stored["in:x"] + arrays["fc1_bias.W"])
    own = arrays["fc2.W"] @ hidden + arrays["fc2_bias.W"]
    assert np.allclose(own - own.mean(0), scores - scores.mean(0), atol=1e-5)
    return 1 / (1 + np.exp(-own))


def test_neon_filters_and_the_older_layout(tmp_path: Path) -> None:
    """`layer_params_states`; filters are [channels * height * width x maps]."""
    filters = np.arange(2 * 3 * 4 * 5, dtype="f4").reshape(2, 3, 4, 5)  # maps, channels, height, width
    layers = [{"params": {"W": filters.reshape(2, -1).T.copy()}, "states": []},
              {"params": {"gamma": np.full((2, 1), 2, "f4"), "beta": np.full((2, 1), 3, "f4"),
                          "gmean": np.full((2, 1), 4, "f4"), "gvar": np.full((2, 1), 5, "f4")}}]
    (tmp_path / "old.p").write_bytes(pickle.dumps({"layer_params_states": layers}, protocol=2))
    (tmp_path / "net.net").write_text("""network = {
    x = Input {8:8:3}
    c = ConvolutionalLayer {2, (5:4), bias = false} (x)
    n = BatchNormalizationLayer {spatialRank = 2} (c)
    outputNodes = n
}
""")
    found = netdsl.load_weights(netdsl.compile(tmp_path / "net.net"), tmp_path / "old.p").tensors()
    assert np.array_equal(found["c.weight"].numpy(force=True), filters)
    assert [found[f"n.{own}"].tolist()[0] for own in ("weight", "bias", "running_mean", "running_variance")] == [
        2, 3, 4, 5]


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_hostile_pickles_run_nothing(net: Path, protocol: int) -> None:
    Path("evil.prm").write_bytes(pickle.dumps({"model": Evil()}, protocol=protocol))
    _refused("evil.prm", "which has no place in a data file")
    assert run(["info", "evil.prm"]) == 1
    assert not Path("ran").exists()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_neon_files_end_in_a_page(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray((MODELS / "neon_like.prm").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("neon") / "x.prm"
    path.write_bytes(content)
    try:
        found = NeonWeights().arrays(path)
    except Failure:
        return
    assert all(isinstance(array, np.ndarray) for array in found.values())


# --- NumPy ------------------------------------------------------------------------------------------------


def test_npz_by_name_and_in_order(net: Path) -> None:
    expected = {name: tensor.numpy(force=True).copy() for name, tensor in netdsl.compile(net, seed=5).tensors().items()}
    np.savez("named.npz", **expected)
    np.savez("unnamed.npz", *expected.values())
    for file in ("named.npz", "unnamed.npz"):
        found = netdsl.load_weights(netdsl.compile(net), file).tensors()
        assert all(np.array_equal(found[name].numpy(force=True), array) for name, array in expected.items())


def test_npz_that_does_not_fit_or_lies(net: Path) -> None:
    np.savez("short.npz", np.zeros((5, 6), "f4"))
    _refused("short.npz", "2: network h.bias (5), file nothing")
    np.savez("objects.npz", a=np.array([Evil()], dtype=object))
    _refused("objects.npz", "and not numbers")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)})
    with zipfile.ZipFile("huge.npz", "w") as archive:
        archive.writestr("a.npy", header.getvalue() + b"1234")
    _refused("huge.npz", "bytes of numbers")
    Path("no.npz").write_bytes(b"PK\x03\x04 this is no archive")
    _refused("no.npz", "cannot be read as an archive of NumPy arrays")


# --- PyTorch ---------------------------------------------------------------------------------------------


def test_a_state_dict_is_read(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = netdsl.compile(net, seed=6).tensors()
    torch.save(expected, "plain.pt")
    torch.save({"epoch": 3, "state_dict": expected}, "wrapped.pth")
    for file in ("plain.pt", "wrapped.pth"):
        found = netdsl.load_weights(netdsl.compile(net), file).tensors()
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
        assert run(["info", file]) == 0
        assert "h.weight" in capsys.readouterr().out


def test_other_files_of_torch_are_refused(net: Path) -> None:
    torch.save(nn.Linear(2, 2), "module.pt")
    _refused("module.pt", "save `module.state_dict ()`")
    torch.save({"a": Evil()}, "evil.pth")
    _refused("evil.pth", "cannot be read as a state_dict of PyTorch")
    torch.save([torch.zeros(2)], "list.pt")
    _refused("list.pt", "it holds a list")
    Path("cut.pt").write_bytes(Path("module.pt").read_bytes()[:100])
    _refused("cut.pt", "cannot be read as a state_dict of PyTorch")
    Path("old.pth").write_bytes(b"\x80\x02}q\x00.")
    _refused("old.pth", "cannot be read as a state_dict of PyTorch")
    Path("text.pt").write_text("no weights at all", encoding="utf-8")
    _refused("text.pt", "it is no archive of torch.save, or it holds more than tensors")


@pytest.mark.parametrize(("file", "said"), [
    ("theirs.h5", "netdsl does not read HDF5"), ("theirs.ckpt", "can run code when they are opened"),
    ("theirs.xyz", "a file that ends in .safetensors"),
])
def test_files_that_are_not_read_say_what_to_do(net: Path, file: str, said: str) -> None:
    Path(file).write_bytes(b"\x89HDF\r\n and more")
    _refused(file, said)


def test_no_two_rows_read_one_ending() -> None:
    endings = [suffix for row in WEIGHT_FORMATS for suffix in row.suffixes]
    assert len(endings) == len(set(endings))

"""The graph of a CNTK model as a `.net` file: what is written, CNTK's outputs, and what has no row."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import netdsl
from netdsl.base.failure import Failure
from netdsl.cli.entry import run
from netdsl.compiler import load
from netdsl.describe.imported_text import imported_text

MODELS = Path(__file__).parent / "models"
WRITTEN = [f"{name}.{version}" for name in ("mlp", "conv", "shapes", "upwards") for version in ("v1", "v2")]


@pytest.mark.parametrize("file", WRITTEN)
def test_the_text_of_a_graph(file: str, golden) -> None:
    golden(imported_text(load(MODELS / f"{file}.model")), Path(f"tests/importers/models/{file}.net"))


@pytest.mark.parametrize("file", WRITTEN)
def test_graph_and_weights_give_the_outputs_of_cntk(file: str) -> None:
    """Every output to 1e-6; the outputs of v1 are in another order and mostly without their names."""
    stored = np.load(MODELS / f"{file.split('.')[0]}.npz")
    module = netdsl.load_weights(netdsl.compile(MODELS / f"{file}.model"), MODELS / f"{file}.model").eval()
    found = module(torch.from_numpy(stored["in:x"]))
    values = [value.detach().numpy() for value in (found.values() if isinstance(found, dict) else [found])]
    expected = {key: stored[key] for key in stored if key.startswith("out:") and key not in ("out:ce", "out:errs")}
    assert len(values) == len(expected)
    for key, array in expected.items():
        same = [value for value in values if value.size == array.size]
        assert min(np.abs(value.reshape(array.shape) - array).max() for value in same) < 1e-6, key


def test_criteria_are_found_and_computed() -> None:
    stored = np.load(MODELS / "mlp.npz")
    program = netdsl.check(MODELS / "mlp.v2.model")
    assert (program.criteria, program.metrics) == (("ce",), ("errs",))
    module = netdsl.load_weights(netdsl.compile(program, outputs=["ce", "errs"]), MODELS / "mlp.v2.model").eval()
    found = module(x=torch.from_numpy(stored["in:x"]), t=torch.from_numpy(stored["in:t"]))
    for name in ("ce", "errs"):
        assert np.abs(found[name].detach().numpy() - stored[f"out:{name}"]).max() < 1e-6


@pytest.mark.parametrize("file", WRITTEN)
def test_import_writes_network_and_weights(tmp_path: Path, file: str) -> None:
    shutil.copy(MODELS / f"{file}.model", tmp_path / "m.model")
    assert run(["import", str(tmp_path / "m.model")]) == 0
    before = netdsl.load_weights(netdsl.compile(tmp_path / "m.model"), tmp_path / "m.model")
    after = netdsl.load_weights(netdsl.compile(tmp_path / "m.net"), tmp_path / "m.safetensors")
    again = netdsl.load_weights(netdsl.compile(tmp_path / "m.net"), tmp_path / "m.model")
    for name, tensor in before.tensors().items():
        assert torch.equal(tensor, after.tensors()[name])
        assert torch.equal(tensor, again.tensors()[name])


@pytest.mark.parametrize("file", ["tagger.v1", "tagger.v2", "twoways.v1", "twoways.v2"])
def test_recurrence_is_refused_by_name(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(MODELS / f"{file}.model")]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "netdsl has no operation `PastValue` of CNTK, which runs over the steps of a sequence" in said
    assert "at byte" in said


def test_a_model_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        shutil.copy(MODELS / f"mlp.{version}.model", tmp_path / f"strange.{version}")
        assert len(netdsl.check(tmp_path / f"strange.{version}").network) == 7


DATA = {file: (MODELS / f"{file}.model").read_bytes() for file in WRITTEN}


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_damaged_graph_ends_in_a_page(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Bytes changed anywhere: a network, or a Failure; never another exception."""
    content = bytearray(DATA[data.draw(st.sampled_from(WRITTEN))])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "x.model"
    path.write_bytes(content)
    with contextlib.suppress(Failure):
        netdsl.check(path)

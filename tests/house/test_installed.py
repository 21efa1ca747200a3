"""What an installed netdsl finds of its own, from any folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import netdsl
from netdsl.base.failure import Failure


@pytest.mark.parametrize("name", ["networks/resnet20_cifar10.net", "resnet20_cifar10.net"])
def test_shipped_networks_are_found_by_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert netdsl.load(name).totals.parameters == 272_474


def test_a_file_of_ones_own_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet_mnist.net").write_text("network = { x = Input {3} ; outputNodes = x }")
    assert netdsl.load("lenet_mnist.net").totals.parameters == 0


def test_other_folders_are_not_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Failure):
        netdsl.load("elsewhere/lenet_mnist.net")

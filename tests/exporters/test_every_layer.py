"""Every row of the layer table leaves in every form: its examples as networks, exported and compared."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from test_onnx import assert_equal as assert_equal_in_onnx
from test_torch_source import assert_equal, random_weights

import netdsl
from netdsl.base.source import Source
from netdsl.ir.program import CheckedProgram
from netdsl.layers.layer import Example, Layer

sys.path.insert(0, str(Path(__file__).parents[1] / "layers"))
from rows import examples, file_with

#: What is given, and what networks are trained and measured by, is no output of theirs.
CASES = [pytest.param(row, example, id=name) for name, row, example in examples()
         if row.family not in ("criterion", "source") and not row.is_metric and not row.is_set_metric
         and not row.is_statistic]


def network_of(row: type[Layer], example: Example) -> CheckedProgram:
    return netdsl.check(Source("row.net", file_with(example, row)))


@pytest.mark.parametrize(("row", "example"), CASES)
def test_pytorch_source(row: type[Layer], example: Example, tmp_path: Path) -> None:
    assert_equal(network_of(row, example), tmp_path, most=1)


@pytest.mark.slow
@pytest.mark.parametrize(("row", "example"), CASES)
def test_onnx(row: type[Layer], example: Example, tmp_path: Path) -> None:
    program = network_of(row, example)
    weights = random_weights(program, tmp_path / "w.safetensors")
    (path,) = netdsl.export(program, "onnx", weights, out=tmp_path / "row.onnx", quiet=True)
    assert_equal_in_onnx(program, weights, path, most=1)

"""The session of docs/coming-from-caffe.md, and names that the importer keeps clear of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netdsl.api.importing import text_of_import
from netdsl.elaborate.builtins import BUILTINS, CONSTANTS
from netdsl.importers.caffe import rows_data, rows_loss, rows_neuron, rows_norm, rows_shape, rows_vision
from netdsl.importers.caffe.caffe_format import CaffeNet
from netdsl.importers.caffe.layer_row import LayerRow
from netdsl.importers.caffe.layer_rows import LAYER_TYPES, ROWS
from netdsl.importers.caffe.legal_names import is_function, legal_name, legal_names
from netdsl.importers.format_table import format_of

PAGE = Path(__file__).parents[3] / "docs" / "coming-from-caffe.md"


def test_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = dict(re.findall(r"^```(prototxt|net)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S))
    monkeypatch.chdir(tmp_path)
    Path("letters.prototxt").write_text(blocks["prototxt"], encoding="utf-8")
    text, _, _ = text_of_import("letters.prototxt", ("mean_value=104:117:123",), "letters.net")
    assert text == blocks["net"]


@pytest.mark.parametrize("name", ["old_v1", "rounding_deploy", "phases_train_val", "solver", "written/chain",
                                  "written/first_form"])
def test_a_net_is_known_by_its_text(name: str) -> None:
    text = (Path(__file__).parent / f"{name}.prototxt").read_text(encoding="utf-8")
    for suffix in ("txt", "pt", "proto"):
        assert isinstance(format_of(f"net.{suffix}", text), CaffeNet)


def test_every_type_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in LAYER_TYPES)


def test_no_name_hides_a_function() -> None:
    assert all(is_function(name) for name in (*(builtin.name for builtin in BUILTINS), *CONSTANTS))


@pytest.mark.parametrize(("name", "legal"), [
    ("conv1/7x7_s2", "conv1_7x7_s2"), ("3x3", "_3x3"), ("fc-8", "fc_8"), ("", "layer"), ("ReLU", "ReLU_"),
    ("Splice", "Splice_"), ("if", "if_"), ("outputNodes", "outputNodes_"), ("relu", "relu"), ("größe", "gr__e")])
def test_legal_names(name: str, legal: str) -> None:
    assert legal_name(name) == legal


def test_names_that_fall_together_do_not_depend_on_their_order() -> None:
    assert legal_names(["a/b", "a_b", "a-b"]) == legal_names(["a-b", "a_b", "a/b"]) == {
        "a_b": "a_b", "a-b": "a_b_2", "a/b": "a_b_3"}


def test_every_row_is_in_the_table() -> None:
    modules = (rows_data, rows_vision, rows_norm, rows_neuron, rows_shape, rows_loss)
    written = {value for module in modules for value in vars(module).values()
               if isinstance(value, type) and issubclass(value, LayerRow) and "types" in vars(value)}
    assert written <= {type(row) for row in ROWS}

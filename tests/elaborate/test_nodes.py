"""Nodes: their names, places, traces, and which share weights."""

from __future__ import annotations

from pathlib import Path

import pytest

import netdsl
from netdsl.base.source import Source
from netdsl.compiler import examine
from netdsl.ir.program import Phase
from netdsl.layers import NAMES

ROOT = Path(__file__).parents[2]
NETWORKS = sorted(p.relative_to(ROOT) for p in (ROOT / "networks").glob("*.net"))
OPERATORS = {"+", "-", "*", "/", ".*", "**", "<", "<=", ">", ">=", "==", "!=", "&&", "||", "!"}


def names(text: str) -> list[str]:
    return [node.name for node in netdsl.check(Source("names.net", f"network = {{ {text} }}")).network]


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.stem)
def test_the_place_of_a_node_names_its_layer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for node in netdsl.check(str(path)).network:
        written = node.span.text
        word = written.split("{")[0].split("(")[0].strip()
        known = NAMES.get(word)
        # An operator, a row by one of its names, or a plain number that became a constant.
        assert written in OPERATORS or known is type(node.layer) or written.replace(".", "").isdigit(), (
            node.name, written)


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.stem)
def test_the_mark_of_an_input_is_in_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for node in netdsl.check(str(path)).network:
        assert all(use.span.text for use in node.inputs), node.name
        assert len(node.trace) <= 6


def test_members_name_what_they_hold() -> None:
    assert names("x = Input {4} ; h = DenseLayer {3} (x) ; outputNodes = h") == ["x", "h"]


def test_a_layer_is_named_where_it_is_made() -> None:
    text = "x = Input {4} ; layer = DenseLayer {3} ; z = layer (x) ; outputNodes = z"
    assert names(text) == ["x", "layer"]


def test_steps_are_counted_by_label() -> None:
    steps = "DenseLayer {3} : ReLU : DenseLayer {2} : last := Tanh"
    text = f"x = Input {{4}} ; m = Sequential ({steps}) ; outputNodes = m (x)"
    assert names(text) == ["x", "m.dense1", "m.relu1", "m.dense2", "m.last"]


def test_a_counter_steps_over_a_name_that_is_taken() -> None:
    text = "x = Input {4} ; m = Sequential (DenseLayer {3} : dense1 := DenseLayer {2}) ; outputNodes = m (x)"
    assert names(text) == ["x", "m.dense2", "m.dense1"]


def test_functions_and_records_nest() -> None:
    text = """
        Block {n} = { main = DenseLayer {n} >> ReLU ; apply (x) = main (x) + x }.apply
        x = Input {4} ; m = Sequential (Block {4} : tail := Block {4}) ; outputNodes = m (x)"""
    assert names(text) == ["x", "m.block1.main.dense1", "m.block1.main.relu1", "m.block1",
                           "m.tail.main.dense1", "m.tail.main.relu1", "m.tail"]


def test_a_layer_stack_counts_its_layers() -> None:
    text = "x = Input {4} ; m = LayerStack {2, i => DenseLayer {4 - i}} ; outputNodes = m (x)"
    assert names(text) == ["x", "m.dense1", "m.dense2"]


def test_a_second_use_shares_weights() -> None:
    text = "a = Input {4} ; b = Input {4} ; f = DenseLayer {3} ; outputNodes = f (a) : f (b)"
    program = netdsl.check(Source("names.net", f"network = {{ {text} }}"))
    first, second = program.network["f"], program.network["f_2"]
    assert first.weights == second.weights == "f"
    assert first.cost.parameters == 15
    assert second.cost.parameters == 0


def test_two_makings_do_not_share() -> None:
    text = "x = Input {4} ; f () = DenseLayer {3} ; outputNodes = (f ()) (x) : (f ()) (x)"
    program = netdsl.check(Source("names.net", f"network = {{ {text} }}"))
    assert sum(node.cost.parameters for node in program.network) == 30


def test_an_activation_is_a_node_of_its_own() -> None:
    text = "x = Input {4} ; h = DenseLayer {3, activation = (y => Tanh (2 * y))} ; outputNodes = h (x)"
    assert names(text) == ["x", "h", "h.activation.scaleAndShift1", "h.activation"]


def test_special_lists_take_names_of_nodes() -> None:
    text = 'x = Input {4} ; m = Sequential (a := DenseLayer {3} : ReLU) ; z = m (x) ; outputNodes = z : "m.a"'
    program = netdsl.check(Source("names.net", f"network = {{ {text} }}"))
    assert program.outputs == ("m.relu1", "m.a")


def test_mean_in_braces_is_the_transform_and_with_brackets_the_layer() -> None:
    """`Mean` is both; only the transform has options, so files name it at their top and use it in `reader`."""
    checked = examine(Source("mean.net", """mean = Mean {104 : 117 : 123}
network = { features = Input {2:2:3} ; m = Mean (features) ; z = LinearLayer {2} (features - m) ; outputNodes = z }
reader = { train = ImageFolder {"nothing here", transforms = mean} }
"""))
    assert not checked.errors
    assert checked.program.network["m"].layer.name() == "Mean"
    (step,) = checked.program.readers.get(Phase.TRAIN).transforms
    assert step.value == (104, 117, 123)

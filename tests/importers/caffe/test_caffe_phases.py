"""Which layers a net has in a phase, and who makes the blob that a layer reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from netdsl.base.codes import Code
from netdsl.base.source import Source
from netdsl.compiler import check, examine
from netdsl.importers.caffe.net_layers import Layer, NetState, is_in, net_of
from netdsl.importers.caffe.prototext import parse_text

HERE = Path(__file__).parent


def layers(text: str) -> list[Layer]:
    return net_of(parse_text(Source("net.prototxt", text)).message).layers


def names(text: str, phase: str, level: int = 0, stages: tuple[str, ...] = ()) -> list[str]:
    return [layer.name for layer in layers(text) if is_in(layer, NetState(phase, level, stages))]


def test_the_phases_of_the_corpus() -> None:
    text = (HERE / "phases_train_val.prototxt").read_text(encoding="utf-8")
    assert names(text, "TRAIN") == ["pics", "left", "right", "sum", "aux", "loss"]
    assert names(text, "TEST") == ["pics", "left", "right", "sum", "loss", "acc", "acc5"]


@pytest.mark.parametrize(("rules", "trained", "tested", "staged", "levelled"), [
    ("", True, True, True, True),
    ("include { phase: TRAIN }", True, False, False, False),
    ("exclude { phase: TRAIN }", False, True, True, True),
    ("include { phase: TEST stage: 'deploy' }", False, False, True, False),
    ("include { not_stage: 'deploy' }", True, True, False, True),
    ("include { phase: TRAIN } include { stage: 'deploy' }", True, False, True, False),
    ("include { min_level: 1 }", False, False, False, True),
    ("exclude { min_level: 1 max_level: 3 }", True, True, True, False),
    ("include { phase: 1 }", False, True, True, True),
])
def test_rules(rules: str, trained: bool, tested: bool, staged: bool, levelled: bool) -> None:
    text = f'layer {{ name: "a" type: "ReLU" {rules} }}'
    assert [bool(names(text, "TRAIN")), bool(names(text, "TEST")), bool(names(text, "TEST", 0, ("deploy",))),
            bool(names(text, "TEST", 2))] == [trained, tested, staged, levelled]


def test_one_network_of_both_phases() -> None:
    program = check(HERE / "phases_train_val.prototxt")
    assert set(program.inputs) == {"data", "label"}
    assert (program.metrics, program.outputs) == (("acc", "acc5"), ("sum",))


IN = 'input: "data" input_shape { dim: 1 dim: 4 }\n'


def relu(name: str, bottom: str, top: str, more: str = "") -> str:
    return f'layer {{ name: "{name}" type: "ReLU" bottom: "{bottom}" top: "{top}" {more} }}\n'


@pytest.mark.parametrize(("text", "code", "place", "title"), [
    (IN + relu("a", "dada", "b"), Code.UNKNOWN_NAME, "2:40", "no layer above makes `dada`"),
    (IN + relu("a", "c", "b") + relu("b", "data", "c"), Code.UNKNOWN_NAME, "2:40", "`c` is read before it is made"),
    (IN + relu("a", "c", "b") + relu("b", "b", "c"), Code.CYCLE, "2:40", "`c` is needed to compute itself"),
    (IN + relu("a", "b", "b"), Code.CYCLE, "2:40", "`b` is needed to compute itself"),
    (IN + relu("a", "data", "b") + relu("c", "data", "b"), Code.DUPLICATE_NAME, "3:52", "two layers make the blob `b`"),
    (IN + 2 * 'layer { name: "a" type: "Scale" bottom: "data" top: "data" }\n', Code.DUPLICATE_NAME, "3:9",
     "two layers are called `a`"),
    (IN + relu("a", "data", "b", "include { phase: TRAIN }") + relu("c", "b", "d"), Code.UNKNOWN_NAME, "3:40",
     "no layer of the phase TEST makes `b`"),
    (IN + relu("a", "data", "data", "include { phase: TRAIN }") + relu("c", "data", "d"), Code.NOT_SUPPORTED, "3:40",
     "`data` is another blob in training than in testing"),
])
def test_blobs_that_are_not_there(text: str, code: Code, place: str, title: str) -> None:
    result = examine(Source("net.prototxt", text))
    assert [(d.code, str(d.primary.span), d.title) for d in result.errors] == [(code, f"net.prototxt:{place}", title)]


def test_a_phase_and_a_stage_can_be_chosen() -> None:
    text = IN + relu("a", "data", "data", "include { phase: TRAIN }") + relu("c", "data", "d") + relu(
        "e", "d", "f", "include { stage: 'deploy' }")
    for overrides, wanted in ((("phase=TRAIN",), {"a", "c"}), (("phase=TEST",), {"c"}),
                              (("phase=TEST", "stage=deploy"), {"c", "e"})):
        program = examine(Source("net.prototxt", text), overrides).require()
        assert {name.split(".")[-1] for name in program.network.names} - {"data"} == wanted


def test_a_blob_that_is_written_over_is_read_above_and_below() -> None:
    text = IN + relu("a", "data", "b") + 'layer { name: "m" type: "AbsVal" bottom: "b" top: "before" }\n' + relu(
        "r", "b", "b") + 'layer { name: "n" type: "AbsVal" bottom: "b" top: "after" }\n'
    program = examine(Source("net.prototxt", text)).require()
    reads = {node.name: [use.node for use in node.inputs] for node in program.network}
    assert (reads["m"], reads["n"], reads["r"]) == (["a"], ["r"], ["a"])


def test_two_layers_of_one_name_without_weights() -> None:
    result = examine(Source("net.prototxt", IN + relu("a", "data", "b") + relu("a", "b", "c")))
    assert [(d.severity, d.code) for d in result.diagnostics] == [("warning", Code.DUPLICATE_NAME)]
    assert result.require().network.names == ("data", "a", "c")


def test_a_phase_that_is_complete_with_a_stage_only() -> None:
    """As Caffe's autoencoder of MNIST has it, whose solver names the stages."""
    text = ('layer { name: "d" type: "DummyData" top: "data" include { phase: TRAIN }'
            ' dummy_data_param { shape { dim: 8 dim: 4 } } }\n'
            'layer { name: "e" type: "DummyData" top: "data" include { phase: TEST stage: "on-test" }'
            ' dummy_data_param { shape { dim: 8 dim: 4 } } }\n') + relu("a", "data", "b")
    result = examine(Source("net.prototxt", text))
    assert [(d.severity, d.title) for d in result.diagnostics] == [
        ("note", "in the phase TEST the net needs a stage")]
    assert result.require().network.names == ("data", "a")


def test_a_layer_that_is_written_out_for_each_phase() -> None:
    """Files of residual networks normalize so: by the minibatch in training, by the running statistics in testing."""
    def norm(phase: str, stats: str, eps: str = "0.001") -> str:
        return (f'layer {{ name: "n" type: "BatchNorm" bottom: "data" top: "data" include {{ phase: {phase} }}'
                f' batch_norm_param {{ use_global_stats: {stats} eps: {eps} }} }}\n')

    result = examine(Source("net.prototxt", IN + norm("TRAIN", "false") + norm("TEST", "true")
                            + relu("r", "data", "out")))
    assert not result.diagnostics
    assert result.require().network.names == ("data", "n", "r")
    other = examine(Source("net.prototxt", IN + norm("TRAIN", "false") + norm("TEST", "true", "0.1")
                           + relu("r", "data", "out")))
    assert [d.title for d in other.errors] == ["`data` is another blob in training than in testing"]

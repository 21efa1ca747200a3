"""`netdsl diff`: which nodes of two networks are the same, what differs, exit codes, and the picture."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import netdsl
from netdsl.base.source import Source
from netdsl.describe.diff_picture import diff_picture
from netdsl.describe.matched_nodes import matched_nodes
from netdsl.describe.program_diff import ProgramDiff, compare
from netdsl.ir.network import Network, Use
from netdsl.ir.program import CheckedProgram

from .conftest import Command

#: What the fixture `golden` is.
Golden = Callable[[str, Path], None]

ROOT = Path(__file__).parents[2]
NETWORKS = sorted((ROOT / "networks").glob("*.net"))
GOLDENS = Path("tests/cli/diffs")

BASE = """network = {
    features = Input {28:28:1}
    labels   = Input {10}
    model = Sequential (
        conv1 := ConvolutionalLayer {16, (5:5), pad = true, activation = ReLU} :
        pool1 := MaxPoolingLayer {(2:2), stride = 2} :
        conv2 := ConvolutionalLayer {32, (3:3), pad = true, activation = ReLU} :
        pool2 := MaxPoolingLayer {(2:2), stride = 2} :
        classes := LinearLayer {10}
    )
    z = model (features / 256)
    criterionNodes  = CrossEntropyWithSoftmax (labels, z)
    evaluationNodes = ClassificationError (labels, z)
    outputNodes     = z
}
reader = { train = MapFile {"train.txt"} }
SGD = { minibatchSize = 64 ; maxEpochs = 10 ; learningRate = 0.1*5 : 0.01 ; momentum = 0.9 }
"""
#: name -> (what is written in BASE, what stands there now), in turn.
CHANGES: dict[str, list[tuple[str, str]]] = {
    "width": [("ConvolutionalLayer {32", "ConvolutionalLayer {48")],
    "layer_in_between": [("        pool2", "        drop := Dropout :\n        pool2")],
    "layer_gone": [("        pool2 := MaxPoolingLayer {(2:2), stride = 2} :\n", "")],
    "layer_replaced": [("pool2 := MaxPoolingLayer", "pool2 := AveragePoolingLayer")],
    "replaced_and_renamed": [("pool2 := MaxPoolingLayer", "mean := AveragePoolingLayer")],
    "names": [("conv1", "first"), ("pool2", "second"), ("classes", "last"), ("z ", "scores "), (" z", " scores")],
    "plan": [("maxEpochs = 10", "maxEpochs = 12"), ("learningRate = 0.1*5 : 0.01", "learningRate = 0.1")],
    "data": [('MapFile {"train.txt"}', 'MapFile {"more.txt", maxErrors = 3}')],
    "output": [("outputNodes     = z", 'outputNodes     = z : "model.pool2"')],
}


def changed(name: str) -> CheckedProgram:
    text = BASE
    for old, new in CHANGES[name]:
        assert old in text
        text = text.replace(old, new)
    return netdsl.load(Source("now.net", text)).require_network()


def base() -> CheckedProgram:
    return netdsl.load(Source("then.net", BASE)).require_network()


@pytest.mark.parametrize("name", CHANGES)
def test_text(name: str, golden: Golden) -> None:
    golden(netdsl.diff(base(), changed(name)).text(), GOLDENS / f"{name}.txt")


def names_of(diff: ProgramDiff) -> tuple[list[str], list[str], list[str]]:
    return ([node.name for node in diff.added], [node.name for node in diff.removed],
            [node.now for node in diff.changed])


@pytest.mark.parametrize(("name", "added", "removed", "nodes"), [
    ("layer_in_between", ["model.drop"], [], []),
    ("layer_gone", [], ["model.pool2"], ["model.classes"]),
    ("layer_replaced", [], [], ["model.pool2"]),
    ("replaced_and_renamed", [], [], ["model.mean"]),
    ("names", [], [], []),
    ("plan", [], [], []),
])
def test_nodes(name: str, added: list[str], removed: list[str], nodes: list[str]) -> None:
    assert names_of(compare(base(), changed(name))) == (added, removed, nodes)


def test_names_alone_are_no_difference() -> None:
    found = netdsl.diff(base(), changed("names"))
    assert found.equal
    assert ("model.conv1", "model.first") in found.parts.renamed
    assert "equal but for" in found.text()


# --- random names, random changes ------------------------------------------------------------------------


def renamed(program: CheckedProgram, seed: int) -> tuple[CheckedProgram, dict[str, str]]:
    """The same network with other names, some of them those of other nodes."""
    names = list(program.network.names)
    random.Random(seed).shuffle(names)
    called = dict(zip(program.network.names, names, strict=True))
    nodes = [dataclasses.replace(node, name=called[node.name], weights=called.get(node.weights, node.weights),
                                 inputs=tuple(Use(called[use.node], use.span) for use in node.inputs))
             for node in program.network]
    special = {kind: tuple(called[name] for name in found) for kind, found in program.special.items()}
    return dataclasses.replace(program, network=Network(nodes), special=special), called


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_any_names_are_equal_but_for_names(path: Path) -> None:
    """Every shipped network under shuffled names, which all are names of other nodes."""
    program = netdsl.load(str(path)).require_network()
    if len(program.network) > 600:
        pytest.skip("large")
    other, _ = renamed(program, 3)
    found = compare(program, other)
    assert found.same_graph
    assert len(found.pairs) == len(program.network)


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_pairs_take_each_node_once(path: Path) -> None:
    """Against another network: whatever is matched is matched once, and equal to itself it is equal."""
    program = netdsl.load(str(path)).require_network()
    other = netdsl.load(str(NETWORKS[0])).require_network()
    for names in (True, False):
        pairs = matched_nodes(program, other, names)
        assert len(set(pairs.values())) == len(pairs)
    assert compare(program, program).is_equal


def test_file_and_what_is_imported_of_it_are_equal() -> None:
    """A network in two languages: NDL and the `.net` file that it is written as."""
    folder = ROOT / "tests" / "importers" / "ndl"
    found = netdsl.diff(str(folder / "forms.ndl"), str(folder / "written" / "forms_ndl.net"))
    assert found.equal
    assert not found.parts.renamed


# --- the command -------------------------------------------------------------------------------------------


def written(folder: Path) -> tuple[str, str]:
    (folder / "a.net").write_text(BASE)
    (folder / "b.net").write_text(BASE.replace("ConvolutionalLayer {32", "ConvolutionalLayer {48"))
    return str(folder / "a.net"), str(folder / "b.net")


def test_exit_codes(command: Command, tmp_path: Path) -> None:
    a, b = written(tmp_path)
    assert command("diff", a, a).code == 0
    assert command("diff", a, b).code == 1
    answer = command("diff", a, str(tmp_path / "c.net"))
    assert answer.code == 2
    assert "error[no-file]" in answer.err
    assert command("diff", a).code == 2


def test_json_says_the_same(command: Command, tmp_path: Path) -> None:
    a, b = written(tmp_path)
    found = json.loads(command("diff", a, b, "--format", "json").out)
    assert (found["equal"], found["sameGraph"]) == (False, False)
    assert [node["now"] for node in found["graph"]["changed"]] == [
        "model.conv2", "model.conv2.activation", "model.pool2", "model.classes"]
    assert {"key": "numOutputChannels", "then": "32", "now": "48"} in found["graph"]["changed"][0]["changes"]
    assert found["cost"]["parameters"] == {"then": 20746, "now": 30906}
    assert {"key": "model.classes.weight", "then": "1568 x 10", "now": "2352 x 10"} in found["tensors"]
    assert found["plan"] == found["data"] == []


def test_picture(command: Command, tmp_path: Path) -> None:
    a, b = written(tmp_path)
    answer = command("diff", a, b, "-o", str(tmp_path / "d.svg"))
    assert answer.code == 1
    assert "wrote" in answer.err
    drawn = (tmp_path / "d.svg").read_text()
    assert "~ conv2" in drawn
    assert "a.net -&gt; b.net" in drawn
    assert command("diff", a, b, "-o", str(tmp_path / "d.png")).code == 1
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")
    assert command("diff", a, b, "-o", str(tmp_path / "d.gif")).code == 2


@pytest.mark.parametrize("name", ["layer_in_between", "layer_gone", "replaced_and_renamed"])
def test_picture_has_both(name: str, golden: Golden) -> None:
    """The text drawing: what is gone stands where it stood, with its sign."""
    then, now = base(), changed(name)
    drawn = diff_picture(then, now, compare(then, now), "text")
    golden(str(drawn), GOLDENS / f"{name}.drawing")


def test_picture_of_networks_without_anything_in_common() -> None:
    """What is gone and what came, in one drawing, whatever they are."""
    programs = [netdsl.load(str(path)).require_network() for path in NETWORKS[:6]]
    for then in programs:
        for now in programs:
            found = compare(then, now)
            assert "<svg" in str(diff_picture(then, now, found, "svg"))

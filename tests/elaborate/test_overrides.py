"""Values set by their path from the command line, and the file as resolved."""

from __future__ import annotations

import pytest

import netdsl
from netdsl.base.diagnostics import apply_fix
from netdsl.base.source import Files, Source
from netdsl.describe.expand import resolved_text
from netdsl.ir.program import Phase

FILE = """
dataDir = "data"
width   = 8
network = {
    x = Input {4} ; t = Input {2}
    z = LinearLayer {2} (DenseLayer {width, activation = ReLU} (x))
    criterionNodes = SquareError (t, z)
}
reader = { train = CSV {"$dataDir$/train.csv", labels = "a", featuresInput = "x", labelsInput = "t"} }
SGD = { maxEpochs = 4 ; learningRate = 0.1*2 : 0.01 ; AutoAdjust = { autoAdjustLR = "none" } }
"""


def load(*overrides: str) -> netdsl.CheckResult:
    return netdsl.load(Source("file.net", FILE), overrides)


def codes(*overrides: str) -> list[str]:
    return [d.code for d in load(*overrides).errors]


def test_a_number_of_the_file() -> None:
    program = load("width=16").program
    assert program is not None
    assert program.network["z"].cost.parameters == 16 * 2 + 2


def test_a_string_without_quotes_and_what_is_made_of_it() -> None:
    program = load("dataDir=/mnt/some data").program
    assert program is not None
    assert Phase.TRAIN in program.readers
    assert "/mnt/some data/train.csv" in program.readers.get(Phase.TRAIN).show()


def test_a_key_of_a_block_old_and_new() -> None:
    program = load("SGD.maxEpochs=7", "SGD.minibatchSize=32", "SGD.learningRate=0.5*3 : 0.1").program
    assert program is not None
    assert program.plan is not None
    assert (program.plan.epochs, program.plan.minibatch_size) == (7, 32)
    assert [program.plan.rate.at(program.plan.progress(e)) for e in (0, 2, 3)] == [0.5, 0.5, 0.1]


def test_the_last_one_wins() -> None:
    program = load("width=16", "width=32").program
    assert program is not None
    assert program.network["z"].cost.parameters == 32 * 2 + 2


def test_an_option_of_a_reader_by_name_and_by_position() -> None:
    program = load("reader.train.file=other.csv", "reader.train.labels=u").program
    assert program is not None
    assert Phase.TRAIN in program.readers
    shown = program.readers.get(Phase.TRAIN).show()
    assert "other.csv" in shown
    assert '"u"' in shown


@pytest.mark.parametrize("override", ["widht=3", "SDG.maxEpochs=3", "network.q=3", "width.x=3",
                                      "reader.train.train.x=3", "=3", "width", "3=4", "width="])
def test_a_path_that_leads_nowhere(override: str) -> None:
    assert codes(override) == ["override"]


def test_what_is_wrong_in_the_value_has_its_own_page() -> None:
    assert codes("width=3 +") == ["syntax"]
    assert codes("width=unknown") == ["unknown-name"]
    assert codes("SGD.maxEpochs=0.5") == ["option-type"]
    assert codes("SGD.maxEpoch=3") == ["unknown-key"]


def test_the_place_is_the_command_line() -> None:
    diagnostic = load("SGD.maxEpochs=0.5").errors[0]
    assert str(diagnostic.primary.span) == "command line:1:15"
    assert diagnostic.primary.span.text == "0.5"


def test_the_resolved_file_means_the_same() -> None:
    checked = load("width=16", "SGD.maxEpochs=7", "dataDir=elsewhere")
    again = netdsl.load(Source("resolved.net", resolved_text(checked)))
    assert checked.program is not None
    assert again.program is not None
    assert [(n.name, n.shape, n.cost) for n in again.program.network] == \
        [(n.name, n.shape, n.cost) for n in checked.program.network]
    assert again.program.plan == checked.program.plan
    assert again.program.readers.get(Phase.TRAIN) == checked.program.readers.get(Phase.TRAIN)


@pytest.mark.parametrize("network", ["resnet20_cifar10", "googlenet_imagenet", "densenet121_imagenet"])
def test_a_resolved_network_needs_no_includes(network: str) -> None:
    checked = netdsl.load(f"networks/{network}.net")
    text = resolved_text(checked)
    assert "include" not in text
    again = netdsl.load(Source("resolved.net", text))
    assert not again.errors
    assert again.totals == checked.totals
    assert again.program is not None
    assert checked.program is not None
    assert again.program.network.names == checked.program.network.names


# --- names inside the network ------------------------------------------------------------------------------

NETWORK = """
Block {width = 4, act} = Sequential (inner := DenseLayer {width} : act)
network = {
    outputs = 2
    tower   = Sequential (first := DenseLayer {8} : (second := Block {act = ReLU} : LinearLayer {outputs}))
    head    = { out = LinearLayer {3} ; apply (y) = out (y) }.apply
    deep    = Sequential (array[1..2] (i => DenseLayer {5}))
    x = Input {4} ; t = Input {2} ; u = Input {3}
    z = tower (deep (x))
    h = LinearLayer {7} (x)
    criterionNodes = SquareError (t, z) + SquareError (u, head (x))
    outputNodes = h
}
SGD = { maxEpochs = 1 ; learningRate = 0.1 }
"""


def shapes(*overrides: str) -> dict[str, str]:
    checked = netdsl.load(Source("file.net", NETWORK), overrides)
    assert not checked.errors, checked.errors
    assert checked.program is not None
    return {node.name: str(node.shape) for node in checked.program.network}


def test_paths_into_a_network() -> None:
    """Steps of lists (also inside brackets), options by name and position, records behind a selection."""
    assert shapes("network.outputs=2")["h"] == "7"
    assert shapes("network.h.outDim=9")["h"] == "9"
    assert shapes("network.tower.first=DenseLayer {5} : DenseLayer {6}")["tower.first.dense2"] == "6"
    assert shapes("network.tower.first.outDim=11")["tower.first"] == "11"
    assert shapes("network.tower.first.activation=Tanh")["tower.first.activation"] == "8"
    assert shapes("network.tower.second.width=6")["tower.second.inner"] == "6"
    assert shapes("network.head.out=LinearLayer {outputs + 1}")["head.out"] == "3"


def test_paths_into_functions() -> None:
    """The default of a parameter, and a named step in a function's value."""
    assert shapes("Block.width=6")["tower.second.inner"] == "6"
    assert shapes("Block.inner=DenseLayer {width + 1}")["tower.second.inner"] == "5"


@pytest.mark.parametrize(("override", "says"), [
    ("network.tower.frist=ReLU", "did you mean `first`?"), ("network.tower.second.inner.outDim=3", "`network.tower"),
    ("Block.act=ReLU", "the parameter `act` of `Block` has no default"), ("Block=3", "is a function"),
    ("outputs=3", "did you mean `network.outputs`?"), ("maxEpochs=3", "did you mean `SGD.maxEpochs`?"),
    ("learningrate=3", "did you mean `SGD.learningRate`?"),
])
def test_paths_that_lead_nowhere(override: str, says: str) -> None:
    error, = netdsl.load(Source("file.net", NETWORK), [override]).errors
    assert error.code == "override"
    assert says in f"{error.title} {error.primary.text}"


@pytest.mark.parametrize(("override", "meant"), [
    ("network.tower.frist=ReLU", "network.tower.first=ReLU"), ("maxEpochs=3", "SGD.maxEpochs=3"),
    ("SGD.maxEpochs = 3", "SGD.maxEpochs=3"),
])
def test_the_fix_of_a_path(override: str, meant: str) -> None:
    error, = netdsl.load(Source("file.net", NETWORK), [override]).errors
    assert apply_fix(error.fix, error.primary.span.source) == meant
    assert not any(d.code == "override" for d in netdsl.load(Source("file.net", NETWORK), [meant]).errors)


# --- a file that builds on another ---------------------------------------------------------------------------


def build(text: str, *overrides: str, **others: str) -> netdsl.CheckResult:
    """A file that includes FILE as `base.net`, and others by their names."""
    texts = {"base.net": FILE, **{f"{name}.net": other for name, other in others.items()}}
    return netdsl.load(Source("file.net", text), overrides, Files(texts, disk=False))


def test_values_of_an_included_file() -> None:
    checked = build('''
include "base.net" { width = 16 ; dataDir = "/mnt" }
SGD.maxEpochs = 7
SGD.minibatchSize = 32
network.z = LinearLayer {2} (DenseLayer {width + 1} (x))
reader.train.labels = "u"
''')
    program = checked.program
    assert program is not None
    assert program.plan is not None
    assert Phase.TRAIN in program.readers
    assert (program.plan.epochs, program.plan.minibatch_size) == (7, 32)
    assert program.network["z"].cost.parameters == 17 * 2 + 2
    assert "/mnt/train.csv" in program.readers.get(Phase.TRAIN).show()
    assert 'labels = "u"' in program.readers.get(Phase.TRAIN).show()


def test_the_order_of_overrides() -> None:
    """The nearest file wins, and the command line over all; wherever in a file the override stands."""
    middle = "SGD.maxEpochs = 5\nSGD.minibatchSize = 5\ninclude 'base.net' { width = 16 }"
    program = build("SGD.maxEpochs = 6 ; include 'middle.net' { width = 32 }", middle=middle).program
    assert program is not None
    assert program.plan is not None
    assert (program.plan.epochs, program.plan.minibatch_size) == (6, 5)
    assert program.network["z"].cost.parameters == 32 * 2 + 2
    program = build("include 'base.net'\nSGD.maxEpochs = 6", "SGD.maxEpochs=8", "dataDir=plain text").program
    assert program is not None
    assert program.plan is not None
    assert program.plan.epochs == 8
    assert program.settings["dataDir"] == "plain text"


def test_a_function_in_the_braces() -> None:
    base = "double (x) = x + x\nnetwork = { x = Input {4} ; outputNodes = DenseLayer {double (4)} (x) }"
    checked = build("include 'other.net' { double (x) = 3 * x }", other=base)
    assert checked.program is not None
    assert [str(n.shape) for n in checked.program.network][-1] == "12"


@pytest.mark.parametrize(("text", "codes", "place"), [
    ("include 'base.net'\nSGD.maxEpohcs = 3", ["unknown-key"], "file.net:2:5"),
    ("include 'base.net'\nnetwork.q = 3", ["override"], "file.net:2:9"),
    ("include 'base.net' { q = 3 }", ["override"], "file.net:1:22"),
    ("include 'base.net'\nSGD.maxEpochs = 0.5", ["option-type"], "file.net:2:17"),
    ("include 'base.net'\nSGD.maxEpochs = 3\nSGD.maxEpochs = 4", ["duplicate-name"], "file.net:3:1"),
    ("include 'base.net'\nwidth = 3", ["duplicate-name"], "file.net:2:1"),
    ("include 'base.net' { width = 3 ; width = 4 }", ["duplicate-name"], "file.net:1:34"),
    ("include 'base.net' { include 'x.net' }", ["syntax"], "file.net:1:22"),
    (FILE + "SGD.maxEpochs = 3", ["override"], "file.net:11:1"),
    ("a = 1\ninclude 'base.net' { a = 2 }", ["duplicate-name"], "file.net:2:22"),
])
def test_what_is_refused(text: str, codes: list[str], place: str) -> None:
    errors = build(text).errors
    assert [d.code for d in errors] == codes
    assert str(errors[0].primary.span) == place


def test_the_hint_of_a_second_definition_names_the_way() -> None:
    plain, = build("include 'base.net'\nwidth = 3").errors
    assert "{ width = ... }" in plain.hint
    block, = build("include 'base.net'\nSGD = { maxEpochs = 3 }").errors
    assert "`SGD.key = value`" in block.hint


def test_show_writes_it_in_place() -> None:
    texts = {"base.net": FILE}
    checked = build("include 'base.net' { width = 16 }\nSGD.maxEpochs = 7\nnetwork.z = LinearLayer {2} (x)")
    text = resolved_text(checked, Files(texts, disk=False))
    assert "include" not in text
    again = netdsl.load(Source("again.net", text))
    assert again.program is not None
    assert checked.program is not None
    assert again.program.plan == checked.program.plan
    assert again.totals == checked.totals


def test_none_unsets_a_key_on_the_command_line() -> None:
    """The fix for Adam beside the file's momentum works."""
    file = FILE.replace("maxEpochs = 4", "maxEpochs = 4 ; momentum = 0.9")
    error, = netdsl.load(Source("file.net", file), ["SGD.optimizer=Adam {}"]).errors
    assert "`SGD.momentum=None`" in error.hint
    assert netdsl.load(Source("file.net", file), ["SGD.optimizer=Adam {}", "SGD.momentum=None"]).require_network().plan

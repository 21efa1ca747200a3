"""Values set by their path from the command line, and the file as resolved."""

from __future__ import annotations

import pytest

import netdsl
from netdsl.base.source import Source
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

"""The names of other programs lead to names that are there."""

from __future__ import annotations

from netdsl.describe.option_tables import everything
from netdsl.spec.aliases import NAMES, OPTIONS, our_name, our_option


def test_every_name_is_there() -> None:
    assert not {ours.split(" ")[0] for ours in NAMES.values()} - everything().keys()


def test_every_option_is_there() -> None:
    known = {o.name for row in everything().values() if hasattr(row, "options") for o in row.options()}
    assert not {ours for names in OPTIONS.values() for ours in names} - known


def test_spelling_does_not_matter() -> None:
    assert our_name("Conv2D") == our_name("conv_2d") == "ConvolutionalLayer"
    assert our_option("num_epochs", ["maxEpochs"]) == "maxEpochs"
    assert our_option("num_epochs", ["momentum"]) == ""

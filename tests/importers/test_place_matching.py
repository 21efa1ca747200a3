"""Matching by place in the graph: every shipped network with itself under other names, in another order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import netdsl
from netdsl.importers.cntk.models.model_places import places_of_network
from netdsl.importers.place_matching import Place, match_places
from netdsl.runs.network_tensors import network_tensors

NETWORKS = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / "networks").glob("*.net"))


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_matches_itself_whatever_the_names(network: str) -> None:
    program = netdsl.check(f"networks/{network}.net")
    wanted = network_tensors({}, program.network)
    ours = places_of_network(wanted.uses, wanted, marks=True)
    theirs = [Place(f"other {p.name}", p.kind, tuple(f"other {name}" for name in p.before)) for p in ours]
    random.Random(1).shuffle(theirs)
    found = match_places(ours, theirs, {})
    assert found.ambiguous == ()
    assert found.pairs == {place.name: f"other {place.name}" for place in ours}


def test_another_last_layer_leaves_the_rest_matched() -> None:
    def chain(prefix: str, last: int) -> list[Place]:
        return [Place(f"{prefix}0", "input", ()),
                *(Place(f"{prefix}{k}", 9, (f"{prefix}{k - 1}",)) for k in range(1, 6)),
                Place(f"{prefix}6", last, (f"{prefix}5",))]

    found = match_places(chain("a", 10), chain("b", 20), {})
    assert found.pairs == {f"a{k}": f"b{k}" for k in range(6)}
    assert found.ambiguous == ()


def test_twins_stay_ambiguous_until_one_is_known() -> None:
    def twins(prefix: str) -> list[Place]:
        return [Place(f"{prefix}in", "input", ()), Place(f"{prefix}1", 3, (f"{prefix}in",)),
                Place(f"{prefix}2", 3, (f"{prefix}in",))]

    found = match_places(twins("a"), twins("b"), {})
    assert found.ambiguous == ((("a1", "a2"), ("b1", "b2")),)
    assert match_places(twins("a"), twins("b"), {"a1": "b2"}).pairs == {"ain": "bin", "a1": "b2", "a2": "b1"}

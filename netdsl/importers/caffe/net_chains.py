"""Runs of layers that follow each other without a branch: what is written as one Sequential."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .net_translation import TranslatedUse

#: A shorter run is written as members of their own.
SHORTEST = 3


def chains_of(found: Mapping[int, TranslatedUse]) -> list[list[int]]:
    """Every translated layer that is a function of one blob in a run, in the order of the file.

    Within a run each blob but the last is read by the next layer alone.
    """
    chains: list[list[int]] = []
    place: dict[int, list[int]] = {}
    for number, each in found.items():
        if not is_step(each):
            continue
        before = each.use.bottoms[0].use
        run = place.get(before)
        if run is not None and run[-1] == before and found[before].use.readers[0] == [number]:
            run.append(number)
        else:
            run = [number]
            chains.append(run)
        place[number] = run
    return chains


def is_step(each: TranslatedUse) -> bool:
    return each.row.role == "layer" and len(each.shapes) == 1 and each.steps is not None


def chain_name(names: Sequence[str], weighted: Sequence[str]) -> str:
    """What a run is called: the beginning that its layers with weights have in common, else its last layer."""
    common = re.sub(r"_+$", "", _beginning(weighted)) if len(weighted) > 1 else ""
    return common if len(common) > 3 and common not in ("conv", "layer") else names[-1]


def _beginning(names: Sequence[str]) -> str:
    """The longest text with which all names begin."""
    first, last = min(names), max(names)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]

"""Layers that share weights (`param { name: "w" }` in several): one layer of the language, applied to each blob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..import_format import not_supported
from .net_translation import TranslatedUse


def shared_layers(found: Mapping[int, TranslatedUse]) -> dict[int, int]:
    """Use -> the first use whose weights it has. Layers that share a part of their weights are among the problems."""
    owners: dict[str, tuple[int, int]] = {}  #: name of a blob -> use and place of the first layer that has it
    shared: dict[int, int] = {}
    for number, each in found.items():
        names = [spec.name for spec in each.use.layer.params][:each.row.blob_count(each.translation)]
        known = {place: owners[name] for place, name in enumerate(names) if name in owners}
        for place, name in enumerate(names):
            if name:
                owners.setdefault(name, (number, place))
        if not known:
            continue
        first = next(iter(known.values()))[0]
        owner = found[first]
        whole = (len(known) == each.row.blob_count(each.translation) == owner.row.blob_count(owner.translation)
                 and all(use == first and at == place for place, (use, at) in known.items()))
        if whole and each.steps is not None and is_same(each, owner):
            shared[number] = first
        else:
            spec = next(spec for spec in each.use.layer.params if spec.name in owners)
            each.translation.problems.diagnostics.append(not_supported(
                "layers that share a part of their weights", spec.span or each.use.span,
                f"`{spec.name}` belongs to `{owner.use.layer.name}` as well",
                body=("Two layers of one kind that share all of their weights are supported: they are then one layer "
                      "that is applied twice.",)))
    return shared


def is_same(a: TranslatedUse, b: TranslatedUse) -> bool:
    """Whether two layers do the same, but for how their weights start."""
    return type(a.row) is type(b.row) and all(
        a.translation.values[name] == b.translation.values[name]
        for name, kind in a.row.fields.items() if kind.kind != "message" and kind.effect)


def towers_of(chains: Sequence[Sequence[int]], found: Mapping[int, TranslatedUse], shared: Mapping[int, int],
              ) -> tuple[list[list[int]], dict[int, list[int]]]:
    """The runs, and by the first layer of a run those that are the same run on another blob.

    A run in which every layer with weights has those of its fellow is applied again as a whole; of any other the
    shared layers become runs of their own.
    """
    again: dict[int, list[int]] = {}
    whole: set[int] = set()
    for chain in chains:
        owner = next((shared[number] for number in chain if number in shared), None)
        first = next((other for other in chains if owner in other), None)
        if first is not None and first is not chain and _matches(chain, first, found, shared):
            again.setdefault(first[0], []).append(chain[0])
            whole |= {*chain, *first}
    pieces: list[list[int]] = []
    for chain in chains:
        piece: list[int] = []
        for number in chain:
            if number not in whole and (number in shared or number in shared.values()):
                pieces += [piece, [number]] if piece else [[number]]
                piece = []
                if number in shared:
                    again.setdefault(shared[number], []).append(number)
            else:
                piece.append(number)
        pieces += [piece] if piece else []
    return pieces, again


def _matches(chain: Sequence[int], first: Sequence[int], found: Mapping[int, TranslatedUse],
             shared: Mapping[int, int]) -> bool:
    return len(chain) == len(first) and all(
        shared.get(a) == b if found[a].row.tensors else is_same(found[a], found[b])
        for a, b in zip(chain, first, strict=True))

"""`lr_mult` and `decay_mult` of single blobs as keys of the `SGD` block."""

from __future__ import annotations

from collections.abc import Mapping

from ...syntax import ast
from ..building import Builder
from .net_blobs import Made
from .net_layers import ParamSpec
from .net_module import NetModule
from .net_translation import TranslatedUse

#: Rate and decay of a blob that the net says nothing of.
_PLAIN = (1.0, 1.0)


def multiplier_members(found: Mapping[int, TranslatedUse], network: NetModule, build: Builder,
                       ) -> list[tuple[str, object]]:
    """Rate and decay of all biases as two keys where they have them in common; the rest as rows."""
    blobs = _multipliers(found, network)
    biases = {value for name, value in blobs.items() if name.endswith(".bias")}
    usual = next(iter(biases)) if len(biases) == 1 else _PLAIN
    members: list[tuple[str, object]] = [(key, value) for key, value in zip(
        ("biasRateMultiplier", "biasDecayMultiplier"), usual, strict=True) if value != 1]
    rows: list[ast.Expression | ast.Step] = []
    for name, (rate, decay) in blobs.items():
        if (rate, decay) != (usual if name.endswith(".bias") else _PLAIN):
            options: dict[str, object] = {key: value for key, value in (("rate", rate), ("decay", decay)) if value != 1}
            rows.append(build.make("Multiplier", name, **options))
    if rows:
        members.append(("multipliers", build.list(rows)))
    return members


def _multipliers(found: Mapping[int, TranslatedUse], network: NetModule) -> dict[str, tuple[float, float]]:
    """Learned blob, by its name in the network -> its rate and its decay."""
    blobs: dict[str, tuple[float, float]] = {}
    named: dict[str, str] = {}
    for number, each in found.items():
        node = network.nodes.get(Made(number, 0))
        if node is None or each.row.role != "layer":
            continue
        count = each.row.blob_count(each.translation)
        specs = (*each.use.layer.params, *[ParamSpec()] * count)
        for tensor, spec in zip(each.row.tensors[:count], specs, strict=False):
            name = named.setdefault(spec.name, f"{node}.{tensor}") if spec.name else f"{node}.{tensor}"
            blobs.setdefault(name, (spec.lr_mult, spec.decay_mult))
    return blobs

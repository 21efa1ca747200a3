"""Which way each criterion and metric of a program is better."""

from __future__ import annotations

from collections.abc import Mapping

from ..layers.quality import Quality
from .network import Network, ShapedNode
from .program import CheckedProgram


def directions(program: CheckedProgram) -> dict[str, Quality]:
    """SMALLER, LARGER or UNKNOWN for each criterion and metric, by node. A criterion is made small."""
    nodes = dict.fromkeys((*program.criteria, *program.metrics))
    known = _qualities(program.network, program.metrics)
    found = {name: Quality.SMALLER if name in program.criteria else known.get(name, Quality.UNKNOWN) for name in nodes}
    sides = (Quality.SMALLER, Quality.LARGER)
    return {name: quality if quality in sides else Quality.UNKNOWN for name, quality in found.items()}


def shown_directions(program: CheckedProgram) -> dict[str, str]:
    """`smaller`, `larger` or `unknown`, by the names that people see."""
    return {program.shown_name(name): quality.value for name, quality in directions(program).items()}


def _qualities(network: Network[ShapedNode], roots: tuple[str, ...]) -> Mapping[str, Quality]:
    wanted = network.ancestors(roots)
    found: dict[str, Quality] = {}
    for node in network:
        if node.name in wanted:
            inputs = [found[use.node] for use in node.inputs]
            given = node.layer.is_input or not (node.cost.parameters or node.cost.buffers)
            own = node.layer.quality(inputs)
            is_data = given and own is Quality.UNKNOWN and all(quality is Quality.DATA for quality in inputs)
            found[node.name] = Quality.DATA if is_data else own
    return found

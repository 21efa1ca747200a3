"""Drop the nodes that no special list needs."""

from __future__ import annotations

import dataclasses

from ..ir.network import Network
from ..ir.program import Program


def prune(program: Program) -> Program:
    """The program with only what its special lists are computed from, in the same order; all of it without any."""
    if not program.roots:
        return program
    alive = program.network.ancestors(program.roots)
    return dataclasses.replace(program, network=Network(node for node in program.network if node.name in alive))

"""The passes in their order, and the one function that runs them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..base.diagnostics import Diagnostic
from ..ir.network import Node
from ..ir.program import CheckedProgram, Program
from .prune import prune
from .shapes import infer_shapes
from .share_fit import share_fit
from .unify_classes import unify_class_ids
from .verify import verify


class GraphPass(Protocol):
    """A pass on a program whose shapes are not known yet. Changes nothing in place; raises nothing."""

    def __call__(self, program: Program, /) -> Program: ...


class ShapedPass(Protocol):
    """A pass on a program whose shapes are all known. Changes nothing in place; raises nothing."""

    def __call__(self, program: CheckedProgram, /) -> CheckedProgram: ...


#: What the compiler runs, in this order: passes on the graph, then shape inference, then passes on the shaped graph.
GRAPH_PASSES: tuple[GraphPass, ...] = (prune,)
SHAPED_PASSES: tuple[ShapedPass, ...] = (unify_class_ids, share_fit)

#: Set (to anything) to check the graph after every pass, as the tests do; a violation is a bug of ours.
VERIFY_VARIABLE = "NETDSL_VERIFY"


@dataclass(frozen=True)
class Passed:
    """What the passes made of a program. Where shapes failed, `program` has the nodes whose shape is known."""

    program: CheckedProgram
    failed: tuple[Node, ...]
    diagnostics: tuple[Diagnostic, ...]


def run_passes(program: Program, graph_passes: Sequence[GraphPass] = GRAPH_PASSES,
               shaped_passes: Sequence[ShapedPass] = SHAPED_PASSES) -> Passed:
    """Run every pass; those on shaped graphs only if every shape is known."""
    check: Callable[[Program | CheckedProgram], None] = \
        _verify_program if VERIFY_VARIABLE in os.environ else lambda _: None
    check(program)
    for graph_pass in graph_passes:
        program = graph_pass(program)
        check(program)
    inference = infer_shapes(program)
    checked = inference.program
    check(checked)
    if not inference.failed:
        for shaped_pass in shaped_passes:
            checked = shaped_pass(checked)
            check(checked)
    return Passed(checked, inference.failed, inference.diagnostics)


def _verify_program(program: Program | CheckedProgram) -> None:
    verify(program.network)

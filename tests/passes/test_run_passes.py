"""The pipeline runs the passes that its tuples list, and verifies what each leaves behind."""

from __future__ import annotations

import dataclasses

import pytest

from netdsl.base.source import Files, Source
from netdsl.elaborate import elaborate
from netdsl.ir.network import Network, ShapedNode
from netdsl.ir.program import CheckedProgram, Program
from netdsl.passes import GRAPH_PASSES, SHAPED_PASSES, run_passes
from netdsl.syntax.parser import parse

TEXT = """network = {
    x = Input {4} ; labels = Input {3}
    unused = LinearLayer {7} (x)
    h = DenseLayer {5, activation = ReLU} (x) ; z = LinearLayer {3} (h)
    criterionNodes = CrossEntropyWithSoftmax (labels, z) ; outputNodes = z
}"""


def program() -> Program:
    found, problems = elaborate(parse(Source("p.net", TEXT)), Files(), None)
    assert found is not None
    assert [problem.code for problem in problems] == ["unused-name"]
    return found


def test_every_pass_of_the_tuples_is_run_in_order() -> None:
    seen: list[str] = []

    def first(given: Program) -> Program:
        seen.append("graph")
        return given

    def last(given: CheckedProgram) -> CheckedProgram:
        seen.append("shaped")
        return given

    passed = run_passes(program(), (*GRAPH_PASSES, first), (*SHAPED_PASSES, last))
    assert seen == ["graph", "shaped"]
    assert "unused" not in passed.program.network
    assert passed.program.network["h"].shape.dims == (5,)


def test_a_graph_pass_that_breaks_the_order_is_caught() -> None:
    def reverse(given: Program) -> Program:
        return dataclasses.replace(given, network=Network(reversed(list(given.network))))

    with pytest.raises(AssertionError, match="does not come before it"):
        run_passes(program(), (reverse,))


def test_a_shaped_pass_that_breaks_a_shape_is_caught() -> None:
    def widen(given: CheckedProgram) -> CheckedProgram:
        nodes: list[ShapedNode] = [dataclasses.replace(node, shape=dataclasses.replace(node.shape, dims=(9,)))
                                   if node.name == "h" else node for node in given.network]
        return dataclasses.replace(given, network=Network(nodes))

    with pytest.raises(AssertionError, match="h: rule and shape differ"):
        run_passes(program(), shaped_passes=(widen,))


def test_without_the_variable_nothing_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETDSL_VERIFY")

    def reverse(given: Program) -> Program:
        return dataclasses.replace(given, network=Network(reversed(list(given.network))))

    passed = run_passes(program(), (reverse,), (lambda given: given,))
    assert len(passed.program.network) < len(program().network)  # what comes before its inputs has no shape


def test_shaped_passes_are_skipped_where_a_shape_fails() -> None:
    broken, _ = elaborate(parse(Source("p.net", TEXT.replace("LinearLayer {3} (h)", "h + ConstantTensor (1, (3))"))),
                          Files(), None)
    assert broken is not None
    passed = run_passes(broken, shaped_passes=(lambda given: pytest.fail("run on a network without shapes"),))
    assert [node.name for node in passed.failed]

"""What each output is, from what it is compared by."""

from __future__ import annotations

import numpy as np
import pytest

import netdsl
from netdsl.checks.outputs import Output, outputs_of
from netdsl.ir.program import CheckedProgram


def network(body: str, outputs: str = "z") -> CheckedProgram:
    return netdsl.check(netdsl.Source("n.net", f"network = {{\n{body}\noutputNodes = {outputs}\n}}"))


def kinds(program: CheckedProgram) -> list[tuple[str, str, str, str | None]]:
    return [(program.shown_name(o.node), o.kind, o.scale, o.labels) for o in outputs_of(program)]


VECTOR = "x = Input {4} ; y = Input {3} ; z = LinearLayer {3} (x) ; p = Softmax (z) ; s = Sigmoid (z)\n"
SOFTMAX = "criterionNodes = CrossEntropyWithSoftmax (y, z)"


@pytest.mark.parametrize(("criteria", "output", "kind", "scale"), [
    (SOFTMAX, "z", "classes", "scores"),
    (SOFTMAX, "p", "classes", "probabilities"),
    ("criterionNodes = CrossEntropy (y, p)", "p", "classes", "probabilities"),
    ("criterionNodes = CrossEntropy (y, p)", "z", "classes", "scores"),
    ("criterionNodes = BinaryCrossEntropyWithSigmoid (y, z)", "z", "shares", "scores"),
    ("criterionNodes = BinaryCrossEntropyWithSigmoid (y, z)", "s", "shares", "probabilities"),
    ("criterionNodes = BinaryCrossEntropy (y, s)", "s", "shares", "probabilities"),
    ("criterionNodes = BinaryCrossEntropy (y, s)", "z", "shares", "scores"),
    # The criterion decides, not a metric beside it.
    ("criterionNodes = BinaryCrossEntropyWithSigmoid (y, z) ; evaluationNodes = ClassificationError (y, z)", "z",
     "shares", "scores"),
    ("criterionNodes = SquareError (y, z)", "z", "numbers", "order"),
    ("criterionNodes = ReduceSum (Square (z - y))", "z", "numbers", "order"),
    # A metric over classes makes them of numbers; how likely each is nobody knows.
    ("criterionNodes = SquareError (y, z) ; evaluationNodes = ClassificationError (y, z)", "z", "classes", "order"),
    # A softmax criterion by hand, as CNTK's documents write it.
    ("criterionNodes = ReduceLogSum (z) - ReduceSum (y .* z)", "z", "classes", "scores"),
    ("criterionNodes = -1 * ReduceSum (y .* LogSoftmax (z))", "z", "classes", "scores"),
    # Behind other operations: still the same comparison.
    ("criterionNodes = 0.3 * CrossEntropyWithSoftmax (y, z) + ReduceSum (Square (x))", "z", "classes", "scores"),
    ("criterionNodes = CrossEntropyWithSoftmax (y, Dropout {0.5} (z))", "z", "classes", "scores"),
])
def test_an_output_is_what_it_is_compared_as(criteria: str, output: str, kind: str, scale: str) -> None:
    assert kinds(network(VECTOR + criteria, output)) == [(output, kind, scale, "y")]


def test_each_head_has_its_own_labels_whatever_the_order_of_the_criteria() -> None:
    heads = """x = Input {2} ; size = Input {3} ; colour = Input {3} ; price = Input {1}
        zs = LinearLayer {3} (x) ; zc = LinearLayer {3} (x) ; zp = LinearLayer {1} (x)
        cc = CrossEntropyWithSoftmax (colour, zc) ; cs = CrossEntropyWithSoftmax (size, zs)
        se = SquareError (price, zp)\n"""
    for order in ("cc : cs : se", "se : cs : cc"):
        assert kinds(network(f"{heads}criterionNodes = {order}", "zc : zs : zp")) == [
            ("zc", "classes", "scores", "colour"), ("zs", "classes", "scores", "size"),
            ("zp", "numbers", "order", "price")]


def test_what_nothing_compares_is_numbers_but_for_a_softmax() -> None:
    assert kinds(network("x = Input {4} ; z = LinearLayer {3} (x)")) == [("z", "numbers", "order", None)]
    assert kinds(network("x = Input {4} ; z = Softmax (LinearLayer {3} (x))")) == [
        ("z", "classes", "probabilities", None)]


def test_without_output_nodes_what_is_compared_is_answered() -> None:
    program = netdsl.check(netdsl.Source("n.net", f"network = {{ {VECTOR} {SOFTMAX} }}"))
    assert kinds(program) == [("z", "classes", "scores", "y")]


def test_two_learned_sides_are_numbers_without_labels() -> None:
    body = """a = Input {4} ; b = Input {4} ; f = LinearLayer {3} ; z = f (a) ; w = f (b)
        criterionNodes = SquareError (w, z)"""
    assert kinds(network(body)) == [("z", "numbers", "order", None)]


def test_classes_along_an_axis_are_a_map() -> None:
    body = """x = Input {8:6:3} ; y = Input {8:6:4} ; z = ConvolutionalLayer {4, (1:1)} (x)
        criterionNodes = CrossEntropyWithSoftmax (y, z, axis = 3)"""
    (output,) = outputs_of(network(body))
    assert (output.kind, output.axis, output.classes) == ("class map", 3, 4)
    values = np.random.default_rng(0).normal(size=(4, 6, 8))
    np.testing.assert_array_equal(output.class_numbers(values), values.argmax(0))
    shares = output.probabilities(values)
    assert shares is not None
    np.testing.assert_allclose(shares.sum(0), 1)


@pytest.mark.parametrize(("target", "scale", "offset"), [
    ("x", 1, 0), ("x / 256", 256, 0), ("(x - 128) / 64", 64, 128), ("1 - x / 255", -255, 255), ("Square (x)", 0, 0)])
def test_an_image_compared_with_an_image_input_knows_its_scale(target: str, scale: float, offset: float) -> None:
    body = f"""x = Input {{8:6:3}} ; t = {target} ; z = ConvolutionalLayer {{3, (3:3), pad = true}} (x)
        criterionNodes = SquareError (t, z)"""
    (output,) = outputs_of(network(body))
    assert output.kind == "image"
    assert output.pixels is not None
    assert (output.pixels.input, output.pixels.scale, output.pixels.offset) == (
        "x", pytest.approx(scale), pytest.approx(offset))


def test_no_softmax_of_a_softmax() -> None:
    scores = np.array([2.0, 0.0, -1.0])
    likely = np.exp(scores) / np.exp(scores).sum()
    for scale, values in (("scores", scores), ("probabilities", likely), ("log probabilities", np.log(likely))):
        found = Output("z", (3,), "classes", scale).probabilities(values)
        np.testing.assert_allclose(found, likely)  # type: ignore[arg-type]
    assert Output("z", (3,), "classes", "order").probabilities(scores) is None
    shares = Output("z", (3,), "shares", "scores").probabilities(np.array([0.0, 800.0, -800.0]))
    np.testing.assert_allclose(shares, [0.5, 1, 0])  # type: ignore[arg-type]

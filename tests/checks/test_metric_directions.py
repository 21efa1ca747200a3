"""Which way a metric is better: said by rows, followed through formulas where certain, doubted otherwise."""

from __future__ import annotations

import pytest

import netdsl
from netdsl.base.source import Source
from netdsl.compiler import examine
from netdsl.ir.directions import shown_directions


def text(metric: str) -> str:
    return f"""network = {{
    features = Input {{3}} ; labels = Input {{4}} ; query = Input {{1}} ; gain = Input {{1}}
    z = LinearLayer {{4}} (features) ; score = LinearLayer {{1}} (features)
    err = ClassificationError (labels, z)
    hit = Equal (Argmax (labels), Argmax (z))
    ce = CrossEntropyWithSoftmax (labels, z)
    m = {metric}
    criterionNodes = ce ; evaluationNodes = m ; outputNodes = z
}}
"""


@pytest.mark.parametrize(("metric", "expected"), [
    ("err", "smaller"), ("1 - err", "larger"), ("-err", "larger"), ("-(1 - err)", "smaller"), ("100 * err", "smaller"),
    ("err / 2", "smaller"), ("-3 * (1 - err) + 2", "smaller"), ("0.5 * ce + err", "smaller"), ("Sqrt (ce)", "smaller"),
    ("1 - err + hit", "larger"), ("ce - hit", "smaller"), ("hit - ce", "larger"), ("ce - err", "unknown"),
    ("err + hit", "unknown"), ("Reciprocal (err)", "unknown"), ("0 * err", "unknown"),
    ("ReduceMean (Abs (labels - z))", "smaller"), ("Sqrt (ReduceSum (Square (z - labels)))", "smaller"),
    ("ReduceSum (labels - z)", "unknown"), ("hit", "larger"), ("NotEqual (Argmax (labels), Argmax (z))", "smaller"),
    ("Equal (Argmax (labels), Argmax (labels))", "unknown"), ("ReduceSum (labels .* z)", "unknown"),
    ("NDCG1Eval (gain, score, query)", "larger"), ("1 - NDCG1Eval (gain, score, query) / 100", "smaller"),
    ("Metric {better = 'larger'} (ReduceSum (labels .* z))", "larger"),
    ("Metric {better = 'smaller'} (1 - err)", "smaller"),
    ("-Metric {better = 'larger'} (ReduceSum (labels .* z))", "smaller"), ("F1 (labels, z)", "larger"),
    ("RatioOfSums {better = 'smaller'} (labels, z)", "smaller"), ("RatioOfSums (labels, z)", "unknown"),
    ("ReduceMax (ReduceSum (features))", "unknown"), ("AUC (labels, z)", "larger"),
])
def test_direction(metric: str, expected: str) -> None:
    source = Source("metric.net", text(metric))
    assert list(shown_directions(netdsl.check(source)).values()) == ["smaller", expected]
    doubts = [d for d in examine(source).diagnostics if d.code == "doubtful" and "better" in d.title]
    assert bool(doubts) is (expected == "unknown")


def test_a_criterion_is_made_small_whatever_it_is() -> None:
    source = text("1 - err").replace("criterionNodes = ce", "gain2 = -ce ; criterionNodes = gain2")
    assert shown_directions(netdsl.check(Source("metric.net", source))) == {"gain2": "smaller", "m": "larger"}


RIGHT = "labels .* (z > 0)"


@pytest.mark.parametrize(("metric", "doubted"), [
    (f"ReduceSum ({RIGHT}) / ReduceSum (z > 0)", True), (f"1 - ReduceSum ({RIGHT}) / ReduceSum (labels)", True),
    (f"ReduceSum ({RIGHT}) .* Reciprocal (ReduceSum (labels) + 1)", True), ("(score > 0) / (score > 1)", True),
    (f"2 / ReduceSum ({RIGHT})", True), ("err / 3", False), (f"ReduceSum ({RIGHT}) / 4", False),
    (f"Metric {{better = 'larger'}} (ReduceSum ({RIGHT}) / ReduceSum (labels))", False),
    (f"RatioOfSums {{better = 'larger'}} ({RIGHT}, labels)", False),
    ("1 - ReduceMax (labels .* (Exp (z) / ReduceSum (Exp (z))))", False),  # a softmax, not a ratio of two numbers
])
def test_a_division_in_every_sample_is_doubted(metric: str, doubted: bool) -> None:
    diagnostics = examine(Source("metric.net", text(metric))).diagnostics
    found = [d for d in diagnostics if "is a ratio within each sample" in d.title]
    assert bool(found) is doubted

"""What stands in a report: recall and precision, the rate over the updates, values under the pointer, names."""

from __future__ import annotations

import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

import netdsl
from netdsl.base.source import Source
from netdsl.drawing import Chart, Series, hover_layer
from netdsl.report import gather
from netdsl.report.confusion import class_scores, confusion_of
from netdsl.report.curves import charts
from netdsl.report.page import page
from netdsl.runs.store import Run

NETWORK = """
network = {{
    features = Input {{4}} ; labels = Input {{3}}
    z = LinearLayer {{3}} (features)
    crossEntropyOfTheOutputs = CrossEntropyWithSoftmax (labels, z)
    criterionNodes = crossEntropyOfTheOutputs ; outputNodes = z
}}
reader = {{ train = Synthetic {{dims = 4, count = 80, classes = 3}} }}
SGD = {{ minibatchSize = 8 ; maxEpochs = 4 ; {rate} }}
"""


def run_folder(folder: Path, rate: str, recorded: dict[int, float]) -> Run:
    """A run of 4 epochs of 10 updates, with records of the rate at some of them."""
    folder.mkdir()
    (folder / "resolved.net").write_text(NETWORK.format(rate=rate))
    lines = []
    for step, value in recorded.items():
        lines.append({"event": "minibatches", "epoch": (step - 1) // 10 + 1, "step": step, "samples": 8 * step,
                      "train": {"crossEntropyOfTheOutputs": 1.0}, "rate": value})
        if step % 10 == 0:
            lines.append({**lines[-1], "event": "epoch", "epoch": step // 10})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Run(folder)


def plan_rates(rate: str) -> dict[int, float]:
    plan = netdsl.check(Source("x.net", NETWORK.format(rate=rate))).plan
    assert plan is not None
    return {step: plan.rates_at(8 * (step - 1), 8, (step - 1) / 10, step - 1).mean_rate for step in range(5, 41, 5)}


def rate_series(run: Run) -> tuple[tuple[float, float], ...]:
    facts = gather(run)
    chart = next(chart for chart in charts(run, facts.percentages, facts.program) if chart.title == "learning rate")
    return chart.series[0].points


def test_recall_precision_and_f1_of_each_class() -> None:
    counts = np.array([[8, 2, 0], [4, 6, 0], [0, 0, 0]])
    scores = class_scores(counts)
    assert scores[0].tolist() == pytest.approx([0.8, 8 / 12, 16 / 22])
    assert scores[1].tolist() == pytest.approx([0.6, 0.75, 12 / 18])
    assert all(math.isnan(value) for value in scores[2])  # nothing to count
    shown = confusion_of(counts, ("cat", "dog", "eel").__getitem__)
    assert [row.scores for row in shown.classes] == [
        ("80.0 %", "66.7 %", "72.7 %"), ("60.0 %", "75.0 %", "66.7 %"), ("-", "-", "-")]
    assert shown.pairs.rows == (("dog", "cat", "4", "40.0 %"), ("cat", "dog", "2", "20.0 %"))
    assert "14 of 20 right (70.00 %); means over the classes: recall 70.0 %, precision 70.8 %" in shown.note


def test_a_smooth_plan_is_drawn_smooth_and_from_the_first_update(tmp_path: Path) -> None:
    rate = "learningRate = OneCycle {0.1}"
    points = rate_series(run_folder(tmp_path / "r", rate, plan_rates(rate)))
    assert points[0][0] == 0
    assert points[-1][0] == pytest.approx(4)
    assert len({y for _, y in points}) >= 39  # a value for each update
    assert max(abs(b[1] - a[1]) for a, b in itertools.pairwise(points)) < 0.02
    assert max(y for _, y in points) == pytest.approx(0.1, rel=0.02)


def test_steps_are_drawn_upright_where_the_plan_has_them(tmp_path: Path) -> None:
    rate = "learningRate = 0.1*2 : 0.01"
    points = rate_series(run_folder(tmp_path / "r", rate, plan_rates(rate)))
    assert points[0] == (0, 0.1)
    (jump,) = [a for a, b in itertools.pairwise(points) if a[0] == b[0] and a[1] != b[1]]
    assert jump == pytest.approx((2, 0.1), abs=0.02)


def test_a_rate_that_the_run_changed_is_drawn_by_its_records(tmp_path: Path) -> None:
    recorded = {step: 0.1 if step <= 20 else 0.05 for step in range(5, 41, 5)}
    points = rate_series(run_folder(tmp_path / "r", "learningRate = 0.1", recorded))
    assert points[0] == (0, 0.1)
    assert points[-1] == (4, 0.05)
    assert {y for _, y in points} == {0.1, 0.05}


def test_the_values_under_the_pointer_cover_the_chart() -> None:
    train = tuple((x / 2, 10.0 - x) for x in range(1, 9))
    validation = ((1.0, 8.0), (2.0, math.nan), (3.0, 5.25), (4.0, 4.0))
    chart = Chart("errs", "epoch", "%", (Series("training", train), Series("validation", validation)))
    layer = hover_layer(chart, 540, 320)
    assert [strip.lines for strip in layer.strips][5] == ("epoch 3", "training 4 %", "validation 5.25 %")
    assert [strip.lines for strip in layer.strips][3] == ("epoch 2", "training 6 %")
    for left, right in zip(layer.strips, layer.strips[1:], strict=False):
        assert left.left + left.width == pytest.approx(right.left)
    assert all(strip.box_x >= 0 and strip.box_x + strip.box_width <= 540 for strip in layer.strips)
    many = Chart("x", "epoch", "", (Series("a", tuple((float(x), float(x)) for x in range(5000))),))
    assert len(hover_layer(many, 540, 320).strips) <= 160


def test_the_page_shows_whole_names_and_works_without_scripts(tmp_path: Path) -> None:
    rate = "learningRate = 0.1"
    facts = gather(run_folder(tmp_path / "r", rate, plan_rates(rate)))
    facts.run.details["confusion"] = [[8, 2, 0], [4, 6, 0], [0, 0, 0]]
    text = page(facts)
    assert "train cross<wbr>Entropy<wbr>Of<wbr>The<wbr>Outputs" in text  # breaks at its capitals only
    assert "<script" not in text
    assert re.search(r'<td class="score">80.0 %</td><td class="score">66.7 %</td>', text)
    assert "prefers-color-scheme:dark" in text.replace(" ", "")
    assert text.count("prefers-color-scheme:dark){text[fill") == 1  # once for all drawings
    assert 'class="strip"' in text


def test_results_say_which_direction_is_better(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", "learningRate = 0.1", {10: 0.1})
    (run.folder / "result.json").write_text(json.dumps({
        "train": {"crossEntropyOfTheOutputs": 1.0, "f1": 0.5}, "better": {"crossEntropyOfTheOutputs": "smaller",
                                                                         "f1": "larger"}}))
    tiles = re.findall(r'<div class="tile.*?</div>', page(gather(Run(run.folder))))
    assert [re.findall(r"<small>(.*?)</small>", tile) for tile in tiles[:3]] == [
        ["smaller is better"], ["larger is better"], []]

"""`netdsl sweep`: which runs there are, that each is the run by itself, the table, and going on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netdsl.cli.entry import run
from netdsl.runs.sweep_plan import combinations, split_values

NET = """network = {
    features = Input {4} ; labels = Input {2} ; z = LinearLayer {2} (features)
    ce = CrossEntropyWithSoftmax (labels, z) ; errs = ClassificationError (labels, z)
    criterionNodes = ce ; evaluationNodes = errs ; outputNodes = z
}
reader = { train = Synthetic {(4), classes = 2, count = 64} ; test = Synthetic {(4), classes = 2, count = 32} }
SGD = { minibatchSize = 16 ; maxEpochs = 2 ; learningRate = 0.1 }
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.net").write_text(NET)


@pytest.mark.parametrize(("text", "values"), [
    ("0.1,0.01", ["0.1", "0.01"]), ("(1,2),3", ["(1,2)", "3"]), ("'a,b',c", ["'a,b'", "c"]), ("1", ["1"]),
    ("Adam {a = 1, b = 2}, MomentumSGD", ["Adam {a = 1, b = 2}", "MomentumSGD"]), ("1,", ["1", ""]),
])
def test_values_between_commas(text: str, values: list[str]) -> None:
    assert split_values(text) == values


def test_every_combination_the_last_key_fastest() -> None:
    fixed, runs = combinations(["a=1,2", "SGD.c=5", "x.b=3,4"])
    assert fixed == ("SGD.c=5",)
    assert [one.overrides for one in runs] == [("a=1", "x.b=3"), ("a=1", "x.b=4"), ("a=2", "x.b=3"), ("a=2", "x.b=4")]
    assert runs[0].name == "01-a=1-b=3"


def test_a_sweep_is_its_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", "tiny.net", "SGD.learningRate=0.5,0.001", "SGD.momentum=0.9", "-o", "s", "-q"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["SGD.learningRate", "errs", "run"]
    assert [line.split()[0] for line in table[1:]] in (["0.5", "0.001"], ["0.001", "0.5"])
    assert run(["run", "tiny.net", "SGD.learningRate=0.001", "SGD.momentum=0.9", "-o", "alone", "-q"]) == 0
    for name in ("train", "test"):
        one = json.loads(Path("s/02-learningRate=0.001/result.json").read_text())
        assert one[name] == json.loads(Path("alone/result.json").read_text())[name]
    rows = Path("s/sweep.csv").read_text().splitlines()
    assert rows[0] == "SGD.learningRate,errs,run"
    assert len(rows) == 3
    assert Path("s/sweep.svg").read_text().startswith("<svg")


def test_a_sweep_goes_on_where_it_was_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", "tiny.net", "SGD.seed=1,2", "-o", "s", "-q"]) == 0
    before = Path("s/01-seed=1/metrics.jsonl").read_bytes()
    Path("s/02-seed=2/result.json").unlink()
    assert run(["sweep", "tiny.net", "SGD.seed=1,2,3", "-o", "s"]) == 0
    told = capsys.readouterr()
    assert "01-seed=1: finished before" in told.err
    assert Path("s/01-seed=1/metrics.jsonl").read_bytes() == before
    assert len(list(Path("s").glob("*/result.json"))) == 3


def test_one_run_that_fails_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", "tiny.net", "SGD.learningRate=1e39,0.1", "-o", "s", "-q"]) == 0
    table = capsys.readouterr().out
    assert "02-learningRate=0.1" in table.splitlines()[1]
    assert "01-learningRate=1e39" in table.splitlines()[2]


@pytest.mark.parametrize(("arguments", "words"), [
    (["SGD.learningRate=0.1"], "needs several values"), (["SGD.maxEpochs=1,banana"], "banana"),
    (["SGD.learningRat=0.1,0.2"], "learningRat"),
])
def test_mistakes_are_told_before_the_first_run(arguments: list[str], words: str,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", "tiny.net", *arguments, "-o", "s"]) == 1
    assert words in capsys.readouterr().err
    assert not Path("s").exists()

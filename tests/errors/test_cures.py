"""Whoever does what a page says is rid of the mistake: every cure of tests/errors, followed."""

from __future__ import annotations

from pathlib import Path

import pytest

import netdsl
from netdsl.base.diagnostics import Diagnostic, apply_fix
from netdsl.base.source import Source
from netdsl.compiler import examine

ROOT = Path(__file__).parents[2]
CASES = {f"{path.parent.name}/{path.stem}": path for path in sorted((ROOT / "tests" / "errors").glob("*/*.net"))}

#: Cures that a person has to choose among or to complete: (in the file, what the hint says to write), in turn.
FOLLOWED: dict[str, list[tuple[str, str]]] = {
    "bad-schedule/page": [("10*0.1 : 20*0.01 : 0.001", "0.1*10 : 0.01*20 : 0.001")],
    "conflicting-keys/balance": [(", randomize = false", "")],
    "conflicting-keys/divided-queries": [(" ; numSubminibatches = 4", "")],
    "conflicting-keys/page": [("    learningRate       = 0.1\n", "")],
    "doubtful/accumulate": [("accumulate = 8", "accumulate = 2")],
    "doubtful/early-stopping": [("earlyStopping =", "validation = 0.1 ; earlyStopping =")],
    "doubtful/epoch-size": [("epochSize = 10", "epochSize = 0")],
    "doubtful/fold": [("fold = 2", "fold = 2 ; validation = 0.2")],
    "doubtful/metric-direction": [("own = ReduceSum (labels .* Softmax (z))",
                                   'own = Metric {better = "larger"} (ReduceSum (labels .* Softmax (z)))')],
    "doubtful/minibatch": [("minibatchSize = 64", "minibatchSize = 16")],
    "doubtful/no-dropout": [(" ; dropoutRate = 0.5", "")],
    "doubtful/rate-zero": [("learningRate = 0 ", "learningRate = 0.1 ")],
    "filter-too-large/page": [("(40:40)", "(32:32)")],
    "no-network/page": [("netwrok", "network")],
    "not-a-layer/stack": [("LayerStack {2, DenseLayer {64}}", "LayerStack {2, i => DenseLayer {64}}")],
    "option-type/activation": [("DenseLayer {64, ReLU}", "DenseLayer {64, activation = ReLU}")],
    "reader-shape/classes": [("labels   = Input {10}", "labels   = Input {100}")],
    "shape-mismatch/channels-in-filter": [("(5:5:1)", "(5:5)")],
    "shape-mismatch/labels-to-blame": [("labels = Input {10}", "labels = Input {12}")],
    "unknown-name/folder": [("network =", 'dataDir = "data"\nnetwork =')],
    "wrong-inputs/list-with-commas": [("Splice (features, features, axis = 3)",
                                       "Splice (features : features, axis = 3)")],
    "cycle/itself": [("options = { axis = axis }", "options = { end = axis }"), ("options.axis", "options.end")],
    "cycle/page": [("height = width", "height = 4")],
    "doubtful/nesterov": [("nesterov = true", "nesterov = true ; momentum = 0.9")],
    "doubtful/rate-below": [("1e-12", "1e-12 ; minLearningRatePerSample = 0")],
    "doubtful/ratio-in-every-sample": [
        ("ReduceSum (labels .* (z > 0)) / ReduceSum (z > 0)",
         'RatioOfSums {better = "larger"} (ReduceSum (labels .* (z > 0)), ReduceSum (z > 0))')],
    "doubtful/softmax-twice": [(" : Softmax)", ")")],
    "duplicate-name/page": [("conv = 3", "spare = 3")],
    "duplicate-name/step": [("a := Tanh", "b := Tanh")],
    "index/page": [("widths[2]", "widths[1]")],
    "not-a-layer/page": [("64 :\n", "(x => 64 * x) :\n")],
    "reader-shape/name": [('labelsInput = "label"', 'labelsInput = "labels"')],
    "schedule-unreachable/page": [("maxEpochs          = 20", "maxEpochs          = 31")],
    "shape-mismatch/two-criteria": [("LinearLayer {12}", "LinearLayer {10}")],
    "syntax/else-missing": [("then 2", "then 2 else 1")],
    "syntax/missing-layer-name": [('{labelDim, init', 'LinearLayer {labelDim, init')],
    "syntax/missing-value": [("labelDim =\n", "labelDim = 10\n")],
    "unknown-key/command": [("command = train\n", ""), ("deviceId = -1\n", "")],
    "unknown-key/randomize": [("classes = 10} ; randomize = false }", "classes = 10, randomize = false} }"),
                              (" ; shuffle = false", "")],
    "unknown-name/sample": [("reader =", 'dataDir = "data"\nreader ='), ('"mnist/', '"$dataDir$/')],
    "unknown-option/adam": [("Adam {lr = 0.1}", "Adam {}")],
    "unknown-option/transform": [("size = Crop {sideRatio = 0.8}\n", "")],
    "unused-name/page": [("    spare = 3\n", "    _spare = 3\n")],
    "wrong-inputs/computed-query": [("query / 10", "query")],
    "wrong-inputs/formula-of-a-set-metric": [("1 - Recall (labels, z)", "Recall (labels, z)")],
    "wrong-type/not-applied": [("z = model\n", "z = model (features)\n")],
    "wrong-type/page": [("sum = main + x", "sum = main (x) + x")],
    "wrong-type/policy": [("CosineDecay", "CosineDecay {0.1}")],
    "wrong-type/quoted-number": [("'0.05'", "0.05"), ('"0.05"', "0.05")],
}


#: Pages whose cure is outside of the file: data, the command line; tests/elaborate and tests/readers follow these.
OUTSIDE = {"evaluation-limit/recursion", "reader-file/page", "reader-shape/names", "override/blanks",
           "override/own-record", "override/page", "unknown-name/override", "no-criterion/page"}


def titles(found: tuple[Diagnostic, ...]) -> set[tuple[str, str]]:
    return {(d.code, d.title) for d in found}


def fixable() -> list[str]:
    found = []
    for name, path in CASES.items():
        if not path.with_suffix(".overrides").exists() and name not in FOLLOWED:
            source = Source(str(path.relative_to(ROOT)), path.read_text())
            if any(d.edits for d in examine(source).diagnostics):
                found.append(name)
    return found


def test_every_page_with_a_hint_is_followed() -> None:
    hinted = {name for name, path in CASES.items() if "\nHint: " in path.with_suffix(".txt").read_text()}
    assert sorted(hinted - set(fixable()) - set(FOLLOWED) - OUTSIDE) == []


@pytest.mark.parametrize("name", fixable())
def test_every_fix_works(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the edits of a page made, the page is gone."""
    monkeypatch.chdir(ROOT)
    source = Source(str(CASES[name].relative_to(ROOT)), CASES[name].read_text())
    before = [d for d in examine(source).diagnostics if d.edits]
    after = examine(Source(source.name, apply_fix(dict.fromkeys(e for d in before for e in d.edits), source)))
    assert not titles(tuple(before)) & titles(after.diagnostics)


@pytest.mark.parametrize("name", FOLLOWED)
def test_every_cure_that_is_followed_works(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    source = Source(str(CASES[name].relative_to(ROOT)), CASES[name].read_text())
    before, text = examine(source).diagnostics, source.text
    for old, new in FOLLOWED[name]:
        text = text.replace(old, new)
    assert text != source.text
    after = examine(Source(source.name, text))
    assert not titles(before) & titles(after.diagnostics), netdsl.Failure(after.diagnostics)

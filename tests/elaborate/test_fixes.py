"""The fixes of the evaluator's pages: with them the mistake is gone."""

from __future__ import annotations

import pytest

import netdsl
from netdsl.base.diagnostics import apply_fix
from netdsl.base.source import Source

FILE = """dataDir = "data"
network = {{
    features = Input {{28:28:1}} ; labels = Input {{10}}
    model = {model}
    path = "{path}"
    criterionNodes = CrossEntropyWithSoftmax (labels, model (features))
}}
"""


@pytest.mark.parametrize(("wrong", "right"), [
    ("Sequential (DenseLayer {64} : Dropout (0.5) : LinearLayer {10})",
     "Sequential (DenseLayer {64} : Dropout {0.5} : LinearLayer {10})"),
    ("Sequential (DenseLayer (64) : LinearLayer {10})", "Sequential (DenseLayer {64} : LinearLayer {10})"),
    ("Sequential (DenseLayer (64, bias = false) : LinearLayer {10})",
     "Sequential (DenseLayer {64, bias = false} : LinearLayer {10})"),
    ("Sequential [\n DenseLayer {64} : LinearLayer {10}]", "Sequential (\n DenseLayer {64} : LinearLayer {10})"),
    ("LinearLayer [10]", "LinearLayer {10}"), ("LinearLayer  [ 10 ]", "LinearLayer  { 10 }"),
    ("Sequential (ConvolutionalLayer {4, (3:3)} : MaxPoolingLayer [3:3] : LinearLayer {10})",
     "Sequential (ConvolutionalLayer {4, (3:3)} : MaxPoolingLayer {3:3} : LinearLayer {10})"),
])
def test_brackets_of_another_kind(wrong: str, right: str) -> None:
    source = Source("file.net", FILE.format(model=wrong, path=""))
    error, = netdsl.load(source).errors
    assert apply_fix(error.fix, source) == FILE.format(model=right, path="")
    assert not netdsl.load(Source("file.net", apply_fix(error.fix, source))).errors


@pytest.mark.parametrize(("wrong", "right"), [("{dataDir}/train", "$dataDir$/train"), ("a{dataDir}", "a$dataDir$")])
def test_a_name_in_braces_in_a_string(wrong: str, right: str) -> None:
    source = Source("file.net", FILE.format(model="LinearLayer {10}", path=wrong))
    warning, = (d for d in netdsl.load(source).diagnostics if d.code == "doubtful" and "string" in d.title)
    assert apply_fix(warning.fix, source) == FILE.format(model="LinearLayer {10}", path=right)


@pytest.mark.parametrize("path", ["{train}/x", "{0}", "{}", "{ dataDir }", "$dataDir$/{features.txt}"])
def test_other_braces_in_strings_are_left_alone(path: str) -> None:
    source = Source("file.net", FILE.format(model="LinearLayer {10}", path=path))
    assert not [d for d in netdsl.load(source).diagnostics if "string" in d.title]


def test_all_mistakes_of_a_list_at_once() -> None:
    model = "Sequential (Conv2d {1} : Foo : DenseLayer {a} : Linear {10})"
    source = Source("file.net", FILE.format(model=model, path=""))
    assert [d.primary.span.text for d in netdsl.load(source).errors] == ["Conv2d", "Foo", "a", "Linear"]

"""Networks in BrainScript: shapes and counts by CNTK's rules, the `.net` file that is written, messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from netdsl import compiler
from netdsl.api.importing import text_of_import
from netdsl.base.codes import Code
from netdsl.base.source import Source
from netdsl.compiler import CheckResult
from netdsl.describe.network_text import table, to_json

HERE = Path(__file__).parent / "brainscript"
CORPUS = sorted(path.stem for path in (HERE / "corpus").glob("*.cntk"))
CONSTRUCTS = sorted(path.stem for path in (HERE / "constructs").glob("*.cntk"))
#: A matrix that is multiplied with a flattened image: CNTK gives it the image's extents.
MATRICES = {("21_rank", "M")}


def plain(result: CheckResult) -> CheckResult:
    """A result that has no mistake but that its data are not there."""
    errors = [d for d in result.errors if d.code not in (Code.READER_FILE, Code.READER_SHAPE)]
    assert errors == []
    assert result.program is not None
    return result


def trimmed(dims: list[int]) -> list[int]:
    """Extents without those of 1 at the end: a constant of CNTK is a matrix of 1 x 1, ours one number."""
    while len(dims) > 1 and dims[-1] == 1:
        dims = dims[:-1]
    return dims


@pytest.mark.parametrize("name", CORPUS)
def test_shapes_and_counts_are_those_of_cntk(name: str) -> None:
    result = plain(compiler.load(HERE / "corpus" / f"{name}.cntk"))
    expected = next(iter(json.loads((HERE / "corpus" / "expected" / f"{name}.json").read_text()).values()))
    totals = to_json(result)["totals"]  # CNTK counts what is trained
    assert (totals["trainableParameters"], totals["trainableTensors"]) == (expected["parameters"], expected["tensors"])
    assert result.program is not None
    network, compared = {node.name: node for node in (*result.program.network, *result.unused)}, 0
    names = {**{name: name for name in network}, **result.program.aliases}
    for cntks, node in expected["nodes"].items():
        if cntks in names and (name, cntks) not in MATRICES:
            compared += 1
            shape = [int(extent) for extent in str(network[names[cntks]].shape).split(" x ")]
            assert trimmed(shape) == trimmed(node["shape"]), cntks
    assert compared >= 2
    special = result.program.special
    for group, ours in (("criterion", "criterionNodes"), ("output", "outputNodes")):
        wanted = expected["groups"].get(group, [])
        named = [names[name] for name in wanted if name in names]
        assert list(special.get(ours, ())[:1 if group == "criterion" else None]) \
            == (named[:1] if group == "criterion" else named) or len(named) < len(wanted)


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_a_construct_is_written_as_a_net_file(name: str, golden: Callable[[str, Path], None]) -> None:
    """Read again, it is the same network: `text_of_import` compares them."""
    path = HERE / "constructs" / f"{name}.cntk"
    text, _, _ = text_of_import(path, (), str(path.with_suffix(".net")))
    golden(text, path.with_suffix(".net"))


def test_precedences_are_those_of_brainscript() -> None:
    result = plain(compiler.load(HERE / "constructs" / "precedence.cntk"))
    assert result.program is not None
    shapes = {node.name: str(node.shape) for node in result.program.network}
    assert [shapes[f"p{i}"] for i in range(1, 11)] == [
        "36", "4", "64", "2", "3", "4 x 5", "3 x 6 x 3", "5", "1 x 2 x 3", "22"]


def test_a_default_is_made_once_for_all_uses() -> None:
    result = plain(compiler.load(HERE / "constructs" / "functions.cntk"))
    assert result.program is not None
    network = result.program.network
    assert {network[name].inputs[0].node for name in ("s1", "s2")} == {"SharedW"}
    assert str(network["r1"].shape) == "3 x 1"
    assert str(network["r2"].shape) == "1 x 2"


#: file -> code, place in the original, title
MISTAKES = {
    "broadcast": ("shape-mismatch", "1:69", "the two sides of `+` have different shapes"),
    "builder_not_a_record": ("syntax", "1:56", "the network is neither a record nor an expression"),
    "circular": ("cycle", "1:47", "a value is defined in a circle: a -> b -> a"),
    "config_unknown_variable": ("unknown-name", "2:69", "nothing defines `dim`"),
    "config_variable_of_itself": ("cycle", "1:12", "`deviceId` asks for its own value"),
    "duplicate": ("duplicate-name", "1:47", "the name `x` is defined twice"),
    "fail_said": ("failed", "1:104", "the file says: no such kind: tanh"),
    "kernel_too_large": ("filter-too-large", "1:78", "a filter of 3 x 3 does not fit on an input of 2 x 2"),
    "library_default_sees_no_parameter": (
        "not-supported", "2:51", "netdsl has no `BS.RNNs.RecurrentBidirectionalLSTMPStack` yet"),
    "name_unknown": ("unknown-name", "1:68", "there is no name called `features`"),
    "option_unknown": ("unknown-option", "1:85", "CNTK's `ConvolutionalLayer` has no option `padding`"),
    "parse_lambda_in_list": ("syntax", "1:81", "a function inside a list needs parentheses"),
    "parse_missing_else": ("syntax", "1:51", "this `if` has no `else`"),
    "shapes_do_not_fit": ("shape-mismatch", "1:76", "the two sides of `*` do not fit together"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_where_it_is(name: str) -> None:
    path = HERE / "errors" / f"{name}.cntk"
    errors = compiler.load(path).errors
    code, place, title = MISTAKES[name]
    assert (errors[0].code, str(errors[0].primary.span), errors[0].title) == (code, f"{path}:{place}", title)


#: body of a network -> what is said of it: code, marked text, title
REFUSED = [
    ("y = DenseLayer {5, Tanh} (x)", "wrong-arguments", "Tanh",
     "CNTK's `DenseLayer` takes 1 argument without a name, here are 2"),
    ("y = Clip (0, x)", "wrong-arguments", "Clip (0, x)", "CNTK's `Clip` takes 3 arguments without a name, here are 2"),
    ("y = Pass (x, tag = 'outputs')", "option-type", "tag = 'outputs'", "there is no tag `outputs`"),
    ("y = 1 + Pass (x, tag = 'output')", "not-supported", "tag = 'output'",
     "netdsl has no tags on nodes without a name"),
    ("y = ImageInput (3, 3, 1, imageLayout = 'HWC')", "not-supported", "imageLayout = 'HWC'",
     "netdsl has no `imageLayout = 'HWC'`"),
    ("y = Slice (0, 1, x, axis = -1)", "not-supported", "Slice (0, 1, x, axis = -1)",
     "netdsl has no `Slice` along time"),
    ("y = BS.Constants.Foo", "unknown-name", "Foo", "CNTK's `BS.Constants` has no `Foo`"),
    ("y = new ComputationNode [ operation = 'Foo' ; inputs = x ]", "not-supported", "'Foo'",
     "netdsl has no operation `Foo`"),
    ("y = new ComputationNode [ operation = 'Crop' ; inputs = (x : x : x : x) ]", "not-supported",
     "new ComputationNode [ operation = 'Crop' ; inputs = (x : x : x : x) ]", "netdsl has no `Crop` of 4 inputs"),
    ("y = new TrainAction [ a = 1 ]", "not-supported", "new TrainAction", "netdsl has no `new TrainAction`"),
    ("y = x with [ a = 1 ]", "not-supported", "with", "netdsl has no `with`, which joins two records"),
    ("y = Format (3, '.2f')", "not-supported", "Format (3, '.2f')", "netdsl has no `Format` with a format"),
    ("y = if useIt (1) then PastValue (0, x) else x ; useIt (n) = n > 0", "failed", "PastValue (0, x)",
     "the file says: netdsl has no `PastValue`: recurrence is not built yet"),
    ("list = 0:1 ; y = list[2]", "index", "2", "there is no element 2 in a list of 2"),
]


@pytest.mark.parametrize(("body", "code", "marked", "title"), REFUSED, ids=[body[:50] for body, *_ in REFUSED])
def test_what_cannot_be_read_is_told_by_its_name(body: str, code: str, marked: str, title: str) -> None:
    result = compiler.examine(Source("net.cntk", f"BrainScriptNetworkBuilder = {{ x = Input {{3}} ; {body} }}"))
    assert [(d.code, d.primary.span.text, d.title) for d in result.errors] == [(code, marked, title)]


#: body of a network -> titles of what is said although it is read
NOTED = [
    ("W = Parameter (3, 3, value = 2) ; y = W * x", ["CNTK does not read `value` without `init = 'fixedValue'`"]),
    ("y = Pass (x) ; OutputNodes = y", ["CNTK does not read `OutputNodes` as a list of nodes"]),
    ("y = Trace (x, say = 'x')", ["`Trace` has no effect"]),
    ("W = ParameterTensor {(3:3), initOnCPUOnly = true} ; y = W * x", ["`initOnCPUOnly` has no effect"]),
    ("y = SquareError (x, x) ; z = SquareError (x, 2 * x) ; criterionNodes = (y : z)",
     ["CNTK trains the first criterion alone"]),
    ("a = x ; b = Old (a) ; Old (v) = v + 1 ; Never (v) = PastValue (0, v) ; y = 3", []),
    ("c = false ; y = if c then BS.Sequences.Last (x) else x", []),
    ("y = if 1 == 2 || !true then BS.Sequences.Last (x) else x", []),
]


@pytest.mark.parametrize(("body", "titles"), NOTED, ids=[body[:50] for body, _ in NOTED])
def test_what_is_read_with_a_remark(body: str, titles: list[str]) -> None:
    result = compiler.examine(Source("net.cntk", f"BrainScriptNetworkBuilder = {{ x = Input {{3}} ; {body} }}"))
    assert [d.title for d in result.diagnostics] == titles


def test_nodes_that_nothing_needs_are_checked_and_shown() -> None:
    result = plain(compiler.load(HERE / "corpus" / "14_roots.cntk"))
    assert {node.name: str(node.shape) for node in result.unused} == {"side": "7"}
    assert "side" in table(result)
    wrong = compiler.examine(Source("net.cntk", """BrainScriptNetworkBuilder = {
        x = Input {3} ; side = Parameter (2, 4) * x ; y = LinearLayer {2} (x) ; outputNodes = y }"""))
    found = [(d.code, d.severity, d.primary.span.text) for d in wrong.diagnostics]
    assert found == [("shape-mismatch", "warning", "*")]

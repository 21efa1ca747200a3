"""Networks in BrainScript: shapes and counts by CNTK's rules, the `.net` file that is written, messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from netdsl import compiler
from netdsl.api.importing import text_of_import
from netdsl.base.codes import Code
from netdsl.compiler import CheckResult

HERE = Path(__file__).parent / "brainscript"
CORPUS = sorted(path.stem for path in (HERE / "corpus").glob("*.cntk"))
CONSTRUCTS = sorted(path.stem for path in (HERE / "constructs").glob("*.cntk"))
#: Numbers that CNTK does not count since no criterion needs them; netdsl counts what an output needs, too.
ONLY_FOR_OUTPUTS = {"19_transposed": (98, 2)}
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
    more, tensors = ONLY_FOR_OUTPUTS.get(name, (0, 0))
    counted = (result.totals.parameters - more, result.totals.parameter_tensors - tensors)
    assert counted == (expected["parameters"], expected["tensors"])
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

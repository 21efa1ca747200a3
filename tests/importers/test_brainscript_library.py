"""The table of CNTK's library: every row, its arguments, its defaults, and a use of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netdsl import compiler
from netdsl.base.source import Source
from netdsl.elaborate.builtins import BUILTINS
from netdsl.importers.cntk.brainscript.bs_library import LIBRARY, by_name
from netdsl.importers.cntk.brainscript.library_row import MEANINGLESS, Composed, LibraryRow, Missing, Same
from netdsl.layers import NAMES
from netdsl.layers.layer import Layer
from netdsl.syntax import ast

ROWS = [row for rows in LIBRARY.values() for row in rows]
SAME = [row for row in ROWS if isinstance(row, Same)]
OPERATIONS = Path(__file__).parent / "brainscript" / "operations.txt"
USES = [(use.strip(), shape.strip()) for use, _, shape in
        (line.partition("|") for line in OPERATIONS.read_text().splitlines() if re.match(r"[^#\s]", line))
        if "||" not in use]
AROUND = """BrainScriptNetworkBuilder = {{
    v = Input {{12}} ; w = Input {{12}} ; one = Input {{1}} ; gain = Input {{1}} ; query = Input {{1}}
    pic = Input {{6:4:2}} ; t = Input {{5}}
    scale = ParameterTensor {{(0:1), initValue = 1}} ; bias = ParameterTensor {{(0:1), initValue = 0}}
    mean = ParameterTensor {{(0:1), initValue = 0, learningRateMultiplier = 0}}
    variance = ParameterTensor {{(0:1), initValue = 1, learningRateMultiplier = 0}}
    used = BatchNormalization (pic, scale, bias, mean, variance, spatial = true)
    y = {use}
    outputNodes = y
}}"""


def name_of(row: LibraryRow) -> str:
    return row.name


@pytest.mark.parametrize(("use", "shape"), USES, ids=lambda text: text[:60])
def test_a_use_of_a_library_function_gives_cntks_shape(use: str, shape: str) -> None:
    result = compiler.examine(Source("use.cntk", AROUND.format(use=use)))
    assert not result.errors, "\n".join(str(d) for d in result.errors)
    assert result.program is not None
    network = result.program.network
    node = network[result.program.special["outputNodes"][0]]
    assert str(node.shape) == shape


def test_every_name_that_netdsl_has_is_used_once() -> None:
    text = "\n".join(use for use, _ in USES)
    used = set(re.findall(r"[A-Za-z_][\w.]*", text))
    have = {row.name for row in ROWS if not isinstance(row, Missing)}
    assert sorted(name for name in have if name not in used and name.rpartition(".")[2] not in used) == []


def test_no_name_has_two_rows() -> None:
    assert len(by_name()) == len(ROWS)


@pytest.mark.parametrize("row", SAME, ids=name_of)
def test_a_row_of_ours_has_cntks_parameters_and_defaults(row: Same) -> None:
    ours = NAMES.get(row.our_name)
    builtin = next((b for b in BUILTINS if b.name == row.our_name), None)
    if ours is None:
        assert builtin is not None, f"netdsl has no {row.our_name}"
        assert [row.our_parameter(p) for p in row.positional] == list(builtin.parameters)[: len(row.positional)]
        return
    assert issubclass(ours, Layer)
    inputs = {name.removesuffix("...") for name in ours.inputs}
    for name in row.positional:
        assert row.our_parameter(name) in inputs or ours.option(row.our_parameter(name)) is not None
    for name, default in row.optional.items():
        if name in MEANINGLESS or name == "disableRegularization" or row.our_parameter(name) in inputs:
            continue
        option = ours.option(row.our_parameter(name))
        assert option is not None, f"{row.our_name} has no option {name}"
        if name not in row.written:
            assert plain(default) == only(option.default), name


def plain(e: ast.Expression) -> object:
    """A default of CNTK's as ours are: `None`, and the function that gives its argument back, are nothing."""
    if isinstance(e, ast.Number | ast.Boolean):
        return e.value
    if isinstance(e, ast.String):
        return "".join(str(part) for part in e.parts)
    if isinstance(e, ast.Parentheses):
        return plain(e.value)
    if isinstance(e, ast.Unary):
        assert isinstance(e.operand, ast.Number)
        return -e.operand.value
    assert isinstance(e, ast.Function) or (isinstance(e, ast.Name) and e.text == "None")
    return None


def only(value: object) -> object:
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


@pytest.mark.parametrize("row", [row for row in ROWS if isinstance(row, Composed)], ids=name_of)
def test_a_definition_takes_cntks_parameters(row: Composed) -> None:
    wanted = (*row.positional, *row.optional)
    given = row.members[-1].groups[0]
    assert len(given) == len(wanted)
    for name in row.optional:  # those are given by name
        assert name in [p.name.text for p in given]


@pytest.mark.parametrize("row", [row for row in ROWS if isinstance(row, Missing)], ids=name_of)
def test_what_is_missing_is_refused_by_its_name(row: Missing) -> None:
    bracket, close = ("{", "}") if row.signature.endswith("}") else ("(", ")")
    use = row.name + bracket + ", ".join("v" for _ in row.positional) + close
    result = compiler.examine(Source("use.cntk", AROUND.format(use=use)))
    assert [(d.code, d.title) for d in result.errors] == [("not-supported", f"netdsl has no `{row.name}` yet")]
    assert result.errors[0].primary.span.text == use


def test_every_row_says_what_became_of_it() -> None:
    for row in ROWS:
        assert row.state in ("same", "mended", "not supported")
        assert row.state == "same" or row.how, row.name

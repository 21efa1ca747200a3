"""NDL, MEL and SimpleNetworkBuilder: what is written as a `.net` file, that it is the same network, and the pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from netdsl.base.codes import Code
from netdsl.base.diagnostics import Diagnostic
from netdsl.base.failure import Failure
from netdsl.base.render import render_all
from netdsl.base.source import Files, Source
from netdsl.compiler import CheckResult, examine, load, read_module, read_source
from netdsl.importers.cntk.ndl.mel import read_edits
from netdsl.importers.cntk.ndl.ndl_functions import FUNCTIONS, MISSING, function_of
from netdsl.importers.mapped_text import MappedText
from netdsl.ir.network import totals
from netdsl.ir.program import CheckedProgram
from netdsl.syntax.format.printer import format_module

#: What the fixture `golden` is.
Golden = Callable[[str, Path], None]

HERE = Path(__file__).parent / "ndl"
FOLDER = Path("tests/importers/ndl")
FILES = sorted(path.name for path in HERE.iterdir()
               if path.suffix in (".ndl", ".cntk") and "macros" not in path.name and path.name != "described.ndl")
SHARED = Path(__file__).parents[3] / "shared" / "legacy-corpus"


def examined(name: str) -> CheckResult:
    return load(str(HERE / name))


def written(name: str) -> str:
    source = read_source(str(HERE / name), Files())
    return format_module(read_module(source).module, source)


def pages(diagnostics: tuple[Diagnostic, ...]) -> str:
    return re.sub(r"(--> | in )\S*/", r"\1", render_all(diagnostics))


@pytest.mark.parametrize("name", FILES)
def test_file_is_written_as_a_net_file(name: str, golden: Golden) -> None:
    golden(written(name), FOLDER / "written" / f"{name.replace('.', '_')}.net")


@pytest.mark.parametrize("name", FILES)
def test_written_file_is_the_same_network(name: str) -> None:
    first = examined(name).require_network()
    again = examine(Source("again.net", written(name))).require_network()
    assert _nodes(first) == _nodes(again)
    assert dict(first.special) == dict(again.special)


def _nodes(program: CheckedProgram) -> list[object]:
    return [(node.name, node.layer, node.shape, [use.node for use in node.inputs]) for node in program.network]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".ndl")])
def test_notes(name: str, golden: Golden) -> None:
    golden(pages(examined(name).diagnostics) + "\n", FOLDER / "written" / f"{name.replace('.', '_')}.notes")


def cases() -> dict[str, str]:
    parts = re.split(r"^=== (.*)\n", (HERE / "pages" / "cases.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("title", cases())
def test_page(title: str, golden: Golden) -> None:
    result = examine(Source("network.ndl", cases()[title]))
    assert result.errors
    assert all(d.primary.span.source.name == "network.ndl" for d in result.errors)
    golden(pages(result.errors) + "\n", FOLDER / "pages" / f"{title.replace(' ', '_')}.page")


# --- values that a reading of CNTK's sources or logs gives -----------------------------------------


@pytest.mark.parametrize(("name", "parameters", "tensors"), [
    ("forms.ndl", 5 * 6 + 5 + 4 * 5 + 4 + 3 * 4 + 3, 6),  # the frozen bias does not count
    ("in_place.ndl", 4 * 6 + 4 * 4, 2),
    ("images.ndl", 4 * 50 + 4 + 2 * 4 + 6 * 36 + 5 * 6 + 2 * 5, 8),
    ("stack.cntk", 8 * 6 + 6 + 6 * 6 + 6 + 6 * 3 + 3, 6),
    ("stack_linear.cntk", 8 * 3 + 3, 2),
    ("from_config.cntk", 5 * 4 + 3 * 5, 2),
])
def test_counts(name: str, parameters: int, tensors: int) -> None:
    program = examined(name).require_network()
    found = totals(program.network)
    assert (found.parameters, found.parameter_tensors) == (parameters, tensors)


def test_names_are_those_of_cntk() -> None:
    """A macro's nodes are called by the path of the calls, and a result by the statement that makes it."""
    program = examined("forms.ndl").require_network()
    assert {"h1.B", "h1.W", "h1.FF.T", "h1.FF.P", "out.Scores.FF.P", "h2"} <= set(program.network.names)
    assert (program.criteria, program.metrics, program.outputs) == (("ce",), ("err", "top2"), ("z",))
    assert [node.name for node in program.network if node.layer.is_input] == ["features", "labels"]


def test_macro_that_two_files_define_alike() -> None:
    text = ("Twice(a) = Plus(a, a)\nTwice(a)  = Plus(a, a)\nx = Input(3, tag = feature)\nz = Twice(x)\n"
            "OutputNodes = (z)\n")
    assert "z" in examine(Source("twice.ndl", text)).require_network().network


def test_names_that_mean_something_else_here() -> None:
    text = ("1x1(a, if) = [ budget = Plus(a, if) ; array = Tanh(budget) ]\nx = Input(3, tag = feature)\n"
            "then-2 = 1x1(x, x)\nParameterTensor = Sigmoid(then-2)\nw = Parameter(2, 3)\n"
            "out = Times(w, ParameterTensor)\nOutputNodes = (out)\n")
    program = examine(Source("names.ndl", text)).require_network()
    assert set(program.network.names) == {"x", "then_2.budget_", "then_2.array_", "ParameterTensor_", "w", "out"}


def test_tags_inside_macros_name_what_each_call_makes() -> None:
    program = examined("in_place.ndl").require_network()
    assert (program.criteria, program.metrics) == (("both.ce",), ("both.err",))


def test_weights_of_every_position() -> None:
    """`sharing = false`: a filter for each output; 05_ConvLocal of CNTK's examples counts them the same way."""
    text = ("x = ImageInput(7, 7, 4, imageLayout = cudnn, tag = feature)\nW = Parameter(294, 36)\n"
            "y = Convolution(W, x, {3, 3, 4}, mapCount = 6, stride = {1, 1, 4}, sharing = {false, false, false})\n"
            "OutputNodes = (y)\n")
    program = examine(Source("local.ndl", text)).require_network()
    assert program.network["y"].shape.file_dims == (7, 7, 6)
    assert totals(program.network).parameters == 7 * 7 * 6 * 3 * 3 * 4


def test_only_the_first_criterion_is_trained() -> None:
    program = examined("channels_first.ndl").require_network()
    assert program.criteria == ("ce",)
    assert "second" in program.metrics


def test_bare_file_takes_variables_and_macros_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "net.ndl").write_text("x = ImageInput(4, 4, $C$, imageLayout = $imageLayout$)\nz = Twice(x)\n"
                                      "OutputNodes = (z)\n")
    (tmp_path / "m.ndl").write_text("Twice(a) = Plus(a, a)\n")
    program = load(str(tmp_path / "net.ndl"), ["C=3", f"ndlMacros={tmp_path / 'm.ndl'}"]).require_network()
    assert program.network["z"].shape.file_dims == (4, 4, 3)


def test_configuration_says_that_its_edit_is_not_done() -> None:
    found = [d for d in examined("edited.cntk").diagnostics if "MEL" in d.title]
    assert [d.is_error for d in found] == [False]
    assert "adds `best`" in found[0].body[0]
    assert "renames `H1`" in found[0].body[0]


def test_edits_of_a_mel_file() -> None:
    edits = read_edits(MappedText.whole(Source("a.mel", (HERE / "add_metric.mel").read_text(encoding="utf-8"))))
    assert edits.models == ("$CurModel$",)
    assert edits.nodes == {"renames": ["H1"], "adds": ["best"], "changes inputs of": ["HLast.*.T"],
                           "removes": ["PlusArgs[0]"]}


def test_mel_file_by_itself_is_refused() -> None:
    result = load(str(HERE / "add_metric.mel"))
    assert [d.code for d in result.errors] == [Code.NOT_SUPPORTED]


def test_unknown_command_of_mel() -> None:
    with pytest.raises(Failure) as raised:
        read_edits(MappedText.whole(Source("a.mel", "Renam(a, b)")))
    assert "did you mean `Rename`" in str(raised.value)


@pytest.mark.parametrize(("keys", "says"), [
    ("layerSizes = 4:2 ; trainingCriterion = classCrossEntropyWithSoftmax ; evalCriterion = SquareError",
     "class-based cross-entropy"),
    ("layerSizes = 4:2 ; trainingCriterion = SquareError ; evalCriterion = SquareError ; rnnType = CLASSLSTM",
     "class-based LSTM language model"),
    ("layerSizes = 4 ; trainingCriterion = SquareError ; evalCriterion = SquareError", "at least two sizes"),
    ("layerSizes = 4:2 ; evalCriterion = SquareError", "has no `trainingCriterion`"),
    ("layerSizes = 4:0:2 ; trainingCriterion = SquareError ; evalCriterion = SquareError", "`0` is no size"),
    ("layerSizes = 4:3:2 ; layerTypes = Sigmoit ; trainingCriterion = SquareError ; evalCriterion = SquareError",
     "there is no layer type `Sigmoit`"),
    ("layerSizes = 4:2 ; trainingCriterion = ErrorPrediction ; evalCriterion = SquareError",
     "is no trainingCriterion"),
])
def test_stack_that_cannot_be(keys: str, says: str) -> None:
    text = f"command = fit ; fit = [ action = train ; SimpleNetworkBuilder = [ {keys} ] ; SGD = [ maxEpochs = 1 ] ]"
    result = examine(Source("stack.cntk", text))
    assert says in render_all(result.errors)
    assert all(d.primary.span.source.name == "stack.cntk" for d in result.errors)


def test_key_of_a_stack_that_there_is_not() -> None:
    text = ("command = fit ; fit = [ action = train ; SimpleNetworkBuilder = [ layerSizes = 4:2 ; layerType = Tanh\n"
            "trainingCriterion = SquareError ; evalCriterion = SquareError ; vocabSize = 9 ]\n"
            "SGD = [ maxEpochs = 1 ] ]")
    found = render_all(examine(Source("stack.cntk", text)).diagnostics)
    assert "`layerType` is no key of SimpleNetworkBuilder, and is not read" in found
    assert "did you mean `layerTypes`?" in found
    assert "`vocabSize`: CNTK reads it for recurrent and class-based networks only." in found


def test_every_function_is_one_of_netdsl_or_missing() -> None:
    """The table names each function once, in whatever case."""
    names = [name.lower() for row in FUNCTIONS for name in (row.name, *row.aliases)]
    names += [name.lower() for name in MISSING]
    doubled = {name for name in names if names.count(name) > 1}
    assert doubled <= {"relu"}  # the row and its own alias
    assert function_of("RECTIFIEDLINEAR") is function_of("relu")
    assert function_of("relu") is not None


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/legacy-corpus")
@pytest.mark.parametrize("name", ["33_simple_builder", "34_ndl"])
def test_legacy_corpus(name: str) -> None:
    """Shapes and counts that CNTK's rules give. Names of the file have to be the same; others by their shapes."""
    import json

    program = load(str(SHARED / f"{name}.cntk")).require_network()
    expected = json.loads((SHARED / "expected" / f"{name}.json").read_text(encoding="utf-8"))["fit"]
    found = totals(program.network)
    assert (found.parameters, found.parameter_tensors) == (expected["parameters"], expected["tensors"])
    shapes = {node.name: _trimmed(node.shape.file_dims) for node in program.network}
    for node, facts in expected["nodes"].items():
        if node in shapes and facts["op"] != "LearnableParameter":
            assert shapes[node] == _trimmed(facts["shape"]), node
    named = [node for node in expected["nodes"] if "unnamed" not in node and "*" not in node]
    assert len([node for node in named if node in shapes]) >= len(named) - 2


def _trimmed(dims: Sequence[int]) -> list[int]:
    """Without the 1s at the end, which CNTK's matrices of one column have."""
    kept = list(dims)
    while len(kept) > 1 and kept[-1] == 1:
        kept.pop()
    return kept

"""CNTK's configurations: sections, keys and variables, the plan, readers and actions; what is written; the pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from netdsl.base.codes import Code
from netdsl.base.diagnostics import Diagnostic
from netdsl.base.failure import Failure
from netdsl.base.render import render_all
from netdsl.base.source import Files, Source
from netdsl.cli.fmt import fmt
from netdsl.compiler import CheckResult, examine, load, read_module, read_source
from netdsl.data.choose import choose_data
from netdsl.elaborate.overrides import is_override
from netdsl.importers.cntk.config_files import joined_files
from netdsl.importers.cntk.config_keys import ADJUST_KEYS, SGD_KEYS, TABLES, State
from netdsl.importers.cntk.config_section import Section, items_of
from netdsl.importers.cntk.config_values import boolean_of, read_number
from netdsl.importers.mapped_text import MappedText
from netdsl.ir.network import totals
from netdsl.ir.program import Phase
from netdsl.optimizers.block import AutoAdjust, TrainingBlock
from netdsl.readers.formats.csvfile import CSV
from netdsl.readers.formats.mapfile import MapFile
from netdsl.runs.store import file_of
from netdsl.syntax.format.printer import format_module

#: What the fixture `golden` is.
Golden = Callable[[str, Path], None]

HERE = Path(__file__).parent / "config"
FOLDER = Path("tests/importers/config")
PARTS = ("07_included.cntk", "07_part_a.cntk", "07_part_b.cntk")
FILES = sorted(path.name for path in (HERE / "files").iterdir() if path.name not in PARTS)
JOINED = "+".join(str(HERE / "files" / name) for name in PARTS[1:])


def examined(name: str, *overrides: str) -> CheckResult:
    return load(str(HERE / "files" / name), overrides)


def pages(diagnostics: tuple[Diagnostic, ...]) -> str:
    return re.sub(r"(--> | in )\S*/", r"\1", render_all(diagnostics))


def section(text: str, *more: str) -> Section:
    """The top of a configuration with these texts, the later ones as on the command line."""
    return Section("", joined_files(Source("net.cntk", text), Files(), more)[0])


def whole(text: str) -> MappedText:
    return MappedText.whole(Source("value", text))


def keys(name: str, *overrides: str) -> dict[str, str]:
    """What the plan of a file says otherwise than by default."""
    plan = examined(name, *overrides).require_network().plan
    assert plan is not None
    return plan.keys


# --- what is written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_file_is_written_as_a_net_file(name: str, golden: Golden) -> None:
    source = read_source(str(HERE / "files" / name), Files())
    golden(format_module(read_module(source).module, source), FOLDER / "written" / f"{name.replace('.', '_')}.net")


@pytest.mark.parametrize("name", FILES)
def test_written_file_means_the_same(name: str) -> None:
    source = read_source(str(HERE / "files" / name), Files())
    first = examine(source).require_network()
    again = examine(Source("again.net", format_module(read_module(source).module, source))).require_network()
    assert [(n.name, n.layer, n.shape) for n in first.network] == [(n.name, n.layer, n.shape) for n in again.network]
    assert (first.plan.keys if first.plan else {}) == (again.plan.keys if again.plan else {})
    assert {p: r.show() for p, r in first.readers.items()} == {p: r.show() for p, r in again.readers.items()}


@pytest.mark.parametrize("name", FILES)
def test_notes(name: str, golden: Golden) -> None:
    """Notes and warnings; those of data that are missing name folders, and are left out."""
    found = tuple(d for d in examined(name).diagnostics if d.code != Code.READER_FILE)
    golden(pages(found) + "\n", FOLDER / "written" / f"{name.replace('.', '_')}.notes")


def cases() -> dict[str, str]:
    parts = re.split(r"^=== (.*)\n", (HERE / "pages" / "cases.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("title", cases())
def test_page(title: str, golden: Golden) -> None:
    result = examine(Source("net.cntk", cases()[title]))
    assert result.errors
    assert all(d.primary.span.source.name == "net.cntk" for d in result.errors)
    golden(pages(result.errors) + "\n", FOLDER / "pages" / f"{title.replace(' ', '_')}.page")


def written(text: str) -> str:
    source = Source("net.cntk", text)
    return format_module(read_module(source).module, source)


NETWORK = "x = Input {2} ; t = Input {1} ; criterionNodes = SquareError (t, LinearLayer {1} (x))"


def test_network_begins_on_the_line_of_its_name() -> None:
    text = written(f"a = 1\nBrainScriptNetworkBuilder = (\n  new ComputationNetwork {{ {NETWORK} }}\n)\n")
    assert text.startswith("network = {")


def test_comments_of_what_is_left_out_are_left_out() -> None:
    text = written(f"""# the first lines of a file stay
command = fit:put:look    # not this one

# this stays
fit = {{
    action = "train"      # nor this
    BrainScriptNetworkBuilder = {{ {NETWORK} }}    # and this
}}
# of what writes,
# two lines
put = {{
    action = "write"      # inside
    outputPath = "a"      # inside
}} # behind
# not run
more = {{ action = "test" }}
look = {{ action = "plot" }}

# at the end
""")
    assert [line.split("#")[1].strip() for line in text.splitlines() if "#" in line] == [
        "the first lines of a file stay", "this stays", "and this", "at the end"]


def test_joined_readers_stand_under_each_other(tmp_path: Path) -> None:
    text = written(f"""BrainScriptNetworkBuilder = {{ {NETWORK} }}
reader = {{ deserializers = ({{
    type = "CNTKTextFormatDeserializer" ; file = "a.ctf"
    input = {{ x = {{ dim = 2 }} }}
}} : {{
    type = "CNTKTextFormatDeserializer" ; file = "b.ctf"
    input = {{ t = {{ dim = 1 }} }}
}}) }}
""")
    first, second = (next(line for line in text.splitlines() if name in line) for name in ("a.ctf", "b.ctf"))
    assert first.index("CNTKText {") == second.index("CNTKText {")


def test_input_that_another_one_has_is_not_proposed() -> None:
    result = examine(Source("net.cntk", """BrainScriptNetworkBuilder = {
x = Input {2} ; t = Input {1} ; criterionNodes = SquareError (t, LinearLayer {1} (x)) }
reader = { readerType = "CNTKTextFormatReader" ; file = "a.ctf" ; input = { x = { dim = 2 } ; tt = { dim = 1 } } }
"""))
    found = next(d for d in result.errors if "delivers nothing" in d.title)
    assert found.related[0].text == "did you mean `tt`?"


# --- sections (the rules are those of CNTK's Config.h) ------------------------------------------------------


def test_separators_and_a_key_alone() -> None:
    top = section("a=1, b = 2 ; c\nd [ x = 3 ] ; E { y=4 }")
    assert top.names() == ["a", "b", "c", "d", "E"]
    assert [top.string(key) for key in "ABC"] == ["1", "2", "true"]
    d, e = top.section("d"), top.section("e")
    assert d is not None
    assert e is not None
    assert d.string("x") == "3"
    assert e.string("Y") == "4"


def test_comments() -> None:
    top = section("# all of it\n  # this too\na = x#b   # kept, since the first # has no blank before it\n"
                  "b = 1 # gone\n// c = 2")
    assert top.string("a") == "x#b   # kept"
    assert top.string("b") == "1"
    assert "c" not in top


def test_same_key_again() -> None:
    assert section("a = [ x = 1 ; y = 2 ]\na = [ y = 3 ]").section("a").names() == ["x", "y"]  # type: ignore[union-attr]
    merged = section("a = { x = 1 ; y = 2 }", "A=[y=3]").section("a")
    assert merged is not None
    assert merged.string("x") == "1"
    assert merged.string("y") == "3"
    replaced = section("a = [ x = 1 ]\na = { y = 3 }").section("a")
    assert replaced is not None
    assert replaced.names() == ["y"]
    assert section("a = 1\na = 2").string("a") == "2"


def test_values_climb_and_default_is_none() -> None:
    top = section('n = 5 ; a = [ b = [ m = 1 ] ; m = 2 ] ; c = [ n = "default" ]')
    a = top.section("a")
    b = a.section("b") if a is not None else None
    c = top.section("c")
    assert b is not None
    assert c is not None
    assert (b.string("N"), b.string("m"), b.own("n")) == ("5", "1", None)
    assert c.value("n") is None
    assert c.number("n") is None


def test_variables_are_text() -> None:
    top = section('Root = ".." ; data = "$root$/x" ; n = 4 ; two = $n$2 ; name = a$n$b ; price = "5$" ; odd = $1 ; '
                  's = "$no no$"')
    assert [top.string(key) for key in ("data", "two", "name", "price", "odd", "s")] == [
        "../x", "42", "a4b", "5$", "$1", "$no no$"]


def test_variable_is_replaced_from_the_outside() -> None:
    """By a log of CNTK (ParallelTraining/AsynchronousSGD): the outer 12, not the 0 beside it."""
    top = section("epochSize = 12 ; "
                  "a = [ SGD = [ epochSize = 0 ; maxEpochs = $epochsize$ ; inner = $own$ ; own = 3 ] ]")
    a = top.section("a")
    sgd = a.section("SGD") if a is not None else None
    assert sgd is not None
    assert (sgd.number("maxEpochs"), sgd.number("inner"), sgd.number("epochSize")) == (12, 3, 0)


def test_variable_of_itself_is_an_error_only_where_it_is_read() -> None:
    top = section("deviceId = $DeviceId$ ; a = [ deviceId = $DeviceId$ ]", "a=[x=1]")
    assert top.section("a") is not None
    with pytest.raises(Failure, match="asks for its own value"):
        top.string("deviceId")
    outer = section("a = [ deviceId = $DeviceId$ ]", "DeviceId=-1").section("a")
    assert outer is not None
    assert outer.string("deviceId") == "-1"


def test_variable_of_a_path_may_be_unknown() -> None:
    top = section('f = "$DataDir$/a.txt" ; dir = $RunDir$ ; n = $DataDir$')
    assert top.string("f") == "./a.txt"
    assert top.string("dir") == "."
    with pytest.raises(Failure, match="nothing defines `DataDir`"):
        top.string("n")


@pytest.mark.parametrize(("text", "values"), [
    ("0.1*2:0.05", ["0.1", "0.1", "0.05"]), ("(;a;b:c)", ["a", "b:c"]), ("(../a:./b)", ["../a", "./b"]),
    ("(-1:2)", ["-1", "2"]), ("(.5:.25)", [".5", ".25"]), ("({a=1}:{a=2})", ["{a=1}", "{a=2}"]),
    ('"a:b":c', ["a:b", "c"]), ("a", ["a"]), ("( )", []),
])
def test_lists(text: str, values: list[str]) -> None:
    assert [item.value.text for item in items_of(whole(text)) for _ in range(item.count)] == values


@pytest.mark.parametrize(("text", "value"), [
    ("1#INF", float("inf")), ("-1#INF", float("-inf")), ("1e-4", 1e-4), (".5", 0.5), ("3.", 3.0), ("x", None),
    ("1.2.3", None), ("", None)])
def test_numbers(text: str, value: float | None) -> None:
    assert read_number(text) == value


def test_booleans() -> None:
    assert all(boolean_of(whole(text), "k") for text in ("t", "true", "T", "True", "TRUE", "1"))
    assert not any(boolean_of(whole(text), "k") for text in ("f", "false", "F", "False", "FALSE", "0", ""))


def test_places_are_those_of_the_file() -> None:
    top = section("n = 4\na = [ x = pre$n$post ; y = 2 ]")
    a = top.section("a")
    assert a is not None
    x = a.own("x")
    assert x is not None
    assert x.span(0, 3).text == "pre"
    assert x.span(3, 4).text == "$n$"
    assert (a.key_span("y").line, a.value_span("y").text) == (2, "2")


# --- files and command lines --------------------------------------------------------------------------------


def test_files_are_joined_and_included() -> None:
    checked = load(JOINED)
    program = checked.require_network()
    assert totals(program.network).parameters == 2
    assert program.plan is not None
    assert (program.plan.block.max_epochs, program.plan.minibatch_size) == (4, 12)


def test_overrides_in_both_forms() -> None:
    assert keys("digits.cntk", "Train=[SGD=[maxEpochs=1]]")["maxEpochs"] == "1"
    assert keys("digits.cntk", "SGD.maxEpochs=2")["maxEpochs"] == "2"
    program = examined("digits.cntk", "hidden=7", "DataDir=/x").require_network()
    assert totals(program.network).parameters == 784 * 7 + 7 + 7 * 10 + 10
    assert program.readers[Phase.TRAIN].sources() == ("/x/Train-28x28.txt",)


def test_override_may_name_the_section_with_dots() -> None:
    for path in ("Fit.SGD.maxEpochs=3", "fit.sgd.maxEpochs=3", "SGD.maxEpochs=3", "Fit=[SGD=[maxEpochs=3]]"):
        result = examined("39_actions.cntk", path)
        plan = result.require_network().plan
        assert plan is not None
        assert plan.keys["maxEpochs"] == "3"


def test_builder_that_is_not_read_is_told() -> None:
    result = examine(Source("net.cntk", f"""
SimpleNetworkBuilder = [ layerSizes = 3:2 ; trainingCriterion = SquareError ; evalCriterion = SquareError ]
BrainScriptNetworkBuilder = {{ {NETWORK} }}
"""))
    assert not result.errors
    assert [d.title for d in result.diagnostics if "not read" in d.title] == [
        "`BrainScriptNetworkBuilder` is not read: the section has a `SimpleNetworkBuilder` as well"]


def test_section_is_chosen_on_the_command_line() -> None:
    assert keys("two_trainings.cntk")["maxEpochs"] == "4"
    chosen = keys("two_trainings.cntk", "command=Second:Again")
    assert (chosen["maxEpochs"], chosen.get("minibatchSize")) == ("1", None)  # "default" does not climb
    again = examined("two_trainings.cntk", "command=Second:Again").require_network()
    assert again.readers[Phase.TEST].sources() == ("c.ctf",)


def test_command_line_of_cntk_names_the_file() -> None:
    assert file_of("configFile=a.cntk") == file_of("ConfigFile=a.cntk") == "a.cntk"
    assert is_override("Train=[SGD=[maxEpochs=1]]")
    assert is_override("DataDir=/x")
    assert not is_override("configFile=a.cntk")


def test_command_line_that_nothing_reads() -> None:
    found = [d.title for d in examined("digits.cntk", "maxEpohcs=3", "traceLevel=2").diagnostics]
    assert "nothing reads `maxEpohcs`" in found
    assert "nothing reads `traceLevel`" not in found
    (wrong,) = examined("digits.cntk", "Trian=[SGD=[maxEpochs=1]]").errors
    assert (wrong.code, wrong.primary.text) == (Code.OVERRIDE, "did you mean `Train`?")


def test_configuration_is_not_formatted(tmp_path: Path) -> None:
    """Its text may well parse as ours, and would then be written over."""
    text = (HERE / "files" / "digits.cntk").read_text()
    (tmp_path / "a.cntk").write_text(text)
    with pytest.raises(Failure, match=r"only `\.net` files are formatted"):
        fmt.main([str(tmp_path / "a.cntk")], standalone_mode=False)
    assert (tmp_path / "a.cntk").read_text() == text


def test_picture_called_cntk(tmp_path: Path) -> None:
    (tmp_path / "a.cntk").write_bytes(b"BM\xff\xfe\x00\x00")
    with pytest.raises(Failure, match="it is a picture"):
        load(str(tmp_path / "a.cntk"))


# --- the plan -----------------------------------------------------------------------------------------------


def test_schedules_and_names() -> None:
    found = keys("38_sgd_keys.cntk")
    assert found["minibatchSize"] == "16*3:32"
    assert found["learningRatesPerMB"] == "0.4*2:0.2*3:0.1"
    assert found["momentumPerMB"] == "0:0.9"
    assert found["useNAG"] == found["keepCheckPointFiles"] == "true"
    assert found["numMBsToShowResult"] == "50"
    assert "clippingThresholdPerSample" not in found
    assert "minLearningRatePerSample" not in found


def test_momentum_is_cntks_default() -> None:
    plan = examined("39_actions.cntk").require_network().plan
    assert plan is not None
    assert plan.momentum is not None
    assert plan.momentum_unit == "per minibatch"
    assert plan.momentum.at(plan.progress(0)) == 0.9


def test_name_of_a_key_is_not_taken_for_a_variable() -> None:
    """Inside SGD `epochs` and `epochSize` would mean the block's own keys."""
    found = examined("two_trainings.cntk").require_network()
    assert found.plan is not None
    assert found.plan.block.epoch_size == 50


@pytest.mark.parametrize(("table", "row"), [(SGD_KEYS, TrainingBlock), (ADJUST_KEYS, AutoAdjust)])
def test_same_keys_are_keys_of_ours(table: object, row: type) -> None:
    same = {key.name for key in table.keys.values() if key.state is State.SAME}  # type: ignore[attr-defined]
    assert same - {option.name for option in row.options()} == set()  # type: ignore[attr-defined]


def test_every_key_says_what_becomes_of_it() -> None:
    assert [key.name for table in TABLES for key in table.keys.values() if key.state is not State.SAME and not key.says
            ] == []


# --- readers and actions ------------------------------------------------------------------------------------


def test_images_are_read_as_cntk_does() -> None:
    readers = examined("37_image_reader.cntk").require_network().readers
    assert all(reader.color_order_of("features") == "BGR" for reader in readers.values())
    train, validation = readers[Phase.TRAIN], readers[Phase.VALIDATION]
    assert isinstance(train, MapFile)
    assert isinstance(validation, MapFile)
    assert [step.show() for step in train.transforms] == [
        'Crop {cropType = "randomSide", sideRatio = (0.7:1), jitterType = "uniRatio"}', "Scale {(20:16:3)}",
        "Color {brightnessRadius = 0.2, contrastRadius = 0.2, saturationRadius = 0.4}",
        'Mean {meanFile = "data/images/mean.xml"}']
    assert [type(step).__name__ for step in validation.transforms] == ["Crop", "Scale", "Mean"]


def test_order_of_the_data_is_kept_where_the_file_says_so() -> None:
    readers = examined("03_brackets_and_case.cntk").require_network().readers
    assert not readers[Phase.TRAIN].randomize
    assert examined("39_actions.cntk").require_network().readers[Phase.TRAIN].randomize


def test_table_reader() -> None:
    readers = examined("table.cntk").require_network().readers
    train, test = readers[Phase.TRAIN], readers[Phase.TEST]
    assert isinstance(train, CSV)
    assert isinstance(test, CSV)
    assert (train.columns, train.labels, train.separator, train.randomize) == ((1, 2, 3, 4), (0,), "blanks", False)
    assert (test.columns, test.labels, test.targets) == ((0, 1, 2, 3), (4, 5, 6), "numbers")


def test_table_between_any_blanks(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("  1 \t 2   0 \n3\t4 1\n")
    data = CSV(file=str(tmp_path / "a.txt"), separator="blanks", header=False).open(False)
    arrays = data.in_memory()
    assert arrays is not None
    assert arrays["features"].tolist() == [[1, 2], [3, 4]]
    assert arrays["labels"].tolist() == [0, 1]


def test_nodes_of_a_test() -> None:
    program = examined("39_actions.cntk").require_network()
    assert [program.shown_name(n) for n in program.special["testNodes"]] == ["top"]
    assert [program.shown_name(n) for n in program.evaluated(Phase.TEST)] == ["ce", "er", "top"]
    assert [program.shown_name(n) for n in program.evaluated(Phase.VALIDATION)] == ["ce", "er"]


def test_what_is_not_supported_is_a_warning_and_stops_a_run() -> None:
    checked = examined("speech.cntk")
    assert checked.errors == ()
    lacking = [d.title for d in checked.diagnostics if d.code == Code.NOT_SUPPORTED]
    assert len(lacking) == 3
    assert any("HTKMLFReader" in title for title in lacking)
    with pytest.raises(Failure) as raised:
        choose_data(str(HERE / "files" / "speech.cntk"))
    assert {d.title for d in raised.value.diagnostics} == set(lacking)
    assert all(d.is_error for d in raised.value.diagnostics)


def test_missing_mean_is_a_warning() -> None:
    checked = examined("37_image_reader.cntk")
    assert checked.errors == ()
    missing = next(d for d in checked.diagnostics if d.code == Code.READER_FILE)
    assert "mean.xml" in "".join(missing.body)


def test_builders_that_do_not_count_are_not_read() -> None:
    text = ("fit = [ action = train ; SimpleNetworkBuilder = [ layerSizes = 4:3 ; trainingCriterion = SquareError ; "
            "evalCriterion = SquareError ]\n BrainScriptNetworkBuilder = { this is ( no ) BrainScript = = } ; "
            "NDLNetworkBuilder_off = [ nor this ] ]")
    assert totals(examine(Source("a.cntk", text)).require_network().network).parameters == 15


# --- the session of the documentation -------------------------------------------------------------------------


def test_session_of_the_docs_is_what_is_written() -> None:
    page = (Path(__file__).parents[2] / "docs" / "coming-from-cntk.md").read_text()
    configuration, said = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (net,) = re.findall(r"^```net\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert configuration == (HERE / "files" / "digits.cntk").read_text()
    assert net == (HERE / "written" / "digits_cntk.net").read_text()
    assert said.strip() in (HERE / "written" / "digits_cntk.notes").read_text()

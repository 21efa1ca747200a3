"""`netdsl runs`: the list, the comparison, and the report of a run."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from netdsl.report import gather, write_report
from netdsl.runs import store as runs

from .conftest import Command

VOID = {"meta", "img", "br", "wbr", "input", "rect", "path", "polygon", "line", "circle"}


class Tags(HTMLParser):
    """Checks that tags are closed in order; gathers what a page refers to."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.images = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.references += [str(values[key]) for key in ("src", "href", "action", "data") if key in values]
        self.ids += [str(values["id"])] if "id" in values else []
        self.images += tag == "img"
        assert tag not in ("script", "link", "iframe"), tag
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag


def test_a_file_is_called_as_the_folder_of_its_runs() -> None:
    names = {"networks/alexnet.net": "alexnet", "a b.net": "a-b", "ü.net": "ü", ".net": ".net"}
    assert {file: runs.network_name(file) for file in names} == names


def test_a_run_runs_again_from_its_folder(command: Command, work: Path, tmp_path: Path) -> None:
    """Seed and overrides stand in the resolved file."""
    first = command("run", "small.net", "SGD.maxEpochs=1", "--seed", "7", "--device", "cpu", "-o", str(tmp_path / "a"))
    assert first.code == 0
    assert "seed 7" in command("check", str(tmp_path / "a")).out
    assert command("run", str(tmp_path / "a"), "--device", "cpu", "-o", str(tmp_path / "b")).code == 0
    weights = [next((tmp_path / run / "checkpoints" / "last").glob("weights*")).read_bytes() for run in "ab"]
    assert weights[0] == weights[1]
    names = [json.loads((tmp_path / run / "checkpoints/last/state.json").read_text())["name"] for run in "ab"]
    assert names == ["small", "small"]


@pytest.mark.parametrize("name", ["small", "runs/small", "runs/small/latest"])
def test_a_run_is_found_by_the_name_of_its_network(name: str, command: Command, work: Path) -> None:
    assert "checkpoints/" in command("info", name).out
    assert command("test", "small.net", "-c", name).code == 0


def test_a_run_folder_is_tested_with_its_own_checkpoint(command: Command, work: Path, tmp_path: Path) -> None:
    shutil.copytree("runs/small/0", tmp_path / "elsewhere")
    for folder in ("runs/small/0", str(tmp_path / "elsewhere")):
        answer = command("test", folder, "--format", "json")
        assert json.loads(answer.out)["values"] == pytest.approx(runs.Run(Path("runs/small/0")).values()["test"])


def test_pictures_of_a_run_have_the_name_of_its_network(command: Command, work: Path, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("runs/small/0").resolve()
    monkeypatch.chdir(tmp_path)
    assert command("graph", str(folder)).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["small.svg"]


def test_latest_leads_to_a_run_with_a_checkpoint(command: Command, work: Path, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy("small.net", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert command("run", "small.net", "-q", "--device", "cpu").code == 0
    good = runs.latest("small")
    assert command("run", "small.net", "-q", "--device", "cpu", "SGD.learningRate=1e38").code == 1
    assert runs.latest("small") == good


def test_list(command: Command, work: Path) -> None:
    document = json.loads(command("runs", "--format", "json").out)
    assert [run["folder"] for run in document] == ["runs/small/0", "runs/small/1"]
    assert [run["overrides"] for run in document] == [[], ["SGD.learningRate=0.05"]]
    for run in document:
        assert (run["network"], run["status"], run["epochs"], run["plannedEpochs"]) == ("small", "finished", 2, 2)
        assert set(run["values"]) == {"train", "test"}
    text = command("runs", "list", "runs/small").out.splitlines()
    errors = document[0]["values"]["test"]["errs"]
    assert len(text) == 3
    assert f"errs {100 * errors:.2f} %" in text[1]


def test_an_unfinished_run_is_listed(command: Command, work: Path, tmp_path: Path) -> None:
    shutil.copytree("runs/small/0", tmp_path / "killed")
    (tmp_path / "killed" / "result.json").unlink()
    with (tmp_path / "killed" / "metrics.jsonl").open("a") as lines:
        lines.write('{"event": "epoch", "epo')
    run = json.loads(command("runs", str(tmp_path), "--format", "json").out)[0]
    assert (run["status"], run["epochs"]) == ("not finished", 2)


def test_compare(command: Command, work: Path) -> None:
    document = json.loads(command("runs", "compare", "runs/small/0", "small", "--format", "json").out)
    changed = {(change["part"], change["key"]): (change["first"], change["second"]) for change in document["changes"]}
    assert changed == {("overrides", "SGD.learningRate"): (None, "0.05"), ("plan", "learningRate"): ("0.1", "0.05")}
    values = {row["name"]: (row["first"], row["second"]) for row in document["values"]}
    assert set(values) == {"train.ce", "train.errs", "test.ce", "test.errs"}
    text = command("runs", "compare", "runs/small/0", "runs/small/1").out
    assert re.search(r"test\.errs +\d+\.\d\d % +\d+\.\d\d % +[+-]\d+\.\d\d %", text)
    assert "A  0.1\n            B  0.05" in text


def test_compare_with_itself(command: Command, work: Path) -> None:
    assert "nothing differs" in command("runs", "compare", "runs/small/0", "runs/small/0").out


# --- the report -----------------------------------------------------------------------------------------


def parsed(path: Path) -> tuple[str, Tags]:
    text = path.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert tags.open == []
    return text, tags


def test_every_run_ends_with_a_report(work: Path) -> None:
    text, tags = parsed(work / "runs/small/0/report.html")
    for section in ("Curves", "Epochs", "Confusion matrix", "Worst samples", "First layer", "Network", "Training plan",
                    "Machine", "File"):
        assert f"<h2>{section}</h2>" in text
    assert tags.images == 17  # 16 worst samples and the filters
    assert "Sample data." in text
    result = json.loads((work / "runs/small/0/result.json").read_text())
    assert f"<b>{100 * result['test']['errs']:.2f} %</b>" in text


def test_the_report_needs_nothing_else(work: Path) -> None:
    text, tags = parsed(work / "runs/small/0/report.html")
    assert all(reference.startswith(("#", "data:image/")) for reference in tags.references)
    outside = re.sub(r'xmlns="[^"]*"', "", text)
    assert not re.search(r"https?://|url\(|@import", outside)
    assert len(tags.ids) == len(set(tags.ids))


def test_the_report_of_a_run_without_results(work: Path, tmp_path: Path) -> None:
    shutil.copytree("runs/small/0", tmp_path / "r")
    for name in ("result.json", "test.json", "environment.json", "metrics.jsonl"):
        (tmp_path / "r" / name).unlink()
    shutil.rmtree(tmp_path / "r" / "checkpoints")
    text, _ = parsed(write_report(runs.Run(tmp_path / "r")))
    assert "<h2>Network</h2>" in text
    assert "<h2>Curves</h2>" not in text


@pytest.mark.parametrize(("name", "content"), [
    ("test.json", '{"confusion": [[1, 2], [3]], "worst": [{"index": 5}]}'),
    ("test.json", '{"worst": [{"index": 100000, "name": "x", "criterion": null}]}'), ("test.json", "{"),
    ("resolved.net", "network = {"),
    ("metrics.jsonl", '{"event": "epoch", "epoch": 1, "step": 1, "train": {"ce": null}}\n'),
    ("checkpoints/last/weights.safetensors", "nonsense"), ("checkpoints/last/state.json", "[]"),
])
def test_damaged_files_do_not_stop_the_report(work: Path, tmp_path: Path, name: str, content: str) -> None:
    shutil.copytree("runs/small/0", tmp_path / "r", symlinks=True)
    (tmp_path / "r" / name).write_text(content)
    parsed(write_report(runs.Run(tmp_path / "r")))


def test_names_from_outside_are_escaped(work: Path, tmp_path: Path) -> None:
    shutil.copytree("runs/small/0", tmp_path / "r")
    details = json.loads((tmp_path / "r" / "test.json").read_text())
    details["worst"][0]["name"] = "<script>alert(1)</script>"
    (tmp_path / "r" / "test.json").write_text(json.dumps(details))
    (tmp_path / "r" / "overrides.txt").write_text("x=<b>&\n")
    text, _ = parsed(write_report(runs.Run(tmp_path / "r")))  # the parser refuses script elements
    assert "x=&lt;b&gt;&amp;" in text


def test_many_classes_are_a_picture(work: Path) -> None:
    import numpy as np

    from netdsl.report.page import page

    facts = gather(runs.Run(work / "runs/small/0"))
    counts = np.eye(200, dtype=int) * 7
    counts[3, 5] = 4
    facts.run.details["confusion"] = counts.tolist()
    text = page(facts)
    assert 'alt="confusion matrix"' in text
    assert re.search(r"<td>class 3</td><td>class 5</td><td>4</td><td>36.4 %</td>", text)


def test_the_command(command: Command, work: Path, tmp_path: Path) -> None:
    answer = command("runs", "report", "small", "--out", str(tmp_path / "x.html"))
    assert answer.code == 0, answer.err
    parsed(tmp_path / "x.html")


def test_a_report_that_fails_does_not_lose_the_run(command: Command, work: Path, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> Path:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("netdsl.report.write_report", fail)
    answer = command("run", "small.net", "-q", "--max-steps", "1", "--device", "cpu", "--out", str(tmp_path / "run"))
    assert answer.code == 0
    assert "the report could not be written: ZeroDivisionError: a fault" in answer.err
    assert (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("nowhere",), 1, "there is no folder `nowhere`"),
    (("compare", "runs/small/0", "smal"), 1, "there is no run `smal`"),
    (("compare", "runs/small/0"), 2, "'B'"),
    (("report", "."), 1, "`.` is not a run folder"),
    (("report", "runs/small/0", "--out", "no/such/folder.html"), 1, "cannot be written"),
    (("--format", "xml"), 2, "xml"),
])
def test_wrong_input(command: Command, work: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    answer = command("runs", *arguments)
    assert (answer.code, answer.out) == (code, ""), answer.err
    assert words in answer.err
    assert "Hint:" in answer.err


# --- which runs, in which order ---------------------------------------------------------------------------


def listed(command: Command, *arguments: str) -> list[str]:
    answer = command("runs", *arguments, "--format", "json")
    assert answer.code == 0, answer.err
    return [run["folder"].rpartition("/")[2] for run in json.loads(answer.out)]


def test_runs_are_sorted_by_any_key(command: Command, work: Path) -> None:
    by_errors = listed(command, "--sort", "errs")
    values = {run.folder.name: run.values()["test"]["errs"] for run in runs.find_runs(Path("runs"))}
    assert by_errors == sorted(values, key=lambda name: values[name])  # type: ignore[return-value]
    assert listed(command, "--sort=-test.errs") == by_errors[::-1] or values["0"] == values["1"]
    assert listed(command, "--sort", "SGD.learningRate") == ["1", "0"]
    assert listed(command, "--sort=-SGD.learningRate") == ["0", "1"]
    assert listed(command, "--sort", "started") == ["0", "1"]


@pytest.mark.parametrize(("condition", "wanted"), [
    ("SGD.learningRate<0.1", ["1"]), ("SGD.learningRate=0.1", ["0"]), ("network=sm*", ["0", "1"]),
    ("network!=small", []), ("test.errs<=100%", ["0", "1"]), ("errs>1", []), ("seconds<1h", ["0", "1"]),
    ("run=1", ["1"]),
])
def test_runs_are_chosen_by_conditions(command: Command, work: Path, condition: str, wanted: list[str]) -> None:
    assert listed(command, "--where", condition) == wanted


@pytest.mark.parametrize(("arguments", "words"), [
    (("--sort", "erors"), "no run has `erors`; did you mean"), (("--where", "errs"), "`errs` is not a condition"),
    (("--where", "quality>3"), "no run has `quality`"),
])
def test_keys_that_no_run_has(command: Command, work: Path, arguments: tuple[str, ...], words: str) -> None:
    answer = command("runs", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_list_fits_the_terminal(command: Command, work: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = command("runs").out.splitlines()
    assert max(map(len, lines)) <= width
    assert all("errs" in line for line in lines[1:])


def test_three_runs_are_compared(command: Command, work: Path) -> None:
    names = ("runs/small/0", "runs/small/1", "small")
    text = command("runs", "compare", *names).out
    assert "A  runs/small/0\nB  runs/small/1\nC  runs/small/1\n" in text
    assert "            A  0.1\n            B, C  0.05" in text
    assert "B - A" not in text
    document = json.loads(command("runs", "compare", *names, "--format", "json").out)
    change = next(change for change in document["changes"] if change["part"] == "plan")
    assert change["values"] == ["0.1", "0.05", "0.05"]
    assert len(document["runs"]) == 3

"""What the pages for users say is true: the Python of python.md runs, names and commands are there."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

import netdsl
from netdsl.cli import root
from netdsl.describe.option_tables import everything
from netdsl.ir.program import SPECIAL
from netdsl.optimizers.block import TrainingBlock

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
USERS = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "tutorial").glob("*.md"))]


# --- python.md --------------------------------------------------------------------------------------------


def test_the_python_of_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tutorial = (DOCS / "tutorial" / "first-network.md").read_text()
    text = re.search(r"```net\n(.*?)```", tutorial, re.DOTALL)
    assert text is not None
    Path("digits.net").write_text(text[1].replace("SampleMNIST {}", "SampleMNIST {train = 640, test = 100}"))
    blocks = re.findall(r"^```python( onnx)?\n(.*?)^```$", (DOCS / "python.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 8
    names: dict[str, object] = {}
    for needs, block in blocks:
        if not needs or importlib.util.find_spec(needs.strip()):
            exec(compile(block, "docs/python.md", "exec"), names)
    assert Path("digits.svg").is_file()
    assert Path("runs/mine/report.html").is_file()


def test_python_md_documents_every_argument_of_train() -> None:
    import inspect

    text = (DOCS / "python.md").read_text()
    names = set(inspect.signature(netdsl.train).parameters) - {"program", "overrides", "quiet"}
    assert [name for name in names if f"`{name}`" not in text] == []


# --- commands ---------------------------------------------------------------------------------------------


def commands() -> list[tuple[str, str]]:
    found = []
    for page in USERS:
        if page.name == "cli.md":
            continue  # usage lines; its examples are tested with the commands
        lines = page.read_text().replace(" \\\n", " ").splitlines()
        for number, line in enumerate(lines):
            match = re.fullmatch(r"    (netdsl [a-z].*?)(\s+#.*)?", line)
            if match and "COMMAND" not in match[1]:
                text = match[1]
                while text.count("'") % 2:  # a value on several lines
                    number += 1
                    text += f" {lines[number].strip()}"
                found.append((page.name, text))
    page = (DOCS / "coming-from.md").read_text()  # type: ignore[assignment]
    return found + [("coming-from.md", span) for span in re.findall(r"`(netdsl [a-z][^`]*)`", page)]


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_of_the_docs_parse(page: str, line: str) -> None:
    words = shlex.split(line.partition(" > ")[0])[1:]
    command, context = root, root.make_context("netdsl", words)
    while isinstance(command, click.Group):
        found, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert inner is not None
        command, context = inner, inner.make_context(found, rest, parent=context)


# --- coming-from.md ---------------------------------------------------------------------------------------


def here(title: str) -> list[str]:
    """The code in the last column of a table of coming-from.md."""
    text = (DOCS / "coming-from.md").read_text()
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    rows = [line for line in section[1].splitlines() if line.startswith("|") and "---" not in line][1:]
    return [span for row in rows for span in re.findall(r"`([^`]+)`", row.rstrip("| ").rpartition(" | ")[2])]


@pytest.mark.parametrize("text", here("Layers"))
def test_layers_are_written_so(text: str) -> None:
    if text.startswith("activation"):
        text = f"DenseLayer {{3, {text}}}"
    step = f"Sequential ({text}) (x)" if re.fullmatch(r"\w+( \{.*\})?", text) else text
    step = "Sequential (Pass : ReLU : Tanh) (x)" if text == "Sequential (a : b : c)" else step
    shape = "10" if text.startswith("EmbeddingLayer") else "16:16:64"
    checked = netdsl.load(netdsl.Source("t.net", f"network = {{ x = Input {{{shape}}} ; y = 2 * x ; _z = {step}\n"
                                                 "outputNodes = _z }"))
    assert not checked.errors, netdsl.Failure(checked.errors)


@pytest.mark.parametrize("text", here("Criteria and metrics"))
def test_criteria_are_written_so(text: str) -> None:
    inputs = "labels = Input {10} ; z = Input {10} ; target = 2 * labels"
    checked = netdsl.load(netdsl.Source("t.net", f"network = {{ {inputs}\n_c = {text} ; outputNodes = _c }}"))
    assert not checked.errors, netdsl.Failure(checked.errors)


@pytest.mark.parametrize("text", [text for text in here("Training") if not text.startswith("-")])
def test_keys_of_training_are_written_so(text: str) -> None:
    keys = {option.name for option in TrainingBlock.options()}
    if re.fullmatch(r"[a-z]\w*", text):
        assert text in keys
    elif "=" in text:
        network = "network = { x = Input {3} ; c = SquareError (x, LinearLayer {3} (x)) ; criterionNodes = c }"
        checked = netdsl.load(netdsl.Source("t.net", f"{network}\nSGD = {{ maxEpochs = 70 ; {text} }}"))
        codes = [d for d in checked.errors if d.code not in ("missing-option", "no-training")]
        assert not codes, netdsl.Failure(codes)
    else:
        assert text.split()[0] in everything()


def test_names_of_data_are_there() -> None:
    names = [span.split()[0] for span in here("Data and layout")]
    assert [name for name in names if name not in everything() and name not in ("W:H:C", "Input")] == []


def test_the_special_lists_are_explained_somewhere() -> None:
    text = "".join(page.read_text() for page in USERS)
    assert [name for name in SPECIAL if name not in text] == []


def test_links_between_pages_lead_somewhere() -> None:
    wrong = []
    for page in USERS:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                wrong.append(f"{page.name}: {target}")
    assert wrong == []

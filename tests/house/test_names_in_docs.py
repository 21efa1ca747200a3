"""Whatever a page names exists: keys of blocks, options, commands and their options, codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from netdsl import layers, optimizers, readers
from netdsl.base.codes import Code
from netdsl.cli import COMMANDS, root
from netdsl.describe.option_tables import everything
from netdsl.elaborate.builtins import environment
from netdsl.importers.cntk.config_keys import TABLES
from netdsl.ir.program import SPECIAL, Phase
from netdsl.optimizers.block import OBSOLETE, TrainingBlock

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = {option.name for option in TrainingBlock.options()}
ROWS = [*layers.NAMES.values(), *readers.NAMES.values(), *optimizers.NAMES.values(), *optimizers.BLOCK_ROWS]
OPTIONS = BLOCK | {option.name for row in ROWS for option in row.options()}
#: What a file, or the table of another program, names by itself.
NAMES = OPTIONS | {*SPECIAL, *Phase, "sample", "budget"} | set(everything()) | set(environment())


@cache
def strings_of_the_source() -> frozenset[str]:
    """Keys of JSON and the like, which the code writes as strings, and names of arguments; but not obsolete keys."""
    text = "".join(path.read_text() for path in (ROOT / "netdsl").rglob("*.py") if path.name != "block.py")
    return frozenset(re.findall(r"[\"'`.]([A-Za-z]\w*)[\"'`:]", text)) - set(OBSOLETE)


def code(page: Path) -> list[str]:
    """The pieces of code inside the sentences and tables of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def defined(page: Path) -> set[str]:
    """Names that the page's own examples define, and its formulas use."""
    return set(re.findall(r"\b([a-z]\w*)\s*:?=[^=]", page.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_names_in_camel_case_are_known(page: Path) -> None:
    """`batchNormalizationTimeConstant` is a key; a misspelt one, or one of CNTK's that is gone, is not."""
    named = {span for span in code(page) if re.fullmatch(r"[a-z]+([A-Z][a-z0-9A-Z]*)+", span)}
    told = ("cntk.md", "coming-from-cntk.md", "coming-from.md", "optimizers.md")
    gone = set(OBSOLETE) if page.name in told else set()
    foreign = {key.name for table in TABLES for key in table.keys.values()} if "cntk" in page.name else set()
    assert sorted(named - NAMES - strings_of_the_source() - defined(page) - gone - foreign) == []
    assert page.name == "optimizers.md" or sorted(named & set(OBSOLETE) - NAMES - gone) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_keys_of_the_training_block_are_known(page: Path) -> None:
    paths = {match for span in code(page) for match in re.findall(r"\bSGD\.([a-z]\w*)", span)}
    assert sorted(paths - BLOCK - {"sample", "cpp"}) == []
    phases = {match for span in code(page) for match in re.findall(r"\breader\.([a-z]\w*)", span)}
    assert sorted(phases - {*Phase, "sample"} - {"py"}) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_keys_that_are_given_a_value_are_known(page: Path) -> None:
    """`key = value` inside a sentence: a key, an option, or a name of the page's examples."""
    if page.name == "coming-from.md":
        pytest.skip("columns of other programs; test_docs_for_users tests the last one")
    keys = {match[1] for span in code(page) if (match := re.fullmatch(r"([a-z]\w{3,}) = [^=(].*", span))}
    fenced = set(re.findall(r"^\s*([a-z]\w*)\s*=", page.read_text(), re.MULTILINE))
    assert sorted(key for key in keys - NAMES - fenced if key not in strings_of_the_source()) == []


def every_option(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from every_option(inner, context)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_commands_and_their_options_are_known(page: Path) -> None:
    known = {*every_option(root, click.Context(root)), "--help"}
    foreign = {"pytest", "git", "python", "pip", "ruff", "mypy", "uv"}
    spans = [span for span in code(page) if span.split()[0] not in foreign]
    named = {match for span in spans for match in re.findall(r"(?<![\w-])--[a-z][a-z-]+", span)}
    assert sorted(named - known - {"--update-goldens", "--check"}) == []
    verbs = {match for span in spans for match in re.findall(r"^netdsl ([a-z]\w*)", span)}
    assert sorted(verbs - set(COMMANDS)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_codes_are_known(page: Path) -> None:
    named = set(re.findall(r"(?:error|warning)\[([a-z-]+)\]", page.read_text()))
    assert sorted(named - {code.value for code in Code}) == []

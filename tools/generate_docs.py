"""Writes the generated pages of the documentation from the tables: `python tools/generate_docs.py [--check]`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from caffe_page import caffe_page
from cntk_page import cntk_page
from darknet_page import darknet_page
from network_pages import networks_page
from onnx_page import onnx_page

from netdsl import optimizers, readers
from netdsl.base.codes import Code
from netdsl.cli import COMMANDS, root
from netdsl.describe.option_tables import Section, call_text, sections
from netdsl.elaborate.builtins import BUILTINS
from netdsl.layers import NAMES
from netdsl.layers.initializers import KINDS
from netdsl.layers.layer import Layer
from netdsl.optimizers.plan import TrainingBlock
from netdsl.readers.formats.image_reader import ImageFileReader
from netdsl.spec import Spec

ROOT = Path(__file__).resolve().parent.parent
_MADE = "<!-- made by `python tools/generate_docs.py` from the tables; edit those -->\n"


def layers_page() -> str:
    """docs/layers.md: every row by family, then the functions of the language."""
    parts = ["# Layers and functions", "",
             "Shapes are width x height x channels, of one sample. `netdsl layers NAME` prints one entry.", ""]
    layer_sections = [s for s in sections() if s.rows and issubclass(s.rows[0], Layer)]
    for section in layer_sections:
        names = ", ".join(f"[{row.name()}](#{row.name().lower()})" for row in section.rows)
        parts.append(f"* **{section.title}**: {names}")
    parts += [f"* **Functions of the language**: {', '.join(f'[{b.name}](#{b.name.lower()})' for b in BUILTINS)}", ""]
    for section in layer_sections:
        parts += _section(section)
    parts += ["## Functions of the language", ""]
    for builtin in BUILTINS:
        parts += [f"### {builtin.name}", "", f"`{builtin.name} ({', '.join(builtin.parameters)})`", "", builtin.doc, ""]
        if builtin.example[0]:
            parts += [f"`{builtin.example[0]}` is `{builtin.example[1]}`.", ""]
    parts += ["## Initialisers", "", "What `init` may be; `initValueScale` multiplies it. fanIn and fanOut are CNTK's: "
              "fanIn is the filter's size times the input's extents, fanOut all extents over the input's.", "",
              "| init | start |", "|---|---|", *(f"| `{kind}` | {text} |" for kind, text in KINDS.items()), ""]
    return _page(parts)


def readers_page() -> str:
    """docs/readers.md"""
    parts = ["# Readers, transforms and samples", "",
             "Where samples come from. A reader delivers to the inputs of the network by name; `netdsl check` asks it "
             "what it delivers.", "", "## Image files", "", *ImageFileReader.documentation().split("\n"), ""]
    for title, rows in (("Readers", readers.READERS), ("Transforms of images", readers.TRANSFORMS),
                        ("Embedded samples", readers.SAMPLES)):
        parts += _section(Section(title, tuple(rows.values())))
    return _page(parts)


def optimizers_page() -> str:
    """docs/optimizers.md: the keys of SGD, the optimizers, the schedules."""
    parts = ["# The SGD block, optimizers and schedules", "", "## Keys of `SGD`", "", TrainingBlock.documentation(), ""]
    parts += _options(TrainingBlock)
    for title, rows in (("Optimizers", optimizers.ROWS), ("Schedules", tuple(optimizers.SCHEDULES.values())),
                        ("Records of the block", optimizers.BLOCK_ROWS)):
        parts += _section(Section(title, tuple(rows)))
    return _page(parts)


def cli_page() -> str:
    """docs/cli.md: every command's help, exit codes and the JSON form."""
    parts = ["# Commands", "", "`netdsl COMMAND --help` prints the same. A value is set by its path, as in "
             "`netdsl run file.net SGD.maxEpochs=3`.", ""]
    context = click.Context(root, info_name="netdsl")
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        parts += _command(command, name)
        if isinstance(command, click.Group):
            for inner in command.list_commands(click.Context(command)):
                parts += _command(command.commands[inner], f"{name} {inner}")
    return _page([*parts, *_EXIT_CODES.splitlines()])


def _command(command: click.Command, name: str) -> list[str]:
    """A command's usage, help and options; one inside a group has a heading below the group's."""
    context = click.Context(command, info_name=f"netdsl {name}")
    usage = command.get_usage(context).removeprefix("Usage: ")
    heading = f"##{'#' * (' ' in name)} {name}"
    parts = [heading, "", f"    {' '.join(usage.split())}", "", _prose(command.help or ""), ""]
    rows = [record for p in command.params if isinstance(p, click.Option) and (record := p.get_help_record(context))]
    if rows:
        lines = [f"| `{form.replace('|', ', ')}` | {_cell(text)} |" for form, text in rows]
        parts += ["| option | |", "|---|---|", *lines, ""]
    if command.epilog:
        parts += ["Examples:", "", *(f"  {line}" for line in command.epilog.splitlines()[2:]), ""]
    return parts


_EXIT_CODES = """## Exit codes

| code | means |
|---|---|
| 0 | fine |
| 1 | errors in the file, its data or the run; each has a page on standard error. Of `netdsl diff`: something differs |
| 2 | the command line is wrong. Of `netdsl diff`: one of the two has errors |
| 70 | a bug in netdsl |
| 129 | stopped because the terminal closed (SIGHUP), after the step was finished and saved |
| 130 | stopped by Ctrl-C, after the step was finished and saved |
| 143 | stopped by SIGTERM, after the step was finished and saved |

## Environment

`_NETDSL_COMPLETE` is how shells ask for completion (`netdsl completion --help`). `NO_COLOR` turns colours off,
`FORCE_COLOR` on; else they are on for terminals. `COLUMNS` is how wide tables may be. `NETDSL_CACHE` is where embedded
samples are kept.

## `check --format json`

One object for a file, a list for several:

    {"network", "nodes": [{"name", "layer", "inputs", "shape", "parameters", "macs", "file", "line"}],
     "totals": {"parameters", "parameterTensors", "trainableParameters", "trainableTensors", "macs", "neurons",
                "activationBytes", "trainingBytes"},
     "plan", "reader", "diagnostics": [{"code", "severity", "message", "label", "file", "line", "column", "endLine",
                                        "endColumn", "related", "hint", "fix": [{"file", "line", "column",
                                        "endLine", "endColumn", "text"}]}]}

Shapes are width, height, channels. Lines and columns count from 1; the end is just behind the last character.
A node of an imported file that no list of nodes needs has `"used": false`: it is checked, and is in no total.
`fix` is the hint for an editor: pieces of the text and what to write in their place, all together; it is empty where
a person has to choose.
`activationBytes` is for one sample, `trainingBytes` for the file's minibatch, both in float32."""


def errors_page() -> str:
    """docs/errors.md: every code with one real page, from the goldens of the tests."""
    parts = ["# Messages", "", "Every message has a code. Each page here is a golden of the tests.", ""]
    for code in Code:
        parts += [f"## {code}", "", code.meaning, ""]
        cases = sorted((ROOT / "tests" / "errors" / code).glob("*.txt"))
        if cases:
            case = next((c for c in cases if c.stem == "page"), cases[0])
            parts += ["```text", case.read_text().rstrip("\n"), "```", ""]
    return _page(parts)


PAGES: dict[str, Callable[[], str]] = {
    "layers.md": layers_page, "readers.md": readers_page, "optimizers.md": optimizers_page, "cli.md": cli_page,
    "errors.md": errors_page, "networks.md": networks_page, "cntk.md": lambda: _page(cntk_page()),
    "coming-from-caffe.md": lambda: caffe_page(ROOT / "docs" / "coming-from-caffe.md"),
    "onnx.md": lambda: _page([onnx_page()]),
    "coming-from-darknet.md": lambda: darknet_page(ROOT / "docs" / "coming-from-darknet.md"),
}


def _section(section: Section) -> list[str]:
    parts = [f"## {section.title}", ""]
    for row in section.rows:
        parts += [f"### {row.name()}", "", f"`{call_text(row)}`", "", _markdown(row.documentation()), ""]
        parts += _options(row)
        parts += _examples(row)
        aliases = [alias for alias, target in NAMES.items() if target is row and alias != row.name()]
        if aliases:
            parts += [f"Also called {', '.join(f'`{a}`' for a in aliases)}.", ""]
    return parts


def _options(row: type[Spec]) -> list[str]:
    if not row.options():
        return []
    rows = [f"| `{o.name}` | {'required' if o.required else f'`{o.kind.show(o.default)}`'} | {_cell(o.doc)} "
            f"({_cell(o.kind.expected)}) |" for o in row.options()]
    return ["| option | default | |", "|---|---|---|", *rows, ""]


def _examples(row: type[Spec]) -> list[str]:
    if not issubclass(row, Layer):
        examples: Iterable[str] = getattr(row, "examples", ())
        return [*(f"    {text}" for text in examples), ""] if examples else []
    rows = []
    for example in row.examples:
        shapes = ", ".join(" x ".join(str(d) for d in dims) or "1" for dims in example.inputs)
        result = " x ".join(str(d) for d in example.output) if example.output is not None else "refused"
        note = f" {_cell(example.note)}" if example.note else ""
        rows.append(f"| `{_cell(example.text)}` | {shapes} | {result}{note} |")
    return ["| example | input | output |", "|---|---|---|", *rows, ""] if rows else []


def _markdown(text: str) -> str:
    """A docstring as Markdown: indented formulas stay blocks, stars of formulas stay stars."""
    return "\n\n".join(p if p.startswith("    ") else " ".join(p.split()) if "\n- " not in p and "\n| " not in p else p
                       for p in text.split("\n\n"))


def _prose(text: str) -> str:
    return re.sub(r"[ \t]*\n[ \t]*", "\n", text.replace("\b", "")).strip()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _page(parts: Iterable[str]) -> str:
    return _MADE + "\n".join(parts).rstrip() + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write every page, or with --check say which are not up to date."""
    parser = argparse.ArgumentParser(prog="python tools/generate_docs.py")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is not up to date")
    options = parser.parse_args(arguments)
    stale = []
    for name, make in PAGES.items():
        path, text = ROOT / "docs" / name, make()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not options.check:
            path.write_text(text)
    if stale:
        verb = "is not up to date: run `python tools/generate_docs.py`" if options.check else "written"
        sys.stdout.write("".join(f"docs/{name} {verb}\n" for name in stale))
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())

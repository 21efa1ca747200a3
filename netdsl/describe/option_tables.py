"""What the tables say of themselves, for `netdsl layers` and the reference pages."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from .. import layers, optimizers, readers
from ..base.units import first_of
from ..elaborate.builtins import BUILTINS
from ..elaborate.values import Builtin
from ..layers.layer import Layer
from ..optimizers.block import AutoAdjust, EarlyStopping, TrainingBlock
from ..spec import Option, Spec, aliases

#: section -> what it is called in the list of families
FAMILIES = {
    "dense": "Dense", "convolution": "Convolution", "pooling": "Pooling", "normalization": "Normalization",
    "attention": "Attention",
    "dropout": "Dropout", "activation": "Activations", "arithmetic": "Arithmetic", "comparison": "Comparisons",
    "linear": "Linear algebra", "reduction": "Reductions", "shape": "Shapes", "source": "Inputs and parameters",
    "assertion": "Assertions", "criterion": "Criteria and metrics",
}


@dataclass(frozen=True)
class Section:
    """A part of the reference: its title and rows."""

    title: str
    rows: tuple[type[Spec], ...]


def sections() -> list[Section]:
    """Every table of Specs, layers by family."""
    families: dict[str, list[type[Spec]]] = {}
    for row in layers.ROWS:
        families.setdefault(row.family, []).append(row)
    found = [Section(FAMILIES.get(family, family.capitalize()), tuple(rows)) for family, rows in families.items()]
    found.append(Section("Readers", tuple(readers.READERS.values())))
    found.append(Section("Transforms of images", tuple(readers.TRANSFORMS.values())))
    found.append(Section("Embedded samples", tuple(readers.SAMPLES.values())))
    found.append(Section("Optimizers", tuple(optimizers.OPTIMIZERS.values())))
    found.append(Section("Schedules", tuple(optimizers.SCHEDULES.values())))
    return found


def everything() -> Mapping[str, type[Spec] | Builtin]:
    """Every name of a row or function that a file may use, aliases included."""
    found: dict[str, type[Spec] | Builtin] = {row.name(): row for section in sections() for row in section.rows}
    found.update(layers.NAMES)
    found["SGD"] = TrainingBlock
    found.update({row.name(): row for row in (AutoAdjust, EarlyStopping)})
    found.update({builtin.name: builtin for builtin in BUILTINS})
    return found


def call_text(row: type[Spec]) -> str:
    """How the row is written: `Dropout (x, rate = None)` or `DenseLayer {outDim, ...} (x)`."""
    if row is TrainingBlock:
        return "SGD = { maxEpochs = ..., minibatchSize = ..., learningRate = ..., ... }"
    if not issubclass(row, Layer):
        return row.signature()
    inputs = ", ".join(name.removesuffix("...") for name in row.inputs)
    if row.style == "layer" or not row.inputs:
        return row.signature() + (f" ({inputs})" if inputs else "")
    options = {o.name: o.signature() for o in row.options()}
    order = row.call or (*(name.removesuffix("...") for name in row.inputs), *row.positional())
    rest = [o for name, o in options.items() if name not in order]
    return f"{row.name()} ({', '.join([options.get(name, name) for name in order] + rest)})"


def row_page(name: str, row: type[Spec] | Builtin, width: int = 96) -> str:
    """The page of a row for the terminal."""
    if isinstance(row, Builtin):
        lines = [f"{row.name} ({', '.join(row.parameters)})", "", *textwrap.wrap(row.doc, width)]
        if row.example[0]:
            lines += ["", f"    {row.example[0]}  is  {row.example[1]}"]
        return "\n".join(lines) + "\n"
    lines = textwrap.wrap(call_text(row), width, subsequent_indent="    ")
    for paragraph in row.documentation().split("\n\n"):
        keep = any(line.startswith("    ") for line in paragraph.split("\n"))
        lines += ["", *(paragraph.split("\n") if keep else textwrap.wrap(" ".join(paragraph.split()), width))]
    if row.options():
        lines += ["", "options:"]
        for o in row.options():
            lines += _option_lines(o, width)
    lines += _example_lines(row, width)
    aliases = [alias for alias, target in layers.NAMES.items() if target is row and alias != row.name()]
    if aliases:
        lines += ["", f"also called {', '.join(aliases)}"]
    return "\n".join(lines) + "\n"


def _option_lines(o: Option, width: int) -> list[str]:
    text = f"{o.doc.rstrip('.')} ({o.kind.expected})."
    return [f"    {o.signature()}", *textwrap.wrap(text, width, initial_indent=" " * 8, subsequent_indent=" " * 8)]


def _example_lines(row: type[Spec], width: int) -> list[str]:
    if not issubclass(row, Layer):
        examples = row.examples
        return ["", "examples:", *(f"    {text}" for text in examples)] if examples else []
    lines = ["", "examples:"]
    for example in row.examples:
        shapes = " and ".join(" x ".join(str(d) for d in dims) or "1" for dims in example.inputs)
        result = " x ".join(str(d) for d in example.output) if example.output is not None else "refused"
        arrow = f"{shapes} -> {result}" if shapes else result
        line = f"    {example.text}    {arrow}"
        more = f"    {example.note}" if example.note else ""
        lines += [line + more] if len(line + more) <= width else [line, f"    {more}"] if len(line) <= width else [
            f"    {example.text}", f"        {arrow}{more}"]
    return lines


# --- lists ------------------------------------------------------------------------------------------------

#: (heading, (name, one line) of each row)
Listing = list[tuple[str, list[tuple[str, str]]]]


def listing() -> Listing:
    """Every row and function with its first sentence, by family."""
    found: Listing = [(section.title, [(row.name(), _sentence(row.summary())) for row in section.rows])
                      for section in sections()]
    return [*found, ("Functions of the language", [(b.name, _sentence(b.doc)) for b in BUILTINS])]


def found_by(word: str) -> Listing:
    """Rows with a word in their name or what others call them, and rows with it in their description."""
    wanted = word.replace("_", "").casefold()
    rows = everything()
    lines = {name: _sentence(line) for _, group in listing() for name, line in group}
    named = [(name, lines.get(name) or _first_line(row)) for name, row in rows.items() if wanted in name.casefold()]
    theirs: dict[str, list[str]] = {}
    for name, ours in aliases.NAMES.items():
        if wanted in name:
            theirs.setdefault(ours, []).append(name)
    abroad = [(ours, f"is what others call {first_of(names, 4)}") for ours, names in theirs.items()]
    there = {name for name, _ in named}
    described = [(name, _first_line(row)) for name, row in rows.items()
                 if name not in there and re.search(rf"\b{re.escape(word)}", _description(row), re.IGNORECASE)]
    own = {name for _, group in listing() for name, _ in group}  # aliases stand with the row they are of
    return [("called so", named), ("called so elsewhere", abroad),
            ("described so", [pair for pair in described if pair[0] in own])]


def _description(row: type[Spec] | Builtin) -> str:
    """All that is said of a row, on one line."""
    if isinstance(row, Builtin):
        return row.doc
    return " ".join(" ".join([row.documentation(), *(o.doc for o in row.options())]).split())


def _first_line(row: type[Spec] | Builtin) -> str:
    return _sentence(row.doc if isinstance(row, Builtin) else row.summary())


def _sentence(text: str) -> str:
    return text.split(". ")[0].rstrip(".")

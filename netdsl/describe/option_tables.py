"""What the tables say of themselves, for `netdsl layers` and the reference pages."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from .. import layers, optimizers, readers
from ..elaborate.builtins import BUILTINS
from ..elaborate.values import Builtin
from ..layers.layer import Layer
from ..optimizers.block import AutoAdjust, EarlyStopping, TrainingBlock
from ..spec import Option, Spec

#: section -> what it is called in the list of families
FAMILIES = {
    "dense": "Dense", "convolution": "Convolution", "pooling": "Pooling", "normalization": "Normalization",
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
    lines += _example_lines(row)
    aliases = [alias for alias, target in layers.NAMES.items() if target is row and alias != row.name()]
    if aliases:
        lines += ["", f"also called {', '.join(aliases)}"]
    return "\n".join(lines) + "\n"


def _option_lines(o: Option, width: int) -> list[str]:
    text = f"{o.doc.rstrip('.')} ({o.kind.expected})."
    return [f"    {o.signature()}", *textwrap.wrap(text, width, initial_indent=" " * 8, subsequent_indent=" " * 8)]


def _example_lines(row: type[Spec]) -> list[str]:
    if not issubclass(row, Layer):
        examples = getattr(row, "examples", ())
        return ["", "examples:", *(f"    {text}" for text in examples)] if examples else []
    lines = ["", "examples:"]
    for example in row.examples:
        shapes = " and ".join(" x ".join(str(d) for d in dims) or "1" for dims in example.inputs)
        result = " x ".join(str(d) for d in example.output) if example.output is not None else "refused"
        arrow = f"{shapes} -> {result}" if shapes else result
        lines.append(f"    {example.text}    {arrow}" + (f"    {example.note}" if example.note else ""))
    return lines

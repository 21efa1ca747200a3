"""The table of a network, its totals, plan and reader: as text and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..base.diagnostics import Diagnostic, Edit
from ..base.text_table import Column, listed, text_table, wrapped_line
from ..base.units import count_text, memory_text, plural
from ..checks.frozen import frozen_text
from ..checks.memory_estimate import estimate_memory
from ..compiler import CheckResult
from ..ir.network import NetworkTotals, Node, ShapedNode
from ..ir.program import CheckedProgram
from ..layers.short_text import layer_name, option_texts
from ..optimizers.plan_text import plan_lines, plan_record
from ..readers.reader import DataError, Description, describe_reader

#: Columns of the table: what is cut last where the terminal is narrow is the layer.
COLUMNS = (Column("name", cut=1, least=16), Column("layer", cut=2), Column("output", right=True),
           Column("parameters", right=True), Column("multiply-adds", right=True), Column("share", right=True))
#: Where multiply-adds are rounded, and without their share.
NARROW = (*COLUMNS[:4], Column("mult-adds", right=True), COLUMNS[5])
#: So much of a layer is shown before other columns go.
READABLE = 40


@dataclass(frozen=True)
class Form:
    """How the table gives way to a narrow terminal."""

    grouped: bool = False  #: what names have in common stands above them
    rounded: bool = False  #: multiply-adds in three digits
    dropped: int = 0  #: columns left out, from the right: the shares, then the multiply-adds


@dataclass(frozen=True)
class Row:
    """A line of the table: a node, or a group of nodes below the depth that is shown."""

    name: str
    layer: str
    output: str = "?"
    parameters: int = 0
    macs: int = 0
    note: str = ""  #: printed in place of the numbers

    def cells(self, total: NetworkTotals, name: str, rounded: bool) -> tuple[str, ...]:
        share = f"{100 * self.macs / total.macs:.1f} %" if self.macs and total.macs else ""
        macs = "" if not self.macs else count_text(self.macs) if rounded else f"{self.macs:,}"
        return (name, self.layer, self.output, f"{self.parameters:,}" if self.parameters else "", macs,
                self.note or share)


def table(checked: CheckResult, width: int | None = 100, depth: int | None = None) -> str:
    """Rows up to where the shapes are known, a marked row for each that failed, and the totals.

    Nodes deeper than `depth` stand in one row for their group. Where `width` is too narrow, names stand below
    what they have in common, multiply-adds are rounded, then the shares go, then names and layers are cut.
    """
    program = checked.program
    if program is None:
        return ""
    total = checked.totals
    rows = table_rows(program, depth)
    rows += [Row(node.name, layer_name(node.layer), str(node.shape), note="not used") for node in checked.unused]
    rows += [Row(node.name, node.layer.show(), note="<- error") for node in checked.failed]
    lines = _fitted(rows, total, width)
    if not checked.failed:
        lines += ["", *totals_text(program, total, width)]
    return "\n".join(lines) + "\n"


def table_rows(program: CheckedProgram, depth: int | None = None) -> list[Row]:
    """A row for each node, activations in those of their layers; for a group where nodes are deeper than `depth`."""
    return _below(depth, [_row(node, program) for node in _ordered(program) if not _folded(node, program)])


def _ordered(program: CheckedProgram) -> list[ShapedNode]:
    """Inputs first, in the order of the file; the rest as it is computed."""
    inputs = [node for node in program.network if node.layer.is_input]
    inputs.sort(key=lambda node: node.span.start if node.span.source is program.source else -1)
    return inputs + [node for node in program.network if not node.layer.is_input]


def _row(node: ShapedNode, program: CheckedProgram) -> Row:
    texts = option_texts(node.layer)
    shown = layer_name(node.layer) + (f" {', '.join(texts)}" if texts else "")
    activation = f"{node.name}.activation"
    if activation in program.network and _folded(program.network[activation], program):
        shown += f" : {program.network[activation].layer.show().removesuffix(' {}')}"
    if node.weights != node.name and node.layer.parameters([program.network[u.node].shape for u in node.inputs]):
        shown += f" (weights of {node.weights})"
    # A step of a list keeps its own name, which is that of its tensors; what has none may have a shorter one.
    name = node.name if node.cost.parameters or node.name in program.aliases else _table_name(node, program)
    return Row(name, shown, str(node.shape), node.cost.parameters, node.cost.macs)


def _table_name(node: ShapedNode, program: CheckedProgram) -> str:
    """A node's path, or its short name; what a member is an alias of stays where it is made."""
    shown = program.shown_name(node.name)
    return node.name if shown in program.aliases else shown


def _folded(node: Node, program: CheckedProgram) -> bool:
    """An activation without parameters stands in the row of the layer it belongs to."""
    owner = node.name.removesuffix(".activation")
    if owner == node.name or owner not in program.network:
        return False
    return len(node.inputs) == 1 and node.inputs[0].node == owner and not program.network[node.name].cost.parameters


def _below(depth: int | None, rows: list[Row]) -> list[Row]:
    """Rows whose names have more than `depth` parts, gathered by the first ones; a group of one stays as it is."""
    if depth is None:
        return rows
    groups: dict[str, list[Row]] = {}
    for row in rows:
        parts = row.name.split(".")
        groups.setdefault(".".join(parts[:depth]) if len(parts) > depth else row.name, []).append(row)
    return [inner[0] if len(inner) == 1 else
            Row(name, plural(len(inner), "layer"), inner[-1].output, sum(row.parameters for row in inner),
                sum(row.macs for row in inner)) for name, inner in groups.items()]


def _fitted(rows: list[Row], total: NetworkTotals, width: int | None) -> list[str]:
    """The lines of the table, with as much in them as the width has room for."""
    lines: list[str] = []
    for form in (Form(), Form(True), Form(True, True), Form(True, True, 1), Form(True, True, 2)):
        cells = _grouped(rows, total, form.rounded) if form.grouped else \
            [row.cells(total, row.name, form.rounded) for row in rows]
        dropped = 0 if any(row.note for row in rows) else form.dropped
        columns = (NARROW if form.rounded else COLUMNS)[: len(COLUMNS) - dropped]
        kept = [row[: len(columns)] for row in cells]
        lines = text_table(columns, kept, rule=True)
        if width is None or max(map(len, lines)) <= width:
            return lines
        readable = [dataclasses.replace(c, cut=1, least=READABLE) if c.title == "layer" else c for c in columns]
        lines = text_table(readable, kept, width, rule=True)
        if max(map(len, lines)) <= width:
            return lines
    return text_table(columns, kept, width, rule=True)


def _grouped(rows: list[Row], total: NetworkTotals, rounded: bool) -> list[tuple[str, ...]]:
    """What names have in common stands once above them: `a.b.`, then `c` and `d`."""
    names = {row.name for row in rows}
    found: list[tuple[str, ...]] = []
    above = ""
    for row in rows:
        group = row.name.rpartition(".")[0]
        while group in names:  # `y.sum` stands beside the node `y`
            group = group.rpartition(".")[0]
        if group and group != above:
            found.append((f"{group}.",))
        above = group
        found.append(row.cells(total, f"  {row.name[len(group) + 1 :]}" if group else row.name, rounded))
    return found


def totals_text(program: CheckedProgram, total: NetworkTotals, width: int | None = 100) -> list[str]:
    """Lines that say what each number counts."""
    memory = estimate_memory(program)
    rows = [
        ("parameters", f"{total.parameters:,} in {plural(total.parameter_tensors, 'tensor')} "
                       f"({memory_text(memory.weight_bytes)}){_trained_text(program, total)}"),
        ("multiply-adds", f"{total.macs:,} for one sample, of convolutions and matrix products"),
        ("FLOPs", f"{total.flops:,} (1 multiply-add = 2 FLOPs; biases, activations, pooling, norms not counted)"),
        ("neurons", f"{total.neurons:,} outputs of layers with weights"),
        ("activations", f"{memory_text(memory.activation_bytes)} for one sample, kept for the backward pass, float32"),
    ]
    if program.plan is not None:
        rows.append((
            "memory to train",
            f"{memory_text(memory.training_bytes)} at a minibatch of {memory.minibatch}: weights "
            f"{memory_text(memory.weight_bytes)}, gradients {memory_text(memory.gradient_bytes)}, optimizer "
            f"{memory_text(memory.optimizer_bytes)}, activations "
            f"{memory_text(memory.minibatch * memory.activation_bytes)}; workspace of the device not counted"))
    return listed([(f"{name:17}", text) for name, text in rows], width=width)


def trainable(program: CheckedProgram) -> tuple[int, int]:
    """Learned numbers that training moves, and the tensors they are in: a criterion needs them, no plan freezes them.

    Without a criterion all that are not frozen.
    """
    numbers = tensors = 0
    reached = _reached(program)
    for node in program.network:
        if node.weights != node.name or node.name not in reached:
            continue
        owned = node.layer.parameters([program.network[use.node].shape for use in node.inputs])
        for name, parameter in owned.items():
            rate = parameter.rate if program.plan is None else \
                program.plan.multipliers_of(f"{node.name}.{name}", parameter.rate)[0]
            if parameter.learned and rate:
                numbers, tensors = numbers + parameter.size, tensors + 1
    return numbers, tensors


def _reached(program: CheckedProgram) -> set[str]:
    """The owners of weights that a criterion needs; of all weights where there is no criterion."""
    network = program.network
    if not program.criteria:
        return {node.weights for node in network}
    return {network[name].weights for name in network.needed(program.criteria)}


def _trained_text(program: CheckedProgram, total: NetworkTotals) -> str:
    if not total.parameters or (program.plan is None and not program.criteria):
        return ""
    numbers, tensors = trainable(program)
    if numbers == total.parameters:
        return ", all trained" if program.plan is not None else ""
    reached = _reached(program)
    without = [node for node in program.network if node.cost.parameters and node.weights not in reached]
    others = "the others frozen" if not without else "no criterion needs the others" \
        if numbers + sum(node.cost.parameters for node in without) == total.parameters else \
        "the others are frozen, or no criterion needs them"
    return f"; {numbers:,} in {plural(tensors, 'tensor')} are trained, {others}"


def headline(program: CheckedProgram, total: NetworkTotals) -> str:
    """What a network comes to, in one line."""
    parts = [plural(len(program.network), "node"), plural(total.parameters, "parameter"),
             f"{count_text(total.macs)} multiply-adds for a sample"]
    if program.plan is not None:
        numbers, _ = trainable(program)
        if numbers != total.parameters:
            parts[1] += f" ({numbers:,} trained)"
        parts.append(f"about {memory_text(estimate_memory(program).training_bytes)} to train")
    return ", ".join(parts)


def plan_text(program: CheckedProgram, width: int | None = None, keys: Sequence[str] | None = None) -> list[str]:
    """The training plan as it was read; `keys` are the lines wanted, None all of them."""
    if program.plan is None:
        return []
    lines = [(name, text) for name, text in plan_lines(program.plan, frozen_text(program.network, program.plan))
             if keys is None or name in keys]
    shown = [name if index == 0 or name != lines[index - 1][0] else "" for index, (name, _) in enumerate(lines)]
    return listed([(name, text) for name, (_, text) in zip(shown, lines, strict=True)], width=width)


def reader_text(program: CheckedProgram, width: int | None = None) -> list[str]:
    """What each reader says of itself."""
    lines = []
    for phase, reader in program.readers.items():
        lines += _described(phase, describe_reader(reader), type(reader).name())
    return lines if width is None else [piece for line in lines for piece in wrapped_line(line, width)]


def _described(phase: str, description: Description | DataError, name: str) -> list[str]:
    if isinstance(description, DataError):
        return [f"{phase}: {name}, {description.title}"]
    count = f"{description.count:,} samples" if description.count is not None else "number of samples not known"
    lines = [f"{phase}: {name}, {count}"]
    for stream in description.streams:
        shape = " x ".join(str(d) for d in stream.dims) if stream.dims else "shape not known"
        kind = f"{stream.classes} classes" if stream.classes is not None else shape
        lines.append(f"    {stream.name}: {kind}" + (f" ({stream.note})" if stream.note else ""))
    lines += [f"    {fact}" for fact in description.facts]
    lines += [f"    not there: {path}" for path in description.missing[:3]]
    return lines


# --- JSON --------------------------------------------------------------------------------------------


def to_json(checked: CheckResult) -> dict[str, Any]:
    """The form of `check --format json`, as docs/cli.md states it."""
    program = checked.program
    result: dict[str, Any] = {"network": checked.source.name, "nodes": [], "totals": None, "plan": None,
                              "reader": None}
    if program is not None:
        total, memory = checked.totals, estimate_memory(program)
        trained_numbers, trained_tensors = trainable(program)
        result["nodes"] = [_node_json(node) for node in program.network]
        result["nodes"] += [{**_node_json(node), "used": False} for node in checked.unused]
        result["totals"] = {
            "parameters": total.parameters, "parameterTensors": total.parameter_tensors,
            "trainableParameters": trained_numbers, "trainableTensors": trained_tensors, "macs": total.macs,
            "neurons": total.neurons, "activationBytes": memory.activation_bytes,
            "trainingBytes": memory.training_bytes,
        }
        result["plan"] = plan_record(program.plan, frozen_text(program.network, program.plan)) \
            if program.plan is not None else None
        result["reader"] = _reader_json(program)
    result["diagnostics"] = [diagnostic_json(d) for d in checked.diagnostics]
    return result


def _node_json(node: ShapedNode) -> dict[str, Any]:
    return {"name": node.name, "layer": node.layer.name(), "inputs": [use.node for use in node.inputs],
            "shape": list(node.shape.file_dims), "parameters": node.cost.parameters, "macs": node.cost.macs,
            "file": node.span.source.name, "line": node.span.line}


def _reader_json(program: CheckedProgram) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for phase, reader in program.readers.items():
        described = describe_reader(reader)
        if isinstance(described, DataError):
            found[phase] = {"reader": type(reader).name(), "error": described.title}
            continue
        streams = [{"name": s.name, "shape": list(s.dims) if s.dims else None, "classes": s.classes, "note": s.note}
                   for s in described.streams]
        found[phase] = {"reader": type(reader).name(), "count": described.count, "streams": streams,
                        "missing": list(described.missing)}
    return found or None


def diagnostic_json(d: Diagnostic) -> dict[str, Any]:
    """One diagnostic: place as file, line, column (from 1) and the end just after the last character."""
    span = d.primary.span
    end_line, end_column = span.end_position
    related = [{"message": label.text, "file": label.span.source.name, "line": label.span.line,
                "column": label.span.column} for label in d.related]
    return {"code": d.code, "severity": d.severity, "message": d.title, "label": d.primary.text,
            "file": span.source.name, "line": span.line, "column": span.column, "endLine": end_line,
            "endColumn": end_column, "related": related, "hint": d.hint,
            "fix": [_edit_json(edit) for edit in d.edits]}


def _edit_json(edit: Edit) -> dict[str, Any]:
    """A piece of the text and what to write in its place."""
    end_line, end_column = edit.span.end_position
    return {"file": edit.span.source.name, "line": edit.span.line, "column": edit.span.column, "endLine": end_line,
            "endColumn": end_column, "text": edit.text}

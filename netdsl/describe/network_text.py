"""The table of a network, its totals, plan and reader: as text and as JSON."""

from __future__ import annotations

from typing import Any

from ..base.diagnostics import Diagnostic
from ..checks.memory_estimate import estimate_memory
from ..compiler import CheckResult
from ..drawing.graph.diagram import layer_name, option_texts
from ..ir.network import NetworkTotals, Node, ShapedNode
from ..ir.program import CheckedProgram
from ..optimizers.plan_text import plan_lines, plan_record
from ..readers.reader import DataError, Description, describe_reader

Row = tuple[str, str, str, str, str, str]
HEADER: Row = ("name", "layer", "output", "parameters", "multiply-adds", "share")


def table(checked: CheckResult, width: int = 100) -> str:
    """Rows up to where the shapes are known, a marked row for each that failed, and the totals."""
    program = checked.program
    if program is None:
        return ""
    total = checked.totals
    rows = [_row(node, program, total) for node in _ordered(program) if not _folded(node, program)]
    rows += [(node.name, node.layer.show(), "?", "", "", "<- error") for node in checked.failed]
    lines = _aligned(rows, width)
    if not checked.failed:
        lines += ["", *totals_text(program, total)]
    return "\n".join(lines) + "\n"


def _ordered(program: CheckedProgram) -> list[ShapedNode]:
    """Inputs first, in the order of the file; the rest as it is computed."""
    inputs = [node for node in program.network if node.layer.is_input]
    inputs.sort(key=lambda node: node.span.start if node.span.source is program.source else -1)
    return inputs + [node for node in program.network if not node.layer.is_input]


def _row(node: ShapedNode, program: CheckedProgram, total: NetworkTotals) -> Row:
    cost = node.cost
    texts = option_texts(node)
    shown = layer_name(node) + (f" {', '.join(texts)}" if texts else "")
    activation = f"{node.name}.activation"
    if activation in program.network and _folded(program.network[activation], program):
        shown += f" : {program.network[activation].layer.show().removesuffix(' {}')}"
    if node.weights != node.name and node.layer.parameters([program.network[u.node].shape for u in node.inputs]):
        shown += f" (weights of {node.weights})"
    share = f"{100 * cost.macs / total.macs:.1f} %" if cost.macs and total.macs else ""
    return (node.name, shown, str(node.shape), f"{cost.parameters:,}" if cost.parameters else "",
            f"{cost.macs:,}" if cost.macs else "", share)


def _folded(node: Node, program: CheckedProgram) -> bool:
    """An activation without parameters stands in the row of the layer it belongs to."""
    owner = node.name.removesuffix(".activation")
    if owner == node.name or owner not in program.network:
        return False
    return len(node.inputs) == 1 and node.inputs[0].node == owner and not program.network[node.name].cost.parameters


def _aligned(rows: list[Row], width: int) -> list[str]:
    rows = _grouped(rows, width)
    columns = list(zip(HEADER, *(row for row in rows if row[2]), strict=True))
    sizes = [max(len(cell) for cell in column) for column in columns]
    fixed = sum(sizes) - sizes[1] + 2 * (len(sizes) - 1)
    sizes[1] = max(12, min(sizes[1], width - fixed))
    lines = []
    for row in (HEADER, *rows):
        cells = [_clip(cell, size) if i == 1 else cell for i, (cell, size) in enumerate(zip(row, sizes, strict=True))]
        padded = [cell.ljust(size) if i < 2 else cell.rjust(size) for i, (cell, size) in
                  enumerate(zip(cells, sizes, strict=True))]
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "-" * max(len(line) for line in lines))
    return lines


def _grouped(rows: list[Row], width: int) -> list[Row]:
    """Where the table is wide, what names have in common stands once above them: `a.b.`, then `c` and `d`."""
    if sum(max(len(cell) for cell in column) + 2 for column in zip(HEADER, *rows, strict=True)) <= width + 2:
        return rows
    found: list[Row] = []
    above = ""
    for row in rows:
        group, dot, last = row[0].rpartition(".")
        if group and group != above:
            found.append((group + dot, "", "", "", "", ""))
        above = group
        found.append((f"  {last}" if group else last, *row[1:]))
    return found


def _clip(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 3] + "..."


def totals_text(program: CheckedProgram, total: NetworkTotals) -> list[str]:
    """Lines that say what each number counts."""
    memory = estimate_memory(program)
    lines = [
        f"parameters         {total.parameters:,} in {total.parameter_tensors} tensors "
        f"({mebibytes(memory.weight_bytes)})",
        f"multiply-adds      {total.macs:,} for one sample, of convolutions and matrix products",
        f"FLOPs              {total.flops:,} (1 multiply-add = 2 FLOPs; biases, activations, pooling, norms not "
        "counted)",
        f"neurons            {total.neurons:,} outputs of layers with weights",
        f"activations        {mebibytes(memory.activation_bytes)} for one sample, kept for the backward pass, float32",
    ]
    if program.plan is not None:
        lines += [
            f"memory to train    {mebibytes(memory.training_bytes)} at a minibatch of {memory.minibatch}: weights "
            f"{mebibytes(memory.weight_bytes)}, gradients {mebibytes(memory.gradient_bytes)},",
            f"                   optimizer {mebibytes(memory.optimizer_bytes)}, activations "
            f"{mebibytes(memory.minibatch * memory.activation_bytes)}; workspace of the device not counted",
        ]
    return lines


def plan_text(program: CheckedProgram) -> list[str]:
    """The training plan as it was read."""
    if program.plan is None:
        return []
    lines = plan_lines(program.plan)
    size = max(len(name) for name, _ in lines)
    shown = [name if index == 0 or name != lines[index - 1][0] else "" for index, (name, _) in enumerate(lines)]
    return [f"{name.ljust(size)}  {text}" for name, (_, text) in zip(shown, lines, strict=True)]


def reader_text(program: CheckedProgram) -> list[str]:
    """What each reader says of itself."""
    lines = []
    for phase, reader in program.readers.items():
        lines += _described(phase, describe_reader(reader), type(reader).name())
    return lines


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


def mebibytes(count: int) -> str:
    """Bytes in MiB (2**20), or GiB where that reads better."""
    if count >= 10 * 2**30:
        return f"{count / 2**30:,.1f} GiB"
    if count < 2**10:
        return f"{count} bytes"
    return f"{count / 2**20:,.1f} MiB" if count >= 2**20 else f"{count / 2**10:,.1f} KiB"


# --- JSON --------------------------------------------------------------------------------------------


def to_json(checked: CheckResult) -> dict[str, Any]:
    """The form of `check --format json`, as docs/cli.md states it."""
    program = checked.program
    result: dict[str, Any] = {"network": checked.source.name, "nodes": [], "totals": None, "plan": None,
                              "reader": None}
    if program is not None:
        total, memory = checked.totals, estimate_memory(program)
        result["nodes"] = [_node_json(node) for node in program.network]
        result["totals"] = {
            "parameters": total.parameters, "parameterTensors": total.parameter_tensors, "macs": total.macs,
            "neurons": total.neurons, "activationBytes": memory.activation_bytes,
            "trainingBytes": memory.training_bytes,
        }
        result["plan"] = plan_record(program.plan) if program.plan is not None else None
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
    """One diagnostic: place as file, line, column (from 1) and the end just behind the last character."""
    span = d.primary.span
    end_line, end_column = span.end_position
    related = [{"message": label.text, "file": label.span.source.name, "line": label.span.line,
                "column": label.span.column} for label in d.related]
    return {"code": d.code, "severity": d.severity, "message": d.title, "label": d.primary.text,
            "file": span.source.name, "line": span.line, "column": span.column, "endLine": end_line,
            "endColumn": end_column, "related": related, "hint": d.hint}

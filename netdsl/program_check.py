"""Compare the parts of a program: reader against inputs, criteria against the rule, budgets. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from .diagnostics import Diagnostic, Label, did_you_mean
from .elaborate.budget import OPERATORS
from .estimate import estimate_memory
from .network import ShapedNode, totals
from .program import Program
from .readers.base import DataError, Description, Reader, Stream
from .spec import show_value

ShapedProgram = Program[ShapedNode]


def check_program(program: ShapedProgram) -> list[Diagnostic]:
    """Every disagreement between the parts of a program whose shapes are known."""
    found = [*_criteria(program), *_swapped(program), *_budgets(program)]
    for phase in ("train", "test", "validation"):
        reader = getattr(program.readers, phase)
        if reader is not None:
            found += _reader(program, phase, reader)
    return found


def _criteria(program: ShapedProgram) -> Iterator[Diagnostic]:
    for kind in ("criterionNodes", "evaluationNodes"):
        for name in program.special.get(kind, ()):
            if name not in program.network:
                continue
            node = program.network[name]
            if node.shape.size != 1:
                yield Diagnostic(
                    "shape-mismatch", f"`{program.shown_name(name)}` in {kind} is not one number per sample",
                    Label(node.span, f"this is {node.shape}"), related=(Label(program.spans[kind], "listed here"),),
                    hint="a criterion such as CrossEntropyWithSoftmax gives one number; ReduceSum makes one of many.")
            elif kind == "criterionNodes" and node.layer.is_metric:
                yield Diagnostic(
                    "no-criterion", f"`{program.shown_name(name)}` counts, and cannot be trained on",
                    Label(node.span, f"{node.layer.name()} has no gradient"),
                    related=(Label(program.spans[kind], "listed here"),),
                    hint="train on CrossEntropyWithSoftmax and list this in `evaluationNodes`.")


def _swapped(program: ShapedProgram) -> Iterator[Diagnostic]:
    """`CrossEntropyWithSoftmax (z, labels)`: the targets come first, and training would run away silently."""
    learned = {node.name for node in program.network if node.cost.parameters}
    for node in program.network:
        if len(node.inputs) < 2 or node.layer.inputs[:1] not in (("labels",), ("label",)):
            continue
        targets, values = node.inputs[0], node.inputs[1]
        if program.network[values.node].layer.is_data and program.network.ancestors([targets.node]) & learned:
            yield Diagnostic(
                "wrong-inputs", f"the two inputs of {node.layer.name()} are swapped: the targets come first",
                Label(targets.span, "this depends on what is learned"),
                related=(Label(values.span, "this is data"),),
                hint=f"write `{node.layer.name()} ({values.span.text}, {targets.span.text})`.")


def _budgets(program: ShapedProgram) -> Iterator[Diagnostic]:
    if not program.budgets:
        return
    total = totals(program.network)
    memory = estimate_memory(program)
    values = {"parameters": total.parameters, "parameterTensors": total.parameter_tensors, "macs": total.macs,
              "neurons": total.neurons, "activationBytes": memory.activation_bytes,
              "trainingBytes": memory.training_bytes}
    for budget in program.budgets:
        value = values[budget.quantity]
        if not OPERATORS[budget.operator](value, budget.limit):
            largest = sorted(program.network, key=lambda n: -n.cost.parameters)[:3]
            body = ("The largest by parameters: " + ", ".join(f"{n.name} ({n.cost.parameters:,})" for n in largest)
                    + ".",) if budget.quantity == "parameters" else ()
            yield Diagnostic("budget", f"the budget `{budget.quantity} {budget.operator} {show_value(budget.limit)}` "
                             "is not kept", Label(budget.span, f"the network has {value:,}"), body=body)


# --- the reader -----------------------------------------------------------------------------------------


def describe(reader: Reader) -> Description | DataError:
    """What a reader says of itself, or what is wrong with its data."""
    try:
        return reader.describe()
    except DataError as wrong:
        return wrong


def _reader(program: ShapedProgram, phase: str, reader: Reader) -> Iterator[Diagnostic]:
    description = describe(reader)
    if isinstance(description, DataError):
        yield data_page(program, phase, description)
        return
    if description.missing and program.readers.sample is None:
        yield data_page(program, phase, DataError(
            f"`{description.missing[0]}` is not there", path=description.missing[0],
            hint="set the folder with an override such as `dataDir=PATH`, or fetch it with `netdsl data`."), "warning")
    inputs = {node.name: node for node in program.network if node.layer.is_data}
    for stream in description.streams:
        node = inputs.get(stream.name)
        if node is not None:
            yield from _stream(program, phase, reader, stream, node)
    delivered = {stream.name for stream in description.streams}
    for name, node in inputs.items():
        if name not in delivered:
            yield Diagnostic(
                "reader-shape", f"the {phase} reader delivers nothing for the input `{name}`",
                Label(program.readers.spans.get(phase, node.span), f"it delivers {', '.join(sorted(delivered))}"),
                related=(Label(node.span, did_you_mean(name, delivered) or "this input"),),
                hint=f"rename the input, or name the reader's data after it: "
                     f"`featuresInput = \"{name}\"` or `labelsInput = \"{name}\"`.")


def _stream(program: ShapedProgram, phase: str, reader: Reader, stream: Stream, node: ShapedNode
            ) -> Iterator[Diagnostic]:
    if stream.dims is None:
        return
    delivered = 1
    for extent in stream.dims:
        delivered *= extent
    same_size = delivered == node.shape.size
    flat = len(stream.dims) == 1 or node.shape.rank == 1
    class_index = stream.classes is not None and node.shape.size == 1
    if tuple(stream.dims) == node.shape.file_dims or (same_size and flat) or class_index:
        return
    shown = " x ".join(str(d) for d in stream.dims)
    if stream.classes is not None:
        label, why = f"the reader has {stream.classes} classes", f"the network takes {node.shape}"
        hint = f"either the data has other classes than meant, or `{node.name}` needs {stream.classes} of them."
    else:
        label, why = f"the reader delivers {shown}", f"the network takes {node.shape}"
        hint = f"either give `{node.name}` the shape {':'.join(str(d) for d in stream.dims)}, or make the reader " \
               f"deliver {node.shape}, for example with `Scale {{{':'.join(str(d) for d in node.shape.file_dims)}}}`."
    yield Diagnostic(
        "reader-shape", f"the {phase} reader and the network disagree about `{node.name}`",
        Label(program.readers.spans.get(phase, node.span), label), related=(Label(node.span, why),),
        hint=hint)


def data_page(program: ShapedProgram, phase: str, wrong: DataError, severity: str = "error") -> Diagnostic:
    """A DataError as a page that points at the reader, or at its option that names the file."""
    spans = program.readers.spans
    span = spans.get(f"{phase}.{wrong.option}") or spans.get(phase)
    if span is None:
        span = program.source.span(0, 0)
    where = ", ".join(part for part in (wrong.path, wrong.place) if part)
    body = ((f"In {where}.",) if where else ()) + wrong.body
    return Diagnostic("reader-file", wrong.title, Label(span, f"read for `{phase}`"), body=body, hint=wrong.hint,
                      severity=severity)

"""Why a training cannot go on, as diagnostics: a criterion that is no number, memory that does not suffice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from ..base.classes import NO_CLASS
from ..base.codes import Code
from ..base.failure import Failure, failure
from ..base.source import Span
from ..base.units import disk_text
from ..checks.column_sizes import uneven_columns
from ..checks.compared import check_ranges
from ..checks.memory_estimate import Memory, estimate_memory
from ..ir.program import CheckedProgram, Phase
from ..lower import Executable, LayerModule
from ..optimizers.plan import TrainingPlan
from ..readers.reader import describe_reader
from .data.loader import free_memory
from .step import Precision, Tensors


@dataclass(frozen=True)
class Range:
    """Smallest and largest number of a tensor, and how many are not finite."""

    low: float
    high: float
    bad: int
    size: int

    @staticmethod
    def of(tensor: torch.Tensor) -> Range:
        tensor = tensor.detach().float()
        finite = tensor[torch.isfinite(tensor)]
        low, high = (finite.min().item(), finite.max().item()) if finite.numel() else (float("nan"), float("nan"))
        return Range(low, high, tensor.numel() - finite.numel(), tensor.numel())

    def __str__(self) -> str:
        if self.bad == self.size:
            return "no finite number"
        text = f"{self.low:.4g} to {self.high:.4g}"
        return text + (f", {self.bad:,} of {self.size:,} not finite" if self.bad else "")


@dataclass(frozen=True)
class Culprit:
    """The first node whose output is not finite, and what it was given."""

    node: str
    layer: str
    span: Span
    output: Range
    inputs: tuple[tuple[str, Range], ...]
    owned: tuple[tuple[str, Range], ...]

    def table(self) -> str:
        """Ranges of inputs, parameters and output, as a block for a diagnostic."""
        rows = [(f"input `{name}`", text) for name, text in self.inputs]
        rows += [(f"its {name}", text) for name, text in self.owned] + [("output", self.output)]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"    {name:<{width}}  {text}" for name, text in rows)


class _Search(fx.Interpreter):
    """Runs a network node by node until an output is not finite."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.culprit: Culprit | None = None

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if self.culprit is None and isinstance(result, torch.Tensor) and result.is_floating_point() \
                and "node" in n.meta and not torch.isfinite(result).all():
            module = self.module.get_submodule(str(n.target))
            assert isinstance(module, LayerModule)
            inputs = tuple((str(use.meta.get("node") or use.meta["input"]), Range.of(self.env[use]))
                           for use in n.all_input_nodes if isinstance(self.env.get(use), torch.Tensor))
            owned = tuple((own, Range.of(getattr(module, own))) for own in module.owned)
            self.culprit = Culprit(n.meta["node"], module.layer.show(), n.meta["span"], Range.of(result), inputs, owned)
        return result


def first_bad(executable: Executable, inputs: Tensors, precision: Precision) -> Culprit | None:
    """Re-run a minibatch, in the mode the network is in, and find where numbers stop being finite.

    Running statistics that the re-run would change are put back.
    """
    kept = {name: tensor.clone() for name, tensor in executable.module.named_buffers()}
    search = _Search(executable.module)
    with torch.no_grad(), precision.context():
        search.run(*executable.arguments(inputs))
        for name, tensor in executable.module.named_buffers():
            tensor.copy_(kept[name])
    return search.culprit


def diverged(program: CheckedProgram, culprit: Culprit | None, value: float, rate: float, step: int,
             epoch: int) -> Failure:
    """The diagnostic of a criterion that is not a number."""
    when = f"in epoch {epoch}, at update {step + 1:,}, with the rate {rate:.4g} on the mean gradient"
    criterion = program.network[program.criteria[0]]
    if culprit is None:
        return failure(
            Code.DIVERGED,
            f"the criterion is {value}",
            criterion.span,
            "this is no longer a finite number",
            body=(f"It happened {when}; run again, every node's output is finite.",),
            hint=_hint(program, None),
        )
    return failure(
        Code.DIVERGED, "training diverged: the criterion is not a number", culprit.span,
        f"the first output that is not finite: `{culprit.node}`",
        body=(f"It happened {when}. These are the numbers there:", culprit.table()), hint=_hint(program, culprit))


def not_finite(program: CheckedProgram, culprit: Culprit | None, phase: str) -> Failure:
    """The diagnostic of a criterion that is not a number on the data of a phase, though training went on."""
    title = f"the criterion on the {phase} data is not a number"
    if culprit is None:
        return failure(Code.DIVERGED, title, program.network[program.criteria[0]].span, "this is not a finite number",
                       hint="look at the tensors with `netdsl info`, and train with a lower rate.")
    wrong_labels = labels_out_of_range(program, culprit)
    if wrong_labels:
        hint = wrong_labels
    elif any(found.bad for _, found in culprit.owned):
        hint = "the weights themselves are not finite: use an earlier checkpoint, and train with a lower rate."
    elif any(found.bad for _, found in culprit.inputs):
        hint = _hint(program, culprit)
    elif not culprit.owned and all(name in program.inputs for name, _ in culprit.inputs):
        hint = "the data have numbers that are too large for this: look at the samples, or scale them first."
    else:
        hint = "weights or running statistics have grown out of range in training: train with a lower rate."
    return failure(Code.DIVERGED, title, culprit.span, f"the first output that is not finite: `{culprit.node}`",
                   body=("These are the numbers there:", culprit.table()), hint=hint)


def labels_out_of_range(program: CheckedProgram, culprit: Culprit) -> str:
    """What to say where the culprit was given labels that are none of its classes; else nothing."""
    node = program.network[culprit.node]
    shapes = [program.network[use.node].shape for use in node.inputs]
    largest = node.layer.largest_label(shapes) if shapes else max(node.shape.dims[0], 1) - 1
    given = culprit.inputs[0][1] if culprit.inputs else None
    if largest is None or given is None or (not shapes and not node.layer.is_input) or given.bad \
            or ((given.low >= 0 or given.low == NO_CLASS) and given.high <= largest):
        return ""
    wrong = given.high if given.high > largest else given.low
    return f"labels are 0 to {largest} here, and the data have {wrong:g}: look at the samples, and at how many " \
           "classes the network has."


def _hint(program: CheckedProgram, culprit: Culprit | None) -> str:
    wrong_labels = labels_out_of_range(program, culprit) if culprit is not None else ""
    if wrong_labels:
        return wrong_labels
    doubt = next(check_ranges(program), None)
    if doubt is not None:
        return f"{doubt.title}: {doubt.hint}"
    if culprit is not None and any(r.bad for _, r in culprit.inputs) and not culprit.owned:
        return "the data have numbers that are not finite: look at the samples of this minibatch."
    train = program.readers.get(Phase.TRAIN)
    uneven = uneven_columns(program, describe_reader(train)) if train is not None else None
    if uneven is not None:
        return f"{uneven.title}: {uneven.hint}"
    return "lower the rate (by 10 at first), begin with `warmup = 1`, or limit the gradients: `gradientClipping = 1`."


@contextmanager
def translate_torch_errors(program: CheckedProgram, plan: TrainingPlan, device: torch.device) -> Iterator[None]:
    """Turn what torch says of memory and of deterministic algorithms into diagnostics."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise out_of_memory(program, device, plan.pieces) from error
        if "deterministic implementation" not in str(error):
            raise
        span = plan.spans.get("deterministic") or Span.nowhere(program.source.name)
        raise failure(Code.NOT_DETERMINISTIC, "the network needs an operation that is not deterministic here", span,
                      "no other is wanted", body=(f"On {device}, torch says: {str(error).split('. ')[0]}.",),
                      hint="use `deterministic = false` or --device cpu.") from error


#: What torch says where memory does not suffice, or where not even the number of bytes can be held.
_SHORT = ("can't allocate memory", "out of memory", "Storage size calculation overflowed")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch says that memory is short; on the CPU it says so in words only."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(words in text for words in _SHORT))


def out_of_memory(program: CheckedProgram, device: torch.device, pieces: int) -> Failure:
    """The diagnostic with the memory table and the minibatch that would fit."""
    memory = estimate_memory(program)
    available = total_memory(device)
    # Where the count says that it fits, something that was not counted did not: work space, other programs.
    fits = min(largest_minibatch(memory, available), memory.minibatch // 2)
    rows = [("weights", memory.weight_bytes), ("gradients", memory.gradient_bytes),
            ("optimizer", memory.optimizer_bytes), ("statistics", memory.buffer_bytes),
            (f"activations of {memory.minibatch} samples", memory.minibatch * memory.activation_bytes),
            ("in all, about", memory.training_bytes), (f"the device ({device}) has", available)]
    width = max(len(name) for name, _ in rows)
    sizes = [disk_text(size) for _, size in rows]
    digits = max(map(len, sizes))
    table = "\n".join(f"    {name:<{width}}  {size:>{digits}}" for (name, _), size in zip(rows, sizes, strict=True))
    beside = () if memory.training_bytes > available else (
        "By this count it fits: other programs, a limit on this process or what is not counted took the rest.",)
    spans = program.plan.spans if program.plan is not None else {}
    span = spans.get("minibatchSize") or program.spans.get("criterionNodes") or Span.nowhere(program.source.name)
    title, label = "the minibatch does not fit into memory", ""
    if fits < 1:
        largest = max(program.network, key=lambda node: node.cost.parameters)
        title, span, label = "the network does not fit into memory", largest.span, "most of the weights are here"
        hint = "the weights alone do not fit: use another device, or a smaller network."
    else:
        hint = f"a minibatch of about {fits} fits: minibatchSize = {fits}, or keep the minibatch and compute it in " \
               f"pieces: numSubminibatches = {max(2, pieces * -(-memory.minibatch // fits))}."
    return failure(Code.OUT_OF_MEMORY, title, span, label,
                   body=("What training needs, counted from the shapes (workspace of the convolutions is extra):",
                         table, *beside), hint=hint)


def largest_minibatch(memory: Memory, available: int) -> int:
    """How many samples fit beside what does not depend on their number, with a tenth to spare."""
    fixed = memory.weight_bytes + memory.gradient_bytes + memory.optimizer_bytes + memory.buffer_bytes
    return max(0, int((0.9 * available - fixed) // max(1, memory.activation_bytes + memory.input_bytes)))


def total_memory(device: torch.device) -> int:
    """Bytes of memory of the device; on the CPU, what is free of the machine's."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1])
    return free_memory(device)

"""What criteria and metrics compare: labels the row can take, masks along their axis, scores or probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.source import Span
from ..ir.network import ShapedNode
from ..ir.program import CheckedProgram, Phase
from ..layers.bounds import POSITIVE, UNIT, Bounds, within
from ..layers.criteria import ClassificationError, Criterion, OverClasses, Thresholded
from ..layers.value_criteria import Binary
from ..readers.reader import DataError, Description, Stream
from .labels import first_label_hint

ShapedProgram = CheckedProgram


def check_compared(program: ShapedProgram, described: Mapping[Phase, Description | DataError]) -> Iterator[Diagnostic]:
    """Labels of the data that a criterion or metric cannot mean, each kind once."""
    told: set[tuple[str, int]] = set()
    for phase, description in described.items():
        for stream in description.streams if isinstance(description, Description) else ():
            for node in program.network.users(stream.name) if stream.name in program.inputs else ():
                labels = program.network[stream.name]
                if node.inputs[0].node != stream.name or not isinstance(node.layer, Criterion | Thresholded):
                    continue
                problems = (_mask(stream, labels, node), _out_of_range(program, phase, stream, labels, node),
                            _largest_of_several(program, stream, node))
                for kind, found in enumerate(problems):
                    if found is not None and (stream.name, kind) not in told:
                        told.add((stream.name, kind))
                        yield found


# --- masks -------------------------------------------------------------------------------------------------


def _mask(stream: Stream, labels: ShapedNode, node: ShapedNode) -> Diagnostic | None:
    """A mask compared as if it were one value, or one whose pixels without a class are not left out."""
    layer = node.layer
    if not stream.per_pixel:
        return None
    if isinstance(layer, OverClasses):
        if layer.axis:
            return None
        return Diagnostic(
            Code.WRONG_INPUTS, f"{layer.name()} treats all pixels of a mask as classes of one sample",
            Label(node.span, "the labels are a class for each pixel"),
            hint="set the axis of the classes: `axis = 3`.")
    if isinstance(layer, Binary):
        if layer.axis or _is_number(stream, labels):
            return None
        return _warning(f"{layer.name()} counts pixels without a class as pixels of no class", node.span,
                        "labels of a mask", "set `axis = 3`: then pixels that have none of the classes are left out.")
    return _warning(f"{layer.name()} treats the class numbers of a mask as quantities", node.span, "labels of a mask",
                    "pixels without a class are -100 there, or 0 in all channels: only criteria over classes and "
                    "binary ones leave them out.")


# --- numbers that labels may be ----------------------------------------------------------------------------


def _is_number(stream: Stream, labels: ShapedNode) -> bool:
    """Whether an input of classes holds the number of each class, and not a share for every class."""
    return labels.shape.size == 1 or (stream.per_pixel and labels.shape.dims[0] == 1)


def _out_of_range(program: ShapedProgram, phase: str, stream: Stream, labels: ShapedNode, node: ShapedNode
                  ) -> Diagnostic | None:
    """Labels that are numbers, and one of them means nothing to the row."""
    largest = node.layer.largest_label([program.network[use.node].shape for use in node.inputs])
    low, high = _span(stream)
    if largest is None or high is None or high <= largest or (
            stream.classes is not None and not _is_number(stream, labels)):
        return None
    name, first = node.layer.name(), stream.labels_from
    if largest > 1:
        title = f"the {phase} data have class {high + first:g}, and {name} compares {largest + 1} classes"
        hint = f"give `{node.inputs[1].span.text}` {high + 1:.0f} outputs, one for each class."
    else:
        title = f"{name} takes labels of 0 and 1, and the {phase} data have {high + first:g}"
        hint = "use labels between 0 and 1, or a criterion for numbers such as SquareError."
        if stream.classes is not None:
            hint = f"for {high + 1:.0f} classes use `{labels.name} = Input {{{high + 1:.0f}}}`, a last layer of " \
                   f"{high + 1:.0f} outputs and `CrossEntropyWithSoftmax`."
    if stream.classes is None and stream.dims is not None and len(stream.dims) > 1:
        hint = f"for a mask set `targets = 'mask'`, and `void = {high:g}` if that marks pixels without a class."
    said = f"labels from {low + first:g} to {high + first:g}" if low is not None else f"{stream.classes} classes"
    return Diagnostic(Code.READER_SHAPE, title, Label(program.readers.spans.get(phase, labels.span), said),
                      related=(Label(node.span, "compared here"),), hint=first_label_hint(stream, largest + 1) or hint)


def _largest_of_several(program: ShapedProgram, stream: Stream, node: ShapedNode) -> Diagnostic | None:
    """A metric for one class of several, on labels that a criterion takes for independent ones."""
    layer = node.layer
    if not isinstance(layer, ClassificationError) or stream.classes is not None:
        return None
    binary = [user for user in program.network.users(stream.name)
              if isinstance(user.layer, Binary) and user.inputs[0].node == stream.name]
    count = layer.classes(program.network[node.inputs[1].node].shape)
    if not binary or count == 1:
        return None
    return Diagnostic(
        Code.DOUBTFUL, f"{layer.name()} looks at the largest of {count} labels only", Label(
            node.span, "one class for each sample"), severity="warning",
        related=(Label(binary[0].span, "every label for itself"),),
        hint="of several labels at once, `HammingLoss` is the share that is wrong, and `SubsetAccuracy` the share of "
             "samples with all of them right; if each sample has exactly one class, leave it as it is.")


def _span(stream: Stream) -> tuple[float | None, float | None]:
    """The smallest and the largest number that the input gets, as far as known."""
    if stream.classes is not None:
        return None if stream.label_span is None else stream.label_span[0] - stream.labels_from, stream.classes - 1
    return stream.value_span or (None, None)


# --- scores and probabilities ----------------------------------------------------------------------------------


def check_ranges(program: ShapedProgram) -> Iterator[Diagnostic]:
    """Criteria on probabilities that get scores, criteria on scores that get probabilities, thresholds out of reach."""
    for node in program.network:
        use = node.inputs[1] if len(node.inputs) > 1 else None
        bounds = program.network[use.node].bounds if use is not None else None
        if use is None or bounds is None:
            continue
        layer, name, other = node.layer, node.layer.name(), node.layer.for_the_other
        if layer.compares == "probabilities" and not within(bounds, UNIT):
            squash = "Softmax" if isinstance(layer, OverClasses) else "Sigmoid"
            yield _warning(f"{name} takes probabilities, and gets {_words(bounds)}", use.span, "not between 0 and 1",
                           f"put a {squash} in front" + (f", or better, use `{other}`, which takes scores." if other
                                                         else "."))
        elif layer.compares == "scores" and within(bounds, UNIT) and not program.network[use.node].layer.is_softmax:
            yield _warning(f"{name} takes scores, and gets numbers between 0 and 1", use.span,
                           "these are already probabilities",
                           f"give it what goes into the {program.network[use.node].layer.name()}, or use `{other}`.")
        elif layer.compares == "scores" and not isinstance(layer, OverClasses) and within(bounds, POSITIVE):
            yield _warning(f"{name} takes scores, and these are never negative", use.span,
                           "so no answer is below 0.5", f"leave the {program.network[use.node].layer.name()} out.")
        elif isinstance(layer, Thresholded) and layer.classes(program.network[use.node].shape) == 1 \
                and not bounds[0] < layer.limit < bounds[1]:
            yield _warning(f"{name} compares with {layer.limit:g}, and gets {_words(bounds)}", use.span,
                           "the answer is always the same", "set `threshold` to a number in between, or compare the "
                           "score itself.")


def _words(bounds: Bounds) -> str:
    """`scores`, or the numbers between which values lie."""
    low, high = bounds
    if not within((low, low), (-1e30, 1e30)):
        return "scores" if high > 0 else f"numbers up to {high:g}"
    return f"numbers from {low:g} on" if high > 1e30 else f"numbers from {low:g} to {high:g}"


def _warning(title: str, span: Span, label: str, hint: str) -> Diagnostic:
    return Diagnostic(Code.DOUBTFUL, title, Label(span, label), hint=hint, severity="warning")

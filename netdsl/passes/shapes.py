"""Infer the shape and cost of every node by its row's rule; go on after a mistake."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from ..base.codes import Code
from ..base.diagnostics import Diagnostic, Label
from ..base.source import Span
from ..ir.network import Network, Node, ShapedNode
from ..ir.program import CheckedProgram, Program
from ..layers.layer import Cost, Layer, Shape, ShapeError
from .shape_history import history


@dataclass(frozen=True)
class Inference:
    """What is known: the program with its shaped nodes in order, the nodes whose rule failed, diagnostics of those."""

    program: CheckedProgram
    failed: tuple[Node, ...]
    diagnostics: tuple[Diagnostic, ...]


def infer_shapes(program: Program) -> Inference:
    """Shapes from the inputs on. A node whose rule fails has a diagnostic; its users are skipped silently."""
    inference = _Inference(program.network)
    shaped = inference.run()
    fields = {field.name: getattr(program, field.name) for field in dataclasses.fields(program)}
    return Inference(CheckedProgram(**{**fields, "network": shaped}), tuple(inference.failed),
                     tuple(inference.diagnostics))


class _Inference:
    def __init__(self, network: Network[Node]) -> None:
        self.network = network
        self.shaped: dict[str, ShapedNode] = {}
        self.owners: dict[str, ShapedNode] = {}
        self.needed = _needed(network)
        self.ruled: dict[tuple[Layer, tuple[Shape, ...], bool], tuple[Shape, Cost]] = {}
        self.failed: list[Node] = []
        self.diagnostics: list[Diagnostic] = []

    def run(self) -> Network[ShapedNode]:
        for node in self.network:
            if all(use.node in self.shaped for use in node.inputs):
                try:
                    self._infer(node)
                except ShapeError as wrong:
                    self.failed.append(node)
                    self.diagnostics.append(self._page(node, wrong))
        for node in list(self.shaped.values()):
            if not node.shape.is_complete:
                self.diagnostics.append(self._incomplete(node))
        return Network(self.shaped[node.name] for node in self.network if node.name in self.shaped)

    def _infer(self, node: Node) -> None:
        shapes = tuple([self.shaped[use.node].shape for use in node.inputs])
        if not all(shape.is_complete for shape in shapes):
            self._complete(node, shapes)
            shapes = tuple([self.shaped[use.node].shape for use in node.inputs])
        layer = node.layer.for_bounds([self.shaped[use.node].bounds for use in node.inputs])
        self._set(node, layer, shapes, *self._rule(layer, shapes, node.name in self.needed))

    def _rule(self, layer: Layer, inputs: tuple[Shape, ...], kept: bool) -> tuple[Shape, Cost]:
        """Shape and cost by the layer's rules; asked once for equal layers on equal inputs: networks repeat blocks."""
        known = self.ruled.get((layer, inputs, kept))
        if known is None:
            shape = layer.shape(inputs)
            if inputs:
                # A use has a batch axis if any of its inputs has; a source knows for itself. A number of the whole
                # data set has none.
                alike = layer.is_set_metric or layer.is_statistic
                shape = Shape(shape.dims, any(s.batched for s in inputs) and not alike)
            known = self.ruled[layer, inputs, kept] = shape, _cost(layer, inputs, shape, kept)
        return known

    def _set(self, node: Node, layer: Layer, shapes: Sequence[Shape], shape: Shape, cost: Cost) -> None:
        owner = self.owners.get(node.weights)
        if owner is not None and owner.name != node.name and (cost.tensors or cost.buffers):
            self._same_weights(node, layer, shapes, owner)
            cost = dataclasses.replace(cost, parameters=0, tensors=0, buffers=0)
        bounds = layer.output_bounds([self.shaped[use.node].bounds for use in node.inputs])
        shaped = ShapedNode(name=node.name, layer=layer, inputs=node.inputs, weights=node.weights, span=node.span,
                            trace=node.trace, option_spans=node.option_spans, shape=shape, cost=cost, bounds=bounds)
        self.shaped[node.name] = shaped
        self.owners.setdefault(node.weights, shaped)

    def _complete(self, node: Node, shapes: Sequence[Shape]) -> None:
        """Fill in extents that parameters left to this user."""
        for use, shape, completed in zip(node.inputs, shapes, node.layer.infer_inputs(shapes), strict=True):
            if completed.dims != shape.dims and completed.is_complete:
                source = self.network[use.node]
                if source.inputs:
                    raise ShapeError(f"the shape of this parameter cannot be inferred through {source.layer.name()}",
                                     label=f"this is {shape}", input=[u.node for u in node.inputs].index(use.node))
                layer = source.layer.with_shape(completed)
                filled = Shape(completed.dims, shape.batched)
                cost = _cost(layer, (), filled, source.name in self.needed)
                self._set(dataclasses.replace(source, layer=layer), layer, (), filled, cost)

    def _same_weights(self, node: Node, layer: Layer, shapes: Sequence[Shape], owner: ShapedNode) -> None:
        first = [self.shaped[use.node].shape for use in owner.inputs]
        here = {name: p.dims for name, p in layer.parameters(shapes).items()}
        there = {name: p.dims for name, p in owner.layer.parameters(first).items()}
        if here != there:
            raise ShapeError(
                f"{layer.name()} is used twice, on inputs that need different weights",
                label=f"here on {shapes[0]}", input=0,
                body=(f"`{owner.name}` was made once, and its weights fit {first[0]}.",),
                hint="make a separate layer for each input, or give both inputs one shape.")

    # -- pages ----------------------------------------------------------------------------------

    def _page(self, node: Node, wrong: ShapeError) -> Diagnostic:
        span = node.span
        if wrong.option is not None:
            span = node.option_span(wrong.option)
        elif wrong.input is not None and wrong.input < len(node.inputs):
            span = _input_mark(node, wrong.input)
        label = wrong.label or _inputs_text(node, self.shaped)
        body = wrong.body
        if node.inputs:
            body = (*body, *history(node, self.shaped))
        return Diagnostic(wrong.code, wrong.title, Label(span, label), related=_uses(node), body=body, hint=wrong.hint)

    def _incomplete(self, node: ShapedNode) -> Diagnostic:
        return Diagnostic(Code.SHAPE_MISMATCH, f"the shape of `{node.name}` cannot be inferred",
                          Label(node.span, f"this is {node.shape}"), related=_uses(node),
                          hint="give the extents that are 0; they are inferred only where a node uses the parameter "
                               "directly.")


def _needed(network: Network[Node]) -> set[str]:
    """The nodes whose values the backward pass keeps: each value once, whoever needs it."""
    needed: set[str] = set()
    for node in network:
        if node.layer.keeps == "output":
            needed.add(node.name)
        elif node.layer.keeps == "inputs":
            needed.update([use.node for use in node.inputs])
    return needed


def _cost(layer: Layer, inputs: Sequence[Shape], shape: Shape, kept: bool) -> Cost:
    cost = layer.cost(inputs, shape if shape.is_complete else Shape((1,), shape.batched))
    if kept and shape.batched:
        cost = dataclasses.replace(cost, activations=cost.activations + shape.size)
    return cost


def _input_mark(node: Node, position: int) -> Span:
    """Where the input is written, if that is in the same text; an operator is marked itself."""
    use = node.inputs[position].span
    inside = node.span.source is use.source and use.start >= node.span.start
    return node.span if len(node.span.text) <= 3 or not inside else use


def _inputs_text(node: Node, shaped: dict[str, ShapedNode]) -> str:
    shapes = [str(shaped[use.node].shape) for use in node.inputs]
    return f"its input is {shapes[0]}" if len(shapes) == 1 else f"its inputs are {' and '.join(shapes)}"[:100]


def _uses(node: Node) -> tuple[Label, ...]:
    spans = [s for s in node.trace if s != node.span]
    return (Label(spans[0], "in this use"),) if spans else ()

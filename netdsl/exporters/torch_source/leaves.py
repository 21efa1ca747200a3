"""Each layer of a network in its PyTorch form, ready to be put into classes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from ...base.codes import Code
from ...base.failure import failure
from ...ir.network import ShapedNode
from ...layers.layer import Shape
from ...layers.torch_form import Call, TorchForm
from ...lower import Executable, LayerModule
from .helpers import HELPERS
from .recorded_form import NotWritable, recorded

#: Names that a module has itself, and those that the file imports or defines.
_TAKEN = frozenset(dir(nn.Module())) | {"self", "torch", "nn", "F", "OrderedDict", *HELPERS}


@dataclass(frozen=True)
class Leaf:
    """One use of a layer. `owner` is the node whose tensors it uses; `lines` come before the expression."""

    node: ShapedNode
    form: TorchForm
    owner: str
    shapes: tuple[Shape, ...] = ()
    lines: tuple[str, ...] = ()
    #: Tensors that no module of torch holds: (own name, extents, whether it is learned).
    raw: tuple[tuple[str, tuple[int, ...], bool], ...] = ()

    @property
    def holds_tensors(self) -> bool:
        return bool(self.raw) or self.form.module is not None

    @property
    def modules(self) -> tuple[Call, ...]:
        """The modules that do the same one after the other; none where no module does."""
        last = self.form.module or self.form.as_module
        return (*self.form.before, last) if last is not None and not self.raw and not self.lines else ()


def leaves_of(executable: Executable, nodes: Sequence[ShapedNode]) -> list[Leaf]:
    """The layers but the inputs, in the network's order. Raises Failure for one that cannot be written."""
    network = executable.network
    sharers: dict[str, list[ShapedNode]] = {}
    for node in nodes:
        sharers.setdefault(node.weights, []).append(node)
    found = []
    for node in nodes:
        shapes = [] if node.layer.is_statistic else [network[use.node].shape for use in node.inputs]
        all_shapes = tuple(network[use.node].shape for use in node.inputs)
        forms = [other.layer.torch_form([network[use.node].shape for use in other.inputs], other.shape)
                 for other in sharers[node.weights]]
        form = node.layer.torch_form(all_shapes, node.shape)
        # Uses that share weights share the module: only where that is one and the same.
        alike = len({other.module for other in forms if other is not None}) <= 1
        if form is not None and alike and node.shape.batched:
            found.append(Leaf(node, form, node.weights, all_shapes))
            continue
        module = LayerModule(node.layer, all_shapes, node.shape, node.span)
        try:
            written = recorded(module, shapes)
        except NotWritable as reason:
            raise failure(Code.CANNOT_EXPORT, f"{node.layer.name()} cannot be written as PyTorch source", node.span,
                          f"{reason}", hint="export it as ONNX or as an exported program.") from reason
        used = "".join((*written.lines, written.expression))
        raw = tuple((own, tuple(spec.dims), spec.learned) for own, spec in module.owned.items()
                    if f"{{own:{own}}}" in used)
        found.append(Leaf(node, TorchForm(written.expression), node.weights, all_shapes, written.lines, raw))
    return found


def without_identities(leaves: Sequence[Leaf]) -> tuple[list[Leaf], Callable[[str], str]]:
    """The leaves that do something, and from a node to the node that has its value."""
    same = {leaf.node.name: leaf.node.inputs[0].node for leaf in leaves if leaf.form.is_identity}

    def source(name: str) -> str:
        while name in same:
            name = same[name]
        return name

    return [leaf for leaf in leaves if not leaf.form.is_identity], source


def identifier(text: str) -> str:
    """A name for Python that no module uses."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII)
    if not name or name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in _TAKEN else name


__all__ = ["Leaf", "identifier", "leaves_of", "without_identities"]

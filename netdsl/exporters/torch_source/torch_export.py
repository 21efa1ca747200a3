"""Program and weights -> one PyTorch source file without netdsl in it, and its weights as safetensors."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ...base.atomic_files import write_result
from ...base.codes import Code
from ...base.failure import failure
from ...layers.layer import Shape
from ..agreement import compared
from ..export_format import Exported, ExportFormat, ExportRequest
from ..preprocessing import DataError, preprocessing_of
from ..weights_export import write_weights
from .leaves import Leaf, leaves_of, without_identities
from .module_groups import Group, grouped
from .source_classes import Classes, camel_case
from .source_text import WIDTH, Header, module_text


class TorchFormat(ExportFormat):
    name = "torch"
    title = "PyTorch source"
    suffix = ".py"
    doc = ("One readable PyTorch file without netdsl in it, as a person would write the module: layers under the names "
           "of the file, groups that repeat as classes, shapes as comments; and its weights beside it as safetensors, "
           "which `load_state_dict` takes. Parameters start by torch's defaults, not as the file says. The module is "
           "compared with the network before it is written.")

    def write(self, request: ExportRequest) -> Exported:
        source = torch_source(request)
        module = source.module()
        state = source.state(module, request)
        module.load_state_dict(state)
        module.eval()
        found = compared(request.executable, lambda inputs: _run(module, request, inputs))
        if not found.is_close:
            node = request.program.network[found.output]
            raise failure(Code.CANNOT_EXPORT, f"the PyTorch source computes other numbers for `{found.output}`",
                          node.span, f"differs by {found.text} of the largest value",
                          hint="this is a fault of netdsl's: please report it with the file; nothing was written.")
        weights = request.target.with_suffix(".safetensors")
        write_result(request.target, source.text)
        write_weights(state, weights, request.facts())
        return Exported((request.target, weights), (f"the module agrees to {found.text} (minibatches of 1 and 3)",))


def _run(module: nn.Module, request: ExportRequest, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    with torch.inference_mode():
        values = module(*request.executable.arguments(inputs))
    return dict(zip(request.executable.roots, values if isinstance(values, tuple) else (values,), strict=True))


class TorchSource:
    """The text of a module, and which tensor of the network is which of its own."""

    def __init__(self, text: str, class_name: str, tensors: Mapping[str, str]) -> None:
        self.text, self.class_name, self.tensors = text, class_name, dict(tensors)

    def module(self) -> nn.Module:
        """The module that the text makes."""
        names: dict[str, Any] = {"__name__": "exported"}
        exec(compile(self.text, "<exported>", "exec"), names)
        made: nn.Module = names[self.class_name]()
        return made

    def state(self, module: nn.Module, request: ExportRequest) -> dict[str, torch.Tensor]:
        """The module's state with the network's tensors; what only torch's modules count stays as it starts."""
        layers = request.executable.layers
        state = dict(module.state_dict())
        for name, key in self.tensors.items():
            owner, _, own = name.rpartition(".")
            state[key] = getattr(layers[owner], own).detach().clone()
        return state


def torch_source(request: ExportRequest) -> TorchSource:
    """The source of a program's outputs. Raises Failure for a layer that cannot be written."""
    executable = request.executable
    network = executable.network
    needed = network.needed(executable.roots)
    nodes = [node for node in network if node.name in needed and not node.layer.is_input]
    leaves, source = without_identities(leaves_of(executable, nodes))
    inputs, roots = tuple(executable.inputs), tuple(source(name) for name in executable.roots)
    root = grouped(leaves, source, inputs, roots)
    class_name = camel_case(request.network_name) or "Network"
    classes = Classes(root, [class_name])
    shapes = {node.name: node.shape for node in network}
    header = Header(_docstring(request, class_name, shapes), class_name, inputs, roots)
    return TorchSource(module_text(root, classes, shapes, header), class_name, dict(_keys(root, "")))


def _keys(group: Group, prefix: str) -> list[tuple[str, str]]:
    """(the network's tensor, the module's key) for all that the module holds."""
    found: list[tuple[str, str]] = []
    for step in group.steps:
        if isinstance(step.item, Group):
            found += _keys(step.item, f"{prefix}{step.name}.")
            continue
        leaf = step.item
        if leaf.owner != leaf.node.name and any(
                isinstance(other.item, Leaf) and other.item.node.name == leaf.owner for other in group.steps):
            continue
        if leaf.form.module is not None:
            owned = [own for own in leaf.node.layer.parameters(leaf.shapes) if own not in leaf.form.left_out]
            found += [(f"{leaf.owner}.{own}", f"{prefix}{step.name}.{leaf.form.own.get(own, own)}") for own in owned]
        found += [(f"{leaf.owner}.{own}", f"{prefix}{step.name}_{own}") for own, _, _ in leaf.raw]
    return found


def _docstring(request: ExportRequest, class_name: str, shapes: Mapping[str, Shape]) -> str:
    facts = request.facts()
    weights = request.target.with_suffix(".safetensors").name
    lines = [f"{class_name}: the network of {request.network_name}.net, exported by netdsl {facts['netdsl']}.", ""]
    for name in request.executable.inputs:
        lines += _filled(f"Input `{name}`: {_extents(shapes[name])}{_pixels(request, name)}.")
    for name, output in zip(request.output_names, request.outputs, strict=True):
        what = f", {output.scale} of {output.of}" if output.of != "numbers" and output.scale != "order" else ""
        lines += _filled(f"Output `{name}`: {_extents(shapes[output.node])}{what}.")
    lines += ["", f"The weights ({facts['weights']}) are in {weights}:", "",
              "    from safetensors.torch import load_file", "",
              f"    model = {class_name}()", f'    model.load_state_dict(load_file("{weights}"))', "    model.eval()",
              "",
              "Without them the parameters start by torch's defaults, not as the .net file says.", ""]
    return "\n".join(lines)


def _filled(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH - 10, subsequent_indent="    ")


def _extents(shape: Shape) -> str:
    return f"({', '.join(['N', *map(str, shape.dims)])})"


def _pixels(request: ExportRequest, name: str) -> str:
    """The range and the order of colours of an image input."""
    try:
        image = preprocessing_of(request.program, name)
    except DataError:
        return ""
    return f", {image.pipeline.note(image.dims[0])}" if image is not None else ""


__all__ = ["TorchFormat", "TorchSource", "torch_source"]

"""Network[ShapedNode] -> Executable: a torch.fx GraphModule, the same on CPU and CUDA."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn

from .base.codes import Code
from .base.failure import failure
from .base.seeds import generator_for
from .base.source import NOWHERE, Span
from .base.suggest import did_you_mean
from .ir.network import Network, ShapedNode
from .ir.program import CheckedProgram
from .layers.initializers import InitializationError
from .layers.layer import Layer, ParameterSpec, Shape

#: The key of a use's settings that keeps it out of training mode.
FROZEN = "frozen"


class LayerModule(nn.Module):
    """One use of a layer: owns its parameters and calls the row's `forward`.

    Buffers and parameters have the names that the row gives them. What `forward` may need beside
    them: `inputs`, `output` (Shapes), `prepared` (what `prepare` returned), `settings` (values that
    the training plan provides, such as the dropout rate).
    """

    def __init__(self, layer: Layer, inputs: Sequence[Shape], output: Shape, span: Span | None = None) -> None:
        super().__init__()
        self.layer, self.inputs, self.output, self.span = layer, tuple(inputs), output, span
        self.prepared = layer.prepare(inputs, output)
        self.settings: dict[str, Any] = {}
        self.owned: dict[str, ParameterSpec] = layer.parameters(inputs)
        for name, parameter in self.owned.items():
            tensor = torch.empty(parameter.dims)
            if parameter.learned:
                self.register_parameter(name, nn.Parameter(tensor))
            else:
                self.register_buffer(name, tensor, persistent=parameter.saved)

    def train(self, mode: bool = True) -> LayerModule:
        """Training or not; a frozen use is computed as outside of training, whatever mode the others are in."""
        super().train(mode)
        self.training = mode and not self.settings.get(FROZEN, False)
        return self

    def initialize(self, seed: int, name: str) -> None:
        """Fill every tensor from the run's seed and its own full name; the device does not matter.

        Raises Failure where a start is to be read from a file that is missing or does not fit.
        """
        for own, parameter in self.owned.items():
            tensor = getattr(self, own).data
            start = torch.empty(tensor.shape)
            try:
                parameter.init.fill(start, generator_for(seed, f"{name}.{own}"))
            except InitializationError as error:
                raise failure(Code.NO_FILE, error.title, self.span or NOWHERE, f"`{error.option}` is set here",
                              hint=error.hint) from None
            tensor.copy_(start)

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        if torch.compiler.is_compiling():
            return self.layer.forward(self, *tensors)
        try:
            return self.layer.forward(self, *tensors)
        except Exception as error:
            if self.span is not None and not getattr(error, "__notes__", None):
                error.add_note(f"in {self.layer.show()} at {self.span}")
            raise

    def extra_repr(self) -> str:
        return self.layer.show()


class SampleWeights(nn.Module):
    """How much each sample counts in the mean of a use of a layer (N, 1). Owns nothing."""

    def __init__(self, use: LayerModule) -> None:
        super().__init__()
        self.use = (use,)  # not registered: its tensors belong to the use alone

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        (use,) = self.use
        return use.layer.sample_weights(use, *(tensor.detach() for tensor in tensors))


@dataclass(frozen=True)
class Executable:
    """A network that runs.

    `module (**inputs)` takes tensors by input name (batch axis first) and gives a dict of tensors by
    node name: criteria and metrics as (N, 1), outputs as (N, ...), set metrics as what they add up.
    """

    module: fx.GraphModule
    network: Network[ShapedNode]
    inputs: Mapping[str, Shape]
    roots: tuple[str, ...]
    layers: Mapping[str, LayerModule]  #: by `weights` name; a use that shares weights has no entry
    #: Roots whose samples do not all count alike: under which key the dict has their weights, (N, 1).
    sample_weights: Mapping[str, str] = field(default_factory=dict)

    def arguments(self, tensors: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """What `module` takes, in its order, from tensors by input name."""
        return tuple(tensors[name] for name in self.inputs)

    def __call__(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Tensors by input name (batch axis first) -> tensors by node name, for each root."""
        return self.module(*self.arguments(tensors))  # type: ignore[no-any-return]

    def initialize(self, seed: int) -> None:
        """Start every parameter from the run's seed and the parameter's name."""
        for name, layer in self.layers.items():
            layer.initialize(seed, name)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Parameters and buffers under the file's names: `model.conv1.weight`; the keys of checkpoints."""
        return {
            f"{name}.{own}": getattr(layer, own)
            for name, layer in self.layers.items()
            for own, parameter in layer.owned.items()
            if parameter.saved
        }

    def parameters(self) -> dict[str, tuple[nn.Parameter, ParameterSpec]]:
        """What is learned, by name: the tensor and what the row says of it (rate, regularized)."""
        return {
            f"{name}.{own}": (getattr(layer, own), parameter)
            for name, layer in self.layers.items()
            for own, parameter in layer.owned.items()
            if parameter.learned
        }

    def freeze(self, names: Iterable[str]) -> None:
        """Keep these layers, by `weights` name, out of training mode: their running statistics stay and are used."""
        for name in names:
            self.layers[name].settings[FROZEN] = True
        self.module.train(self.module.training)

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Hand values of the training plan (`dropoutRate`, ...) and of the data to the layers that want them."""
        for layer in self.layers.values():
            for own, key in (*layer.layer.from_plan.items(), *layer.layer.from_data.items()):
                if key in settings:
                    layer.settings[own] = settings[key]


def lower(network: Network[ShapedNode], roots: Iterable[str], share: Executable | None = None,
          averaged: Iterable[str] = ()) -> Executable:
    """Build the executable that computes `roots`; `share` lends the modules of another one.

    Of the roots in `averaged` (criteria, metrics) it also computes how much each sample counts.

    The nested root keeps `state_dict` in the order of the graph; every fx node carries `span`,
    `shape` and `node` (its name in the file) in its meta.
    """
    wanted = network.needed(roots)
    root, graph = nn.Module(), fx.Graph()
    values: dict[str, fx.Node] = {}
    layers: dict[str, LayerModule] = dict(share.layers) if share else {}
    targets: dict[int, str] = {}
    modules: dict[str, LayerModule] = {}
    inputs: dict[str, Shape] = {}
    identifiers = _Identifiers()
    nodes = [node for node in network if node.name in wanted]
    for node in nodes:
        if node.layer.is_input:
            values[node.name] = graph.placeholder(identifiers.of(("input", node.name)))
            values[node.name].meta["input"] = node.name
            inputs[node.name] = node.shape
    for node in nodes:
        module = layers.get(node.weights)
        shapes = [network[use.node].shape for use in node.inputs]
        if module is None or module.layer != node.layer:
            module = LayerModule(node.layer, shapes, node.shape, node.span)
            layers.setdefault(node.weights, module)
        elif list(module.inputs) != shapes:
            module = _second_use(module, node, shapes)
        target = targets.get(id(module)) or _place(root, node.name, module, identifiers)
        targets[id(module)], modules[node.name] = target, module
        taken = () if node.layer.is_statistic else node.inputs
        arguments = tuple(values[use.node] for use in taken) or ((values[node.name],) if node.layer.is_input else ())
        value = graph.call_module(target, arguments)
        value.meta.update(span=node.span, shape=node.shape, node=node.name)
        values[node.name] = value
    results = tuple(dict.fromkeys(roots))
    outputs = {name: values[name] for name in results}
    weighing = {name: source for name in averaged if (source := _weighted_row(network, name)) is not None}
    for number, source in enumerate(dict.fromkeys(weighing.values()), 1):
        target = f"sample_weights_{number}"  # no name of a file's comes out like this: theirs have a prefix
        root.add_module(target, SampleWeights(modules[source]))
        outputs[_weights_key(source)] = graph.call_module(
            target, tuple(values[use.node] for use in network[source].inputs))
    graph.output(outputs)
    traced = fx.GraphModule(root, graph, class_name="Network")
    used = {name: layer for name, layer in layers.items() if id(layer) in targets}
    return Executable(traced, network, inputs, results, used,
                      {name: _weights_key(source) for name, source in weighing.items()})


def _weighted_row(network: Network[ShapedNode], root: str) -> str | None:
    """The node by whose weights the samples of a criterion or metric count: itself, or what it is a formula of."""
    waiting, seen = [root], set[str]()
    for name in waiting:
        if network[name].layer.is_weighted:
            return name
        seen.add(name)
        waiting += [use.node for use in network[name].inputs if use.node not in seen]
    return None


def _weights_key(node: str) -> str:
    return f"sample weights of {node}"


def _second_use(first: LayerModule, node: ShapedNode, shapes: Sequence[Shape]) -> LayerModule:
    """Shared weights on an input of another extent: own shapes, the same tensors."""
    module = LayerModule(node.layer, shapes, node.shape, node.span)
    for own in module.owned:
        if getattr(module, own).shape != getattr(first, own).shape:
            raise AssertionError(f"{node.name}: shared weights of other shapes; infer_shapes must refuse this")
        setattr(module, own, getattr(first, own))
    module.settings = first.settings
    return module


class _Identifiers:
    """Python identifiers for paths of the language, of whose parts any may be a keyword or an attribute of torch's.

    Each part gets a prefix that neither Python nor torch uses and loses what an identifier cannot hold; parts that
    come out alike under one parent are told apart by a number.
    """

    PREFIX = "n_"

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], str] = {}
        self._taken: set[tuple[tuple[str, ...], str]] = set()

    def of(self, path: tuple[str, ...]) -> str:
        """The identifier of the last part of a path, under its parent."""
        if path not in self._known:
            wanted = self.PREFIX + re.sub(r"[^A-Za-z0-9_]", "_", path[-1])
            numbered = (wanted if number == 1 else f"{wanted}_{number}" for number in itertools.count(1))
            self._known[path] = next(name for name in numbered if (path[:-1], name) not in self._taken)
            self._taken.add((path[:-1], self._known[path]))
        return self._known[path]


def _place(root: nn.Module, name: str, module: nn.Module, identifiers: _Identifiers) -> str:
    """Nest a module under a dotted path; returns the path in identifiers."""
    parts = tuple(name.split("."))
    parent, path = root, [identifiers.of(parts[: k + 1]) for k in range(len(parts))]
    for part in path[:-1]:
        if part not in parent._modules:
            parent.add_module(part, nn.Module())
        parent = parent.get_submodule(part)
    existing = parent._modules.get(path[-1])
    if existing is not None and existing is not module:
        # A folder was made for `conv1.activation` before `conv1` itself came: take over its children.
        for key, child in existing.named_children():
            module.add_module(key, child)
    parent.add_module(path[-1], module)
    return ".".join(path)


class NetworkModule(nn.Module):
    """A network as torch's own users know it: `module (images)` gives scores.

    Takes its inputs in the order of the file (or by name) and gives a tensor if there is one output,
    else a dict by node name.
    """

    def __init__(self, executable: Executable) -> None:
        super().__init__()
        self.executable = executable
        self.network = executable.module
        self.input_names = tuple(executable.inputs)

    def forward(self, *tensors: torch.Tensor, **named: torch.Tensor) -> Any:
        given = {**dict(zip(self.input_names, tensors, strict=False)), **named}
        if len(given) != len(tensors) + len(named) or set(given) != set(self.input_names):
            raise TypeError(f"the network takes {', '.join(self.input_names)}, as tensors in this order or by name")
        values: dict[str, torch.Tensor] = self.network(*self.executable.arguments(given))
        return next(iter(values.values())) if len(values) == 1 else values

    def tensors(self) -> dict[str, torch.Tensor]:
        """Parameters and buffers under the file's names, as in checkpoints."""
        return self.executable.tensors()


def network_module(program: CheckedProgram, outputs: Sequence[str], seed: int) -> NetworkModule:
    """The module of a program's outputs (or of `outputs`, by node name or alias), its weights started from `seed`."""
    names = [program.aliases.get(name, name) for name in outputs] or list(program.outputs) or list(program.criteria)
    unknown = [name for name in names if name not in program.network]
    if unknown or not names:
        known = (*program.aliases, *program.network.names)
        title = f"there is no node called `{unknown[0]}`" if unknown else "the network has no outputs to compute"
        raise failure(Code.UNKNOWN_NAME, title, Span.nowhere(program.source.name),
                      hint=(did_you_mean(unknown[0], known) or "`netdsl check` lists the nodes with their names.")
                      if unknown else "name them in the network: `outputNodes = z`.")
    executable = lower(program.network, names)
    executable.initialize(seed)
    return NetworkModule(executable)

"""Help for tests over the layer table: rows from the text of an example, modules, random options."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import torch
from hypothesis import strategies as st

from netdsl.base.source import Source
from netdsl.layers import NAMES, ROWS
from netdsl.layers.layer import Example, Layer, Shape, ShapeError
from netdsl.lower import LayerModule
from netdsl.spec import (
    BoundArgument,
    Choice,
    Either,
    Flag,
    FunctionKind,
    Kind,
    ListOf,
    Number,
    Optional,
    OptionError,
    bind,
)

torch.set_num_threads(1)

BATCH = 2


# --- examples -------------------------------------------------------------------------------


_TOKEN = re.compile(r"""\s*(?:(?P<number>-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)|(?P<string>'[^']*'|"[^"]*")"""
                    r"""|(?P<name>-?[A-Za-z_]\w*)|(?P<mark>[(){}=,:]))""")


class _Reader:
    """Reads `Name`, `Name {1, (3:3), b = true}` and `Name (x, y, 1, b = true)`: the notation of examples.

    Values are literals. It is not the language's parser, so that the table is tested without it.
    """

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKEN.match(text, position)
            assert found, f"cannot read {text[position:]!r} in the example {text!r}"
            self.tokens.append((str(found.lastgroup), found.group(found.lastgroup or 0)))
            position = found.end()
        self.tokens.append(("end", ""))
        self.at = 0

    def names(self) -> list[str]:
        """The inputs of `Name (x, y, 1, b = true)`."""
        self.take()
        assert self.take("(")
        positional, named = self.arguments(")")
        given = [*positional, *named.values()]
        return [v.name for value in given for v in (value if isinstance(value, list) else [value])
                if isinstance(v, _Input)]

    def take(self, *marks: str) -> str:
        kind, text = self.tokens[self.at]
        if marks and not (kind == "mark" and text in marks):
            return ""
        self.at += 1
        return text

    def value(self) -> Any:
        items = [self.item()]
        while self.take(":"):
            items.append(self.item())
        return items if len(items) > 1 else items[0]

    def item(self) -> Any:
        kind, text = self.tokens[self.at]
        self.at += 1
        if (kind, text) == ("mark", "("):
            inner = self.value()
            assert self.take(")"), "`)` is missing in an example"
            return inner
        if kind == "number":
            return float(text)
        if kind == "string":
            return text[1:-1]
        constants = {"true": True, "false": False, "None": None, "Infinity": float("inf"), "-Infinity": -float("inf")}
        return constants.get(text, _Input(text))

    def arguments(self, close: str) -> tuple[list[Any], dict[str, Any]]:
        positional, named = [], {}
        while not self.take(close):
            if self.tokens[self.at + 1] == ("mark", "=") and self.tokens[self.at][0] == "name":
                name = self.take()
                self.at += 1
                named[name] = self.value()
            else:
                positional.append(self.value())
            self.take(",")
        return positional, named


@dataclasses.dataclass(frozen=True)
class _Input:
    """A name that stands for an input."""

    name: str


def row_from_example(text: str) -> Layer:
    """The row with its options that the text of an Example writes."""
    reader = _Reader(text)
    row = NAMES[reader.take()]
    bracket = reader.take("{", "(")
    positional, named = reader.arguments({"{": "}", "(": ")"}[bracket]) if bracket else ([], {})
    positional = [value for value in positional if not _is_input(value)]
    named = {name: value for name, value in named.items() if not _is_input(value)}
    assert reader.tokens[reader.at][0] == "end", f"the example {text!r} goes on"
    return bound(row, positional, named)


def _is_input(value: Any) -> bool:
    return isinstance(value, _Input) or (isinstance(value, list) and all(isinstance(v, _Input) for v in value))


def bound(row: type[Layer], positional: Sequence[Any] = (), named: dict[str, Any] | None = None) -> Layer:
    """`Row {positional, named}` through `bind`, as a file would make it. Raises Failure."""
    place = Source("test", row.name()).span(0, len(row.name()))
    layer = bind(row, [BoundArgument.constant(value, place) for value in positional],
                 {name: BoundArgument.constant(value, place) for name, value in (named or {}).items()}, place).spec
    assert isinstance(layer, Layer)
    return layer


def input_shapes(layer: Layer, dims: Sequence[Sequence[int]]) -> tuple[Shape, ...]:
    """Shapes of inputs from extents in the order of the file; parameters have no samples."""
    names = [name.removesuffix("...") for name in type(layer).inputs]
    return tuple(Shape.of(*one, batched=(names[min(index, len(names) - 1)] not in type(layer).parameter_inputs))
                 for index, one in enumerate(dims))


def example_shapes(layer: Layer, example: Example) -> tuple[Shape, ...]:
    return input_shapes(layer, example.inputs)


def examples(accepted: bool | None = True) -> list[tuple[str, type[Layer], Example]]:
    """(name, row, example) of the table: those with an output, without (`accepted=False`), or all (None)."""
    return [(f"{row.name()}-{index}", row, example) for row in ROWS for index, example in enumerate(row.examples)
            if accepted is None or (example.output is not None) is accepted]


def output_shape(layer: Layer, shapes: Sequence[Shape]) -> Shape:
    """What the rule says, with `batched` set as the shape pass sets it."""
    alike = layer.is_set_metric or layer.is_statistic
    batched = (any(s.batched for s in shapes) or not shapes) and not alike
    return dataclasses.replace(layer.shape(shapes), batched=batched)


def refusal(layer: Layer, shapes: Sequence[Shape]) -> OptionError | ShapeError | None:
    """Why these options or inputs are refused, if they are."""
    try:
        layer.validate()
        layer.shape(shapes)
    except (OptionError, ShapeError) as refused:
        return refused
    return None


# --- modules --------------------------------------------------------------------------------


def module_of(layer: Layer, shapes: Sequence[Shape], seed: int = 1) -> LayerModule:
    """The row lowered, its parameters started, in float64 and training mode."""
    module = LayerModule(layer, shapes, output_shape(layer, shapes))
    module.initialize(seed, "test")
    return module.double().train()


def drawn_module(text: str, *dims: tuple[int, ...]) -> LayerModule:
    """The layer that a text makes for inputs of these dims, with drawn weights, in float64."""
    layer = row_from_example(text)
    made = module_of(layer, input_shapes(layer, dims))
    draw = torch.Generator().manual_seed(3)
    for parameter in made.parameters():
        parameter.data = torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
    return made


def random(*shape: int, seed: int = 5) -> torch.Tensor:
    """Normal numbers in float64, always the same."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def tensors_for(shapes: Sequence[Shape], seed: int = 1, layer: Layer | None = None) -> list[torch.Tensor]:
    """Inputs in [0.1, 0.9]: every function of the table is defined and smooth there. Class numbers are whole."""
    draw = torch.Generator().manual_seed(seed)
    tensors = [torch.rand((BATCH, *s.dims) if s.batched else s.dims, generator=draw, dtype=torch.float64) * 0.8 + 0.1
               for s in shapes]
    classes = layer.class_numbers(shapes) if layer is not None else None
    return tensors if classes is None else [(tensors[0] * classes).floor(), *tensors[1:]]


def run(module: torch.nn.Module, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Apply a module; what it draws at random is the same each time."""
    torch.manual_seed(7)
    result = module(*tensors)
    assert isinstance(result, torch.Tensor)
    return result


def is_small(shapes: Sequence[Shape], output: Shape, limit: int = 500) -> bool:
    return max([output.size, *(s.size for s in shapes)]) <= limit


# --- random options ---------------------------------------------------------------------------


def values_of(kind: Kind) -> st.SearchStrategy[Any] | None:
    """Converted values that a kind of option takes, small ones; None where they cannot be made up."""
    if isinstance(kind, Number):
        low = -2.0 if kind.minimum is None else kind.minimum
        high = min(low + 6, low + 6 if kind.maximum is None else kind.maximum)
        if kind.whole:
            return st.integers(int(low), int(high))
        # Away from bounds that are not taken themselves, and coarse: the options' sizes are not the point.
        return st.sampled_from([low + (high - low) * share for share in (0.125, 0.25, 0.5, 0.75, 0.875)])
    if isinstance(kind, Flag):
        return st.booleans()
    if isinstance(kind, Choice):
        return st.sampled_from(kind.choices)
    if isinstance(kind, ListOf):
        item = values_of(kind.item)
        return None if item is None else st.lists(item, min_size=max(1, kind.minimum_length), max_size=3).map(tuple)
    if isinstance(kind, Optional):
        item = values_of(kind.item)
        return st.none() if item is None else st.one_of(st.none(), item)
    if isinstance(kind, Either):
        found = [one for one in map(values_of, kind.kinds) if one is not None]
        return st.one_of(found) if found else None
    if isinstance(kind, FunctionKind):
        return st.none()
    return None


@st.composite
def random_rows(draw: st.DrawFn, layer: Layer) -> Layer:
    """The row with some of its options replaced; a few contradict each other and are refused later."""
    changes: dict[str, Any] = {}
    for o in type(layer).options():
        values = values_of(o.kind)
        if values is not None and draw(st.integers(0, 2)) == 0:
            changes[o.field_name] = draw(values)
    return dataclasses.replace(layer, **changes)



# --- the language ------------------------------------------------------------------------------


def file_with(example: Example, row: type[Layer]) -> str:
    """A whole file whose member `z` is the example, applied to inputs of its extents."""
    layer = row_from_example(example.text)
    shapes = example_shapes(layer, example)
    called = "(" in re.sub(r"\{.*\}", "", example.text)
    names = _Reader(example.text).names() if called else [f"i{index}" for index in range(len(shapes))]
    members = [f"{name} = {'Input' if shape.batched else 'ParameterTensor'} {{{':'.join(map(str, shape.file_dims))}}}"
               for name, shape in zip(names, shapes, strict=True)]
    listed = any(name.endswith("...") for name in row.inputs)
    text = example.text if called or not row.inputs else f"{example.text} ({(':' if listed else ', ').join(names)})"
    role = "evaluationNodes" if row.is_set_metric else "outputNodes"
    return "network = {\n    " + "\n    ".join([*members, f"z = {text}", f"{role} = z"]) + "\n}\n"

"""Fully connected layers, embeddings and the self-stabilizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Dims, Flag, FunctionKind, Integer, Number, Optional, OptionError, Text, option, table_row
from .bounds import UNBOUNDED
from .initializers import (
    Initializer,
    constant,
    fans,
    init_bias_option,
    init_option,
    init_value_scale_option,
    weight_start,
)
from .layer import Activated, Example, Layer, ParameterSpec, SampleLayer, Shape, ShapeError
from .torch_form import Call, Default, TorchForm

if TYPE_CHECKING:
    import torch

_OUT_DIM = "Number of outputs, or the extents of an output tensor, width first."
_INPUT_RANK = "Number of first axes that are summed over; None: all."
_MAP_RANK = "Number of last axes that are kept, the layer being applied at each of their positions; None: 0."


class Linear(SampleLayer):
    """Base of LinearLayer and DenseLayer. Not a dataclass itself: each row declares the options in CNTK's order."""

    value_bounds = UNBOUNDED

    family: ClassVar[str] = "dense"
    draws_norm_inside: ClassVar[bool] = True
    style: ClassVar[str] = "layer"

    out_dim: tuple[int, ...]
    bias: bool
    init: str
    init_value_scale: float
    input_rank: int | None
    map_rank: int | None
    init_bias: float

    def validate(self) -> None:
        if self.input_rank is not None and self.map_rank is not None:
            raise OptionError("mapRank", f"{self.name()} takes `inputRank` or `mapRank`, not both",
                              "`inputRank` counts the first axes, that are summed over; `mapRank` the last, that are "
                              "kept.")

    def split(self, shape: Shape) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Axes that are kept and axes that are summed over, in torch's order. Raises ShapeError."""
        summed = shape.rank - (self.map_rank or 0) if self.input_rank is None else self.input_rank
        if not 1 <= summed <= shape.rank:
            name = "mapRank" if self.input_rank is None else "inputRank"
            raise ShapeError(f"`{name}` does not fit an input of {shape}", option=name,
                             label=f"the input has {shape.rank} {'axis' if shape.rank == 1 else 'axes'}")
        return shape.dims[: shape.rank - summed], shape.dims[shape.rank - summed :]

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        kept, _ = self.split(inputs[0])
        return Shape((*kept, *reversed(self.out_dim)))

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        _, summed = self.split(inputs[0])
        fan = fans((*self.out_dim, *reversed(summed)), output_rank=len(self.out_dim))
        outputs = math.prod(self.out_dim)
        weight = ParameterSpec((outputs, math.prod(summed)), weight_start(self.init, self.init_value_scale, fan))
        return {"weight": weight, "bias": ParameterSpec((outputs,), constant(self.init_bias))} if self.bias else {
            "weight": weight}

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        _, summed = self.split(inputs[0])
        return output.size * math.prod(summed)

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("outDim are the first extents", output.file_dims[: len(self.out_dim)] == self.out_dim)]

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        kept, summed = self.split(p.inputs[0])
        y = torch.nn.functional.linear(x.flatten(1 + len(kept)) if len(summed) > 1 else x, p.weight,
                                       p.bias if self.bias else None)
        return y.reshape(*y.shape[:-1], *reversed(self.out_dim)) if len(self.out_dim) > 1 else y

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        kept, summed = self.split(inputs[0])
        if len(self.out_dim) > 1 or not inputs[0].batched:
            return None
        module = Call.of("nn.Linear", ("in_features", math.prod(summed)), ("out_features", self.out_dim[0]),
                         bias=Default(self.bias, True))
        flat = len(summed) == 1
        first = 1 + len(kept)
        return TorchForm("{self}({0})" if flat else f"{{self}}({{0}}.flatten({first}))", module,
                         () if flat else (Call.of("nn.Flatten", start_dim=Default(first, 1)),))


_LINEAR_EXAMPLES = (
    Example("{NAME} {10}", ((64,),), (10,)),
    Example("{NAME} {100, bias = false, init = 'heNormal'}", ((6, 6, 8),), (100,), "all axes are flattened"),
    Example("{NAME} {(3:2)}", ((5, 4),), (3, 2), "a tensor of outputs"),
    Example("{NAME} {8, mapRank = 1}", ((5, 7),), (8, 7), "the same layer at 7 positions"),
    Example("{NAME} {8, inputRank = 2}", ((3, 5, 7),), (8, 7)),
    Example("{NAME} {8, mapRank = 2}", ((5, 7),), None, "no axis would be left to sum over"),
)


def _examples(name: str) -> tuple[Example, ...]:
    return tuple(replace(example, text=example.text.replace("{NAME}", name)) for example in _LINEAR_EXAMPLES)


@table_row
class LinearLayer(Linear):
    """`W x + b`: each output is a weighted sum of all inputs, plus a bias.

    All axes of the input are flattened, unless `inputRank` says how many of the first axes are summed over or
    `mapRank` how many of the last are kept; the layer is then applied at each position of the kept axes. The
    output is `outDim` followed by the kept axes. The weights are `[outputs, inputs]`, where inputs and
    outputs are counted channels first, as tensors are stored.

    Source: CNTK `LinearLayer`.
    """

    label: ClassVar[str] = "linear"
    examples: ClassVar[tuple[Example, ...]] = _examples("LinearLayer")

    out_dim: tuple[int, ...] = option(Dims(), doc=_OUT_DIM, drawn="{} outputs")
    bias: bool = option(Flag(), True, "Add a learned number to each output.")
    init: str = init_option()
    init_value_scale: float = init_value_scale_option()
    input_rank: int | None = option(Optional(Integer(1)), None, _INPUT_RANK)
    map_rank: int | None = option(Optional(Integer(0)), None, _MAP_RANK)
    init_bias: float = init_bias_option()


@table_row
class DenseLayer(Activated, Linear):
    """A LinearLayer with a function applied to its outputs: `activation (W x + b)`.

    Without `activation` it is a LinearLayer. The function is a step of its own.

    Source: CNTK `DenseLayer`.
    """

    label: ClassVar[str] = "dense"
    examples: ClassVar[tuple[Example, ...]] = _examples("DenseLayer")

    out_dim: tuple[int, ...] = option(Dims(), doc=_OUT_DIM, drawn="{} outputs")
    bias: bool = option(Flag(), True, "Add a learned number to each output.")
    activation: Any = option(FunctionKind(), None, "Function applied to the outputs.", drawn="")
    init: str = init_option()
    init_value_scale: float = init_value_scale_option()
    input_rank: int | None = option(Optional(Integer(1)), None, _INPUT_RANK)
    map_rank: int | None = option(Optional(Integer(0)), None, _MAP_RANK)
    init_bias: float = init_bias_option()


@table_row
class EmbeddingLayer(SampleLayer):
    """A learned vector for each class: `E x` for a one-hot `x`, looked up where the input holds class numbers.

    The first axis of the input has an element for each class; further axes are positions, each of which gets
    its vector: `V` becomes `outDim`, `V x T` becomes `outDim x T`. Soft inputs give weighted sums of vectors. The
    table is `[classes, outDim]`, without bias.

    With `embeddingPath` the table is read from a text file and not learned. The file has a line of numbers for
    each element of the vector, one number for each class; with `transpose = true` a line for each class, which
    is the usual form of published word vectors.

    Source: CNTK `EmbeddingLayer`.
    """

    family: ClassVar[str] = "dense"
    draws_norm_inside: ClassVar[bool] = True
    label: ClassVar[str] = "embedding"
    style: ClassVar[str] = "layer"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("EmbeddingLayer {4}", ((100,),), (4,)),
        Example("EmbeddingLayer {4, init = 'normal', initValueScale = 0.1}", ((100, 7),), (4, 7), "seven positions"),
    )

    out_dim: int = option(Integer(1), doc="Length of the vectors.", drawn="{} outputs")
    init: str = init_option()
    init_value_scale: float = init_value_scale_option()
    embedding_path: str = option(Text(), "", "A text file with the table, which is then not learned.")
    transpose: bool = option(Flag(), False, "The file has a line for each class instead of one for each element.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return Shape((*inputs[0].dims[:-1], self.out_dim))

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        classes = inputs[0].dims[-1]
        if self.embedding_path:
            start = Initializer("file", path=self.embedding_path, transposed=not self.transpose, option="embeddingPath")
            return {"weight": ParameterSpec((classes, self.out_dim), start, learned=False)}
        fan = fans((self.out_dim, classes))
        return {"weight": ParameterSpec((classes, self.out_dim), weight_start(self.init, self.init_value_scale, fan))}

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return output.size * inputs[0].dims[-1]

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("outDim is the first extent", output.file_dims[0] == self.out_dim)]

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        if not x.is_floating_point():
            return torch.nn.functional.embedding(x, p.weight)
        y: torch.Tensor = x @ p.weight
        return y


@table_row
class StabilizerLayer(Layer):
    """Multiplies by one learned positive number: `beta x` with `beta = log (1 + exp (steepness p)) / steepness`.

    `p` starts so that `beta` is 1. Lets the learning rate of what follows find its own scale.

    Source: Ghahremani and Droppo 2016; CNTK `StabilizerLayer`.
    """

    family: ClassVar[str] = "dense"
    draws_norm_inside: ClassVar[bool] = True
    label: ClassVar[str] = "stabilizer"
    style: ClassVar[str] = "layer"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("StabilizerLayer {}", ((10,),), (10,)),
        Example("StabilizerLayer {steepness = 2}", ((8, 8, 3),), (8, 8, 3)),
    )

    steepness: float = option(Number(0, 100, exclusive_minimum=True), 4.0, "How fast `beta` follows its parameter.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        return {"weight": ParameterSpec((1,), constant(math.log(math.expm1(self.steepness)) / self.steepness))}

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the shape is kept", output.dims == inputs[0].dims)]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return tensors[0] * torch.nn.functional.softplus(p.weight, beta=self.steepness)

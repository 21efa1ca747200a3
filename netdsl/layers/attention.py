"""Attention over the positions of a value, `width x positions`, and what stands around it in transformers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Choice, Dims, Flag, Integer, Number, Optional, OptionError, option, table_row
from .bounds import UNBOUNDED
from .initializers import Initializer, constant, fans, init_option, init_value_scale_option, weight_start
from .layer import Example, Layer, ParameterSpec, SampleLayer, Shape, ShapeError, expect_rank
from .torch_form import Call, Default, TorchForm, alike

if TYPE_CHECKING:
    import torch

_ROTARY_BASE = 10000.0
_POSITIONS = "width x positions"


@table_row
class MultiHeadAttentionLayer(Layer):
    """Every position looks at all positions of `memory`, or of `x` itself where there is none, and mixes what it finds.

        queries = Wq x + bq ; keys = Wk memory + bk ; values = Wv memory + bv
        y = Wo (values Softmax (keys^T queries / sqrt (headDim))) + bo        for each head, the heads side by side

    The input is `width x positions`, and the output `dim x positions`. With `causal = true` a position sees itself and
    those before it. With `kvHeads` fewer than `heads`, groups of heads share keys and values (grouped-query attention;
    1: multi-query). With `rotary = true` queries and keys are turned by angles of their positions (RotaryEmbedding),
    so that only distances count.

    Source: Vaswani et al. 2017; torch `scaled_dot_product_attention`. Ainslie et al. 2023 (grouped queries).
    """

    value_bounds = UNBOUNDED

    family: ClassVar[str] = "attention"
    label: ClassVar[str] = "attention"
    style: ClassVar[str] = "layer"
    inputs: ClassVar[tuple[str, ...]] = ("x", "memory")
    optional_inputs: ClassVar[int] = 1
    examples: ClassVar[tuple[Example, ...]] = (
        Example("MultiHeadAttentionLayer {2}", ((8, 5),), (8, 5), "self-attention"),
        Example("MultiHeadAttentionLayer {2, causal = true, rotary = true}", ((8, 5),), (8, 5)),
        Example("MultiHeadAttentionLayer {4, kvHeads = 2, headDim = 3, dim = 6, bias = false}", ((8, 5),), (6, 5)),
        Example("MultiHeadAttentionLayer {2}", ((8, 5), (6, 7)), (8, 5), "each of 5 positions looks at 7 others"),
        Example("MultiHeadAttentionLayer {3}", ((8, 5),), None, "8 cannot be divided among 3 heads"),
    )

    heads: int = option(Integer(1), doc="Number of heads, which look for different things.")
    dim: int | None = option(Optional(Integer(1)), None, "Width of the output; None: that of x.")
    kv_heads: int | None = option(Optional(Integer(1)), None, "Heads of keys and values; None: as many as `heads`.")
    head_dim: int | None = option(Optional(Integer(1)), None, "Width of a head; None: that of x / `heads`.")
    causal: bool = option(Flag(), False, "A position sees itself and those before it, none behind.")
    rotary: bool = option(Flag(), False, "Turn queries and keys by angles of their positions.")
    bias: bool = option(Flag(), True, "Add a learned number to queries, keys, values and outputs.")
    dropout: float = option(Number(0, 1, exclusive_maximum=True), 0.0, "The share of what is seen that is dropped.")
    init: str = init_option()
    init_value_scale: float = init_value_scale_option()

    def validate(self) -> None:
        if self.kv_heads is not None and self.heads % self.kv_heads:
            raise OptionError("kvHeads", f"{self.heads} heads cannot be divided into {self.kv_heads} groups")
        if self.rotary and self.head_dim is not None and self.head_dim % 2:
            raise OptionError("headDim", f"`rotary` turns pairs of numbers, and {self.head_dim} is odd")

    def width_of_a_head(self, x: Shape) -> int:
        """Raises ShapeError where the width of x cannot be divided among the heads."""
        width = x.file_dims[0]
        if self.head_dim is not None:
            return self.head_dim
        if width % self.heads:
            raise ShapeError(f"a width of {width} cannot be divided among {self.heads} heads", option="heads",
                             label=f"x is {x}", hint="say how wide a head is: `headDim = 64`.")
        if self.rotary and width // self.heads % 2:
            raise ShapeError(f"`rotary` turns pairs of numbers, and a head is {width // self.heads} wide",
                             option="rotary", label=f"x is {x}", hint="set `headDim` to an even number.")
        return width // self.heads

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        for position, given in enumerate(inputs):
            expect_rank(given, 2, self.name(), f"{_POSITIONS} as `{self.inputs[position]}`", position)
        self.width_of_a_head(inputs[0])
        positions, width = inputs[0].dims
        if self.rotary and len(inputs) == 2:
            raise ShapeError("`rotary` says where a position is, and `memory` has other positions", option="rotary",
                             hint="leave it out where there is a `memory`.")
        return Shape((positions, self.dim or width))

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        head, kv_heads = self.width_of_a_head(inputs[0]), self.kv_heads or self.heads
        width, found = inputs[0].dims[1], inputs[-1].dims[1]
        owned: dict[str, ParameterSpec] = {}
        for name, outputs, given in (("query", self.heads * head, width), ("key", kv_heads * head, found),
                                     ("value", kv_heads * head, found), ("out", self.dim or width, self.heads * head)):
            start = weight_start(self.init, self.init_value_scale, fans((outputs, given)))
            owned[f"{name}Weight"] = ParameterSpec((outputs, given), start)
            if self.bias:
                owned[f"{name}Bias"] = ParameterSpec((outputs,), constant(0.0))
        return owned

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        head, kv_heads = self.width_of_a_head(inputs[0]), self.kv_heads or self.heads
        (asking, width), (seen, found) = inputs[0].dims, inputs[-1].dims
        projections = asking * self.heads * head * (width + output.dims[1]) + 2 * seen * found * kv_heads * head
        return projections + 2 * asking * seen * self.heads * head

    def extra_saved_bytes(self, inputs: Sequence[Shape], output: Shape) -> int:
        head, kv_heads = self.width_of_a_head(inputs[0]), self.kv_heads or self.heads
        asking, seen = inputs[0].dims[0], inputs[-1].dims[0]
        # Queries and what was found, keys and values; the logarithm of each softmax's sum.
        return 2 * asking * self.heads * head + 2 * seen * kv_heads * head + asking * self.heads

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("every position of x has an answer", output.dims[0] == inputs[0].dims[0])]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        pairs = list(zip(tensors, p.inputs, strict=True))
        samples = next((t.shape[0] for t, shape in pairs if shape.batched), 1)
        batched = [t if shape.batched else t[None].expand(samples, -1, -1) for t, shape in pairs]
        x, memory = batched[0], batched[-1]
        head, linear = self.width_of_a_head(p.inputs[0]), torch.nn.functional.linear
        query, key, value = (
            split_heads(linear(given, getattr(p, f"{name}Weight"), getattr(p, f"{name}Bias") if self.bias else None),
                        head)
            for name, given in (("query", x), ("key", memory), ("value", memory)))
        if self.rotary:
            query, key = rotated(query), rotated(key)
        found = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, dropout_p=self.dropout if p.training else 0.0, is_causal=self.causal,
            enable_gqa=self.kv_heads is not None)
        y = linear(found.transpose(1, 2).flatten(2), p.outWeight, p.outBias if self.bias else None)
        return y if any(shape.batched for shape in p.inputs) else y[0]


def split_heads(x: torch.Tensor, width: int) -> torch.Tensor:
    """(samples, positions, heads * width) -> (samples, heads, positions, width)."""
    return x.reshape(*x.shape[:2], -1, width).transpose(1, 2)


def rotated(x: torch.Tensor) -> torch.Tensor:
    """The last axis in two halves, number i of both turned as a pair by position / base^(2 i / width).

    x is (..., positions, width). The halves are those of GPT-NeoX and LLaMA; others turn neighbours as pairs.
    """
    import torch

    half = x.shape[-1] // 2
    speeds = _ROTARY_BASE ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = torch.arange(x.shape[-2], device=x.device, dtype=torch.float32)[:, None] * speeds
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), -1)


class _OnPositions(SampleLayer):
    """Base of rows that take `width x positions` and keep it."""

    family: ClassVar[str] = "attention"
    style: ClassVar[str] = "layer"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        expect_rank(inputs[0], 2, self.name(), _POSITIONS)
        return inputs[0]

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the shape is kept", output.dims == inputs[0].dims)]


@table_row
class RotaryEmbedding(_OnPositions):
    """Turns pairs of numbers by angles that grow with the position: products of two positions depend on their distance.

    The width is that of `heads` heads side by side; number i of a head's first half and of its second are a pair,
    turned by position / 10000^(2 i / width of a head). MultiHeadAttentionLayer does it with `rotary = true`.

    Source: Su et al. 2021 (RoFormer), with the halves of GPT-NeoX.
    """

    label: ClassVar[str] = "rotary"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("RotaryEmbedding {}", ((8, 5),), (8, 5)),
        Example("RotaryEmbedding {heads = 2}", ((8, 5),), (8, 5)),
        Example("RotaryEmbedding {}", ((7, 5),), None, "7 numbers cannot be paired"),
    )

    heads: int = option(Integer(1), 1, "Number of heads side by side.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        super().shape(inputs)
        if inputs[0].dims[1] % (2 * self.heads):
            raise ShapeError(f"a width of {inputs[0].dims[1]} cannot be divided into pairs of {self.heads} "
                             f"{'head' if self.heads == 1 else 'heads'}", input=0, label=f"this is {inputs[0]}")
        return inputs[0]

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        return rotated(split_heads(x, x.shape[2] // self.heads)).transpose(1, 2).flatten(2)


@table_row
class PositionalEmbeddingLayer(_OnPositions):
    """Adds to each position a vector of its own, by which a layer that treats positions alike can tell them apart.

    `learned` vectors start normally distributed; `sinusoidal` ones are fixed: sines in the even places and cosines in
    the odd ones, of position / 10000^(2 i / width).

    Source: Vaswani et al. 2017; Dosovitskiy et al. 2020 (learned, standard deviation 0.02).
    """

    label: ClassVar[str] = "positions"
    keeps: ClassVar[str] = "nothing"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("PositionalEmbeddingLayer {}", ((8, 5),), (8, 5)),
        Example("PositionalEmbeddingLayer {'sinusoidal'}", ((7, 5),), (7, 5)),
        Example("PositionalEmbeddingLayer {}", ((4, 4, 3),), None, "an image has to be cut into patches first"),
    )

    kind: str = option(Choice(("learned", "sinusoidal")), "learned", "Where the vectors come from.")
    init_value_scale: float = option(Number(0), 0.02, "Standard deviation at which learned vectors start.", drawn="")

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        if self.kind == "sinusoidal":
            return {}
        return {"weight": ParameterSpec(inputs[0].dims, Initializer("normal", self.init_value_scale))}

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        return x + (p.weight if self.kind == "learned" else _sinusoids(x))


def _sinusoids(x: torch.Tensor) -> torch.Tensor:
    """The fixed vectors of (..., positions, width)."""
    import torch

    positions, width = x.shape[-2:]
    speeds = _ROTARY_BASE ** (-torch.arange(0, width, 2, device=x.device, dtype=torch.float32) / width)
    angles = torch.arange(positions, device=x.device, dtype=torch.float32)[:, None] * speeds
    both = torch.stack((angles.sin(), angles.cos()), -1).flatten(-2)
    return both[:, :width].to(x.dtype)


@table_row
class ClassTokenLayer(_OnPositions):
    """Puts a learned vector before the first position: what attention gathers there speaks for the whole.

    `Slice (0, 1, x, axis = 2)` takes it out again at the end.

    Source: Devlin et al. 2018; Dosovitskiy et al. 2020.
    """

    label: ClassVar[str] = "classToken"
    keeps: ClassVar[str] = "nothing"
    examples: ClassVar[tuple[Example, ...]] = (Example("ClassTokenLayer {}", ((8, 5),), (8, 6)),)

    init_value_scale: float = option(Number(0), 0.02, "Standard deviation at which it starts.", drawn="")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        positions, width = super().shape(inputs).dims
        return Shape((positions + 1, width))

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        return {"weight": ParameterSpec((1, inputs[0].dims[1]), Initializer("normal", self.init_value_scale))}

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("one position more", output.dims[0] == inputs[0].dims[0] + 1)]

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.cat((p.weight.to(x.dtype).expand(x.shape[0], -1, -1), x), 1)


@table_row
class PatchEmbeddingLayer(SampleLayer):
    """Cuts an image into patches and makes a vector of each: `W x H x C` becomes `dim x patches`, row by row.

    It is a convolution whose step is its window. The patches have to cover the image exactly.

    Source: Dosovitskiy et al. 2020.
    """

    value_bounds = UNBOUNDED

    family: ClassVar[str] = "attention"
    style: ClassVar[str] = "layer"
    label: ClassVar[str] = "patches"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("PatchEmbeddingLayer {16, (4:4)}", ((32, 32, 3),), (16, 64)),
        Example("PatchEmbeddingLayer {16, (2:4), bias = false}", ((8, 12, 3),), (16, 12)),
        Example("PatchEmbeddingLayer {16, (5:5)}", ((32, 32, 3),), None, "patches of 5 do not cover 32"),
    )

    dim: int = option(Integer(1), doc="Width of the vector of a patch.")
    patch: tuple[int, ...] = option(Dims(), doc="Width and height of a patch; one number is both.")
    bias: bool = option(Flag(), True, "Add a learned number to each element of the vectors.")
    init: str = init_option()
    init_value_scale: float = init_value_scale_option()

    def validate(self) -> None:
        if len(self.patch) > 2:
            raise OptionError("patch", "a patch has a width and a height")

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of a patch."""
        return self.patch[-1], self.patch[0]

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        expect_rank(inputs[0], 3, self.name(), "an image of width x height x channels")
        counts = []
        for what, extent, part in zip(("height", "width"), inputs[0].dims[1:], self.window, strict=True):
            if extent % part:
                raise ShapeError(f"patches of {part} do not cover the {what} of {extent}", option="patch",
                                 label=f"the image is {inputs[0]}")
            counts.append(extent // part)
        return Shape((counts[0] * counts[1], self.dim))

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        channels, window = inputs[0].dims[0], self.window
        start = weight_start(self.init, self.init_value_scale, fans((self.dim, channels * math.prod(window))))
        owned = {"weight": ParameterSpec((self.dim, channels, *window), start)}
        return {**owned, "bias": ParameterSpec((self.dim,), constant(0.0))} if self.bias else owned

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        return output.size * inputs[0].dims[0] * math.prod(self.window)

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("every pixel is in one patch", output.dims[0] * math.prod(self.window) * inputs[0].dims[0]
                 == inputs[0].size)]

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        import torch

        y = torch.nn.functional.conv2d(x, p.weight, p.bias if self.bias else None, self.window)
        return y.flatten(2).transpose(1, 2)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        module = Call.of("nn.Conv2d", ("in_channels", inputs[0].dims[0]), ("out_channels", output.dims[-1]),
                         kernel_size=alike(self.window), stride=alike(self.window), bias=Default(self.bias, True))
        return TorchForm("{self}({0}).flatten(2).transpose(1, 2)", module) if inputs[0].batched else None

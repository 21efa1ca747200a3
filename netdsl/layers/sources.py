"""Rows without inputs: data from the reader, parameters, constants."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Choice, Dims, Flag, Integer, Number, Optional, OptionError, Text, option, table_row
from .bounds import UNBOUNDED, Bounds
from .class_labels import one_hot
from .initializers import KINDS, constant, fans
from .layer import Example, Initializer, Layer, ParameterSpec, Shape, ShapeError

if TYPE_CHECKING:
    import torch


# --- data ------------------------------------------------------------------------------------------


@table_row
class Data(Layer):
    """Base of the inputs: `forward` turns what the reader delivers into a tensor (N, *dims) of numbers.

    Bytes (images) become numbers of the run's floating type: `p.settings["dtype"]`, else torch's
    default. Class numbers, (N,) or one for each pixel, become 1 at the class and 0 elsewhere; where
    there is no class all are 0. What has as many elements in another shape is reshaped.
    """

    family: ClassVar[str] = "source"
    style: ClassVar[str] = "layer"
    inputs: ClassVar[tuple[str, ...]] = ()
    is_input: ClassVar[bool] = True
    keeps: ClassVar[str] = "nothing"

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return as_numbers(tensors[0], p.output, p.settings.get("dtype") or torch.get_default_dtype())


def as_numbers(delivered: torch.Tensor, shape: Shape, dtype: torch.dtype) -> torch.Tensor:
    """What a reader delivers for an input as numbers (N, *dims); class numbers become shares of the classes."""
    import torch

    if delivered.layout != torch.strided:
        delivered = delivered.to_dense()
    if _are_classes(delivered, shape.dims):
        return _one_hot(delivered, shape.dims, dtype)
    if not delivered.is_floating_point():
        delivered = delivered.to(dtype)
    if tuple(delivered.shape[1:]) == shape.dims:
        return delivered
    if math.prod(delivered.shape[1:]) != shape.size:
        raise ValueError(f"the reader delivers {Shape(tuple(delivered.shape[1:]))}, the input is {shape}")
    return delivered.reshape(delivered.shape[0], *shape.dims)


def _are_classes(delivered: torch.Tensor, dims: tuple[int, ...]) -> bool:
    """Whole numbers of which each stands for all channels: (N,) or (N, 1) for a sample, or one for each pixel."""
    import torch

    if delivered.dtype not in (torch.int16, torch.int32, torch.int64) or math.prod(dims) == 1:
        return False
    one = math.prod(delivered.shape[1:]) == 1
    return one or (dims[0] > 1 and math.prod(delivered.shape[1:]) * dims[0] == math.prod(dims))


def _one_hot(classes: torch.Tensor, dims: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    count = classes.shape[0]
    if math.prod(classes.shape[1:]) == 1:
        return one_hot(classes.reshape(count, 1), math.prod(dims), -1, dtype).reshape(count, *dims)
    return one_hot(classes.reshape(count, 1, *dims[1:]), dims[0], -len(dims), dtype)


def _tag_option() -> Any:
    return option(Choice(("feature", "label", "output", "")), "feature",
                  "What the input is for; the reader goes by its name alone.", drawn="")


@table_row
class Input(Data):
    """One value of each sample, delivered by the reader under the name of the node.

    Class numbers are turned into vectors with a 1 at the class, so an input of classes has as many
    elements as there are classes; masks are turned into such a vector at every pixel, which is 0 where
    the pixel has no class. An input of one element (for a mask: one channel) gets the class number
    itself, and -100 where there is no class.

    Source: CNTK `Input {dims}`, `SparseInput`.
    """

    aliases = ("SparseInput",)
    examples = (Example("Input {32:32:3}", (), (32, 32, 3)), Example("Input {10}", (), (10,)))

    dims: tuple[int, ...] = option(Dims(), doc="The shape of one sample, width first.", drawn="")
    dynamic_axis: str = option(Text(), "", "The name of the sequence axis, for sequences.", drawn="")
    sparse: bool = option(Flag(), False, "The reader delivers the positions of the elements that are not 0.")
    tag: str = _tag_option()

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return Shape.of(*self.dims)


@table_row
class ImageInput(Data):
    """An image: `Input {imageWidth:imageHeight:imageChannels}`.

    Source: CNTK `ImageInput`.
    """

    examples = (Example("ImageInput {32, 32, 3}", (), (32, 32, 3)),)

    image_width: int = option(Integer(1), doc="Pixels in a row.")
    image_height: int = option(Integer(1), doc="Rows.")
    image_channels: int = option(Integer(1), doc="Numbers for each pixel.")
    dynamic_axis: str = option(Text(), "", "The name of the sequence axis, for sequences.", drawn="")
    tag: str = _tag_option()

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return Shape.of(self.image_width, self.image_height, self.image_channels)


# --- parameters ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GivenStart(Initializer):
    """Numbers that the file gives, as a matrix: its rows run along the tensor's last axis (file axis 1)."""

    rows: tuple[tuple[float, ...], ...] = ()

    def fill(self, tensor: torch.Tensor, generator: torch.Generator) -> None:
        import torch

        with torch.no_grad():
            tensor.copy_(torch.tensor(self.rows, dtype=tensor.dtype).T.reshape(tensor.shape))


@dataclass(frozen=True)
class SeededStart(Initializer):
    """A drawn start with its own seed, whatever the run's seed is (`randomSeed`)."""

    seed: int = 0

    def fill(self, tensor: torch.Tensor, generator: torch.Generator) -> None:
        import torch

        super().fill(tensor, torch.Generator().manual_seed(self.seed))


@table_row
class _Extents(Layer):
    """The option `dims`. A base of its own, so that it comes before the options of `_Learned`."""

    dims: tuple[int, ...] = option(Dims(0), doc="The extents, width first; 0 is inferred from the use.", drawn="")


@table_row
class _MatrixExtents(Layer):
    """The extents of CNTK's old two-axis form."""

    output_dim: int = option(Integer(0), doc="Rows; 0 is inferred.")
    input_dim: int = option(Integer(0), doc="Columns; 0 is inferred.")


@table_row
class _Learned(Layer):
    """Base of the parameters: how they start and learn. `extents` are the file's."""

    family: ClassVar[str] = "source"
    style: ClassVar[str] = "layer"
    inputs: ClassVar[tuple[str, ...]] = ()

    learning_rate_multiplier: float = option(Number(0), 1.0, "Multiplies the learning rate; 0 for a constant.",
                                             drawn="")
    init: str = option(Choice(("", *KINDS)), "", "How the numbers are drawn; by default uniform in +-0.05.",
                       drawn="")
    init_value_scale: float = option(Number(), 1.0, "Multiplies what is drawn.", drawn="")
    init_value: float | None = option(Optional(Number()), None, "One number for all elements.", drawn="")
    init_filter_rank: int = option(Integer(0), 0, "How many of the first axes are a filter, for fan-in and fan-out.",
                                   drawn="")
    init_output_rank: int = option(
        Integer(), 1, "How many of the axes after the filter are outputs; negative: counted from the end.", drawn="")
    init_from_file_path: str = option(Text(), "", "A text file with the numbers, a row of the matrix on each line.",
                                      drawn="")
    init_from_literal: str = option(Text(), "", "The numbers themselves, a row of the matrix on each line.", drawn="")
    random_seed: int = option(Integer(-1), -1, "A seed for this parameter alone; -1: from the run's seed and the name.",
                              drawn="")

    @property
    def extents(self) -> tuple[int, ...]:
        raise NotImplementedError

    def validate(self) -> None:
        given = [name for name, value in (
            ("initFromFilePath", self.init_from_file_path), ("initFromLiteral", self.init_from_literal),
            ("initValue", self.init_value is not None and self.init != "fixedValue"), ("init", self.init)) if value]
        if len(given) > 1:
            raise OptionError(given[0], f"the parameter has two initial values: `{given[0]}` and `{given[1]}`",
                              "remove one of them.")
        if self.init == "fixedValue" and self.init_value is None:
            raise OptionError("init", "`init = 'fixedValue'` needs the number, in `initValue`")
        if self.init_from_literal:
            self._literal()

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if not self.init_from_literal:
            return Shape.of(*self.extents, batched=False)
        rows = self._literal()
        first, *rest = self.extents
        filled = (first or len(rows), *(d or len(rows[0]) for d in rest))
        if filled[0] != len(rows) or math.prod(filled[1:]) != len(rows[0]):
            raise ShapeError(f"the initial value has {len(rows)} x {len(rows[0])} numbers for a parameter of "
                             f"{Shape.of(*self.extents)}", label="these numbers", option="initFromLiteral")
        return Shape.of(*filled, batched=False)

    def _literal(self) -> tuple[tuple[float, ...], ...]:
        try:
            rows = tuple(tuple(float(word) for word in line.split())
                         for line in self.init_from_literal.splitlines() if line.strip())
        except ValueError:
            raise OptionError("initFromLiteral", "the initial value of the parameter is not made of numbers") from None
        if not rows or len({len(row) for row in rows}) > 1:
            raise OptionError("initFromLiteral", "the lines of the initial value differ in length")
        return rows

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        shape = self.shape(inputs)
        return {"value": ParameterSpec(shape.dims, self._start(shape), self.learning_rate_multiplier > 0,
                                   self.learning_rate_multiplier)}

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return UNBOUNDED if self.learning_rate_multiplier else None

    def _start(self, shape: Shape) -> Initializer:
        if self.init_from_file_path:
            return Initializer("file", path=self.init_from_file_path, transposed=True, option="initFromFilePath")
        if self.init_from_literal:
            return GivenStart(rows=self._literal())
        if self.init_value is not None:
            return constant(self.init_value)
        dims, pixels = shape.file_dims, self.init_filter_rank
        inward, outward = fans(dims, pixels, self.init_output_rank)
        drawn = Initializer(self.init or "uniform", self.init_value_scale, fan_in=max(1, inward),
                            fan_out=max(1, outward), kernel=tuple(reversed(dims[:pixels])))
        return drawn if self.random_seed < 0 else SeededStart(**dataclasses.asdict(drawn), seed=self.random_seed)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = p.value
        return value


@table_row
class ParameterTensor(_Learned, _Extents):
    """Numbers that are learned, for use with `*`, `+`, `.*`, Convolution and the like.

    An extent of 0 is inferred from the use: in `ParameterTensor {10:0} * x` the second one is x's.
    The start is one of `init`, `initValue`, `initFromLiteral` and `initFromFilePath`; without any of
    them it is uniform in +-0.05. A drawn start depends on the run's seed and the parameter's name.

    Source: CNTK `ParameterTensor`.
    """

    examples = (
        Example('ParameterTensor {10:784, init = "glorotUniform"}', (), (10, 784)),
        Example("ParameterTensor {1:1:32, initValue = 0}", (), (1, 1, 32)),
        Example("ParameterTensor {3, learningRateMultiplier = 0, initFromLiteral = '1 2 3'}", (), None,
                "a column of 3 has a number on each line"),
    )

    @property
    def extents(self) -> tuple[int, ...]:
        return self.dims

    def with_shape(self, shape: Shape) -> Layer:
        return dataclasses.replace(self, dims=shape.file_dims)


# The name of CNTK's row; the class cannot have it, since base.Parameter is what it makes.
@table_row
class LearnableParameter(_Learned, _MatrixExtents):
    """A matrix that is learned: `Parameter {rows, columns}`, CNTK's older form of ParameterTensor.

    Source: CNTK `Parameter`, `LearnableParameter`.
    """

    aliases = ("Parameter",)
    examples = (Example("LearnableParameter {10, 784}", (), (10, 784)),)

    @property
    def extents(self) -> tuple[int, ...]:
        return (self.output_dim, self.input_dim)

    def with_shape(self, shape: Shape) -> Layer:
        return dataclasses.replace(self, output_dim=shape.file_dims[0], input_dim=shape.file_dims[1])


# --- constants -------------------------------------------------------------------------------------


@table_row
class _Fixed(Layer):
    """Base of the constants: the same number everywhere, never learned, not in checkpoints."""

    family: ClassVar[str] = "source"
    inputs: ClassVar[tuple[str, ...]] = ()

    @property
    def number(self) -> float:
        raise NotImplementedError

    @property
    def constant_value(self) -> float:
        return self.number

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        return {"value": ParameterSpec(self.shape(inputs).dims, constant(self.number), learned=False, saved=False)}

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = p.value
        return value

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return self.number, self.number


@table_row
class Constant(_Fixed):
    """One number, or a matrix of it. A plain number beside an operator needs no Constant: `2 * x`.

    Source: CNTK `Constant (value, rows = 1, cols = 1)`.
    """

    examples = (Example("Constant {0.5}", (), (1,)), Example("Constant {0.5, rows = 3, cols = 2}", (), (3, 2)))

    value: float = option(Number(), doc="The number.", drawn="{}")
    rows: int = option(Integer(1), 1, "The first extent.")
    cols: int = option(Integer(1), 1, "The second extent.")

    @property
    def number(self) -> float:
        return self.value

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        # CNTK's 1 x 1 would turn every vector it meets into a matrix of one column.
        dims = (self.rows, self.cols) if self.rows * self.cols > 1 else (1,)
        return Shape.of(*dims, batched=False)


@table_row
class ConstantTensor(_Fixed):
    """A tensor of one number.

    Source: CNTK `ConstantTensor (value, dims)`.
    """

    examples = (Example("ConstantTensor {0.5, 1:1:3}", (), (1, 1, 3)),)

    value: float = option(Number(), doc="The number.", drawn="{}")
    dims: tuple[int, ...] = option(Dims(), doc="The extents, width first.", drawn="")

    @property
    def number(self) -> float:
        return self.value

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return Shape.of(*self.dims, batched=False)


@table_row
class OnesTensor(_Fixed):
    """A tensor of ones.

    Source: CNTK `BS.Constants.OnesTensor`.
    """

    examples = (Example("OnesTensor {1:1:3}", (), (1, 1, 3)),)

    dims: tuple[int, ...] = option(Dims(), doc="The extents, width first.", drawn="")

    @property
    def number(self) -> float:
        return 1.0

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return Shape.of(*self.dims, batched=False)


@table_row
class ZeroesLike(Layer):
    """Zeros in the shape of x; no gradient.

    Source: CNTK `BS.Constants.ZeroesLike`.
    """

    family = "source"
    examples = (Example("ZeroesLike", ((8, 8, 3),), (8, 8, 3)),)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.zeros_like(tensors[0])


@table_row
class OnesLike(Layer):
    """Ones in the shape of x; no gradient.

    Source: CNTK `BS.Constants.OnesLike`.
    """

    family = "source"
    examples = (Example("OnesLike", ((8, 8, 3),), (8, 8, 3)),)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.ones_like(tensors[0])

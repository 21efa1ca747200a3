"""What every row of the layer table is: options, shape rule, cost rule, lowering, examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.codes import Code
from ..spec import Spec, table_row
from .accumulation import Accumulation
from .bounds import Bounds
from .initializers import Initializer
from .quality import Follows, Quality
from .torch_form import TorchForm

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Shape:
    """The shape of one sample, stored channels first (torch's order, without the batch axis).

    It reads and prints as a file writes it, width first: `Shape((3, 227, 227))` is `227 x 227 x 3`.
    `batched` is false for values that are the same for every sample (parameters, constants): their
    tensors have no batch axis.
    """

    dims: tuple[int, ...]
    batched: bool = True

    @staticmethod
    def of(*file_dims: int, batched: bool = True) -> Shape:
        """From the order of the file: `Shape.of(227, 227, 3)`."""
        return Shape(tuple(reversed(file_dims)), batched)

    @property
    def file_dims(self) -> tuple[int, ...]:
        """Extents in the order of the file: width, height, channels."""
        return tuple(reversed(self.dims))

    @property
    def rank(self) -> int:
        return len(self.dims)

    @property
    def size(self) -> int:
        """Number of elements of one sample."""
        return math.prod(self.dims)

    @property
    def is_scalar(self) -> bool:
        return self.size == 1

    @property
    def is_complete(self) -> bool:
        """False while an extent is 0: a parameter's extent that its user has yet to infer."""
        return all(self.dims)

    def __str__(self) -> str:
        return " x ".join(str(d) for d in self.file_dims) if self.dims else "1"


#: The shape of a criterion or metric: one number per sample.
SCALAR = Shape((1,))


class ShapeError(Exception):
    """A shape rule that does not hold.

    `option` names the option to mark (its value is the culprit), `input` the position of the
    input to mark; with neither, the use of the layer is marked. `label` stands at the mark.
    `code` is a diagnostic code: `shape-mismatch`, `filter-too-large`, `wrong-inputs`, ...
    """

    def __init__(self, title: str, *, label: str = "", option: str | None = None, input: int | None = None,
                 hint: str = "", code: Code = Code.SHAPE_MISMATCH, body: tuple[str, ...] = ()) -> None:
        super().__init__(title)
        self.title, self.label, self.option, self.input = title, label, option, input
        self.hint, self.code, self.body = hint, code, body


@dataclass(frozen=True)
class ParameterSpec:
    """A tensor that a layer owns: torch's order of axes, how it starts, and whether it is learned."""

    dims: tuple[int, ...]
    init: Initializer
    learned: bool = True  #: False: a buffer (running statistics, frozen kernels)
    rate: float = 1.0  #: multiplies the learning rate (learningRateMultiplier)
    regularized: bool = True  #: False: L1 and L2 leave it alone
    saved: bool = True  #: False: the file says it all (constants); checkpoints leave it out

    @property
    def size(self) -> int:
        return math.prod(self.dims)


@dataclass(frozen=True)
class Cost:
    """What a use of a layer costs, for one sample."""

    parameters: int = 0  #: learned numbers
    tensors: int = 0  #: learned tensors
    macs: int = 0  #: multiply-adds of its matrix product or convolution; biases, pooling, norms not counted
    neurons: int = 0  #: outputs of layers with a weight matrix or filter
    activations: int = 0  #: numbers of a sample kept for the backward pass: its value if needed, and masks
    buffers: int = 0  #: numbers kept but not learned


@dataclass(frozen=True)
class Example:
    """A line of the language, shapes of its inputs (in the file's order) and of its output."""

    text: str  #: the layer as a file writes it: `ConvolutionalLayer {16, (5:5), pad = true}`
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...] | None  #: None: the example shows a refusal (a ShapeError)
    note: str = ""


@dataclass(frozen=True)
class Meaning:
    """What the values of a node are, as far as a row knows it.

    `of`: `classes` (one of several), `shares` (each element is a share between 0 and 1 by itself) or
    `numbers`. `scale`: `scores`, of which a softmax or a sigmoid makes probabilities; `probabilities`; `log
    probabilities`; `log sum` (what a softmax divides by); or `order`, where only the order of the values
    counts. `axis` is that of the classes, 1 the width; 0: all elements.
    """

    of: str = "numbers"
    scale: str = "order"
    axis: int = 0


@table_row
class Layer(Spec):
    """A row of the layer table.

    A row states its options as fields and implements `shape`, `forward`, and where they apply
    `parameters` and `macs`; everything else is derived. `forward` runs on torch; nothing else may.
    """

    what: ClassVar[str] = "layer"
    #: The family: colour in diagrams, section in docs ("convolution", "activation", ...).
    family: ClassVar[str] = "other"
    #: Name of an unnamed step: a second `ConvolutionalLayer` of a list is `convolution2`.
    label: ClassVar[str] = ""
    #: Name of an unnamed use where people read it (`ce`, `sum`); see `shown_names`. Never part of a checkpoint.
    short: ClassVar[str] = ""
    #: Names of the inputs; one that ends with `...` takes a list. `()` makes the row a source.
    inputs: ClassVar[tuple[str, ...]] = ("x",)
    #: Inputs that have to be parameters or constants, the same for every sample (filters, statistics).
    parameter_inputs: ClassVar[tuple[str, ...]] = ()
    #: Own tensors and inputs that training moves by a rule of the layer, not by gradients (running statistics).
    #: A frozen layer that has such is computed in training as it is elsewhere, so that they stay and are used.
    moved: ClassVar[tuple[str, ...]] = ()
    moved_inputs: ClassVar[tuple[str, ...]] = ()
    #: How many of `inputs`, from the end, may be left out.
    optional_inputs: ClassVar[int] = 0
    #: The row that a call means where an option gets a node of the network (`Clip` between two tensors).
    of_nodes: ClassVar[type[Layer] | None] = None
    #: Order of inputs and options in a call `Name (...)`; None: inputs, then options.
    call: ClassVar[tuple[str, ...] | None] = None
    #: "layer": options in braces make it, then it is applied. "function": called with its inputs.
    style: ClassVar[str] = "function"
    #: Other names under which files know the row (CNTK's aliases).
    aliases: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = ()
    #: Field -> key of the training block that may give its value: {"rate": "dropoutRate"}. The trainer
    #: puts what the block says into `settings` of every use under the field's name; the row decides
    #: which goes first (Dropout: the file's own rate; batch normalization: the block, as in CNTK).
    from_plan: ClassVar[dict[str, str]] = {}
    #: Field of `settings` -> what the trainer puts there of the data, where the file leaves it to them.
    from_data: ClassVar[dict[str, str]] = {}
    #: Which values the backward pass needs: "inputs", "output" or "nothing". For the memory estimate.
    keeps: ClassVar[str] = "inputs"
    #: True for rows that stand for data from the reader: `forward` gets the delivered tensor.
    is_input: ClassVar[bool] = False
    #: The output is one number per sample that reports show and nothing is trained on.
    is_metric: ClassVar[bool] = False
    #: The value is one of a whole data set (precision, AUC) and not of a sample: `forward` gives what a minibatch
    #: adds, as `accumulation` says, and `result` makes the number of it. Only reports use the value.
    is_set_metric: ClassVar[bool] = False
    #: The position of the input that says which samples belong together (a query's id): minibatches keep them whole,
    #: since the value of a sample needs the others.
    group_input: ClassVar[int | None] = None
    #: The output is a Softmax.
    is_softmax: ClassVar[bool] = False
    #: The output has the values of the input, perhaps in another shape; while the network is evaluated.
    passes_on: ClassVar[bool] = False
    #: A normalization of the output and its activation are drawn in the box of this layer.
    draws_norm_inside: ClassVar[bool] = False
    #: What the row compares with the labels (its last but weights): "probabilities" or "scores"; empty: any numbers.
    compares: ClassVar[str] = ""
    #: The row that compares the other one of the two.
    for_the_other: ClassVar[str] = ""
    #: False for rows over whole samples, whose values mean nothing once samples are blended (mixup).
    can_be_blended: ClassVar[bool] = True
    #: Between which numbers the values lie, whatever the inputs are (`output_bounds`); None: nothing is known.
    value_bounds: ClassVar[Bounds | None] = None
    #: Which way the value is better, for criteria and metrics; for functions how it follows from the inputs.
    better: ClassVar[Quality] = Quality.UNKNOWN
    follows: ClassVar[Follows] = Follows.UNKNOWN
    #: Arithmetic, comparisons and reductions: what people write formulas of.
    is_formula: ClassVar[bool] = False
    #: The position of the input that the row divides by.
    divisor: ClassVar[int | None] = None
    #: The row makes less of a sample: a sum over elements, a yes or no.
    is_reducing: ClassVar[bool] = False
    #: Reports print the output as a percentage (a share of samples or of pixels).
    percent: ClassVar[bool] = False
    #: True for rows with tensors that are computed from their input over the training data, before the first update.
    precomputed: ClassVar[bool] = False
    #: True for those of them whose value is such a tensor: the same for every sample, `forward` gets no input.
    is_statistic: ClassVar[bool] = False

    @property
    def softmax_axis(self) -> int | None:
        """Along which axis the layer takes a Softmax of its last input itself (0: all elements); None: it does not."""
        return None

    @property
    def scaling(self) -> tuple[float, float] | None:
        """(scale, offset) of rows whose output is `scale * x + offset` with two numbers; None for others."""
        return (1.0, 0.0) if self.passes_on else None

    @property
    def memory(self) -> float | None:
        """How many samples the running statistics remember, where there are such and the file says it."""
        return None

    @property
    def per_element(self) -> bool:
        """Whether a normalization has statistics for each element of its input, and not for each channel."""
        return False

    @property
    def compares_as(self) -> Meaning | None:
        """For rows that compare their first two inputs, labels and prediction: what they take the latter for."""
        return None

    @property
    def gives(self) -> Meaning | None:
        """What the output is, where the row alone says it: a Softmax gives probabilities."""
        return None

    @property
    def is_weighted(self) -> bool:
        """Whether samples count by `sample_weights` in the mean of the data set."""
        return False

    def quality(self, inputs: Sequence[Quality]) -> Quality:
        """Which way the value is better, as far as that is certain, from what is known of the inputs."""
        return self.follows.quality(inputs) if self.follows is not Follows.UNKNOWN else self.better

    @classmethod
    def step_label(cls) -> str:
        return cls.label or cls.name()[0].lower() + cls.name()[1:]

    def short_name(self) -> str:
        return self.short

    @property
    def constant_value(self) -> float | None:
        """The one number that a constant is made of; None for other rows."""
        return None

    def split_activation(self) -> tuple[Layer, Any]:
        """The row without its `activation`, and that function, which becomes a node of its own; None: there is none."""
        return self, None

    # -- rules, for shapes; no torch ------------------------------------------------------------

    def infer_inputs(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """The inputs' shapes, with the extents filled in that a parameter left to its user (0).

        The shape pass calls it before `shape` where an input that is not batched is incomplete, and
        gives the completed shape to the source by `with_shape`. A row that cannot infer leaves the
        zeros alone; raises ShapeError where what is given contradicts the other inputs.
        """
        return tuple(inputs)

    def with_shape(self, shape: Shape) -> Layer:
        """This source with the extents that a user inferred (`ParameterTensor {0:10}`)."""
        return self

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """The output's shape, from the inputs' shapes. Raises ShapeError.

        `batched` of the result is set by the caller: a use is batched if any input is.
        """
        raise NotImplementedError

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        """The tensors the layer owns, by name (`weight`, `bias`, ...)."""
        return {}

    def macs(self, inputs: Sequence[Shape], output: Shape) -> int:
        """Multiply-adds for one sample; only matrix products and convolutions count."""
        return 0

    def extra_saved_bytes(self, inputs: Sequence[Shape], output: Shape) -> int:
        """Numbers of a sample that the backward pass needs beside inputs and output: masks, indices, sums."""
        return 0

    def cost(self, inputs: Sequence[Shape], output: Shape) -> Cost:
        owned = self.parameters(inputs)
        learned = [p for p in owned.values() if p.learned]
        macs = self.macs(inputs, output)
        return Cost(
            parameters=sum(p.size for p in learned),
            tensors=len(learned),
            macs=macs,
            neurons=output.size if learned and macs else 0,
            activations=self.extra_saved_bytes(inputs, output) if output.batched else 0,
            buffers=sum(p.size for p in owned.values() if not p.learned),
        )

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        """Statements that hold for any options: `("pad and stride 1 keep the size", output == ...)`."""
        return []

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        """Between which numbers the values lie, given those of the inputs; None: nothing is known."""
        return self.value_bounds

    def for_bounds(self, inputs: Sequence[Bounds | None]) -> Layer:
        """This row with what the bounds of its inputs decide (the threshold of one score)."""
        return self

    def class_numbers(self, inputs: Sequence[Shape]) -> int | None:
        """Of how many classes the first input holds the numbers (0, 1, ...); None where it holds none.

        Class numbers cannot be blended: half of class 0 and half of class 2 is not class 1.
        """
        return None

    def largest_label(self, inputs: Sequence[Shape]) -> int | None:
        """The largest number that a label (the first input) may be, where each is a number by itself; None: any."""
        return None

    # -- lowering; torch from here on -------------------------------------------------------------

    def prepare(self, inputs: Sequence[Shape], output: Shape) -> dict[str, Any]:
        """What `forward` needs and can be computed once (pads, permutations, ...)."""
        return {}

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        """The layer on tensors with a batch axis first (none where the Shape is not batched).

        `p` is the module of this use: `p.weight`, `p.bias` (its parameters by name), `p.training`,
        `p.settings` (a dict: values that the training plan provides for `from_plan`), `p.inputs` and
        `p.output` (Shapes), `p.prepared` (what `prepare` returned), `p.layer` (this row).
        """
        raise NotImplementedError

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        """How a person writes the layer in PyTorch, in inference and in training alike; None: there is no usual way,
        and what `forward` calls is written out.
        """
        return None

    # -- a data set's number, for criteria and metrics ----------------------------------------------

    def sample_weights(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        """How much each sample counts, (N, 1), where `is_weighted`: the data set's value is
        sum (weight * value) / sum (weight). A sample of weight 0 is left out whatever its value.
        A formula of a weighted row (`x / 100`) counts by the same weights.
        """
        raise NotImplementedError

    def accumulation(self, inputs: Sequence[Shape]) -> Accumulation:
        """What a set metric's `forward` gives for a minibatch: `Sums` (a tensor of so many numbers) or `Rows`."""
        raise NotImplementedError

    def result(self, added: torch.Tensor) -> float:
        """A set metric's number, from all that was added: float64 sums, or rows (samples, columns); NaN where
        it is not defined.
        """
        raise NotImplementedError


class Activated(Layer):
    """Base of rows with the option `activation`."""

    activation: Any

    def split_activation(self) -> tuple[Layer, Any]:
        return (self, None) if self.activation is None else (self.with_options(activation=None), self.activation)


@table_row
class SampleLayer(Layer):
    """Base of rows of one input that treat every sample alone; `run` always sees a batch axis."""

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        (x,) = tensors
        return self.run(p, x) if p.inputs[0].batched else self.run(p, x[None])[0]

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        """The layer on a tensor with a batch axis first."""
        raise NotImplementedError


def expect_rank(shape: Shape, rank: int, name: str, what: str, input: int = 0) -> None:
    """Raise unless the input has that many axes."""
    if shape.rank != rank:
        raise ShapeError(f"{name} needs {what}, and gets {shape}", label=f"this is {shape}", input=input)


__all__ = [
    "SCALAR",
    "Activated",
    "Cost",
    "Example",
    "Initializer",
    "Layer",
    "Meaning",
    "ParameterSpec",
    "SampleLayer",
    "Shape",
    "ShapeError",
    "expect_rank",
    "field",
]

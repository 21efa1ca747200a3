"""Activation functions: CNTK's and the modern ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..spec import Choice, Flag, Integer, Number, option, table_row
from .bounds import POSITIVE, UNIT, Bounds, rising
from .initializers import constant
from .layer import Example, Initializer, Layer, Meaning, ParameterSpec, SampleLayer, Shape, ShapeError
from .torch_form import Call, Default, TorchForm, function

if TYPE_CHECKING:
    import torch


@table_row
class Activation(Layer):
    """Base of the functions that keep the shape of their one input."""

    family: ClassVar[str] = "activation"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]


@table_row
class ReLU(Activation):
    """max(x, 0), element by element. The gradient at 0 is 0.

    Source: CNTK `ReLU` and `RectifiedLinear`.
    """

    keeps: ClassVar[str] = "output"
    label = "relu"
    aliases = ("RectifiedLinear", "Relu")
    examples = (Example("ReLU", ((8, 8, 3),), (8, 8, 3)),)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0].relu()

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function("F.relu({0})", "nn.ReLU")

    def output_bounds(self, inputs: Sequence[Bounds | None]) -> Bounds | None:
        return rising(inputs[0], lambda x: max(x, 0.0), POSITIVE)


@table_row
class Sigmoid(Activation):
    """`1 / (1 + e^-x)`: between 0 and 1.

    Source: CNTK `Sigmoid`.
    """

    value_bounds = UNIT

    keeps: ClassVar[str] = "output"
    examples = (Example("Sigmoid", ((8, 8, 3),), (8, 8, 3)),)

    @property
    def gives(self) -> Meaning | None:
        return Meaning("shares", "probabilities")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0].sigmoid()

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function("torch.sigmoid({0})", "nn.Sigmoid")


@table_row
class Tanh(Activation):
    """The hyperbolic tangent of x: between -1 and 1.

    Source: CNTK `Tanh`.
    """

    value_bounds = (-1.0, 1.0)

    keeps: ClassVar[str] = "output"
    examples = (Example("Tanh", ((8, 8, 3),), (8, 8, 3)),)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0].tanh()

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function("torch.tanh({0})", "nn.Tanh")


@table_row
class LeakyReLU(Activation):
    """x where x >= 0, `slope * x` elsewhere. The gradient at 0 is 1.

    Source: Maas et al. 2013; CNTK `leaky_relu` (there `alpha`).
    """

    label = "leakyRelu"
    examples = (Example("LeakyReLU {0.1}", ((10,),), (10,)), Example("LeakyReLU", ((8, 8, 3),), (8, 8, 3)))

    slope: float = option(Number(), 0.01, "The slope on the negative side.")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        (x,) = tensors
        return torch.where(x >= 0, x, self.slope * x)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function(f"F.leaky_relu({{0}}, {self.slope!r})", "nn.LeakyReLU", negative_slope=self.slope)


@table_row
class PReLU(Activation):
    """x where x >= 0, `slope * x` elsewhere, with a slope that is learned.

    One slope for each channel (the last axis of the file's shape), or one for all of them. L1 and L2
    leave the slopes alone, as the paper says.

    Source: He et al. 2015; CNTK `param_relu`.
    """

    label = "prelu"
    examples = (Example("PReLU", ((8, 8, 3),), (8, 8, 3)), Example("PReLU {perChannel = false}", ((10,),), (10,)))

    initial_slope: float = option(Number(), 0.25, "The slope at which learning starts.", drawn="")
    per_channel: bool = option(Flag(), True, "A slope for each channel; otherwise one for all.")

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        start: Initializer = constant(self.initial_slope)
        return {"slope": ParameterSpec((inputs[0].dims[0] if self.per_channel else 1,), start, regularized=False)}

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        (x,) = tensors
        slope = p.slope.reshape(-1, *(1,) * (p.inputs[0].rank - 1))
        return torch.where(x >= 0, x, slope * x)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return TorchForm(module=Call.of("nn.PReLU", ("num_parameters", inputs[0].dims[0] if self.per_channel else 1)),
                         own={"slope": "weight"})


@table_row
class ELU(Activation):
    """x where x >= 0, `alpha * (exp(x) - 1)` elsewhere.

    Source: Clevert et al. 2016; CNTK `elu`.
    """

    label = "elu"
    examples = (Example("ELU", ((8, 8, 3),), (8, 8, 3)),)

    alpha: float = option(Number(0), 1.0, "Minus the value far on the negative side.")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.elu(tensors[0], self.alpha)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function(f"F.elu({{0}}, alpha={self.alpha!r})", "nn.ELU", alpha=Default(self.alpha, 1.0))


@table_row
class SELU(Activation):
    """`1.0507 * (x where x >= 0, 1.6733 * (exp(x) - 1) elsewhere)`: keeps mean 0 and variance 1.

    Source: Klambauer et al. 2017; CNTK `selu`.
    """

    label = "selu"
    examples = (Example("SELU", ((10,),), (10,)),)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.selu(tensors[0])

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function("F.selu({0})", "nn.SELU")


@table_row
class GELU(Activation):
    """x times the normal distribution function of x.

    `formula = "tanh"` is the approximation `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`.

    Source: Hendrycks and Gimpel 2016.
    """

    label = "gelu"
    examples = (Example("GELU", ((8, 8, 3),), (8, 8, 3)), Example('GELU {"tanh"}', ((10,),), (10,)))

    formula: str = option(Choice(("exact", "tanh")), "exact", "The exact function or its approximation by tanh.")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.gelu(tensors[0], approximate="none" if self.formula == "exact" else "tanh")

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        kind = "none" if self.formula == "exact" else "tanh"
        text = "F.gelu({0})" if kind == "none" else f'F.gelu({{0}}, approximate="{kind}")'
        return function(text, "nn.GELU", approximate=Default(kind, "none"))


@table_row
class SiLU(Activation):
    """`x * sigmoid(x)`, also called Swish.

    Source: Elfwing et al. 2017, Ramachandran et al. 2017.
    """

    label = "silu"
    aliases = ("Swish",)
    examples = (Example("SiLU", ((8, 8, 3),), (8, 8, 3)),)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.silu(tensors[0])

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function("F.silu({0})", "nn.SiLU")


@table_row
class Mish(Activation):
    """`x * tanh(softplus(x))`.

    Source: Misra 2019 (darknet `mish`).
    """

    examples = (Example("Mish", ((8, 8, 3),), (8, 8, 3)),)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.mish(tensors[0])

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function("F.mish({0})", "nn.Mish")


@table_row
class Softplus(Activation):
    """`log(1 + exp(steepness * x)) / steepness`, without overflow.

    Source: CNTK `softplus`; Caffe `BNLL` at steepness 1.
    """

    value_bounds = POSITIVE

    examples = (Example("Softplus", ((10,),), (10,)),)

    steepness: float = option(Number(0, exclusive_minimum=True), 1.0, "How sharp the bend at 0 is.")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.softplus(tensors[0], self.steepness)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function(f"F.softplus({{0}}, beta={self.steepness!r})", "nn.Softplus", beta=Default(self.steepness, 1.0))


@table_row
class Softsign(Activation):
    """`x / (1 + |x|)`.

    Source: CNTK `softsign`.
    """

    value_bounds = (-1.0, 1.0)

    examples = (Example("Softsign", ((10,),), (10,)),)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        (x,) = tensors
        return x / (1 + x.abs())

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function("F.softsign({0})", "nn.Softsign")


@table_row
class HardSigmoid(Activation):
    """`alpha * x + beta`, cut to the range from 0 to 1.

    The defaults are CNTK's (and those of ONNX); torch's function of that name has alpha = 1/6.

    Source: CNTK `hard_sigmoid`.
    """

    value_bounds = UNIT

    examples = (Example("HardSigmoid", ((10,),), (10,)), Example("HardSigmoid {0.25}", ((8, 8, 3),), (8, 8, 3)))

    alpha: float = option(Number(), 0.2, "The slope of the middle part.")
    beta: float = option(Number(), 0.5, "The value at 0.")

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return (self.alpha * tensors[0] + self.beta).clamp(0, 1)


@table_row
class HardSwish(Activation):
    """`x * min(max(x + 3, 0), 6) / 6`.

    Source: Howard et al. 2019 (MobileNetV3).
    """

    examples = (Example("HardSwish", ((8, 8, 3),), (8, 8, 3)),)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.hardswish(tensors[0])

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function("F.hardswish({0})", "nn.Hardswish")


@table_row
class ReLU6(Activation):
    """`min(max(x, 0), 6)`.

    Source: Howard et al. 2017 (MobileNet).
    """

    value_bounds = (0.0, 6.0)

    label = "relu6"
    examples = (Example("ReLU6", ((8, 8, 3),), (8, 8, 3)),)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0].clamp(0, 6)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        return function("F.relu6({0})", "nn.ReLU6")


@table_row
class Maxout(SampleLayer):
    """The largest of every `pieces` neighbouring channels: C channels become C / pieces.

    Channels are the last axis of the file's shape; the first result is the largest of the first
    `pieces` channels, and so on.

    Source: Goodfellow et al. 2013.
    """

    family = "activation"
    examples = (
        Example("Maxout {2}", ((8, 8, 6),), (8, 8, 3)),
        Example("Maxout {5}", ((10,),), (2,)),
        Example("Maxout {4}", ((8, 8, 6),), None, "6 channels are not a multiple of 4"),
    )

    pieces: int = option(Integer(1), doc="How many channels make one.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        channels, *rest = inputs[0].dims
        if channels % self.pieces:
            raise ShapeError(f"Maxout cannot divide {channels} channels into groups of {self.pieces}",
                             label=f"{channels} is not a multiple of this", option="pieces")
        return Shape((channels // self.pieces, *rest))

    def run(self, p: Any, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.shape[0], -1, self.pieces, *x.shape[2:]).amax(2)

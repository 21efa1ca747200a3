"""Statistics of the training data, computed in one pass before the first update: CNTK's precomputed nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.codes import Code
from ..spec import table_row
from .batch_normalization import needs_samples
from .initializers import constant
from .layer import Example, Layer, ParameterSpec, Shape, ShapeError

if TYPE_CHECKING:
    import torch

#: The smallest variance that is divided by, as in CNTK: an element that never changes has an inverse deviation of 1e5.
VARIANCE_FLOOR = 1e-10


@dataclass
class Moments:
    """Count, mean and sum of squared deviations of all samples so far, in float64, element by element.

    Minibatches are merged by the rule of Chan, Golub and LeVeque (1979): no difference of large sums is taken.
    """

    count: int = 0
    mean: Any = 0.0
    squares: Any = 0.0

    def add(self, values: torch.Tensor) -> None:
        """A minibatch, (N, ...)."""
        values = values.double()
        samples, mean = len(values), values.mean(0)
        squares = (values - mean).square().sum(0)
        total = self.count + samples
        difference = mean - self.mean
        self.squares = self.squares + squares + difference.square() * (self.count * samples / total)
        self.mean = self.mean + difference * (samples / total)
        self.count = total

    @property
    def inverse_deviation(self) -> torch.Tensor:
        """1 / the standard deviation over all samples (not n - 1)."""
        result: torch.Tensor = (self.squares / self.count).clamp(min=VARIANCE_FLOOR).rsqrt()
        return result


@table_row
class Precomputed(Layer):
    """Base of the rows whose tensors come from the training data. `count` is 0 until they are computed."""

    family: ClassVar[str] = "normalization"
    precomputed: ClassVar[bool] = True
    keeps: ClassVar[str] = "nothing"

    def statistics(self, dims: tuple[int, ...]) -> dict[str, ParameterSpec]:
        """The tensors, and what they are before they are computed."""
        raise NotImplementedError

    def compute(self, moments: Moments) -> dict[str, torch.Tensor]:
        """The tensors of `statistics`, from all samples of the input."""
        raise NotImplementedError

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return needs_samples(self.name(), inputs[0])

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        count = ParameterSpec((1,), constant(0.0), learned=False)
        return {**self.statistics(inputs[0].dims), "count": count}


@table_row
class Statistic(Precomputed):
    """Base of the rows whose value is one of these tensors, the same for every sample."""

    is_statistic: ClassVar[bool] = True

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = p.value
        return value


@table_row
class Mean(Statistic):
    """The mean of x over the training data, element by element.

    It is computed in one pass over all of the training data before the first update, stays as it is from then on, and
    is a tensor of the checkpoint: a resumed run, `test` and `predict` take it from there. What `validation` sets aside
    does not count. No gradient flows into it. Without any training it is 0.

    Source: CNTK `Mean`.
    """

    inputs = ("dataVectorSequence",)
    label = "mean"
    examples = (Example("Mean", ((3,),), (3,)), Example("Mean", ((8, 6, 3),), (8, 6, 3)))

    def statistics(self, dims: tuple[int, ...]) -> dict[str, ParameterSpec]:
        return {"value": ParameterSpec(dims, constant(0.0), learned=False)}

    def compute(self, moments: Moments) -> dict[str, torch.Tensor]:
        return {"value": moments.mean}


@table_row
class InvStdDev(Statistic):
    """1 / the standard deviation of x over the training data, element by element; computed as Mean is.

        1 / sqrt (max (variance, 1e-10))        variance = mean of (x - mean)^2

    Without any training it is 1.

    Source: CNTK `InvStdDev`.
    """

    inputs = ("dataVectorSequence",)
    label = "invStdDev"
    examples = (Example("InvStdDev", ((3,),), (3,)), Example("InvStdDev", ((8, 6, 3),), (8, 6, 3)))

    def statistics(self, dims: tuple[int, ...]) -> dict[str, ParameterSpec]:
        return {"value": ParameterSpec(dims, constant(1.0), learned=False)}

    def compute(self, moments: Moments) -> dict[str, torch.Tensor]:
        return {"value": moments.inverse_deviation}


@table_row
class LogPrior(Statistic):
    """The logarithm of the mean of the labels over the training data: of each class, the logarithm of its share.

    `z - LogPrior (labels)` makes scaled likelihoods of posteriors. Computed as Mean is; a class without samples
    has -100 in place of minus infinity. Without any training it is 0.

    Source: CNTK `LogPrior`.
    """

    inputs = ("labels",)
    label = "logPrior"
    examples = (Example("LogPrior", ((10,),), (10,)),)

    def statistics(self, dims: tuple[int, ...]) -> dict[str, ParameterSpec]:
        return {"value": ParameterSpec(dims, constant(0.0), learned=False)}

    def compute(self, moments: Moments) -> dict[str, torch.Tensor]:
        return {"value": moments.mean.log().clamp(min=-100.0)}


@table_row
class LogPriorLayer(LogPrior):
    """LogPrior as a layer: `LogPriorLayer {} (labels)`.

    Source: CNTK `LogPriorLayer`.
    """

    inputs = ("labels",)
    label = "logPrior"
    style = "layer"
    examples = (Example("LogPriorLayer {}", ((10,),), (10,)),)


@table_row
class MeanVarNorm(Precomputed):
    """Subtracts the mean over the training data and divides by their standard deviation, element by element.

        y = (x - Mean (x)) .* InvStdDev (x)

    Mean and inverse deviation are computed as Mean and InvStdDev are, and nothing is learned. Without any training
    it leaves x as it is.

    Source: CNTK `MeanVarNorm`.
    """

    inputs = ("feat",)
    label = "meanVarNorm"
    examples = (Example("MeanVarNorm", ((3,),), (3,)), Example("MeanVarNorm", ((8, 6, 3),), (8, 6, 3)))

    def statistics(self, dims: tuple[int, ...]) -> dict[str, ParameterSpec]:
        return {"mean": ParameterSpec(dims, constant(0.0), learned=False),
                "inverse_deviation": ParameterSpec(dims, constant(1.0), learned=False)}

    def compute(self, moments: Moments) -> dict[str, torch.Tensor]:
        return {"mean": moments.mean, "inverse_deviation": moments.inverse_deviation}

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the shape is kept", output.dims == inputs[0].dims)]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = (tensors[0] - p.mean) * p.inverse_deviation
        return result


@table_row
class FeatureMVNLayer(MeanVarNorm):
    """MeanVarNorm as a layer: `FeatureMVNLayer {}`.

    Source: CNTK `FeatureMVNLayer`.
    """

    inputs = ("x",)
    label = "featureMVN"
    style = "layer"
    examples = (Example("FeatureMVNLayer {}", ((3,),), (3,)), Example("FeatureMVNLayer {}", ((8, 6, 3),), (8, 6, 3)))


@table_row
class _PerDimension(Layer):
    """Base of the rows that take a mean and an inverse deviation for each element of x."""

    family: ClassVar[str] = "normalization"
    parameter_inputs: ClassVar[tuple[str, ...]] = ("mean", "invStdDev")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        for index, given in enumerate(inputs[1:], 1):
            name = type(self).inputs[index]
            if given.batched:
                raise ShapeError(f"`{name}` of {self.name()} has to be the same for every sample", input=index,
                                 code=Code.WRONG_INPUTS, label="this has a value for every sample",
                                 hint="`Mean (x)` and `InvStdDev (x)` are taken over the training data.")
            if given.size != inputs[0].size:
                raise ShapeError(f"`{name}` of {self.name()} needs a number for each element of x", input=index,
                                 label=f"this is {given}, and x is {inputs[0]}")
        return inputs[0]

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the shape is kept", output.dims == inputs[0].dims)]


@table_row
class PerDimMeanVarNormalization(_PerDimension):
    """Subtracts a mean and multiplies by an inverse deviation, element by element.

        y = (x - mean) .* invStdDev

    `PerDimMeanVarNormalization (x, Mean (x), InvStdDev (x))` gives x the mean 0 and the deviation 1 over the training
    data.

    Source: CNTK `PerDimMeanVarNormalization`.
    """

    inputs = ("x", "mean", "invStdDev")
    label = "normalized"
    examples = (Example("PerDimMeanVarNormalization (x, mean, deviation)", ((3,), (3,), (3,)), (3,)),
                Example("PerDimMeanVarNormalization (x, mean, deviation)", ((4, 4, 3), (3,), (4, 4, 3)), None,
                        "a mean for each of the 48 elements"))

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        x, mean, deviation = tensors
        dims = p.inputs[0].dims
        return (x - mean.reshape(dims)) * deviation.reshape(dims)


@table_row
class PerDimMeanVarDeNormalization(_PerDimension):
    """Undoes PerDimMeanVarNormalization: divides by the inverse deviation and adds the mean.

        y = x / invStdDev + mean

    Source: CNTK `PerDimMeanVarDeNormalization`.
    """

    inputs = ("dataVectorSequence", "meanVector", "invStdDevVector")
    parameter_inputs = inputs[1:]
    label = "denormalized"
    examples = (Example("PerDimMeanVarDeNormalization (x, mean, deviation)", ((3,), (3,), (3,)), (3,)),)

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        x, mean, deviation = tensors
        dims = p.inputs[0].dims
        return x / deviation.reshape(dims) + mean.reshape(dims)

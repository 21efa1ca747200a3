"""Batch normalization with CNTK's running statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..base.codes import Code
from ..spec import Flag, Integer, Number, Optional, OptionError, option, table_row
from .bounds import UNBOUNDED
from .initializers import constant
from .layer import Example, Layer, ParameterSpec, Shape, ShapeError
from .torch_form import Call, Default, TorchForm

if TYPE_CHECKING:
    import torch

_TIME_CONSTANT = ("Samples that the running statistics remember; 0: the last minibatch alone; negative: the mean over "
                  "all so far; Infinity: those of the first minibatch for ever.")
#: CNTK's time constant, for layers for which the file states none; smaller where the data are few.
USUAL_MEMORY = 5000.0
_BLEND = ("Weight, in samples, that the running statistics have in training beside the minibatch's; 0: the minibatch "
          "alone.")
_EPSILON = "Added to the variance."
_DISABLE = "L1 and L2 regularization leave scale and bias alone."


@table_row
class BatchNormalizationLayer(Layer):
    """Subtracts the mean and divides by the standard deviation, then multiplies by a scale and adds a bias.

        y = (x - mean) / sqrt (variance + epsilon) * scale + bias

    With `spatialRank = 0` every element has statistics of its own, over the samples of the minibatch; with 2 on
    an image (1 on `W x C`, 3 on `W x H x D x C`) every channel has, over the samples and all positions. Scale
    (`weight`) and `bias` are learned, one number for each statistic; `affine = false` leaves them out.

    In training, mean and variance are the minibatch's, the variance the biased one; elsewhere they are the running
    ones. After a minibatch of N samples (not pixels) the running statistics move by

        running = (1 - f) running + f minibatch        f = 1 - exp (-N / normalizationTimeConstant)

    where the variance is the unbiased one; f = 1 in the very first minibatch and for a time constant of 0,
    f = N / (samples so far) for a negative one, and f = 0 for Infinity. A statistic over a single value has no
    variance, which then stays as it is. With `biasCorrection` the first minibatches count like the later ones, as
    in Caffe: f = (1 - exp (-N / T)) / (1 - exp (-(samples so far) / T)), T the time constant.

    The training block's `batchNormalizationTimeConstant` goes before the layer's. Where neither says it, the time
    constant is CNTK's 5000, but at most the samples of an epoch, and at most half of the samples of the whole
    training: otherwise a small set would be measured on the statistics of the first updates.

    The running statistics are buffers; before any training they are 0 and 1. A layer that `SGD.freeze` names keeps
    them as they are and normalizes by them in training, too.

    `blendTimeConstant` B blends the running statistics, weight B / (B + N), into those used in training.

    Source: Ioffe and Szegedy 2015; CNTK `BatchNormalizationLayer` (which makes NaN of a single value, and forgets
    `blendTimeConstant` on the CPU).
    """

    value_bounds = UNBOUNDED

    family: ClassVar[str] = "normalization"
    label: ClassVar[str] = "batchNorm"
    style: ClassVar[str] = "layer"
    from_plan: ClassVar[dict[str, str]] = {"normalization_time_constant": "batchNormalizationTimeConstant"}
    from_data: ClassVar[dict[str, str]] = {"usual_memory": "normalizationMemory"}
    moved: ClassVar[tuple[str, ...]] = ("running_mean", "running_variance", "running_count")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("BatchNormalizationLayer {spatialRank = 2, normalizationTimeConstant = 4096}", ((8, 6, 4),), (8, 6, 4)),
        Example("BatchNormalizationLayer {}", ((10,),), (10,)),
        Example("BatchNormalizationLayer {spatialRank = 1, blendTimeConstant = 10}", ((5, 3),), (5, 3)),
        Example("BatchNormalizationLayer {spatialRank = 2, affine = false, biasCorrection = true}", ((5, 4, 3),),
                (5, 4, 3), "Caffe's `BatchNorm`"),
        Example("BatchNormalizationLayer {normalizationTimeConstant = -1}", ((3, 2, 4),), (3, 2, 4),
                "statistics for each of the 24 elements"),
        Example("BatchNormalizationLayer {spatialRank = 1}", ((8, 6, 4),), None, "an image has two axes of positions"),
    )

    spatial_rank: int = option(Integer(0), 0, "Number of axes of positions, over which statistics are taken together; "
                               "0: each element has its own.", drawn="")
    initial_scale: float = option(Number(), 1.0, "The value at which the scale starts.", drawn="")
    normalization_time_constant: float | None = option(
        Optional(Number()), None, _TIME_CONSTANT + " None: 5000, or fewer where the data are few.", drawn="")
    blend_time_constant: float = option(Number(0), 0.0, _BLEND, drawn="")
    epsilon: float = option(Number(0), 1e-5, _EPSILON, drawn="")
    disable_regularization: bool = option(Flag(), False, _DISABLE, drawn="")
    affine: bool = option(Flag(), True, "Multiply by a learned scale and add a learned bias.")
    bias_correction: bool = option(Flag(), False, "The running statistics weigh the first minibatches like the later "
                                   "ones.", drawn="")

    @property
    def memory(self) -> float | None:
        return self.normalization_time_constant

    @property
    def per_element(self) -> bool:
        return self.spatial_rank == 0

    def statistics(self, shape: Shape) -> tuple[int, ...]:
        """The extents of the statistics, in torch's order. Raises ShapeError."""
        if self.spatial_rank == 0:
            return shape.dims
        if self.spatial_rank < shape.rank - 1:
            raise ShapeError(f"`spatialRank` {self.spatial_rank} does not fit an input of {shape}",
                             option="spatialRank", label=f"{shape} has {shape.rank - 1} axes of positions",
                             hint=f"use {shape.rank - 1} for statistics of each channel, 0 for statistics of each "
                                  "element.")
        return shape.dims[:1]

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        self.statistics(inputs[0])
        return needs_samples(self.name(), inputs[0])

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        dims, learned = self.statistics(inputs[0]), not self.disable_regularization
        scale_and_bias = {
            "weight": ParameterSpec(dims, constant(self.initial_scale), regularized=learned),
            "bias": ParameterSpec(dims, constant(0.0), regularized=learned),
        }
        return {
            **(scale_and_bias if self.affine else {}),
            "running_mean": ParameterSpec(dims, constant(0.0), learned=False),
            "running_variance": ParameterSpec(dims, constant(1.0), learned=False),
            "running_count": ParameterSpec((1,), constant(0.0), learned=False),
        }

    def validate(self) -> None:
        if not self.affine and self.initial_scale != 1:
            raise OptionError("initialScale", "`initialScale` needs a scale, and `affine = false` leaves it out")

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the shape is kept", output.dims == inputs[0].dims)]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        own = self.normalization_time_constant
        usual = p.settings.get("usual_memory", USUAL_MEMORY) if own is None else own
        rule = Rule(p.settings.get("normalization_time_constant", usual), self.blend_time_constant, self.epsilon,
                    self.bias_correction)
        running = (p.running_mean, p.running_variance, p.running_count)
        scale, bias = (p.weight, p.bias) if self.affine else (None, None)
        return normalize_batch(tensors[0], scale, bias, running, rule, p.training, self.spatial_rank > 0)

    def torch_form(self, inputs: Sequence[Shape], output: Shape) -> TorchForm | None:
        axes = inputs[0].rank - 1
        if (self.spatial_rank == 0 and axes) or axes > 3:
            return None
        module = Call.of(f"nn.BatchNorm{max(1, axes)}d", ("num_features", inputs[0].dims[0]),
                         eps=Default(self.epsilon, 1e-5), affine=Default(self.affine, True))
        return TorchForm(module=module, own={"running_variance": "running_var"}, left_out=("running_count",))


@table_row
class BatchNormalization(Layer):
    """Batch normalization whose scale, bias and running statistics are given as parameters.

    `BatchNormalization (input, scale, bias, runMean, runVariance, runCount)` does what BatchNormalizationLayer
    does; `spatial` takes statistics for each channel, over all positions. Training changes `runMean`, `runVariance`
    and `runCount` in place, by the running rule and not by gradients; they are parameters with
    `learningRateMultiplier = 0`. Without `runCount` the samples are counted by the function itself.

    Source: CNTK `BatchNormalization`, with its defaults.
    """

    value_bounds = UNBOUNDED

    family: ClassVar[str] = "normalization"
    label: ClassVar[str] = "batchNorm"
    inputs: ClassVar[tuple[str, ...]] = ("input", "scale", "bias", "runMean", "runVariance", "runCount")
    parameter_inputs: ClassVar[tuple[str, ...]] = inputs[1:]
    optional_inputs: ClassVar[int] = 1
    from_plan: ClassVar[dict[str, str]] = BatchNormalizationLayer.from_plan
    moved: ClassVar[tuple[str, ...]] = ("running_count",)
    moved_inputs: ClassVar[tuple[str, ...]] = inputs[3:]
    examples: ClassVar[tuple[Example, ...]] = (
        Example("BatchNormalization (x, scale, bias, mean, variance, spatial = true)",
                ((5, 4, 3), (3,), (3,), (3,), (3,)), (5, 4, 3)),
        Example("BatchNormalization (x, scale, bias, mean, variance, count, normalizationTimeConstant = 100)",
                ((6,), (6,), (6,), (6,), (6,), (1,)), (6,)),
        Example("BatchNormalization (x, scale, bias, mean, variance, spatial = true)",
                ((5, 4, 3), (4,), (3,), (3,), (3,)), None, "a scale for 4 channels on an input of 3"),
    )

    spatial: bool = option(Flag(), False, "Take statistics for each channel, over all positions.")
    normalization_time_constant: float = option(Number(), 0.0, _TIME_CONSTANT, drawn="")
    blend_time_constant: float = option(Number(0), 0.0, _BLEND, drawn="")
    epsilon: float = option(Number(0), 1e-5, _EPSILON, drawn="")

    @property
    def memory(self) -> float | None:
        return self.normalization_time_constant

    def infer_inputs(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        size = inputs[0].dims[0] if self.spatial else inputs[0].size
        return inputs[0], *(_complete(given, size) for given in inputs[1:5]), *inputs[5:]

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        size = inputs[0].dims[0] if self.spatial else inputs[0].size
        for index, given in enumerate(inputs[1:], 1):
            name, wanted = type(self).inputs[index], 1 if index == 5 else size
            if given.batched:
                raise ShapeError(
                    f"`{name}` of {self.name()} has to be a parameter",
                    input=index,
                    code=Code.WRONG_INPUTS,
                    label="this has a value for every sample",
                )
            if given.size != wanted:
                raise ShapeError(f"`{name}` of {self.name()} needs {wanted} numbers, and has {given.size}", input=index,
                                 label=f"this is {given}",
                                 hint=f"the input is {inputs[0]}, and `spatial` is {str(self.spatial).lower()}: there "
                                      f"is one statistic for each {'channel' if self.spatial else 'element'}.")
        return needs_samples(self.name(), inputs[0])

    def parameters(self, inputs: Sequence[Shape]) -> dict[str, ParameterSpec]:
        return {} if len(inputs) == 6 else {"running_count": ParameterSpec((1,), constant(0.0), learned=False)}

    def invariants(self, inputs: Sequence[Shape], output: Shape) -> list[tuple[str, bool]]:
        return [("the shape is kept", output.dims == inputs[0].dims)]

    def forward(self, p: Any, *tensors: torch.Tensor) -> torch.Tensor:
        x, scale, bias, mean, variance = tensors[:5]
        rule = Rule(p.settings.get("normalization_time_constant", self.normalization_time_constant),
                    self.blend_time_constant, self.epsilon)
        running = (mean.detach(), variance.detach(), tensors[5].detach() if len(tensors) == 6 else p.running_count)
        return normalize_batch(x, scale, bias, running, rule, p.training, self.spatial)


# --- what the rows share ---------------------------------------------------------------------


def needs_samples(layer: str, shape: Shape) -> Shape:
    """The shape itself; raises ShapeError for a value that is the same for every sample."""
    if not shape.batched:
        raise ShapeError(f"{layer} has no samples to take statistics of", input=0, code=Code.WRONG_INPUTS,
                         label=f"this is {shape}, the same for every sample")
    return shape


def _complete(given: Shape, size: int) -> Shape:
    """A parameter with its one open extent filled in, so that it has `size` numbers."""
    known = math.prod(d for d in given.dims if d)
    if given.dims.count(0) != 1 or size % known:
        return given
    return Shape(tuple(d or size // known for d in given.dims), batched=given.batched)


@dataclass(frozen=True)
class Rule:
    """How a normalization treats its running statistics; time constants in samples."""

    time_constant: float
    blend_time_constant: float
    epsilon: float
    bias_correction: bool = False


Running = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]


def normalize_batch(x: torch.Tensor, scale: torch.Tensor | None, bias: torch.Tensor | None, running: Running,
                    rule: Rule, training: bool, spatial: bool) -> torch.Tensor:
    """Batch normalization of `(N, ...)`; `running` (mean, variance, count) is changed in place if `training`.

    `spatial`: statistics for each index of the second axis; else for each element.
    """
    import torch

    flat = x if spatial else x.flatten(1)
    # A row stays itself: an exporter would see another tensor in a view of it.
    scale, bias = (tensor if tensor is None or tensor.dim() == 1 else tensor.reshape(-1) for tensor in (scale, bias))
    mean, variance, count = (tensor if tensor.dim() == 1 else tensor.view(-1) for tensor in running)
    if not training:
        y = torch.batch_norm(flat, scale, bias, mean, variance, False, 0.0, rule.epsilon, True)
        return y.view_as(x) if flat is not x else y
    # With momentum 1 torch leaves the minibatch's mean and unbiased variance in what it takes for running ones.
    batch_mean, batch_variance = torch.zeros_like(mean), torch.zeros_like(variance)
    y = torch.batch_norm(flat, scale, bias, batch_mean, batch_variance, True, 1.0, rule.epsilon, True)
    values = flat.numel() // flat.shape[1]
    with torch.no_grad():
        share = _share_of_minibatch(count, x.shape[0], rule)
        mean.copy_(torch.lerp(mean, batch_mean, share))
        if values > 1:
            variance.copy_(torch.lerp(variance, batch_variance, share))
        count.add_(x.shape[0])
    if rule.blend_time_constant > 0:
        y = _blended(flat, scale, bias, mean, variance, rule)
    return y.view_as(x) if flat is not x else y


def _share_of_minibatch(count: torch.Tensor, samples: int, rule: Rule) -> torch.Tensor:
    """The factor f, as a tensor of one number: the count is not known to Python without waiting for the device."""
    import torch

    time_constant = rule.time_constant
    if rule.bias_correction and 0 < time_constant < math.inf:
        return torch.expm1(torch.tensor(-samples / time_constant).to(count)) / torch.expm1(
            -(samples + count) / time_constant)
    if time_constant == 0:
        return torch.ones_like(count)
    if time_constant < 0:
        share = samples / (samples + count)
    else:
        share = torch.full_like(count, -math.expm1(-samples / time_constant))
    return torch.where(count == 0, torch.ones_like(count), share)


def _blended(x: torch.Tensor, scale: torch.Tensor | None, bias: torch.Tensor | None, mean: torch.Tensor,
             variance: torch.Tensor, rule: Rule) -> torch.Tensor:
    """The output with running statistics blended in; gradients flow through the minibatch's share."""
    import torch

    weight = 1.0 if math.isinf(rule.blend_time_constant) else (
        rule.blend_time_constant / (rule.blend_time_constant + x.shape[0]))
    axes = (0, *range(2, x.dim()))
    batch_variance, batch_mean = torch.var_mean(x, dim=axes, correction=0)
    blended_mean = weight * mean.clone() + (1 - weight) * batch_mean
    blended_variance = weight * variance.clone() + (1 - weight) * batch_variance
    factor = torch.rsqrt(blended_variance + rule.epsilon)
    if scale is not None:
        factor = scale * factor
    offset = -blended_mean * factor if bias is None else bias - blended_mean * factor
    shape = (1, -1, *[1] * (x.dim() - 2))
    return x * factor.reshape(shape) + offset.reshape(shape)

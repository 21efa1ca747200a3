"""The schema of the `SGD` block: every key, its default and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..base.codes import Code
from ..spec import (
    BoundArgument,
    Choice,
    Either,
    Flag,
    Integer,
    Kind,
    ListOf,
    Mismatch,
    Number,
    Optional,
    ScheduleKind,
    Spec,
    SpecOf,
    Text,
    bind,
    option,
    table_row,
)
from .optimizer import Optimizer
from .schedules.schedule import Schedule, constant

_RATE = ScheduleKind(Number(0))
_MOMENTUM = ScheduleKind(Number(0, 1, exclusive_maximum=True))
_POSITIVE = Number(0, exclusive_minimum=True)
_INFINITY = float("inf")


@dataclass(frozen=True)
class RecordOf(Kind):
    """A record inside a block (`AutoAdjust = { ... }`), bound by the rules of blocks, or a use of the row.

    A record is what has `members` (name -> a value to `force`, with a `span`), `names` (the spans of the
    names) and a `span`.
    """

    #: The record as it stands, with the places of its members.
    wants: ClassVar[str] = "function"
    spec: type[Spec]

    @property
    def expected(self) -> str:
        return f"a record {{ {self.spec.options()[0].name} = ..., ... }}"

    def convert(self, value: Any) -> Any:
        if isinstance(value, self.spec):
            return value
        members = getattr(value, "members", None)
        if not isinstance(members, Mapping):
            raise Mismatch(self.expected)
        named = {name: BoundArgument(member.span, member.force, name_span=value.names.get(name))
                 for name, member in members.items()}
        return bind(self.spec, (), named, value.span, unknown_code=Code.UNKNOWN_KEY).spec


@table_row
class AutoAdjust(Spec):
    """Changes the rate after each epoch by how much the criterion improved, as CNTK does.

    With `autoAdjustLR = 'adjustAfterEpoch'`: if the criterion improved by less than
    `reduceLearnRateIfImproveLessThan` of its size, the rate is multiplied by `learnRateDecreaseFactor`; if
    by more than `increaseLearnRateIfImproveMoreThan`, by `learnRateIncreaseFactor`. If it got worse,
    training goes on from the best epoch's parameters (`loadBestModel`). The epochs for which the file
    lists rates (`0.1*2 : 0.05`: three) keep them; the rate is adjusted behind the list.
    """

    what: ClassVar[str] = "record"

    auto_adjust: str = option(Choice(("none", "adjustAfterEpoch")), "none", "Whether the rate is adjusted.",
                              name="autoAdjustLR")
    reduce_below: float = option(Number(0), 0.0, "Reduce if the relative improvement is at most this.",
                                 name="reduceLearnRateIfImproveLessThan")
    continue_reduce: bool = option(Flag(), False, "Once reduced, reduce after every epoch; the next epoch without "
                                                  "enough improvement ends training.")
    interval: int = option(Integer(1), 1, "Epochs between two adjustments.", name="learnRateAdjustInterval")
    decrease: float = option(Number(0, 1, exclusive_minimum=True), 0.618, "The factor of a reduction.",
                             name="learnRateDecreaseFactor")
    increase_above: float = option(Number(0), _INFINITY, "Increase if the relative improvement is more than this.",
                                   name="increaseLearnRateIfImproveMoreThan")
    increase: float = option(Number(1), 1.382, "The factor of an increase.", name="learnRateIncreaseFactor")
    load_best_model: bool = option(Flag(), True, "Go back to the best epoch's parameters when the criterion got worse.")
    use_validation: bool = option(Flag(), True, "Look at the validation data's criterion where there are any.",
                                  name="useCVSetControlLRIfCVExists")
    use_metric: bool = option(Flag(), False, "Look at the value that chooses the best epoch (`--best`, else the first "
                              "evaluation node) instead of the criterion.",
                              name="useEvalCriterionControlLR")


@table_row
class EarlyStopping(Spec):
    """Ends training when the validation data's criterion has not improved for `patience` epochs."""

    what: ClassVar[str] = "record"

    patience: int = option(Integer(1), 10, "Epochs without improvement before training ends.")
    threshold: float = option(Number(0, 1), 0.0, "The relative improvement that counts.")
    use_metric: bool = option(Flag(), False, "Look at the value that chooses the best epoch (`--best`, else the first "
                              "evaluation node) instead of the criterion.")


@table_row
class Multiplier(Spec):
    """Multiplies rate and decay of the parameters whose name fits a pattern.

    A pattern is a name or some of its dotted parts, with `*` and `?`: `conv1`, `conv1.bias`, `*.bias`. Of
    several rows that fit, the last one counts.
    """

    what: ClassVar[str] = "multiplier"
    examples: ClassVar[tuple[str, ...]] = ("Multiplier {'*.bias', rate = 2, decay = 0}",)

    pattern: str = option(Text(), doc="Which parameters.")
    rate: float = option(Number(0), 1.0, "Multiplies the learning rate; 0 freezes them, as `freeze` does.")
    decay: float = option(Number(0), 1.0, "Multiplies weightDecay, L2RegWeight and L1RegWeight.")


@table_row
class TrainingBlock(Spec):
    """The `SGD` block: how the network is trained.

    The keys that CNTK knows keep its names, defaults and meanings. A file says by the key of its
    learning rate which units it is written in: `learningRatesPerMB` and `learningRatesPerSample` are
    CNTK's (momentum with unit gain, 0.9 unless stated), `learningRate` is the classical one on the mean
    gradient (momentum 0 unless stated).
    """

    what: ClassVar[str] = "block"

    # How much, and in what pieces
    max_epochs: int = option(Integer(1), doc="Number of epochs.")
    minibatch_size: Schedule = option(ScheduleKind(Integer(1)), constant(256), "Samples in a minibatch.")
    epoch_size: int = option(Integer(0), 0, "Samples in an epoch; 0: all of the training data once.")
    max_steps: int | None = option(Optional(Integer(1)), None, "Training ends after this many updates, if not earlier.")
    balance_classes: bool | str = option(
        Either((Flag(), Text())), False, "Training takes all classes equally often: samples of rare classes several "
        "times in an epoch, of frequent ones only a part. With several inputs of classes, the name of the one that "
        "counts.")
    num_subminibatches: int = option(Integer(1), 1, "A minibatch is computed in this many pieces, to save memory.")
    accumulate: int = option(Integer(1), 1, "The gradients of this many minibatches make one update (their mean).")

    # The rule
    optimizer: Optimizer | None = option(Optional(SpecOf("an optimizer such as AdamW {}", Optimizer)), None,
                                         "The update rule; None: MomentumSGD, or what gradUpdateType says.")
    learning_rate: Schedule | None = option(Optional(_RATE), None, "The rate on the mean gradient (classical).")
    momentum: Schedule | None = option(Optional(_MOMENTUM), None, "Momentum for each update (classical).")
    nesterov: bool = option(Flag(), False, "Nesterov's momentum.")
    learning_rates_per_mb: Schedule | None = option(
        Optional(_RATE), None, "The rate for a minibatch of minibatchSize; divided by it, it multiplies the "
        "gradient summed over the samples.", name="learningRatesPerMB")
    learning_rates_per_sample: Schedule | None = option(
        Optional(_RATE), None, "The rate that multiplies the gradient summed over the samples.")
    momentum_per_mb: Schedule | None = option(
        Optional(_MOMENTUM), None, "Momentum for a minibatch of minibatchSize, with unit gain; 0.9 if the rate "
        "is in CNTK's units and no momentum is given.", name="momentumPerMB")
    momentum_per_sample: Schedule | None = option(Optional(_MOMENTUM), None,
                                                  "Momentum for each sample, with unit gain.")
    momentum_as_time_constant: Schedule | None = option(
        Optional(ScheduleKind(Number(0))), None, "Samples after which a gradient's weight has fallen to 1/e, with unit "
        "gain; 0: no momentum.")
    use_nag: bool = option(Flag(), False, "Nesterov's momentum.", name="useNAG")
    warmup: float = option(Number(0), 0.0, "Epochs in which the rate rises linearly from 0 to what the schedule says.")
    min_learning_rate_per_sample: float = option(
        Number(0), 1e-9, "Training ends before an epoch whose rate per sample is below this.")
    auto_adjust: AutoAdjust | None = option(Optional(RecordOf(AutoAdjust)), None,
                                            "Adjusts the rate after each epoch.", name="AutoAdjust")

    # CNTK's other rules
    grad_update_type: str | None = option(
        Optional(Choice(("none", "adagrad", "fsAdagrad", "rmsProp", "adam"))), None, "The update rule, by CNTK's name.")
    norm_with_ave_multiplier: bool = option(Flag(), True, "adagrad, rmsProp: divide the step by the mean multiplier.")
    variance_time_constant: float = option(_POSITIVE, 720000.0, "fsAdagrad: memory of the variance, in samples.")
    fs_adagrad_target: float = option(_POSITIVE, 1.0, "fsAdagrad: scales the step.", name="fsAdagradTargetAvDenom")
    rms_gamma: float = option(Number(0, 1), 0.99, "rmsProp: memory of the mean square.", name="rms_gamma")
    rms_increase: float = option(_POSITIVE, 1.2, "rmsProp: factor where the sign repeats.", name="rms_wgt_inc")
    rms_decrease: float = option(_POSITIVE, 0.75, "rmsProp: factor where the sign changes.", name="rms_wgt_dec")
    rms_maximum: float = option(_POSITIVE, 10.0, "rmsProp: largest factor of a step.", name="rms_wgt_max")
    rms_minimum: float = option(_POSITIVE, 0.1, "rmsProp: smallest factor of a step.", name="rms_wgt_min")
    adam_mean_momentum: float = option(Number(0, 1), 0.9, "adam: memory of the mean.", name="adam_meanMomentum")
    adam_variance_momentum: float = option(Number(0, 1), 0.999, "adam: memory of the mean square.",
                                           name="adam_varMomentum")
    adam_epsilon: float = option(_POSITIVE, 1e-8, "adam: added to the root.", name="adam_epsilon")

    # Penalties and clipping
    weight_decay: float | None = option(
        Optional(Number(0)), None, "Weight decay in the optimizer's way: with the gradient (SGD) or apart (AdamW).")
    l2_weight: float = option(Number(0), 0.0, "Adds this times the parameter to the mean gradient.", name="L2RegWeight")
    l1_weight: float = option(Number(0), 0.0, "Moves parameters towards 0 by the rate times this.", name="L1RegWeight")
    no_penalty_in_normalization: bool = option(
        Flag(), False, "Leaves scale and bias of batch normalization out of decay, L1 and L2.",
        name="disableRegInBatchNormalization")
    gradient_clipping: float | None = option(
        Optional(_POSITIVE), None, "Scales all gradients down together if their 2-norm is above this (mean gradient).")
    gradient_clipping_by_value: float | None = option(
        Optional(_POSITIVE), None, "Cuts every number of the mean gradient to within plus and minus this.")
    clipping_threshold: float = option(_POSITIVE, _INFINITY, "CNTK's clipping of each parameter's gradient.",
                                       name="clippingThresholdPerSample")
    clipping_with_truncation: bool = option(
        Flag(), True, "clippingThresholdPerSample cuts every number; false: scales a parameter's gradient by its "
        "2-norm.", name="gradientClippingWithTruncation")
    gaussian_noise: Schedule | None = option(
        Optional(ScheduleKind(Number(0))), None, "Standard deviation of noise added to the parameters after each "
        "update.", name="gaussianNoiseInjectStd")

    # Which parameters
    bias_rate_multiplier: float = option(Number(0), 1.0, "Multiplies the rate of all biases (2 in Caffe's AlexNet).")
    bias_decay_multiplier: float = option(Number(0), 1.0, "Multiplies decay, L1 and L2 of all biases (0 in Caffe's).")
    multipliers: tuple[Multiplier, ...] = option(
        ListOf(SpecOf("a row such as Multiplier {'conv1', rate = 2}", Multiplier)), (), "Multipliers by name.")
    freeze: tuple[str, ...] = option(
        ListOf(Text()), (),
        "Names or patterns of layers or parameters that stay as they are. Of batch normalization also the running "
        "statistics stay, and normalize in training too; dropout goes on.")
    load_weights: str = option(Text(), "", "A checkpoint or weights file to start from.")

    # Networks' settings by epoch
    dropout_rate: Schedule | None = option(
        Optional(ScheduleKind(Number(0, 1, exclusive_maximum=True))), None, "Rate of every Dropout without its own.")
    batch_normalization_time_constant: Schedule | None = option(
        Optional(ScheduleKind(Number())), None, "normalizationTimeConstant of every batch normalization.")

    # Augmentation over the minibatch
    mixup: float = option(Number(0), 0.0, "Blends pairs of samples and labels; alpha of the Beta distribution, 0: off.")
    cutmix: float = option(Number(0), 0.0, "Pastes a box of one sample into another; alpha of the Beta distribution.")

    # Judging, keeping, reporting
    validation: float = option(Number(0, 1, exclusive_maximum=True), 0.0,
                               "Part of the training data set aside for validation.")
    stratify: bool = option(Flag(), True, "What is set aside has every class in its share of the training data, where "
                            "the classes are known.")
    fold: int = option(Integer(0), 0, "Which part is set aside: with `validation = 0.2` there are five, 0 to 4, for "
                       "cross-validation in five runs.")
    early_stopping: EarlyStopping | None = option(
        Optional(RecordOf(EarlyStopping)), None, "Ends training when validation no longer improves.")
    ema: float = option(Number(0, 1, exclusive_maximum=True), 0.0,
                        "Keeps an average of the parameters that remembers this much at each update; 0: none.")
    keep_checkpoints: int = option(Integer(1), 2, "How many epochs' checkpoints are kept, beside the best one.")
    keep_check_point_files: bool = option(Flag(), False, "Keeps every epoch's checkpoint.")
    num_mbs_to_show_result: int | None = option(
        Optional(Integer(1)), None, "Updates between two lines of the record (metrics.jsonl, and the curves of the "
        "report); None: a twentieth of an epoch, and at least 10. The terminal goes by the clock.",
        name="numMBsToShowResult")
    first_mbs_to_show_result: int = option(Integer(0), 0, "Also a line for each of the first updates of an epoch.",
                                           name="firstMBsToShowResult")

    # The run
    precision: str = option(Choice(("float", "bf16", "auto")), "float",
                            "Numbers in matrix products: float (32 bits), bf16, or auto: bf16 where supported.")
    seed: int = option(Integer(0), 0, "Seed of everything random: initial values, order, augmentation, dropout.")
    deterministic: bool = option(Flag(), False, "Only algorithms that give the same bits in every run.")

    @classmethod
    def positional(cls) -> tuple[str, ...]:
        """None: every key of a block has its name."""
        return ()

    @classmethod
    def unknown_hint(cls, name: str) -> str:
        return next((text for old, text in OBSOLETE.items() if old.casefold() == name.casefold()), "")


#: Keys of CNTK's block that files do not have any more, and what stands in their place.
OBSOLETE: dict[str, str] = {
    **dict.fromkeys(("randomize", "shuffle"), "the order is an option of the reader: `train = CSV {..., randomize = "
                                              "false}` keeps that of the data."),
    "useAdagrad": "CNTK's key for `gradUpdateType = 'adagrad'`.",
    "maxSamplesInRAM": "`numSubminibatches` splits a minibatch to save memory.",
    "truncated": "sequences are not truncated here; leave it out.",
    "packThresholdSizeInKB": "it has no meaning here; leave it out.",
    "maxTempMemSizeInSamplesForCNN": "it has no meaning here; leave it out.",
    "batchNormalizationBlendTimeConstant": "it had no effect on CNTK's training on the CPU; leave it out.",
    "disableWkInBatchNormal": "CNTK's documentation names it so; the key is `disableRegInBatchNormalization`.",
    "traceLevel": "it has no meaning here; leave it out.",
    "sigFigs": "gradients are checked by the tests of the layers; leave it out.",
    "gradientcheck": "gradients are checked by the tests of the layers; leave it out.",
    "numMBsToCUDAProfile": "it has no meaning here; leave it out.",
    "saveBestModelPerCriterion": "the best epoch is kept in any case; leave it out.",
    "trainCriterionNodeName": "list the node in `criterionNodes` of the network.",
    "evalCriterionNodeName": "list the node in `evaluationNodes` of the network.",
    "ParallelTrain": "the number of workers is not set in the file; leave it out.",
}

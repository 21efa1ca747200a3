"""What Caffe's older files call things: types in capitals (`layers { type: CONVOLUTION }`), and the very first form.

In the first form (2013) a layer stands in a connection, with all its options side by side:

    layers { layer { name: "conv1" type: "conv" num_output: 96 kernelsize: 11 } bottom: "data" top: "conv1" }
"""

from __future__ import annotations

from collections.abc import Sequence

from ...base.codes import Code
from ...base.diagnostics import Diagnostic, Label
from .prototext import Field, Message, Scalar

#: Name in capitals -> (number in binary files, name of today).
SECOND_FORM_TYPES: dict[str, tuple[int, str]] = {
    "ABSVAL": (35, "AbsVal"), "ACCURACY": (1, "Accuracy"), "ARGMAX": (30, "ArgMax"), "BNLL": (2, "BNLL"),
    "CONCAT": (3, "Concat"), "CONTRASTIVE_LOSS": (37, "ContrastiveLoss"), "CONVOLUTION": (4, "Convolution"),
    "DATA": (5, "Data"), "DECONVOLUTION": (39, "Deconvolution"), "DROPOUT": (6, "Dropout"),
    "DUMMY_DATA": (32, "DummyData"), "EUCLIDEAN_LOSS": (7, "EuclideanLoss"), "ELTWISE": (25, "Eltwise"),
    "EXP": (38, "Exp"), "FLATTEN": (8, "Flatten"), "HDF5_DATA": (9, "HDF5Data"), "HDF5_OUTPUT": (10, "HDF5Output"),
    "HINGE_LOSS": (28, "HingeLoss"), "IM2COL": (11, "Im2col"), "IMAGE_DATA": (12, "ImageData"),
    "INFOGAIN_LOSS": (13, "InfogainLoss"), "INNER_PRODUCT": (14, "InnerProduct"), "LRN": (15, "LRN"),
    "MEMORY_DATA": (29, "MemoryData"), "MULTINOMIAL_LOGISTIC_LOSS": (16, "MultinomialLogisticLoss"),
    "MVN": (34, "MVN"), "POOLING": (17, "Pooling"), "POWER": (26, "Power"), "RELU": (18, "ReLU"),
    "SIGMOID": (19, "Sigmoid"), "SIGMOID_CROSS_ENTROPY_LOSS": (27, "SigmoidCrossEntropyLoss"),
    "SILENCE": (36, "Silence"), "SOFTMAX": (20, "Softmax"), "SOFTMAX_LOSS": (21, "SoftmaxWithLoss"),
    "SPLIT": (22, "Split"), "SLICE": (33, "Slice"), "TANH": (23, "TanH"), "THRESHOLD": (31, "Threshold"),
    "WINDOW_DATA": (24, "WindowData"),
}

#: Names of the first form -> of today.
FIRST_FORM_TYPES: dict[str, str] = {
    "accuracy": "Accuracy", "bnll": "BNLL", "concat": "Concat", "conv": "Convolution", "data": "Data",
    "dropout": "Dropout", "euclidean_loss": "EuclideanLoss", "flatten": "Flatten", "hdf5_data": "HDF5Data",
    "hdf5_output": "HDF5Output", "im2col": "Im2col", "images": "ImageData", "infogain_loss": "InfogainLoss",
    "innerproduct": "InnerProduct", "lrn": "LRN", "multinomial_logistic_loss": "MultinomialLogisticLoss",
    "pool": "Pooling", "relu": "ReLU", "sigmoid": "Sigmoid", "softmax": "Softmax", "softmax_loss": "SoftmaxWithLoss",
    "split": "Split", "tanh": "TanH", "window_data": "WindowData",
}

#: Fields that older files have in the data's message and that belong to the transforms.
TRANSFORM_FIELDS = ("scale", "mean_file", "crop_size", "mirror")

#: Type of the first form -> (message of today, {field of the first form: field of today}).
_FIRST_FORM_FIELDS: dict[str, tuple[str, dict[str, str]]] = {
    "conv": ("convolution_param", {
        "num_output": "num_output", "biasterm": "bias_term", "weight_filler": "weight_filler",
        "bias_filler": "bias_filler", "pad": "pad", "kernelsize": "kernel_size", "group": "group", "stride": "stride"}),
    "im2col": ("convolution_param", {"pad": "pad", "kernelsize": "kernel_size", "stride": "stride"}),
    "innerproduct": ("inner_product_param", {
        "num_output": "num_output", "biasterm": "bias_term", "weight_filler": "weight_filler",
        "bias_filler": "bias_filler"}),
    "pool": ("pooling_param", {"pool": "pool", "pad": "pad", "kernelsize": "kernel_size", "stride": "stride"}),
    "dropout": ("dropout_param", {"dropout_ratio": "dropout_ratio"}),
    "lrn": ("lrn_param", {"local_size": "local_size", "alpha": "alpha", "beta": "beta", "k": "k"}),
    "concat": ("concat_param", {"concat_dim": "concat_dim"}),
    "infogain_loss": ("infogain_loss_param", {"source": "source"}),
    "data": ("data_param", {"source": "source", "batchsize": "batch_size", "rand_skip": "rand_skip", "scale": "scale",
                            "meanfile": "mean_file", "cropsize": "crop_size", "mirror": "mirror"}),
    "hdf5_data": ("hdf5_data_param", {"source": "source", "batchsize": "batch_size"}),
    "images": ("image_data_param", {
        "source": "source", "batchsize": "batch_size", "rand_skip": "rand_skip", "scale": "scale",
        "meanfile": "mean_file", "cropsize": "crop_size", "mirror": "mirror", "shuffle_images": "shuffle",
        "new_height": "new_height", "new_width": "new_width"}),
    "window_data": ("window_data_param", {
        "source": "source", "batchsize": "batch_size", "scale": "scale", "meanfile": "mean_file",
        "cropsize": "crop_size", "mirror": "mirror", "det_fg_threshold": "fg_threshold",
        "det_bg_threshold": "bg_threshold", "det_fg_fraction": "fg_fraction", "det_context_pad": "context_pad",
        "det_crop_mode": "crop_mode"}),
}

#: Fields of the first form that today's layer has as well.
_SHARED_FIELDS = ("name", "type", "blobs", "blobs_lr", "weight_decay")
_POOLS = ("MAX", "AVE", "STOCHASTIC")


def upgraded_first_form(fields: Sequence[Field]) -> tuple[list[Field], list[Diagnostic]]:
    """The connections of the first form as layers of the second; all others as they are."""
    problems: list[Diagnostic] = []
    found: list[Field] = []
    paddings: dict[str, tuple[str, Field]] = {}  #: what a `padding` layer makes -> what it pads, and by how much
    for f in fields:
        inner = f.value.messages("layer") if isinstance(f.value, Message) else []
        if f.name != "layers" or not inner:
            found.append(f)
            continue
        assert isinstance(f.value, Message)
        if inner[0].text("type") == "padding":
            # Caffe has no such layer any more: the padding belongs to the convolution or pooling that follows.
            pad = inner[0].last("pad")
            for top, _ in f.value.texts("top"):
                if pad is not None and f.value.texts("bottom"):
                    paddings[top] = (f.value.texts("bottom")[0][0], pad)
            continue
        found.append(_upgraded(f, f.value, inner[0], paddings, problems))
    return found, problems


def _upgraded(f: Field, connection: Message, inner: Message, paddings: dict[str, tuple[str, Field]],
              problems: list[Diagnostic]) -> Field:
    kind = inner.text("type")
    message, names = _FIRST_FORM_FIELDS.get(kind, ("", {}))
    own, options = [], []
    for g in inner.fields:
        if g.name in _SHARED_FIELDS:
            own.append(g)
        elif g.name in names:
            options.append(_renamed(g, names[g.name]))
        else:
            problems.append(Diagnostic(
                Code.UNKNOWN_KEY, f"a layer of type `{kind}` in Caffe's first form has no field `{g.name}`",
                Label(g.name_span, "it is left out"), severity="warning"))
    ends = []
    for g in connection.fields:
        if g.name == "bottom" and isinstance(g.value, Scalar) and str(g.value.value) in paddings:
            bottom, pad = paddings[str(g.value.value)]
            g = Field("bottom", Scalar("string", bottom, g.value.span), g.span, g.name_span)
            options.append(_renamed(pad, "pad"))
        if g.name != "layer":
            ends.append(g)
    if options:
        own.append(Field(message, Message(tuple(options), inner.span), inner.span, inner.span))
    return Field("layers", Message((*own, *ends), connection.span), f.span, f.name_span)


def _renamed(f: Field, name: str) -> Field:
    value = f.value
    if name == "pool" and isinstance(value, Scalar) and value.is_whole and 0 <= float(value.value) < len(_POOLS):
        value = Scalar("word", _POOLS[int(float(value.value))], value.span)
    return Field(name, value, f.span, f.name_span)

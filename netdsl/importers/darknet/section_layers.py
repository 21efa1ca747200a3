"""Rows of darknet's sections that become one layer or a short chain of layers."""

from __future__ import annotations

from ...base.codes import Code
from ...base.failure import failure
from ...spec import show_value
from .activations import ACTIVATIONS, HELPER_NAMES, activation_of, option_of
from .section_type import NUMBER, TEXT, Extents, Key, Made, SectionType, Use

_ACTIVATION = Key("activation", TEXT, "logistic")
_SIZE = Key("size", default=1, least=1)
_STRIDE = Key("stride", default=1, least=1)
#: Makes netdsl's `1 / sqrt (variance + epsilon)` darknet's `1 / (sqrt (variance) + 1e-6)`; see darknet_weights.py.
EPSILON = "1e-12"
#: darknet's connected layers start evenly in +-sqrt (2 / inputs); heUniform is +-sqrt (6 / inputs).
_CONNECTED_START = 'init = "heUniform", initValueScale = 0.5773503'


def normalization(rank: int) -> str:
    return f"BatchNormalizationLayer {{{f'spatialRank = {rank}, ' if rank else ''}epsilon = {EPSILON}}}"


def sequence(*steps: str) -> str:
    """Steps that are applied one after the other; empty ones are left out."""
    kept = [step for step in steps if step]
    return kept[0] if len(kept) == 1 else f"Sequential ({' : '.join(kept)})"


class Convolutional(SectionType):
    names = ("convolutional", "conv")
    label = "conv"
    keys = (Key("filters", default=1, least=1), _SIZE, _STRIDE,
            Key("pad", default=0, meaning="1: size/2 pixels on every side, whatever `padding` says"),
            Key("padding", default=0, least=0, meaning="pixels on every side"), Key("groups", default=1, least=1),
            Key("batch_normalize", default=0), _ACTIVATION, Key("binary"), Key("xnor"),
            Key("flipped", effect=False), Key("dot", NUMBER, effect=False))
    becomes = "`ConvolutionalLayer`; with `batch_normalize` `ConvNorm {...}`, a function of the file written"
    weights = "biases; with `batch_normalize` scales, means, variances; kernels"
    example = "filters=8 size=3 pad=1 activation=leaky"

    def read(self, use: Use) -> Made:
        refuse_binary(use)
        filters, size, stride, groups = (use.whole(key) for key in ("filters", "size", "stride", "groups"))
        pad = size // 2 if use.flag("pad") else use.whole("padding")
        image = use.image()
        if image.channels % groups or filters % groups:
            raise use.mismatch(f"{groups} groups do not divide {image.channels} channels and {filters} filters",
                               "this many groups", "groups")
        width, height = use.positions(size, 2 * pad, stride)
        return Made(Extents(width, height, filters), use.parsed(self._layer(use, filters, size, stride, pad, groups)))

    def _layer(self, use: Use, filters: int, size: int, stride: int, pad: int, groups: int) -> str:
        activation, normed = activation_of(use), use.flag("batch_normalize")
        around, pads = padding(use, size, stride, (pad, pad))
        if normed and groups == 1 and not use.input.flat and pad == size // 2 and (pads == ", pad = true" or size == 1):
            use.helpers.add(activation)
            further = f", stride = {stride}" if stride > 1 else ""
            return f"{helper_name(activation)} {{{filters}, ({size}:{size}){further}}}"
        options = f"{filters}, ({size}:{size})" + (f", stride = {stride}" if stride > 1 else "") + pads + \
            (f", groups = {groups}" if groups > 1 else "") + (", bias = false" if normed else option_of(activation))
        layer = f'ConvolutionalLayer {{{options}, init = "heNormal"}}'
        before = " : ".join(step for step in (as_image(use), around) if step)
        if normed:
            return sequence(before, f"conv := {layer}", f"norm := {normalization(2)}", ACTIVATIONS[activation])
        return sequence(before, f"conv := {layer}" if before else layer)


def padding(use: Use, size: int, stride: int, pads: tuple[int, int], value: str = "",
            drops: bool = True) -> tuple[str, str]:
    """How a window is padded before and behind the input: a step before the layer, and options of the layer.

    netdsl's `pad = true` is said where it means the same. A step `Padding` is needed where the window is larger than
    the input, or leaves pixels out at its end and the layer has no `dropRest` (`drops`).
    """
    (lower, upper), extents = pads, (use.image().width, use.image().height)
    if not lower and not upper:
        return "", ""
    automatic = size % 2 == 1 and lower == upper == size // 2 and size <= min(extents)
    if not value and automatic and all((extent - 1) % stride < 2 for extent in extents):
        return "", ", pad = true"
    reached = all((extent + lower + upper - size) // stride * stride + size >= extent + lower for extent in extents)
    if size <= min(extents) and (reached or drops):
        options = (f", lowerPad = {lower}" if lower else "") + (f", upperPad = {upper}" if upper else "")
        return "", options + ("" if reached else ", dropRest = true")
    further = f", value = {value}" if value else ""
    return f"Padding {{lowerPad = ({lower}:{lower}), upperPad = ({upper}:{upper}){further}}}", ""


def helper_name(activation: str) -> str:
    """What the function of the written file is called that convolves, normalizes and activates."""
    return f"ConvNorm{HELPER_NAMES[activation]}"


def helper_text(activation: str) -> str:
    """The definition of that function."""
    last = f" : {ACTIVATIONS[activation]}" if ACTIVATIONS[activation] else ""
    return (f"{helper_name(activation)} {{filters, size, stride = 1}} = Sequential (conv := ConvolutionalLayer "
            f"{{filters, size, stride = stride, pad = true, bias = false, init = \"heNormal\"}} : "
            f"norm := {normalization(2)}{last})\n")


def refuse_binary(use: Use) -> None:
    for key in ("binary", "xnor"):
        entry = use.entry(key)
        if entry is not None and entry.whole():
            raise failure(Code.NOT_SUPPORTED, "netdsl has no binary convolution", entry.span,
                          "this is not supported", hint="a network with `xnor=0` and `binary=0` can be read.")


def as_image(use: Use) -> str:
    """A step that makes the vector of `[connected]` an image of one pixel, where the section needs an image."""
    return f"Reshape {use.image().dims[:-1]})".replace("Reshape (", "Reshape {").replace(")", "}") \
        if use.input.flat else ""


class Deconvolutional(SectionType):
    names = ("deconvolutional", "deconv")
    label = "deconv"
    keys = (Key("filters", default=1, least=1), _SIZE, _STRIDE, Key("pad", default=0, meaning="1: size/2 pixels"),
            Key("padding", default=0, least=0, meaning="pixels taken off on every side"),
            Key("batch_normalize", default=0), _ACTIVATION)
    becomes = "`ConvolutionTransposeLayer`, and `BatchNormalizationLayer`"
    weights = Convolutional.weights
    example = "filters=4 size=4 stride=2 pad=1 activation=relu"

    def read(self, use: Use) -> Made:
        filters, size, stride = (use.whole(key) for key in ("filters", "size", "stride"))
        pad = size // 2 if use.flag("pad") else use.whole("padding")
        image, normed, activation = use.image(), use.flag("batch_normalize"), activation_of(use)
        width, height = ((extent - 1) * stride + size - 2 * pad for extent in (image.width, image.height))
        if min(width, height) < 1:
            raise use.mismatch(f"nothing is left of {image}", f"{pad} pixels are taken off on every side", "padding")
        options = f"{filters}, ({size}:{size})" + (f", stride = {stride}" if stride > 1 else "") + \
            (f", lowerPad = {pad}, upperPad = {pad}" if pad else "") + (", bias = false" if normed else "")
        layer = f'ConvolutionTransposeLayer {{{options}{"" if normed else option_of(activation)}, init = "normal", ' \
                "initValueScale = 0.02}"
        steps = (f"deconv := {layer}", f"norm := {normalization(2)}", ACTIVATIONS[activation]) if normed else (layer,)
        return Made(Extents(width, height, filters), use.parsed(sequence(as_image(use), *steps)))


class Connected(SectionType):
    names = ("connected", "conn")
    label = "fc"
    keys = (Key("output", default=1, least=1), Key("batch_normalize", default=0), _ACTIVATION)
    becomes = "`LinearLayer` or `DenseLayer`; with `batch_normalize` `BatchNormalizationLayer` behind it"
    weights = "biases, matrix (transposed where the version is above 1000); with `batch_normalize` scales, means, " \
              "variances"
    example = "output=6 activation=relu"

    def read(self, use: Use) -> Made:
        outputs, activation = use.whole("output"), activation_of(use)
        extents = Extents(1, 1, outputs, flat=True)
        if use.flag("batch_normalize"):
            text = sequence(f"linear := LinearLayer {{{outputs}, bias = false, {_CONNECTED_START}}}",
                            f"norm := {normalization(0)}", ACTIVATIONS[activation])
        else:
            row = "DenseLayer" if ACTIVATIONS[activation] else "LinearLayer"
            text = f"{row} {{{outputs}{option_of(activation)}, {_CONNECTED_START}}}"
        return Made(extents, use.parsed(text))


class MaxPool(SectionType):
    names = ("maxpool", "max")
    label = "pool"
    keys = (Key("size", least=1, meaning="the stride, where it is not given"), _STRIDE,
            Key("padding", least=0, meaning="pixels of both sides together; size - 1, where it is not given"))
    becomes = "`MaxPoolingLayer` with the padding written out"
    example = "size=3 stride=2"

    def read(self, use: Use) -> Made:
        stride = use.whole("stride")
        size = use.whole("size", stride)
        pixels = use.whole("padding", size - 1)
        width, height = use.positions(size, pixels, stride)
        lower = pixels // 2
        upper = pixels - lower
        if lower == 0:  # what no window reaches needs no padding: the line is shorter and says the same
            reach = max((count - 1) * stride + size - extent
                        for count, extent in ((width, use.image().width), (height, use.image().height)))
            upper = min(upper, max(0, reach))
        around, pads = padding(use, size, stride, (lower, upper), "-3.4e38")  # what never is the largest
        options = f"({size}:{size})" + (f", stride = {stride}" if stride > 1 else "") + pads
        return Made(Extents(width, height, use.image().channels),
                    use.parsed(sequence(as_image(use), around, f"MaxPoolingLayer {{{options}}}")))


class AveragePool(SectionType):
    names = ("avgpool", "avg")
    label = "avgpool"
    becomes = "`GlobalAveragePoolingLayer`"

    def read(self, use: Use) -> Made:
        return Made(Extents(1, 1, use.image().channels),
                    use.parsed(sequence(as_image(use), "GlobalAveragePoolingLayer {}")))


class Dropout(SectionType):
    names = ("dropout",)
    label = "dropout"
    keys = (Key("probability", NUMBER, 0.5, 0, "the part that is dropped"),)
    becomes = "`Dropout`"
    example = "probability=.3"

    def read(self, use: Use) -> Made:
        rate = use.number("probability")
        entry = use.entry("probability")
        if rate >= 1 and entry is not None:
            raise entry.wrong("everything would be dropped", "use a number below 1.")
        return Made(use.input, use.parsed(f"Dropout {{{show_value(rate)}}}"))


class Activation(SectionType):
    names = ("activation",)
    label = "activation"
    keys = (Key("activation", TEXT, "linear"),)
    becomes = "the function"
    example = "activation=elu"

    def read(self, use: Use) -> Made:
        function = ACTIVATIONS[activation_of(use)]
        return Made(use.input, use.parsed(function)) if function else Made(use.input, uses=(use.index - 1,))


class Logistic(SectionType):
    names = ("logistic",)
    label = "logistic"
    becomes = "`Sigmoid`; at the end of the network `BinaryCrossEntropyWithSigmoid` is trained"

    def read(self, use: Use) -> Made:
        return Made(use.input, use.parsed("Sigmoid"), loss="logistic")


class BatchNorm(SectionType):
    names = ("batchnorm",)
    label = "norm"
    becomes = "`BatchNormalizationLayer`"
    weights = "scales, means, variances (the biases are not stored: 0)"

    def read(self, use: Use) -> Made:
        return Made(use.input, use.parsed(normalization(0 if use.input.flat else 2)))


class Normalization(SectionType):
    names = ("normalization", "lrn")
    label = "lrn"
    keys = (Key("alpha", NUMBER, 0.0001, 0), Key("beta", NUMBER, 0.75, 0), Key("kappa", NUMBER, 1.0, 0),
            Key("size", default=5, least=1))
    becomes = "`LocalResponseNormalizationLayer {..., averageSquares = false}`"
    differs = "darknet leaves the square of channel size/2 out of every sum, by a slip; here it is added"
    example = "size=5 alpha=.001"

    def read(self, use: Use) -> Made:
        size, kappa = use.whole("size"), use.number("kappa")
        entry = use.entry("size")
        if size % 2 == 0 and entry is not None:
            raise entry.wrong("netdsl's normalization has as many channels on each side", "use an odd number.")
        use.note(f"channel {size // 2} is added to the sums of squares", "darknet leaves it out of all, by a slip")
        numbers = f"bias = {show_value(kappa)}, alpha = {show_value(use.number('alpha'))}, " \
                  f"beta = {show_value(use.number('beta'))}"
        return Made(use.input, use.parsed(
            f"LocalResponseNormalizationLayer {{radius = {size // 2}, {numbers}, averageSquares = false}}"))


class L2Norm(SectionType):
    names = ("l2norm",)
    label = "l2norm"
    becomes = "`x => ElementDivide (x, Sqrt (ReduceSum (Square (x), axis = 3)))`"

    def read(self, use: Use) -> Made:
        axis = 1 if use.input.flat else 3
        return Made(use.input, use.parsed(f"(x => ElementDivide (x, Sqrt (ReduceSum (Square (x), axis = {axis}))))"))


class Softmax(SectionType):
    names = ("softmax", "soft")
    label = "softmax"
    keys = (Key("groups", default=1, least=1, meaning="parts of the vector, each with the sum 1"),
            Key("temperature", NUMBER, 1.0, meaning="divides the input"),
            Key("tree", TEXT), Key("spatial", NUMBER, effect=False), Key("noloss", effect=False))
    becomes = "`Softmax`; at the end of the network `CrossEntropyWithSoftmax` is trained"
    differs = "`spatial` counts on a graphics card only in darknet, and is not read; `tree` is refused"
    example = "groups=2"

    def read(self, use: Use) -> Made:
        entry = use.entry("tree")
        if entry is not None:
            raise failure(Code.NOT_SUPPORTED, "netdsl has no tree of classes", entry.span, "this is not supported",
                          hint="remove this section to use the scores before it.")
        groups, temperature, size = use.whole("groups"), use.number("temperature"), use.input.size
        if temperature <= 0:
            raise use.mismatch("the temperature has to be above 0", "this divides", "temperature")
        if size % groups:
            raise use.mismatch(f"{groups} groups do not divide {size} scores", "this many groups", "groups")
        scaled = "" if temperature == 1 else f"ScaleAndShift {{{show_value(1 / temperature)}}}"
        if groups == 1:
            return Made(use.input, use.parsed(sequence(scaled, "Softmax")),
                        loss="softmax" if not scaled else "softmax group")
        back = f"Reshape {{{size}}}" if use.input.flat else f"Reshape {{{use.input.dims[1:-1]}}}"
        steps = (scaled, f"Reshape {{{size // groups}:{groups}}}", "Softmax {axis = 1}", back)
        return Made(use.input, use.parsed(sequence(*steps)), loss="softmax group")


class Upsample(SectionType):
    names = ("upsample",)
    label = "up"
    keys = (Key("stride", default=2), Key("scale", NUMBER, 1.0, meaning="multiplies the output"))
    becomes = "`Upsample`; with a negative stride the sum of each block"
    example = "stride=2"

    def read(self, use: Use) -> Made:
        stride, scale, image = use.whole("stride"), use.number("scale"), use.image()
        if stride == 0:
            raise use.mismatch("an upsample by 0 leaves nothing", "0 pixels", "stride")
        factor = abs(stride)
        if stride > 0:
            extents = Extents(image.width * stride, image.height * stride, image.channels)
            steps = [f"Upsample {{{stride}}}"]
        else:
            extents = Extents(image.width // factor, image.height // factor, image.channels)
            if extents.width * factor != image.width or extents.height * factor != image.height:
                raise use.mismatch(f"{image} cannot be divided into blocks of {factor}", "the blocks", "stride")
            steps = [f"AveragePoolingLayer {{({factor}:{factor}), stride = {factor}}}"]
            scale *= factor * factor
        steps += [] if scale == 1 else [f"ScaleAndShift {{{show_value(scale)}}}"]
        return Made(extents, use.parsed(sequence(as_image(use), *steps)))


class Reorg(SectionType):
    names = ("reorg",)
    label = "reorg"
    keys = (_STRIDE, Key("reverse", default=0, meaning="pixels of channels instead of channels of pixels"),
            Key("flatten", default=0), Key("extra", default=0, meaning="zeros behind all elements, as a vector"))
    becomes = "`Reshape`, `SpaceToDepth` or `DepthToSpace`, `Reshape`: in darknet's own order"
    example = "stride=2"

    def read(self, use: Use) -> Made:
        stride, image, extra = use.whole("stride"), use.image(), use.whole("extra")
        w, h, c, block = image.width, image.height, image.channels, stride * stride
        if extra:
            return Made(Extents(1, 1, image.size + extra, flat=True),
                        use.parsed(sequence("Flatten", f"Padding {{0, {extra}}}")))
        if use.flag("reverse"):
            self._divides(use, c % block == 0, f"{c} channels are not a multiple of {block}")
            return Made(Extents(w * stride, h * stride, c // block), use.parsed(f"DepthToSpace {{{stride}}}"))
        self._divides(use, w % stride == 0 and h % stride == 0 and c % block == 0,
                      f"{image} cannot be divided into blocks of {stride} x {stride} x {block}")
        out = Extents(w // stride, h // stride, c * block)
        if use.flag("flatten"):
            return Made(out, use.parsed(f"Sequential (Reshape {{{w * h}:{c}}} : TransposeDimensions {{1, 2}} : "
                                        f"Reshape {{{out.dims[1:-1]}}})"))
        if stride == 1:
            return Made(out, uses=(use.index - 1,))
        wide = Extents(w * stride, h * stride, c // block)
        return Made(out, use.parsed(f"Sequential (Reshape {{{wide.dims[1:-1]}}} : SpaceToDepth {{{stride}}} : "
                                    f"Reshape {{{out.dims[1:-1]}}})"))

    @staticmethod
    def _divides(use: Use, holds: bool, why: str) -> None:
        if not holds:
            raise use.mismatch(why, "the blocks", "stride")


class Crop(SectionType):
    names = ("crop",)
    label = "crop"
    keys = (Key("crop_height", default=1, least=1), Key("crop_width", default=1, least=1),
            Key("noadjust", default=0, meaning="1: values stay; else they become 2 x - 1"),
            Key("flip", effect=False), Key("shift", NUMBER, effect=False), Key("angle", NUMBER, effect=False),
            Key("saturation", NUMBER, effect=False), Key("exposure", NUMBER, effect=False))
    becomes = "`Slice` of the middle, and `ScaleAndShift {2, -1}`: what darknet does outside training"
    differs = "darknet cuts and mirrors at random in training; here the transforms of the reader do that"
    example = "crop_width=20 crop_height=16"

    def read(self, use: Use) -> Made:
        image, steps = use.image(), []
        wanted = {"crop_width": image.width, "crop_height": image.height}
        for axis, (key, extent) in enumerate(wanted.items(), 1):
            size = use.whole(key)
            if size > extent:
                raise use.mismatch(f"{size} pixels cannot be cut out of {extent}", f"the input is {image}", key)
            first = (extent - size) // 2
            steps += [f"Slice {{{first}, {first + size}, axis = {axis}}}"] if size < extent else []
        if not use.flag("noadjust"):
            steps.append("ScaleAndShift {2, -1}")
        extents = Extents(use.whole("crop_width"), use.whole("crop_height"), image.channels)
        return Made(extents, use.parsed(sequence(*steps))) if steps else Made(extents, uses=(use.index - 1,))

"""The row of darknet's `[local]`: a convolution with filters of its own at every place."""

from __future__ import annotations

from .activations import ACTIVATIONS, activation_of
from .section_layers import as_image, padding, sequence
from .section_type import TEXT, Extents, Key, Made, SectionType, Use


class Local(SectionType):
    names = ("local",)
    label = "local"
    keys = (Key("filters", default=1, least=1), Key("size", default=1, least=1), Key("stride", default=1, least=1),
            Key("pad", default=0, least=0, meaning="pixels on every side: 0, or (size - 1) / 2"),
            Key("activation", TEXT, "logistic"))
    becomes = "`LocalConvolution` with a `ParameterTensor` of filters, and one of biases"
    weights = "biases, then the filters of each place"
    example = "filters=4 size=3 pad=1 activation=leaky"

    def read(self, use: Use) -> Made:
        filters, size, stride, pad = (use.whole(key) for key in ("filters", "size", "stride", "pad"))
        image, activation = use.image(), activation_of(use)
        if pad and 2 * pad + 1 != size:
            raise use.mismatch(f"a [local] of size {size} cannot be padded by {pad}",
                               "darknet computes two different sizes of the output", "pad",
                               f"use `pad=0` or `size={2 * pad + 1}`.")
        width, height = use.positions(size, 2 * pad, stride)
        around, pads = padding(use, size, stride, (pad, pad), drops=False)
        automatic = pads == ", pad = true"
        options = f"({size}:{size}), mapDims = {filters}" + (f", stride = {stride}" if stride > 1 else "") + \
            ("" if automatic else f", autoPadding = false{pads}")
        rows, columns = filters * width * height, size * size * image.channels
        matrix = f'ParameterTensor {{{rows}:{columns}, init = "heUniform", initValueScale = 0.5773503}}'
        text = sequence(as_image(use), around, f"filters := (x => LocalConvolution ({matrix}, x, {options}))",
                        f"bias := (x => x + ParameterTensor {{{width}:{height}:{filters}, initValue = 0}})",
                        ACTIVATIONS[activation])
        return Made(Extents(width, height, filters), use.parsed(text))

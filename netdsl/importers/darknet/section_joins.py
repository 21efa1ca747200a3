"""Rows of darknet's sections that take the outputs of other sections."""

from __future__ import annotations

from functools import partial

from ...base.codes import Code
from ...base.failure import failure
from ...syntax import ast
from .activations import ACTIVATIONS, activation_of
from .section_layers import sequence
from .section_type import NUMBER, TEXT, WHOLES, Extents, Key, Made, Outputs, SectionType, Use


class Route(SectionType):
    names = ("route",)
    label = "route"
    keys = (Key("layers", WHOLES, meaning="sections, from 0; negative ones count back"),
            Key("groups", default=1, least=1), Key("group_id", default=0, least=0))
    becomes = "the output of that section; of several `Splice (a : b, axis = 3)`; with `groups` a `Slice` of channels"
    differs = "sections of different width or height are an error; darknet makes 0 x 0 of them and goes on"
    example = "layers=-1"

    def read(self, use: Use) -> Made:
        entry = use.entry("layers")
        if entry is None:
            raise use.section.missing("layers", "layers=-1,8")
        sources = [use.earlier(entry, number) for number in entry.wholes()]
        shapes = [use.before[index].extents for index in sources]
        first = shapes[0]
        for shape in shapes[1:]:
            if (shape.width, shape.height, shape.flat) != (first.width, first.height, first.flat):
                raise failure(Code.SHAPE_MISMATCH, f"{first} and {shape} cannot be joined", entry.value_span,
                              "darknet would make 0 x 0 of them",
                              hint="join outputs of equal width and height, for example behind an [upsample].")
        groups, part = use.whole("groups"), use.whole("group_id")
        if part >= groups:
            raise use.mismatch(f"there is no group {part} of {groups}", "counted from 0", "group_id")
        for shape in shapes:
            if shape.channels % groups:
                raise use.mismatch(f"{groups} groups do not divide {shape.channels} channels", "this many", "groups")
        extents = Extents(first.width, first.height, sum(shape.channels for shape in shapes) // groups, first.flat)
        if len(sources) == 1 and groups == 1:
            return Made(extents, uses=(sources[0],))
        sizes = [shape.channels // groups for shape in shapes]
        return Made(extents, value=partial(self._joined, use, sources, sizes, groups, part), uses=tuple(sources))

    @staticmethod
    def _joined(use: Use, sources: list[int], sizes: list[int], groups: int, part: int, of: Outputs) -> ast.Expression:
        axis = 1 if use.before[sources[0]].extents.flat else 3
        items = [of(index) for index in sources]
        if groups > 1:
            items = [use.build.call("Slice", part * size, (part + 1) * size, item, axis=axis)
                     for item, size in zip(items, sizes, strict=True)]
        if len(items) == 1:
            return items[0]
        return use.build.call("Splice", use.build.list(items), axis=axis)


class ShortcutSection(SectionType):
    names = ("shortcut",)
    label = "res"
    keys = (Key("from", meaning="the section that is added"), Key("activation", TEXT, "linear"),
            Key("alpha", NUMBER, 1.0, meaning="multiplies the output of the section before"),
            Key("beta", NUMBER, 1.0, meaning="multiplies what is added"))
    becomes = "`+`; of different shapes the common channels and pixels are added, by `Slice`, `Padding` and the like"
    example = "from=-2 activation=leaky"

    def read(self, use: Use) -> Made:
        entry = use.entry("from")
        if entry is None:
            raise use.section.missing("from", "from=-3")
        source = use.earlier(entry, entry.whole())
        if use.index == 0:
            raise failure(Code.INDEX, "[shortcut] has nothing before it", use.section.header)
        added, out = use.before[source].extents, use.input
        fit = fitting(use, added, out)
        return Made(out, value=partial(self._sum, use, source, fit, activation_of(use)), uses=(use.index - 1, source))

    @staticmethod
    def _sum(use: Use, source: int, fit: str, activation: str, of: Outputs) -> ast.Expression:
        build, own, other = use.build, of(use.index - 1), of(source)
        if fit:
            other = build.call(use.parsed(fit), other)
        for key in ("alpha", "beta"):
            factor = use.number(key)
            if factor != 1:
                scaled = build.binary(build.value(factor), "*", own if key == "alpha" else other)
                own, other = (scaled, other) if key == "alpha" else (own, scaled)
        total = build.binary(own, "+", other)
        function = ACTIVATIONS[activation]
        return build.call(use.parsed(function), total) if function else total


def fitting(use: Use, added: Extents, out: Extents) -> str:
    """The function that brings an output to the shape of the one it is added to; "" where it has it.

    darknet adds the first channels that both have, at every stride-th pixel of the larger one (the extents' ratio,
    rounded down). Raises Failure where width and height have other ratios: darknet stops there as well.
    """
    stride, sample = max(added.width // out.width, 1), max(out.width // added.width, 1)
    if added.width // out.width != added.height // out.height or out.width // added.width != out.height // added.height:
        raise use.mismatch(f"{added} cannot be added to {out}", "width and height differ by other factors", "from")
    channels = min(added.channels, out.channels)
    width, height = min(added.width, out.width), min(added.height, out.height)
    partial_cover = (channels, width * sample, height * sample) != (out.channels, out.width, out.height) or sample > 1
    if partial_cover and use.number("alpha") != 1:
        raise failure(Code.NOT_SUPPORTED, f"netdsl has no `alpha` for a shortcut from {added} to {out}",
                      use.section.header, "it would count for some of the elements only",
                      hint="set `alpha=1`.")
    steps = [f"Slice {{0, {channels}, axis = {1 if added.flat else 3}}}"] if channels < added.channels else []
    for axis, (count, extent) in enumerate(((width, added.width), (height, added.height)), 1):
        if (extent - 1) // stride + 1 > count:
            steps.append(f"Slice {{0, {(count - 1) * stride + 1}, axis = {axis}}}")
    steps += [f"MaxPoolingLayer {{(1:1), stride = {stride}}}"] if stride > 1 else []
    if sample > 1:  # zeros between the pixels: as further axes of one element each, padded behind it
        steps += [f"Reshape {{1:{width}:1:{height}:{channels}}}",
                  f"Padding {{upperPad = ({sample - 1}:0:{sample - 1}:0:0)}}",
                  f"Reshape {{{width * sample}:{height * sample}:{channels}}}"]
    missing = (out.width - width * sample, out.height - height * sample, out.channels - channels)
    if any(missing):
        lengths = f"{missing[0]}:{missing[1]}:{missing[2]}"
        steps.append(f"Padding {{upperPad = {missing[2]}}}" if out.flat else f"Padding {{upperPad = ({lengths})}}")
    return sequence(*steps) if steps else ""


class Cost(SectionType):
    names = ("cost",)
    label = "cost"
    keys = (Key("type", TEXT, "sse"), Key("scale", NUMBER, 1.0, 0, "multiplies the loss"),
            Key("ratio", NUMBER, effect=False), Key("noobj", NUMBER, effect=False), Key("thresh", NUMBER, effect=False))
    becomes = "the criterion: `SquareError` (sse), `AbsoluteError` (L1)"
    differs = "`smooth`, `masked`, `seg` and `wgan` cannot be trained; behind `[softmax]`, which has a loss itself, " \
              "it is left out"
    example = "type=sse"

    def read(self, use: Use) -> Made:
        kind = use.text("type")
        entry = use.entry("type")
        if kind not in ("sse", "L1", "smooth", "masked", "seg", "wgan") and entry is not None:
            raise failure(Code.UNKNOWN_NAME, f"there is no cost `{kind}`", entry.value_span, "darknet would take sse",
                          hint="use sse or L1.")
        return Made(use.input, uses=(use.index - 1,), loss=f"cost {kind}", factor=use.number("scale"))

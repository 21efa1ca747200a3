"""Rows of darknet's sections that find objects, and of those that netdsl has nothing for."""

from __future__ import annotations

from .section_layers import sequence
from .section_type import NUMBERS, TEXT, WHOLES, Extents, Key, Made, RefusedSection, SectionType, Use

_TRAINED = ("jitter", "ignore_thresh", "truth_thresh", "rescore", "coord_scale", "object_scale", "noobject_scale",
            "class_scale", "mask_scale", "thresh", "random", "max", "bias_match", "absolute", "sqrt", "log", "map",
            "classfix", "forced", "reorg")
_TRAINING_KEYS = tuple(Key(name, TEXT, effect=False) for name in _TRAINED)
_NO_LOSS = "its loss is not there: a network that ends in it is checked and run, not trained"


def head(parts: list[tuple[int, int, str]], extents: Extents, entries: int, boxes: int) -> str:
    """Functions for ranges of the channels of each box: `(first, last, function)`, "" for none.

    The channels are `boxes` times `entries`, so the box is made an axis of its own meanwhile.
    """
    branches = [sequence(f"Slice {{{first}, {0 if last == entries else last}, axis = 3}}", function)
                for first, last, function in parts if last > first]
    joined = branches[0] if len(branches) == 1 else \
        f"Parallel (({' : '.join(branches)}), (parts => Splice (parts, axis = 3)))"
    if boxes == 1:
        return joined
    return sequence(f"Reshape {{{extents.width}:{extents.height}:{entries}:{boxes}}}", joined,
                    f"Reshape {{{extents.dims[1:-1]}}}")


def require_channels(use: Use, boxes: int, entries: int, what: str) -> None:
    image = use.image()
    if image.channels != boxes * entries:
        raise use.mismatch(f"[{use.section.name}] takes {boxes * entries} channels, and gets {image.channels}",
                           f"{boxes} boxes of {entries} numbers: {what}",
                           hint=f"give the convolution before it `filters={boxes * entries}`.")


class Yolo(SectionType):
    names = ("yolo",)
    label = "yolo"
    keys = (Key("classes", default=20, least=1), Key("num", default=1, least=1, meaning="boxes without mask"),
            Key("mask", WHOLES, meaning="anchors; their number is that of the boxes"),
            Key("anchors", NUMBERS, effect=False), *_TRAINING_KEYS)
    becomes = "`Sigmoid` of x, y, objectness and classes, as darknet delivers it; width and height as they are"
    differs = _NO_LOSS
    example = "mask=0 classes=3"

    def read(self, use: Use) -> Made:
        mask, classes = use.entry("mask"), use.whole("classes")
        boxes = len(mask.wholes()) if mask is not None else use.whole("num")
        require_channels(use, boxes, classes + 5, f"x, y, w, h, objectness and {classes} classes")
        parts = [(0, 2, "Sigmoid"), (2, 4, ""), (4, classes + 5, "Sigmoid")]
        return Made(use.input, use.parsed(head(parts, use.input, classes + 5, boxes)), loss="detector")


class Region(SectionType):
    names = ("region",)
    label = "region"
    keys = (Key("classes", default=20, least=1), Key("coords", default=4, least=2), Key("num", default=1, least=1),
            Key("softmax", default=0), Key("background", default=0), Key("tree", TEXT),
            Key("anchors", NUMBERS, effect=False), *_TRAINING_KEYS)
    becomes = "`Sigmoid` of x, y and objectness, `Softmax` or `Sigmoid` of the classes, as darknet delivers it"
    differs = _NO_LOSS + "; with a `tree` of classes the scores stay as they are"
    example = "classes=3 num=1 softmax=1"

    def read(self, use: Use) -> Made:
        classes, coords, boxes = use.whole("classes"), use.whole("coords"), use.whole("num")
        entries = coords + 1 + classes
        require_channels(use, boxes, entries, f"{coords} coordinates, objectness and {classes} classes")
        background, tree = use.flag("background"), use.entry("tree")
        if tree is not None:
            use.note("the classes of the tree stay scores", "netdsl has no tree of classes", "tree")
        first = coords if background and use.flag("softmax") else coords + 1
        function = "" if tree else "Softmax {axis = 3}" if use.flag("softmax") else "Sigmoid"
        parts = [(0, 2, "Sigmoid"), (2, coords, ""), (coords, first, "" if background else "Sigmoid"),
                 (first, entries, function)]
        return Made(use.input, use.parsed(head(parts, use.input, entries, boxes)), loss="detector")


class Detection(SectionType):
    names = ("detection",)
    label = "detection"
    keys = (Key("classes", default=1, least=1), Key("coords", default=1, least=1), Key("num", default=1, least=1),
            Key("side", default=7, least=1), Key("softmax", default=0), *_TRAINING_KEYS)
    becomes = "nothing: the numbers stay as they are"
    differs = _NO_LOSS + "; `softmax` is not applied"
    example = "classes=2 coords=4 num=1 side=1"

    def read(self, use: Use) -> Made:
        side, boxes = use.whole("side"), use.whole("num")
        wanted = side * side * ((1 + use.whole("coords")) * boxes + use.whole("classes"))
        if wanted != use.input.size:
            raise use.mismatch(f"[detection] takes {wanted} numbers, and gets {use.input.size}",
                               f"{side} x {side} places",
                               hint=f"give the [connected] before it `output={wanted}`.")
        if use.flag("softmax"):
            use.note("the classes stay scores", "no softmax of [detection]", "softmax")
        return Made(use.input, uses=(use.index - 1,), loss="detector")


class Rnn(RefusedSection):
    names, label, what = ("rnn",), "rnn", "[rnn]"


class Gru(RefusedSection):
    names, label, what = ("gru",), "gru", "[gru]"


class Lstm(RefusedSection):
    names, label, what = ("lstm",), "lstm", "[lstm]"


class Crnn(RefusedSection):
    names, label, what = ("crnn",), "crnn", "[crnn]"


class Iseg(RefusedSection):
    names, label, what = ("iseg",), "iseg", "[iseg]"

"""How weights start: Caffe's fillers as options of the language.

Caffe counts fan-in and fan-out from the blob: all numbers by its first extent, and by its second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .known_fields import FILLER, read_fields
from .layer_row import Translation
from .prototext import Message

#: The least and largest of a bias or slope may be any number, so these fillers of one are refused with a warning.
_RANDOM = "it starts at 0 here; weights that are loaded are not affected."


def filler_of(use: Translation, name: str, defaults: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The filler under a field, with Caffe's defaults: a constant 0."""
    given = use.values[name]
    message = given if isinstance(given, Message) else Message((), use.values.span)
    values = read_fields(message, FILLER, "a filler", use.place(name), use.problems)
    return {key: values[key] if key in values or not defaults or key not in defaults else defaults[key]
            for key in FILLER}


def weight_options(use: Translation, fan_in: int, fan_out: int, plain: bool = True,
                   name: str = "weight_filler", scale: float = 1.0) -> dict[str, object]:
    """`init = ..., initValueScale = ...` for the weights of a layer; nothing where the net only computes.

    `plain`: the row counts fan-in and fan-out as Caffe does; otherwise the width of the distribution is a number.
    `scale` is the row's own default of `initValueScale`.
    """
    if not use.trains and name not in use.values:
        return {}
    filler = filler_of(use, name)
    fan = {"FAN_IN": fan_in, "FAN_OUT": fan_out, "AVERAGE": (fan_in + fan_out) / 2}[filler["variance_norm"]]
    kind, norm = filler["type"], filler["variance_norm"]
    if kind == "xavier":
        found = {"FAN_IN": ("xavier", 1.0), "AVERAGE": ("glorotUniform", 1.0)}.get(norm) if plain else None
        return _start(*(found or ("uniform1", math.sqrt(3 / fan))), scale)
    if kind == "msra":
        return _start(*(("heNormal", 1.0) if plain and norm == "FAN_IN" else ("normal", math.sqrt(2 / fan))), scale)
    if kind == "gaussian":
        if filler["mean"] or filler["sparse"] >= 0:
            which = "mean" if filler["mean"] else "sparse"
            use.warn(f"the start of these weights has a `{which}`, which netdsl does not have", name,
                     label=f"`{which}` is left out")
        return _start("normal", filler["std"], scale)
    if kind == "uniform":
        if filler["min"] != -filler["max"]:
            use.warn("weights that start between bounds of different size", name,
                     label=f"they start between -{abs(filler['max']):g} and {abs(filler['max']):g} here")
        return _start("uniform1", abs(filler["max"]), scale)
    if kind == "bilinear":
        return _start("bilinear", 1.0, scale)
    if kind == "constant" and not filler["value"]:
        return {"init": "zero"}
    what = f"weights that all start at {filler['value']:g}" if kind == "constant" else f"a start by `{kind}`"
    use.warn(f"netdsl has no {what}", name, label="they start as the layer's weights usually do")
    return {}


def bias_options(use: Translation, name: str = "bias_filler", option: str = "initBias") -> dict[str, object]:
    """`initBias = value`, where it is not 0."""
    if name not in use.values:
        return {}
    filler = filler_of(use, name)
    if filler["type"] == "constant":
        return {option: filler["value"]} if filler["value"] else {}
    if use.trains and not (filler["type"] == "gaussian" and filler["std"] == 0):
        use.warn(f"netdsl has no biases that start by `{filler['type']}`", name, label="they start at 0 here")
    return {option: filler["mean"]} if filler["type"] == "gaussian" and filler["mean"] else {}


def _start(init: str, value: float, default: float) -> dict[str, object]:
    rounded = float(f"{value:.7g}")
    return {"init": init} if rounded == default else {"init": init, "initValueScale": rounded}

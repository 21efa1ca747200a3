"""A layer in a few words, for drawings and tables: `Convolutional`, `96 filters, 11 x 11, stride 4, pad`."""

from __future__ import annotations

import re

from ..spec import Option
from .layer import Layer


def layer_name(layer: Layer) -> str:
    """`ConvolutionalLayer` is shown as `Convolutional`: in a drawing everything is a layer."""
    return type(layer).name().removesuffix("Layer") or "Layer"


def option_texts(layer: Layer) -> tuple[str, ...]:
    """The options worth a place, each worded as its row says (`Option.drawn`): `96 filters`, `stride 4`, `no bias`.

    Left out are those that have their default, and those that the shapes show anyway or that only say how training
    starts.
    """
    found = []
    for option in type(layer).options():
        value = layer.value_of(option)
        if option.drawn == "" or (not option.required and value == option.default):
            continue
        if text := _option_text(option, value):
            found.append(text)
    return tuple(found)


def _option_text(option: Option, value: object) -> str:
    words = re.sub(r"(?<=[a-z])([A-Z])(?=[a-z])", lambda capital: f" {capital.group().lower()}", option.name)
    if isinstance(value, tuple) and value and all(isinstance(v, bool) for v in value) and len(set(value)) == 1:
        value = value[0]
    if isinstance(value, bool):
        return words if value else f"no {words}"
    if isinstance(value, tuple):
        if not value or any(isinstance(v, bool) or not isinstance(v, int | float) for v in value):
            return ""
        shown = " x ".join(map(_number_text, value))
        if option.drawn is None and len(set(value)) == 1:
            shown = _number_text(value[0])
    elif isinstance(value, int | float):
        shown = _number_text(value)
    elif isinstance(value, str) and len(value) <= 16:
        shown = value
    else:
        return ""
    text = (option.drawn or f"{words} {{}}").format(shown)
    return text[:-1] if text in ("1 filters", "1 outputs") else text


def _number_text(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

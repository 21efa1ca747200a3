"""Poolings as they are written in PyTorch source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .layer import Shape
from .torch_form import Call, Default, TorchForm, alike, padded_input, padding_call
from .windows import MAXIMUM_AXES


def pooling_form(shape: Shape, prepared: Mapping[str, Any], is_max: bool) -> TorchForm | None:
    """torch's module for what `prepare_pooling` has laid down; None where a mean needs another divisor than torch's."""
    axes, pads, counts = len(prepared["kernel"]), prepared["explicit"], prepared["counts_padding"]
    other_divisor = not is_max and ("ends" in prepared or (any(pads) and not counts))
    if shape.rank != axes + 1 or not shape.batched or other_divisor:
        return None
    more = {"count_include_pad": Default(counts, True)} if not is_max and (
        any(prepared["padding"]) or prepared["ceil"]) else {}
    module = Call.of(f"nn.{'Max' if is_max else 'Avg'}Pool{axes}d", ("kernel_size", alike(prepared["kernel"])),
                     stride=alike(prepared["stride"]), padding=Default(alike(prepared["padding"]), 0),
                     ceil_mode=Default(prepared["ceil"], False), **more)
    before = (padding_call(pads, float("-inf") if is_max else 0.0),) if any(pads) else ()
    value = 'float("-inf")' if is_max else ""
    return TorchForm(f"{{self}}({padded_input(pads, value)})", module, before)


def global_form(kind: str, shape: Shape) -> TorchForm | None:
    """torch's pooling to one pixel, which needs a batch axis and one to three axes of positions."""
    axes = shape.rank - 1
    if not shape.batched or axes > MAXIMUM_AXES:
        return None
    return TorchForm(module=Call.of(f"nn.Adaptive{kind}Pool{axes}d", ("output_size", 1)))

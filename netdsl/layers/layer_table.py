"""The list of all layers, in the order of the docs: a row is a class of a family's file that has examples."""

from __future__ import annotations

from . import (
    activation,
    arithmetic,
    assertions,
    attention,
    batch_normalization,
    channel_scale,
    clip,
    comparison,
    convolution,
    convolution_transpose,
    criteria,
    curve_metrics,
    dense,
    dropout,
    elementwise,
    gating,
    interpolation,
    label_metrics,
    linear_algebra,
    local_convolution,
    margin_criteria,
    normalization,
    number_metrics,
    own_metrics,
    pooling,
    ranking,
    reduction,
    region_pooling,
    repeating,
    resampling,
    reshaping,
    set_metrics,
    softmax,
    sources,
    statistics,
    unpooling,
    value_criteria,
)
from .layer import Layer

#: The family files, in the order of the docs.
_FAMILIES = (
    dense,
    convolution,
    convolution_transpose,
    local_convolution,
    pooling,
    region_pooling,
    unpooling,
    batch_normalization,
    normalization,
    channel_scale,
    statistics,
    attention,
    dropout,
    activation,
    gating,
    softmax,
    elementwise,
    clip,
    arithmetic,
    comparison,
    linear_algebra,
    reduction,
    reshaping,
    repeating,
    resampling,
    interpolation,
    assertions,
    sources,
    criteria,
    value_criteria,
    margin_criteria,
    label_metrics,
    set_metrics,
    curve_metrics,
    number_metrics,
    ranking,
    own_metrics,
)


def _rows() -> tuple[type[Layer], ...]:
    """Every Layer class of the family files that has examples, which their bases do not."""
    found: list[type[Layer]] = []
    for module in _FAMILIES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Layer) and value.__module__ == module.__name__ \
                    and value.examples:
                found.append(value)
    return tuple(found)


ROWS: tuple[type[Layer], ...] = _rows()
LAYERS: dict[str, type[Layer]] = {row.name(): row for row in ROWS}
#: Every name that a file may use, aliases included.
NAMES: dict[str, type[Layer]] = {**LAYERS, **{alias: row for row in ROWS for alias in row.aliases}}

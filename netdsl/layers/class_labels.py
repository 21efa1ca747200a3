"""Labels of classes: shares of each class, or the number of the class, and positions that have none.

A position without a class is a row of zeros among shares, and `NO_CLASS` among numbers. Nothing here reads a
tensor's value on the host, and no class number is used as an index: one that is out of range gives NaN, on the
CPU and on CUDA alike, and never an assertion on the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.classes import NO_CLASS

if TYPE_CHECKING:
    import torch


def one_hot(classes: torch.Tensor, count: int, dim: int, dtype: torch.dtype) -> torch.Tensor:
    """Shares from class numbers, whose axis `dim` has the extent 1: 1 at the class, zeros where there is none.

    What is no class number (too large, negative, a fraction) becomes a row of NaN.
    """
    import torch

    places = torch.arange(count, device=classes.device).reshape(-1, *(1,) * (-1 - dim))
    rows = (classes == places).to(dtype)
    inside = (classes >= 0) & (classes < count)
    if classes.is_floating_point():
        inside = inside & (classes == classes.floor())
    return torch.where(inside | (classes == NO_CLASS), rows, torch.nan)


def shares(labels: torch.Tensor, count: int, dim: int, dtype: torch.dtype) -> torch.Tensor:
    """The labels as shares of `count` classes along `dim`, whichever of the two forms they have."""
    return labels if labels.shape[dim] == count else one_hot(labels, count, dim, dtype)


def has_class(labels: torch.Tensor, count: int, dim: int) -> torch.Tensor:
    """Whether a position has a class; `dim` is kept with the extent 1."""
    if count == 1 or labels.shape[dim] != count:
        return labels != NO_CLASS
    return (labels != 0).any(dim, keepdim=True)


def without_label(labels: torch.Tensor, count: int, dim: int, number: int | None) -> torch.Tensor:
    """The labels, where positions with the class `number` have none; `number` need not be one of the classes."""
    import torch

    if number is None:
        return labels
    if count == 1 or labels.shape[dim] != count:
        return torch.where(labels == number, NO_CLASS, labels)
    return labels if number >= count else torch.where(labels.argmax(dim, keepdim=True) == number, 0, labels)


def class_numbers(labels: torch.Tensor, count: int, dim: int) -> torch.Tensor:
    """The class of each position as a whole number, `dim` kept; -1 where there is none. Of one score: 0 or 1."""
    import torch

    if count == 1:
        numbers = (labels > 0.5).long()
    else:
        numbers = labels.argmax(dim, keepdim=True) if labels.shape[dim] == count else labels.round().long()
    return torch.where(has_class(labels, count, dim), numbers, -1)

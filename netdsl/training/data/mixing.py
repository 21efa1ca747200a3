"""Mixup and cutmix: every sample is blended with another one of the minibatch, and so are the labels.

What is drawn is drawn on the host and comes into the step as a small tensor, so a captured step can be
replayed with other amounts. Sources: Zhang et al. 2018 (mixup), Yun et al. 2019 (cutmix).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ...base.classes import NO_CLASS
from ...base.seeds import seed_for
from ...layers.layer import Shape
from ...layers.sources import as_numbers

#: The name under which the amounts travel beside the inputs; no input can be called so.
MIX = "mix amounts"


@dataclass(frozen=True)
class Mixing:
    """Alphas of the Beta distributions, 0: off. With both on, each minibatch draws which one it gets."""

    mixup: float = 0.0
    cutmix: float = 0.0
    seed: int = 0

    @property
    def wanted(self) -> bool:
        return self.mixup > 0 or self.cutmix > 0

    def draw(self, step: int) -> torch.Tensor:
        """(own share, left, right, top, bottom) for a minibatch; the box is in parts of the image.

        Mixup has an empty box, cutmix an own share of 1.
        """
        random = np.random.Generator(np.random.PCG64(seed_for(self.seed, "mix", step)))
        use_cutmix = self.cutmix > 0 and (self.mixup == 0 or random.random() < 0.5)
        alpha = self.cutmix if use_cutmix else self.mixup
        own = float(random.beta(alpha, alpha))
        if not use_cutmix:
            return torch.tensor([own, 0.0, 0.0, 0.0, 0.0])
        side, x, y = (1 - own) ** 0.5, random.random(), random.random()
        edges = np.clip([x - side / 2, x + side / 2, y - side / 2, y + side / 2], 0, 1)
        return torch.tensor([1.0, *edges.tolist()])


def mix(inputs: Mapping[str, torch.Tensor], amounts: torch.Tensor, shapes: Mapping[str, Shape]
        ) -> dict[str, torch.Tensor]:
    """Blend each sample with the one before it in the minibatch, whose order is random already.

    `inputs` by input name, batch axis first. Class numbers become shares of the classes: of the sample, or of
    each pixel. A box is pasted into everything that has a width and a height, masks too; what is one value for the
    sample is blended by the part of the image that was kept.
    """
    own, *box = amounts.unbind()
    images = [name for name, shape in shapes.items() if name in inputs and _has_pixels(shape)]
    kept = own * (1 - _inside(shapes[images[0]], box).float().mean()) if images else own
    return {name: _mix(tensor, shapes[name], own, kept, box) for name, tensor in inputs.items()}


def _has_pixels(shape: Shape) -> bool:
    return shape.rank == 3 and shape.dims[1] * shape.dims[2] > 1


def _mix(tensor: torch.Tensor, shape: Shape, own: torch.Tensor, kept: torch.Tensor, box: list[torch.Tensor]
         ) -> torch.Tensor:
    are_classes = tensor.dtype == torch.int64
    if are_classes:
        tensor = as_numbers(tensor, shape, torch.float32)
    elif _has_pixels(shape):
        tensor = tensor.reshape(len(tensor), *shape.dims)
    other, share = tensor.roll(1, 0), own if _has_pixels(shape) else kept
    mixed = share * tensor + (1 - share) * other
    if are_classes:
        # Among shares nothing is a row of zeros, which adds nothing. A class number that stands for itself (labels
        # of 0 and 1) cannot say "partly": where one of the two is missing the position has none.
        missing = (tensor == NO_CLASS) | ((other == NO_CLASS) & (share < 1))
        mixed = torch.where(missing, float(NO_CLASS), mixed)
    return torch.where(_inside(shape, box), other, mixed) if _has_pixels(shape) else mixed


def _inside(shape: Shape, box: list[torch.Tensor]) -> torch.Tensor:
    """Which pixels (H x W) have their centre in the box."""
    left, right, top, bottom = box
    _, height, width = shape.dims
    y = (torch.arange(height, device=left.device) + 0.5) / height
    x = (torch.arange(width, device=left.device) + 0.5) / width
    return ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None, :]

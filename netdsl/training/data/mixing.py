"""Mixup and cutmix: every sample is blended with another one of the minibatch, and so are the labels.

What is drawn is drawn on the host and comes into the step as a small tensor, so a captured step can be
replayed with other amounts. Sources: Zhang et al. 2018 (mixup), Yun et al. 2019 (cutmix).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ...base.seeds import seed_for
from ...layers.layer import Shape

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

    `inputs` by input name, batch axis first. Class numbers become shares of the classes.
    """
    own, *box = amounts.unbind()
    images = [tensor for tensor in inputs.values() if tensor.dim() == 4]
    inside = _inside(images[0], box) if images else None
    kept = own if inside is None else own * (1 - inside.float().mean())
    return {name: _mix(tensor, shapes[name], own, kept, inside) for name, tensor in inputs.items()}


def _mix(tensor: torch.Tensor, shape: Shape, own: torch.Tensor, kept: torch.Tensor,
         inside: torch.Tensor | None) -> torch.Tensor:
    if tensor.dtype == torch.int64:
        tensor = torch.nn.functional.one_hot(tensor, shape.size).float()
    other = tensor.roll(1, 0)
    if tensor.dim() == 4 and inside is not None:
        return torch.where(inside, other, own * tensor + (1 - own) * other)
    return kept * tensor + (1 - kept) * other


def _inside(image: torch.Tensor, box: list[torch.Tensor]) -> torch.Tensor:
    """Which pixels (H x W) have their centre in the box."""
    left, right, top, bottom = box
    height, width = image.shape[2:]
    y = (torch.arange(height, device=image.device) + 0.5) / height
    x = (torch.arange(width, device=image.device) + 0.5) / width
    return ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None, :]

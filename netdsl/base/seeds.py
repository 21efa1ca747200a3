"""Seeds for every purpose from the run's one seed, so that the order of drawing never matters."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def seed_for(seed: int, *purpose: object) -> int:
    """A 63-bit seed from the run's seed and what it is for (`"shuffle", epoch`)."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator_for(seed: int, *purpose: object) -> torch.Generator:
    """A CPU generator seeded by `seed_for`."""
    import torch

    return torch.Generator().manual_seed(seed_for(seed, *purpose))

"""What this machine's processor can do, as far as the system says; for warnings made without torch."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

#: Flags of /proc/cpuinfo: x86's two sets of bf16 instructions, and ARM's.
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
CPU_INFO = Path("/proc/cpuinfo")
#: Devices that the drivers of GPUs make.
GPU_DEVICES = (Path("/dev/nvidia0"), Path("/dev/kfd"))


@cache
def multiplies_bf16() -> bool | None:
    """Whether the processor has instructions for bf16 products; None where the system does not say."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    pairs = [line.partition(":") for line in lines]
    flags = [text.split() for name, _, text in pairs if name.strip() in ("flags", "Features")]
    return any(BF16_FLAGS & set(row) for row in flags) if flags else None


def may_have_gpu() -> bool:
    """Whether a GPU's driver is there, so that training need not run on the processor."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(path.exists() for path in GPU_DEVICES)

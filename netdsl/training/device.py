"""The device a run is on, and what makes torch fast there without changing what is computed."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..base.codes import Code
from ..base.failure import failure
from ..base.seeds import seed_for
from ..base.source import Span
from ..base.units import plural

#: Options of glibc's mallopt (malloc.h).
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


#: What people call devices, and what torch calls them.
_USUAL = {"gpu": "cuda", "nvidia": "cuda", "geforce": "cuda", "gpus": "cuda", "processor": "cpu", "rocm": "cuda"}


def choose_device(wanted: str) -> torch.device:
    """`auto` is CUDA where there is any. Raises Failure `no-device`."""
    if wanted == "auto":
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    kind, _, number = wanted.partition(":")
    where = Span.nowhere("command line")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        usual = _USUAL.get(kind.casefold())
        right = f"write `{usual}{':' * bool(number)}{number}`: " if usual and (not number or number.isdigit()) else ""
        raise failure(Code.NO_DEVICE, f"there is no device type `{wanted}`", where,
                      hint=f"{right}use auto, cpu, cuda, or cuda:1 for the second GPU.")
    if kind == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = int(number or 0)
    if index >= count:
        found = f"torch finds {plural(count, 'CUDA device')} here" if torch.version.cuda else \
            f"torch {torch.__version__} is a build without CUDA"
        raise failure(Code.NO_DEVICE, f"the device `{wanted}` is not available", where, body=(f"{found}.",),
                      hint="use --device cpu or --device auto.")
    return torch.device("cuda", index)


def describe_device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    threads = torch.get_num_threads()
    return f"CPU, {plural(threads, 'thread')}"


@contextmanager
def torch_settings(device: torch.device, deterministic: bool) -> Iterator[None]:
    """Settings of torch for a run; random state and settings are as before afterwards."""
    cudnn: Any = torch.backends.cudnn
    matmul: Any = getattr(torch.backends.mkldnn, "matmul", _Settings())  # torch before 2.9 has none
    before = (cudnn.benchmark, matmul.fp32_precision, torch.are_deterministic_algorithms_enabled())
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            if device.type == "cpu":
                keep_memory()
                matmul.fp32_precision = "bf16" if onednn_is_exact(matmul) else before[1]
            cudnn.benchmark = not deterministic
            if deterministic:
                os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
                torch.use_deterministic_algorithms(True)
            yield
        finally:
            cudnn.benchmark, matmul.fp32_precision = before[0], before[1]
            torch.use_deterministic_algorithms(before[2])


def keep_memory() -> None:
    """Let glibc keep freed memory instead of giving it back after every step and faulting it in again.

    Worth 1.1 to 1.75 times on convolutional networks; other C libraries are left alone.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)


class _Settings:
    """Stands for a group of torch's settings that is not there."""

    fp32_precision = ""


def onednn_is_exact(matmul: Any) -> bool:
    """True if oneDNN may do float32 matrix products and still gives float32's accuracy.

    MKL is slow on AMD's processors; the setting that sends products to oneDNN allows it to round to
    bf16, which it does not do on these but would on processors with AMX: so it is tried, on numbers
    for which bf16 would be wrong by 1e-3. The answer depends on the processor alone.
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            if isinstance(matmul, _Settings) or not any("AuthenticAMD" in line for line in lines):
                return False
    except OSError:
        return False
    before = matmul.fp32_precision
    generator = torch.Generator().manual_seed(1)
    left, right = (torch.randn(64, 512, generator=generator) for _ in range(2))
    try:
        matmul.fp32_precision = "bf16"
        got = torch.nn.functional.linear(left, right)
    except RuntimeError:
        return False
    finally:
        matmul.fp32_precision = before
    exact = left.double() @ right.double().t()
    return bool((got - exact).abs().max() <= 1e-5 * exact.abs().max())


def seed_step(seed: int, step: int, device: torch.device) -> None:
    """Seed the generators that layers draw from, for one step: a resumed run draws the same."""
    number = seed_for(seed, "step", step)
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(number)


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

"""From a reader's arrays to tensors on the device: resident tables, or threads that read ahead."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...readers.reader import DataError, Dataset, SampleRng
from .sampling import Minibatch

#: A resident data set may take this share of the device's free memory.
RESIDENT_SHARE = 0.4
#: How long to wait for one minibatch before saying that the reader hangs.
STALL_SECONDS = 600.0


@dataclass(frozen=True)
class LoadedBatch:
    """A minibatch on its way into the step: `raw` is what `Loader.expand` turns into inputs by name."""

    minibatch: Minibatch
    raw: dict[str, torch.Tensor]
    names: tuple[str, ...] = ()


class Loader:
    """Delivers minibatches in the order asked for, and counts the seconds that the asker waited."""

    def __init__(self) -> None:
        self.waited = 0.0

    def load(self, minibatches: Iterable[Minibatch]) -> Iterator[LoadedBatch]:
        raise NotImplementedError

    def expand(self, raw: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Tensors by input name; part of the step, so it may be captured with it."""
        return raw

    def close(self) -> None:
        """Let go of threads and files."""


class ResidentLoader(Loader):
    """The whole set lies on the device as it was read (images as bytes); the step picks rows there.

    Images are kept channels last, so that picked rows are channels-last tensors without a copy.
    """

    def __init__(self, arrays: dict[str, np.ndarray], device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.tables: dict[str, torch.Tensor] = {}
        for name, array in arrays.items():
            table = as_tensor(array)
            if table.dim() == 4:
                table = table.permute(0, 2, 3, 1)
            self.tables[name] = table.to(device).contiguous()

    def load(self, minibatches: Iterable[Minibatch]) -> Iterator[LoadedBatch]:
        for minibatch in minibatches:
            rows = torch.from_numpy(np.ascontiguousarray(minibatch.indices, dtype=np.int64))
            yield LoadedBatch(minibatch, {"rows": _to_device(rows, self.device)})

    def expand(self, raw: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        picked = {name: table.index_select(0, raw["rows"]) for name, table in self.tables.items()}
        return {name: t.permute(0, 3, 1, 2) if t.dim() == 4 else t for name, t in picked.items()}


class ThreadedLoader(Loader):
    """Worker threads read up to `ahead` minibatches in advance; the order is the one asked for.

    Threads and not processes: decoding and copying release the interpreter's lock, nothing is
    pickled, and a failure is an exception in the loop instead of a worker that is gone.
    """

    def __init__(self, dataset: Dataset, device: torch.device, seed: int, workers: int, ahead: int = 0,
                 stall_seconds: float = STALL_SECONDS) -> None:
        super().__init__()
        self.dataset, self.device, self.seed = dataset, device, seed
        self.ahead = ahead or 2 * workers
        self.stall_seconds = stall_seconds
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="netdsl-reader")

    def load(self, minibatches: Iterable[Minibatch]) -> Iterator[LoadedBatch]:
        coming: deque[Future[LoadedBatch]] = deque()
        source = iter(minibatches)
        try:
            for minibatch in source:
                coming.append(self.pool.submit(self._read, minibatch))
                if len(coming) >= self.ahead:
                    yield self._next(coming.popleft())
            while coming:
                yield self._next(coming.popleft())
        finally:
            for future in coming:
                future.cancel()

    def _next(self, future: Future[LoadedBatch]) -> LoadedBatch:
        start = time.perf_counter()
        try:
            batch = future.result(self.stall_seconds)
        except FutureTimeout:
            raise DataError(f"the reader has given no data for {self.stall_seconds:.0f} seconds",
                            hint="check whether the disk or the network share responds") from None
        finally:
            self.waited += time.perf_counter() - start
        raw = {name: _to_device(tensor, self.device) for name, tensor in batch.raw.items()}
        return LoadedBatch(batch.minibatch, raw, batch.names)

    def _read(self, minibatch: Minibatch) -> LoadedBatch:
        """Runs in a worker. Whatever goes wrong there ends in the loop as a DataError."""
        try:
            batch = self.dataset.batch(minibatch.indices.tolist(), SampleRng(self.seed, minibatch.data_pass))
            raw = {name: as_tensor(array) for name, array in batch.arrays.items()}
            if self.device.type == "cuda":
                raw = {name: tensor.pin_memory() for name, tensor in raw.items()}
        except (DataError, MemoryError, torch.OutOfMemoryError):
            raise
        except BaseException as error:
            raise DataError(f"a data worker died: {type(error).__name__}: {error}") from error
        return LoadedBatch(minibatch, raw, batch.names)

    def close(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)


def skipped_samples_note(skipped: Sequence[DataError], what: str) -> str:
    """What to tell of the bad samples that a reader's `maxErrors` lets pass; empty where there are none."""
    if not skipped:
        return ""
    who = f"1 bad sample of the {what} data is" if len(skipped) == 1 else \
        f"{len(skipped):,} bad samples of the {what} data are"
    return f"{who} skipped (maxErrors); the first: {skipped[0]}"


def open_loader(dataset: Dataset, device: torch.device, seed: int, workers: int) -> Loader:
    """Resident where the reader has everything in memory and the device has the room; else threaded."""
    arrays = dataset.in_memory()
    if arrays is not None and sum(array.nbytes for array in arrays.values()) <= RESIDENT_SHARE * free_memory(device):
        return ResidentLoader(arrays, device)
    return ThreadedLoader(dataset, device, seed, workers)


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """Bytes and class numbers as they are, every other number as float32; images (N, C, H, W) channels last.

    Readers deliver images in that layout and networks take it, so mostly nothing is copied.
    """
    if array.dtype == np.uint8:
        wanted: Any = np.uint8
    else:
        wanted = np.int64 if array.dtype.kind in "iub" else np.float32
    stored = np.moveaxis(array, 1, -1) if array.ndim == 4 else array
    stored = np.ascontiguousarray(stored, dtype=wanted)
    tensor = torch.from_numpy(stored if stored.flags.writeable else stored.copy())
    return tensor.permute(0, 3, 1, 2) if array.ndim == 4 else tensor


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the device (on the CPU: of the machine, where the system tells)."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            found = [line for line in lines if line.startswith("MemAvailable")]
        return int(found[0].split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        return 4 << 30


def _to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    if device.type == "cpu":
        return tensor
    pinned = tensor if tensor.is_pinned() else tensor.pin_memory()
    return pinned.to(device, non_blocking=True)

"""Recursion as deep as a real network needs: 1,000 residual blocks, a 10,000-step Sequential.

Walking a deep network by recursion is the readable way to write the evaluator; Python's default
limits are for small stacks only. The work runs in a thread whose stack is large enough (memory is
touched only where it is used), so the limit is a number here and not a crash.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

STACK_BYTES = 1 << 30
RECURSION_LIMIT = 2_000_000

_inside = threading.local()


def run_deep(function: Callable[[], T]) -> T:
    """Call a function with room for deep recursion; exceptions pass through. Nests for free."""
    if getattr(_inside, "deep", False):
        return function()
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        _inside.deep = True
        try:
            results.append(function())
        except BaseException as error:  # handed to the caller, whatever it is
            errors.append(error)

    limit, stack = sys.getrecursionlimit(), threading.stack_size(STACK_BYTES)
    sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
    try:
        thread = threading.Thread(target=work, name="netdsl-deep")
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(stack)
    if errors:
        raise errors[0]
    return results[0]


@contextmanager
def paused_collector() -> Iterator[None]:
    """Python's cyclic collector off for a while.

    A compiler makes few cycles and many objects that live to its end; the collector walks all of them
    again and again (a network of 100,000 nodes: 8.3 s with it, 5.8 s without).
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()

"""Which layer of a network another system cannot take, where exporting the whole has failed."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import nn

from ..base.codes import Code
from ..base.failure import Failure, failure
from ..ir.network import ShapedNode
from ..layers.layer import Shape
from ..lower import Executable, LayerModule


def example_of(shape: Shape, batch: int) -> torch.Tensor:
    """A tensor of a shape, with a batch axis if the value has one; numbers from 0 to 1."""
    dims = (batch, *shape.dims) if shape.batched else shape.dims
    return torch.rand(dims, generator=torch.Generator().manual_seed(0))


def require_inputs(executable: Executable, title: str) -> None:
    """Raise Failure for outputs that no input goes into."""
    if not executable.inputs:
        raise failure(Code.CANNOT_EXPORT, f"{title} needs an input, and no output is computed from one",
                      executable.network[executable.roots[0]].span, "this is the same for every sample",
                      hint="name in `outputNodes` what is computed from the inputs.")


def refused(executable: Executable, error: Exception, form: str, title: str,
            attempt: Callable[[nn.Module, list[Shape]], object]) -> Failure:
    """The page for an export that failed: names the first layer that cannot be exported by itself.

    `attempt` exports a module of one layer, and raises what torch raises.
    """
    node, why = _culprit(executable, attempt)
    said = _reason(why or error)
    body = (f"The reason: {said[:300].rstrip('.')}.",)
    hint = "export the network as PyTorch source instead: `--to torch`; or name in `outputNodes` what comes before it."
    if node is None:
        span = executable.network[executable.roots[0]].span
        return failure(Code.CANNOT_EXPORT, f"the network cannot be written as {title}", span, "this is computed from "
                       "layers that can be exported one by one, but not together", body=body, hint=hint)
    return failure(Code.CANNOT_EXPORT, f"{node.layer.name()} cannot be written as {title}", node.span,
                   f"{form} has no form of this", body=body, hint=hint)


def _reason(error: BaseException) -> str:
    """What went wrong first, on one line: torch wraps it in steps of its own."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = re.sub(r"\x1b\[[\d;]*m", "", str(error))
    return next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)


def _culprit(executable: Executable, attempt: Callable[[nn.Module, list[Shape]], object]
             ) -> tuple[ShapedNode | None, Exception | None]:
    seen = set()
    for node in executable.network:
        shapes = [executable.network[use.node].shape for use in node.inputs]
        key = (node.layer, tuple(shapes))
        if node.layer.is_input or node.layer.is_statistic or not shapes or key in seen \
                or node.name not in executable.network.needed(executable.roots):
            continue
        seen.add(key)
        module = LayerModule(node.layer, shapes, node.shape, node.span)
        module.initialize(0, node.name)
        try:
            attempt(module.eval(), shapes)
        except Exception as error:  # torch's exporters raise whatever they run into
            return node, error
    return None, None


__all__ = ["example_of", "refused", "require_inputs"]

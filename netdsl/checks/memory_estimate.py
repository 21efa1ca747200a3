"""How much memory a network takes: "will it fit", before anything runs."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.network import totals
from ..ir.program import CheckedProgram

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Memory:
    """Bytes, in float32. `activation_bytes` is for one sample, the rest for the minibatch."""

    minibatch: int
    weight_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    buffer_bytes: int
    activation_bytes: int
    input_bytes: int

    @property
    def training_bytes(self) -> int:
        """Weights, gradients, optimizer state and the activations of a minibatch."""
        return (self.weight_bytes + self.gradient_bytes + self.optimizer_bytes + self.buffer_bytes
                + self.minibatch * self.activation_bytes)



def estimate_memory(program: CheckedProgram, minibatch: int | None = None) -> Memory:
    """Counted from the shapes: every activation that the backward pass keeps, once, in float32.

    What is not counted: the workspace of convolution algorithms and the allocator's slack.
    """
    total = totals(program.network)
    plan = program.plan
    size = minibatch or (plan.minibatch_size if plan is not None else 1)
    state = plan.state_bytes(total.parameters) if plan is not None else 0
    weights = FLOAT_BYTES * total.parameters
    inputs = sum(node.shape.size for node in program.network if node.layer.is_input)
    return Memory(size, weights, weights if plan is not None else 0, state, FLOAT_BYTES * total.buffers,
                  FLOAT_BYTES * total.activations, FLOAT_BYTES * inputs)

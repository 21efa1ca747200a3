"""Several views of a sample (ten crops): each of them through the network, one answer for the sample."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ...checks.multi_view import softmax_axis
from ...ir.program import CheckedProgram
from ...lower import Executable, lower
from ..step import Tensors, network_inputs


@dataclass(frozen=True, eq=False)
class ViewAverage:
    """The outputs of a network, averaged over the views of each sample.

    Scores that a criterion passes through a softmax are averaged after it, as AlexNet's paper and
    Caffe do, and handed on as logarithms, of which the softmax is the average again. Other outputs
    are averaged as they are.
    """

    program: CheckedProgram
    executable: Any  #: computes the outputs to average: tensors by input name -> tensors by node name

    @staticmethod
    def of(program: CheckedProgram, outputs: Sequence[str], share: Executable) -> ViewAverage:
        """For outputs of the network, with the modules of an executable."""
        executable = lower(program.network, outputs, share=share)
        executable.module.eval()
        return ViewAverage(program, executable)

    def __call__(self, inputs: Tensors, views: Mapping[str, int]) -> Tensors:
        """Averages by node name. `views` says which inputs have an axis of views after the batch's, and how long."""
        count = max(views.values())
        spread = {name: inputs[name].flatten(0, 1) if name in views else inputs[name].repeat_interleave(count, 0)
                  for name in self.executable.inputs}
        spread = network_inputs(self.executable.inputs, spread)
        each = self.executable(spread)
        return {name: self._mean(name, value.float().reshape(-1, count, *value.shape[1:]))
                for name, value in each.items()}

    def _mean(self, output: str, values: torch.Tensor) -> torch.Tensor:
        """(N, views, ...) -> (N, ...)"""
        axis = softmax_axis(self.program, output)
        if axis is None:
            return values.mean(1)
        scores = values.flatten(2) if axis == 0 else values
        shares = torch.log_softmax(scores, -axis if axis else -1)
        return (torch.logsumexp(shares, 1) - math.log(values.shape[1])).reshape(values[:, 0].shape)

"""Weights by the file's names, and the resolved `.net` text with its weights beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from ..base.atomic_files import cannot_write, new_file, write_result, writing
from ..describe.expand import resolved_text
from ..lower import network_module
from ..training.evaluation.inference import load_into
from .export_format import Exported, ExportFormat, ExportRequest


def write_weights(tensors: Mapping[str, torch.Tensor], target: Path, facts: Mapping[str, str]) -> None:
    """A safetensors file of tensors, contiguous and each by itself. Raises Failure."""
    own = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    with writing(target), new_file(target) as temporary:
        try:
            save_file(own, temporary, metadata={"format": "pt", **facts})
        except SafetensorError as error:  # what the system said, in other words
            raise cannot_write(target, error) from error
        temporary.chmod(0o644)  # safetensors lets nobody else read what it writes


def every_tensor(request: ExportRequest) -> dict[str, torch.Tensor]:
    """The tensors of the whole network, those that only criteria use included. Raises Failure."""
    program = request.program
    roots = tuple(dict.fromkeys((*(output.node for output in request.outputs), *program.criteria, *program.metrics)))
    seed = program.plan.block.seed if program.plan is not None else 0
    module = network_module(program, roots, seed)
    if request.checkpoint is not None:
        load_into(module, request.checkpoint)
    return module.tensors()


class SafetensorsFormat(ExportFormat):
    name = "safetensors"
    title = "a file of weights"
    suffix = ".safetensors"
    doc = ("The weights and running statistics under the file's names (`model.conv1.weight`), those of the outputs and "
           "of the criteria, in torch's order of axes. `--weights` and `--checkpoint` take the file.")

    def write(self, request: ExportRequest) -> Exported:
        tensors = every_tensor(request)
        write_weights(tensors, request.target, request.facts())
        return Exported((request.target,), (f"{len(tensors)} tensors",))


class NetFormat(ExportFormat):
    name = "net"
    title = "a `.net` file"
    suffix = ".resolved.net"
    doc = ("One `.net` file with includes and overrides in place, which runs the same, and its weights beside it as "
           "safetensors: a network to hand on as two files.")

    def write(self, request: ExportRequest) -> Exported:
        weights = request.target.with_suffix(".safetensors")
        write_result(request.target, resolved_text(request.program))
        write_weights(every_tensor(request), weights, request.facts())
        return Exported((request.target, weights), (f"netdsl test {request.target} -c {weights}",))

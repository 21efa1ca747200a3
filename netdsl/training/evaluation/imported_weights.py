"""Weights of another system under the names of a network, as bytes to be written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save

from ...ir.program import CheckedProgram
from ...runs import checkpoint
from ..build import build, tensor_spans


def stored_weights(program: CheckedProgram, path: Path, allow_missing: Sequence[str], weight_map: str = ""
                   ) -> tuple[bytes, str]:
    """A safetensors file of the network's weights, read from a file of another system; and what became of them.

    Raises Failure `checkpoint-mismatch` unless all fit.
    """
    executable = build(program, program.roots, torch.device("cpu"), seed=0)
    wanted = executable.tensors()
    found = checkpoint.read_weights(path, wanted, executable.network, weight_map)
    report = checkpoint.load(wanted, found, tensor_spans(executable), path, allow_missing)
    told = report.words(list(wanted), path)
    return save(checkpoint.portable(wanted), metadata={"format": "pt"}), \
        told

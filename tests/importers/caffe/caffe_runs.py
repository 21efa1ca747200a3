"""A net of Caffe run by netdsl: every blob as Caffe's `net.blobs` would hold it after a pass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from netdsl.base.source import Source
from netdsl.compiler import examine
from netdsl.importers.caffe.caffe_format import choices_of, read_net
from netdsl.importers.caffe.prototext import parse_text
from netdsl.ir.network import totals
from netdsl.runs import checkpoint
from netdsl.training.build import build, tensor_spans

Arrays = dict[str, np.ndarray[Any, Any]]


class CaffeRun:
    """A net and its weights; `blobs` are values by the names of layers and of tops."""

    def __init__(self, text: str, weights: Path | None, overrides: tuple[str, ...] = ()) -> None:
        source = Source("net.prototxt", text)
        self.program = examine(source, overrides).require()
        parsed = parse_text(source)
        self.net = read_net(source, parsed, choices_of(overrides, parsed))
        self.executable = build(self.program, self.program.network.names, torch.device("cpu"), seed=0)
        if weights is not None:
            wanted = self.executable.tensors()
            found = checkpoint.read_weights(weights, wanted, self.executable.network)
            self.report = checkpoint.load(wanted, found, tensor_spans(self.executable), weights)
        self.executable.module.eval()

    @property
    def parameters(self) -> int:
        return totals(self.program.network).parameters

    def blobs(self, inputs: Mapping[str, np.ndarray[Any, Any]]) -> Arrays:
        """What each layer makes, by its name; of a layer with several tops by theirs."""
        with torch.no_grad():
            tensors = {name: torch.from_numpy(np.ascontiguousarray(inputs[name])) for name in self.executable.inputs}
            values = self.executable(tensors)
        found: Arrays = {}
        for use in self.net.uses:
            for top, (name, _) in enumerate(use.layer.tops):
                node = self.net.network.nodes.get((use.number, top))  # type: ignore[call-overload]
                if node is not None:
                    own = use.layer.name if len(use.layer.tops) == 1 else name
                    found[own] = values[self.program.aliases.get(node, node)].numpy()
        return found


def difference(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    """The largest difference, as a part of the largest expected number. Extents of 1 do not count."""
    assert found.size == expected.size, (found.shape, expected.shape)
    assert [n for n in found.shape[1:] if n != 1] == [n for n in expected.shape[1:] if n != 1]
    scale = max(float(np.abs(expected).max()), 1e-30)
    return float(np.abs(found.reshape(-1) - expected.reshape(-1)).max()) / scale

"""What an ONNX model says of itself: names of classes, preprocessing, and the file that it was made from."""

from __future__ import annotations

import json
from typing import Any

from ..describe.answers import Head
from ..describe.expand import resolved_text
from ..training.evaluation.prediction import heads_of
from .export_format import ExportRequest
from .preprocessing import DataError, preprocessing_of

#: Keys of the metadata. Texts; all but the first three and the source are JSON.
PREFIX = "netdsl."
SOURCE, STATE, OUTPUTS, INPUTS = "netdsl.source", "netdsl.state", "netdsl.outputs", "netdsl.inputs"
#: What `predict` needs of a checkpoint's state.
_KEPT = ("name", "epoch", "step", "seed", "classNames", "inputNames", "fit")


def metadata_of(request: ExportRequest) -> dict[str, str]:
    """The model's `metadata_props`."""
    heads = heads_of(request.program, request.state)
    state = {key: request.state[key] for key in _KEPT if key in request.state}
    return {
        **{f"{PREFIX}{key}" if key != "netdsl" else f"{PREFIX}version": value
           for key, value in request.facts().items()},
        OUTPUTS: _json([_output(head) for head in heads]),
        INPUTS: _json([_input(request, name) for name in request.executable.inputs]),
        STATE: _json(state),
        SOURCE: resolved_text(request.program),
    }


def _output(head: Head) -> dict[str, Any]:
    """An output with what its values are, as `predict` says it."""
    output = head.output
    return {"name": head.name, "node": output.node, "kind": output.kind, "values": output.scale,
            "classes": list(head.names)}


def _input(request: ExportRequest, name: str) -> dict[str, Any]:
    shape = request.program.network[name].shape
    found: dict[str, Any] = {"name": name, "shape": ["batch", *shape.dims]}
    try:
        image = preprocessing_of(request.program, name)
        return found if image is None else {**found, "preprocessing": image.facts()}
    except DataError as error:  # a mean file that is not here: the transforms are in the source
        return {**found, "preprocessing": None, "missing": str(error)}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

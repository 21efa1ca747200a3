"""docs/onnx.md: how ONNX models are read, and the table of operators, made from the table of the importer."""

from __future__ import annotations

from netdsl.importers.onnx.operator_table import OPERATORS
from netdsl.importers.onnx.operator_type import OperatorType

_PROSE = """# ONNX models

An ONNX model is a network with its weights in one file, and is opened as such:

    netdsl check model.onnx                    # layers, shapes, parameters
    netdsl graph model.onnx                    # a drawing
    netdsl import model.onnx                   # model.net and model.safetensors, to train on
    netdsl predict model.onnx photo.png        # computed by onnxruntime

Neither `onnx` nor `onnxruntime` is needed to read one, but for `predict`. Weights may lie in files beside the model
(external data), in its folder or below.

Layers are called as their weights are in the file (`layer1.0.conv1` becomes `layer1_0_conv1`), others as their
nodes. The first axis of each input is the number of samples and may be open or 1; all other extents have to be
fixed. Numbers that an exporter has the graph compute (`Shape`, `Gather`, `Concat` before a `Reshape`) are computed
when the file is read. An addition of one number for each output behind a convolution or a product is its bias.
Stored tensors beside an operator become `ParameterTensor`, learned where they are initializers.

What has no counterpart is refused with one page that names every such node, its operator, and why. There are no
criteria and no reader in a model: add them to the imported file to train on.

## Operators

Every version of the operators up to opset 23 that has these attributes and inputs; a further attribute is refused
by its name.
"""


def onnx_page() -> str:
    rows = [f"| `{row.name}` | {_cell(row.becomes)} | {', '.join(f'`{name}`' for name in row.attributes)} | "
            f"{_cell(_limits(row))} |" for row in sorted(OPERATORS.values(), key=lambda row: row.name)]
    return "\n".join([_PROSE, "| operator | becomes | attributes | refused |", "|---|---|---|---|", *rows, ""])


def _limits(row: OperatorType) -> str:
    if row.translate is None:
        return row.limits or "inputs that are computed"
    return row.limits


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

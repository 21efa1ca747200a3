"""The table of export formats."""

from __future__ import annotations

from .export_format import ExportFormat
from .onnx_export import OnnxFormat
from .program_export import ProgramFormat
from .torch_source.torch_export import TorchFormat
from .weights_export import NetFormat, SafetensorsFormat

#: format -> row, in the order in which people read them.
FORMATS: dict[str, ExportFormat] = {row.name: row for row in (
    OnnxFormat(), TorchFormat(), ProgramFormat(), SafetensorsFormat(), NetFormat())}

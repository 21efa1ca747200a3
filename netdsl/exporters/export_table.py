"""The table of export formats."""

from __future__ import annotations

from .export_format import ExportFormat
from .onnx_export import OnnxFormat
from .weights_export import NetFormat, SafetensorsFormat

#: format -> row, in the order in which people read them.
FORMATS: dict[str, ExportFormat] = {row.name: row for row in (OnnxFormat(), SafetensorsFormat(), NetFormat())}

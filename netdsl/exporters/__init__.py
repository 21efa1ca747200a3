"""Networks with their weights as files for other systems. Imports the rooms below: lowering, data, runs, training.

What differs by format is in its row of the table (`export_table.py`); the command line, Python, the docs and the
tests go by the rows.
"""

from .export_format import Exported, ExportFormat, ExportOptions, ExportRequest
from .export_table import FORMATS

__all__ = ["FORMATS", "ExportFormat", "ExportOptions", "ExportRequest", "Exported"]

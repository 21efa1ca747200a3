"""Files of other systems -> the AST of a `.net` file; each system has a folder. Imports base, spec and the tables.

A reader here writes the other system's meaning out (options, parentheses, compositions of rows), so nothing behind
it knows a second dialect. Every node points into the original file, and so do all messages of later stages.
"""

from .format_table import FORMATS, format_of
from .import_format import Imported, ImportFormat, ImportRequest

__all__ = ["FORMATS", "ImportFormat", "ImportRequest", "Imported", "format_of"]

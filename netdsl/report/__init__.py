"""The report of a run: one HTML file that needs nothing else. Imports `runs`, `training`, `drawing` and what is
below them.
"""

from __future__ import annotations

from .facts import Facts, gather
from .write_report import write_report

__all__ = ["Facts", "gather", "write_report"]

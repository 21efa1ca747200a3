"""The command line, one module per command; only this package prints or exits. May import everything."""

from __future__ import annotations

from .entry import COMMANDS, root, run

__all__ = ["COMMANDS", "root", "run"]
